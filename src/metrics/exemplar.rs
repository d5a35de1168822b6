//! Exemplars: single measurements that stand for others of their bucket, with the trace that
//! they were part of.
//!
//! Text format 0.0.4 has no place for them. Source: the OpenMetrics 1.0 specification,
//! "Exemplars"; `metrics.proto` of Prometheus' client_model.

use super::{LabelBlock, Value, wire};

/// So many characters names and values of an exemplar's labels may have together.
const MOST_CHARACTERS: usize = 128;

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    labels: LabelBlock,
    value: f64,
    time_ns: u64,
}

impl Exemplar {
    /// An exemplar of a value at a time, in nanoseconds of Unix time. Labels beyond what
    /// OpenMetrics allows are left out, those that come last first; `None` if none is left, as
    /// nothing could be found by it.
    pub fn new<'a>(
        value: f64,
        time_ns: u64,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Option<Self> {
        let mut left = MOST_CHARACTERS;
        let fitting = labels.into_iter().filter(|(name, value)| {
            let length = name.chars().count() + value.chars().count();
            let fits = length <= left;
            left -= if fits { length } else { 0 };
            fits
        });
        let labels = LabelBlock::new(fitting);
        (!labels.rendered().is_empty()).then_some(Exemplar { labels, value, time_ns })
    }

    /// What was measured.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// When, in nanoseconds of Unix time.
    pub fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// Appends it as it stands at the end of a line of OpenMetrics.
    pub(super) fn write_text(&self, page: &mut Vec<u8>) {
        page.extend_from_slice(b" # {");
        self.labels.write(page);
        page.extend_from_slice(b"} ");
        Value::Float(self.value).write(page);
        page.push(b' ');
        Value::Nanos(self.time_ns).write(page);
    }

    /// Appends the fields of a protobuf `Exemplar`.
    pub(super) fn write_protobuf(&self, page: &mut Vec<u8>) {
        const VALUE: u8 = 2;
        const TIMESTAMP: u8 = 3;
        const SECOND: u64 = 1_000_000_000;
        self.labels.protobuf().iter().for_each(|part| page.extend_from_slice(part));
        wire::double(VALUE, self.value, page);
        wire::message(TIMESTAMP, page, |page| {
            wire::number(1, self.time_ns / SECOND, page);
            wire::number(2, self.time_ns % SECOND, page);
        });
    }
}

/// Exemplars by value, bucket by bucket.
pub(super) struct ByBucket<'a> {
    rest: std::slice::Iter<'a, Exemplar>,
}

impl<'a> ByBucket<'a> {
    /// `exemplars` ascend by value.
    pub(super) fn new(exemplars: &'a [Exemplar]) -> Self {
        ByBucket { rest: exemplars.iter() }
    }

    /// The latest of those that are at or below a bound and above those asked for before.
    pub(super) fn up_to(&mut self, bound: f64) -> Option<&'a Exemplar> {
        let within = self.rest.as_slice().iter().take_while(|exemplar| exemplar.value <= bound).count();
        self.rest.by_ref().take(within).max_by_key(|exemplar| exemplar.time_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(value: f64, time_ns: u64) -> Exemplar {
        Exemplar::new(value, time_ns, [("trace_id", "ab")]).unwrap()
    }

    #[test]
    fn labels_that_do_not_fit_are_left_out() {
        let (long, rest) = ("x".repeat(65), "y".repeat(54));
        let labels = [("trace_id", "ab"), ("first", &*long), ("second", &*long), ("third", "z")];
        let made = Exemplar::new(1.0, 1, labels).unwrap();
        assert_eq!(made.labels, LabelBlock::new([labels[0], labels[1], labels[3]]));
        let exact = [("k", "é".repeat(127))];
        assert!(Exemplar::new(1.0, 1, exact.iter().map(|(name, value)| (*name, &**value))).is_some());
        assert_eq!(Exemplar::new(1.0, 1, [("", "")].into_iter().take(0)), None);
        assert_eq!(Exemplar::new(1.0, 1, [("long", &*(long + &rest + "12345678"))]), None);
    }

    #[test]
    fn the_text_has_the_time_in_seconds() {
        let mut page = Vec::new();
        exemplar(0.25, 1_500_000_000).write_text(&mut page);
        assert_eq!(std::str::from_utf8(&page).unwrap(), r#" # {trace_id="ab"} 0.25 1.5"#);
    }

    #[test]
    fn each_bucket_has_its_latest() {
        let exemplars = [(0.1, 5), (0.2, 9), (0.3, 7), (2.0, 1), (9.0, 2)].map(|(v, t)| exemplar(v, t));
        let mut by_bucket = ByBucket::new(&exemplars);
        let of = [0.3, 1.0, 2.0, f64::INFINITY].map(|bound| by_bucket.up_to(bound).map(Exemplar::value));
        assert_eq!(of, [Some(0.2), None, Some(2.0), Some(9.0)]);
    }
}
