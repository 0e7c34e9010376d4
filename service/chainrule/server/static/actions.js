// What can be done to a job, now.

import { announce, h, say } from "./dom.js";
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

/** The buttons of a job; `changed` is told what the job is after an order. */
export function actions(job, changed) {
  const trouble = h("p", { class: "refused", role: "alert" });
  const give = (word, done, ask = async () => true) => {
    const act = async () => {
      say(trouble, "");
      if (!(await ask())) return;
      button.disabled = true;
      try {
        changed(await order(job.id, word));
        announce(done);
      } catch (error) {
        say(trouble, error.message);
      }
      button.disabled = false;
    };
    const button = h("button", { type: "button", class: word === "cancel" ? "button danger" : "button", onclick: act },
      word[0].toUpperCase() + word.slice(1));
    return button;
  };
  const path = `/api/jobs/${encodeURIComponent(job.id)}/model`;
  const asking = () => sure("Cancel this job?", "It ends now and cannot be resumed. To let it rest, pause it.", "Cancel the job");
  return [
    trouble,
    ["QUEUED", "STARTING", "RUNNING"].includes(job.state) && give("pause", "paused"),
    job.state === "PAUSED" && give("resume", "resumed"),
    !ended(job) && give("cancel", "cancelled", asking),
    job.weights_sha256 && h("a", { class: "button", href: path, download: `${job.id}.safetensors` }, "Download model"),
    h("a", { class: "button", href: `/compare?jobs=${encodeURIComponent(job.id)}` }, "Compare"),
  ];
}
