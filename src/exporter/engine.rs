//! How dockmeter stands with the engine.

use crate::collect::{CollectError, Collector};
use crate::metrics::{LabelBlock, Sink, Value, catalogue as c};
use crate::snapshot::Snapshot;

/// `dockmeter_docker_up` and what belongs to it.
#[derive(Debug)]
pub struct EngineCollector;

impl Collector for EngineCollector {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let plain = LabelBlock::default();
        sink.family(&c::DOCKER_UP);
        sink.sample(&plain, &[], Value::Int(u64::from(snapshot.engine.connected)));
        if let Some(synced_at) = snapshot.engine.synced_at {
            sink.family(&c::DOCKER_SYNC);
            sink.sample(&plain, &[], Value::Nanos(u64::try_from(synced_at.as_nanosecond()).unwrap_or(0)));
        }
        sink.family(&c::DOCKER_MISSED_ENDS);
        sink.sample(&plain, &[], Value::Int(snapshot.engine.missed_ends));
        let (hits, misses) = snapshot.lookups;
        sink.family(&c::INVENTORY_LOOKUPS);
        sink.sample(&plain, &[("result", "hit")], Value::Int(hits));
        sink.sample(&plain, &[("result", "miss")], Value::Int(misses));
        Ok(())
    }
}
