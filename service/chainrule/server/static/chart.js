// One chart: lines over a common x, with values where the pointer or the arrow keys are, and zoom.

import { announce, h, say, update } from "./dom.js";
import { INCREMENTS, kindOf, logTicks, tickTexts, yRange } from "./axis.js";
import { metricValue } from "./format.js";
import { joined, nearest } from "./series.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const NARROW = 480;
const KEYS_ZOOM = { "+": 0.5, "=": 0.5, "-": 2 };

export class Chart {
  /** `zoom` is called with a range of x, or null for all; `stretch` when the full vertical range is wanted, or no longer. */
  constructor(title, { zoom, stretch, group, height = 220 }) {
    Object.assign(this, { title, zoom, stretch, group, height });
    this.values = h("div", { class: "values" });
    this.at = h("span", { class: "at" });
    this.holder = h("div", { class: "plot", tabindex: 0, role: "application", "aria-roledescription": "chart",
      "aria-label": title, onkeydown: (event) => this.press(event), onpointerdown: () => { this.held = true; } });
    this.note = h("span", { class: "quiet note-of-chart" });
    this.cut = h("button", { type: "button", class: "button small cut", hidden: true, title: "Outliers are cut off (key f)", onclick: () => this.stretch() }, "Full range");
    this.empty = h("p", { class: "quiet nothing" }, "Nothing to draw yet.");
    this.element = h("figure", { class: "chart" },
      h("figcaption", {}, h("h3", {}, title), this.note, this.values, this.at, this.cut), this.holder, this.empty);
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.holder);
    this.repaint = () => this.lines && this.draw(this.lines, this.view, true);
    dark.addEventListener("change", this.repaint);
    this.release = () => this.letGo();
    for (const type of ["pointerup", "pointercancel"]) addEventListener(type, this.release);
  }

  /** Draw what came while a part was being selected. */
  letGo() {
    this.held = false;
    const { pending } = this;
    this.pending = null;
    if (pending) setTimeout(() => this.draw(...pending)); // behind the library's own handler
  }

  /** Draw lines; `view` is {axis, log, full, range, note}. While a pointer selects a part, the lines stay as they are. */
  draw(lines, view, anew = false) {
    if (this.gone) return;
    if (this.held) {
      this.pending = [lines, view, anew];
      return;
    }
    const shape = JSON.stringify([lines.map(({ name, ghost, colour, width, dash }) => [name, ghost, colour, width, dash]), view.log, view.axis.name]);
    Object.assign(this, { lines, view });
    this.data = joined(lines, view.log);
    this.bounds = yRange(lines, view);
    say(this.note, view.note ?? "");
    if (document.activeElement !== this.cut) this.cut.hidden = !this.bounds.cut && !view.full;
    this.cut.setAttribute("aria-pressed", String(Boolean(view.full)));
    const there = this.data[0].length > 0;
    this.empty.hidden = there;
    this.holder.hidden = !there;
    if (!there) return;
    if (anew || shape !== this.shape || !this.plot) this.build();
    else this.plot.setData(this.data);
    this.shape = shape;
    this.tell(this.plot.cursor.left >= 0 ? this.plot : null);
  }

  build() {
    this.plot?.destroy();
    update(this.values, this.lines.map((line, i) => !line.ghost && h("span", { class: `value colour-${line.colour}`, "data-key": i, title: line.name },
      h("i", { class: "swatch" }), h("bdi", { class: "of" }, line.name), h("b", {}))));
    this.labels = this.lines.map((_, i) => this.values.querySelector(`[data-key="${i}"] b`));
    this.plot = new uPlot(this.options(), this.data, this.holder);
  }

  options() {
    const ink = css("--quiet"), grid = { stroke: css("--grid"), width: 1 }, font = `11px ${css("--sans")}`;
    const [{ metric }] = this.lines;
    const y = { stroke: ink, grid, font, ticks: { show: false }, gap: 6, space: 34,
      size: (_, texts) => 20 + 6.4 * Math.max(3, ...(texts ?? []).map((text) => text.length)),
      values: (_, splits) => tickTexts(kindOf(metric), splits, this.view.log),
      ...(this.view.log && { splits: (plot) => logTicks(plot.scales.y.min, plot.scales.y.max, this.height / 34), filter: (_, splits) => splits }) };
    const x = { stroke: ink, grid: { show: false }, font, ticks: { ...grid, size: 4 }, size: 30, gap: 4, space: 84,
      incrs: INCREMENTS[this.view.axis.kind], values: (_, splits) => tickTexts(this.view.axis.kind === "time" ? "time" : "number", splits) };
    return {
      width: this.width(), height: this.height, padding: [10, 12, 0, 0],
      scales: { x: { time: false, range: (_, low, high) => this.range(low, high) }, y: { distr: this.view.log ? 3 : 1, range: () => [this.bounds.low, this.bounds.high] } },
      axes: [x, y],
      legend: { show: false },
      cursor: {
        sync: { key: this.group }, points: { size: 7 }, drag: { x: true, y: false, setScale: false },
        dataIdx: (plot, i, hovered) => (i ? nearest(plot.data[i], hovered) : hovered),
      },
      series: [{}, ...this.lines.map((line) => this.series(line))],
      hooks: {
        setCursor: [(plot) => this.tell(plot)],
        setSelect: [(plot) => this.select(plot)],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => this.zoom(null))],
      },
    };
  }

  series({ colour, ghost, width, dash }) {
    const stroke = css(`--line-${colour}`);
    const faint = this.lines.filter((line) => line.ghost).length > 1 ? "26" : "38"; // hexadecimal, of ff
    return { stroke: ghost ? `${stroke}${faint}` : stroke, width, dash, spanGaps: true, points: { show: (plot, i) => sparse(plot, i) } };
  }

  range(low, high) {
    const [from, to] = this.view.range ?? [low, high];
    return from === to ? [from - 1, to + 1] : [from, to];
  }

  width() {
    return Math.max(200, this.holder.clientWidth);
  }

  resize() {
    const height = this.holder.clientWidth < NARROW ? Math.min(this.height, 200) : this.height;
    if (this.plot && this.holder.clientWidth) this.plot.setSize({ width: this.width(), height });
  }

  /** Say the values where the pointer is; otherwise the last ones, or those that belong to the weights that are kept. */
  tell(plot) {
    const there = plot && plot.cursor.idx !== null && plot.cursor.idx !== undefined;
    this.lines.forEach((line, i) => {
      if (!this.labels?.[i]) return;
      const values = this.data[i + 1];
      const at = there ? plot.cursor.idxs?.[i + 1] ?? plot.cursor.idx : nearest(values, values.length - 1);
      say(this.labels[i], metricValue(line.metric, there ? values[at] : line.kept ?? values[at]));
    });
    const rest = this.lines.some(({ kept }) => kept !== undefined) ? "of the weights that are kept" : "";
    say(this.at, there ? `${this.view.axis.name} ${this.view.axis.write(this.data[0][plot.cursor.idx])}` : rest);
  }

  select(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.zoom([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
  }

  press(event) {
    const { plot } = this;
    if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const wide = plot.over.clientWidth, left = plot.cursor.left >= 0 ? plot.cursor.left : wide / 2;
    if (event.key in KEYS_ZOOM) this.zoomBy(KEYS_ZOOM[event.key], plot.posToVal(left, "x"));
    else if (["Escape", "0"].includes(event.key)) this.zoom(null);
    else if (event.key === "f") this.stretch();
    else if (["ArrowLeft", "ArrowRight"].includes(event.key)) this.walk(event.key === "ArrowLeft" ? -1 : 1, left, wide, event.shiftKey);
    else return;
    event.preventDefault();
  }

  walk(direction, left, wide, far) {
    const to = Math.min(wide - 1, Math.max(0, left + direction * wide * (far ? 0.1 : 0.01)));
    this.plot.setCursor({ left: to, top: this.plot.over.clientHeight / 2 });
    announce([this.at.textContent, ...[...this.values.children].map((value) => value.textContent)].join(", "));
  }

  /** Zoom by a factor around a place, by default the middle. */
  zoomBy(factor, around = null) {
    if (!this.plot) return;
    const { min, max } = this.plot.scales.x, middle = around ?? (min + max) / 2;
    this.zoom([middle - (middle - min) * factor, middle + (max - middle) * factor]);
  }

  close() {
    this.gone = true;
    for (const type of ["pointerup", "pointercancel"]) removeEventListener(type, this.release);
    this.resizing.disconnect();
    dark.removeEventListener("change", this.repaint);
    this.plot?.destroy();
  }
}

/** Points are drawn where there are few. */
function sparse(plot, i) {
  const values = plot.data[i].filter((value) => value !== null && value !== undefined);
  return values.length > 0 && values.length < plot.over.clientWidth / 24;
}
