// Where an axis has ticks, what stands beside them, and which range is drawn. Pure.

const GROUPS = /\B(?=(\d{3})+$)/g;
const SPANS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** The distances that ticks may have: of whole numbers, and of times in seconds. */
export const INCREMENTS = {
  whole: decades(0, 12),
  time: [...decades(-6, -1), ...SPANS, ...decades(1, 6).map((days) => 86400 * days)],
};

function decades(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => [1, 2, 5].map((digit) => Number(`${digit}e${first + i}`))).flat();
}

/** How many digits behind the point tell multiples of a step apart. */
function digits(step) {
  let count = 0;
  while (count < 15 && Math.abs(step * 10 ** count - Math.round(step * 10 ** count)) > 1e-6 * step * 10 ** count) count += 1;
  return count;
}

function fixed(value, count) {
  const [whole, part] = Math.abs(value).toFixed(count).split(".");
  return `${value < 0 ? "−" : ""}${whole.replace(GROUPS, "\u202f")}${part ? `.${part}` : ""}`;
}

/** Numbers with as many digits as the step between them needs. */
function numbers(values, step) {
  const size = Math.max(...values.map(Math.abs));
  if (size < 1e6 && size >= 1e-3) return values.map((value) => fixed(value, digits(step)));
  const exponent = (value) => Math.floor(Math.log10(Math.abs(value)) + 1e-12);
  return values.map((value) => (value === 0 ? "0"
    : value.toExponential(Math.min(15, Math.max(0, exponent(value) + digits(step / 10 ** exponent(step)) - exponent(step)))).replace("e+", "e")));
}

function seconds(values, step) {
  const size = Math.max(...values.map(Math.abs));
  const [unit, scale] = size >= 1 ? ["s", 1] : size >= 1e-3 ? ["ms", 1e3] : ["µs", 1e6];
  return values.map((value) => `${fixed(value * scale, digits(step * scale))} ${unit}`);
}

/** Times since the start: the largest units down to that of the step, 1 h 5 min. */
function times(values, step) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const finest = step < 1 ? 1 : units.find(([, size]) => step >= size && Math.abs(step / size - Math.round(step / size)) < 1e-9)?.[1] ?? 1;
  return values.map((value) => {
    let rest = value + (finest > 1 ? 1e-6 : 0);
    const parts = units.filter(([, size]) => size >= finest).map(([unit, size]) => {
      const amount = size === finest ? rest / size : Math.floor(rest / size + 1e-9);
      rest -= amount * size;
      return size === finest && size === 1 ? [fixed(amount, digits(step)), unit] : [String(Math.floor(amount + 1e-9)), unit];
    });
    return parts.filter(([amount]) => Number(amount) !== 0).map((part) => part.join(" ")).join(" ") || "0";
  });
}

const KINDS = {
  number: numbers,
  share: (values, step) => values.map((value) => `${fixed(100 * value, digits(100 * step))} %`),
  seconds,
  time: times,
};

/** What kind of axis a metric has. */
export function kindOf(metric) {
  if (metric.endsWith("accuracy")) return "share";
  return metric === "train.step_seconds" ? "seconds" : "number";
}

/** The texts of ticks, each another: as many digits as the step between two of them needs. Null stays empty. */
export function tickTexts(kind, ticks, log = false) {
  const known = ticks.filter((tick) => tick !== null);
  if (!known.length) return ticks.map(() => "");
  if (log) return ticks.map((tick) => (tick === null ? "" : KINDS[kind]([tick], tick)[0]));
  const steps = known.slice(1).map((tick, i) => Number((tick - known[i]).toPrecision(6))).filter((step) => step > 0);
  const texts = KINDS[kind](known, steps.length ? Math.min(...steps) : Math.abs(known[0]) || 1);
  return ticks.map((tick) => (tick === null ? "" : texts.shift()));
}

/** Ticks of a logarithmic axis: 1, 2, 5 of each power of ten, or the powers alone where there are many. */
export function logTicks(low, high, most = 8) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const every = (factors, stride = 1) => Array.from({ length: Math.floor((last - first) / stride) + 1 }, (_, i) =>
    factors.map((factor) => Number(`${factor}e${first + i * stride}`))).flat().filter((tick) => tick >= low && tick <= high);
  const fine = every([1, 2, 3, 4, 5, 6, 7, 8, 9]), usual = every([1, 2, 5]);
  if (fine.length < 3) return evenTicks(low, high);
  if (usual.length <= 2) return fine;
  return usual.length <= most ? usual : every([1], Math.ceil((last - first) / most));
}

function evenTicks(low, high) {
  const power = 10 ** Math.floor(Math.log10((high - low) / 3));
  const step = power * ([5, 2].find((factor) => factor * power <= (high - low) / 3) ?? 1);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function quantile(sorted, share) {
  const at = share * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
}

const OUTLIERS = 0.02, FLATTENED = 6;

/** The range of most values, where the range of all of them is so much larger that it would flatten the rest. */
function core(values) {
  const [least, largest] = [values[0], values.at(-1)];
  const low = quantile(values, OUTLIERS), high = quantile(values, 1 - OUTLIERS), span = high - low;
  if (!span || largest - least <= FLATTENED * span) return [least, largest];
  return [Math.max(least, low - span / 2), Math.min(largest, high + span / 2)];
}

const inside = ({ x, y }, range, good) => y.filter((value, i) => good(value) && (!range || (x[i] >= range[0] && x[i] <= range[1]))).sort((a, b) => a - b);

/**
 * The vertical range of lines {x, y, ghost}: {low, high, cut}. One spike does not flatten the rest: it is cut off, unless
 * `full` is wanted, and `cut` says so. Lines that stand behind others as ghosts widen it a little.
 */
export function yRange(lines, { range = null, log = false, full = false } = {}) {
  const good = (value) => value !== null && Number.isFinite(value) && (!log || value > 0);
  const scale = log ? Math.log10 : (value) => value, back = log ? (value) => 10 ** value : (value) => value;
  const read = (ghost) => lines.filter((line) => Boolean(line.ghost) === ghost).map((line) => inside(line, range, good).map(scale)).filter((values) => values.length);
  const clear = read(false), ghosts = read(true), all = [...clear, ...ghosts];
  if (!all.length) return { low: log ? 0.1 : 0, high: 1, cut: false };
  const ends = [Math.min(...all.map((values) => values[0])), Math.max(...all.map((values) => values.at(-1)))];
  const [low, high] = full ? ends : usual(clear, ghosts);
  const pad = high > low ? (high - low) * 0.06 : Math.abs(low) * 0.1 || 1;
  const bottom = !log && low >= 0 ? Math.max(0, low - pad) : low - pad;
  return { low: back(bottom), high: back(high + pad), cut: outside(clear, low, high, 0) || outside(ghosts, low, high, high - low) };
}

/** Whether values lie outside of a range by more than this. */
function outside(lines, low, high, more) {
  return lines.some((values) => values[0] < low - more || values.at(-1) > high + more);
}

/** The range of what most lines do: of the clear ones, as far as the ghosts behind them are there, and a little of these. */
function usual(clear, ghosts) {
  if (!clear.length || !ghosts.length) return union([...clear, ...ghosts].map(core));
  const behind = union(ghosts.map(core)), room = union(clear.map(core));
  const [low, high] = [Math.max(room[0], behind[0]), Math.min(room[1], behind[1])];
  return widened([low, high], union(ghosts.map((values) => [quantile(values, OUTLIERS), quantile(values, 1 - OUTLIERS)])));
}

function union(ranges) {
  return [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
}

/** A range that goes towards another one, at each end by its own length at most. */
function widened([low, high], [least, largest]) {
  const room = high - low || Infinity;
  return [Math.max(Math.min(low, least), low - room), Math.min(Math.max(high, largest), high + room)];
}
