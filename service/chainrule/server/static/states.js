// Pages that have nothing to show: not yet, not here, or not any more.

import { h, say } from "./dom.js";

const JOB = `name = "digits"
[data]
train = "digits.csv"
label = "label"
[network]
layers = [{units = 64, activation = "relu"}, {activation = "softmax"}]
[optimizer]
name = "sgd"
learning_rate = 0.1
[training]
epochs = 20
batch_size = 128`;

/** What is shown while something is read. */
export function loading(what) {
  return h("div", { class: "loading", role: "status" }, h("span", { class: "unseen" }, `The ${what} are read …`),
    Array.from({ length: 4 }, () => h("div", { class: "bone" })));
}

/** What is shown where the service has no job. */
export function firstSteps() {
  return h("section", { class: "empty" }, h("h2", {}, "No jobs yet"),
    h("p", {}, "Describe one in a file, ", h("code", {}, "digits.toml"), ":"), h("pre", { tabindex: 0 }, h("code", {}, JOB)),
    h("p", {}, "Submit it, and it shows up here:"), h("pre", { tabindex: 0 }, h("code", {}, "chainrule submit digits.toml")),
    h("p", { class: "quiet" }, "To see one train on a service of its own, with nothing to write: ", h("code", {}, "chainrule demo")));
}

/** What is shown where the service does not answer. */
export function trouble(error, again) {
  return h("section", { class: "empty", role: "alert" }, h("h2", {}, "The service does not answer"),
    h("p", { class: "quiet" }, String(error.message), ". The page tries again by itself."),
    h("p", {}, h("button", { type: "button", class: "button", onclick: again }, "Try again now")));
}

/** What is shown where there is no such job. */
export function unknown(id) {
  return h("section", { class: "empty" }, h("h1", {}, "There is no such job"),
    h("p", {}, "The service knows no job ", h("code", {}, id), ". It may have been deleted, or belong to another service."),
    h("p", {}, h("a", { class: "button", href: "/" }, "All jobs")));
}

/** Says, above all else, what the service cannot do now, such as starting workers. */
export class Notice {
  constructor() {
    this.element = h("p", { class: "notice", "data-key": "notice", role: "alert", hidden: true });
  }

  update(text) {
    this.element.hidden = !text;
    say(this.element, text ?? "");
  }
}
