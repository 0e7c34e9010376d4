// What has happened to a job, the newest first.

import { h } from "./dom.js";
import { clock } from "./format.js";

const SHOWN = 300;
const QUIET_KIND = "progress";

function item(event) {
  return h("li", { class: `event ${event.kind}`, "data-number": event.number },
    h("time", { datetime: event.time }, clock(event.time)), h("span", { class: "kind" }, event.kind), h("bdi", {}, event.message));
}

export class EventLog {
  constructor(events) {
    this.list = h("ol", { class: "events", tabindex: 0, reversed: true, "aria-label": "Events" });
    const box = h("input", { type: "checkbox", onchange: () => this.element.classList.toggle("all", box.checked) });
    this.element = h("section", { class: "panel log" },
      h("div", { class: "heading" }, h("h2", {}, "Events"), h("label", { class: "check" }, box, "each step told of")), this.list);
    this.last = 0;
    events.forEach((event) => this.add(event));
  }

  add(event) {
    if (event.number <= this.last) return;
    this.last = event.number;
    const newest = this.list.firstChild;
    if (event.kind === QUIET_KIND && newest?.classList.contains(QUIET_KIND)) newest.classList.add("past");
    this.list.prepend(item(event));
    while (this.list.children.length > SHOWN) this.list.lastChild.remove();
  }
}
