// One container: what is wrong with it, what it did, what happened to it, its processes and logs.

import { useMemo } from "preact/hooks";
import { download } from "../api/client";
import type { Anomaly, FigureSummary, Happening, History, Row } from "../api/types";
import { Chart, type Mark } from "../charts/chart";
import { series, type Drawn } from "../charts/figures";
import { Events, Strip, type Event, type Stretch } from "../charts/strip";
import { bytes, cores, count, duration, parsed, rate, ratio } from "../lib/format";
import { COMPARE, ends, type Span } from "../lib/range";
import { worst } from "../lib/unusual";
import { Badge, Failure, GrafanaLink, Loading, Since, Unusuals, WhoseLinks, withCode } from "../parts/bits";
import { chosenCompare, chosenSpan, setSpan, SpanPicker } from "../parts/span";
import { happened, incident, state, unusualTone, withoutName } from "../parts/words";
import { now } from "../state/clock";
import { anomalies, entries, find, happenings, troubles } from "../state/live";
import { useContainerHealth, useEarlier, useHistory } from "../state/series";
import { LogPane } from "./logs";
import { ProcessList } from "./processes";

export function ContainerView({ name }: { readonly name: string }) {
  const span = chosenSpan();
  const entry = find(name);
  const row = entry?.row.value ?? null;
  void entries.value;
  // One that is gone still has a history under its id or its name.
  const id = entry?.id ?? name;
  const past = useHistory(id, span);
  if (!row && !past.value)
    return (
      <>
        <h1>{name}</h1>
        {past.problem ? <Failure problem={past.problem} what={`the container ${name}`} /> : <Loading what={name} />}
      </>
    );
  const history = past.value?.container_id === (row?.container_id ?? past.value?.container_id) ? past.value : null;
  return (
    <>
      <Head row={row} history={history} name={name} />
      {row && <Unusual id={row.container_id} />}
      {row && <Troubles id={row.container_id} name={row.name} />}
      <SpanPicker compares />
      {past.problem && !history ? <Failure problem={past.problem} what="its history" /> : <Charts id={id} span={span} history={history} />}
      {row?.status === "running" && <ProcessList id={row.container_id} />}
      <section class="card">
        <h2>Logs</h2>
        {row ? <LogPane containers={row.name} tail={200} /> : <p class="muted">Its log went with it.</p>}
      </section>
    </>
  );
}

function Head({ row, history, name }: { readonly row: Row | null; readonly history: History | null; readonly name: string }) {
  const whose = row ?? history;
  return (
    <header class="head">
      <h1>{row?.name ?? history?.name ?? name}</h1>
      {row ? <Badge tone={state(row).tone}>{state(row).word}</Badge> : <Badge tone="idle">gone</Badge>}
      {whose && <WhoseLinks whose={whose} />}
      <dl class="facts">
        {row && (
          <>
            <dt>image</dt>
            <dd>{row.image}</dd>
            {row.started_at && (
              <>
                <dt>{row.status === "running" ? "up" : "last started"}</dt>
                <dd>
                  <Since at={parsed(row.started_at)} words={row.status === "running" ? "for" : "before"} />
                </dd>
              </>
            )}
          </>
        )}
        <dt>id</dt>
        <dd>
          <code>{(row?.container_id ?? history?.container_id ?? "").slice(0, 12)}</code>
        </dd>
      </dl>
      <GrafanaLink uid="dockmeter-container" variables={{ container: row?.name ?? history?.name ?? name }} />
    </header>
  );
}

function Unusual({ id }: { readonly id: string }) {
  const unusual = anomalies.value.get(id);
  if (!unusual) return null;
  return (
    <section class="card odd" aria-label="what is unusual">
      <Badge tone={unusualTone(worst(unusual))}>unusual</Badge>
      <div class="what">
        <Unusuals of={unusual} />
      </div>
    </section>
  );
}

function Troubles({ id, name }: { readonly id: string; readonly name: string }) {
  const reasons = troubles.value.get(id);
  if (!reasons) return null;
  return (
    <ul class="card troubles" aria-label="what is wrong">
      {reasons.map((reason) => (
        <li key={reason.kind ?? reason.detail}>
          <Badge tone={reason.status === "unhealthy" ? "bad" : "warn"}>{reason.status}</Badge>
          <div class="what">
            <p>
              {withCode(withoutName(reason.detail, name))} {reason.since && <Since at={parsed(reason.since)} />}
            </p>
            <p class="muted">{withCode(reason.next_step)}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}

const CHARTS: readonly Drawn[] = [
  {
    title: "CPU, in cores",
    format: cores,
    axis: (value) => String(Number(value.toPrecision(3))),
    figures: [
      { label: "used", figure: "cpu_usage_cores", colour: "--blue", area: true },
      { label: "limit", figure: "cpu_limit_cores", colour: "--red", dashed: true, distant: true },
    ],
  },
  {
    title: "Memory",
    format: bytes,
    binary: true,
    figures: [
      { label: "working set", figure: "memory_working_set_bytes", colour: "--violet", area: true },
      { label: "cache", figure: "memory_cache_bytes", colour: "--teal" },
      { label: "limit", figure: "memory_limit_bytes", colour: "--red", dashed: true, distant: true },
    ],
  },
  {
    title: "Network",
    format: rate,
    binary: true,
    figures: [
      { label: "in", figure: "network_receive_bytes_per_second", colour: "--blue", area: true },
      { label: "out", figure: "network_transmit_bytes_per_second", colour: "--amber" },
    ],
  },
  {
    title: "Disk",
    format: rate,
    binary: true,
    figures: [
      { label: "read", figure: "disk_read_bytes_per_second", colour: "--blue" },
      { label: "written", figure: "disk_write_bytes_per_second", colour: "--amber", area: true },
    ],
  },
  {
    title: "Held back and waiting",
    format: ratio,
    figures: [
      { label: "throttled", figure: "cpu_throttled_periods_ratio", colour: "--red", area: true },
      { label: "for CPU", figure: "pressure_cpu_waiting_ratio", colour: "--blue" },
      { label: "for memory", figure: "pressure_memory_stalled_ratio", colour: "--violet" },
      { label: "for disk", figure: "pressure_io_stalled_ratio", colour: "--amber" },
    ],
  },
  {
    title: "Processes",
    format: count,
    figures: [
      { label: "processes", figure: "processes", colour: "--teal", area: true },
      { label: "threads", figure: "threads", colour: "--blue" },
    ],
  },
];

function Charts({ id, span, history }: { readonly id: string; readonly span: Span; readonly history: History | null }) {
  const compare = COMPARE.find((one) => one.word === chosenCompare());
  const shift = compare?.seconds ?? 0;
  const earlier = useEarlier(id, span, shift);
  const { from, to } = ends(span, now.value);
  const hours = Math.min(720, Math.max(1, Math.ceil((now.value - from) / 3_600_000)));
  const health = useContainerHealth(id, hours);
  const known = history?.points;
  const before = earlier?.points;
  const drawn = useMemo(
    () => CHARTS.map((chart) => ({ chart, series: series(chart, known ?? []), before: before ? series(chart, before, shift * 1000) : undefined })),
    [known, before, shift],
  );
  const live = happenings.value.filter((one) => one.container_id === id);
  const events = useMemo(() => eventsOf(health, live, from), [health, live.length, Math.floor(from / 10_000)]);
  const marks: Mark[] = useMemo(() => events.filter((one) => one.tone !== "idle").map((one) => ({ at: one.at, colour: `--${one.tone}` })), [events]);
  const unusual = anomalies.value.get(id);
  if (!history) return <Loading what="its history" />;
  return (
    <>
      <div class="charts">
        {drawn.map(({ chart, series, before }) => (
          <Chart key={chart.title} title={chart.title} format={chart.format} axis={chart.axis} binary={chart.binary ?? false} series={series} before={before} unusual={unusualOf(chart, unusual)} marks={marks} from={from} to={to} zoom={(from, to) => setSpan({ from, to })} />
        ))}
      </div>
      <section class="card">
        <h2>State, health and events</h2>
        <Strip stretches={stretches(health)} events={events} from={from} to={to} />
        <Events events={events} />
        <p class="muted">
          {compare && shift > 0 ? `Dotted lines are ${compare.name}'s${earlier && earlier.points.length > 0 ? "" : ", of which nothing is known here"}. ` : ""}
          Steps of {duration(history.interval_seconds)}, from {history.source === "prometheus" ? "Prometheus" : "dockmeter's own history"}. Drag over a chart to look closer.
        </p>
      </section>
      <Figures history={history} />
    </>
  );
}

/** What is unusual of the figures of a chart; the same as long as nothing turns. */
function unusualOf({ figures }: Drawn, all: readonly Anomaly[] | undefined): readonly Anomaly[] | undefined {
  const found = all?.filter((one) => figures.some(({ figure }) => figure === one.metric));
  return found && found.length > 0 ? found : undefined;
}

type Health = ReturnType<typeof useContainerHealth>;

function stretches(health: Health): Stretch[] {
  return (health?.periods ?? []).map((period) => {
    const { word, tone } = state({ status: period.status, health: period.health as Row["health"] });
    return { from: parsed(period.from), to: parsed(period.to), word, tone };
  });
}

/** What is known by its moment from the stream, and before that what the history tells by steps. */
function eventsOf(health: Health, live: readonly Happening[], from: number): Event[] {
  const told: Event[] = live.map((one) => ({ at: parsed(one.timestamp), ...happened(one) })).filter((one) => one.at >= from);
  const first = told.reduce((at, one) => Math.min(at, one.at), Infinity);
  const incidents = (health?.incidents ?? []).map((one) => ({ at: parsed(one.timestamp), word: incident(one.oom_kills, one.restarts), tone: "bad" as const }));
  const changes = stretches(health)
    .slice(1)
    .map((one) => ({ at: one.from, word: one.word, tone: one.tone }));
  const older = [...incidents, ...changes].filter((one) => one.at >= from && one.at < first && one.word !== "");
  return [...told, ...older].sort((a, b) => b.at - a.at);
}

const SUMMARIES: readonly { readonly name: string; readonly figure: string; readonly format: (value: number | null | undefined) => string }[] = [
  { name: "CPU, cores", figure: "cpu_usage_cores", format: cores },
  { name: "throttled", figure: "cpu_throttled_periods_ratio", format: ratio },
  { name: "working set", figure: "memory_working_set_bytes", format: bytes },
  { name: "cache", figure: "memory_cache_bytes", format: bytes },
  { name: "network in", figure: "network_receive_bytes_per_second", format: rate },
  { name: "network out", figure: "network_transmit_bytes_per_second", format: rate },
  { name: "disk read", figure: "disk_read_bytes_per_second", format: rate },
  { name: "disk written", figure: "disk_write_bytes_per_second", format: rate },
];

const FIELDS: readonly (keyof FigureSummary)[] = ["min", "avg", "median", "p95", "p99", "max"];

function Figures({ history }: { readonly history: History }) {
  const { container_id, name, from, to, interval } = history;
  const csv = `/api/containers/${container_id}/metrics/history?${new URLSearchParams({ from, to, interval, format: "csv" })}`;
  return (
    <details class="card">
      <summary>Figures of this time</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label="figures of this time">
        <table>
          <thead>
            <tr>
              <th scope="col">figure</th>
              {FIELDS.map((field) => (
                <th key={field} scope="col" class="num">
                  {field === "avg" ? "average" : field}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {SUMMARIES.map(({ name, figure, format }) => (
              <tr key={figure}>
                <th scope="row">{name}</th>
                {FIELDS.map((field) => (
                  <td key={field} class="num">
                    {format(history.summary[figure]?.[field])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="muted">
        In all {bytes(history.totals["network_receive_bytes"])} received, {bytes(history.totals["network_transmit_bytes"])} sent, {bytes(history.totals["disk_read_bytes"])} read,{" "}
        {bytes(history.totals["disk_write_bytes"])} written. <button type="button" class="link" onClick={() => void download(csv, `${name}.csv`)}>As CSV</button>
      </p>
    </details>
  );
}

