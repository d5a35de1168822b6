// An answer that is asked for again and again, as long as somebody looks.

import { signal, type ReadonlySignal } from "@preact/signals";
import { get, Problem } from "../api/client";
import { seen } from "./clock";

export interface Answer<T> {
  /** The last answer, which stays while a later one fails. */
  readonly value: T | null;
  readonly problem: Problem | null;
  /** When the last answer came, in milliseconds since 1970. */
  readonly at: number;
}

export interface Poll<T> {
  readonly answer: ReadonlySignal<Answer<T>>;
  /** Asks now, instead of waiting for its turn. */
  now(): void;
  stop(): void;
  /** Stops, and knows nothing any more. */
  forget(): void;
}

const NOTHING = { value: null, problem: null, at: 0 };

/** Asks for `path` every `every` milliseconds from the first `now()` on. Never twice at once. */
export function poll<T>(path: () => string, every: number): Poll<T> {
  const answer = signal<Answer<T>>(NOTHING);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | null = null;
  let again = false;

  async function ask(): Promise<void> {
    clearTimeout(timer);
    if (asking) {
      again = true;
      return;
    }
    const mine = new AbortController();
    asking = mine;
    again = false;
    try {
      const value = await get<T>(path(), mine.signal);
      if (!mine.signal.aborted) answer.value = { value, problem: null, at: Date.now() };
    } catch (error) {
      if (!mine.signal.aborted) answer.value = { ...answer.value, problem: asProblem(error) };
    }
    if (mine.signal.aborted) return;
    asking = null;
    if (again) void ask();
    else timer = setTimeout(turn, every);
  }

  function turn(): void {
    if (seen.value) void ask();
    else timer = setTimeout(turn, every);
  }

  function stop(): void {
    clearTimeout(timer);
    asking?.abort();
    asking = null;
  }

  return {
    answer,
    now: () => void ask(),
    stop,
    forget: () => {
      stop();
      answer.value = NOTHING;
    },
  };
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, "page", error instanceof Error ? error.message : String(error));
}
