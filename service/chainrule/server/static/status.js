// How a job is, in a chip and a line.

import { h, s, say, update } from "./dom.js";
import { count } from "./format.js";

const SHAPES = {
  good: "M3 8.5l3.2 3.2L13 5",
  done: "M3 8.5l3.2 3.2L13 5",
  bad: "M4 4l8 8M12 4l-8 8",
  warn: "M8 3v6.5M8 12.6v.4",
  wait: "M8 4.5V8l2.2 1.6M8 2a6 6 0 1 0 .01 0",
  busy: "M8 2v3M8 11v3M2 8h3M11 8h3",
  rest: "M6 4v8M10 4v8",
};

/** A chip: the colour is never the only sign, a shape and a word say the same. */
export function chip(health) {
  const icon = s("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" },
    s("path", { d: SHAPES[health.level] ?? SHAPES.rest }));
  return h("span", { class: `chip ${health.level}` }, icon, h("span", { class: "word" }, health.word));
}

/** The chip and sentence of a job; `update` changes them. */
export class HealthLine {
  constructor() {
    this.holder = h("span", { class: "chip-holder" });
    this.sentence = h("bdi", { class: "sentence" });
    this.element = h("div", { class: "health" }, this.holder, this.sentence);
  }

  update(job) {
    const { level, word, sentence } = job.health;
    if (this.known !== level + word) update(this.holder, chip(job.health));
    this.known = level + word;
    say(this.sentence, sentence);
    this.sentence.title = sentence;
  }
}

export const STATES = ["RUNNING", "STARTING", "QUEUED", "PAUSED", "SUCCEEDED", "FAILED", "CANCELLED"];

/** Whether a job has ended. */
export function ended(job) {
  return ["SUCCEEDED", "FAILED", "CANCELLED"].includes(job.state);
}

/** The part of its steps that a job has done, 0..1: all of them where it has succeeded, also by stopping early. */
export function progress(job) {
  if (job.state === "SUCCEEDED") return 1;
  return job.steps ? job.version / job.steps : 0;
}

/** Whether a job has succeeded before its last step. */
export function stoppedEarly(job) {
  return job.state === "SUCCEEDED" && job.version < job.steps;
}

/** How far a job has come, in words. */
export function progressWords(job) {
  if (!job.steps) return "not begun";
  if (stoppedEarly(job)) return `stopped early at step ${count(job.version)} of ${count(job.steps)}`;
  return `${count(job.version)} of ${count(job.steps)} steps`;
}

/** A job's loss on these rows: the number, null where it is not known, NaN where it is none. */
export function loss(job, split) {
  return job.not_finite?.includes(split) ? NaN : job.metrics[split]?.loss ?? null;
}
