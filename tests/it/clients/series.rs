//! Series as a Prometheus holds them, in a form in which two origins can be compared: without
//! the labels that say by which way they came.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::poll::{patience, pause};
use std::time::{Duration, Instant};

/// Values that were added up in another order may differ by so much of themselves.
const ROUNDING: f64 = 1e-12;

/// Bounds of native buckets are powers that each side computes in its own way.
const BOUNDS: f64 = 1e-9;

/// Series by name and labels.
pub(crate) type SeriesSet = BTreeMap<String, Held>;

/// The value of a series.
#[derive(Clone, PartialEq)]
pub(crate) enum Held {
    Number(f64),
    Native { count: f64, sum: f64, buckets: Vec<(f64, f64, f64)> },
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Number(value) => write!(f, "{value:?}"),
            Held::Native { count, sum, buckets } => write!(f, "{count} values, sum {sum:?}, {buckets:?}"),
        }
    }
}

impl Held {
    /// Whether it is the same as another but for rounding.
    fn is(&self, other: &Held) -> bool {
        match (self, other) {
            (Held::Number(one), Held::Number(other)) => near(*one, *other, ROUNDING),
            (
                Held::Native { count, sum, buckets },
                Held::Native { count: count_2, sum: sum_2, buckets: buckets_2 },
            ) => {
                let same = |(one, other): (&(f64, f64, f64), &(f64, f64, f64))| {
                    near(one.0, other.0, BOUNDS) && near(one.1, other.1, BOUNDS) && one.2 == other.2
                };
                count == count_2
                    && near(*sum, *sum_2, ROUNDING)
                    && buckets.len() == buckets_2.len()
                    && buckets.iter().zip(buckets_2).all(same)
            }
            _ => false,
        }
    }
}

fn near(one: f64, other: f64, part: f64) -> bool {
    one == other
        || (one.is_nan() && other.is_nan())
        || (one - other).abs() <= part * one.abs().max(other.abs())
}

/// A name with labels, as `name{a="b"}`.
pub(crate) fn key(name: &str, labels: &BTreeMap<String, String>) -> String {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// The rows of an instant query, without the labels of `but`, and without what dockmeter says itself
/// of who sends.
pub(crate) fn of_rows(rows: &[Value], but: &[&str]) -> SeriesSet {
    let number = |value: &Value| value.as_str().expect("a value").parse::<f64>().expect("a number");
    let one = |row: &Value| {
        let metric = row["metric"].as_object().expect("labels");
        let mut labels = BTreeMap::new();
        for (name, value) in metric {
            let value = value.as_str().expect("a label's value");
            if name == "__name__" || but.contains(&&**name) {
                continue;
            }
            // `1` and `1.0` are the same bound.
            let bound = value.parse::<f64>().ok().filter(|_| ["le", "quantile"].contains(&&**name));
            labels.insert(name.clone(), bound.map_or_else(|| value.to_owned(), |bound| bound.to_string()));
        }
        let held = match row.get("histogram") {
            None => Held::Number(number(&row["value"][1])),
            Some(histogram) => {
                let histogram = &histogram[1];
                let buckets = histogram["buckets"].as_array().cloned().unwrap_or_default();
                Held::Native {
                    count: number(&histogram["count"]),
                    sum: number(&histogram["sum"]),
                    buckets: buckets
                        .iter()
                        .map(|bucket| (number(&bucket[1]), number(&bucket[2]), number(&bucket[3])))
                        .collect(),
                }
            }
        };
        (key(metric["__name__"].as_str().expect("a name"), &labels), held)
    };
    let is_sent =
        |row: &&Value| row["metric"]["__name__"].as_str().is_none_or(|name| !name.starts_with("dockmeter_"));
    rows.iter().filter(is_sent).map(one).collect()
}

/// The same without the buckets of native histograms.
pub(crate) fn without_buckets(mut series: SeriesSet) -> SeriesSet {
    for held in series.values_mut() {
        if let Held::Native { buckets, .. } = held {
            buckets.clear();
        }
    }
    series
}

/// Where two sets differ, a line each; empty where they do not.
pub(crate) fn differences(one: &SeriesSet, other: &SeriesSet) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differs = |key: &&String| match (one.get(*key), other.get(*key)) {
        (Some(one), Some(other)) => !one.is(other),
        _ => true,
    };
    let line = |key: &String| format!("{key}: {:?} != {:?}", one.get(key), other.get(key));
    keys.into_iter().filter(differs).map(line).collect()
}

/// Waits until two sets are the same.
///
/// # Panics
/// They are still not after long; with what differs.
pub(crate) fn until_same(what: &str, mut look: impl FnMut() -> (SeriesSet, SeriesSet)) -> SeriesSet {
    let started = Instant::now();
    loop {
        let (one, other) = look();
        let differences = differences(&one, &other);
        if differences.is_empty() && !one.is_empty() {
            return one;
        }
        assert!(
            started.elapsed() < patience(),
            "{what}: {} series against {}, different are\n{}",
            one.len(),
            other.len(),
            differences.join("\n")
        );
        pause(Duration::from_millis(200));
    }
}
