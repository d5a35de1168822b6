// States of containers as words and tones, the same in every view.

import type { Anomaly, Happening, Reason, Row, Severity } from "../api/types";
import { counted } from "../lib/format";
import { besideName } from "../lib/unusual";

export type Tone = "good" | "warn" | "bad" | "idle";

/** What a container is, in one word or two, and how that looks. */
export function state(row: Pick<Row, "status" | "health">): { word: string; tone: Tone } {
  if (row.status !== "running") return { word: row.status, tone: row.status === "restarting" || row.status === "dead" ? "bad" : "idle" };
  if (row.health === "unhealthy") return { word: "unhealthy", tone: "bad" };
  if (row.health === "starting") return { word: "starting", tone: "warn" };
  return { word: row.health === "healthy" ? "healthy" : "running", tone: "good" };
}

/** The tone of the gravest of several reasons. */
export function gravest(reasons: readonly Reason[] | undefined): Tone | null {
  if (!reasons || reasons.length === 0) return null;
  return reasons.some((reason) => reason.status === "unhealthy") ? "bad" : "warn";
}

export const TONES: Record<string, Tone> = { healthy: "good", warning: "warn", unhealthy: "bad" };

/** The tone of an alert's severity; other rules may have other words. */
export function severity(word: string | null): Tone {
  return word === "critical" ? "bad" : word === "warning" ? "warn" : "idle";
}

/** The tone of something unusual, by how much it matters. */
export function unusualTone(severity: Anomaly["severity"] | undefined): Tone {
  return severity === "high" || severity === "critical" ? "bad" : "warn";
}

/** The tone of a finding or recommendation, by how much it matters. */
export function weight(severity: Severity): Tone {
  return severity === "high" || severity === "critical" ? "bad" : severity === "medium" ? "warn" : "idle";
}

const OUTCOMES: Record<string, { readonly word: string; readonly tone: Tone }> = {
  not_applied: { word: "not done", tone: "idle" },
  taken_back: { word: "taken back", tone: "idle" },
  too_early: { word: "too early", tone: "idle" },
  effect_came: { word: "helped", tone: "good" },
  less_than_promised: { word: "helped a little", tone: "warn" },
  no_effect: { word: "no effect", tone: "warn" },
  worse: { word: "worse", tone: "bad" },
  applied: { word: "done", tone: "good" },
  still_so: { word: "still so", tone: "warn" },
  not_known: { word: "not known", tone: "idle" },
};

/** What became of a recommendation. */
export function outcome(name: string): { readonly word: string; readonly tone: Tone } {
  return OUTCOMES[name] ?? { word: name.replaceAll("_", " "), tone: "idle" };
}

/** What became of a container. */
export function happened(one: Partial<Happening> & { readonly action: string }): { word: string; tone: Tone } {
  switch (one.action) {
    case "started":
      return { word: "started", tone: "good" };
    case "stopped":
      return { word: "was stopped", tone: "idle" };
    case "died": {
      if (one.oom_killed) return { word: "was killed: out of memory", tone: "bad" };
      const code = one.exit_code ?? 0;
      return { word: code === 0 ? "ended" : `ended with status ${code}`, tone: code === 0 ? "idle" : "bad" };
    }
    case "oom":
      return { word: "a process was killed for want of memory", tone: "bad" };
    case "health":
      return { word: `health check: ${one.health ?? "unknown"}`, tone: one.health === "unhealthy" ? "bad" : one.health === "starting" ? "warn" : "good" };
    case "renamed":
      return { word: `renamed from ${one.old_name ?? "another name"}`, tone: "idle" };
    case "unusual":
      return { word: `unusual: ${besideName(one)}`, tone: unusualTone(one.severity) };
    case "usual":
      return { word: besideName(one), tone: "good" };
    case "paused":
    case "unpaused":
    case "removed":
      return { word: one.action, tone: one.action === "removed" ? "idle" : "warn" };
    default:
      return { word: one.action, tone: "idle" };
  }
}

/** What an incident of the history says. */
export function incident(kills: number, restarts: number): string {
  const parts = [];
  if (kills > 0) parts.push(counted(kills, "OOM kill"));
  if (restarts > 0) parts.push(counted(restarts, "restart"));
  return parts.join(", ");
}

/** A reason without the container's name, where that stands beside it. */
export function withoutName(detail: string, name: string): string {
  return detail.replace(` of container \`${name}\``, "").replace(`container \`${name}\` `, "");
}
