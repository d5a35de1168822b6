import { expect, test } from "vitest";
import { places } from "../../src/lib/lttb";

const times = (count: number) => Array.from({ length: count }, (_, place) => place * 1000);

test("a short series is left as it is", () => {
  expect(places(times(4), [[1, 2, 3, 4]])).toEqual([0, 1, 2, 3]);
});

test("a long one keeps its ends and a peak of one point", () => {
  const values: (number | null)[] = Array.from({ length: 20_000 }, (_, place) => Math.sin(place / 700));
  values[7_321] = 50;
  const kept = places(times(20_000), [values], 1000);
  expect(kept.length).toBeLessThanOrEqual(1000);
  expect([kept[0], kept.at(-1), kept.includes(7_321)]).toEqual([0, 19_999, true]);
  expect(kept).toEqual([...kept].sort((a, b) => a - b));
});

test("each of several series keeps its own peak", () => {
  const flat = () => new Array<number | null>(5000).fill(1);
  const [a, b] = [flat(), flat()];
  a[1234] = 9;
  b[4321] = 9;
  const kept = places(times(5000), [a, b], 1000);
  expect(kept.length).toBeLessThanOrEqual(1010);
  expect([kept.includes(1234), kept.includes(4321)]).toEqual([true, true]);
});

test("a gap stays a gap", () => {
  const values: (number | null)[] = new Array<number | null>(5000).fill(1);
  values.fill(null, 2000, 3000);
  const kept = places(times(5000), [values], 500);
  expect(kept.includes(1999) && kept.includes(3000)).toBe(true);
  expect(kept.some((place) => place >= 2000 && place < 3000)).toBe(true);
});

test("nothing at all is nothing", () => {
  expect(places([], [[]])).toEqual([]);
  expect(places(times(3000), [new Array<null>(3000).fill(null)], 100)).toEqual([0, 2999]);
});
