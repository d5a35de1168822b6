// What the API answers, as `/api/openapi.json` describes it; what the page does not use is left out.

export type Status = "healthy" | "warning" | "unhealthy";

export interface Whose {
  user: string;
  project: string;
  team: string;
}

/** A container with its numbers now (`Current` of the description). */
export interface Row extends Whose {
  container_id: string;
  name: string;
  image: string;
  status: string;
  health: "starting" | "healthy" | "unhealthy" | null;
  started_at: string | null;
  uptime_seconds: number | null;
  timestamp: string;
  cpu: {
    usage_cores: number | null;
    percent: number | null;
    limit_cores: number | null;
    percent_of_limit: number | null;
    throttled_periods_ratio: number | null;
  };
  memory: {
    usage_bytes: number | null;
    working_set_bytes: number | null;
    limit_bytes: number | null;
    percent_of_limit: number | null;
  };
  network: { receive_bytes_per_second: number | null; transmit_bytes_per_second: number | null } | null;
  disk: { read_bytes_per_second: number | null; write_bytes_per_second: number | null };
  processes: { current: number | null; threads: number | null };
}

export interface Totals {
  containers: number;
  running: number;
  cpu: { usage_cores: number | null; percent_of_host: number | null };
  memory: { working_set_bytes: number | null; usage_bytes: number | null; percent_of_host: number | null };
}

export interface Summary {
  timestamp: string;
  totals: Totals;
  containers: Row[];
}

export interface Reason {
  status: Status;
  kind?: string;
  since?: string;
  detail: string;
  next_step: string;
  container: (Whose & { id: string; name: string }) | null;
}

export interface Domain {
  status: Status;
  summary: string;
  reasons: Reason[];
}

export interface Health {
  timestamp: string;
  status: Status;
  warning_count: number;
  domains: Record<string, Domain>;
}

export interface HealthPoint {
  timestamp: string;
  status: Status;
  warning_count: number;
  [figure: string]: unknown;
}

export interface HealthHistory {
  from: string;
  to: string;
  interval: string;
  points: HealthPoint[];
}

/** One step of a container's history; times and figures by name. */
export type Point = { timestamp: string } & Record<string, number | null | string>;

export interface FigureSummary {
  count: number;
  avg: number;
  min: number;
  max: number;
  median: number;
  p95: number;
  p99: number;
}

export interface History extends Whose {
  container_id: string;
  name: string;
  from: string;
  to: string;
  interval: string;
  interval_seconds: number;
  source: "embedded" | "prometheus";
  points: Point[];
  summary: Record<string, FigureSummary | null>;
  totals: Record<string, number | null>;
}

export interface Period {
  from: string;
  to: string;
  status: string;
  health: string | null;
}

export interface Incident {
  timestamp: string;
  oom_kills: number;
  restarts: number;
}

export interface ContainerHealth {
  periods: Period[];
  incidents: Incident[];
}

export interface Process {
  pid: number;
  name: string | null;
  command: string | null;
  state: string;
  threads: number;
  cpu_seconds_total: number;
  rss_bytes: number;
}

export interface Silence {
  id: string;
  ends_at: string;
  created_by: string | null;
  comment: string | null;
}

export interface Alert {
  name: string;
  severity: string | null;
  state: "active" | "suppressed" | "unprocessed";
  suppressed_by: string[];
  since: string;
  user: string | null;
  project: string | null;
  team: string | null;
  value: string | null;
  threshold: string | null;
  summary: string | null;
  description: string | null;
  actions: string[];
  links: Record<string, string>;
  labels: Record<string, string>;
  receivers: string[];
  fingerprint: string;
  silences?: Silence[];
}

/** Who is asking, and what may be offered to them. */
export interface WhoAmI {
  login: string;
  name: string | null;
  version: string;
  host: string | null;
  grafana_url: string | null;
  can: Record<"logs" | "processes" | "alerts" | "admin", boolean>;
}

/** What became of a container, as the stream tells it. */
export interface Happening {
  timestamp: string;
  container_id: string;
  name: string;
  action: string;
  exit_code?: number;
  oom_killed?: boolean;
  health?: string;
  old_name?: string;
  /** Of what has become unusual or is as usual again: the sentence, and how grave it is. */
  text?: string;
  severity?: Anomaly["severity"];
}

/** A value of a container that is not as usual (`anomaly`, and in `anomalies` all that are now). */
export interface Anomaly {
  timestamp: string;
  container_id: string;
  name: string;
  metric: string;
  description: string;
  text: string;
  since: string;
  severity: "low" | "medium" | "high" | "critical";
}

/** One that has turned so, or is as usual again. */
export interface Turned extends Anomaly {
  state: "began" | "ended";
}

/** The numbers of a `metrics` event, by container id. */
export interface Tick {
  timestamp: string;
  containers: Record<
    string,
    {
      cpu: { percent: number | null };
      memory: { percent_of_limit: number | null; usage_bytes: number | null };
      network: { receive_bytes_per_second: number | null; transmit_bytes_per_second: number | null } | null;
    }
  >;
}

export interface LogLine {
  container_id: string;
  name: string;
  stream: "stdout" | "stderr";
  timestamp: string | null;
  line: string;
}

export type Severity = Anomaly["severity"];

/** Whose something is, as far as it is somebody's; nothing of the host. */
export interface Scope extends Partial<Whose> {
  service?: string;
  container?: string;
}

/** What shows later whether it helped. */
export interface Verify {
  promql: string;
  expect: string;
}

export interface Requests {
  count: number;
  per_second: number;
  average_response_seconds: number | null;
  error_ratio: number | null;
}

export interface Finding {
  kind: string;
  severity: Severity;
  host?: string;
  scope: Scope;
  subject?: string;
  sentence: string;
  next_step: string;
  gain?: string;
  since: string | null;
  until: string | null;
  possible_causes: { at: string | null; what: string }[];
  verify: Verify;
}

/** How much a service did with its cores. */
export interface Efficient extends Scope {
  standing: "idle" | "not_enough_data" | "low" | "fair" | "good";
  sentence: string;
}

export interface Insights {
  source: "prometheus" | "embedded";
  from: string;
  to: string;
  summary: { requests: Requests | null; containers: number; services: (Scope & Requests)[] };
  findings: Finding[];
  left_out: number;
  efficiency: Efficient[];
}

export interface Recommendation {
  id: string;
  severity: Severity;
  scope: Scope;
  sentence: string;
  action: { steps: string[]; place?: string; lines?: string[]; command?: string };
  effect: { sentence: string };
  effort: "low" | "medium" | "high";
  risk: string;
  verify: Verify;
}

/** What became of a recommendation. */
export interface FollowedUp {
  id: string;
  scope: Scope;
  recommended: string;
  recommended_at: string;
  outcome: string;
  sentence: string;
  applied_at: string | null;
}

export interface Rightsized {
  from: string;
  to: string;
  containers: number;
  recommendations: Recommendation[];
  not_enough_data: { id: string; sentence: string }[];
  followed_up: FollowedUp[];
}
