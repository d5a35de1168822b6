//! What can be asked of many at once: measures of containers, of what programs tell, of databases
//! and of hosts, together or one by one.
//!
//! The embedded history knows of containers alone; a Prometheus knows of the others, too. The
//! expressions take classic names and those of OpenTelemetry, of both the classic ones, as the
//! rules do (`alerting/programs.yml`).

pub mod advice;
pub mod bound;
pub mod efficiency;
pub mod insight;
pub mod sizing;
pub mod version;

use std::collections::BTreeMap;

use super::bin::Bin;
use super::field::About;
use super::query::{FIGURES, FURTHER_FIGURES, Figure};
use crate::prometheus::quoted;
use crate::tenant::{Dimension, Narrowing};

/// What more of a measure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Users or programs wait or fail: latency, errors, pressure.
    Harm,
    /// It takes more of what others share, which is fair where it serves more.
    Use,
    /// More is asked of it: requests, queries, traffic.
    Load,
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Its name, with its unit.
    pub name: &'static str,
    /// What it is, in a few words.
    pub words: &'static str,
    /// What more of it means.
    pub meaning: Meaning,
    /// A change that is less than this is noticed by nobody, whatever its share.
    pub least_change: f64,
    /// In PromQL: `@` stands for the matchers, `[]` for the range, `$` for the labels by which is
    /// told apart, and `%1` for what `label_replace` calls `$1`.
    expression: &'static str,
    /// What has it.
    of: Of,
    /// By what it is told apart besides its tenant and its own label.
    apart: &'static [&'static str],
    /// What becomes of several containers, and of what a Prometheus answers.
    taken: Taken,
}

/// What has a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// A container; the embedded history has a figure of the same name where it knows it, too.
    Container,
    /// A service, as programs name themselves.
    Service,
    /// A server of databases.
    Server,
    /// A host, which is nobody's.
    Host,
}

impl Of {
    /// The label that names it.
    fn label(self) -> &'static str {
        match self {
            Of::Container => "name",
            Of::Service => "service",
            Of::Server => "server",
            Of::Host => "instance",
        }
    }
}

/// How values are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// As they are; containers add up.
    Together,
    /// As they are; of containers the highest.
    Highest,
    /// Of a counter how much it grew since the step before: exact, and over gaps.
    Growth,
}

const fn container(
    name: &'static str,
    words: &'static str,
    meaning: Meaning,
    least_change: f64,
    expression: &'static str,
) -> Measure {
    Measure {
        name,
        words,
        meaning,
        least_change,
        expression,
        of: Of::Container,
        apart: &[],
        taken: Taken::Together,
    }
}

const fn program(
    name: &'static str,
    words: &'static str,
    meaning: Meaning,
    least_change: f64,
    expression: &'static str,
) -> Measure {
    Measure {
        name,
        words,
        meaning,
        least_change,
        expression,
        of: Of::Service,
        apart: &[],
        taken: Taken::Together,
    }
}

const MIB: f64 = 1_048_576.0;

/// Every measure, what users notice first.
pub static MEASURES: [Measure; 20] = [
    program(
        "http_request_duration_mean_seconds",
        "response time, mean",
        Meaning::Harm,
        0.001,
        "(sum by ($) (rate(http_request_duration_seconds_sum{@}[])) / (sum by ($) (rate(http_request_duration_seconds_count{@}[])) > 0)) or (sum by ($) (rate(http_server_request_duration_seconds_sum{@}[])) / (sum by ($) (rate(http_server_request_duration_seconds_count{@}[])) > 0))",
    ),
    program(
        "http_request_duration_p95_seconds",
        "response time, 95 of 100 below",
        Meaning::Harm,
        0.001,
        "histogram_quantile(0.95, sum by ($le) (rate(http_request_duration_seconds_bucket{@}[]))) or histogram_quantile(0.95, sum by ($le) (rate(http_server_request_duration_seconds_bucket{@}[])))",
    ),
    program(
        "http_errors_ratio",
        "share of requests that fail",
        Meaning::Harm,
        0.001,
        "((sum by ($) (rate(http_requests_total{@,status_code=~\"5..\"}[])) or 0 * sum by ($) (rate(http_requests_total{@}[]))) / (sum by ($) (rate(http_requests_total{@}[])) > 0)) or ((sum by ($) (rate(http_server_request_duration_seconds_count{@,http_response_status_code=~\"5..\"}[])) or 0 * sum by ($) (rate(http_server_request_duration_seconds_count{@}[]))) / (sum by ($) (rate(http_server_request_duration_seconds_count{@}[])) > 0))",
    ),
    program(
        "http_requests_per_second",
        "requests a second",
        Meaning::Load,
        0.05,
        "sum by ($) (rate(http_requests_total{@}[])) or sum by ($) (rate(http_server_request_duration_seconds_count{@}[]))",
    ),
    program(
        "db_query_duration_mean_seconds",
        "time of a query, mean",
        Meaning::Harm,
        0.001,
        "sum by ($) (rate(db_query_duration_seconds_sum{@}[])) / (sum by ($) (rate(db_query_duration_seconds_count{@}[])) > 0)",
    ),
    program(
        "db_queries_per_second",
        "queries a second",
        Meaning::Load,
        0.05,
        "sum by ($) (rate(db_query_duration_seconds_count{@}[]))",
    ),
    container(
        "cpu_usage_cores",
        "CPU",
        Meaning::Use,
        0.01,
        "sum by ($) (rate(container_cpu_usage_seconds_total{@}[]))",
    ),
    container(
        "cpu_throttled_periods_ratio",
        "CPU periods held back",
        Meaning::Harm,
        0.01,
        "sum by ($) (rate(container_cpu_cfs_throttled_periods_total{@}[])) / (sum by ($) (rate(container_cpu_cfs_periods_total{@}[])) > 0)",
    ),
    container(
        "memory_working_set_bytes",
        "memory",
        Meaning::Use,
        4.0 * MIB,
        "sum by ($) (avg_over_time(container_memory_working_set_bytes{@}[]))",
    ),
    container(
        "memory_cache_bytes",
        "page cache",
        Meaning::Load,
        16.0 * MIB,
        "sum by ($) (avg_over_time(container_memory_cache{@}[]))",
    ),
    container(
        "memory_swap_bytes",
        "swap",
        Meaning::Harm,
        MIB,
        "sum by ($) (avg_over_time(container_memory_swap{@}[]))",
    ),
    container(
        "network_receive_bytes_per_second",
        "network in",
        Meaning::Load,
        10e3,
        "sum by ($) (rate(container_network_receive_bytes_total{@}[]))",
    ),
    container(
        "network_transmit_bytes_per_second",
        "network out",
        Meaning::Load,
        10e3,
        "sum by ($) (rate(container_network_transmit_bytes_total{@}[]))",
    ),
    container(
        "disk_read_bytes_per_second",
        "disk reads",
        Meaning::Use,
        100e3,
        "sum by ($) (rate(container_fs_reads_bytes_total{@}[]))",
    ),
    container(
        "disk_write_bytes_per_second",
        "disk writes",
        Meaning::Use,
        100e3,
        "sum by ($) (rate(container_fs_writes_bytes_total{@}[]))",
    ),
    container(
        "processes",
        "processes",
        Meaning::Use,
        1.0,
        "sum by ($) (avg_over_time(container_processes{@}[]))",
    ),
    container("threads", "threads", Meaning::Use, 1.0, "sum by ($) (avg_over_time(container_threads{@}[]))"),
    container(
        "pressure_cpu_waiting_ratio",
        "waiting for CPU",
        Meaning::Harm,
        0.01,
        "sum by ($) (rate(container_pressure_cpu_waiting_seconds_total{@}[]))",
    ),
    container(
        "pressure_memory_stalled_ratio",
        "stalled for memory",
        Meaning::Harm,
        0.01,
        "sum by ($) (rate(container_pressure_memory_stalled_seconds_total{@}[]))",
    ),
    container(
        "pressure_io_stalled_ratio",
        "stalled for disks",
        Meaning::Harm,
        0.01,
        "sum by ($) (rate(container_pressure_io_stalled_seconds_total{@}[]))",
    ),
];

/// The memory that containers may use; those without a limit have none.
pub static MEMORY_LIMIT: Measure = container(
    "memory_limit_bytes",
    "memory limit",
    Meaning::Use,
    1.0,
    "sum by ($) (last_over_time(container_spec_memory_limit_bytes{@}[]) > 0)",
);

/// How often containers began anew.
pub static RESTARTS: Measure = container(
    "restarts",
    "restarts",
    Meaning::Harm,
    1.0,
    "sum by ($) (changes(container_start_time_seconds{@}[]))",
);

/// What is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Nothing: all together.
    All,
    /// Containers by tenant and name, services of programs, or what else a measure is of.
    Each,
}

/// Who is meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whom {
    /// Whose.
    pub tenants: Narrowing,
    /// The container of this name.
    pub container: Option<String>,
    /// The service of this name; of containers nothing is known by it.
    pub service: Option<String>,
    /// The host of this name: the `instance` that is scraped. The embedded history knows its own
    /// alone, and not by name.
    pub host: Option<String>,
}

/// What is asked: a measure in steps from a time to another, in milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The measure.
    pub measure: Measure,
    /// Of whom.
    pub whom: Whom,
    /// What is told apart.
    pub by: By,
    /// After this.
    pub from: i64,
    /// Up to and with this.
    pub to: i64,
    /// The length of a step. One that is not kept becomes the next longer one that is.
    pub step_ms: i64,
}

/// A measure over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Whose it is, and of what: `user`, `project`, `team`, and `name` or `service`. None where all
    /// is together.
    pub labels: BTreeMap<String, String>,
    /// The end of each step and the value in it, by time.
    pub points: Vec<(i64, f64)>,
}

impl Measure {
    /// The figure of containers that it is.
    pub(super) fn figure(&self) -> Option<&'static Figure> {
        let all = FIGURES.iter().chain(&FURTHER_FIGURES);
        all.into_iter().find(|figure| self.of == Of::Container && figure.name == self.name)
    }

    /// Whether the embedded history keeps it.
    pub(super) fn is_kept(&self) -> bool {
        self.figure().is_some()
    }

    /// As a Prometheus is asked.
    pub(super) fn promql(&self, whom: &Whom, by: By, range: &str) -> String {
        let own = self.of.label();
        let tenant = if self.of == Of::Host { &[][..] } else { &["user", "project", "team"][..] };
        let labels = match by {
            By::All => String::new(),
            By::Each => [tenant, &[own], self.apart].concat().join(", "),
        };
        // `le` stays beside whatever is told apart.
        let with_le = if labels.is_empty() { "le".to_owned() } else { format!("{labels}, le") };
        self.expression
            .replace("$le", &with_le)
            .replace('$', &labels)
            .replace("%1", "$1")
            .replace("[]", &format!("[{range}]"))
            .replace("{@", &format!("{{{}", whom.matchers(own)))
    }

    /// Whether a Prometheus answers with a counter, of which the growth is wanted.
    pub(super) fn is_growth(&self) -> bool {
        self.taken == Taken::Growth
    }

    /// Its value for several containers in one step.
    fn together(&self, figure: &Figure, bins: &[&Bin]) -> Option<f64> {
        match self.taken {
            Taken::Highest => bins.iter().filter_map(|bin| figure.value(bin)).reduce(f64::max),
            Taken::Together | Taken::Growth => figure.together(bins),
        }
    }
}

/// How much a counter grew from each value to the next. One that is below what it was has begun anew.
pub(super) fn growth(points: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let grown = |((_, before), (at, now)): (&(i64, f64), &(i64, f64))| {
        (*at, if now < before { *now } else { now - before })
    };
    points.iter().zip(points.iter().skip(1)).map(grown).collect()
}

impl Whom {
    /// Matchers of PromQL; `own` is the label of what is measured.
    fn matchers(&self, own: &str) -> String {
        let mut matchers: Vec<String> = Dimension::ALL
            .into_iter()
            .filter_map(|dimension| {
                let values = self.tenants.values(dimension)?;
                let any: Vec<String> = values.iter().map(|value| regex::escape(value)).collect();
                let (label, any) = (dimension.as_str(), quoted(&any.join("|")));
                // Nobody matches what has no such label, as hosts have none.
                let none = if values.iter().all(|value| !value.is_empty()) && !values.is_empty() {
                    String::new()
                } else {
                    format!(",{label}!=\"\"")
                };
                Some(format!("{label}=~{any}{none}"))
            })
            .collect();
        for (label, name) in [("name", &self.container), ("service", &self.service)] {
            match name {
                Some(name) if label == own => matchers.push(format!("{label}={}", quoted(name))),
                // What is about something else is nothing of this.
                Some(_) => matchers.push(format!("{own}=\"\",{own}!=\"\"")),
                None => {}
            }
        }
        matchers.extend(self.host.as_ref().map(|host| format!("instance={}", quoted(host))));
        if matchers.is_empty() {
            // Something has to stand before what follows a comma.
            matchers.push(format!("{own}=~\".*\""));
        }
        matchers.join(",")
    }

    /// Whether a container is meant.
    pub(super) fn means(&self, about: &About) -> bool {
        let is_named = self.container.as_ref().is_none_or(|name| about.name.as_str() == name);
        is_named && self.service.is_none() && self.host.is_none() && self.tenants.admits(&about.tenant)
    }
}

/// Bins of containers to lines.
pub(super) fn lines(wanted: &Wanted, containers: &[(&About, Vec<Bin>)]) -> Vec<Line> {
    let Some(figure) = wanted.measure.figure() else { return Vec::new() };
    let mut by_line = BTreeMap::<BTreeMap<String, String>, BTreeMap<i64, Vec<&Bin>>>::new();
    for (about, bins) in containers {
        let labels = match wanted.by {
            By::All => BTreeMap::new(),
            By::Each => labels(about),
        };
        let line = by_line.entry(labels).or_default();
        for bin in bins {
            line.entry(bin.at).or_default().push(bin);
        }
    }
    let line = |(labels, steps): (BTreeMap<String, String>, BTreeMap<i64, Vec<&Bin>>)| {
        let points: Vec<(i64, f64)> = steps
            .into_iter()
            .filter_map(|(at, bins)| Some((at, wanted.measure.together(figure, &bins)?)))
            .collect();
        (!points.is_empty()).then_some(Line { labels, points })
    };
    by_line.into_iter().filter_map(line).collect()
}

fn labels(about: &About) -> BTreeMap<String, String> {
    let tenant = &about.tenant;
    let all =
        [("user", &tenant.user), ("project", &tenant.project), ("team", &tenant.team), ("name", &about.name)];
    all.into_iter().map(|(name, value)| (name.to_owned(), value.as_str().to_owned())).collect()
}

#[cfg(test)]
mod tests;
