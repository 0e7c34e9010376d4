// What can be done to a job, now.

import { announce, h, say, update } from "./dom.js";
import { order } from "./net.js";
import { ended } from "./status.js";

/** Ask before something that cannot be undone; resolves to whether it is wanted. */
function sure(question, warning, word) {
  const dialog = h("dialog", { "aria-labelledby": "question" },
    h("form", { method: "dialog" }, h("h2", { id: "question" }, question), h("p", {}, warning),
      h("div", { class: "actions" }, h("button", { value: "no", class: "button" }, "Keep it"), h("button", { value: "yes", class: "button danger" }, word))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/** The buttons of a job; `changed` is told what the job is after an order. A button stays while it means the same. */
export class Actions {
  constructor(changed) {
    this.changed = changed;
    this.trouble = h("p", { class: "refused", role: "alert" });
    this.element = h("div", { class: "actions" });
  }

  update(job) {
    const had = this.element.contains(document.activeElement);
    const path = `/api/jobs/${encodeURIComponent(job.id)}/model`;
    const asking = () => sure("Cancel this job?", "It ends now and cannot be resumed. To let it rest, pause it.", "Cancel the job");
    update(this.element,
      this.trouble,
      ["QUEUED", "STARTING", "RUNNING"].includes(job.state) && this.button(job, "rest", "pause", "paused"),
      job.state === "PAUSED" && this.button(job, "rest", "resume", "resumed"),
      !ended(job) && this.button(job, "end", "cancel", "cancelled", asking),
      job.weights_sha256 && h("a", { class: "button", "data-key": "model", href: path, download: `${job.id}.safetensors` }, "Download model"),
      h("a", { class: "button", "data-key": "compare", href: `/compare?jobs=${encodeURIComponent(job.id)}` }, "Compare"));
    if (had && !this.element.contains(document.activeElement)) this.element.querySelector(".button").focus();
  }

  button(job, key, word, done, ask = async () => true) {
    const act = async () => {
      say(this.trouble, "");
      if (this.busy || !(await ask())) return;
      this.busy = true;
      try {
        this.changed(await order(job.id, word));
        announce(done);
      } catch (error) {
        say(this.trouble, error.message);
      }
      this.busy = false;
    };
    return h("button", { type: "button", "data-key": key, class: word === "cancel" ? "button danger" : "button", onclick: act },
      word[0].toUpperCase() + word.slice(1));
  }
}
