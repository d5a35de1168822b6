//! How long groups of rules take, as Prometheus tells of itself.

use std::collections::BTreeMap;
use std::io;

use crate::measured::connection::Connection;

const DURATION: &str = "prometheus_rule_group_last_duration_seconds";
const FINISHED: &str = "prometheus_rule_group_last_evaluation_timestamp_seconds";
const RULES: &str = "prometheus_rule_group_rules";
const FAILED: &str = "prometheus_rule_evaluation_failures_total";
const MISSED: &str = "prometheus_rule_group_iterations_missed_total";

/// A group, and how long each of its evaluations took.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) rules: u64,
    pub(crate) seconds: Vec<f64>,
    /// When the last one ended, as it was told; zero before the first.
    last: f64,
}

/// All groups, by name.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) groups: BTreeMap<String, Group>,
    /// Evaluations of rules that failed, and of groups that were left out.
    pub(crate) failed: f64,
    pub(crate) missed: f64,
}

impl Groups {
    /// Looks for evaluations that have ended since the last look.
    pub(crate) fn look(&mut self, prometheus: &mut Connection) -> io::Result<()> {
        let page = String::from_utf8_lossy(&prometheus.page(&[])?).into_owned();
        let durations = of(&page, DURATION);
        for (name, finished) in of(&page, FINISHED) {
            let group = self.groups.entry(name.clone()).or_default();
            if finished > 0.0 && finished != group.last {
                group.last = finished;
                group.seconds.extend(durations.get(&name));
            }
        }
        for (name, rules) in of(&page, RULES) {
            self.groups.entry(name).or_default().rules = rules as u64;
        }
        self.failed = of(&page, FAILED).values().sum();
        self.missed = of(&page, MISSED).values().sum();
        Ok(())
    }
}

/// The values of a family by group, which is named `FILE;GROUP`.
fn of(page: &str, family: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix("{rule_group=\""));
    let pairs = lines.filter_map(|line| {
        let (group, value) = line.split_once("\"} ")?;
        let name = group.rsplit(';').next()?.trim_start_matches("dockmeter_");
        Some((name.to_owned(), value.parse().ok()?))
    });
    pairs.collect()
}
