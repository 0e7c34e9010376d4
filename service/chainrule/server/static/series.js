// Curves from the service -> lines of a chart. Pure.

import uPlot from "./vendor/uplot/uPlot.esm.js";

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
 * The lines of one curve: as it is, with every spike, and, where it is to be smooth, the smooth one over it.
 * The smooth one is made of the means of the buckets: spikes would count too much. What is measured once an epoch stays
 * as it is: there is little noise in it, and a mean over epochs would only be late.
 */
export function linesOf({ name, metric, colour }, curve, weight) {
  const plain = { name, metric, colour, x: curve.x, y: curve.y };
  if (!weight || metric.startsWith("validation.")) return [{ ...plain, width: 1.5 }];
  const x = curve.mean_x ?? curve.x, y = smoothed(curve.mean ?? curve.y, weight);
  return [{ ...plain, width: 1, ghost: true }, { name, metric, colour, x, y, width: 2 }];
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
