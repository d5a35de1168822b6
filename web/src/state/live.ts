// What runs and what it uses, now. The list and all its figures come from the summary; CPU,
// network and what becomes of containers come through the stream as they happen.

import { batch, computed, effect, signal, type Signal } from "@preact/signals";
import { Problem } from "../api/client";
import { login } from "../api/session";
import { follow } from "../api/stream";
import type { Anomaly, Happening, Health, Reason, Row, Summary, Tick, Turned, WhoAmI } from "../api/types";
import { seen } from "./clock";
import { poll } from "./poll";
import { byContainer, withTurn } from "../lib/unusual";

/** Values of a small line beside a number: two minutes at a value a second. */
const TRACE_LENGTH = 120;

/** Happenings that are kept for the list. */
const MOST_HAPPENINGS = 300;

/** Beyond so many containers numbers come more seldom. */
const MANY = 200;

/** A page that nobody sees gives its stream back after this time. */
const UNSEEN_MS = 30_000;

/** One container: its figures, and the last of its CPU in cores. */
export interface Entry {
  readonly id: string;
  readonly row: Signal<Row>;
  readonly trace: Signal<readonly number[]>;
}

export type Link =
  | { readonly state: "connecting" | "live" }
  | { readonly state: "lost"; readonly why: Problem; readonly retryAt: number | null };

export const entries = signal<ReadonlyMap<string, Entry>>(new Map());
export const host = signal<{ cores: number | null; memoryBytes: number | null }>({ cores: null, memoryBytes: null });
export const happenings = signal<readonly Happening[]>([]);
/** What is unusual now, by container. */
export const anomalies = signal<ReadonlyMap<string, readonly Anomaly[]>>(new Map());
export const link = signal<Link>({ state: "connecting" });
/** When the newest number was measured, in milliseconds since 1970. */
export const measuredAt = signal(0);

const summary = poll<Summary>(() => "/api/containers/metrics/summary", 5000);
const health = poll<Health>(() => "/api/system/health", 5000);
const whoami = poll<WhoAmI>(() => "/api/whoami", 300_000);

export const summaryAnswer = summary.answer;
export const healthAnswer = health.answer;
export const who = computed(() => whoami.answer.value.value);

/** Rows of all containers; changes with every figure, so views that list take `entries`. */
export const rows = computed(() => [...entries.value.values()].map((entry) => entry.row.value));

/** Reasons by the container that they are about. */
export const troubles = computed(() => {
  const found = new Map<string, Reason[]>();
  for (const domain of Object.values(health.answer.value.value?.domains ?? {})) {
    for (const reason of domain.reasons) {
      if (!reason.container) continue;
      const known = found.get(reason.container.id);
      if (known) known.push(reason);
      else found.set(reason.container.id, [reason]);
    }
  }
  return found;
});

export function may(what: keyof WhoAmI["can"]): boolean {
  return who.value?.can[what] ?? false;
}

/** The entry of a name, an id or the beginning of one. */
export function find(name: string): Entry | null {
  const all = [...entries.value.values()];
  return (
    all.find((entry) => entry.row.value.name === name) ??
    (name.length >= 4 ? all.find((entry) => entry.id.startsWith(name)) : undefined) ??
    null
  );
}

let stream: ReturnType<typeof follow> | null = null;
/** The last event that was read; 1 asks for all that the server still knows. */
let lastId = "1";

/** Begins to follow what happens, and again for each login. */
export function begin(): void {
  effect(() => {
    const answer = summary.answer.value.value;
    if (!answer) return;
    take(answer);
    if (!stream && seen.peek()) connect();
  });
  login.subscribe(again);
  let timer: ReturnType<typeof setTimeout> | undefined;
  seen.subscribe((visible) => {
    clearTimeout(timer);
    if (!visible) timer = setTimeout(hangUp, UNSEEN_MS);
    else if (!stream && entries.peek().size > 0) connect();
  });
  window.addEventListener("online", () => stream?.now());
}

/** Another login sees other containers: what the last one saw is forgotten. */
function again(): void {
  hangUp();
  lastId = "1";
  batch(() => {
    for (const asked of [summary, health, whoami]) asked.forget();
    entries.value = new Map();
    happenings.value = [];
    anomalies.value = new Map();
    link.value = { state: "connecting" };
  });
  refresh();
}

function hangUp(): void {
  stream?.stop();
  stream = null;
}

/** Asks for everything now. */
export function refresh(): void {
  whoami.now();
  summary.now();
  health.now();
  stream?.now();
}

function connect(): void {
  hangUp();
  const interval = entries.peek().size > MANY ? 2000 : 1000;
  stream = follow(`/api/containers/metrics/stream?interval=${interval}`, lastId, {
    open: () => {
      link.value = { state: "live" };
      summary.now();
      health.now();
    },
    lost: (why, waitMs) => {
      link.value = { state: "lost", why, retryAt: waitMs == null ? null : Date.now() + waitMs };
    },
    event: ({ id, event, data }) => {
      if (id) lastId = id;
      if (event === "metrics") tick(JSON.parse(data) as Tick);
      else if (event === "container") happened(JSON.parse(data) as Happening);
      else if (event === "anomaly") turned(JSON.parse(data) as Turned);
      else if (event === "anomalies") anomalies.value = byContainer((JSON.parse(data) as { anomalies: Anomaly[] }).anomalies);
      else if (event === "missed") missed(JSON.parse(data) as { reason: string });
    },
  });
}

/** The summary says which containers there are; what is gone is forgotten. */
function take(answer: Summary): void {
  const { totals } = answer;
  host.value = {
    cores: whole(totals.cpu.usage_cores, totals.cpu.percent_of_host) ?? host.peek().cores,
    memoryBytes: whole(totals.memory.usage_bytes, totals.memory.percent_of_host) ?? host.peek().memoryBytes,
  };
  const known = entries.peek();
  const next = new Map<string, Entry>();
  batch(() => {
    let changed = known.size !== answer.containers.length;
    for (const row of answer.containers) {
      const entry = known.get(row.container_id);
      if (entry) entry.row.value = row;
      else changed = true;
      next.set(row.container_id, entry ?? { id: row.container_id, row: signal(row), trace: signal([]) });
    }
    if (changed) entries.value = next;
  });
}

/** The whole of which `part` is `percent`. */
function whole(part: number | null, percent: number | null): number | null {
  return part && percent ? (part * 100) / percent : null;
}

function tick(tick: Tick): void {
  batch(() => {
    measuredAt.value = Date.parse(tick.timestamp);
    for (const [id, figures] of Object.entries(tick.containers)) {
      const entry = entries.peek().get(id);
      if (!entry) continue;
      const row = entry.row.peek();
      const percent = figures.cpu.percent;
      const most = row.cpu.limit_cores ?? host.peek().cores;
      entry.row.value = {
        ...row,
        cpu: {
          ...row.cpu,
          percent,
          usage_cores: percent == null ? null : percent / 100,
          percent_of_limit: percent == null || !most ? row.cpu.percent_of_limit : percent / most,
        },
        network: figures.network,
      };
      if (percent != null) entry.trace.value = [...entry.trace.peek().slice(1 - TRACE_LENGTH), percent / 100];
    }
  });
}

/** What is unusual now comes anew after that, from a server that knows. */
function missed({ reason }: { reason: string }): void {
  if (reason === "late") anomalies.value = new Map();
  summary.now();
}

function turned(one: Turned): void {
  batch(() => {
    anomalies.value = withTurn(anomalies.peek(), one);
    const action = one.state === "began" ? "unusual" : "usual";
    happenings.value = [{ ...one, action }, ...happenings.peek()].slice(0, MOST_HAPPENINGS);
  });
}

/** Asks anew soon after something happened, once for all that happens together. */
let due: ReturnType<typeof setTimeout> | undefined;

function happened(happening: Happening): void {
  happenings.value = [happening, ...happenings.peek()].slice(0, MOST_HAPPENINGS);
  const entry = entries.peek().get(happening.container_id);
  if (entry) entry.row.value = { ...entry.row.peek(), ...consequence(happening) };
  clearTimeout(due);
  due = setTimeout(() => (summary.now(), health.now()), 150);
}

/** What is known of a container the moment that something becomes of it. */
function consequence({ action, health, name, timestamp }: Happening): Partial<Row> {
  if (action === "started") return { status: "running", started_at: timestamp };
  if (action === "unpaused") return { status: "running" };
  if (action === "died" || action === "stopped") return { status: "exited", health: null };
  if (action === "paused") return { status: "paused" };
  if (action === "renamed") return { name };
  if (action === "health") return { health: (health ?? null) as Row["health"] };
  return {};
}
