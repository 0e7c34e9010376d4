// How a job trains: its layers, its workers, and where the time of a step goes.

import { h } from "./dom.js";
import { count, moment, number, percent, rate } from "./format.js";
import { chip, ended } from "./status.js";

const PHASES = {
  compute: "forward passes and back-propagation",
  serialise: "giving gradients to the system",
  wire: "on the way between server and worker",
  wait: "until the last worker has answered",
  average: "what must be known before the update",
  apply: "the mean and the update",
};
const LEVELS = { vanishing: "warn", exploding: "bad", dead: "warn" };
const ADVICE = {
  vanishing: "Its gradient is tiny beside the others': relu, He initial weights or fewer layers may help.",
  exploding: "Its gradient is huge: a smaller learning rate or clipping may help.",
  dead: "Many of its neurons are 0 for every row: a smaller learning rate or leaky_relu may help.",
};

function table(caption, columns, rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", { class: "plain" }, h("thead", {}, h("tr", {}, columns.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
      h("tbody", {}, rows)));
}

/** A number with a bar as long as its part of the largest one. */
function measured(value, largest, text) {
  const share = value > 0 && largest > 0 ? value / largest : 0;
  return h("td", { class: "number" }, h("span", {}, text), h("meter", { value: share, max: 1, "aria-hidden": "true", tabindex: -1 }));
}

/** Per layer: gradient, weights, update, dead and saturated neurons, and what is wrong in a word. */
export function layersPanel(job) {
  const layers = job.layers ?? [];
  const heading = h("h2", {}, "Layers");
  if (!layers.length) return [heading, h("p", { class: "quiet" }, job.version ? "Nothing was told of its layers." : "They are looked at as soon as training begins.")];
  const largest = (name) => Math.max(...layers.map((layer) => layer[name] ?? 0));
  const [gradient, update] = [largest("gradient_norm"), largest("update_ratio")];
  const share = (value) => h("td", { class: "number" }, value === null || value === undefined ? "–" : percent(value));
  const row = (layer) => h("tr", { "data-diagnosis": layer.diagnosis ?? "" },
    h("th", { scope: "row" }, `${layer.layer}`, h("span", { class: "quiet" }, ` ${job.network.layers[layer.layer - 1]?.activation ?? ""}`)),
    measured(layer.gradient_norm, gradient, number(layer.gradient_norm)), h("td", { class: "number" }, number(layer.weight_norm)),
    measured(layer.update_ratio, update, number(layer.update_ratio)), share(layer.dead_ratio), share(layer.saturation),
    h("td", {}, layer.diagnosis ? chip({ level: LEVELS[layer.diagnosis] ?? "warn", word: layer.diagnosis }) : h("span", { class: "quiet" }, "fine")));
  const words = [...new Set(layers.map((layer) => layer.diagnosis).filter(Boolean))];
  const columns = [["layer"], ["gradient norm", "number"], ["weight norm", "number"], ["update / weight", "number"], ["dead", "number"], ["saturated", "number"], ["", ""]];
  return [heading, table("Layers", columns, layers.map(row)), words.map((word) => h("p", { class: "advice" }, h("b", {}, word), `: ${ADVICE[word] ?? ""}`))];
}

/** Who computes which shards, how fast, and how far behind. */
export function workersPanel(job) {
  const members = job.figures.members ?? [];
  const lost = job.faults.leases_ended ?? 0, over = ended(job);
  const row = (member) => h("tr", {},
    h("th", { scope: "row" }, member.name, h("span", { class: "quiet" }, ` #${member.incarnation}`)),
    h("td", {}, member.shards.map(([low, high]) => (high - low === 1 ? `${low}` : `${low}–${high - 1}`)).join(", ") || "–"),
    h("td", { class: "number" }, rate(member.samples_per_second)), h("td", { class: "number" }, count(member.lag)),
    h("td", { class: "number" }, count(member.leases_lost)));
  const columns = [["worker"], ["shards"], ["samples/s", "number"], ["lag", "number"], ["lost leases", "number"]];
  return [
    h("h2", {}, over ? "Workers, as they were last" : "Workers"),
    members.length ? table("Workers", columns, members.map(row)) : h("p", { class: "quiet" }, over ? "Nothing was told of them." : "No worker has joined yet."),
    h("p", { class: "quiet" }, `${count(lost)} ${lost === 1 ? "lease" : "leases"} lost in all. #: the incarnation; lag: in steps.`),
  ];
}

/** Where the time of a step goes. */
export function phasesPanel(job) {
  const { phases = {}, steps = 0 } = job.figures;
  const known = Object.keys(PHASES).filter((phase) => phases[phase] > 0), total = known.reduce((sum, phase) => sum + phases[phase], 0);
  const heading = h("h2", {}, "Where a step's time goes");
  if (!total) return [heading, h("p", { class: "quiet" }, "No step has been taken yet.")];
  const bar = h("div", { class: "stack", role: "img", "aria-label": known.map((phase) => `${phase} ${percent(phases[phase] / total)}`).join(", ") },
    known.map((phase) => {
      const part = h("span", { class: `part ${phase}`, title: `${phase}: ${percent(phases[phase] / total)}` });
      part.style.flexGrow = phases[phase] / total;
      return part;
    }));
  const row = (phase) => h("tr", { title: PHASES[phase] }, h("th", { scope: "row" }, h("i", { class: `swatch ${phase}` }), phase),
    h("td", { class: "quiet says" }, PHASES[phase]), h("td", { class: "number" }, moment(phases[phase] / steps)), h("td", { class: "number" }, percent(phases[phase] / total)));
  return [heading, bar, h("table", { class: "plain legend" }, h("caption", { class: "unseen" }, "Phases of a step"), h("tbody", {}, known.map(row))),
    h("p", { class: "quiet" }, steps === 1 ? "Of one step." : `Means over ${count(steps)} steps, ${moment(total / steps)} each.`)];
}
