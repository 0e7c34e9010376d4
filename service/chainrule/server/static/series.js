// Curves from the service -> lines of a chart. Pure.

import uPlot from "./vendor/uplot/uPlot.esm.js";

const PERIOD = 24; // pixels, of the dashes of a line that lies upon others

/** An exponential moving mean, without the bias of its beginning. */
export function smoothed(values, weight) {
  let mean = 0, sum = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    sum = weight * sum + 1 - weight;
    return mean / sum;
  });
}

/**
 * The lines of one curve. The training loss: the mean over the last steps, as the service tells it, over a ghost with
 * every step; with a weight, that mean smoothed further. Speed: the medians of windows alone. What is measured once an
 * epoch is drawn as it is.
 */
export function linesOf({ name, metric, colour, kept }, curve, weight) {
  const line = { name, metric, colour, kept, width: 2 };
  if (curve.median) return [{ ...line, x: curve.median_x, y: curve.median }];
  if (!curve.smooth) return [{ ...line, x: curve.x, y: curve.y }];
  const y = weight ? smoothed(curve.smooth, weight) : curve.smooth;
  return [{ ...line, x: curve.x, y: curve.y, width: 1, ghost: true }, { ...line, x: curve.smooth_x, y }];
}

/**
 * Lines in the order in which they are drawn, so that no run hides another: ghosts behind all others, and a line that
 * lies upon earlier ones with gaps, through which they show.
 */
export function layered(lines) {
  const clear = lines.filter(({ ghost }) => !ghost);
  const dashed = clear.map((line, i) => {
    const under = clear.slice(0, i).filter((other) => coincide(line, other)).length;
    return under ? { ...line, dash: [PERIOD / 2 ** under, PERIOD * (1 - 1 / 2 ** under)] } : line;
  });
  return [...lines.filter(({ ghost }) => ghost), ...dashed];
}

/** Whether two lines cannot be told apart where both are: as far as they have the same x. */
function coincide(a, b) {
  const shared = Math.min(a.x.length, b.x.length), values = a.y.slice(0, shared).filter((value) => value !== null);
  if (!values.length) return false;
  const span = Math.max(...values) - Math.min(...values);
  for (let i = 0; i < shared; i += Math.max(1, Math.floor(shared / 50))) {
    if (a.x[i] !== b.x[i] || Math.abs((a.y[i] ?? 0) - (b.y[i] ?? 0)) > span / 200) return false;
  }
  return true;
}

/** All lines over one x, for uPlot; where the scale is logarithmic, only what is larger than 0. */
export function joined(lines, log) {
  if (!lines.length) return [[]];
  const drawable = (y) => (log ? y.map((value) => (value > 0 ? value : null)) : y);
  return uPlot.join(lines.map(({ x, y }) => [x, drawable(y)]));
}

/** The index nearest to `at` where there is a value. */
export function nearest(values, at) {
  for (let step = 0; step < values.length; step += 1) {
    if (values[at - step] !== null && values[at - step] !== undefined) return at - step;
    if (values[at + step] !== null && values[at + step] !== undefined) return at + step;
  }
  return at;
}
