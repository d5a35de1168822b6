// What a chart draws: figures of a history by their names in the API.

import { parsed } from "../lib/format";
import type { Line, Series } from "./chart";

export interface Drawn {
  readonly title: string;
  readonly format: (value: number | null | undefined) => string;
  readonly axis?: (value: number) => string;
  readonly binary?: boolean;
  readonly figures: readonly (Omit<Line, "values"> & { readonly figure: string })[];
}

/** The lines of a chart, moved by `shift` milliseconds. A limit that there is not is left out. */
export function series({ figures }: Drawn, points: readonly { readonly timestamp: string; readonly [figure: string]: unknown }[], shift = 0): Series {
  const value = (given: unknown) => (typeof given === "number" ? given : null);
  const lines = figures.map(({ figure, ...line }) => ({ ...line, values: points.map((point) => value(point[figure])) }));
  return {
    times: points.map((point) => parsed(point.timestamp) + shift),
    lines: lines.filter((line) => !line.distant || line.values.some((value) => value != null)),
  };
}

/** Whether anything is known of it. */
export function isKnown({ lines }: Series): boolean {
  return lines.some((line) => line.values.some((value) => value != null));
}
