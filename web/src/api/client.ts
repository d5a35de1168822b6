// Requests to the API. A problem (RFC 9457) becomes a `Problem`, silence of the server too, so
// that every view shows the same states: no login, no permission, not there, out of reach.

import { login } from "./session";

/** A request gets its answer within this time, or fails. */
const PATIENCE_MS = 15_000;

/** An analysis reads days of many series, and waits for its turn before. */
export const ANALYSIS_MS = 60_000;

export class Problem extends Error {
  constructor(
    /** The status of the answer; 0 where there was none. */
    readonly status: number,
    /** What kind of problem it is, as `not-configured`. */
    readonly kind: string,
    detail: string,
  ) {
    super(detail);
  }

  /** Whether a login is missing, or worth nothing. */
  get wantsLogin(): boolean {
    return this.status === 401;
  }

  /** Whether the server could not be reached. */
  get outOfReach(): boolean {
    return this.status === 0;
  }
}

export function headers(): Record<string, string> {
  return login.value ? { Authorization: login.value } : {};
}

export async function get<T>(path: string, signal?: AbortSignal, patienceMs?: number): Promise<T> {
  return (await ask("GET", path, undefined, signal, patienceMs)).json() as Promise<T>;
}

export async function send<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T | null> {
  const response = await ask(method, path, body);
  const text = await response.text();
  return text === "" ? null : (JSON.parse(text) as T);
}

/** Gives the reader a file; a link could not bring the login along. */
export async function download(path: string, name: string): Promise<void> {
  const address = URL.createObjectURL(await (await ask("GET", path)).blob());
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  URL.revokeObjectURL(address);
}

async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal, patienceMs = PATIENCE_MS): Promise<Response> {
  const limits = [AbortSignal.timeout(patienceMs), ...(signal ? [signal] : [])];
  const request: RequestInit = {
    method,
    headers: body === undefined ? headers() : { ...headers(), "Content-Type": "application/json" },
    // A browser's own password dialogue never stands before the page's.
    credentials: "omit",
    signal: AbortSignal.any(limits),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  let response: Response;
  try {
    response = await fetch(path, request);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "out-of-reach", "dockmeter does not answer");
  }
  if (!response.ok) throw await problem(response);
  return response;
}

/** The problem that an answer tells of. */
export async function problem(response: Response): Promise<Problem> {
  const said = (await response.json().catch(() => ({}))) as { type?: string; title?: string; detail?: string };
  const kind = said.type?.split(/[/:#]/).at(-1) ?? "";
  return new Problem(response.status, kind, said.detail ?? said.title ?? `the answer was ${response.status}`);
}
