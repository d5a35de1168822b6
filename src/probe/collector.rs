//! Shows what came of probes.

use super::board::{Board, Numbers, Phase, Reason};
use crate::collect::{CollectError, Collector};
use crate::metrics::{LabelBlock, Metric, Sink, Value, catalogue as c};
use crate::snapshot::Snapshot;

/// The families of probes.
#[derive(Debug)]
pub struct ProbeCollector {
    board: Board,
}

/// A value of a target.
type OfNumbers = fn(&Numbers) -> Option<Value>;

impl ProbeCollector {
    /// Of a board that others write.
    pub fn new(board: Board) -> Self {
        ProbeCollector { board }
    }
}

impl Collector for ProbeCollector {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn collect(&self, _: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let records = self.board.records();
        let targets: Vec<_> = records
            .iter()
            .map(|(name, record)| (name.as_str(), record.address.as_str(), record.numbers()))
            .collect();
        let plain = LabelBlock::default();
        sink.family(&c::PROBE_INFO);
        for (target, address, _) in &targets {
            sink.sample(&plain, &[("target", target), ("address", address)], Value::Int(1));
        }
        let single: [(&'static Metric, OfNumbers); 3] = [
            (&c::PROBE_SUCCESS, |numbers| numbers.success.map(|success| Value::Int(success.into()))),
            (&c::PROBE_ATTEMPTS, |numbers| Some(Value::Int(numbers.attempts))),
            (&c::PROBE_STATUS, |numbers| numbers.status.map(|status| Value::Int(status.into()))),
        ];
        for (metric, value) in single {
            sink.family(metric);
            for (target, _, numbers) in &targets {
                if let Some(value) = value(numbers) {
                    sink.sample(&plain, &[("target", target)], value);
                }
            }
        }
        sink.family(&c::PROBE_FAILURES);
        for (target, _, numbers) in &targets {
            for (reason, count) in Reason::ALL.iter().zip(numbers.failures) {
                let own = [("target", *target), ("reason", reason.as_str())];
                sink.sample(&plain, &own, Value::Int(count));
            }
        }
        sink.family(&c::PROBE_DURATION);
        for (target, _, numbers) in &targets {
            sink.histogram(&plain, &[("target", target)], numbers.durations.view());
        }
        sink.family(&c::PROBE_PHASE);
        for (target, _, numbers) in &targets {
            for (phase, sum) in Phase::ALL.iter().zip(numbers.phases) {
                let Some(sum) = sum else { continue };
                let ns = u64::try_from(sum.as_nanos()).unwrap_or(u64::MAX);
                sink.sample(&plain, &[("target", target), ("phase", phase.as_str())], Value::Nanos(ns));
            }
        }
        Ok(())
    }
}
