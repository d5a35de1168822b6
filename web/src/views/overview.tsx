// The first page: what is in trouble, what all of it uses, whose that is, and what happened.

import { computed } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { login } from "../api/session";
import type { Health, Reason } from "../api/types";
import { told } from "../lib/findings";
import { bytes, cores, percent, rate } from "../lib/format";
import { BY, sums, total, type By, type Sum } from "../lib/group";
import { worst } from "../lib/unusual";
import { Badge, Bar, Choice, Failure, GrafanaLink, Loading, Since, Unusuals, WhoseLinks, withCode } from "../parts/bits";
import { gravest, happened, unusualTone, weight, withoutName } from "../parts/words";
import { Events } from "../charts/strip";
import { worstFindings } from "../state/findings";
import { go, here, param, to } from "../state/route";
import { anomalies, entries, happenings, healthAnswer, host, rows, summaryAnswer, troubles } from "../state/live";

const all = computed(() => total(rows.value));

export function Overview() {
  return (
    <>
      <h1 class="unseen">Overview</h1>
      <All />
    </>
  );
}

function All() {
  const { value, problem } = summaryAnswer.value;
  if (!value && problem) return <Failure problem={problem} what="what runs here" />;
  if (!value) return <Loading what="what runs here" />;
  return (
    <>
      <Trouble />
      <UnusualNow />
      <HoldsUp />
      <Totals />
      <div class="two">
        <Groups />
        <section class="card">
          <h2>What happened</h2>
          <Recent />
        </section>
      </div>
    </>
  );
}

/** What is in trouble: a container, or a part of the machine, with all that is wrong with it. */
interface Item {
  readonly name: string;
  readonly container: Reason["container"];
  readonly reasons: Reason[];
}

/** The gravest first, then what began last. */
function items(health: Health | null): Item[] {
  const found = new Map<string, Item>();
  for (const [domain, { reasons }] of Object.entries(health?.domains ?? {})) {
    for (const reason of reasons) {
      const { container } = reason;
      const key = container?.id ?? domain;
      const known = found.get(key);
      if (known) known.reasons.push(reason);
      else found.set(key, { name: container?.name ?? domain, container, reasons: [reason] });
    }
  }
  const weight = (item: Item) => (gravest(item.reasons) === "bad" ? 0 : 1);
  return [...found.values()].sort((a, b) => weight(a) - weight(b) || (began(b) ?? 0) - (began(a) ?? 0));
}

/** Since when something is in trouble: when the first of its reasons began to hold. */
function began({ reasons }: Item): number | null {
  const known = reasons.flatMap((reason) => (reason.since ? [Date.parse(reason.since)] : []));
  return known.length > 0 ? Math.min(...known) : null;
}

/** More than these are behind a click. */
const FIRST = 5;

function Trouble() {
  const { value, problem } = healthAnswer.value;
  const found = useMemo(() => items(value), [value]);
  if (!value) return problem ? <Failure problem={problem} what="how everything is" /> : <Loading what="how everything is" />;
  if (found.length === 0)
    return (
      <section class="card calm" aria-label="in trouble">
        <span class="dot good" aria-hidden="true" />
        <h2>Nothing is in trouble</h2>
        <p class="muted">
          {Object.values(value.domains)
            .map((domain) => domain.summary)
            .filter(Boolean)
            .slice(0, 3)
            .join(" · ")}
        </p>
      </section>
    );
  const shown = param("all") ? found : found.slice(0, FIRST);
  return (
    <section class="card trouble" aria-label="in trouble">
      <h2>
        In trouble <span class="number">{found.length}</span>
      </h2>
      <ul>
        {shown.map((item) => (
          <li key={item.container?.id ?? item.name}>
            <TroubleRow item={item} />
          </li>
        ))}
      </ul>
      {shown.length < found.length && <a href={here({ all: "1" })}>and {found.length - shown.length} more</a>}
    </section>
  );
}

function TroubleRow({ item }: { readonly item: Item }) {
  const { name, container, reasons } = item;
  const tone = gravest(reasons) ?? "warn";
  const since = began(item);
  return (
    <>
      <Badge tone={tone}>{tone === "bad" ? "unhealthy" : "warning"}</Badge>
      <div class="what">
        <p class="line">
          {container ? (
            <a class="strong" href={to(["containers", name])}>
              {name}
            </a>
          ) : (
            <a class="strong" href={to(["host"])}>
              {name}
            </a>
          )}
          {container && <WhoseLinks whose={container} />}
          {since != null && <Since at={since} />}
        </p>
        {reasons.map((reason) => (
          <p key={reason.kind ?? reason.detail}>
            {withCode(container ? withoutName(reason.detail, name) : reason.detail)}
            <span class="muted"> · {withCode(reason.next_step)}</span>
          </p>
        ))}
      </div>
    </>
  );
}

/** What is unusual now, what began last first. */
function UnusualNow() {
  const found = [...anomalies.value.entries()].flatMap(([id, of]) => {
    const row = entries.value.get(id)?.row.peek();
    return row ? [{ id, row, of, began: Math.max(...of.map((one) => Date.parse(one.since))) }] : [];
  });
  if (found.length === 0) return null;
  found.sort((a, b) => b.began - a.began);
  return (
    <section class="card trouble" aria-label="unusual now">
      <h2>
        Unusual now <span class="number">{found.length}</span>
      </h2>
      <ul>
        {(param("all") ? found : found.slice(0, FIRST)).map(({ id, row, of }) => (
          <li key={id}>
            <Badge tone={unusualTone(worst(of))}>unusual</Badge>
            <div class="what">
              <p class="line">
                <a class="strong" href={to(["containers", row.name])}>
                  {row.name}
                </a>
                <WhoseLinks whose={row} />
              </p>
              <Unusuals of={of} />
            </div>
          </li>
        ))}
      </ul>
      {!param("all") && found.length > FIRST && <a href={here({ all: "1" })}>and {found.length - FIRST} more</a>}
    </section>
  );
}

/** The worst that holds requests up. Whoever may not know it, or has nobody to ask, sees nothing of it. */
function HoldsUp() {
  useEffect(() => {
    worstFindings.resume();
    return worstFindings.stop;
  }, [login.value]);
  const { value } = worstFindings.answer.value;
  if (!value || value.findings.length === 0) return null;
  const all = value.findings.length + value.left_out;
  return (
    <section class="card trouble" aria-label="what holds requests up">
      <h2>
        Holds requests up <span class="number">{all}</span>
      </h2>
      <ul>
        {value.findings.map((finding) => (
          <li key={finding.sentence}>
            <Badge tone={weight(finding.severity)}>{finding.severity}</Badge>
            <p>{withCode(told(finding).head)}</p>
          </li>
        ))}
      </ul>
      <a href={to(["findings"])}>why, and what to do next</a>
    </section>
  );
}

function Totals() {
  const sum = all.value;
  const { cores: hostCores, memoryBytes } = host.value;
  const cpuShare = hostCores ? (100 * sum.cores) / hostCores : null;
  const memoryShare = memoryBytes ? (100 * sum.memory) / memoryBytes : null;
  return (
    <section class="totals" aria-label="in use by all containers">
      <Tile label="Containers" value={String(sum.running)} note={`running of ${sum.containers}`} />
      <Tile label="CPU" value={cores(sum.cores)} note={hostCores ? `of ${Math.round(hostCores)} cores` : "cores"}>
        <Bar share={cpuShare} label={`${percent(cpuShare)} of the host's CPU`} />
      </Tile>
      <Tile label="Memory" value={bytes(sum.memory)} note={memoryBytes ? `of ${bytes(memoryBytes)}` : ""}>
        <Bar share={memoryShare} label={`${percent(memoryShare)} of the host's memory`} />
      </Tile>
      <Tile label="Network" value={rate(sum.receive + sum.transmit)} note={`${rate(sum.receive)} in, ${rate(sum.transmit)} out`} />
      <Tile label="Disk" value={rate(sum.disk)} note="read and written" />
    </section>
  );
}

function Tile({ label, value, note, children }: { label: string; value: string; note: string; children?: preact.ComponentChildren }) {
  return (
    <div class="card tile">
      <h3>{label}</h3>
      <p class="big">{value}</p>
      {children}
      <p class="muted">{note}</p>
    </div>
  );
}

function Groups() {
  const by = BY.find((one) => one === param("by")) ?? "project";
  const found = useInPlace(computedSums(by), by);
  const ill = new Map<string, number>();
  for (const row of rows.value) if (troubles.value.has(row.container_id)) ill.set(row[by], (ill.get(row[by]) ?? 0) + 1);
  const { cores: hostCores, memoryBytes } = host.value;
  const most = Math.max(...found.map((sum) => sum.cores), 0.001);
  const mostMemory = Math.max(...found.map((sum) => sum.memory), 1);
  return (
    <section class="card groups">
      <header>
        <h2>Whose it is</h2>
        <GrafanaLink uid="system-overview" />
        <Choice label="grouped by" options={BY.map((word) => ({ word, name: word }))} value={by} pick={(word) => go(here({ by: word === "project" ? null : word }), true)} />
      </header>
      {found.length === 0 ? (
        <p class="muted">There are no containers yet. They appear here by themselves.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{by}</th>
              <th scope="col" class="num">containers</th>
              <th scope="col" class="num">CPU</th>
              <th scope="col" class="num">memory</th>
              <th scope="col" class="num wide">network</th>
              <th scope="col" class="num wide">disk</th>
            </tr>
          </thead>
          <tbody>
            {found.map((sum) => (
              <tr key={sum.name}>
                <th scope="row">
                  <a href={to(["containers"], { [by]: sum.name })}>{sum.name}</a>
                  {ill.has(sum.name) && <span class="ill">{ill.get(sum.name)} in trouble</span>}
                </th>
                <td class="num">
                  {sum.running}
                  {sum.running < sum.containers && <span class="muted"> of {sum.containers}</span>}
                </td>
                <td class="num">
                  {cores(sum.cores)}
                  <Meter part={sum.cores / most} label={hostCores ? `${percent((100 * sum.cores) / hostCores)} of the host` : ""} />
                </td>
                <td class="num">
                  {bytes(sum.memory)}
                  <Meter part={sum.memory / mostMemory} label={memoryBytes ? `${percent((100 * sum.memory) / memoryBytes)} of the host` : ""} />
                </td>
                <td class="num wide">{rate(sum.receive + sum.transmit)}</td>
                <td class="num wide">{rate(sum.disk)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

const byUser = computed(() => sums(rows.value, "user"));
const byProject = computed(() => sums(rows.value, "project"));
const byTeam = computed(() => sums(rows.value, "team"));

function computedSums(by: By) {
  return { user: byUser, project: byProject, team: byTeam }[by].value;
}

/** Sums in an order that changes with each summary, so that rows do not jump with every number. */
function useInPlace(found: readonly Sum[], by: By): Sum[] {
  const round = summaryAnswer.value.at;
  const order = useMemo(() => new Map(found.map((sum, place) => [sum.name, place])), [round, by]);
  const place = (sum: Sum) => order.get(sum.name) ?? order.size;
  return [...found].sort((a, b) => place(a) - place(b));
}

/** A part of the largest, for comparing rows by eye. */
function Meter({ part, label }: { readonly part: number; readonly label: string }) {
  return (
    <span class="meter" title={label} aria-hidden="true">
      <i style={{ width: `${Math.round(100 * part)}%` }} />
    </span>
  );
}

function Recent() {
  const events = happenings.value.slice(0, 60).map((one) => ({ at: Date.parse(one.timestamp), ...happened(one), name: one.name }));
  if (events.length === 0)
    return <p class="muted">Nothing yet. Starts, ends, OOM kills, health checks and what is unusual appear here as they happen.</p>;
  return <Events events={events} most={14} />;
}

