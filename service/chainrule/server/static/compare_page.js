// Several jobs: their curves over each other, and what differs in them.

import { ask, asked, jobAddress } from "./address.js";
import { CurvesPanel } from "./curves_panel.js";
import { h, named, show, update } from "./dom.js";
import { metricName, metricValue } from "./format.js";
import { keptValue } from "./measures.js";
import { read } from "./net.js";
import { leaves } from "./record.js";
import { Notice, loading, trouble } from "./states.js";
import { chip, ended } from "./status.js";

const COLOURS = 8;
const REST = 3000;

class ComparePage {
  constructor(main) {
    this.main = main;
    this.ids = [...new Set(asked("jobs").split(",").filter(Boolean))].slice(0, COLOURS);
    this.notice = new Notice();
    document.title = "Compare · Chainrule";
    show(main, loading("jobs"));
    this.load();
  }

  async load() {
    const turn = (this.turns = (this.turns ?? 0) + 1);
    try {
      const { jobs, trouble: notice } = await read("/api/jobs");
      const found = await Promise.all(this.ids.map((id) => read(`/api${jobAddress(id)}`).catch((error) => ({ id, error }))));
      if (this.gone || turn !== this.turns) return;
      this.all = jobs;
      this.notice.update(notice);
      await this.take(found);
    } catch (error) {
      if (this.gone || turn !== this.turns) return;
      update(this.main, trouble(error, () => this.load()));
      this.again = setTimeout(() => this.load(), 2000);
      return;
    }
    if (!this.gone && turn === this.turns && this.jobs.some((job) => !ended(job))) this.again = setTimeout(() => this.follow(), REST);
  }

  follow() {
    if (document.hidden) this.again = setTimeout(() => this.follow(), REST);
    else this.load();
  }

  /** Show what is known of the jobs now; what is there already stays. */
  async take(found) {
    this.jobs = found.filter((job) => !job.error);
    const missing = found.filter((job) => job.error).map(({ id }) => h("p", { class: "advice" }, "There is no job ", h("code", {}, id), "."));
    const ids = this.jobs.map(({ id }) => id);
    if (ids.length && !this.curves) this.curves = new CurvesPanel(ids, (names) => this.charts(names));
    const body = ids.length
      ? [h("ul", { class: "legend" }, this.jobs.map((job, i) => this.key(job, i))), this.curves.element, this.differences()]
      : h("section", { class: "empty" }, h("h2", {}, "Which jobs?"), h("p", {}, "Choose some above, or tick them in the list of jobs."));
    update(this.main, this.notice.element, h("div", { class: "title" }, h("h1", {}, "Compare"), this.chooser()), missing, body);
    await this.curves?.choose(ids);
  }

  charts(names) {
    const order = (name) => ["train.loss", "validation.loss", "validation.accuracy"].indexOf(name) >>> 0;
    return names.sort((a, b) => order(a) - order(b) || a.localeCompare(b)).map((metric, i) => ({
      title: metricName(metric), note: this.note(metric), large: i < 1,
      lines: this.jobs.map((job, j) => ({ job: job.id, metric, name: job.name, colour: j + 1, kept: keptValue(job, metric) })),
    }));
  }

  /** What the values of a chart are: the unit of losses, and over what they are means. */
  note(metric) {
    const units = [...new Set(this.jobs.map((job) => job.loss_unit).filter(Boolean))].join(" or ");
    if (metric === "train.loss") return ["mean of the last steps", units].filter(Boolean).join("; ");
    if (metric.endsWith(".loss")) return units;
    return ["train.samples_per_second", "train.step_seconds"].includes(metric) ? "medians of steps" : "";
  }

  key(job, i) {
    const leave = () => {
      this.choose(this.ids.filter((id) => id !== job.id));
      document.querySelector("ul.legend button, select")?.focus();
    };
    return h("li", { class: `colour-${i + 1}`, "data-key": job.id }, h("i", { class: "swatch" }), h("a", { href: jobAddress(job.id) }, named(job.name)), h("code", { class: "id" }, job.id), chip(job.health),
      h("button", { type: "button", class: "button small", "aria-label": `Leave ${job.name} out`, onclick: leave }, "×"));
  }

  chooser() {
    const rest = this.all.filter(({ id }) => !this.ids.includes(id));
    const add = ({ currentTarget: select }) => {
      if (select.value) this.choose([...this.ids, select.value]);
      select.value = "";
    };
    return h("select", { "aria-label": "Add a job", disabled: this.ids.length >= COLOURS, onchange: add },
      h("option", { value: "" }, "Add a job …"), rest.map(({ id, name }) => h("option", { value: id, "data-key": id }, `${name.slice(0, 60)} · ${id}`)));
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
    const results = [...new Set(this.jobs.flatMap(({ metrics }) => Object.entries(metrics).flatMap(([split, values]) => Object.keys(values).map((name) => `${split}.${name}`))))]
      .filter((metric) => metric !== "train.loss_steps");
    const best = results.filter((metric) => metric.startsWith("best.")).sort((a, b) => (b === "best.step") - (a === "best.step"));
    const measured = (metrics) => metrics.map((metric) => row(name(metric), this.jobs.map((job) => metricValue(metric, value(job, metric))), "result"));
    const name = (metric) => (metric === "train.loss" && results.includes("train.batch_loss") ? "training loss, mean of the last steps" : metricName(metric));
    const value = (job, metric) => job.metrics[metric.split(".")[0]]?.[metric.slice(metric.indexOf(".") + 1)];
    const row = (name, cells, kind) => h("tr", {}, h("th", { scope: "row" }, name), cells.map((cell) => h("td", { class: kind }, cell)));
    return h("section", { class: "panel" }, h("h2", {}, "What differs"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "What differs" }, h("table", { class: "plain differences" },
        h("thead", {}, h("tr", {}, h("td", {}), this.jobs.map((job, i) => h("th", { scope: "col", class: `colour-${i + 1}` }, h("i", { class: "swatch" }), named(job.name))))),
        h("tbody", {}, differing.map((path) => row(path, fields.map((each) => named(text(each.get(path))))))),
        this.jobs.some((job) => job.loss_unit) && h("tbody", { "data-key": "units" }, row("unit of losses", this.jobs.map((job) => job.loss_unit ?? "–"))),
        h("tbody", { "data-key": "results" }, measured(results.filter((metric) => !metric.startsWith("best.")))),
        best.length > 0 && h("tbody", { "data-key": "best", class: "group" }, measured(best)))),
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
