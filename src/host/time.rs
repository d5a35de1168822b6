//! `node_time_*`: the clock at the moment of the snapshot, the time zone, and what the kernel
//! takes the time from.

use crate::collect::{CollectError, Collector};
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::snapshot::Snapshot;
use crate::snapshot::host::{Clock, Host};

/// Shows the snapshot's own time beside what was read.
pub(super) struct TimeCollector;

impl Collector for TimeCollector {
    fn name(&self) -> &'static str {
        "time"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let Some(host) = &snapshot.host else { return Ok(()) };
        let ns = u64::try_from(snapshot.published_at.as_nanosecond()).unwrap_or(0);
        sink.family(&c::TIME);
        sink.sample(&LabelBlock::default(), &[], Value::Nanos(ns));
        // A source that cannot be read costs itself; the time needs none.
        if let Host { clock: Some(clock), .. } = &**host {
            show_clock(clock, sink);
        }
        Ok(())
    }
}

fn show_clock(clock: &Clock, sink: &mut dyn Sink) {
    let plain = LabelBlock::default();
    if let Some((zone, offset)) = &clock.zone {
        sink.family(&c::TIME_ZONE_OFFSET);
        sink.sample(&plain, &[("time_zone", zone)], Value::Float(f64::from(*offset)));
    }
    let devices: Vec<_> =
        clock.sources.iter().enumerate().map(|(index, one)| (index.to_string(), one)).collect();
    sink.family(&c::CLOCKSOURCE_AVAILABLE);
    for (device, (available, _)) in &devices {
        for source in available {
            sink.sample(&plain, &[("device", device), ("clocksource", source)], Value::Int(1));
        }
    }
    sink.family(&c::CLOCKSOURCE_CURRENT);
    for (device, (_, current)) in devices.iter().filter(|(_, (_, current))| !current.is_empty()) {
        sink.sample(&plain, &[("device", device), ("clocksource", current)], Value::Int(1));
    }
}
