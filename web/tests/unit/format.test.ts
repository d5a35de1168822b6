import { expect, test } from "vitest";
import { bytes, cores, count, duration, figure, percent, ratio } from "../../src/lib/format";

test("a number has at most three figures that matter", () => {
  expect([0, 0.004, 0.0456, 1.255, 12.34, 99.96, 812.4].map(figure)).toEqual(["0", "<0.01", "0.05", "1.25", "12.3", "100", "812"]);
});

test("bytes count in powers of 1024, and what is not known is a dash", () => {
  expect([0, 999, 1024, 1_500_000, 1024 ** 3 * 1.5].map(bytes)).toEqual(["0 B", "999 B", "1 KiB", "1.43 MiB", "1.5 GiB"]);
  expect([bytes(null), cores(undefined), percent(null), count(null)]).toEqual(["–", "–", "–", "–"]);
});

test("little is not nothing", () => {
  expect([cores(0.001), cores(0), percent(0.04), percent(0), ratio(0.255)]).toEqual(["<0.01", "0", "<0.1 %", "0 %", "26 %"]);
});

test("how long is said in two units at most", () => {
  expect([0, 59, 60, 3599, 3600, 12_000, 86_400, 190_000].map(duration)).toEqual(["0 s", "59 s", "1 min", "59 min", "1 h", "3 h 20 min", "1 d", "2 d 4 h"]);
});
