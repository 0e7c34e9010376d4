// The address says what is shown: it can be kept, sent, and gone back to.

/** A parameter of the address. */
export function asked(name, otherwise = "") {
  return new URLSearchParams(location.search).get(name) ?? otherwise;
}

/** Change parameters of the address; what is empty leaves it. */
export function ask(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "" || value === null || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : ""));
}

/** The address of a job's page. */
export function jobAddress(id) {
  return `/jobs/${encodeURIComponent(id)}`;
}
