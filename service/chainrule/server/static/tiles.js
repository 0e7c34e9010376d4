// The numbers of a job that one looks at first.

import { h, say, update } from "./dom.js";
import { count, duration, number, percent, rate, since } from "./format.js";
import { bestStep, labelUnit, lossMeaning } from "./measures.js";
import { ended, loss, progress, progressWords, stoppedEarly } from "./status.js";

/** Seconds until the last step, at the speed of now. */
function left(job) {
  const rows = job.data && job.samples_per_second > 0 ? job.data.rows / job.data.steps_per_epoch : null;
  return rows ? ((job.steps - job.version) * rows) / job.samples_per_second : null;
}

const text = (value, write) => (Number.isNaN(value) ? "not finite" : write(value));

const unit = (job) => job.loss_unit ?? "";

/** What is told of the training loss beside it: over which steps it is a mean, and what the last whole epoch gave. */
function training(job) {
  const epoch = job.metrics.train?.epoch_loss;
  return [loss(job, "train") === null ? "" : lossMeaning(job), epoch === undefined || epoch === null ? "" : `last epoch ${number(epoch)}`, unit(job)];
}

/** Name -> what is shown, and lines of text beside it. A tile that is absent where there is nothing to show ends in "?". */
const TILES = {
  "training loss": (job) => [text(loss(job, "train"), number), ...training(job)],
  "validation loss?": (job) => [text(loss(job, "validation"), number), job.state === "SUCCEEDED" ? "of the step that was kept" : "of the latest evaluation", unit(job)],
  "accuracy?": (job) => [percent(job.metrics.validation?.accuracy)],
  "R²?": (job) => [number(job.metrics.validation?.r2)],
  "RMSE?": (job) => [number(job.metrics.validation?.rmse), labelUnit(job)],
  "samples/s": (job) => [ended(job) ? "–" : rate(job.samples_per_second)],
  workers: (job) => (ended(job) ? ["–", "none any more"] : [String(job.workers), `of ${job.max_workers} at most`]),
  duration: (job) => [duration(since(job.started, job.finished)), ended(job) ? "from start to end" : left(job) ? `about ${duration(left(job))} left` : "since the start"],
};

export class Tiles {
  constructor() {
    this.bar = h("progress", { max: 1, "aria-label": "Progress" });
    this.steps = h("b", {});
    this.epoch = h("span", { class: "quiet" });
    this.tiles = Object.keys(TILES).map((name) => {
      const tile = { name, value: h("b", {}), more: h("span", { class: "quiet lines" }) };
      tile.element = h("div", { class: "tile" }, h("span", { class: "label" }, name.replace("?", "")), tile.value, tile.more);
      return tile;
    });
    this.best = h("div", { class: "tile best", hidden: true });
    this.element = h("section", { class: "tiles", "aria-label": "Figures" },
      h("div", { class: "tile broad" }, h("span", { class: "label" }, "progress"), this.steps, this.bar, this.epoch),
      this.tiles.map(({ element }) => element), this.best);
  }

  update(job) {
    this.bar.value = progress(job);
    say(this.steps, !job.steps ? "not begun" : stoppedEarly(job) ? "stopped early" : percent(progress(job)));
    const step = stoppedEarly(job) ? progressWords(job).replace("stopped early ", "") : `step ${count(job.version)} of ${count(job.steps)}`;
    say(this.epoch, job.steps ? `${step}, epoch ${count(job.epoch)} of ${count(job.spec.training.epochs)}` : "");
    for (const { name, value, more, element } of this.tiles) {
      const [shown, ...beside] = TILES[name](job);
      say(value, shown);
      update(more, beside.filter(Boolean).map((line) => h("span", {}, line)));
      value.classList.toggle("bad", shown === "not finite");
      element.hidden = shown === "–" && name.endsWith("?");
    }
    this.updateBest(bestStep(job));
  }

  /** What was measured at one step, the best so far, as one group. */
  updateBest(best) {
    this.best.hidden = !best;
    if (!best) return;
    update(this.best, h("span", { class: "label" }, "best step ", best.step),
      h("dl", {}, best.values.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
  }
}
