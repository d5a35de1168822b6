//! What rules look back at: for as long as they do, a past for the series that are on the page
//! now, and for those that rules have recorded of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use regex::Regex;

use crate::history::{Series, Wave};

const CONTAINER: [&str; 5] = ["instance", "name", "user", "project", "team"];
const TENANT: [&str; 3] = ["user", "project", "team"];
const TEAM: [&str; 1] = ["team"];
const OBJECTIVE: [&str; 5] = ["slo", "service", "user", "project", "team"];

/// What is recorded of a family: the rule, the family, the labels that it keeps, every how many
/// seconds, and values as they may be.
type Recorded = (&'static str, &'static str, &'static [&'static str], i64, Wave);

/// Of recorded series those that other rules look back at for longer than a few minutes.
const RECORDED: [Recorded; 17] = [
    ("container:cpu_usage:cores5m", "container_last_seen", &CONTAINER, 300, Wave::Gauge(0.2)),
    ("container:memory_working_set:bytes5m", "container_last_seen", &CONTAINER, 300, Wave::Gauge(2e8)),
    ("container:cpu_usage_p95:cores7d", "container_last_seen", &CONTAINER, 3600, Wave::Gauge(0.3)),
    ("container:memory_working_set_p95:bytes7d", "container_last_seen", &CONTAINER, 3600, Wave::Gauge(3e8)),
    ("tenant:cpu_usage:cores5m", "container_last_seen", &TENANT, 300, Wave::Gauge(0.2)),
    ("tenant:memory_working_set:bytes5m", "container_last_seen", &TENANT, 300, Wave::Gauge(2e8)),
    ("team:cpu_usage:cores5m", "container_last_seen", &TEAM, 300, Wave::Gauge(8.0)),
    ("team:memory_working_set:bytes5m", "container_last_seen", &TEAM, 300, Wave::Gauge(8e9)),
    ("tenant:network:bytes_per_second5m", "container_last_seen", &TENANT, 300, Wave::Gauge(2e4)),
    ("tenant:http_requests:per_second5m", "container_last_seen", &TENANT, 300, Wave::Gauge(5.0)),
    ("tenant:http_errors:per_second5m", "container_last_seen", &TENANT, 300, Wave::Flat(0.0)),
    ("tenant:http_duration:seconds_per_second5m", "container_last_seen", &TENANT, 300, Wave::Gauge(0.1)),
    ("tenant:http_duration_p95:seconds5m", "container_last_seen", &TENANT, 300, Wave::Gauge(0.05)),
    ("slo:events:increase5m", "slo_events_total", &OBJECTIVE, 300, Wave::Gauge(300.0)),
    ("slo:bad_events:increase5m", "slo_events_total", &OBJECTIVE, 300, Wave::Flat(0.0)),
    ("slo:events:increase1h", "slo_events_total", &OBJECTIVE, 3600, Wave::Gauge(3600.0)),
    ("slo:bad_events:increase1h", "slo_events_total", &OBJECTIVE, 3600, Wave::Flat(0.0)),
];

/// How often Prometheus scrapes.
pub(crate) const SCRAPE_S: i64 = 5;

/// A past, up to now, of everything on a page that the rules in a folder look back at.
pub(crate) fn of(page: &str, instance: SocketAddr, rules: &Path) -> io::Result<Vec<Series>> {
    let ranges = ranges(rules)?;
    let to_s = jiff::Timestamp::now().as_second();
    let mut all = Vec::new();
    let scraped = |labels: &str| {
        let comma = if labels.is_empty() { "" } else { "," };
        format!("{labels}{comma}instance=\"{instance}\",job=\"dockmeter\"")
    };
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = split(series);
        let (Some(range_s), Ok(value)) = (ranges.get(name), value.parse::<f64>()) else { continue };
        // What is alerted on must not happen in a past that was never there.
        let wave = if name == "slo_events_total" { Wave::Counter(1.0) } else { Wave::Flat(value) };
        let text = format!("{name}{{{}}}", scraped(labels));
        all.push(Series { text, wave, step_s: SCRAPE_S, from_s: to_s - range_s, to_s });
    }
    for (record, family, keeps, step_s, wave) in RECORDED {
        let Some(range_s) = ranges.get(record) else { continue };
        let series = page.lines().filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| split(series));
        let labels =
            series.filter(|(name, _)| *name == family).map(|(_, labels)| kept(&scraped(labels), keeps));
        for labels in labels.collect::<BTreeSet<_>>() {
            let text = format!("{record}{{{labels}}}");
            all.push(Series { text, wave, step_s, from_s: to_s - range_s, to_s });
        }
    }
    Ok(all)
}

/// How many seconds rules look back at most, by name.
fn ranges(rules: &Path) -> io::Result<BTreeMap<String, i64>> {
    let range = Regex::new(r"([a-z_][a-zA-Z0-9_:]*)(?:\{[^{}]*\})?\[([0-9]+)([smhd])\]");
    let range = range.map_err(io::Error::other)?;
    let mut ranges = BTreeMap::new();
    for entry in fs::read_dir(rules)? {
        let text = fs::read_to_string(entry?.path())?;
        for found in range.captures_iter(&text) {
            let unit = match &found[3] {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => 86_400,
            };
            let seconds = found[2].parse::<i64>().unwrap_or(0) * unit;
            let longest = ranges.entry(found[1].to_owned()).or_insert(0);
            *longest = seconds.max(*longest);
        }
    }
    Ok(ranges)
}

/// Name and labels of a series, these without their braces.
pub(crate) fn split(series: &str) -> (&str, &str) {
    series.split_once('{').map_or((series, ""), |(name, rest)| (name, rest.trim_end_matches('}')))
}

/// Of labels those that are kept. No value here holds a quotation mark.
fn kept(labels: &str, keeps: &[&str]) -> String {
    let of = |name: &str| {
        let mut pairs = labels.split("\",").map(|pair| pair.trim_end_matches('"'));
        let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\""));
        format!("{name}=\"{}\"", value.unwrap_or_default())
    };
    keeps.iter().map(|name| of(name)).collect::<Vec<_>>().join(",")
}
