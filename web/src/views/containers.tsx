// All containers as a table: sorted, searched and narrowed. What it shows stands in the address.

import { memo } from "preact/compat";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Row } from "../api/types";
import { Trace } from "../charts/trace";
import { bytes, cores, counted, duration, percent, rate } from "../lib/format";
import { Badge, Bar, Empty, Failure, GrafanaLink, Loading } from "../parts/bits";
import { besideName, worst } from "../lib/unusual";
import { gravest, state, unusualTone, withoutName } from "../parts/words";
import { anomalies, entries, host, summaryAnswer, troubles, type Entry } from "../state/live";
import { go, here, param, searchWanted, to } from "../state/route";

type Column = "name" | "user" | "project" | "team" | "state" | "cpu" | "memory" | "network" | "disk" | "uptime";

const COLUMNS: readonly { readonly word: Column; readonly name: string; readonly kind?: string; readonly down?: boolean }[] = [
  { word: "name", name: "container" },
  { word: "user", name: "user", kind: "middle" },
  { word: "project", name: "project", kind: "middle" },
  { word: "team", name: "team", kind: "middle" },
  { word: "state", name: "state", kind: "state" },
  { word: "cpu", name: "CPU", kind: "num cpu", down: true },
  { word: "memory", name: "memory", kind: "num", down: true },
  { word: "network", name: "network", kind: "num wide", down: true },
  { word: "disk", name: "disk", kind: "num wide", down: true },
  { word: "uptime", name: "up for", kind: "num middle", down: true },
];

const STATES = ["all", "trouble", "running", "stopped"] as const;

const FILTERS = ["user", "project", "team"] as const;

export function Containers() {
  return (
    <>
      <header class="head">
        <h1>Containers</h1>
        <Dashboard />
      </header>
      <All />
    </>
  );
}

/** The dashboard of the one user, project or team that is shown, else that of all. */
function Dashboard() {
  const kind = FILTERS.find((one) => param(one));
  const chosen = Object.fromEntries(FILTERS.flatMap((one) => (param(one) ? [[one, param(one) ?? ""]] : [])));
  return <GrafanaLink uid={kind ? `${kind}-performance` : "system-overview"} variables={chosen} />;
}

function All() {
  const { value, problem } = summaryAnswer.value;
  if (!value && problem) return <Failure problem={problem} what="containers" />;
  if (!value) return <Loading what="containers" />;
  return (
    <>
      <Filters />
      <Table />
    </>
  );
}

function Filters() {
  const search = useRef<HTMLInputElement>(null);
  const list = [...entries.value.values()].map((entry) => entry.row.peek());
  useEffect(() => {
    if (searchWanted.value) search.current?.focus();
    searchWanted.value = false;
  }, [searchWanted.value]);
  return (
    <div class="filters" role="search">
      <label>
        <span class="unseen">search</span>
        <input
          ref={search}
          type="search"
          placeholder="name, image or id  ( / )"
          value={param("q") ?? ""}
          onInput={(event) => go(here({ q: event.currentTarget.value || null }), true)}
        />
      </label>
      {FILTERS.map((kind) => (
        <label key={kind}>
          <span class="unseen">{kind}</span>
          <select value={param(kind) ?? ""} onChange={(event) => go(here({ [kind]: event.currentTarget.value || null }), true)}>
            <option value="">every {kind}</option>
            {values(list, kind, param(kind)).map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      ))}
      <label>
        <span class="unseen">state</span>
        <select value={param("state") ?? "all"} onChange={(event) => go(here({ state: event.currentTarget.value === "all" ? null : event.currentTarget.value }), true)}>
          {STATES.map((one) => (
            <option key={one} value={one}>
              {one === "all" ? "every state" : one === "trouble" ? "in trouble" : one}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

/** What a filter offers: all that there is, and what is chosen though it is not there. */
function values(list: Row[], kind: (typeof FILTERS)[number], chosen: string | null): string[] {
  const found = new Set(list.map((row) => row[kind]));
  if (chosen) found.add(chosen);
  return [...found].sort((a, b) => a.localeCompare(b));
}

function Table() {
  const column = COLUMNS.find((one) => one.word === param("sort")) ?? COLUMNS[0]!;
  const turned = param("order") === "other";
  // Sorted anew with each summary, so that rows do not jump with every number.
  const round = summaryAnswer.value.at;
  const all = entries.value;
  const key = ["q", "user", "project", "team", "state"].map((name) => param(name) ?? "").join("\u0000");
  const shown = useMemo(() => {
    const wanted = [...all.values()].filter((entry) => isWanted(entry.row.peek()));
    return sorted(wanted, column.word, turned !== (column.down ?? false));
  }, [all, round, key, column.word, turned, troubles.value]);
  if (all.size === 0)
    return (
      <Empty title="No containers yet">
        <p>They appear here by themselves as soon as the engine starts some.</p>
      </Empty>
    );
  return (
    <>
      <p class="muted" role="status">
        {shown.length === all.size ? counted(all.size, "container") : `${shown.length} of ${counted(all.size, "container")}`}
        {shown.length < all.size && (
          <>
            {" · "}
            <a href={to(["containers"])}>show all</a>
          </>
        )}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="table of containers">
        <table class="list">
          <thead>
            <tr>
              {COLUMNS.map((one) => (
                <Heading key={one.word} column={one} chosen={one === column} up={one === column && turned !== (one.down ?? false)} turned={turned} />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((entry) => (
              <Line key={entry.id} entry={entry} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface HeadingProps {
  readonly column: (typeof COLUMNS)[number];
  readonly chosen: boolean;
  readonly up: boolean;
  readonly turned: boolean;
}

function Heading({ column, chosen, up, turned }: HeadingProps) {
  const next = chosen && !turned ? "other" : null;
  return (
    <th scope="col" class={column.kind} aria-sort={chosen ? (up ? "descending" : "ascending") : "none"}>
      <button type="button" onClick={() => go(here({ sort: column.word === "name" ? null : column.word, order: next }), true)}>
        {column.name}
        <span aria-hidden="true">{chosen ? (up ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

function isWanted(row: Row): boolean {
  for (const kind of FILTERS) {
    const wanted = param(kind);
    if (wanted && row[kind] !== wanted) return false;
  }
  const state = param("state");
  if (state === "running" && row.status !== "running") return false;
  if (state === "stopped" && row.status === "running") return false;
  if (state === "trouble" && !troubles.peek().has(row.container_id)) return false;
  const words = (param("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${row.name} ${row.image} ${row.container_id.slice(0, 12)}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function weight(row: Row, column: Column): number | string {
  switch (column) {
    case "cpu":
      return row.cpu.usage_cores ?? -1;
    case "memory":
      return row.memory.working_set_bytes ?? -1;
    case "network":
      return row.network ? (row.network.receive_bytes_per_second ?? 0) + (row.network.transmit_bytes_per_second ?? 0) : -1;
    case "disk":
      return (row.disk.read_bytes_per_second ?? 0) + (row.disk.write_bytes_per_second ?? 0);
    case "uptime":
      return row.uptime_seconds ?? -1;
    case "state": {
      const ill = gravest(troubles.peek().get(row.container_id));
      return (ill === "bad" ? "0" : ill === "warn" ? "1" : row.status === "running" ? "2" : "3") + state(row).word;
    }
    default:
      return row[column];
  }
}

function sorted(list: Entry[], column: Column, down: boolean): Entry[] {
  const keyed = list.map((entry) => ({ entry, key: weight(entry.row.peek(), column), name: entry.row.peek().name }));
  const order = (a: number | string, b: number | string) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  keyed.sort((a, b) => (down ? order(b.key, a.key) : order(a.key, b.key)) || a.name.localeCompare(b.name));
  return keyed.map(({ entry }) => entry);
}

/** One row; it is drawn anew when its own container's figures change, and no other. */
const Line = memo(function Line({ entry }: { readonly entry: Entry }) {
  const row = entry.row.value;
  const reasons = troubles.value.get(entry.id);
  const unusual = anomalies.value.get(entry.id);
  const ill = gravest(reasons);
  const { word, tone } = state(row);
  return (
    <tr class={ill ? `ill-${ill}` : undefined}>
      <th scope="row">
        <a href={to(["containers", row.name])}>{row.name}</a>
        <span class="image">{row.image}</span>
      </th>
      {FILTERS.map((kind) => (
        <td key={kind} class="middle">
          <a class="plain" href={here({ [kind]: row[kind] })}>
            {row[kind]}
          </a>
        </td>
      ))}
      <td>
        <Badge tone={tone}>{word}</Badge>
        {unusual && (
          <span class={`reason ${unusualTone(worst(unusual))}`} title={unusual.map((one) => besideName(one)).join("; ")}>
            unusual: {unusual.map((one) => one.description).join(", ")}
          </span>
        )}
        {reasons?.[0] && <span class={`reason ${ill}`}>{withoutName(reasons[0].detail, row.name).replaceAll("`", "")}</span>}
      </td>
      <td class="num cpu">
        <Trace values={entry.trace} least={0.1} />
        <span>{cores(row.cpu.usage_cores)}</span>
        <Bar share={row.cpu.percent_of_limit} label={`${percent(row.cpu.percent_of_limit)} of ${row.cpu.limit_cores ? "its limit" : "the host"}`} />
      </td>
      <td class="num">
        <span>{bytes(row.memory.working_set_bytes)}</span>
        <MemoryBar row={row} />
      </td>
      <td class="num wide">{row.network ? rate((row.network.receive_bytes_per_second ?? 0) + (row.network.transmit_bytes_per_second ?? 0)) : "–"}</td>
      <td class="num wide">{row.status === "running" ? rate((row.disk.read_bytes_per_second ?? 0) + (row.disk.write_bytes_per_second ?? 0)) : "–"}</td>
      <td class="num middle">{row.uptime_seconds == null ? "–" : duration(row.uptime_seconds)}</td>
    </tr>
  );
});

function MemoryBar({ row }: { readonly row: Row }) {
  const most = row.memory.limit_bytes ?? host.value.memoryBytes;
  const share = row.memory.working_set_bytes == null || !most ? null : (100 * row.memory.working_set_bytes) / most;
  return <Bar share={share} label={`${percent(share)} of ${row.memory.limit_bytes ? "its limit" : "the host"}`} />;
}
