// Charts of one job or of several, under one set of controls. What is chosen stands in the address.

import { ask, asked } from "./address.js";
import { Chart } from "./chart.js";
import { h, say } from "./dom.js";
import { count, duration, number } from "./format.js";
import { read } from "./net.js";
import { layered, linesOf } from "./series.js";

const AXES = {
  step: { name: "step", kind: "whole", write: count },
  time: { name: "time", kind: "time", write: (seconds) => (seconds < 10 ? `${number(seconds)} s` : duration(seconds)) },
  epoch: { name: "epoch", write: number },
};
const REST = 2500; // milliseconds between two looks at a job that trains
const BUCKETS = 1000;

export class CurvesPanel {
  /**
   * `beside` stands behind the large chart. `jobs` are ids; `charts` gives, for the names of all curves,
   * [{title, note, large, lines: [{job, metric, name, colour, kept}]}]; it is also given all curves, by job.
   */
  constructor(jobs, charts, beside = null) {
    Object.assign(this, { jobs, arrange: charts, beside, charts: new Map(), found: new Map(), group: `curves-${jobs.join("-")}` });
    this.axis = AXES[asked("x")] ? asked("x") : "step";
    this.log = asked("log") === "1";
    this.full = asked("y") === "full";
    this.weight = Math.min(0.99, Math.max(0, Number(asked("smooth")) || 0));
    const [from, to] = [asked("from"), asked("to")].map((text) => (text === "" ? NaN : Number(text)));
    this.range = from < to ? [from, to] : null;
    this.body = h("div", { class: "charts" });
    this.element = h("section", { class: "curves", "data-key": "curves", "aria-label": "Curves" }, this.controls(), this.body);
  }

  controls() {
    this.axes = h("div", { class: "segments", role: "group", "aria-label": "Horizontal axis" }, Object.keys(AXES).map((axis) =>
      h("button", { type: "button", "aria-pressed": String(axis === this.axis), "data-axis": axis, onclick: () => this.turn(axis) }, axis)));
    const log = h("input", { type: "checkbox", onchange: () => this.set({ log: log.checked }) });
    log.checked = this.log;
    this.fullBox = h("input", { type: "checkbox", onchange: () => this.set({ full: this.fullBox.checked }) });
    this.fullBox.checked = this.full;
    const slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: this.weight,
      oninput: () => this.set({ weight: Number(slider.value) }) });
    this.strength = h("output", {}, this.weight.toFixed(2));
    const button = (text, label, act) => h("button", { type: "button", class: "button small", "aria-label": label, title: label, onclick: act }, text);
    this.back = button("Reset zoom", "Show the whole curve", () => this.zoom(null));
    this.back.hidden = !this.range;
    return h("div", { class: "tools" }, this.axes,
      h("label", { class: "check" }, log, "log scale"),
      h("label", { class: "check", title: "Show outliers that are cut off otherwise (key f on a chart)" }, this.fullBox, "full range"),
      h("label", { class: "slider", title: "Smooth the training loss further" }, "smoothing", slider, this.strength),
      h("span", { class: "zoomers" }, button("−", "Zoom out", () => this.first()?.zoomBy(2)), button("+", "Zoom in", () => this.first()?.zoomBy(0.5)), this.back));
  }

  first() {
    return this.charts.values().next().value;
  }

  turn(axis) {
    this.axis = axis;
    for (const each of this.axes.children) each.setAttribute("aria-pressed", String(each.dataset.axis === axis));
    ask({ x: axis === "step" ? "" : axis });
    this.zoom(null);
  }

  set(changes) {
    Object.assign(this, changes);
    say(this.strength, this.weight.toFixed(2));
    this.fullBox.checked = this.full;
    ask({ log: this.log ? "1" : "", y: this.full ? "full" : "", smooth: this.weight ? String(this.weight) : "" });
    this.draw();
  }

  /** Show a part of the curves, null: all. What is drawn at first is what is known; the service tells it more finely. */
  zoom(range) {
    const [low, high] = this.whole();
    const wanted = range && [Math.max(low, range[0]), Math.min(high, range[1])];
    this.range = wanted && wanted[0] < wanted[1] && (wanted[0] > low || wanted[1] < high) ? wanted : null;
    this.back.hidden = !this.range;
    ask({ from: this.range?.[0] ?? "", to: this.range?.[1] ?? "" });
    if (this.drawnAxis === this.axis) this.draw();
    return this.load();
  }

  whole() {
    if (!this.extent || this.drawnAxis !== this.axis) return [-Infinity, Infinity];
    return this.extent;
  }

  /** Ask for all curves as they are needed now. Answers that come too late are not drawn. */
  async load() {
    const turn = (this.turns = (this.turns ?? 0) + 1), { axis, range } = this;
    const query = new URLSearchParams({ x: axis, buckets: BUCKETS, ...(range && { from: range[0], to: range[1] }) });
    const answers = await Promise.all(this.jobs.map((job) => read(`/api/jobs/${encodeURIComponent(job)}/curves?${query}`).catch((error) => ({ error }))));
    if (turn !== this.turns || this.gone) return;
    answers.forEach((answer, i) => answer.curves && this.found.set(this.jobs[i], answer.curves));
    this.drawnAxis = axis;
    if (!range) this.extent = extent([...this.found.values()]);
    this.draw();
  }

  /** Look again soon; however often it is asked for, not more often than the page can follow. */
  refresh() {
    if (this.waiting || document.hidden) return;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.load();
    }, REST);
  }

  draw() {
    const names = new Set([...this.found.values()].flatMap((curves) => Object.keys(curves)));
    const view = { axis: AXES[this.drawnAxis ?? this.axis], log: this.log, full: this.full, range: this.range };
    const left = new Set(this.charts.keys());
    for (const { title, note, large, lines } of this.arrange([...names], this.found)) {
      const drawn = lines.filter(({ job, metric }) => this.found.get(job)?.[metric]?.x.length)
        .flatMap((line) => linesOf(line, this.found.get(line.job)[line.metric], this.weight));
      this.chart(title, large).draw(layered(drawn), { ...view, note });
      left.delete(title);
    }
    for (const title of left) this.drop(title);
  }

  drop(title) {
    this.charts.get(title).close();
    this.charts.get(title).element.remove();
    this.charts.delete(title);
  }

  /** Show the curves of other jobs, under the same controls. */
  choose(jobs) {
    this.jobs = jobs;
    for (const job of this.found.keys()) if (!jobs.includes(job)) this.found.delete(job);
    return this.load();
  }

  chart(title, large) {
    if (!this.charts.has(title)) {
      const chart = new Chart(title, { group: this.group, height: large ? 320 : 190,
        zoom: (range) => this.zoom(range), stretch: () => this.set({ full: !this.full }) });
      this.charts.set(title, chart);
      this.body.append(chart.element);
      if (large) {
        chart.element.classList.add("large");
        if (this.beside) this.body.append(this.beside);
      }
    }
    return this.charts.get(title);
  }

  close() {
    this.gone = true;
    clearTimeout(this.waiting);
    this.charts.forEach((chart) => chart.close());
  }
}

function extent(all) {
  const ends = all.flatMap((curves) => Object.values(curves)).filter(({ x }) => x.length).flatMap(({ x }) => [x[0], x.at(-1)]);
  return ends.length ? [Math.min(...ends), Math.max(...ends)] : null;
}
