// Which span of time is looked at. A span that follows the clock has a length, a fixed one its
// ends. Which step that means is the server's choice: the finest that it keeps for so long.

export interface Span {
  /** Seconds up to now, of a span that follows the clock. */
  readonly last?: number;
  /** Its ends in milliseconds since 1970, of one that does not. */
  readonly from?: number;
  readonly to?: number;
}

export const LENGTHS: readonly { readonly word: string; readonly name: string; readonly seconds: number }[] = [
  { word: "5m", name: "5 minutes", seconds: 300 },
  { word: "15m", name: "15 minutes", seconds: 900 },
  { word: "1h", name: "1 hour", seconds: 3600 },
  { word: "6h", name: "6 hours", seconds: 6 * 3600 },
  { word: "24h", name: "24 hours", seconds: 24 * 3600 },
  { word: "7d", name: "7 days", seconds: 7 * 86_400 },
  { word: "30d", name: "30 days", seconds: 30 * 86_400 },
];

const USUAL = "15m";

/** With what a span is compared. */
export type Compare = "none" | "day" | "week";

export const COMPARE: readonly { readonly word: Compare; readonly name: string; readonly seconds: number }[] = [
  { word: "none", name: "nothing", seconds: 0 },
  { word: "day", name: "yesterday", seconds: 86_400 },
  { word: "week", name: "last week", seconds: 7 * 86_400 },
];

/** The span that an address names: a length as `1h`, or both ends as `FROM-TO` in seconds. */
export function parseSpan(text: string | null): Span {
  const ends = /^(\d{9,10})-(\d{9,10})$/.exec(text ?? "");
  if (ends && Number(ends[2]) > Number(ends[1])) return { from: Number(ends[1]) * 1000, to: Number(ends[2]) * 1000 };
  const length = LENGTHS.find((one) => one.word === text) ?? LENGTHS.find((one) => one.word === USUAL);
  return { last: length?.seconds ?? 900 };
}

/** What an address says of a span; nothing of the usual one. */
export function spanWord(span: Span): string | null {
  if (span.last == null) return `${Math.floor((span.from ?? 0) / 1000)}-${Math.ceil((span.to ?? 0) / 1000)}`;
  const word = LENGTHS.find((one) => one.seconds === span.last)?.word ?? USUAL;
  return word === USUAL ? null : word;
}

/** Its ends in milliseconds since 1970. */
export function ends(span: Span, now: number): { from: number; to: number } {
  if (span.last != null) return { from: now - span.last * 1000, to: now };
  return { from: span.from ?? now, to: span.to ?? now };
}
