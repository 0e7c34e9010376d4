// Everything about one job, live.

import { Actions } from "./actions.js";
import { jobAddress } from "./address.js";
import { CurvesPanel } from "./curves_panel.js";
import { h, named, show, update } from "./dom.js";
import { EventLog } from "./event_log.js";
import { metricName } from "./format.js";
import { layersPanel, phasesPanel, workersPanel } from "./figures.js";
import { keptValue } from "./measures.js";
import { Stream, read } from "./net.js";
import { confusionPanel, networkPanel, receiptPanel, specPanel } from "./record.js";
import { HealthLine, ended } from "./status.js";
import { Notice, loading, trouble, unknown } from "./states.js";
import { Tiles } from "./tiles.js";

const REST = 2000; // milliseconds between two looks at all that is known
const QUIET = 10000; // and where nothing happens: that, too, may be news
const FIRST = ["train.loss", "validation.loss"];
const LAST = ["train.samples_per_second", "train.step_seconds"];

/** Which charts a job has: both losses in one, then what else is measured, then how fast it goes. */
function chartsOf(job, names, found) {
  const line = (metric, name, colour) => ({ job: job.id, metric, name, colour, kept: keptValue(job, metric) });
  const steps = found.get(job.id)?.["train.loss"]?.window;
  const measured = names.filter((name) => !FIRST.includes(name) && !LAST.includes(name)).sort();
  const single = [...measured, ...LAST.filter((name) => names.includes(name))];
  return [
    { title: "Loss", note: job.loss_unit, large: true,
      lines: [line("train.loss", steps ? `training, mean of ${steps} steps` : "training", 1), line("validation.loss", "validation", 2)] },
    ...single.map((metric) => ({ title: metricName(metric), note: LAST.includes(metric) ? "medians of steps" : "",
      lines: [line(metric, "", LAST.includes(metric) ? 6 : 2)] })),
  ];
}

class JobPage {
  constructor(main, id) {
    Object.assign(this, { main, id });
    show(main, loading("job"));
    this.load();
  }

  get path() {
    return `/api${jobAddress(this.id)}`;
  }

  async load() {
    try {
      const job = await read(this.path);
      if (this.gone) return;
      this.build(job);
      if (!ended(job)) this.stream = new Stream(`${this.path}/events`, job.events, (event) => this.happened(event), () => this.look());
    } catch (error) {
      if (this.gone) return;
      document.title = "Chainrule";
      if (error.status === 404) {
        document.title = "No such job · Chainrule";
        show(this.main, unknown(this.id));
        return;
      }
      update(this.main, trouble(error, () => this.load()));
      this.again = setTimeout(() => this.load(), 2000);
    }
  }

  build(job) {
    this.health = new HealthLine();
    this.banner = h("div", { class: "banner" }, this.health.element);
    this.notice = new Notice();
    this.actions = new Actions((changed) => this.draw({ ...this.job, ...changed }));
    this.tiles = new Tiles();
    this.log = new EventLog(job.events_shown);
    this.panels = { layers: h("section", { class: "panel" }), workers: h("section", { class: "panel" }), phases: h("section", { class: "panel" }) };
    this.curves = new CurvesPanel([this.id], (names, found) => chartsOf(this.job, names, found), this.panels.layers);
    this.record = h("div", { class: "record" });
    show(this.main,
      h("div", { class: "title" },
        h("div", {}, h("p", { class: "path" }, h("a", { href: "/" }, "Jobs"), " / ", h("code", { class: "id" }, job.id)), h("h1", {}, named(job.name))),
        this.actions.element),
      this.notice.element, this.banner, this.tiles.element,
      h("div", { class: "columns" }, h("div", { class: "wide" }, this.curves.element),
        h("div", { class: "narrow" }, this.panels.phases, this.panels.workers, this.log.element)),
      this.record);
    this.draw(job);
    this.curves.load();
    this.watching = setInterval(() => !document.hidden && !ended(this.job) && this.look(), QUIET);
  }

  draw(job) {
    const before = this.drawn;
    this.job = this.drawn = job;
    document.title = `${job.health.word}: ${job.name} · Chainrule`;
    this.banner.dataset.level = job.health.level;
    this.health.update(job);
    this.tiles.update(job);
    this.notice.update(job.trouble);
    this.actions.update(job);
    update(this.panels.layers, layersPanel(job));
    update(this.panels.workers, workersPanel(job));
    update(this.panels.phases, phasesPanel(job));
    if (before?.state !== job.state || !before?.data !== !job.data) this.drawRecord(job);
  }

  async drawRecord(job) {
    const receipt = job.state === "SUCCEEDED" ? await read(`${this.path}/receipt`).catch(() => null) : null;
    update(this.record, networkPanel(job), confusionPanel(job), specPanel(job), receiptPanel(job, receipt));
  }

  /** Take an event: what it tells of the job at once, the rest soon. */
  happened(event) {
    this.log.add(event);
    const { confusion: _, ...told } = event.job;
    const turned = told.state !== this.job.state;
    this.job = { ...this.job, ...told };
    this.tiles.update(this.job);
    if (turned) this.look();
    else this.lookSoon();
    this.curves.refresh();
  }

  lookSoon() {
    if (!this.looking && !document.hidden) {
      this.looking = setTimeout(() => {
        this.looking = null;
        this.look();
      }, REST);
    }
  }

  async look() {
    const job = await read(this.path).catch(() => null);
    if (!job || this.gone) return;
    const over = ended(job) && this.job.state !== job.state;
    this.draw(job);
    if (over || ended(job)) this.curves.load();
  }

  close() {
    this.gone = true;
    clearInterval(this.watching);
    clearTimeout(this.looking);
    clearTimeout(this.again);
    this.stream?.close();
    this.curves?.close();
  }
}

/** Show a job; returns what ends it. */
export function jobPage(main, id) {
  const page = new JobPage(main, id);
  return () => page.close();
}
