// What the page asks the service: answers, orders, and streams of events that outlast it.

const PATIENCE = 15000; // milliseconds
const LONGEST_PAUSE = 8000;

/** An answer that is a refusal: its sentence is for people. */
export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function answer(response) {
  const document = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, document.error ?? response.statusText);
  return document;
}

/** Read a document. */
export async function read(path) {
  return answer(await fetch(path, { signal: AbortSignal.timeout(PATIENCE) }));
}

/** Give an order about a job. */
export async function order(job, word) {
  const headers = { "X-Chainrule": "page" }; // no page of another site can send it
  return answer(await fetch(`/api/jobs/${encodeURIComponent(job)}/${word}`, { method: "POST", headers }));
}

const open = new Set();
let tell = () => {};

/** Call back with whether all streams are connected, whenever that changes. */
export function onConnection(callback) {
  tell = callback;
}

function report() {
  tell([...open].every((stream) => stream.connected));
}

/**
 * Follows a stream of events from a number on. Where it breaks, it goes on from the last number that has come; while
 * nobody looks at the page it rests, so that many open pages cost nothing.
 */
export class Stream {
  constructor(path, after, take, ended = () => {}) {
    Object.assign(this, { path, last: after, take, ended, connected: true, pause: 500, source: null });
    this.look = () => (document.hidden ? this.rest() : this.source ?? this.connect());
    document.addEventListener("visibilitychange", this.look);
    open.add(this);
    this.look();
  }

  connect() {
    clearTimeout(this.timer);
    const source = new EventSource(`${this.path}?after=${encodeURIComponent(this.last)}`);
    this.source = source;
    source.onopen = () => this.state(true);
    source.onmessage = (event) => {
      this.state(true);
      this.pause = 500;
      this.last = event.lastEventId;
      this.take(JSON.parse(event.data), event.lastEventId);
    };
    source.addEventListener("end", () => {
      this.close();
      this.ended();
    });
    source.onerror = () => {
      this.state(false);
      this.rest();
      this.timer = setTimeout(this.look, this.pause);
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
    };
  }

  state(connected) {
    this.connected = connected;
    report();
  }

  rest() {
    this.source?.close();
    this.source = null;
  }

  close() {
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.look);
    this.rest();
    open.delete(this);
    report();
  }
}
