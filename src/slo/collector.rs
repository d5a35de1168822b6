//! The page's part of what is promised.

use std::sync::Arc;

use super::objectives::Objectives;
use super::uptime::Now;
use crate::collect::{CollectError, Collector};
use crate::config::Counted;
use crate::metrics::catalogue as c;
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::snapshot::Snapshot;

/// A number of containers.
type OfNow = fn(&Now) -> u64;

/// Shows objectives with their counters.
#[derive(Debug)]
pub struct SloCollector(Arc<Objectives>);

impl SloCollector {
    /// A collector of what is promised when a page is made.
    pub fn new(objectives: Arc<Objectives>) -> Self {
        SloCollector(objectives)
    }
}

impl Collector for SloCollector {
    fn name(&self) -> &'static str {
        "slo"
    }

    fn collect(&self, _: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        self.0.show(|book, held, containers| {
            let labels = |key: &super::Key| {
                let own = [("slo", key.slo.as_str()), ("service", key.service.as_str())];
                LabelBlock::of_tenant(&key.tenant, own)
            };
            let labelled: Vec<_> = held.iter().map(|one| (labels(one.key), one)).collect();
            sink.family(&c::SLO_OBJECTIVE);
            for (labels, one) in &labelled {
                sink.sample(labels, &[], Value::Float(one.promise.target.ratio()));
            }
            sink.family(&c::SLO_THRESHOLD);
            for (labels, one) in &labelled {
                if let Counted::Latency(threshold) = one.promise.of {
                    sink.sample(labels, &[], Value::Float(threshold.as_secs_f64()));
                }
            }
            sink.family(&c::SLO_EVENTS);
            for (labels, one) in &labelled {
                sink.sample(labels, &[], Value::Float(one.events.all));
            }
            sink.family(&c::SLO_BAD_EVENTS);
            for (labels, one) in &labelled {
                sink.sample(labels, &[], Value::Float(one.events.bad));
            }
            sink.family(&c::SLO_CONFLICTS);
            for (labels, one) in labelled.iter().filter(|(_, one)| one.conflicts > 0) {
                sink.sample(labels, &[], Value::Int(one.conflicts));
            }
            let counts: [(&'static Metric, OfNow); 3] = [
                (&c::SLO_EXPECTED, |now| now.expected),
                (&c::SLO_DOWN, |now| now.down),
                (&c::SLO_GONE, |now| now.gone),
            ];
            for (family, count) in counts {
                sink.family(family);
                for (key, now) in containers {
                    sink.sample(&labels(key), &[], Value::Int(count(now)));
                }
            }
            sink.family(&c::SLO_REFUSED);
            for ((tenant, reason), times) in book.refused() {
                sink.sample(&LabelBlock::of_tenant(tenant, []), &[("reason", reason)], Value::Int(*times));
            }
        });
        Ok(())
    }
}
