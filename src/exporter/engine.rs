//! The engine as a whole: how dockmeter stands with it, what it holds, and what goes on.

mod ports;

use std::time::Duration;

use jiff::Timestamp;

use crate::collect::{CollectError, Collector};
use crate::inventory::{ByDriver, EVENTS, EngineFacts, Images, Status};
use crate::metrics::{LabelBlock, Metric, Sink, Value, catalogue as c};
use crate::snapshot::Snapshot;

pub use ports::PortsCollector;

/// Ages by which unused images are counted.
const AGES: [(&str, Duration); 5] =
    [("1d", days(1)), ("7d", days(7)), ("30d", days(30)), ("90d", days(90)), ("365d", days(365))];

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

/// `dockmeter_docker_up` and what belongs to it.
#[derive(Debug)]
pub struct EngineCollector;

impl Collector for EngineCollector {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let plain = LabelBlock::default();
        plain_value(sink, &c::DOCKER_UP, Value::Int(u64::from(snapshot.engine.connected)));
        if let Some(synced_at) = snapshot.engine.synced_at {
            plain_value(sink, &c::DOCKER_SYNC, seconds(synced_at));
        }
        plain_value(sink, &c::DOCKER_MISSED_ENDS, Value::Int(snapshot.engine.missed_ends));
        info(snapshot, sink);
        containers(snapshot, sink);
        let EngineFacts { images, networks, volumes, .. } = &*snapshot.facts;
        if let Some(images) = images {
            show_images(images, snapshot.published_at, sink);
        }
        by_driver(sink, [&c::DOCKER_NETWORKS, &c::DOCKER_NETWORKS_UNUSED], networks.as_ref());
        by_driver(sink, [&c::DOCKER_VOLUMES, &c::DOCKER_VOLUMES_UNUSED], volumes.as_ref());
        listed(&snapshot.facts, sink);
        activity(snapshot, sink);
        let (hits, misses) = snapshot.lookups;
        sink.family(&c::INVENTORY_LOOKUPS);
        sink.sample(&plain, &[("result", "hit")], Value::Int(hits));
        sink.sample(&plain, &[("result", "miss")], Value::Int(misses));
        Ok(())
    }
}

fn plain_value(sink: &mut dyn Sink, metric: &'static Metric, value: Value) {
    sink.family(metric);
    sink.sample(&LabelBlock::default(), &[], value);
}

fn seconds(time: Timestamp) -> Value {
    Value::Nanos(u64::try_from(time.as_nanosecond()).unwrap_or(0))
}

/// Shown once the engine has been asked how it works, so that the labels of the one series do not
/// change from a first page to the second.
fn info(snapshot: &Snapshot, sink: &mut dyn Sink) {
    let (engine, Some(info)) = (&snapshot.engine, snapshot.facts.info.as_ref()) else { return };
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let labels = [
        ("version", &*said(&engine.version)),
        ("api_version", &*said(&engine.api_version)),
        ("storage_driver", info.storage_driver.as_str()),
        ("cgroup_driver", info.cgroup_driver.as_str()),
        ("cgroup_version", info.cgroup_version.as_str()),
    ];
    sink.family(&c::DOCKER_INFO);
    sink.sample(&LabelBlock::default(), &labels, Value::Int(1));
}

/// Nothing before the first list, since no container is not the same as none known.
fn containers(snapshot: &Snapshot, sink: &mut dyn Sink) {
    if snapshot.engine.synced_at.is_none() {
        return;
    }
    sink.family(&c::DOCKER_CONTAINERS);
    let present = || {
        snapshot.containers.iter().map(|reading| &reading.container).filter(|one| one.removed_at.is_none())
    };
    for state in Status::KNOWN {
        let count = present().filter(|container| container.state.status == state).count() as u64;
        sink.sample(&LabelBlock::default(), &[("state", state.as_str())], Value::Int(count));
    }
    let others =
        present().filter(|container| matches!(container.state.status, Status::Other(_))).count() as u64;
    if others > 0 {
        sink.sample(&LabelBlock::default(), &[("state", "other")], Value::Int(others));
    }
}

fn show_images(images: &Images, now: Timestamp, sink: &mut dyn Sink) {
    plain_value(sink, &c::DOCKER_IMAGES, Value::Int(images.count));
    plain_value(sink, &c::DOCKER_IMAGES_DANGLING, Value::Int(images.dangling));
    plain_value(sink, &c::DOCKER_IMAGES_UNUSED, Value::Int(images.unused));
    sink.family(&c::DOCKER_IMAGES_UNUSED_OLDER);
    for (older_than, age) in AGES {
        let older = images.unused_created.partition_point(|created| {
            Duration::try_from(now.duration_since(*created)).is_ok_and(|since| since > age)
        });
        sink.sample(&LabelBlock::default(), &[("older_than", older_than)], Value::Int(older as u64));
    }
    if let Some(oldest) = images.unused_created.first() {
        plain_value(sink, &c::DOCKER_IMAGE_OLDEST, seconds(*oldest));
    }
}

/// How many there are by driver, and how many are unused.
fn by_driver(sink: &mut dyn Sink, [count, unused]: [&'static Metric; 2], things: Option<&ByDriver>) {
    let Some(things) = things else { return };
    sink.family(count);
    for (driver, number) in &things.count {
        sink.sample(&LabelBlock::default(), &[("driver", driver.as_str())], Value::Int(*number));
    }
    if let Some(number) = things.unused {
        plain_value(sink, unused, Value::Int(number));
    }
}

fn listed(facts: &EngineFacts, sink: &mut dyn Sink) {
    let kinds = [
        ("images", facts.images.as_ref().map(|images| images.listed_at)),
        ("networks", facts.networks.as_ref().map(|networks| networks.listed_at)),
        ("volumes", facts.volumes.as_ref().map(|volumes| volumes.listed_at)),
    ];
    sink.family(&c::DOCKER_LISTED);
    for (kind, listed_at) in kinds {
        if let Some(listed_at) = listed_at {
            sink.sample(&LabelBlock::default(), &[("type", kind)], seconds(listed_at));
        }
    }
}

fn activity(snapshot: &Snapshot, sink: &mut dyn Sink) {
    let plain = LabelBlock::default();
    let activity = &snapshot.activity;
    sink.family(&c::DOCKER_EVENTS);
    for ((kind, action), count) in EVENTS.iter().zip(&activity.events) {
        sink.sample(&plain, &[("type", kind), ("action", action)], Value::Int(*count));
    }
    sink.family(&c::DOCKER_CALLS);
    for (call, totals) in &activity.calls {
        for (result, count) in [("answered", totals.answered), ("failed", totals.failed)] {
            sink.sample(&plain, &[("call", call.as_str()), ("result", result)], Value::Int(count));
        }
    }
    sink.family(&c::DOCKER_CALL_SECONDS);
    for (call, totals) in &activity.calls {
        let took = u64::try_from(totals.took.as_nanos()).unwrap_or(u64::MAX);
        sink.sample(&plain, &[("call", call.as_str())], Value::Nanos(took));
    }
}

#[cfg(test)]
mod tests;
