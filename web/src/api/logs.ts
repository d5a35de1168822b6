// Log lines of many containers over one WebSocket, which comes back by itself.

import { headers, Problem, problem } from "./client";
import { subprotocols } from "./session";
import type { LogLine } from "./types";

export interface LogListener {
  open(): void;
  lines(lines: LogLine[]): void;
  /** So many lines were left out, since this page was too slow. */
  missed(lines: number): void;
  /** Something is wrong with one container's log; the others go on. */
  troubled(detail: string): void;
  /** The connection is gone; in `waitMs` it is tried again, never if that is null. */
  lost(why: Problem, waitMs: number | null): void;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;

type Message = { type: "lines"; lines: LogLine[] } | { type: "missed"; lines: number } | { type: "error"; detail: string } | { type: "container" };

/** Follows logs; `query` says whose and how many lines of before. Returns what ends it. */
export function followLogs(query: Record<string, string>, listener: LogListener): () => void {
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  let attempts = 0;
  // The newest line that was read, so that a second connection goes on after it.
  let newest = "";

  function connect(): void {
    const address = new URL(`/api/logs/stream?${new URLSearchParams(newest ? { ...query, since: newest } : query)}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const after = newest;
    let opened = false;
    const made = new WebSocket(address, subprotocols());
    socket = made;
    made.onopen = () => {
      opened = true;
      attempts = 0;
      listener.open();
    };
    made.onmessage = (event) => take(JSON.parse(String(event.data)) as Message, after);
    made.onclose = () => {
      if (stopped) return;
      attempts += 1;
      // A refusal looks like any failure to a WebSocket, so another route is asked why.
      void (opened ? Promise.resolve(null) : refusal()).then((why) => again(why));
    };
  }

  function again(why: Problem | null): void {
    if (stopped) return;
    const wait = why ? null : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempts - 1));
    listener.lost(why ?? new Problem(0, "out-of-reach", "the stream of log lines ended"), wait);
    if (wait != null) timer = setTimeout(connect, wait);
  }

  function take(message: Message, after: string): void {
    if (message.type === "lines") {
      const fresh = message.lines.filter((line) => !after || !line.timestamp || line.timestamp > after);
      for (const { timestamp } of fresh) if (timestamp && timestamp > newest) newest = timestamp;
      listener.lines(fresh);
    } else if (message.type === "missed") listener.missed(message.lines);
    else if (message.type === "error") listener.troubled(message.detail);
  }

  connect();
  return () => {
    stopped = true;
    clearTimeout(timer);
    socket?.close();
  };
}

/** Why nobody is let in to logs, if that is so: asked of a route with the same needs. */
async function refusal(): Promise<Problem | null> {
  const response = await fetch("/api/queries/slow?limit=1", { headers: headers(), credentials: "omit" }).catch(() => null);
  return response && (response.status === 401 || response.status === 403) ? problem(response) : null;
}
