import { expect, test } from "vitest";
import type { Turned } from "../../src/api/types";
import { besideName, byContainer, withTurn } from "../../src/lib/unusual";
import { happened } from "../../src/parts/words";

function turned(container_id: string, metric: string, state: Turned["state"]): Turned {
  const at = "2026-01-01T00:00:00Z";
  return { timestamp: at, since: at, container_id, name: "web", metric, description: "CPU", text: "`web`: CPU 1 cores", severity: "medium", state };
}

test("what begins is there once, and gone when it has ended", () => {
  let known = byContainer([]);
  known = withTurn(known, turned("a", "cpu", "began"));
  known = withTurn(known, turned("a", "cpu", "began"));
  known = withTurn(known, turned("a", "memory", "began"));
  known = withTurn(known, turned("b", "cpu", "began"));
  expect(known.get("a")?.map((one) => one.metric)).toEqual(["cpu", "memory"]);
  known = withTurn(known, turned("a", "cpu", "ended"));
  known = withTurn(known, turned("b", "cpu", "ended"));
  known = withTurn(known, turned("c", "cpu", "ended"));
  expect([...known.keys()]).toEqual(["a"]);
  expect(known.get("a")?.[0]).not.toHaveProperty("state");
});

test("all that is unusual stands under its container", () => {
  const known = byContainer([turned("a", "cpu", "began"), turned("b", "cpu", "began"), turned("a", "memory", "began")]);
  expect([known.get("a")?.length, known.get("b")?.length]).toEqual([2, 1]);
});

test("a sentence beside its container does not name it again", () => {
  expect(besideName(turned("a", "cpu", "began"))).toBe("CPU 1 cores");
  expect(happened({ ...turned("a", "cpu", "began"), action: "unusual" })).toEqual({ word: "unusual: CPU 1 cores", tone: "warn" });
  expect(happened({ ...turned("a", "cpu", "ended"), action: "usual" }).tone).toBe("good");
});
