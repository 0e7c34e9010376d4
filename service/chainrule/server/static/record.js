// What a job is made of, and what it has come to: network, specification, confusion, receipt.

import { drawNetwork } from "./network.js";
import { h, named } from "./dom.js";
import { count, number, percent } from "./format.js";

/** A document as [path, value] of its leaves. */
export function leaves(value, path = "") {
  if (value === null || typeof value !== "object") return [[path, value]];
  if (Array.isArray(value) && value.every((item) => item === null || typeof item !== "object")) return [[path, value.join(", ")]];
  return Object.entries(value).flatMap(([key, item]) =>
    leaves(item, Array.isArray(value) ? `${path}[${key}]` : path ? `${path}.${key}` : key));
}

function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, named(String(value))))));
}

/** The network, drawn. */
export function networkPanel(job) {
  const { inputs, layers, loss } = job.network;
  const weights = layers.reduce((sum, { units }, i) => sum + (units ?? NaN) * ((i ? layers[i - 1].units : inputs) ?? NaN) + (units ?? NaN), 0);
  return h("section", { class: "panel" }, h("h2", {}, "Network"),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Network" }, drawNetwork(job.network)),
    h("p", { class: "quiet" }, Number.isNaN(weights) ? "Sizes that the data gives are known once it has been read." : `${count(weights)} weights and biases; loss: ${loss.replaceAll("_", " ")}.`));
}

/** What was submitted. */
export function specPanel(job) {
  const groups = Object.entries(job.spec).filter(([, value]) => typeof value === "object" && Object.keys(value).length);
  return h("section", { class: "panel" }, h("h2", {}, "Job file"),
    h("div", { class: "groups" }, groups.map(([name, value]) => h("div", {}, h("h3", {}, name), facts(leaves(value))))),
    job.machines.length > 0 && h("p", { class: "quiet" }, "Machines: ", job.machines.map(({ cpu, numpy, blas }) => `${cpu}, NumPy ${numpy}, ${blas}`).join("; "), "."));
}

/** How often each class was taken for which: for up to 20 classes. */
export function confusionPanel(job) {
  const names = job.data?.classes?.filter((name) => name in job.confusion) ?? [];
  if (!names.length || names.length > 20) return null;
  const cell = (right, guess, all) => {
    const value = job.confusion[right]?.[guess] ?? 0;
    const element = h("td", { class: right === guess ? "number right" : value ? "number wrong" : "number none" }, value ? number(value) : "·");
    if (all) element.style.setProperty("--share", `${Math.round((100 * value) / all)}%`);
    return element;
  };
  const row = (right) => {
    const all = Object.values(job.confusion[right] ?? {}).reduce((sum, value) => sum + value, 0);
    return h("tr", {}, h("th", { scope: "row" }, named(right)), names.map((guess) => cell(right, guess, all)),
      h("td", { class: "number quiet" }, percent(all ? (job.confusion[right]?.[right] ?? 0) / all : null)));
  };
  return h("section", { class: "panel" }, h("h2", {}, "Validation rows: right class, and predicted one"),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion" },
      h("table", { class: "plain confusion" }, h("thead", {}, h("tr", {}, h("td", {}), names.map((name) => h("th", { scope: "col", class: "number" }, named(name))), h("th", { scope: "col", class: "number" }, "right"))),
        h("tbody", {}, names.map(row)))));
}

/** All that the result depends on, and what training has survived. */
export function receiptPanel(job, receipt) {
  if (!receipt) return null;
  const survived = Object.entries(receipt.survived).map(([kind, times]) => [kind.replaceAll("_", " "), times]);
  const file = new Blob([JSON.stringify(receipt, null, 2)], { type: "application/json" });
  return h("section", { class: "panel" },
    h("div", { class: "heading" }, h("h2", {}, "Receipt"), h("a", { class: "button small", href: URL.createObjectURL(file), download: `${job.id}-receipt.json` }, "Download receipt")),
    h("div", { class: "groups" },
      h("div", {}, h("h3", {}, "result"), facts([["steps", count(receipt.result.steps)], ["weights SHA-256", receipt.result.weights_sha256], ["model SHA-256", receipt.result.model_sha256], ["losses SHA-256", receipt.result.losses_sha256]])),
      h("div", {}, h("h3", {}, "data"), facts([["source", receipt.data.source], ["SHA-256", receipt.data.sha256], ["shards", receipt.data.shards.length], ["validation rows", count(receipt.data.validation_rows)]])),
      h("div", {}, h("h3", {}, "software"), facts(Object.entries(receipt.software))),
      h("div", {}, h("h3", {}, "survived"), facts(survived))),
    h("p", { class: "quiet" }, "The same weights again, to the bit: ", h("code", {}, `chainrule verify ${job.id}`)));
}
