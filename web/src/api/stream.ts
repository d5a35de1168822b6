// Server-sent events by `fetch`, which sends a login where `EventSource` cannot. Comes back by
// itself, with `Last-Event-ID`, so that nothing is missed that the server still knows.

import { headers, Problem, problem } from "./client";

/** The server tells something at least every 15 s; silence of this length is a lost connection. */
const SILENCE_MS = 40_000;

/** Waits between attempts: doubled up to the longest, and drawn, so that not all come at once. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export interface StreamEvent {
  id: string;
  event: string;
  data: string;
}

export interface Listener {
  event(event: StreamEvent): void;
  open(): void;
  /** The connection is gone; in `waitMs` it is tried again, never if that is null. */
  lost(why: Problem, waitMs: number | null): void;
}

/** Reads a stream until it is stopped. `from` is the id to go on after. */
export function follow(path: string, from: string, listener: Listener): { stop(): void; now(): void } {
  const stopped = new AbortController();
  let last = from;
  let waits = 0;
  let hurry: (() => void) | null = null;

  async function once(): Promise<Problem> {
    const quiet = new AbortController();
    let timer = setTimeout(() => quiet.abort(), SILENCE_MS);
    try {
      const response = await fetch(path, {
        headers: { ...headers(), Accept: "text/event-stream", "Last-Event-ID": last },
        credentials: "omit",
        cache: "no-store",
        signal: AbortSignal.any([stopped.signal, quiet.signal]),
      });
      if (!response.ok || !response.body) return await problem(response);
      listener.open();
      waits = 0;
      const parser = new Parser((event) => {
        if (event.id) last = event.id;
        listener.event(event);
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        clearTimeout(timer);
        timer = setTimeout(() => quiet.abort(), SILENCE_MS);
        parser.take(value);
      }
      return new Problem(0, "ended", "dockmeter has ended the stream");
    } catch {
      return new Problem(0, "out-of-reach", "dockmeter does not answer");
    } finally {
      clearTimeout(timer);
    }
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      const why = await once();
      if (stopped.signal.aborted) return;
      if (why.status === 401 || why.status === 403 || why.status === 404) {
        listener.lost(why, null);
        return;
      }
      const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** waits);
      const wait = longest * (0.5 + Math.random() / 2);
      waits += 1;
      listener.lost(why, wait);
      await new Promise<void>((go) => {
        const timer = setTimeout(go, wait);
        hurry = () => {
          clearTimeout(timer);
          go();
        };
        stopped.signal.addEventListener("abort", hurry, { once: true });
      });
      hurry = null;
    }
  }

  void run();
  return { stop: () => stopped.abort(), now: () => hurry?.() };
}

/** Text to events, as the specification of server-sent events has it. */
export class Parser {
  private rest = "";
  private id = "";
  private event = "";
  private data: string[] = [];

  constructor(private readonly found: (event: StreamEvent) => void) {}

  take(text: string): void {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    if (line === "") {
      if (this.data.length > 0) this.found({ id: this.id, event: this.event || "message", data: this.data.join("\n") });
      this.event = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") this.id = value;
    else if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
  }
}
