// Elements out of plain values. Text is always text: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";

const acts = new WeakMap();

/** Let an element have one action for each type of event; `update` exchanges it. */
function listen(element, type, act) {
  if (!acts.has(element)) acts.set(element, {});
  if (!(type in acts.get(element))) element.addEventListener(type, (event) => acts.get(element)[type]?.(event));
  acts.get(element)[type] = act;
}

const wanted = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) listen(element, name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...wanted(children));
  return element;
}

/** Make an HTML element: h("p", {class: "quiet", onclick: act}, "text", other). */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** Make an SVG element. */
export function s(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Change an element's text, if it is another. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Put these, and nothing else, into an element. */
export function show(element, ...children) {
  element.replaceChildren(...wanted(children));
}

/**
 * Give an element these children, as `show` does, but change the nodes that are there instead of replacing them, so that
 * focus, scroll positions and a click that has begun survive. A node is kept for one of the same kind and "data-key".
 * The action of an element must not refer to other elements made with it: those may be thrown away.
 */
export function update(element, ...children) {
  reconcile(element, wanted(children).map((child) => (child instanceof Node ? child : document.createTextNode(child))));
}

function reconcile(element, nodes) {
  const reserved = new Set(nodes), spare = [...element.childNodes].filter((node) => !reserved.has(node));
  place(element, nodes.map((next) => {
    const i = next.parentNode === element ? -1 : spare.findIndex((old) => alike(old, next));
    if (i < 0) return next;
    const [old] = spare.splice(i, 1);
    change(old, next);
    return old;
  }));
}

function alike(old, next) {
  return old.nodeName === next.nodeName && old.dataset?.key === next.dataset?.key;
}

function change(old, next) {
  if (!(old instanceof Element)) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (name !== "style" && !next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.style.cssText !== next.style.cssText) old.style.cssText = next.style.cssText;
  for (const type of Object.keys(acts.get(old) ?? {})) listen(old, type, undefined);
  for (const [type, act] of Object.entries(acts.get(next) ?? {})) listen(old, type, act);
  reconcile(old, [...next.childNodes]);
}

/** Put these nodes, in order, into an element. The one with the focus stays where it is, since moving it would end that. */
export function place(element, nodes) {
  const kept = new Set(nodes);
  for (const node of [...element.childNodes]) if (!kept.has(node)) node.remove();
  const still = nodes.findIndex((node) => node.parentNode === element && node.contains(document.activeElement));
  const from = Math.max(0, still);
  if (still < 0 && nodes.length && element.firstChild !== nodes[0]) element.prepend(nodes[0]);
  for (let i = from - 1; i >= 0; i -= 1) if (nodes[i].nextSibling !== nodes[i + 1]) nodes[i + 1].before(nodes[i]);
  for (let i = from + 1; i < nodes.length; i += 1) if (nodes[i - 1].nextSibling !== nodes[i]) nodes[i - 1].after(nodes[i]);
}

/** A name that somebody has chosen: its direction is its own, and does not turn its surroundings. */
export function named(text, properties = {}) {
  return h("bdi", { title: text, ...properties }, text);
}

/** Tell those who hear the page. */
export function announce(text) {
  say(document.getElementById("announcer"), text);
}
