// Which jobs are shown, and in which order. Pure.

import { STATES, ended, loss, progress } from "./status.js";

const SEVERITY = ["bad", "warn", "wait", "busy", "good", "rest", "done"];

export const FILTERS = {
  all: { text: "All", has: () => true },
  attention: { text: "Needs a look", has: (job) => !ended(job) && ["bad", "warn"].includes(job.health.level) },
  running: { text: "Running", has: (job) => ["RUNNING", "STARTING"].includes(job.state) },
  waiting: { text: "Waiting", has: (job) => job.state === "QUEUED" },
  paused: { text: "Paused", has: (job) => job.state === "PAUSED" },
  done: { text: "Done", has: (job) => job.state === "SUCCEEDED" },
  failed: { text: "Failed", has: (job) => job.state === "FAILED" },
  cancelled: { text: "Cancelled", has: (job) => job.state === "CANCELLED" },
};

const late = (value) => (value === null || Number.isNaN(value) ? Infinity : value);

/** By what jobs are sorted; `down`: the largest first. */
export const SORTS = {
  newest: { text: "Newest first", by: (job) => Date.parse(job.created), down: true },
  health: { text: "What needs a look first", by: (job) => (ended(job) ? 10 : 0) + SEVERITY.indexOf(job.health.level) },
  state: { text: "State", by: (job) => STATES.indexOf(job.state) },
  name: { text: "Name", by: (job) => job.name.toLowerCase() },
  loss: { text: "Loss", by: (job) => late(loss(job, "train")) },
  progress: { text: "Progress", by: progress, down: true },
  rate: { text: "Samples/s", by: (job) => (ended(job) ? 0 : job.samples_per_second), down: true },
  workers: { text: "Workers", by: (job) => job.workers, down: true },
  age: { text: "Age", by: (job) => -Date.parse(job.created) },
};

/** Return the jobs to show in their order, and how many each filter has. */
export function arranged(jobs, { filter, text, key, down }) {
  const counts = Object.fromEntries(Object.entries(FILTERS).map(([name, { has }]) => [name, jobs.filter(has).length]));
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const { has } = FILTERS[filter] ?? FILTERS.all;
  const { by, down: usual } = SORTS[key] ?? SORTS.newest;
  const sign = Boolean(usual) !== down ? -1 : 1;
  const shown = jobs
    .filter((job) => has(job) && words.every((word) => `${job.name} ${job.id}`.toLowerCase().includes(word)))
    .map((job) => [by(job), Date.parse(job.created), job])
    .sort(([a, first], [b, second]) => (a < b ? -sign : a > b ? sign : second - first));
  return { shown: shown.map(([, , job]) => job), counts };
}
