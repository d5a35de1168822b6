//! Families as a `prometheus::Registry` takes them (feature `prometheus-registry`).
//!
//! Histograms have their classic buckets only: the crate's types know no native ones.

use prometheus::proto;

use super::{Distribution, Family, Kind, LabelBlock, Mark, Page, Sink, Summary, Value};

/// Collects families as the `prometheus` crate's own types.
#[derive(Debug, Default)]
pub struct FamilyPage {
    families: Vec<(Family, Vec<proto::Metric>)>,
    series: u64,
}

impl FamilyPage {
    /// The families that have samples.
    pub fn finish(self) -> Vec<proto::MetricFamily> {
        let filled = self.families.into_iter().filter(|(_, samples)| !samples.is_empty());
        filled.map(|(opened, samples)| family(&opened, samples)).collect()
    }
}

fn family(opened: &Family, samples: Vec<proto::Metric>) -> proto::MetricFamily {
    let mut family = proto::MetricFamily::default();
    family.set_name(opened.name().to_owned());
    family.set_help(opened.help().to_owned());
    family.set_field_type(match opened.kind() {
        Kind::Counter => proto::MetricType::COUNTER,
        // The crate's encoder panics at a family that is untyped.
        Kind::Gauge | Kind::Untyped => proto::MetricType::GAUGE,
        Kind::Histogram => proto::MetricType::HISTOGRAM,
        Kind::Summary => proto::MetricType::SUMMARY,
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
    fn open(&mut self, family: Family) {
        self.families.push((family, Vec::new()));
    }

    fn sample(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], value: Value) {
        let Some((family, samples)) = self.families.last_mut() else {
            debug_assert!(false, "a sample came before its family");
            return;
        };
        let mut sample = labelled(labels, own);
        if family.kind() == Kind::Counter {
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

    fn histogram(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], histogram: Distribution<'_>) {
        let Some((_, samples)) = self.families.last_mut() else {
            debug_assert!(false, "a histogram came before its family");
            return;
        };
        let mut sample = labelled(labels, own);
        sample.set_histogram(classic(&histogram));
        samples.push(sample);
        self.series += histogram.series();
    }

    fn summary(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], summary: Summary<'_>) {
        let Some((_, samples)) = self.families.last_mut() else {
            debug_assert!(false, "a summary came before its family");
            return;
        };
        let mut sample = labelled(labels, own);
        sample.set_summary(quantiles(&summary));
        samples.push(sample);
        self.series += summary.series();
    }
}

fn labelled(labels: &LabelBlock, own: &[(&'static str, &str)]) -> proto::Metric {
    let own = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut pairs: Vec<proto::LabelPair> = labels.pairs().into_iter().chain(own).map(label_pair).collect();
    // The crate's own collectors sort labels by name, and encoders rely on it.
    pairs.sort_by(|a, b| a.name().cmp(b.name()));
    proto::Metric::from_label(pairs)
}

/// The classic buckets.
fn classic(histogram: &Distribution<'_>) -> proto::Histogram {
    let buckets = histogram.cumulative().map(|(bound, below)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut classic = proto::Histogram::default();
    classic.set_bucket(buckets.collect());
    classic.set_sample_sum(histogram.sum.unwrap_or_default());
    classic.set_sample_count(histogram.count);
    classic
}

fn quantiles(summary: &Summary<'_>) -> proto::Summary {
    let quantiles = summary.quantiles.iter().map(|(quantile, value)| {
        let mut at = proto::Quantile::default();
        at.set_quantile(*quantile);
        at.set_value(*value);
        at
    });
    let mut made = proto::Summary::default();
    made.set_quantile(quantiles.collect());
    made.set_sample_sum(summary.sum);
    made.set_sample_count(summary.count);
    made
}

fn label_pair((name, value): (String, String)) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name);
    pair.set_value(value);
    pair
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue::{Labels, Owner, Unit};
    use crate::metrics::{Histogram, Metric};

    static DURATION: Metric = Metric {
        name: "test_duration_seconds",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "A duration.",
        labels: Labels::Plain,
        own_labels: &["b"],
        source: "a test",
        collector: "test",
        owner: Owner::Dockmeter,
    };

    #[test]
    fn a_histogram_has_its_classic_buckets() {
        let mut histogram = Histogram::new(&[0.5, 1.0]);
        [0.5, 1.0, 1.0, 3.0].into_iter().for_each(|value| histogram.observe(value));
        let mut page = FamilyPage::default();
        page.family(&DURATION);
        page.histogram(&LabelBlock::new([("c", "shared")]), &[("b", "own")], histogram.view());
        assert_eq!(page.series(), 5);
        let families = page.finish();
        assert_eq!(families[0].get_field_type(), proto::MetricType::HISTOGRAM);
        let sample = &families[0].get_metric()[0];
        let labels: Vec<_> = sample.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
        assert_eq!(labels, [("b", "own"), ("c", "shared")]);
        let classic = sample.get_histogram();
        let buckets: Vec<_> = classic
            .get_bucket()
            .iter()
            .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
            .collect();
        assert_eq!(buckets, [(0.5, 1), (1.0, 3)]);
        assert_eq!((classic.get_sample_count(), classic.get_sample_sum()), (4, 5.5));
    }
}
