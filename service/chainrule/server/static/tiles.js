// The numbers of a job that one looks at first.

import { h, say } from "./dom.js";
import { count, duration, number, percent, rate, since } from "./format.js";
import { ended, loss, progress } from "./status.js";

/** Seconds until the last step, at the speed of now. */
function left(job) {
  const rows = job.data && job.samples_per_second > 0 ? job.data.rows / job.data.steps_per_epoch : null;
  return rows ? ((job.steps - job.version) * rows) / job.samples_per_second : null;
}

const text = (value, write) => (Number.isNaN(value) ? "not finite" : write(value));

const TILES = {
  "training loss": (job) => [text(loss(job, "train"), number)],
  "validation loss": (job) => [text(loss(job, "validation"), number)],
  accuracy: (job) => [percent(job.metrics.validation?.accuracy)],
  "R²": (job) => [number(job.metrics.validation?.r2)],
  "samples/s": (job) => [ended(job) ? "–" : rate(job.samples_per_second)],
  workers: (job) => (ended(job) ? ["–", "none any more"] : [String(job.workers), `of ${job.max_workers} at most`]),
  time: (job) => [duration(since(job.started, job.finished)), ended(job) ? "from start to end" : left(job) ? `about ${duration(left(job))} left` : "since the start"],
};

export class Tiles {
  constructor() {
    this.bar = h("progress", { max: 1, "aria-label": "Progress" });
    this.steps = h("b", {});
    this.epoch = h("span", { class: "quiet" });
    this.tiles = Object.keys(TILES).map((name) => {
      const tile = { name, value: h("b", {}), more: h("span", { class: "quiet" }) };
      tile.element = h("div", { class: "tile" }, h("span", { class: "label" }, name), tile.value, tile.more);
      return tile;
    });
    this.element = h("section", { class: "tiles", "aria-label": "Figures" },
      h("div", { class: "tile broad" }, h("span", { class: "label" }, "progress"), this.steps, this.bar, this.epoch),
      this.tiles.map(({ element }) => element));
  }

  update(job) {
    this.bar.value = progress(job);
    say(this.steps, job.steps ? `${percent(progress(job))}` : "not begun");
    say(this.epoch, job.steps ? `step ${count(job.version)} of ${count(job.steps)}, epoch ${count(job.epoch)} of ${count(job.spec.training.epochs)}` : "");
    for (const { name, value, more, element } of this.tiles) {
      const [shown, beside = ""] = TILES[name](job);
      say(value, shown);
      say(more, beside);
      value.classList.toggle("bad", shown === "not finite");
      element.hidden = shown === "–" && ["accuracy", "R²", "validation loss"].includes(name);
    }
  }
}
