import { expect, test, vi } from "vitest";

vi.stubGlobal("document", { hidden: false, addEventListener: () => {} });
const { merged } = await import("../../src/state/series");

const point = (second: number, value: number) => ({ timestamp: new Date(second * 1000).toISOString(), value });

test("new points go behind the known ones, and the last step is replaced", () => {
  const known = [point(5, 1), point(10, 1), point(15, 1)];
  expect(merged(known, [point(15, 2), point(20, 2)], 0)).toEqual([point(5, 1), point(10, 1), point(15, 2), point(20, 2)]);
});

test("what is before the span goes", () => {
  expect(merged([point(5, 1), point(10, 1)], [], 7000)).toEqual([point(10, 1)]);
});
