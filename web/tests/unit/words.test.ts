import { expect, test } from "vitest";
import { gravest, happened, state, withoutName } from "../../src/parts/words";
import { sums, total } from "../../src/lib/group";
import type { Row } from "../../src/api/types";

test("a state is the engine's word, or that of the health check", () => {
  expect(state({ status: "running", health: null })).toEqual({ word: "running", tone: "good" });
  expect(state({ status: "running", health: "unhealthy" })).toEqual({ word: "unhealthy", tone: "bad" });
  expect(state({ status: "exited", health: "unhealthy" })).toEqual({ word: "exited", tone: "idle" });
});

test("what became of a container is said in words", () => {
  expect(happened({ action: "died", exit_code: 137, oom_killed: true }).word).toBe("was killed: out of memory");
  expect(happened({ action: "died", exit_code: 3 })).toEqual({ word: "ended with status 3", tone: "bad" });
  expect(happened({ action: "died", exit_code: 0 }).tone).toBe("idle");
  expect(happened({ action: "exploded" }).word).toBe("exploded");
});

test("a reason beside its container does not name it again", () => {
  expect(withoutName("container `shop` uses 93 % of its memory limit", "shop")).toBe("uses 93 % of its memory limit");
  expect(withoutName("the health check of container `shop` fails", "shop")).toBe("the health check fails");
  expect(withoutName("a process of container `shop` was killed", "shop")).toBe("a process was killed");
});

test("the gravest of several reasons counts", () => {
  const reason = (status: "warning" | "unhealthy") => ({ status, detail: "", next_step: "", container: null });
  expect([gravest(undefined), gravest([reason("warning")]), gravest([reason("warning"), reason("unhealthy")])]).toEqual([null, "warn", "bad"]);
});

function row(user: string, status: string, cores: number | null): Row {
  return {
    container_id: user + status,
    name: "",
    image: "",
    user,
    project: "p",
    team: "t",
    status,
    health: null,
    started_at: null,
    uptime_seconds: null,
    timestamp: "",
    cpu: { usage_cores: cores, percent: null, limit_cores: null, percent_of_limit: null, throttled_periods_ratio: null },
    memory: { usage_bytes: 10, working_set_bytes: null, limit_bytes: null, percent_of_limit: null },
    network: null,
    disk: { read_bytes_per_second: 1, write_bytes_per_second: 2 },
    processes: { current: 1, threads: 1 },
  };
}

test("sums are of what runs, and together they are the whole", () => {
  const rows = [row("ann", "running", 0.5), row("bob", "running", 1), row("ann", "exited", null)];
  const found = sums(rows, "user");
  expect(found.map(({ name, containers, running, cores }) => [name, containers, running, cores])).toEqual([
    ["bob", 1, 1, 1],
    ["ann", 2, 1, 0.5],
  ]);
  const all = total(rows);
  expect([all.containers, all.running, all.cores, all.memory, all.disk]).toEqual([3, 2, 1.5, 20, 6]);
});
