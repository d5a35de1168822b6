//! Which hosts there are, and on which of them each container runs.
//!
//! One host is asked no more of. Of several the `instance` that tells of a container is the host that
//! it runs on; where nobody tells, a limit has to fit the largest.

use std::collections::BTreeMap;

use jiff::ToSpan;

use super::{Labels, Options};
use crate::analysis::rightsize::Capacity;
use crate::history::{Machine, Query, insight};
use crate::prometheus::QueryError;
use crate::report::each::each;
use crate::report::period::Period;

/// So long before the end it is looked where containers run.
const LOOKED_AT_S: i64 = 86_400;

/// In steps of so long.
const STEP_S: i64 = 3_600;

/// Who told so many steps earlier than another is not where it runs now.
const STEPS: i64 = 2;

/// Hosts, and the places of containers on them.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    machines: Vec<Machine>,
    /// The host where the history knows none.
    own: Option<Capacity>,
    places: BTreeMap<Labels, Vec<String>>,
}

impl Hosts {
    /// Asks for hosts, and of several for the places of containers.
    pub(super) async fn asked(query: &dyn Query, options: &Options) -> Result<Hosts, QueryError> {
        let Period { from, to } = options.period;
        let machines = query.machines(to.as_millisecond()).await?;
        let mut hosts = Hosts { machines, own: options.host, places: BTreeMap::new() };
        if hosts.machines.len() < 2 {
            return Ok(hosts);
        }
        let earliest = to.checked_sub(LOOKED_AT_S.seconds()).unwrap_or(from);
        let period = Period { from: from.max(earliest), to };
        let step_s = STEP_S.min(period.seconds() / 2).max(60);
        let lines = each(query, &options.whom, period, insight::MEMORY, step_s).await?;
        let mut seen: BTreeMap<Labels, Vec<(String, i64)>> = BTreeMap::new();
        for mut line in lines {
            let (Some(instance), Some((last, _))) = (line.labels.remove("instance"), line.points.last())
            else {
                continue;
            };
            seen.entry(line.labels).or_default().push((instance, *last));
        }
        for (labels, told) in seen {
            let newest = told.iter().map(|(_, last)| *last).max().unwrap_or_default();
            let is_now = |(_, last): &(String, i64)| newest - last < STEPS * step_s * 1000;
            let now = told.into_iter().filter(is_now).map(|(instance, _)| instance).collect();
            hosts.places.insert(labels, now);
        }
        Ok(hosts)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.machines.len()
    }

    /// Those of several, by name.
    pub(super) fn several(&self) -> impl Iterator<Item = (&str, Capacity)> {
        let several = if self.machines.len() > 1 { &self.machines[..] } else { &[] };
        several.iter().map(|machine| (machine.name.as_str(), capacity(machine)))
    }

    /// Where a container runs: of several with its name and tenant more than one.
    pub(super) fn places(&self, labels: &Labels) -> &[String] {
        self.places.get(labels).map_or(&[], Vec::as_slice)
    }

    /// What the host of a container has.
    pub(super) fn of(&self, labels: &Labels) -> Option<Capacity> {
        let places = self.places(labels);
        let own = self.machines.iter().filter(|machine| places.contains(&machine.name));
        largest(own).or_else(|| self.largest())
    }

    /// What the largest has.
    pub(super) fn largest(&self) -> Option<Capacity> {
        largest(self.machines.iter()).or(self.own)
    }
}

fn capacity(machine: &Machine) -> Capacity {
    Capacity { cores: machine.cores, memory_bytes: machine.memory_bytes }
}

fn largest<'m>(machines: impl Iterator<Item = &'m Machine>) -> Option<Capacity> {
    machines.map(capacity).reduce(|one, other| Capacity {
        cores: one.cores.max(other.cores),
        memory_bytes: one.memory_bytes.max(other.memory_bytes),
    })
}
