// One job in the list. It changes what differs and nothing else: a selection stays, and nothing flickers.

import { jobAddress } from "./address.js";
import { h, named, say } from "./dom.js";
import { duration, number, percent, rate, since } from "./format.js";
import { draw, spark } from "./spark.js";
import { bestWords, labelUnit, lossMeaning } from "./measures.js";
import { HealthLine, ended, loss, progress, progressWords } from "./status.js";

function cell(label, ...children) {
  return h("td", { "data-label": label }, ...children);
}

function numeric(label, element) {
  return h("td", { "data-label": label, class: "number" }, element);
}

/** What one would tell first of the validation rows. */
function score({ accuracy, r2, rmse }) {
  if (accuracy !== undefined) return percent(accuracy);
  if (r2 === undefined) return "";
  return rmse === undefined ? `R² ${number(r2)}` : `R² ${number(r2)}, RMSE ${number(rmse)}`;
}

export class JobRow {
  constructor(job, chosen, choose) {
    this.health = new HealthLine();
    this.state = h("span", { class: "state" });
    this.spark = spark();
    this.loss = h("span", { class: "figure" });
    this.score = h("span", { class: "figure quiet" });
    this.bar = h("progress", { max: 1, "aria-label": `Progress of ${job.name}` });
    this.steps = h("span", { class: "quiet" });
    this.rate = h("span");
    this.workers = h("span");
    this.age = h("time");
    this.box = h("input", { type: "checkbox", "aria-label": `Compare ${job.name}`, onchange: () => choose(this.box.checked) });
    this.box.checked = chosen;
    this.element = h(
      "tr", { id: `job-${job.id}`, "data-state": job.state },
      h("td", { class: "choice" }, this.box),
      h("th", { scope: "row", class: "job" }, h("a", { href: jobAddress(job.id), class: "name" }, named(job.name)),
        h("code", { class: "id" }, job.id)),
      h("td", { "data-label": "Status", class: "status" }, this.health.element),
      h("td", { "data-label": "Loss", class: "loss" }, this.spark, h("span", { class: "figures" }, this.loss, this.score)),
      cell("Progress", h("div", { class: "steps" }, this.bar, this.steps)),
      numeric("Samples/s", this.rate), numeric("Workers", this.workers), numeric("Age", this.age),
    );
    this.update(job);
  }

  update(job, place = 0) {
    this.job = job;
    this.element.dataset.state = job.state;
    this.element.dataset.level = job.health.level;
    this.health.update(place > 0 && job.health.level === "wait" ? { health: { ...job.health, word: `waiting, ${place} in line` } } : job);
    const training = loss(job, "train");
    say(this.loss, Number.isNaN(training) ? "not finite" : number(training));
    this.loss.classList.toggle("bad", Number.isNaN(training));
    this.loss.title = [`training loss, ${lossMeaning(job)}`, job.loss_unit].filter(Boolean).join("; ");
    say(this.score, score(job.metrics.validation ?? {}));
    this.score.title = [bestWords(job) || "of the validation rows", job.metrics.validation?.rmse !== undefined && labelUnit(job) && `RMSE in ${labelUnit(job)}`].filter(Boolean).join("; ");
    this.bar.value = progress(job);
    say(this.steps, progressWords(job));
    say(this.rate, ended(job) ? "–" : rate(job.samples_per_second));
    say(this.workers, ended(job) ? "–" : `${job.workers} of ${job.max_workers}`);
    if (job.losses) this.draw(job.losses);
    this.tick();
  }

  draw(losses) {
    this.drawn = true;
    draw(this.spark, losses, this.job.health.level);
  }

  /** Let the age, the time since the submission, be that of now. */
  tick() {
    this.age.dateTime = this.job.created;
    this.age.title = `submitted ${new Date(this.job.created).toLocaleString()}`;
    say(this.age, duration(since(this.job.created)));
  }
}
