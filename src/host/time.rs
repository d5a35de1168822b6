//! `node_time_seconds`: the clock at the moment of the snapshot.

use crate::collect::{CollectError, Collector};
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::snapshot::Snapshot;

/// Shows the snapshot's own time, and nothing that is read.
pub(super) struct TimeCollector;

impl Collector for TimeCollector {
    fn name(&self) -> &'static str {
        "time"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        if snapshot.host.is_some() {
            let ns = u64::try_from(snapshot.taken_at.as_nanosecond()).unwrap_or(0);
            sink.family(&c::TIME);
            sink.sample(&LabelBlock::default(), &[], Value::Nanos(ns));
        }
        Ok(())
    }
}
