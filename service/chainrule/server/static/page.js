// Fetches the table every two seconds and changes only what differs, so that nothing flickers and a selection stays.
"use strict";

const EVERY = 2000; // milliseconds
const PATIENCE = 10000;
const jobs = document.getElementById("jobs");
const connection = document.getElementById("connection");

function morphAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}

function morph(old, fresh) {
  if (old.nodeName !== fresh.nodeName || (old.id ?? "") !== (fresh.id ?? "")) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const kept = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  const wanted = [...fresh.childNodes];
  wanted.forEach((child, i) => {
    const moved = child.id ? kept.get(child.id) : undefined;
    const there = old.childNodes[i];
    if (moved && moved !== there) old.insertBefore(moved, there ?? null);
    const target = old.childNodes[i];
    if (!target) old.append(child);
    else if (child.id && !moved) target.before(child);
    else morph(target, child);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch("/jobs", { signal: AbortSignal.timeout(PATIENCE) });
  if (!answer.ok) throw new Error(answer.statusText);
  const fresh = document.createElement("div");
  fresh.id = jobs.id;
  fresh.innerHTML = await answer.text();
  morph(jobs, fresh);
}

async function keepFresh() {
  try {
    await refresh();
    connection.textContent = "";
  } catch {
    connection.textContent = "The service does not answer. Trying again …";
  }
  document.body.classList.toggle("stale", connection.textContent !== "");
  setTimeout(keepFresh, EVERY);
}

document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
setTimeout(keepFresh, EVERY);
