// Sampling of long series so that a chart keeps its peaks: largest triangle three buckets
// (Steinarsson, 2013). Several series share their times, so each chooses places and all of
// those are kept; where values begin and end is kept, too, so that gaps stay gaps.

export type Values = ArrayLike<number | null>;

/** More points than this are sampled. */
export const MOST_POINTS = 1000;

/** The places of `times` that are worth drawing, ascending. */
export function places(times: ArrayLike<number>, series: Values[], most: number = MOST_POINTS): number[] {
  const all = times.length;
  if (all <= most) return Array.from({ length: all }, (_, place) => place);
  const each = Math.max(3, Math.floor(most / Math.max(1, series.length)));
  const kept = new Set<number>([0, all - 1]);
  for (const values of series) {
    for (const run of runs(values)) {
      kept.add(run[0]);
      kept.add(run[1]);
      const share = Math.max(2, Math.round((each * (run[1] - run[0] + 1)) / all));
      for (const place of lttb(times, values, run, share)) kept.add(place);
    }
  }
  // A place without values keeps two runs apart.
  for (let place = 1; place < all; place += 1) {
    if (series.some((values) => values[place] == null && values[place - 1] != null)) kept.add(place);
  }
  return [...kept].sort((a, b) => a - b);
}

/** First and last places of stretches with values. */
function runs(values: Values): [number, number][] {
  const found: [number, number][] = [];
  let from = -1;
  for (let place = 0; place <= values.length; place += 1) {
    const there = place < values.length && values[place] != null;
    if (there && from < 0) from = place;
    if (!there && from >= 0) {
      found.push([from, place - 1]);
      from = -1;
    }
  }
  return found;
}

/** The classic choice of `most` places within one run. */
function lttb(times: ArrayLike<number>, values: Values, [first, last]: [number, number], most: number): number[] {
  const all = last - first + 1;
  if (all <= most || most < 3) return all <= most ? range(first, last) : [first, last];
  const width = (all - 2) / (most - 2);
  const chosen = [first];
  let before = first;
  for (let bucket = 0; bucket < most - 2; bucket += 1) {
    const from = first + 1 + Math.floor(bucket * width);
    const to = first + 1 + Math.floor((bucket + 1) * width);
    const nextTo = Math.min(first + 1 + Math.floor((bucket + 2) * width), last + 1);
    const [meanTime, meanValue] = mean(times, values, to, Math.max(nextTo, to + 1));
    let best = from;
    let widest = -1;
    for (let place = from; place < to; place += 1) {
      const area = Math.abs(
        ((times[before] as number) - meanTime) * ((values[place] as number) - (values[before] as number)) -
          ((times[before] as number) - (times[place] as number)) * (meanValue - (values[before] as number)),
      );
      if (area > widest) {
        widest = area;
        best = place;
      }
    }
    chosen.push(best);
    before = best;
  }
  chosen.push(last);
  return chosen;
}

function mean(times: ArrayLike<number>, values: Values, from: number, to: number): [number, number] {
  let time = 0;
  let value = 0;
  for (let place = from; place < to; place += 1) {
    time += times[place] as number;
    value += values[place] as number;
  }
  return [time / (to - from), value / (to - from)];
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, place) => first + place);
}
