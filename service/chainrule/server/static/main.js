// Chooses the page that the address names, and goes from one to the next without loading all anew.

import { comparePage } from "./compare_page.js";
import { h, s, say, show } from "./dom.js";
import { jobPage } from "./job_page.js";
import { jobsPage } from "./jobs_page.js";
import { onConnection } from "./net.js";

const main = document.getElementById("main");
const connection = h("p", { class: "connection", role: "status" });
let leave = () => {};

function mark() {
  return s(
    "svg", { viewBox: "0 0 32 32", width: 24, height: 24, "aria-hidden": "true" },
    s("rect", { width: 32, height: 32, rx: 8, class: "mark-ground" }),
    s("path", { d: "M6 8c3 0 4 14 9 14h11", class: "mark-line" }),
    s("circle", { cx: 26, cy: 22, r: 2.8, class: "mark-dot" }),
  );
}

function link(href, text) {
  return h("a", { href }, text);
}

show(
  document.querySelector(".top"),
  h("a", { class: "brand", href: "/" }, mark(), "Chainrule"),
  h("nav", { "aria-label": "Pages" }, link("/", "Jobs"), link("/compare", "Compare"), link("/metrics", "Metrics")),
  connection,
);

onConnection((connected) => {
  say(connection, connected ? "" : "Disconnected: trying to reach the service again …");
  document.body.classList.toggle("stale", !connected);
});

function notFound() {
  show(
    main,
    h("section", { class: "empty" }, h("h1", {}, "There is nothing here"),
      h("p", {}, h("code", {}, location.pathname), " is not a page of this service."),
      h("p", {}, link("/", "All jobs"))),
  );
  document.title = "Not found · Chainrule";
  return () => {};
}

function enter() {
  leave();
  show(main);
  const [, job] = location.pathname.match(/^\/jobs\/([^/]+)$/) ?? [];
  if (location.pathname === "/") leave = jobsPage(main);
  else if (location.pathname === "/compare") leave = comparePage(main);
  else leave = job ? jobPage(main, decodeURIComponent(job)) : notFound();
  for (const each of document.querySelectorAll(".top nav a")) {
    if (new URL(each.href).pathname === location.pathname) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
}

/** Go to a page of this service. */
function go(href) {
  history.pushState(null, "", href);
  scrollTo(0, 0);
  enter();
  main.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a[href]");
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!anchor || !plain || event.defaultPrevented || anchor.hasAttribute("download") || anchor.hash) return;
  const target = new URL(anchor.href);
  if (target.origin !== location.origin || !/^\/($|compare$|jobs\/)/.test(target.pathname)) return;
  event.preventDefault();
  go(anchor.href);
});
addEventListener("popstate", enter);
enter();
