//! The page's part of what programs have sent.

use std::sync::Arc;

use super::value::Stored;
use super::{Store, lock};
use crate::collect::{CollectError, Collector};
use crate::metrics::{Distribution, Exponential, Family, Sink, Summary, Value};
use crate::snapshot::Snapshot;

/// Shows everything in a store.
#[derive(Debug)]
pub struct Programs(Arc<Store>);

impl Programs {
    /// A collector of what is in `store` when a page is made.
    pub fn new(store: Arc<Store>) -> Self {
        Programs(store)
    }
}

impl Collector for Programs {
    fn name(&self) -> &'static str {
        "programs"
    }

    fn collect(&self, _: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        for (family, senders) in self.0.families().into_values() {
            sink.open(Family::Foreign(family.clone()));
            for streams in senders {
                let streams = lock(&streams);
                for series in streams.of(&family) {
                    if let Some(value) = &series.value {
                        show(sink, &series.labels, value);
                    }
                }
            }
        }
        Ok(())
    }
}

fn show(sink: &mut dyn Sink, labels: &crate::metrics::LabelBlock, value: &Stored) {
    match value {
        Stored::Number(value) => sink.sample(labels, &[], Value::Float(*value)),
        Stored::Buckets(kept) => {
            let histogram = Distribution {
                count: kept.count,
                sum: kept.sum,
                bounds: &kept.bounds,
                counts: &kept.counts,
                native: None,
            };
            sink.histogram(labels, &[], histogram);
        }
        Stored::Exponential(kept) => {
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
            };
            sink.histogram(labels, &[], histogram);
        }
        Stored::Quantiles(kept) => {
            sink.summary(labels, &[], Summary { count: kept.count, sum: kept.sum, quantiles: &kept.values });
        }
    }
}
