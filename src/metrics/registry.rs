//! Families as a `prometheus::Registry` takes them (feature `prometheus-registry`).

use prometheus::proto;

use super::{Histogram, Kind, LabelBlock, Mark, Metric, Page, Sink, Value};

/// Collects families as the `prometheus` crate's own types.
#[derive(Debug, Default)]
pub struct FamilyPage {
    families: Vec<(&'static Metric, Vec<proto::Metric>)>,
    series: u64,
}

impl FamilyPage {
    /// The families that have samples.
    pub fn finish(self) -> Vec<proto::MetricFamily> {
        let filled = self.families.into_iter().filter(|(_, samples)| !samples.is_empty());
        filled.map(|(metric, samples)| family(metric, samples)).collect()
    }
}

fn family(metric: &Metric, samples: Vec<proto::Metric>) -> proto::MetricFamily {
    let mut family = proto::MetricFamily::default();
    family.set_name(metric.name.to_owned());
    family.set_help(metric.help.to_owned());
    family.set_field_type(match metric.kind {
        Kind::Counter => proto::MetricType::COUNTER,
        Kind::Gauge => proto::MetricType::GAUGE,
        Kind::Histogram => proto::MetricType::HISTOGRAM,
    });
    family.set_metric(samples);
    family
}

impl Page for FamilyPage {
    fn mark(&self) -> Mark {
        Mark { length: self.families.len(), series: self.series }
    }

    fn roll_back(&mut self, mark: Mark) {
        self.families.truncate(mark.length);
        self.series = mark.series;
    }

    fn series(&self) -> u64 {
        self.series
    }
}

impl Sink for FamilyPage {
    fn family(&mut self, metric: &'static Metric) {
        self.families.push((metric, Vec::new()));
    }

    fn sample(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], value: Value) {
        let Some((metric, samples)) = self.families.last_mut() else {
            debug_assert!(false, "a sample came before its family");
            return;
        };
        let mut sample = labelled(labels, own);
        if metric.kind == Kind::Counter {
            let mut counter = proto::Counter::default();
            counter.set_value(value.as_f64());
            sample.set_counter(counter);
        } else {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value.as_f64());
            sample.set_gauge(gauge);
        }
        samples.push(sample);
        self.series += 1;
    }

    fn histogram(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], histogram: &Histogram) {
        let Some((_, samples)) = self.families.last_mut() else {
            debug_assert!(false, "a histogram came before its family");
            return;
        };
        let mut sample = labelled(labels, own);
        sample.set_histogram(classic(histogram));
        samples.push(sample);
        self.series += histogram.series();
    }
}

fn labelled(labels: &LabelBlock, own: &[(&'static str, &str)]) -> proto::Metric {
    let own = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut pairs: Vec<proto::LabelPair> = labels.pairs().into_iter().chain(own).map(label_pair).collect();
    // The crate's own collectors sort labels by name, and encoders rely on it.
    pairs.sort_by(|a, b| a.name().cmp(b.name()));
    proto::Metric::from_label(pairs)
}

/// The classic buckets; the crate knows no native ones.
fn classic(histogram: &Histogram) -> proto::Histogram {
    let buckets = histogram.cumulative().map(|(bound, below)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut classic = proto::Histogram::default();
    classic.set_bucket(buckets.collect());
    classic.set_sample_sum(histogram.sum());
    classic.set_sample_count(histogram.count());
    classic
}

fn label_pair((name, value): (String, String)) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name);
    pair.set_value(value);
    pair
}
