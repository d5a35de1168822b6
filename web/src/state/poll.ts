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
}

/** Asks for `path` every `every` milliseconds from the first `now()` on. Never twice at once. */
export function poll<T>(path: () => string, every: number): Poll<T> {
  const answer = signal<Answer<T>>({ value: null, problem: null, at: 0 });
  const stopped = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  let again = false;

  async function ask(): Promise<void> {
    clearTimeout(timer);
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const value = await get<T>(path(), stopped.signal);
      answer.value = { value, problem: null, at: Date.now() };
    } catch (error) {
      if (stopped.signal.aborted) return;
      answer.value = { ...answer.value, problem: asProblem(error) };
    } finally {
      asking = false;
    }
    if (stopped.signal.aborted) return;
    if (again) {
      again = false;
      void ask();
    } else {
      timer = setTimeout(turn, every);
    }
  }

  function turn(): void {
    if (seen.value) void ask();
    else timer = setTimeout(turn, every);
  }

  return { answer, now: () => void ask(), stop: () => (clearTimeout(timer), stopped.abort()) };
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, "page", error instanceof Error ? error.message : String(error));
}
