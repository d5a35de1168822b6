// What is unusual now, kept from what the stream tells.

import type { Anomaly, Turned } from "../api/types";

type Known = ReadonlyMap<string, readonly Anomaly[]>;

export function byContainer(all: readonly Anomaly[]): Known {
  const found = new Map<string, Anomaly[]>();
  for (const one of all) {
    const known = found.get(one.container_id);
    if (known) known.push(one);
    else found.set(one.container_id, [one]);
  }
  return found;
}

/** What is known after one has begun or ended; the same told twice is once. */
export function withTurn(known: Known, { state, ...one }: Turned): Known {
  const next = new Map(known);
  const others = (known.get(one.container_id) ?? []).filter((other) => other.metric !== one.metric);
  const now = state === "began" ? [...others, one] : others;
  if (now.length > 0) next.set(one.container_id, now);
  else next.delete(one.container_id);
  return next;
}

const GRAVITY = ["low", "medium", "high", "critical"] as const;

/** How much the gravest of several matters. */
export function worst(of: readonly Anomaly[]): Anomaly["severity"] {
  return GRAVITY[Math.max(0, ...of.map((one) => GRAVITY.indexOf(one.severity)))] ?? "low";
}

/** The sentence without the container's name, where that stands beside it. */
export function besideName({ text, name }: { readonly text?: string; readonly name?: string }): string {
  return (text ?? "").replace(`\`${name}\`: `, "");
}
