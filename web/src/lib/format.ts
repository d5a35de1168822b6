// Numbers, times and words for people. Units are those of the API: bytes, seconds, cores, ratios.

const DASH = "–";

/** A number with at most three figures that matter, as 0.04, 1.25, 37.5 or 812. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.01) return "<0.01";
  const digits = size < 10 ? 2 : size < 100 ? 1 : 0;
  return trimmed(value.toFixed(digits));
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Bytes, in powers of 1024. */
export function bytes(value: number | null | undefined): string {
  if (value == null) return DASH;
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= 1000 && unit + 1 < BINARY.length) {
    rest /= 1024;
    unit += 1;
  }
  const text = unit === 0 ? String(Math.round(rest)) : figure(rest);
  return `${text} ${BINARY[unit]}`;
}

export function rate(value: number | null | undefined): string {
  return value == null ? DASH : `${bytes(value)}/s`;
}

/** Cores in use, as 0.25. */
export function cores(value: number | null | undefined): string {
  return value == null ? DASH : value > 0 && value < 0.005 ? "<0.01" : trimmed(value.toFixed(2));
}

/** A share in percent, given as 0 to 100. */
export function percent(value: number | null | undefined): string {
  if (value == null) return DASH;
  if (value > 0 && value < 0.1) return "<0.1 %";
  return `${value < 10 ? trimmed(value.toFixed(1)) : Math.round(value)} %`;
}

/** A share in percent, given as 0 to 1. */
export function ratio(value: number | null | undefined): string {
  return percent(value == null ? value : value * 100);
}

export function count(value: number | null | undefined): string {
  return value == null ? DASH : value >= 10_000 ? `${figure(value / 1000)} k` : trimmed(value.toFixed(value % 1 === 0 ? 0 : 1));
}

/** How long something takes to answer: `85 ms`, `1.4 s`. */
export function latency(seconds: number | null | undefined): string {
  if (seconds == null) return DASH;
  return seconds < 1 ? `${figure(seconds * 1000)} ms` : `${figure(seconds)} s`;
}

/** `1 container`, `2 containers`. */
export function counted(value: number, what: string): string {
  return `${value} ${what}${value === 1 ? "" : "s"}`;
}

/** How long, in at most two units: `45 s`, `8 min`, `3 h 20 min`, `2 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const whole = new Intl.DateTimeFormat(undefined, {
  dateStyle: "full",
  timeStyle: "long",
});

/** A moment of today as `14:05`, another as `Mon 3 Nov, 14:05`, in the reader's zone. */
export function moment(at: number, now: number): string {
  const date = new Date(at);
  const sameDay = new Date(now).toDateString() === date.toDateString();
  return sameDay ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

/** The time of day with seconds. */
export function timeOfDay(at: number): string {
  return seconds.format(new Date(at));
}

/** A moment with its date and zone, for a tooltip. */
export function wholeMoment(at: number): string {
  return whole.format(new Date(at));
}

/** The zone that times are shown in. */
export function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Milliseconds since 1970 of an RFC 3339 time. */
export function parsed(time: string): number {
  return Date.parse(time);
}
