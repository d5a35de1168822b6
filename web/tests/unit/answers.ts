// Made-up answers of analyses, as `/api/openapi.json` describes them.

import type { Finding, FollowedUp, Insights, Recommendation, Rightsized } from "../../src/api/types";

const shop = { user: "ann", project: "shop", team: "core" };

export const throttled: Finding = {
  kind: "throttling",
  severity: "high",
  scope: { ...shop, container: "shop-api-1" },
  sentence:
    "`shop-api-1` was held back by its limit of cores in 62 % of its periods for 20 min; response times of service `api` rise with it, at the same time (rank correlation 0.74); possible causes, and no more than possible: a deploy of `shop-api-1` 1 min before it began",
  next_step: "raise `cpus`; `dockmeter report rightsize` says how far",
  gain: "response times of service `api` were 93 ms before, and are 4 s since; they may come back",
  since: "2026-11-22T14:10:00Z",
  until: "2026-11-22T14:30:00Z",
  possible_causes: [{ at: "2026-11-22T14:09:00Z", what: "a deploy of `shop-api-1`" }],
  verify: {
    promql:
      'rate(container_cpu_cfs_throttled_periods_total{user="ann",project="shop",team="core",name="shop-api-1"}[5m]) / rate(container_cpu_cfs_periods_total{user="ann",project="shop",team="core",name="shop-api-1"}[5m])',
    expect: "at most 0.25",
  },
};

export const statement: Finding = {
  kind: "slow_statement",
  severity: "medium",
  host: "db-7:10417",
  scope: { ...shop, service: "postgres" },
  subject: "SELECT",
  sentence: "`SELECT * FROM orders WHERE note LIKE $1; --` has taken 1.2 s a call for 15 min; it ended 3 h ago",
  next_step: "see by `EXPLAIN (ANALYZE, BUFFERS)` what it reads",
  since: "2026-11-22T10:00:00Z",
  until: "2026-11-22T11:30:00Z",
  possible_causes: [],
  verify: { promql: "rate(pg_stat_statements_seconds_total[5m])", expect: "at most 0.5" },
};

export const insights: Insights = {
  source: "prometheus",
  from: "2026-11-22T08:30:00Z",
  to: "2026-11-22T14:30:00Z",
  summary: {
    requests: { count: 43_200, per_second: 2, average_response_seconds: 1.4, error_ratio: 0.002 },
    containers: 12,
    services: [
      { ...shop, service: "api", count: 43_000, per_second: 1.99, average_response_seconds: 1.41, error_ratio: 0.002 },
      { user: "carl", project: "blog", team: "media", service: "web", count: 200, per_second: 0.01, average_response_seconds: 0.085, error_ratio: null },
    ],
  },
  findings: [throttled, statement],
  left_out: 1,
  efficiency: [
    { ...shop, service: "api", standing: "low", sentence: "service `api` answered 12 requests per core-second, 0.4 of its best week" },
    { ...shop, service: "web", standing: "good", sentence: "service `web` answered 90 requests per core-second, 0.95 of its best week" },
  ],
};

export const quiet: Insights = {
  ...insights,
  source: "embedded",
  summary: { requests: null, containers: 1, services: [] },
  findings: [],
  left_out: 0,
  efficiency: [],
};

export const recommendation: Recommendation = {
  id: "cpu_limit/ann/shop/core//shop-api-1",
  severity: "high",
  scope: { ...shop, container: "shop-api-1" },
  sentence: "`shop-api-1` is held back by its limit of 0.5 cores in 40 % of its periods; raise it to 1 core",
  action: {
    steps: ["raise the limit of cores from 0.5 to 1"],
    place: "`services.api` in the Compose file, beside `image:`",
    lines: ["cpus: 1.0", "mem_limit: 512m"],
    command: "docker update --cpus 1 shop-api-1",
  },
  effect: { sentence: "throttled in at most 5 % of its periods, as 95 % of the minutes need no more than 0.85 cores" },
  effort: "low",
  risk: "the host has 1.5 cores that nobody was promised",
  verify: { promql: 'rate(container_cpu_cfs_throttled_periods_total{name="shop-api-1"}[1d])', expect: "at most 0.05" },
};

export const followed: FollowedUp = {
  id: "cpu_limit/ann/shop/core//shop-worker",
  scope: { ...shop, container: "shop-worker" },
  recommended: "`shop-worker` is held back by its limit of 1 core",
  recommended_at: "2026-11-12T06:00:00Z",
  outcome: "effect_came",
  sentence: "applied, and it helped: 40 % before and 1 % after",
  applied_at: "2026-11-13T09:05:00Z",
};

export const advised: Rightsized = {
  from: "2026-11-15T14:30:00Z",
  to: "2026-11-22T14:30:00Z",
  containers: 12,
  recommendations: [
    recommendation,
    {
      ...recommendation,
      id: "response_time/api",
      severity: "critical",
      scope: { ...shop, service: "api" },
      sentence: "service `api` takes 5.2 s to answer on average",
      action: { steps: ["raise the limit of `shop-api-1`", "look at the route `GET /orders`", "enlarge the pool `orders`", "go back behind the last deploy"] },
      effort: "medium",
    },
  ],
  not_enough_data: [{ id: "memory_limit/x", sentence: "`blog-web`: too little is known of its memory" }],
  followed_up: [followed, { ...followed, id: "other", outcome: "not_applied", sentence: "not applied: the limit is still 1 core", applied_at: null }],
};
