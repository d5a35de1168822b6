//! The collector: one trait with one method over a snapshot, and the making of a page.
//!
//! Invariant: a collector that fails or panics costs only its own families; what it had
//! written is taken back, and `dockmeter_collector_success` says so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::metrics::protobuf::ProtobufEncoder;
use crate::metrics::text::{Dialect, TextEncoder};
use crate::metrics::{Format, LabelBlock, Page, Sink, TenantFilter, Value, catalogue};
use crate::snapshot::Snapshot;
use crate::tenant::Narrowing;

/// Renders some families of a snapshot.
pub trait Collector: Send + Sync {
    /// Its name in the catalogue, in `collect[]` and in `--collector.NAME`.
    fn name(&self) -> &'static str;

    /// Puts its families into the sink.
    ///
    /// # Errors
    /// What the collector needs is not there; its families are then missing from the page.
    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError>;
}

/// Why a collector has nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A source could not be read.
    #[error("could not read {what}: {source}")]
    Read {
        /// What was to be read.
        what: String,
        /// What came back.
        source: std::io::Error,
    },
    /// A part of the host could not be read.
    #[error("{problem}")]
    Host {
        /// What was tried, and what came back.
        problem: String,
    },
    /// A source could be read and made no sense.
    #[error("could not understand {what}")]
    Malformed {
        /// What was read.
        what: String,
    },
}

/// What a scrape asks for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these collectors (`collect[]`); all if empty.
    pub collect: Vec<String>,
    /// Not these (`exclude[]`).
    pub exclude: Vec<String>,
    /// Only these tenants' series.
    pub narrowing: Narrowing,
}

impl Selection {
    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.collect.is_empty() && self.exclude.is_empty() && self.narrowing.is_empty()
    }

    /// Whether a collector is asked for.
    pub fn wants(&self, name: &str) -> bool {
        (self.collect.is_empty() || self.collect.iter().any(|wanted| wanted == name))
            && !self.exclude.iter().any(|unwanted| unwanted == name)
    }
}

/// How one collector did.
struct Outcome {
    name: &'static str,
    seconds: f64,
    success: bool,
}

/// Makes the page of a snapshot. `buffer` may be an old page, whose memory is used again.
pub fn render(
    collectors: &[Box<dyn Collector>],
    selection: &Selection,
    snapshot: &Snapshot,
    format: Format,
    buffer: Vec<u8>,
) -> Vec<u8> {
    let fill = |page: &mut dyn Page| gather(collectors, selection, snapshot, page);
    let text = |dialect, buffer| {
        let mut encoder = TextEncoder::new(dialect, buffer);
        fill(&mut encoder);
        encoder.finish()
    };
    match format {
        Format::Text => text(Dialect::Prometheus, buffer),
        Format::OpenMetrics => text(Dialect::OpenMetrics, buffer),
        Format::Protobuf => {
            let mut encoder = ProtobufEncoder::new(buffer);
            fill(&mut encoder);
            encoder.finish()
        }
    }
}

/// Puts the selected families of a snapshot into a page.
pub fn gather(
    collectors: &[Box<dyn Collector>],
    selection: &Selection,
    snapshot: &Snapshot,
    page: &mut dyn Page,
) {
    let mut outcomes = Vec::with_capacity(collectors.len());
    for collector in collectors.iter().filter(|collector| selection.wants(collector.name())) {
        let mark = page.mark();
        let started = Instant::now();
        let success = run(collector.as_ref(), snapshot, &selection.narrowing, page);
        if !success {
            page.roll_back(mark);
        }
        outcomes.push(Outcome { name: collector.name(), seconds: started.elapsed().as_secs_f64(), success });
    }
    if selection.narrowing.is_empty() {
        write_outcomes(&outcomes, snapshot, page);
    }
}

fn run(collector: &dyn Collector, snapshot: &Snapshot, narrowing: &Narrowing, sink: &mut dyn Sink) -> bool {
    let mut filtered;
    let sink: &mut dyn Sink = if narrowing.is_empty() {
        sink
    } else {
        filtered = TenantFilter::new(sink, narrowing);
        &mut filtered
    };
    match catch_unwind(AssertUnwindSafe(|| collector.collect(snapshot, sink))) {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(collector = collector.name(), %error, "a collector failed; its families are missing");
            false
        }
        Err(_) => {
            tracing::error!(collector = collector.name(), "a collector panicked; its families are missing");
            false
        }
    }
}

/// The families about the scrape itself, which only the end of a page can know.
fn write_outcomes(outcomes: &[Outcome], snapshot: &Snapshot, page: &mut dyn Page) {
    let plain = LabelBlock::default();
    page.family(&catalogue::COLLECTOR_DURATION);
    let reading = snapshot.read_duration_ns;
    page.sample(&plain, &[("collector", "sampler")], Value::Nanos(reading));
    for outcome in outcomes {
        page.sample(&plain, &[("collector", outcome.name)], Value::Float(outcome.seconds));
    }
    page.family(&catalogue::COLLECTOR_SUCCESS);
    for outcome in outcomes {
        page.sample(&plain, &[("collector", outcome.name)], Value::Int(u64::from(outcome.success)));
    }
    let series = page.series();
    page.family(&catalogue::SERIES);
    page.sample(&plain, &[], Value::Int(series));
}

#[cfg(test)]
mod tests;
