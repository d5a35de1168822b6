// A small line beside a number: the last two minutes. Drawn only while it is in view.

import { effect, type ReadonlySignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { shown } from "../state/theme";

/** Of a full height, what cannot be told from nothing. */
const FLAT = 0.02;

interface Props {
  readonly values: ReadonlySignal<readonly number[]>;
  /** What a full height means at least, so that noise near zero stays flat. */
  readonly least: number;
  readonly length?: number;
}

export function Trace({ values, least, length = 120 }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    let visible = false;
    // Most containers are idle most of the time: a flat line is drawn once.
    let flat = false;
    const paint = (anew: boolean) => {
      const wasFlat = flat;
      flat = values.peek().length >= length && values.peek().every((value) => value < least * FLAT);
      if (visible && (anew || !(flat && wasFlat))) draw(element, values.peek(), least, length);
    };
    const watch = new IntersectionObserver(([entry]) => {
      visible = entry?.isIntersecting ?? false;
      paint(true);
    });
    watch.observe(element);
    let theme = shown.peek();
    const stop = effect(() => {
      void values.value;
      paint(shown.value !== theme);
      theme = shown.value;
    });
    return () => {
      stop();
      watch.disconnect();
    };
  }, [values, least, length]);
  return <canvas class="trace" ref={canvas} aria-hidden="true" />;
}

/** The colour of lines in the theme that is shown, looked up once for it. */
const known = new Map<string, string>();

function colour(): string {
  const theme = shown.peek();
  const found = known.get(theme) ?? getComputedStyle(document.documentElement).getPropertyValue("--blue").trim();
  known.set(theme, found);
  return found;
}

function draw(element: HTMLCanvasElement, values: readonly number[], least: number, length: number): void {
  const scale = devicePixelRatio || 1;
  const width = element.clientWidth * scale;
  const height = element.clientHeight * scale;
  if (element.width !== width || element.height !== height) {
    element.width = width;
    element.height = height;
  }
  const context = element.getContext("2d");
  if (!context || values.length < 2) return;
  context.clearRect(0, 0, width, height);
  const most = values.reduce((a, b) => Math.max(a, b), least);
  const step = width / (length - 1);
  const start = width - (values.length - 1) * step;
  const y = (value: number) => height - scale - (value / most) * (height - 2 * scale);
  context.beginPath();
  values.forEach((value, place) => context.lineTo(start + place * step, y(value)));
  context.strokeStyle = colour();
  context.lineWidth = 1.25 * scale;
  context.lineJoin = "round";
  context.stroke();
  context.lineTo(width, height);
  context.lineTo(start, height);
  context.globalAlpha = 0.12;
  context.fillStyle = context.strokeStyle;
  context.fill();
  context.globalAlpha = 1;
}
