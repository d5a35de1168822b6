// Findings and recommendations as they are asked for, and as they are told.

import type { Finding } from "../api/types";

/** The times that the view offers; a week is the most that the server looks through. */
export const SPANS = ["6h", "24h", "7d"] as const;

export type FoundSpan = (typeof SPANS)[number];

/** What ended so long before the end of the time is over; shorter pauses are part of it. */
const OVER_MS = 600_000;

/** The address of an analysis; what is empty is left out. */
export function analysis(name: string, last: string, more: Record<string, string> = {}): string {
  const query = new URLSearchParams({ last });
  for (const [key, value] of Object.entries(more)) if (value) query.set(key, value);
  return `/api/analytics/${name}?${query}`;
}

/** A sentence at its semicolons, but for those of a statement or name between backticks. */
export function clauses(sentence: string): string[] {
  const parts = sentence.match(/(?:`[^`]*`?|;(?! )|[^;`])+/g) ?? [];
  return parts.map((part) => part.trim());
}

/** What is so, and what is known beside; possible causes have a list of their own. */
export function told({ sentence }: Pick<Finding, "sentence">): { readonly head: string; readonly rest: string } {
  const [head = "", ...rest] = clauses(sentence);
  return { head, rest: rest.filter((part) => !part.startsWith("possible cause")).join("; ") };
}

/** When it began, and ended if it has; in milliseconds since 1970. */
export function times(finding: Pick<Finding, "since" | "until">, to: string): { readonly from: number | null; readonly until: number | null } {
  const from = finding.since ? Date.parse(finding.since) : null;
  const until = finding.until ? Date.parse(finding.until) : null;
  return { from, until: until != null && Date.parse(to) - until > OVER_MS ? until : null };
}
