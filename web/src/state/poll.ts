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
  /** Whether an answer is waited for. */
  readonly asking: ReadonlySignal<boolean>;
  /** Asks now, instead of waiting for its turn. */
  now(): void;
  /** Asks when its turn comes: at once, unless it has asked lately. */
  resume(): void;
  stop(): void;
  /** Stops, and knows nothing any more. */
  forget(): void;
}

const NOTHING = { value: null, problem: null, at: 0 };

/** A page that nobody sees asks nothing, and is looked at again after this time at the latest. */
const UNSEEN_MS = 5000;

/**
 * Asks for `path` every `every` milliseconds from the first `now()` or `resume()` on. Never twice
 * at once.
 */
export function poll<T>(path: () => string, every: number, patienceMs?: number): Poll<T> {
  const answer = signal<Answer<T>>(NOTHING);
  const isAsking = signal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | null = null;
  let again = false;
  let askedAt = -Infinity;

  async function ask(): Promise<void> {
    clearTimeout(timer);
    if (asking) {
      again = true;
      return;
    }
    const mine = new AbortController();
    asking = mine;
    isAsking.value = true;
    again = false;
    askedAt = Date.now();
    try {
      const value = await get<T>(path(), mine.signal, patienceMs);
      if (!mine.signal.aborted) answer.value = { value, problem: null, at: Date.now() };
    } catch (error) {
      if (!mine.signal.aborted) answer.value = { ...answer.value, problem: asProblem(error) };
    }
    if (mine.signal.aborted) return;
    asking = null;
    isAsking.value = false;
    if (again) void ask();
    else timer = setTimeout(turn, every);
  }

  function turn(): void {
    if (seen.value) void ask();
    else timer = setTimeout(turn, Math.min(every, UNSEEN_MS));
  }

  function stop(): void {
    clearTimeout(timer);
    if (asking) askedAt = -Infinity;
    asking?.abort();
    asking = null;
    isAsking.value = false;
  }

  return {
    answer,
    asking: isAsking,
    now: () => void ask(),
    resume: () => {
      clearTimeout(timer);
      timer = setTimeout(turn, Math.max(0, askedAt + every - Date.now()));
    },
    stop,
    forget: () => {
      stop();
      askedAt = -Infinity;
      answer.value = NOTHING;
    },
  };
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, "page", error instanceof Error ? error.message : String(error));
}
