// A loss in a few strokes.

import { s } from "./dom.js";

const WIDTH = 120, HEIGHT = 32, EDGE = 3;

/** A sparkline, empty until it is drawn. */
export function spark() {
  const area = s("path", { class: "area" });
  const line = s("path", { class: "line" });
  const dot = s("circle", { r: 2.2, class: "dot", cx: -9, cy: -9 });
  const view = { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true" };
  return s("svg", view, area, line, dot);
}

/** Draw losses into a sparkline. */
export function draw(svg, losses, level) {
  const finite = losses.filter((loss) => loss !== null);
  const [area, line, dot] = svg.children;
  svg.setAttribute("data-level", level);
  if (finite.length < 2) return line.setAttribute("d", "");
  const low = Math.min(...finite), span = Math.max(...finite) - low || 1;
  const points = losses
    .map((loss, i) => [EDGE + (i / (losses.length - 1)) * (WIDTH - 2 * EDGE), loss])
    .filter(([, loss]) => loss !== null)
    .map(([x, loss]) => [x.toFixed(1), (HEIGHT - EDGE - ((loss - low) / span) * (HEIGHT - 2 * EDGE)).toFixed(1)]);
  const path = points.map((point) => point.join(",")).join("L");
  const [lastX, lastY] = points.at(-1);
  line.setAttribute("d", `M${path}`);
  area.setAttribute("d", `M${points[0][0]},${HEIGHT}L${path}L${lastX},${HEIGHT}Z`);
  dot.setAttribute("cx", lastX);
  return dot.setAttribute("cy", lastY);
}
