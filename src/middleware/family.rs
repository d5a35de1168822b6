//! Families as a `prometheus::Registry` takes them: names by the switch, labels in order.

use std::collections::{BTreeMap, HashMap};

use prometheus::core::Desc;
use prometheus::proto;

use super::histogram::Counts;
use crate::label::clean;

/// What families and labels are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// `http_requests_total{method,route,status_code}`, `db_query_duration_seconds{query_type,table}`, ….
    #[default]
    Classic,
    /// OpenTelemetry's conventions as Prometheus translates them.
    Otel,
    /// Both, at twice the series.
    Both,
}

/// One of the two sets of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Classic,
    Otel,
}

impl Names {
    pub(super) fn styles(self) -> &'static [Style] {
        match self {
            Names::Classic => &[Style::Classic],
            Names::Otel => &[Style::Otel],
            Names::Both => &[Style::Classic, Style::Otel],
        }
    }
}

/// A family that is shown.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) shape: Shape,
    /// Which of a subject's histograms it shows.
    pub(super) cell: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// How many values a histogram has.
    Count,
    Histogram,
}

/// Labels that all series carry.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed(BTreeMap<&'static str, String>);

impl Fixed {
    /// Sets a label; an empty value takes it away.
    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        let value = clean(value);
        if value.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name, value.into_owned());
        }
    }

    /// What a registry is told of a family.
    pub(super) fn describe(&self, family: &Family, own: &[&str]) -> prometheus::Result<Desc> {
        let own = own.iter().map(|name| (*name).to_owned()).collect();
        let fixed: HashMap<_, _> =
            self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Desc::new(family.name.to_owned(), family.help.to_owned(), own, fixed)
    }

    /// These and a series' own, without those that are empty, in order of their names.
    pub(super) fn with<'a>(&self, own: impl Iterator<Item = (&'static str, &'a str)>) -> Labels {
        let own = own.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.to_owned()));
        self.0.iter().map(|(name, value)| (*name, value.clone())).chain(own).collect()
    }
}

/// Labels of a series, in order of their names.
pub(super) type Labels = BTreeMap<&'static str, String>;

/// Series by their labels; what has the same labels is one series.
#[derive(Debug)]
pub(super) struct Series<const N: usize>(BTreeMap<Labels, [Counts; N]>);

impl<const N: usize> Series<N> {
    pub(super) fn new() -> Self {
        Series(BTreeMap::new())
    }

    pub(super) fn add(&mut self, labels: Labels, counts: [Counts; N]) {
        match self.0.get_mut(&labels) {
            Some(present) => present.iter_mut().zip(&counts).for_each(|(one, more)| one.add(more)),
            None => {
                self.0.insert(labels, counts);
            }
        }
    }

    /// The family of them, if there are any.
    pub(super) fn family(&self, family: &Family) -> Option<proto::MetricFamily> {
        let shown = |counts: &Counts| family.shape == Shape::Count || counts.count() > 0;
        let series = self.0.iter().map(|(labels, cells)| (labels, &cells[family.cell]));
        let metrics: Vec<_> = series
            .filter(|(_, counts)| shown(counts))
            .map(|(labels, counts)| metric(family, labels, counts))
            .collect();
        if metrics.is_empty() {
            return None;
        }
        let mut made = proto::MetricFamily::default();
        made.set_name(family.name.to_owned());
        made.set_help(family.help.to_owned());
        made.set_field_type(match family.shape {
            Shape::Count => proto::MetricType::COUNTER,
            Shape::Histogram => proto::MetricType::HISTOGRAM,
        });
        made.set_metric(metrics);
        Some(made)
    }
}

fn metric(family: &Family, labels: &Labels, counts: &Counts) -> proto::Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value(value.clone());
        pair
    });
    let mut metric = proto::Metric::from_label(pairs.collect());
    match family.shape {
        Shape::Count => {
            let mut counter = proto::Counter::default();
            counter.set_value(counts.count() as f64);
            metric.set_counter(counter);
        }
        Shape::Histogram => metric.set_histogram(counts.to_proto()),
    }
    metric
}
