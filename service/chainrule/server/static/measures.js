// What the numbers of a job mean: over which steps, of which step, in which unit. Pure.

import { count, number, percent } from "./format.js";

/** Over how many steps the training loss is a mean; null where that is not told. */
function lossSteps(job) {
  const { loss_steps: told } = job.metrics.train;
  if (told !== undefined || !job.data) return told ?? null;
  return Math.min(job.version, 100, Math.max(10, job.data.steps_per_epoch));
}

/** Over which steps a job's training loss is a mean, in words; up to which one where that is not the last. */
export function lossMeaning(job) {
  const train = job.metrics.train ?? {};
  if (!("batch_loss" in train)) return "of the last step";
  const steps = lossSteps(job);
  const words = steps === null ? "mean of the last steps, 10 to 100" : steps === 1 ? "of one step" : `mean of the last ${count(steps)} steps`;
  return train.step === undefined || train.step === job.version ? words : `${words} up to step ${count(train.step)}, which is kept`;
}

/** What a metric was at the step whose weights are kept, where that is not the last one; otherwise undefined. */
export function keptValue(job, metric) {
  const { step } = job.metrics.train ?? {}, [split, name] = metric.split(".");
  const earlier = job.state === "SUCCEEDED" && step !== undefined && step !== job.version;
  return earlier ? job.metrics[split]?.[name] : undefined;
}

/** A label's name where it is the unit of what is predicted: of a regression with one label. */
export function labelUnit(job) {
  const { label, labels } = job.spec?.data ?? {};
  const names = [job.labels ?? labels ?? label ?? []].flat();
  return names.length === 1 ? names[0] : "";
}

/** An error in the label's unit: 47 120 median_house_value. */
export function inLabelUnits(job, value) {
  return `${number(value)} ${labelUnit(job)}`.trim();
}

/** What was measured at the best step so far: {step, values: [[name, text]]}, all of one step; null where none is known. */
export function bestStep(job) {
  const best = job.metrics.best;
  if (best?.step === undefined || best.step === null) return null;
  const values = [
    ["training", best.train_loss, number], ["validation", best.loss, number], ["accuracy", best.accuracy, percent],
    ["R²", best.r2, number], ["RMSE", best.rmse, (value) => inLabelUnits(job, value)],
  ];
  return { step: count(best.step), values: values.filter(([, value]) => value !== undefined && value !== null).map(([name, value, write]) => [name, write(value)]) };
}

/** The best step in one sentence: best step 1 234: training 0.12, validation 0.15, accuracy 97.1 %. */
export function bestWords(job) {
  const best = bestStep(job);
  return best ? `best step ${best.step}: ${best.values.map((pair) => pair.join(" ")).join(", ")}` : "";
}
