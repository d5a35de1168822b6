//! Totals, a row per container and groups: `GET /api/containers/metrics/summary`.
//!
//! A total adds up what is known and is `null` where nothing is; byte counters are not added
//! up, since the sum would fall when a container goes (`tenant_*_total` never does).

use std::collections::BTreeMap;

use serde::Serialize;

use super::current::{Current, Time, percent};
use super::problem::{Kind, Problem};
use super::view::View;
use crate::inventory::Container;
use crate::snapshot::{Machine, Snapshot};
use crate::tenant::LabelValue;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    timestamp: Time,
    totals: Totals,
    containers: Vec<Current>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Group>>,
}

/// What several containers use together.
#[derive(Debug, Serialize)]
struct Totals {
    containers: usize,
    running: usize,
    cpu: CpuTotals,
    memory: MemoryTotals,
    network: NetworkTotals,
    disk: DiskTotals,
    processes: ProcessTotals,
}

#[derive(Debug, Serialize)]
struct CpuTotals {
    usage_cores: Option<f64>,
    percent: Option<f64>,
    percent_of_host: Option<f64>,
}

#[derive(Debug, Serialize)]
struct MemoryTotals {
    usage_bytes: Option<u64>,
    working_set_bytes: Option<u64>,
    percent_of_host: Option<f64>,
}

#[derive(Debug, Serialize)]
struct NetworkTotals {
    receive_bytes_per_second: Option<f64>,
    transmit_bytes_per_second: Option<f64>,
}

#[derive(Debug, Serialize)]
struct DiskTotals {
    read_bytes_per_second: Option<f64>,
    write_bytes_per_second: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ProcessTotals {
    current: Option<u64>,
    threads: Option<u64>,
}

/// The totals of containers that share the values grouped by.
#[derive(Debug, Serialize)]
struct Group {
    #[serde(flatten)]
    key: BTreeMap<&'static str, LabelValue>,
    #[serde(flatten)]
    totals: Totals,
}

/// One label to group by.
type Key = (&'static str, fn(&Current) -> &LabelValue);

/// What containers can be grouped by.
const KEYS: [Key; 3] = [
    ("user", |current| &current.user),
    ("project", |current| &current.project),
    ("team", |current| &current.team),
];

/// The labels to group by, each once.
pub(super) struct Grouping(Vec<Key>);

impl Grouping {
    /// Reads `user,project,team` or a part of it.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let mut keys: Vec<Key> = Vec::new();
        for word in text.split(',') {
            let Some(key) = KEYS.into_iter().find(|(name, _)| *name == word) else {
                let detail = format!(
                    "cannot group by `{word}`; `group_by` takes `user`, `project`, `team`, with commas between"
                );
                return Err(Problem::new(Kind::BadRequest, detail));
            };
            if keys.iter().all(|(name, _)| *name != word) {
                keys.push(key);
            }
        }
        Ok(Grouping(keys))
    }

    fn groups(&self, containers: &[Current], machine: &Machine) -> Vec<Group> {
        let mut members: BTreeMap<Vec<&LabelValue>, Vec<&Current>> = BTreeMap::new();
        for container in containers {
            let values = self.0.iter().map(|(_, value)| value(container)).collect();
            members.entry(values).or_default().push(container);
        }
        let group = |(values, members): (Vec<&LabelValue>, Vec<&Current>)| Group {
            key: self.0.iter().map(|(name, _)| *name).zip(values.into_iter().cloned()).collect(),
            totals: Totals::of(&members, machine),
        };
        members.into_iter().map(group).collect()
    }
}

impl Summary {
    /// The summary of the containers in view that the engine has.
    pub(super) fn new(snapshot: &Snapshot, view: &View, grouping: Option<&Grouping>) -> Self {
        let here = |container: &Container| container.removed_at.is_none() && view.sees(container);
        let present = snapshot.containers.iter().filter(|reading| here(&reading.container));
        let containers: Vec<Current> =
            present.map(|reading| Current::new(&reading.container, Some(reading), snapshot)).collect();
        Summary {
            timestamp: Time(snapshot.taken_at),
            totals: Totals::of(&containers.iter().collect::<Vec<_>>(), &snapshot.machine),
            groups: grouping.map(|grouping| grouping.groups(&containers, &snapshot.machine)),
            containers,
        }
    }
}

impl Totals {
    fn of(containers: &[&Current], machine: &Machine) -> Self {
        let sum = |value: fn(&Current) -> Option<f64>| known_sum(containers.iter().map(|c| value(c)));
        let count = |value: fn(&Current) -> Option<u64>| known_sum(containers.iter().map(|c| value(c)));
        let cores = sum(|c| c.cpu.usage_cores);
        let memory = count(|c| c.memory.usage_bytes);
        let host_memory = machine.memory_bytes.map(|bytes| bytes as f64);
        Totals {
            containers: containers.len(),
            running: containers.iter().filter(|c| c.status == "running").count(),
            cpu: CpuTotals {
                usage_cores: cores,
                percent: cores.map(|cores| cores * 100.0),
                percent_of_host: percent(cores, machine.cpu_cores.map(f64::from)),
            },
            memory: MemoryTotals {
                usage_bytes: memory,
                working_set_bytes: count(|c| c.memory.working_set_bytes),
                percent_of_host: percent(memory.map(|bytes| bytes as f64), host_memory),
            },
            network: NetworkTotals {
                receive_bytes_per_second: sum(|c| c.network.receive_bytes_per_second),
                transmit_bytes_per_second: sum(|c| c.network.transmit_bytes_per_second),
            },
            disk: DiskTotals {
                read_bytes_per_second: sum(|c| c.disk.read_bytes_per_second),
                write_bytes_per_second: sum(|c| c.disk.write_bytes_per_second),
            },
            processes: ProcessTotals {
                current: count(|c| c.processes.current),
                threads: count(|c| c.processes.threads),
            },
        }
    }
}

/// The sum of what is known; `None` if nothing is.
fn known_sum<T: std::ops::Add<Output = T>>(values: impl Iterator<Item = Option<T>>) -> Option<T> {
    values.flatten().reduce(|sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::web::fixture;

    fn summary(group_by: Option<&str>) -> Value {
        let grouping = group_by.map(|keys| Grouping::parse(keys).unwrap());
        serde_json::to_value(Summary::new(&fixture::snapshot(), &View::default(), grouping.as_ref())).unwrap()
    }

    #[test]
    fn totals_add_up_what_is_known_of_containers_that_are_there() {
        let summary = summary(None);
        assert_eq!(summary["timestamp"], json!("2026-01-01T01:00:00Z"));
        assert_eq!(summary["containers"].as_array().unwrap().len(), 3, "the removed one is not counted");
        assert_eq!(summary.get("groups"), None);
        let totals = &summary["totals"];
        assert_eq!((&totals["containers"], &totals["running"]), (&json!(3), &json!(2)));
        assert_eq!(totals["cpu"], json!({"usage_cores": 2.125, "percent": 212.5, "percent_of_host": 53.125}));
        assert_eq!(totals["memory"]["usage_bytes"], json!(536870912u64 + (1 << 30)));
        assert_eq!(totals["memory"]["percent_of_host"], json!(18.75));
        assert_eq!(totals["network"]["receive_bytes_per_second"], json!(1024.0));
    }

    #[test]
    fn groups_are_made_of_one_or_several_labels() {
        let users = &summary(Some("user"))["groups"];
        let names: Vec<&str> =
            users.as_array().unwrap().iter().map(|g| g["user"].as_str().unwrap()).collect();
        assert_eq!(names, ["ann", "bob"]);
        assert_eq!(users[0]["cpu"]["usage_cores"], json!(0.125));
        assert_eq!(users[0].get("project"), None);

        let both = &summary(Some("project,user,project"))["groups"];
        assert_eq!(both[0]["project"], json!("shop"));
        assert_eq!(both[0]["user"], json!("ann"));
        assert_eq!(both.as_array().unwrap().len(), 3);
    }

    #[test]
    fn a_group_of_which_nothing_is_known_has_nulls_not_zeros() {
        let summary = summary(Some("project"));
        let idle = summary["groups"].as_array().unwrap().iter().find(|g| g["project"] == "unknown").unwrap();
        assert_eq!(idle["containers"], json!(1));
        assert_eq!(idle["cpu"]["usage_cores"], json!(null));
        assert_eq!(idle["processes"]["threads"], json!(null));
    }

    #[test]
    fn another_label_cannot_be_grouped_by() {
        for text in ["image", "", "user,", "User"] {
            assert!(Grouping::parse(text).is_err(), "{text}");
        }
    }
}
