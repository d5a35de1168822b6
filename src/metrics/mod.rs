//! What can be measured, and how it is written down.
//!
//! - [`catalogue`]: every metric, declared once as data; what is not in it cannot be emitted.
//! - [`LabelBlock`]: a set of labels, rendered once and reused in every line.
//! - [`Histogram`]: a distribution, with classic and native buckets.
//! - [`Sink`]: where collectors put samples; [`text::TextEncoder`] or
//!   [`protobuf::ProtobufEncoder`] makes the page of it, `registry` hands it to a
//!   `prometheus::Registry`.
//!
//! Invariants: this room knows no collector; an encoder allocates nothing for a label set
//! that has not changed.

pub mod catalogue;
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
mod wire;

pub use catalogue::{Kind, Labels, Metric, Unit};
pub use format::Format;
pub use histogram::{Histogram, Native};
pub use label::LabelBlock;
pub use value::Value;

/// Where a collector puts its samples, family by family.
pub trait Sink {
    /// Opens a family; the samples that follow belong to it. A family is opened once a page.
    fn family(&mut self, metric: &'static Metric);

    /// Adds a sample to the open family: a shared block of labels, and those of this sample alone.
    fn sample(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], value: Value);

    /// Adds a histogram to the open family, which has to be of that kind.
    fn histogram(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], histogram: &Histogram);
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

/// Passes on only what belongs to a tenant; series without a tenant are left out.
pub struct TenantFilter<'a> {
    sink: &'a mut dyn Sink,
    wanted: &'a Narrowing,
}

/// The tenant a page is narrowed to: every given part has to be equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// Only this user.
    pub user: Option<String>,
    /// Only this project.
    pub project: Option<String>,
    /// Only this team.
    pub team: Option<String>,
}

impl Narrowing {
    /// Whether everything is let through.
    pub fn is_empty(&self) -> bool {
        *self == Narrowing::default()
    }

    /// Whether a tenant is let through.
    pub fn admits(&self, tenant: &crate::tenant::Tenant) -> bool {
        let fits = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|w| w == value);
        fits(&self.user, tenant.user.as_str())
            && fits(&self.project, tenant.project.as_str())
            && fits(&self.team, tenant.team.as_str())
    }
}

impl<'a> TenantFilter<'a> {
    /// Puts a filter before a sink.
    pub fn new(sink: &'a mut dyn Sink, wanted: &'a Narrowing) -> Self {
        TenantFilter { sink, wanted }
    }
}

impl Sink for TenantFilter<'_> {
    fn family(&mut self, metric: &'static Metric) {
        self.sink.family(metric);
    }

    fn sample(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], value: Value) {
        if labels.tenant().is_some_and(|tenant| self.wanted.admits(tenant)) {
            self.sink.sample(labels, own, value);
        }
    }

    fn histogram(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], histogram: &Histogram) {
        if labels.tenant().is_some_and(|tenant| self.wanted.admits(tenant)) {
            self.sink.histogram(labels, own, histogram);
        }
    }
}
