//! What can be measured, and how it is written down.
//!
//! - [`catalogue`]: every metric, declared once as data; what is not in it cannot be emitted.
//! - [`LabelBlock`]: a set of labels, rendered once and reused in every line.
//! - [`Histogram`]: a distribution, with classic and native buckets.
//! - [`window`]: the highest values of the last while.
//! - [`Sink`]: where collectors put samples; [`text::TextEncoder`] or
//!   [`protobuf::ProtobufEncoder`] makes the page of it, `registry` hands it to a
//!   `prometheus::Registry`.
//!
//! Invariants: this room knows no collector; an encoder allocates nothing for a label set
//! that has not changed.

pub mod catalogue;
mod distribution;
mod exemplar;
mod family;
pub mod foreign;
mod format;
mod histogram;
mod label;
pub mod protobuf;
pub mod reference;
#[cfg(feature = "prometheus-registry")]
pub mod registry;
pub mod text;
mod value;
pub mod window;
mod wire;

pub use catalogue::{Kind, Labels, Metric, Unit};
pub use distribution::{Distribution, Exponential, Summary};
pub use exemplar::Exemplar;
pub use family::Family;
pub use format::Format;
pub use histogram::{Histogram, Native};
pub use label::LabelBlock;
pub use value::Value;

use crate::tenant::Narrowing;

/// Where a collector puts its samples, family by family.
pub trait Sink {
    /// Opens a family; the samples that follow belong to it. A family is opened once a page.
    fn open(&mut self, family: Family);

    /// Opens a family of the catalogue.
    fn family(&mut self, metric: &'static Metric) {
        self.open(Family::Ours(metric));
    }

    /// Adds a sample to the open family: a shared block of labels, and those of this sample alone.
    fn sample(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], value: Value);

    /// Adds a sample of a counter with an exemplar, for sinks that have a place for one.
    fn sample_with(
        &mut self,
        labels: &LabelBlock,
        own: &[(&'static str, &str)],
        value: Value,
        _exemplar: &Exemplar,
    ) {
        self.sample(labels, own, value);
    }

    /// Adds a histogram to the open family, which has to be of that kind.
    fn histogram(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], histogram: Distribution<'_>);

    /// Adds a summary to the open family, which has to be of that kind.
    fn summary(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], summary: Summary<'_>);
}

/// A sink that can take back what a failed collector has put into it.
pub trait Page: Sink {
    /// The present end.
    fn mark(&self) -> Mark;

    /// Takes back everything since `mark`.
    fn roll_back(&mut self, mark: Mark);

    /// How many series there are.
    fn series(&self) -> u64;
}

/// A place in a page to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    length: usize,
    series: u64,
}

/// Passes on only what belongs to some tenants. Families that the catalogue gives no tenancy
/// labels are left out as a whole: what is said of the host or of dockmeter is nobody's.
pub struct TenantFilter<'a> {
    sink: &'a mut dyn Sink,
    wanted: &'a Narrowing,
    /// Whether the open family has tenancy labels.
    narrowable: bool,
}

impl<'a> TenantFilter<'a> {
    /// Puts a filter before a sink.
    pub fn new(sink: &'a mut dyn Sink, wanted: &'a Narrowing) -> Self {
        TenantFilter { sink, wanted, narrowable: false }
    }

    fn admits(&self, labels: &LabelBlock) -> bool {
        self.narrowable && labels.tenant().is_some_and(|tenant| self.wanted.admits(tenant))
    }
}

impl Sink for TenantFilter<'_> {
    fn open(&mut self, family: Family) {
        self.narrowable = family.has_tenants();
        self.sink.open(family);
    }

    fn sample(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], value: Value) {
        if self.admits(labels) {
            self.sink.sample(labels, own, value);
        }
    }

    fn sample_with(
        &mut self,
        labels: &LabelBlock,
        own: &[(&'static str, &str)],
        value: Value,
        exemplar: &Exemplar,
    ) {
        if self.admits(labels) {
            self.sink.sample_with(labels, own, value, exemplar);
        }
    }

    fn histogram(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], histogram: Distribution<'_>) {
        if self.admits(labels) {
            self.sink.histogram(labels, own, histogram);
        }
    }

    fn summary(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], summary: Summary<'_>) {
        if self.admits(labels) {
            self.sink.summary(labels, own, summary);
        }
    }
}
