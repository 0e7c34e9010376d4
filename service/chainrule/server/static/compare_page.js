// Several jobs: their curves over each other, and what differs in them.

import { ask, asked, jobAddress } from "./address.js";
import { CurvesPanel } from "./curves_panel.js";
import { h, named, show } from "./dom.js";
import { metricName, metricValue } from "./format.js";
import { read } from "./net.js";
import { leaves } from "./record.js";
import { loading, trouble } from "./states.js";
import { chip, ended } from "./status.js";

const COLOURS = 8;
const REST = 3000;

class ComparePage {
  constructor(main) {
    this.main = main;
    this.ids = [...new Set(asked("jobs").split(",").filter(Boolean))].slice(0, COLOURS);
    document.title = "Compare · Chainrule";
    show(main, loading("jobs"));
    this.load();
  }

  async load() {
    try {
      this.all = (await read("/api/jobs")).jobs;
      const found = await Promise.all(this.ids.map((id) => read(`/api${jobAddress(id)}`).catch((error) => ({ id, error }))));
      if (!this.gone) this.build(found);
    } catch (error) {
      if (this.gone) return;
      show(this.main, trouble(error, () => this.load()));
      this.again = setTimeout(() => this.load(), 2000);
    }
  }

  build(found) {
    this.curves?.close();
    this.jobs = found.filter((job) => !job.error);
    const missing = found.filter((job) => job.error).map(({ id }) => h("p", { class: "advice" }, "There is no job ", h("code", {}, id), "."));
    this.curves = new CurvesPanel(this.jobs.map(({ id }) => id), (names) => this.charts(names));
    const body = this.jobs.length
      ? [h("ul", { class: "legend" }, this.jobs.map((job, i) => this.key(job, i))), this.curves.element, this.differences()]
      : h("section", { class: "empty" }, h("h2", {}, "Which jobs?"), h("p", {}, "Choose some above, or tick them in the list of jobs."));
    show(this.main, h("div", { class: "title" }, h("h1", {}, "Compare"), this.chooser()), missing, body);
    if (this.jobs.length) this.follow();
  }

  async follow() {
    if (!document.hidden) await this.curves.load();
    if (!this.gone && this.jobs.some((job) => !ended(job))) this.again = setTimeout(() => this.follow(), REST);
  }

  charts(names) {
    const order = (name) => ["train.loss", "validation.loss", "validation.accuracy"].indexOf(name) >>> 0;
    return names.sort((a, b) => order(a) - order(b) || a.localeCompare(b)).map((metric, i) => ({
      title: metricName(metric), large: i < 1,
      lines: this.jobs.map(({ id, name }, j) => ({ job: id, metric, name, colour: j + 1 })),
    }));
  }

  key(job, i) {
    const without = this.ids.filter((id) => id !== job.id);
    return h("li", { class: `colour-${i + 1}` }, h("i", { class: "swatch" }), h("a", { href: jobAddress(job.id) }, named(job.name)), h("code", { class: "id" }, job.id), chip(job.health),
      h("button", { type: "button", class: "button small", "aria-label": `Leave ${job.name} out`, onclick: () => this.choose(without) }, "×"));
  }

  chooser() {
    const rest = this.all.filter(({ id }) => !this.ids.includes(id));
    const select = h("select", { "aria-label": "Add a job", disabled: this.ids.length >= COLOURS, onchange: () => select.value && this.choose([...this.ids, select.value]) },
      h("option", { value: "" }, "Add a job …"), rest.map(({ id, name }) => h("option", { value: id }, `${name.slice(0, 60)} · ${id}`)));
    return select;
  }

  choose(ids) {
    this.ids = ids;
    ask({ jobs: ids.join(",") });
    clearTimeout(this.again);
    this.load();
  }

  /** A row for each field of which the jobs have not all the same, and for what they have come to. */
  differences() {
    const fields = this.jobs.map(({ spec, id }) => new Map([["id", id], ...leaves(spec)]));
    const paths = [...new Set(fields.flatMap((each) => [...each.keys()]))];
    const text = (value) => (value === undefined ? "–" : String(value));
    const differing = paths.filter((path) => new Set(fields.map((each) => text(each.get(path)))).size > 1 && path !== "id");
    const results = [...new Set(this.jobs.flatMap(({ metrics }) => Object.entries(metrics).flatMap(([split, values]) => Object.keys(values).map((name) => `${split}.${name}`))))];
    const value = (job, metric) => job.metrics[metric.split(".")[0]]?.[metric.slice(metric.indexOf(".") + 1)];
    const row = (name, cells, kind) => h("tr", {}, h("th", { scope: "row" }, name), cells.map((cell) => h("td", { class: kind }, cell)));
    return h("section", { class: "panel" }, h("h2", {}, "What differs"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "What differs" }, h("table", { class: "plain differences" },
        h("thead", {}, h("tr", {}, h("td", {}), this.jobs.map((job, i) => h("th", { scope: "col", class: `colour-${i + 1}` }, h("i", { class: "swatch" }), named(job.name))))),
        h("tbody", {}, differing.map((path) => row(path, fields.map((each) => named(text(each.get(path))))))),
        h("tbody", {}, results.map((metric) => row(metricName(metric), this.jobs.map((job) => metricValue(metric, value(job, metric))), "result"))))),
      !differing.length && h("p", { class: "quiet" }, this.jobs.length > 1 ? "Their job files are the same." : "Add another job to see what differs."));
  }

  close() {
    this.gone = true;
    clearTimeout(this.again);
    this.curves?.close();
  }
}

/** Show the comparison; returns what ends it. */
export function comparePage(main) {
  const page = new ComparePage(main);
  return () => page.close();
}
