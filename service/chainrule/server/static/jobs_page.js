// The list of all jobs: filtered, sorted, live.

import { ask, asked } from "./address.js";
import { announce, h, place, say, show, update } from "./dom.js";
import { count } from "./format.js";
import { JobRow } from "./job_row.js";
import { Stream, read } from "./net.js";
import { FILTERS, SORTS, arranged } from "./arrangement.js";
import { Notice, firstSteps, loading, trouble } from "./states.js";

const COLUMNS = [["", ""], ["name", "Job"], ["health", "Status"], ["loss", "Loss", "Training loss, smoothed"], ["progress", "Progress"],
  ["rate", "Samples/s"], ["workers", "Workers"], ["age", "Age", "Time since the job was submitted"]];
const NUMERIC = new Set(["rate", "workers", "age"]);
const SKETCHES_AT_ONCE = 50;
const RELEASES = ["pointerup", "pointercancel"];

class JobList {
  constructor(main) {
    this.main = main;
    this.jobs = new Map();
    this.rows = new Map();
    this.queue = [];
    this.chosen = new Set(asked("jobs").split(",").filter(Boolean));
    this.seen = new IntersectionObserver((entries) => this.sketch(entries), { rootMargin: "200px" });
    this.wanted = new Set();
    this.offered = new Set();
    this.build();
    this.ticking = setInterval(() => this.rows.forEach((row) => row.tick()), 5000);
    this.load();
  }

  build() {
    this.search = h("input", { type: "search", placeholder: "Filter by name or id", "aria-label": "Filter by name or id",
      value: asked("q"), oninput: () => this.want({ q: this.search.value }) });
    this.filters = h("div", { class: "segments", role: "group", "aria-label": "Filter by state" });
    this.sort = h("select", { "aria-label": "Sort by", onchange: () => this.want({ sort: this.sort.value, order: "" }) },
      Object.entries(SORTS).map(([key, { text }]) => h("option", { value: key }, text)));
    this.compare = h("a", { class: "button", href: "/compare", hidden: true });
    this.meter = h("div", { class: "meter" });
    this.body = h("tbody");
    this.head = h("tr");
    this.table = h("table", { class: "jobs" }, h("caption", { class: "unseen" }, "Jobs"), h("thead", {}, this.head), this.body);
    this.note = h("p", { class: "note" });
    this.notice = new Notice();
    this.content = h("div", {}, loading("jobs"));
    show(this.main,
      this.notice.element,
      h("div", { class: "title" }, h("h1", {}, "Jobs"), this.meter),
      h("div", { class: "tools" }, this.filters, this.search, this.sort, this.compare),
      this.content);
    document.title = "Jobs · Chainrule";
    this.keys = (event) => {
      if (event.key !== "/" || /INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) return;
      event.preventDefault();
      this.search.focus();
    };
    document.addEventListener("keydown", this.keys);
    this.press = () => { this.pressed = true; };
    this.release = () => {
      this.pressed = false;
      if (this.late) setTimeout(() => this.late && this.draw()); // behind the click
    };
    document.addEventListener("pointerdown", this.press);
    for (const type of RELEASES) document.addEventListener(type, this.release);
  }

  async load() {
    try {
      this.take(await read("/api/jobs"));
    } catch (error) {
      if (this.gone) return;
      update(this.content, trouble(error, () => this.load()));
      this.again = setTimeout(() => this.load(), 2000);
      return;
    }
    if (!this.gone) this.stream = new Stream("/api/changes", this.mark, (news) => this.take(news));
  }

  take(news) {
    this.mark = news.mark;
    if (news.jobs) {
      this.jobs.clear();
      this.hidden = news.hidden;
    }
    for (const job of news.jobs ?? news.changed) {
      if (job.deleted) this.jobs.delete(job.id);
      else this.jobs.set(job.id, job);
    }
    this.queue = news.queue;
    this.cpus = news.cpus;
    this.notice.update(news.trouble);
    this.draw(news.jobs ? null : news.changed);
  }

  want(changes) {
    ask(changes);
    this.draw();
  }

  draw(changed = null) {
    if (!this.jobs.size) return update(this.content, firstSteps());
    if (!this.table.isConnected) show(this.content, this.table, this.note);
    const key = asked("sort", "newest"), down = asked("order") === "down";
    const { shown, counts } = arranged([...this.jobs.values()], { filter: asked("state", "all"), text: asked("q"), key, down });
    this.drawTools(counts, key, down);
    for (const [id, row] of this.rows) if (!this.jobs.has(id)) this.drop(id, row);
    const fresh = changed && new Set(changed.map((job) => job.id));
    const elements = shown.map((job) => this.row(job, !fresh || fresh.has(job.id) || job.state === "QUEUED"));
    this.late = this.pressed; // a row does not move away under a click that has begun
    if (!this.late) place(this.body, elements);
    say(this.note, this.remark(shown.length));
    return undefined;
  }

  remark(shown) {
    if (!shown) return "No job is like that: change the filter.";
    return this.hidden ? `${count(this.hidden)} older jobs have ended and are not shown: chainrule list` : "";
  }

  row(job, changed) {
    let row = this.rows.get(job.id);
    if (!row) {
      row = new JobRow(job, this.chosen.has(job.id), (chosen) => this.choose(job.id, chosen));
      this.rows.set(job.id, row);
      this.seen.observe(row.element);
      changed = true;
    }
    if (changed) row.update(job, this.queue.indexOf(job.id) + 1);
    if (changed && !job.losses && row.drawn && job.version !== row.sketched) this.wanted.add(job.id);
    return row.element;
  }

  drop(id, row) {
    this.seen.unobserve(row.element);
    this.rows.delete(id);
  }

  /** Ask for the losses of the jobs that are looked at. */
  sketch(entries) {
    for (const { target, isIntersecting } of entries) {
      const id = target.id.slice(4), row = this.rows.get(id);
      if (isIntersecting && row && !row.drawn && row.job.version) this.wanted.add(id);
    }
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.askForSketches(), 50);
  }

  async askForSketches() {
    const ids = [...this.wanted].slice(0, SKETCHES_AT_ONCE);
    if (!ids.length) return;
    ids.forEach((id) => this.wanted.delete(id));
    const found = await read(`/api/sketches?jobs=${ids.join(",")}`).catch(() => ({}));
    for (const [id, losses] of Object.entries(found)) this.rows.get(id)?.draw(losses);
    this.askForSketches();
  }

  choose(id, chosen) {
    if (chosen) this.chosen.add(id);
    else this.chosen.delete(id);
    ask({ jobs: [...this.chosen].join(",") });
    this.drawCompare();
    announce(`${this.chosen.size} jobs to compare`);
  }

  drawCompare() {
    this.compare.hidden = this.chosen.size < 1;
    this.compare.href = `/compare?jobs=${[...this.chosen].join(",")}`;
    say(this.compare, `Compare ${this.chosen.size}`);
  }

  /** Bring the controls up to date. Each stays the element that it is; a filter that has had jobs stays, too. */
  drawTools(counts, key, down) {
    const state = asked("state", "all");
    for (const name of Object.keys(FILTERS)) if (counts[name] || name === "all" || name === state) this.offered.add(name);
    update(this.filters, Object.entries(FILTERS).filter(([name]) => this.offered.has(name)).map(([name, { text }]) =>
      h("button", { type: "button", "data-key": name, "aria-pressed": String(name === state), onclick: () => this.want({ state: name === "all" ? "" : name }) },
        text, h("span", { class: "count" }, count(counts[name])))));
    if (this.sort.value !== key) this.sort.value = key;
    update(this.head, COLUMNS.map((column) => this.column(column, key, down)));
    this.drawCompare();
    const { used, total } = this.cpus;
    update(this.meter, h("span", {}, total ? `${used} of ${total} CPUs in use` : "no CPUs: Ray is not there"),
      h("meter", { value: used, max: total || 1, "aria-label": "CPUs in use" }),
      h("span", { class: "quiet" }, this.queue.length ? `${count(this.queue.length)} waiting` : "nobody waits"));
  }

  column([name, text, title], key, down) {
    if (!name) return h("td", { class: "choice", "data-key": "choice" });
    const sorted = name === key ? (down !== Boolean(SORTS[name].down) ? "descending" : "ascending") : null;
    const turn = () => this.want({ sort: name, order: name === key && !down ? "down" : "" });
    return h("th", { scope: "col", "data-key": name, class: NUMERIC.has(name) ? "number" : null, "aria-sort": sorted },
      h("button", { type: "button", class: "sorter", title, onclick: turn }, text));
  }

  close() {
    this.gone = true;
    clearInterval(this.ticking);
    clearTimeout(this.again);
    document.removeEventListener("keydown", this.keys);
    document.removeEventListener("pointerdown", this.press);
    for (const type of RELEASES) document.removeEventListener(type, this.release);
    this.seen.disconnect();
    this.stream?.close();
  }
}

/** Show the list; returns what ends it. */
export function jobsPage(main) {
  const list = new JobList(main);
  return () => list.close();
}
