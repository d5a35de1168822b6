import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Finding, Insights, Rightsized } from "../../src/api/types";
import advice from "../answers/recommendations.json";
import answer from "../answers/insights.json";
import { all, text } from "./text";

vi.stubGlobal("document", { hidden: false, addEventListener: () => {} });
vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {} }));
const { Found } = await import("../../src/views/findings");
const { Advice } = await import("../../src/views/advice");
const { analysis, clauses, times, told } = await import("../../src/lib/findings");
const { now } = await import("../../src/state/clock");
const { moment } = await import("../../src/lib/format");
const { poll } = await import("../../src/state/poll");
const { route } = await import("../../src/state/route");

const insights = answer as Insights;
const advised = advice as Rightsized;
const [throttled, statement] = insights.findings as [Finding, Finding];
const at = (time: string) => moment(Date.parse(time), now.value);

beforeEach(() => {
  now.value = Date.parse("2026-11-22T14:31:00Z");
});

afterEach(() => {
  route.value = { path: [], params: new URLSearchParams() };
  vi.useRealTimers();
});

test("a finding says what is so, whose it is, since when, what to do, what it gains and how that is seen", () => {
  const [first, second] = all(<Found insights={insights} />, "li").map((one) => text(one));
  expect(first).toMatch(/^high shop-api-1 ?user ann/);
  expect(first).toContain(`since ${at("2026-11-22T14:10:00Z")}`);
  expect(first).toContain("was held back by its limit of cores in 62 % of its periods for 20 min response times of service api rise with it");
  expect(first).toContain("next raise cpus");
  expect(first).toContain("gain response times of service api were 93 ms before");
  expect(first).toContain(`possible causes a deploy of shop-api-1, ${at("2026-11-22T14:09:00Z")}`);
  expect(first).toContain(`should be at most 0.25 ${throttled.verify.promql}`);
  expect(second).toContain(`from ${at(statement.since ?? "")} to ${at(statement.until ?? "")}`);
  expect(second).not.toContain("possible causes");
});

test("how requests went is said of all and of each service", () => {
  const page = text(<Found insights={insights} />);
  expect(page).toContain("43.2 k requests, 1.4 s on average, 0.2 % failed, 2 a second");
  expect(all(<Found insights={insights} />, "tr").map((one) => text(one))[2]).toMatch(/^web .* 200 0\.01 85 ms –$/);
  expect(page).toContain("1 lesser finding left out");
});

test("only what does little with its cores is told of efficiency", () => {
  const page = text(<Found insights={insights} />);
  expect(page).toContain("12 requests per core-second");
  expect(page).not.toContain("90 requests per core-second");
});

test("where nothing is found it says so, and what cannot be known", () => {
  const quiet: Insights = { ...insights, source: "embedded", summary: { requests: null, containers: 1, services: [] }, findings: [], left_out: 0, efficiency: [] };
  const page = text(<Found insights={quiet} />);
  expect(page).toContain("Nothing holds requests up 1 container looked at");
  expect(page).toContain("Without a Prometheus (prometheus.url) nothing is known of requests");
  expect(text(<Found insights={{ ...quiet, source: "prometheus" }} />)).toContain("No program has told of its requests");
});

test("of many findings the first are shown, and all of them to who asks", () => {
  const many = { ...insights, findings: Array.from({ length: 12 }, (_, place) => ({ ...throttled, subject: String(place) })), efficiency: [] };
  expect(all(<Found insights={many} />, "li")).toHaveLength(10);
  expect(text(<Found insights={many} />)).toContain("and 2 more");
  route.value = { path: ["findings"], params: new URLSearchParams({ all: "1" }) };
  expect(all(<Found insights={many} />, "li")).toHaveLength(12);
});

test("a recommendation has its effect, the exact lines and the command", () => {
  const [first, second] = all(<Advice advised={advised} />, "li").map((one) => text(one));
  expect(first).toContain("effect throttled in at most 5 % of its periods");
  expect(first).toContain("lines services.api in the Compose file, beside image: cpus: 1.0 mem_limit: 512m");
  expect(first).toContain("at once docker update --cpus 1 shop-api-1");
  expect(second).toMatch(/steps raise the limit of shop-api-1 look at the route GET \/orders/);
  const lines = all(<Advice advised={advised} />, "pre").map((one) => one.props["children"]);
  expect(lines).toContain("cpus: 1.0\nmem_limit: 512m");
});

test("what was recommended before is followed up", () => {
  const page = text(<Advice advised={advised} />);
  expect(page).toContain("applied, and it helped: 40 % before and 1 % after");
  expect(page).toMatch(/not done shop-worker/);
  expect(page).toContain("Too little is known yet of 1 thing");
  expect(text(<Advice advised={{ ...advised, recommendations: [], followed_up: [] }} />)).toContain("Nothing is recommended");
});

test("a statement's own semicolon does not end what is said of it", () => {
  expect(clauses(statement.sentence)).toEqual(["`SELECT * FROM orders WHERE note LIKE $1; --` has taken 1.2 s a call for 15 min", "it ended 3 h ago"]);
  expect(clauses("an `unclosed; name")).toEqual(["an `unclosed; name"]);
  expect(clauses("")).toEqual([]);
  expect(told(throttled).rest).toBe("response times of service `api` rise with it, at the same time (rank correlation 0.74)");
});

test("what lasted until ten minutes before the end is not over", () => {
  const finding = { since: "2026-11-22T14:00:00Z", until: "2026-11-22T14:20:00Z" };
  expect(times(finding, "2026-11-22T14:30:00Z").until).toBeNull();
  expect(times(finding, "2026-11-22T14:30:01Z").until).toBe(Date.parse(finding.until));
  expect(times({ since: null, until: null }, "2026-11-22T14:30:00Z")).toEqual({ from: null, until: null });
});

test("an analysis is asked for whom is chosen alone", () => {
  expect(analysis("insights", "6h", { user: "ann & co", project: "" })).toBe("/api/analytics/insights?last=6h&user=ann+%26+co");
});

test("who comes back to a view does not ask before its turn", async () => {
  vi.useFakeTimers();
  const fetched = vi.fn(async () => new Response("{}"));
  vi.stubGlobal("fetch", fetched);
  const asked = poll(() => "/seldom", 300_000);
  for (let visit = 0; visit < 3; visit++) {
    asked.resume();
    await vi.advanceTimersByTimeAsync(60_000);
    asked.stop();
  }
  expect(fetched).toHaveBeenCalledTimes(1);
  expect(asked.answer.value.value).toEqual({});
  asked.resume();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(fetched).toHaveBeenCalledTimes(2);
  asked.forget();
  asked.resume();
  await vi.advanceTimersByTimeAsync(0);
  expect(fetched).toHaveBeenCalledTimes(3);
  asked.stop();
});
