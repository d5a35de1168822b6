// One chart over time: lines with their limit, the same time of another day behind them, and
// marks where something happened. All charts of a page share their cursor.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Anomaly } from "../api/types";
import { places } from "../lib/lttb";
import { Unusuals } from "../parts/bits";
import { shown } from "../state/theme";

export type Values = (number | null)[];

export interface Line {
  readonly label: string;
  readonly values: Values;
  /** A colour of the style sheet, as `--blue`. */
  readonly colour: string;
  readonly area?: boolean;
  readonly dashed?: boolean;
  /** Whether the scale reaches it only when the other lines come near it, as a limit. */
  readonly distant?: boolean;
}

export interface Mark {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly colour: string;
}

export interface Series {
  /** Milliseconds since 1970, ascending. */
  readonly times: number[];
  readonly lines: Line[];
}

interface Props {
  readonly title: string;
  readonly format: (value: number | null | undefined) => string;
  /** How the axis is written, if not as the values. */
  readonly axis?: ((value: number) => string) | undefined;
  /** Whether the axis counts in powers of 1024. */
  readonly binary?: boolean;
  readonly series: Series;
  /** The same lines of an earlier time, moved to this one. */
  readonly before?: Series | undefined;
  readonly marks?: readonly Mark[];
  /** What of it is unusual now: said in words, and shaded since when it is so. */
  readonly unusual?: readonly Anomaly[] | undefined;
  readonly from: number;
  readonly to: number;
  readonly zoom?: (from: number, to: number) => void;
}

/** Sizes at the usual size of letters; a wall's are larger. */
const HEIGHT = 168;
const AXIS = 66;
const LETTERS = 11;
const USUAL_LETTERS = 14;

function scaled(size: number): number {
  return Math.round((size * parseFloat(getComputedStyle(document.documentElement).fontSize)) / USUAL_LETTERS);
}

/** A limit comes into view when a line reaches this share of it. */
const NEAR = 0.35;

/** Beyond so many marks they are drawn small. */
const MANY_MARKS = 10;

/** Axis steps of sizes. */
const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

const SYNC = uPlot.sync("time");

export function Chart(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [at, setAt] = useState<number | null>(null);
  const data = useMemo(() => joined(props.series, props.before), [props.series, props.before]);
  const shape = `${shown.value} ${props.series.lines.map((line) => line.label + line.colour).join()} ${props.before != null}`;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new uPlot(options(element, latest, setAt), data, element);
    plot.current = made;
    SYNC.sub(made);
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: scaled(HEIGHT) }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      SYNC.unsub(made);
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(data, false);
    plot.current?.setScale("x", { min: props.from / 1000, max: props.to / 1000 });
  }, [data, props.from, props.to]);

  const since = earliest(props.unusual);
  useEffect(() => plot.current?.redraw(false), [props.marks, since]);

  const times = props.series.times;
  const place = at == null ? times.length - 1 : nearest(times, at);
  return (
    <figure class="chart" aria-label={described(props)}>
      <figcaption>
        <h2>{props.title}</h2>
        <ul class="legend">
          {props.series.lines.map((line) => (
            <li key={line.label}>
              <i class={line.dashed ? "key dashed" : "key"} style={{ color: `var(${line.colour})` }} />
              {line.label} <b>{props.format(line.values[place])}</b>
            </li>
          ))}
        </ul>
        {props.unusual && <Unusuals of={props.unusual} alone />}
      </figcaption>
      <div class="plot" ref={box} />
      {times.length === 0 && <p class="nothing">nothing was measured in this time</p>}
    </figure>
  );
}

/** What a screen reader says of a chart. */
function described({ title, series, format, unusual }: Props): string {
  const parts = series.lines.map((line) => {
    const known = line.values.filter((value) => value != null);
    if (known.length === 0) return `${line.label} unknown`;
    const highest = known.reduce((a, b) => Math.max(a, b));
    return `${line.label} ${format(known.at(-1))} at last, ${format(highest)} at most`;
  });
  return `${title}: ${parts.join("; ")}${unusual ? "; unusual" : ""}`;
}

function nearest(times: number[], at: number): number {
  let low = 0;
  let high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) <= at) low = middle;
    else high = middle;
  }
  return Math.abs((times[low] ?? 0) - at) <= Math.abs((times[high] ?? 0) - at) ? low : high;
}

/** The series as uPlot wants them, sampled, with what was before behind them. */
export function joined(series: Series, before: Series | undefined): uPlot.AlignedData {
  const own = sampled(series);
  if (!before) return own;
  return uPlot.join([own, sampled(before)]);
}

function sampled({ times, lines }: Series): uPlot.AlignedData {
  const kept = places(
    times,
    lines.map((line) => line.values),
  );
  const pick = <T,>(values: T[]) => (kept.length === times.length ? values : kept.map((place) => values[place] as T));
  return [pick(times).map((time) => time / 1000), ...lines.map((line) => pick(line.values))] as uPlot.AlignedData;
}

type Latest = { readonly current: Props };

function options(element: HTMLElement, latest: Latest, moved: (at: number | null) => void): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const { series, before, binary } = latest.current;
  const line = (one: Line, ghost: boolean): uPlot.Series => ({
    label: ghost ? `${one.label} before` : one.label,
    stroke: colour(one.colour) + (ghost ? "88" : ""),
    width: ghost ? 1 : 1.5,
    // A line through one point is none.
    points: { show: (_, __, first, last) => last - first < 2 },
    ...(ghost || one.dashed ? { dash: ghost ? [2, 3] : [5, 4] } : {}),
    ...(one.area && !ghost ? { fill: colour(one.colour) + "22" } : {}),
  });
  const axis = { stroke: colour("--muted"), font: `${scaled(LETTERS)}px system-ui, sans-serif`, ticks: { show: false } };
  const grid = { stroke: colour("--line"), width: 1 };
  return {
    width: element.clientWidth || 400,
    height: scaled(HEIGHT),
    legend: { show: false },
    padding: [8, 18, 0, 0],
    cursor: { sync: { key: SYNC.key, setSeries: false }, y: false, drag: { x: true, y: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (_, __, highest) => [0, top(latest.current, highest)] } },
    axes: [
      { ...axis, grid: { show: false }, size: scaled(26), space: scaled(64), values: timeValues(latest) },
      {
        ...axis,
        grid,
        size: scaled(AXIS),
        values: (_, splits) => splits.map((value) => (latest.current.axis ?? latest.current.format)(value)),
        ...(binary ? { incrs: BINARY_STEPS } : {}),
      },
    ],
    series: [
      {},
      ...series.lines.map((one) => line(one, false)),
      ...(before ? before.lines.map((one) => line(one, true)) : []),
    ],
    hooks: {
      drawClear: [(plot) => shade(plot, earliest(latest.current.unusual), colour("--warn"))],
      draw: [(plot) => drawMarks(plot, latest.current.marks ?? [], colour)],
      setCursor: [(plot) => moved(plot.cursor.idx == null || (plot.cursor.left ?? -1) < 0 ? null : plot.posToVal(plot.cursor.left as number, "x") * 1000)],
      setSelect: [
        (plot) => {
          if (plot.select.width < 6) return;
          const ends = [plot.select.left, plot.select.left + plot.select.width].map((place) => plot.posToVal(place, "x") * 1000);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          latest.current.zoom?.(ends[0] as number, ends[1] as number);
        },
      ],
    },
  };
}

/** Times on the axis: of the day, or days, in the reader's zone. */
function timeValues(latest: Latest): uPlot.Axis.DynamicValues {
  return (_, splits) => {
    const { from, to } = latest.current;
    const long = to - from > 2 * 86_400_000;
    const format = new Intl.DateTimeFormat(
      undefined,
      long
        ? { day: "numeric", month: "short" }
        : { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(to - from < 120_000 ? { second: "2-digit" } : {}) },
    );
    return splits.map((at) => format.format(at * 1000));
  };
}

/** The upper end of the scale: the highest line, and a limit that it comes near. */
function top({ series, before }: Props, drawn: number | null): number {
  let near = 0;
  let distant = 0;
  for (const line of [...series.lines, ...(before?.lines ?? [])]) {
    for (const value of line.values) {
      if (value == null) continue;
      if (line.distant) distant = Math.max(distant, value);
      else near = Math.max(near, value);
    }
  }
  const most = distant > 0 && near >= distant * NEAR ? Math.max(near, distant) : near;
  return most > 0 ? most * 1.08 : drawn || 1;
}

/** Since when something is unusual, in milliseconds since 1970. */
function earliest(unusual: readonly Anomaly[] | undefined): number | null {
  return unusual ? Math.min(...unusual.map((one) => Date.parse(one.since))) : null;
}

/** Shades the time since a moment. */
function shade(plot: uPlot, since: number | null, colour: string): void {
  if (since == null) return;
  const { ctx, bbox } = plot;
  const x = Math.max(bbox.left, plot.valToPos(since / 1000, "x", true));
  if (x >= bbox.left + bbox.width) return;
  ctx.save();
  ctx.fillStyle = colour;
  ctx.globalAlpha = 0.16;
  ctx.fillRect(x, bbox.top, bbox.left + bbox.width - x, bbox.height);
  ctx.restore();
}

function drawMarks(plot: uPlot, marks: readonly Mark[], colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  // Many marks are ticks at the foot, so that lines stay readable.
  const height = marks.length > MANY_MARKS ? 10 * devicePixelRatio : bbox.height;
  ctx.globalAlpha = marks.length > MANY_MARKS ? 1 : 0.5;
  for (const mark of marks) {
    const x = plot.valToPos(mark.at / 1000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colour(mark.colour);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + bbox.height - height);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

