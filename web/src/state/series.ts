// What a container or the machine did in a span of time: read once, and then only what is new.

import { useEffect, useState } from "preact/hooks";
import { get, type Problem } from "../api/client";
import { login } from "../api/session";
import type { ContainerHealth, HealthHistory, HealthPoint, History, Point } from "../api/types";
import { ends, type Span } from "../lib/range";
import { now, seen } from "./clock";
import { asProblem } from "./poll";

export interface Past<T> {
  readonly value: T | null;
  readonly problem: Problem | null;
  readonly loading: boolean;
}

/** New points are asked for at this pace, or at that of the steps where they are longer. */
const FASTEST_MS = 5000;

/** All of a span is read again after this time. */
const WHOLE_MS = 60_000;

/** A container's history over a span. One that follows the clock grows at its end. */
export function useHistory(id: string, span: Span): Past<History> {
  const key = `${id} ${span.last ?? ""} ${span.from ?? ""} ${span.to ?? ""}`;
  return useGrowing(key, span.last != null, {
    begin: (signal) => whole(id, span, signal),
    grow: async (known, signal) => {
      // The summary is of the whole span, so that it is read anew now and then.
      if (Date.now() - Date.parse(known.to) > WHOLE_MS) return whole(id, span, signal);
      const last = known.points.at(-1);
      const from = last ? Date.parse(last.timestamp) - known.interval_seconds * 1000 : ends(span, Date.now()).from;
      const more = await history(id, from, Date.now(), signal, known.interval);
      const points = merged(known.points, more.points, ends(span, Date.now()).from);
      return { ...known, points, source: more.source };
    },
    paceMs: (known) => Math.max(FASTEST_MS, Math.min(known.interval_seconds * 1000, 60_000)),
  });
}

/** The same span some time earlier, which does not grow. */
export function useEarlier(id: string, span: Span, earlierSeconds: number): History | null {
  const [value, setValue] = useState<History | null>(null);
  const minute = span.last == null ? 0 : Math.floor(now.value / 60_000);
  useEffect(() => {
    setValue((known) => (earlierSeconds === 0 ? null : known));
    if (earlierSeconds === 0) return;
    const stopped = new AbortController();
    const { from, to } = ends(span, Date.now());
    const shift = earlierSeconds * 1000;
    history(id, from - shift, to - shift, stopped.signal)
      .then(setValue)
      .catch(() => setValue(null));
    return () => stopped.abort();
  }, [id, span.last, span.from, span.to, earlierSeconds, minute]);
  return value;
}

/** What is kept for an hour is not kept for the moment longer that asking takes. */
const INSIDE_MS = 5000;

function whole(id: string, span: Span, signal: AbortSignal): Promise<History> {
  const { from, to } = ends(span, Date.now());
  return history(id, span.last == null ? from : from + INSIDE_MS, to, signal);
}

function history(id: string, from: number, to: number, signal: AbortSignal, interval?: string): Promise<History> {
  const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  if (interval) query.set("interval", interval);
  return get<History>(`/api/containers/${encodeURIComponent(id)}/metrics/history?${query}`, signal);
}

/** What was known, with what is new after it; a step that was not over is replaced. */
export function merged<P extends Point | HealthPoint>(known: readonly P[], more: readonly P[], from: number): P[] {
  const first = more[0] ? Date.parse(more[0].timestamp) : Infinity;
  const kept = known.filter((point) => {
    const at = Date.parse(point.timestamp);
    return at >= from && at < first;
  });
  return [...kept, ...more];
}

/** How a container was, state by state. */
export function useContainerHealth(id: string, hours: number): ContainerHealth | null {
  const past = useGrowing<ContainerHealth>(`${id} ${hours}`, true, {
    begin: (signal) => get(`/api/system/health/containers/${encodeURIComponent(id)}?hours=${hours}`, signal),
    grow: (_, signal) => get(`/api/system/health/containers/${encodeURIComponent(id)}?hours=${hours}`, signal),
    paceMs: () => 15_000,
  });
  return past.value;
}

/** How the machine was. */
export function useHostHistory(hours: number): Past<HealthHistory> {
  const interval = hours <= 6 ? "1min" : hours <= 24 ? "5min" : "15min";
  const path = `/api/system/health/metrics?hours=${hours}&interval=${interval}`;
  return useGrowing<HealthHistory>(path, true, {
    begin: (signal) => get(path, signal),
    grow: (_, signal) => get(path, signal),
    paceMs: () => 15_000,
  });
}

interface Source<T> {
  begin(signal: AbortSignal): Promise<T>;
  grow(known: T, signal: AbortSignal): Promise<T>;
  paceMs(known: T): number;
}

function useGrowing<T>(question: string, grows: boolean, source: Source<T>): Past<T> {
  // What one login was told is not shown to the next.
  const whose = login.value;
  const key = `${whose ?? ""} ${question}`;
  const [past, setPast] = useState<Past<T> & { readonly whose: string | null }>({ whose, value: null, problem: null, loading: true });
  useEffect(() => {
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let known: T | null = null;
    setPast((before) => ({ whose, value: before.whose === whose ? before.value : null, problem: null, loading: true }));

    async function ask(): Promise<void> {
      try {
        if (known == null || seen.peek()) {
          known = known == null ? await source.begin(stopped.signal) : await source.grow(known, stopped.signal);
          setPast({ whose, value: known, problem: null, loading: false });
        }
      } catch (error) {
        if (stopped.signal.aborted) return;
        const problem = asProblem(error);
        // What is no answer to this question goes; what is only old stays.
        setPast({ whose, value: known, problem, loading: false });
      }
      if (grows && !stopped.signal.aborted) timer = setTimeout(() => void ask(), known == null ? FASTEST_MS : source.paceMs(known));
    }

    void ask();
    return () => {
      clearTimeout(timer);
      stopped.abort();
    };
  }, [key]);
  return past.whose === whose ? past : { value: null, problem: null, loading: true };
}
