//! Queries as panels of dashboards ask them.

use crate::query::Range;
use crate::tenants;

const DAY_S: i64 = 86_400;

/// A query of a panel: what it shows, over how many days, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) days: i64,
    /// `None` for a single value at the end, as tables and bars ask.
    step_s: Option<i64>,
    /// `$tenant` stands for the matchers of a tenant, `$team` for a team's name.
    query: &'static str,
}

/// What is recorded every hour is asked for by a range, since a bare name finds nothing that is
/// older than five minutes. A panel about 1,000 pixels wide asks for 7 and 90 days in these steps,
/// and would for 30 days in half an hour, but nothing is recorded as often.
const WEEK: (i64, Option<i64>) = (7, Some(600));
const WEEK_BY_HOURS: (i64, Option<i64>) = (7, Some(3600));
const FORTNIGHT: (i64, Option<i64>) = (15, Some(1200));
const MONTH: (i64, Option<i64>) = (30, Some(3600));
const QUARTER: (i64, Option<i64>) = (90, Some(7200));

const fn panel(title: &'static str, (days, step_s): (i64, Option<i64>), query: &'static str) -> Panel {
    Panel { title, days, step_s, query }
}

const fn single(title: &'static str, days: i64, query: &'static str) -> Panel {
    Panel { title, days, step_s: None, query }
}

pub(crate) const PANELS: [Panel; 25] = [
    panel("a tenant's CPU", WEEK, "tenant:cpu_usage:cores5m{$tenant}"),
    panel("a tenant's memory", MONTH, "last_over_time(tenant:memory_working_set:bytes1h{$tenant}[1h])"),
    panel("a tenant's CPU", QUARTER, "avg_over_time(tenant:cpu_usage:cores1h{$tenant}[2h])"),
    panel("a tenant's CPU in steps of 5 minutes", QUARTER, "tenant:cpu_usage:cores5m{$tenant}"),
    panel(
        "a tenant's share of failed requests",
        MONTH,
        "last_over_time(tenant:http_errors:per_second1h{$tenant}[1h]) / (last_over_time(tenant:http_requests:per_second1h{$tenant}[1h]) > 0)",
    ),
    panel(
        "a tenant's average duration of requests",
        QUARTER,
        "avg_over_time(tenant:http_duration:seconds_per_second1h{$tenant}[2h]) / (avg_over_time(tenant:http_requests:per_second1h{$tenant}[2h]) > 0)",
    ),
    panel("a tenant's p95 of requests", WEEK, "tenant:http_duration_p95:seconds5m{$tenant}"),
    panel(
        "a team's CPU by project",
        MONTH,
        "sum by (project) (last_over_time(tenant:cpu_usage:cores1h{team=\"$team\"}[1h]))",
    ),
    panel("a team's memory", QUARTER, "avg_over_time(team:memory_working_set:bytes1h{team=\"$team\"}[2h])"),
    panel("CPU of all by team", WEEK, "team:cpu_usage:cores5m"),
    panel("CPU of all by team", MONTH, "last_over_time(team:cpu_usage:cores1h[1h])"),
    panel("CPU of all by team", QUARTER, "avg_over_time(team:cpu_usage:cores1h[2h])"),
    panel("memory of all", QUARTER, "sum(avg_over_time(team:memory_working_set:bytes1h[2h]))"),
    panel(
        "CPU of all beside the week before",
        MONTH,
        "sum(last_over_time(team:cpu_usage:cores1h[1h])) / sum(last_over_time(team:cpu_usage:cores1h[1h] offset 7d))",
    ),
    single("the ten tenants with most CPU", 7, "topk(10, avg_over_time(tenant:cpu_usage:cores1h[7d]))"),
    single("the ten tenants with most CPU", 30, "topk(10, avg_over_time(tenant:cpu_usage:cores1h[30d]))"),
    single("the ten tenants with most CPU", 90, "topk(10, avg_over_time(tenant:cpu_usage:cores1h[90d]))"),
    panel(
        "the ten tenants with most CPU at each time",
        WEEK_BY_HOURS,
        "topk(10, last_over_time(tenant:cpu_usage:cores1h[1h]))",
    ),
    panel("a tenant's burn rate", MONTH, "slo:current_burn_rate:ratio{$tenant}"),
    panel("the ten highest burn rates", WEEK, "topk(10, slo:current_burn_rate:ratio)"),
    panel(
        "SLI of every team",
        MONTH,
        "1 - sum by (team) (last_over_time(slo:bad_events:increase1h[1h])) / sum by (team) (last_over_time(slo:events:increase1h[1h]))",
    ),
    single(
        "SLI of every objective",
        90,
        "1 - sum_over_time(slo:bad_events:increase1h[90d]) / sum_over_time(slo:events:increase1h[90d])",
    ),
    panel(
        "CPU of all containers, by what is scraped",
        WEEK,
        "sum by (name) (rate(container_cpu_usage_seconds_total[10m]))",
    ),
    panel(
        "CPU of all containers, by what is scraped",
        FORTNIGHT,
        "sum by (name) (rate(container_cpu_usage_seconds_total[20m]))",
    ),
    panel(
        "a container's memory and its baseline",
        FORTNIGHT,
        "container:memory_working_set:bytes5m{$tenant} / last_over_time(container:memory_working_set_p95:bytes7d{$tenant}[2h])",
    ),
];

/// The same as panels ask, of single tenants instead of what is recorded of teams: what records
/// of teams spare.
pub(crate) const SPARED: [Panel; 5] = [
    panel("CPU of all by team", WEEK, "sum by (team) (tenant:cpu_usage:cores5m)"),
    panel("CPU of all by team", MONTH, "sum by (team) (last_over_time(tenant:cpu_usage:cores1h[1h]))"),
    panel("CPU of all by team", QUARTER, "sum by (team) (avg_over_time(tenant:cpu_usage:cores1h[2h]))"),
    panel("memory of all", QUARTER, "sum(avg_over_time(tenant:memory_working_set:bytes1h[2h]))"),
    panel(
        "CPU of all by team in steps of 5 minutes",
        QUARTER,
        "sum by (team) (avg_over_time(tenant:cpu_usage:cores5m[2h]))",
    ),
];

impl Panel {
    /// As it is asked about one tenant and its team.
    pub(crate) fn query(&self, tenant: usize) -> String {
        let [user, project, team] = tenants::tenant(tenant);
        let matchers = format!("user=\"{user}\",project=\"{project}\",team=\"{team}\"");
        self.query.replace("$tenant", &matchers).replace("$team", &team)
    }

    /// When, for data that ends then.
    pub(crate) fn range(&self, end_s: i64) -> Range {
        match self.step_s {
            None => Range::At(Some(end_s)),
            Some(step_s) => {
                // Grafana asks for multiples of the step.
                let to_s = end_s - end_s.rem_euclid(step_s);
                Range::Over { from_s: to_s - self.days * DAY_S, to_s, step_s }
            }
        }
    }

    /// The time between two points.
    pub(crate) fn step(&self) -> String {
        match self.step_s {
            None => "–".to_owned(),
            Some(step_s) => format!("{} min", step_s / 60),
        }
    }
}
