//! The page's part of what programs have sent.

use std::sync::Arc;
use std::time::Instant;

use super::receiver::Receiver;
use super::store::{Shown, Stored, Visit};
use crate::collect::{CollectError, Collector};
use crate::metrics::catalogue as c;
use crate::metrics::{Distribution, Exemplar, Exponential, Family, LabelBlock, Sink, Summary, Value};
use crate::snapshot::Snapshot;

/// Shows everything that a receiver has taken, and what came of requests.
#[derive(Debug)]
pub struct Programs(Arc<Receiver>);

impl Programs {
    /// A collector of what `receiver` has when a page is made.
    pub fn new(receiver: Arc<Receiver>) -> Self {
        Programs(receiver)
    }

    fn show_tallies(&self, sink: &mut dyn Sink) {
        let tallies: Vec<_> = self.0.tallies().into_iter().collect();
        let labelled: Vec<_> =
            tallies.iter().map(|(tenant, tally)| (LabelBlock::of_tenant(tenant, []), tally)).collect();
        sink.family(&c::INGEST_POINTS);
        for (labels, tally) in &labelled {
            sink.sample(labels, &[], Value::Int(tally.taken));
        }
        sink.family(&c::INGEST_REJECTED);
        for (labels, tally) in &labelled {
            for (reason, points) in &tally.rejected {
                sink.sample(labels, &[("reason", reason)], Value::Int(*points));
            }
        }
        sink.family(&c::INGEST_MENDED);
        for (labels, tally) in &labelled {
            sink.sample(labels, &[], Value::Int(tally.mended));
        }
        sink.family(&c::INGEST_REQUESTS);
        for (way, requests) in self.0.requests() {
            sink.sample(&LabelBlock::default(), &[("origin", way.as_str())], Value::Int(requests));
        }
        let store = self.0.store();
        sink.family(&c::INGEST_PROGRAM_INFO);
        store.programs(Instant::now(), &mut |labels, container| {
            let id = container.map(|id| id.to_string());
            let own = id.as_deref().map(|id| ("container_id", id));
            sink.sample(labels, own.as_slice(), Value::Int(1));
        });
        sink.family(&c::INGEST_SERIES);
        sink.sample(&LabelBlock::default(), &[], Value::Int(store.series()));
        sink.family(&c::INGEST_BYTES);
        sink.sample(&LabelBlock::default(), &[], Value::Int(store.bytes()));
        sink.family(&c::DROPPED_SERIES);
        for (full, series) in store.dropped() {
            sink.sample(&LabelBlock::default(), &[("reason", full.reason())], Value::Int(series));
        }
    }
}

impl Collector for Programs {
    fn name(&self) -> &'static str {
        "programs"
    }

    fn collect(&self, _: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        self.show_tallies(sink);
        self.0.store().walk(self.0.naming(), &mut |visit| match visit {
            Visit::Family(family) => sink.open(Family::Foreign(family.clone())),
            Visit::Series(labels, value) => show(sink, labels, value),
        });
        Ok(())
    }
}

/// One series, with its exemplars ascending by value.
pub(super) fn show(sink: &mut dyn Sink, labels: &LabelBlock, shown: Shown<'_>) {
    match shown {
        Shown::Whole(value, exemplars) => show_whole(sink, labels, value, exemplars),
        Shown::Count(count) => sink.sample(labels, &[], Value::Int(count)),
        Shown::Number(number) => sink.sample(labels, &[], Value::Float(number)),
    }
}

fn show_whole(sink: &mut dyn Sink, labels: &LabelBlock, value: &Stored, exemplars: &[Exemplar]) {
    match (value, exemplars) {
        (Stored::Number(value), [exemplar]) => {
            sink.sample_with(labels, &[], Value::Float(*value), exemplar);
        }
        (Stored::Number(value), _) => sink.sample(labels, &[], Value::Float(*value)),
        (Stored::Buckets(kept), _) => {
            let histogram = Distribution {
                count: kept.count,
                sum: kept.sum,
                bounds: &kept.bounds,
                counts: &kept.counts,
                native: None,
                exemplars,
            };
            sink.histogram(labels, &[], histogram);
        }
        (Stored::Exponential(kept), _) => {
            let (bounds, counts) = kept.classic();
            let native = Exponential {
                schema: kept.schema,
                zero_count: kept.zero_count,
                zero_threshold: kept.zero_threshold,
                positive: &kept.positive,
                negative: &kept.negative,
            };
            let histogram = Distribution {
                count: kept.count,
                sum: kept.sum,
                bounds: &bounds,
                counts: &counts,
                native: Some(native),
                exemplars,
            };
            sink.histogram(labels, &[], histogram);
        }
        (Stored::Quantiles(kept), _) => {
            sink.summary(labels, &[], Summary { count: kept.count, sum: kept.sum, quantiles: &kept.values });
        }
    }
}
