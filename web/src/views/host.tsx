// The machine: how each part of it is, why, and how it was.

import { useMemo } from "preact/hooks";
import type { Domain, HealthPoint } from "../api/types";
import { Chart } from "../charts/chart";
import { isKnown, series, type Drawn } from "../charts/figures";
import { Strip, type Stretch } from "../charts/strip";
import { bytes, figure, parsed, rate, ratio } from "../lib/format";
import { ends } from "../lib/range";
import { Badge, Failure, GrafanaLink, Loading, Since, withCode } from "../parts/bits";
import { chosenSpan, setSpan, SpanPicker } from "../parts/span";
import { TONES } from "../parts/words";
import { now } from "../state/clock";
import { healthAnswer, who } from "../state/live";
import { to } from "../state/route";
import { useHostHistory } from "../state/series";

const WEEK = 7 * 86_400;

const CHARTS: readonly Drawn[] = [
  { title: "CPU in use", format: ratio, figures: [{ label: "CPU", figure: "cpu_ratio", colour: "--blue", area: true }] },
  {
    title: "Memory",
    format: bytes,
    binary: true,
    figures: [
      { label: "in use", figure: "memory_used_bytes", colour: "--violet", area: true },
      { label: "swap", figure: "swap_used_bytes", colour: "--amber" },
      { label: "there is", figure: "memory_total_bytes", colour: "--red", dashed: true, distant: true },
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
    title: "Waiting",
    format: ratio,
    figures: [
      { label: "for CPU", figure: "pressure_cpu_waiting_ratio", colour: "--blue", area: true },
      { label: "for memory", figure: "pressure_memory_stalled_ratio", colour: "--violet" },
      { label: "for disk", figure: "pressure_io_stalled_ratio", colour: "--amber" },
    ],
  },
  { title: "Load", format: (value) => (value == null ? "–" : figure(value)), figures: [{ label: "tasks", figure: "load1", colour: "--teal", area: true }] },
  { title: "Fullest disk", format: ratio, figures: [{ label: "in use", figure: "disk_ratio", colour: "--teal", area: true }] },
];

export function HostView() {
  const status = healthAnswer.value.value?.status;
  return (
    <>
      <header class="head">
        <h1>{who.value?.host ?? "Host"}</h1>
        {status && <Badge tone={TONES[status] ?? "idle"}>{status}</Badge>}
        <GrafanaLink uid="dockmeter-host" />
      </header>
      <Machine />
    </>
  );
}

function Machine() {
  const span = chosenSpan();
  const { from, to: until } = ends(span, now.value);
  const hours = Math.min(168, Math.max(1, Math.ceil((now.value - from) / 3_600_000)));
  const past = useHostHistory(hours);
  const { value, problem } = healthAnswer.value;
  const points = past.value?.points;
  const drawn = useMemo(() => CHARTS.map((chart) => ({ chart, series: series(chart, points ?? []) })), [points]);
  if (!value && problem) return <Failure problem={problem} what="the host" />;
  if (!value) return <Loading what="the host" />;
  return (
    <>
      <Domains domains={value.domains} />
      <SpanPicker longest={WEEK} />
      {past.problem && !past.value ? (
        <Failure problem={past.problem} what="the host's history" />
      ) : !points ? (
        <Loading what="the host's history" />
      ) : (
        <>
          <section class="card">
            <h2>How everything was</h2>
            <Strip stretches={stretches(points)} events={[]} from={from} to={until} />
          </section>
          <div class="charts">
            {drawn
              .filter(({ series }) => isKnown(series))
              .map(({ chart, series }) => (
                <Chart key={chart.title} title={chart.title} format={chart.format} axis={chart.axis} binary={chart.binary ?? false} series={series} from={from} to={until} zoom={(from, to) => setSpan({ from, to })} />
              ))}
          </div>
        </>
      )}
    </>
  );
}

function Domains({ domains }: { readonly domains: Record<string, Domain> }) {
  const all = Object.entries(domains);
  const own = all.flatMap(([name, { reasons }]) => reasons.filter((reason) => !reason.container).map((reason) => ({ name, reason })));
  return (
    <>
      <ul class="domains">
        {all.map(([name, domain]) => (
          <li key={name} class="card">
            <h2>
              {name} <Badge tone={TONES[domain.status] ?? "idle"}>{domain.status}</Badge>
            </h2>
            <p class="muted">{domain.summary}</p>
            {domain.reasons.some((reason) => reason.container) && <a href={to(["containers"], { state: "trouble" })}>which are in trouble</a>}
          </li>
        ))}
      </ul>
      {own.length > 0 && (
        <ul class="card troubles" aria-label="what is wrong">
          {own.map(({ name, reason }) => (
            <li key={`${name}${reason.kind ?? ""}${reason.detail}`}>
              <Badge tone={TONES[reason.status] ?? "idle"}>{name}</Badge>
              <div class="what">
                <p>
                  {withCode(reason.detail)} {reason.since && <Since at={parsed(reason.since)} />}
                </p>
                <p class="muted">{withCode(reason.next_step)}</p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** Steps of one status as one stretch each. A step ends at its time. */
function stretches(points: readonly HealthPoint[]): Stretch[] {
  const found: Stretch[] = [];
  const first = points[0];
  const second = points[1];
  let from = first ? parsed(first.timestamp) - (second ? parsed(second.timestamp) - parsed(first.timestamp) : 60_000) : 0;
  for (const point of points) {
    const at = parsed(point.timestamp);
    const last = found.at(-1);
    if (last && last.word === point.status) found[found.length - 1] = { ...last, to: at };
    else found.push({ from, to: at, word: point.status, tone: TONES[point.status] ?? "idle" });
    from = at;
  }
  return found;
}
