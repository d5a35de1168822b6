// Where the reader is: the address's fragment, as `#/containers/shop-api-1?range=1h`. Everything
// that a link should bring back (filters, time, comparison) is in it.

import { signal } from "@preact/signals";

export interface Route {
  /** The parts of the path, without their encoding. */
  readonly path: readonly string[];
  readonly params: URLSearchParams;
}

export const route = signal<Route>(read(""));

/** Whether somebody has asked for the search; the view that has one takes the wish. */
export const searchWanted = signal(false);

function read(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const parts = path.split("/").filter((part) => part !== "");
  return { path: parts.map(decoded), params: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Follows the address from now on. */
export function follow(window: Window): void {
  const look = () => {
    route.value = read(window.location.hash);
  };
  window.addEventListener("hashchange", look);
  look();
}

/** The address of a place; what is empty or `null` is left out. */
export function to(path: readonly string[], params: Record<string, string | null> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value);
  const text = query.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** The same place with some parameters otherwise. */
export function here(changes: Record<string, string | null>): string {
  const params = Object.fromEntries(route.value.params);
  return to(route.value.path, { ...params, ...changes });
}

/** Goes there; `replace` leaves no step back, as while somebody types. */
export function go(address: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", address);
    route.value = read(address);
  } else {
    location.hash = address;
  }
}

export function param(name: string): string | null {
  return route.value.params.get(name);
}
