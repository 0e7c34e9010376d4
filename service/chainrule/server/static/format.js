// Numbers as a person reads them. What is not known is a dash.

const ABSENT = "–";
const absent = (value) => value === null || value === undefined;

/** Four digits: 0.3457, 12.3, 47 120, 1.2e-5. */
export function number(value) {
  if (absent(value)) return ABSENT;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  const rounded = Number(value.toPrecision(4));
  return size >= 1e4 ? count(rounded) : String(rounded);
}

/** A share of 1, rounded down, so that 100 % means all: the one rule for every share on the page. */
export function percent(value) {
  return absent(value) ? ABSENT : `${(Math.floor(value * 1000 + 1e-9) / 10).toFixed(1)} %`;
}

/** A whole number with thin spaces: 12 345. */
export function count(value) {
  return absent(value) ? ABSENT : Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** So many a second; nothing moves at 0. */
export function rate(value) {
  return value > 0 ? count(value) : ABSENT;
}

/** The two largest units: 12 s, 3 min 5 s, 2 h 10 min, 4 d 3 h. */
export function duration(seconds) {
  if (absent(seconds)) return ABSENT;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const whole = Math.max(0, Math.floor(seconds));
  const first = Math.max(0, units.findIndex(([, size]) => whole >= size));
  if (whole < 1) return "0 s";
  const parts = [[Math.floor(whole / units[first][1]), units[first][0]]];
  if (first < 3) parts.push([Math.floor((whole % units[first][1]) / units[first + 1][1]), units[first + 1][0]]);
  return parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

/** Short times: 840 µs, 12 ms, 1.2 s. */
export function moment(seconds) {
  if (absent(seconds)) return ABSENT;
  if (seconds < 1e-3) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${Number((seconds * 1e3).toPrecision(3))} ms`;
  return seconds < 60 ? `${Number(seconds.toPrecision(3))} s` : duration(seconds);
}

/** Seconds since a time of day. */
export function since(iso, until = null) {
  return iso ? ((until ? Date.parse(until) : Date.now()) - Date.parse(iso)) / 1000 : null;
}

/** A time of day, with the date where it is not today. */
export function clock(iso) {
  const time = new Date(iso);
  const today = time.toDateString() === new Date().toDateString();
  const at = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  return today ? at : `${time.toLocaleDateString([], { month: "short", day: "numeric" })} ${at}`;
}

const NAMES = {
  "train.loss": "training loss",
  "train.epoch_loss": "training loss, mean of the last whole epoch",
  "train.batch_loss": "training loss of the last step",
  "train.step": "step of the training losses",
  "best.step": "best step",
  "best.train_loss": "training loss",
  "train.samples_per_second": "samples/s",
  "train.step_seconds": "time of a step",
  "validation.r2": "validation R²",
  "validation.auc": "validation AUC",
  "validation.f1": "validation F1",
  "validation.rmse": "validation RMSE",
  "validation.mae": "validation MAE",
};

/** The name of a curve. */
export function metricName(metric) {
  const measured = metric.replace(/^best\./, "validation.");
  return NAMES[metric] ?? NAMES[measured] ?? measured.replace(".", " ").replaceAll("_", " ");
}

/** A value of a curve. */
export function metricValue(metric, value) {
  if (absent(value)) return ABSENT;
  if (metric === "train.step_seconds") return moment(value);
  if (["train.samples_per_second", "train.step", "best.step"].includes(metric)) return count(value);
  return metric.endsWith("accuracy") ? percent(value) : number(value);
}
