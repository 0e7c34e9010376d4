// The network as a drawing: a column for each layer, as high as it has neurons, with the shapes of W and B.

import { s } from "./dom.js";
import { count } from "./format.js";

const STEP = 150, HEIGHT = 210, MIDDLE = 92, TALLEST = 130, SHORTEST = 16, WIDE = 34;

function height(units, largest) {
  if (!units) return SHORTEST * 2;
  return SHORTEST + (TALLEST - SHORTEST) * (Math.log2(units + 1) / Math.log2(largest + 1));
}

function text(x, y, words, kind = "") {
  return s("text", { x, y, class: kind, "text-anchor": "middle" }, words);
}

/** Draw it; sizes that are not known yet are question marks. */
export function drawNetwork({ inputs, layers }) {
  const columns = [{ units: inputs, activation: "input" }, ...layers];
  const largest = Math.max(1, ...columns.map(({ units }) => units ?? 0));
  const width = columns.length * STEP;
  const words = columns.map(({ units, activation }) => `${units ?? "?"} ${activation}`).join(" → ");
  const heights = columns.map(({ units }) => height(units, largest));
  const middle = (i) => STEP * i + STEP / 2;
  const edges = layers.map((_, i) => {
    const [a, b] = [middle(i) + WIDE / 2, middle(i + 1) - WIDE / 2], [left, right] = [heights[i] / 2, heights[i + 1] / 2];
    return s("path", { class: "edge", d: `M${a},${MIDDLE - left}L${b},${MIDDLE - right}L${b},${MIDDLE + right}L${a},${MIDDLE + left}Z` });
  });
  const shapes = layers.map(({ units }, i) => [
    text(middle(i) + STEP / 2, MIDDLE - 4, `W${i + 1}`, "symbol"),
    text(middle(i) + STEP / 2, MIDDLE + 12, `${units ?? "?"} × ${columns[i].units ?? "?"}`, "shape"),
  ]);
  const boxes = columns.map(({ units, activation, dropout }, i) => [
    s("rect", { x: middle(i) - WIDE / 2, y: MIDDLE - heights[i] / 2, width: WIDE, height: heights[i], rx: 6, class: i === 0 ? "layer input" : i === layers.length ? "layer output" : "layer" }),
    text(middle(i), HEIGHT - 36, units ? count(units) : "?", "units"),
    text(middle(i), HEIGHT - 19, activation.replaceAll("_", " "), "activation"),
    dropout ? text(middle(i), HEIGHT - 4, `dropout ${dropout}`, "shape") : null,
  ]);
  return s("svg", { class: "network", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": words }, edges, shapes, boxes);
}
