import { expect, test, vi } from "vitest";
import type { LogLine } from "../../src/api/types";

vi.stubGlobal("document", { hidden: false, addEventListener: () => {} });
vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {} }));
const { told } = await import("../../src/charts/strip");
const { inOrder } = await import("../../src/views/logs");

const event = (at: number, word: string, name = "shop") => ({ at, word, name, tone: "bad" as const });

test("what happens again at once is told once, with how often", () => {
  const events = [event(9000, "died"), event(8900, "oom"), event(8800, "oom"), event(8700, "oom", "blog"), event(2000, "oom")];
  expect(told(events).map(({ name, word, times }) => [name, word, times])).toEqual([
    ["shop", "died", 1],
    ["shop", "oom", 2],
    ["blog", "oom", 1],
    ["shop", "oom", 1],
  ]);
});

const line = (second: number, name: string): LogLine => ({
  container_id: name,
  name,
  stream: "stdout",
  timestamp: new Date(second * 1000).toISOString(),
  line: `${second}`,
});

test("lines of several containers stand in the order of their times", () => {
  const first = [line(1, "a"), line(3, "a"), line(5, "a"), line(2, "b"), line(4, "b")];
  const known = inOrder([], first);
  expect(known.map(({ line }) => line)).toEqual(["1", "2", "3", "4", "5"]);
  expect(inOrder(known, [line(6, "a"), line(7, "b")]).map(({ line }) => line)).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
});

test("lines of one moment stay as they came", () => {
  expect(inOrder([line(2, "a")], [line(1, "b"), line(1, "c")]).map(({ name }) => name)).toEqual(["b", "c", "a"]);
});
