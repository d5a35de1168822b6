//! Families that somebody else names: those of text files.
//!
//! A sink takes only a `&'static Metric`, so a foreign family is kept for good once it has been
//! admitted. Their number is bounded for that reason; a file that invents a name a minute is
//! refused in time.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::catalogue::{ALL, Kind, Labels, Metric, Owner, Unit};

/// Families that can be admitted while the program runs.
pub const MOST_FAMILIES: usize = 2_000;

/// Longest name and help that are admitted, in bytes.
const LONGEST_TEXT: usize = 1_024;

/// Why a family is not admitted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// Not a name that Prometheus takes.
    #[error("`{0}` is not a metric's name; letters, digits, `_` and `:`, no digit first")]
    Name(String),
    /// A family of ours has the name.
    #[error("`{0}` is a metric of dockmeter itself; choose another name")]
    Ours(String),
    /// Another foreign family would be the same in OpenMetrics, where `_total` is not part of the name.
    #[error("`{0}` and `{1}` are the same family in OpenMetrics; rename one")]
    Twin(String, String),
    /// Name or help is too long.
    #[error("name or help of `{0}` is longer than {LONGEST_TEXT} bytes")]
    Long(String),
    /// There are too many.
    #[error(
        "`{0}` is more than the {MOST_FAMILIES} families that are taken from text files until the next restart"
    )]
    TooMany(String),
}

/// What has been admitted.
#[derive(Default)]
struct Admitted {
    metrics: HashMap<(String, Kind, String), &'static Metric>,
    /// The one name in use of each name without `_total`.
    names: HashMap<String, String>,
}

static ADMITTED: LazyLock<Mutex<Admitted>> = LazyLock::new(Mutex::default);

/// The family of a name, kind and help; the same for the same three.
///
/// # Errors
/// The name is taken, impossible, or one too many.
pub fn admit(name: &str, kind: Kind, help: &str) -> Result<&'static Metric, NotAdmitted> {
    if name.len() > LONGEST_TEXT || help.len() > LONGEST_TEXT {
        return Err(NotAdmitted::Long(name.chars().take(64).collect()));
    }
    let key = (name.to_owned(), kind, help.to_owned());
    let mut admitted = ADMITTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(metric) = admitted.metrics.get(&key) {
        return Ok(metric);
    }
    if !is_metric_name(name) {
        return Err(NotAdmitted::Name(name.to_owned()));
    }
    let stem = stem(name);
    if ALL.iter().any(|metric| is_taken_by(stem, metric)) {
        return Err(NotAdmitted::Ours(name.to_owned()));
    }
    if let Some(other) = admitted.names.get(stem).filter(|other| *other != name) {
        return Err(NotAdmitted::Twin(name.to_owned(), other.clone()));
    }
    if admitted.metrics.len() >= MOST_FAMILIES {
        return Err(NotAdmitted::TooMany(name.to_owned()));
    }
    admitted.names.insert(stem.to_owned(), name.to_owned());
    let metric = Box::leak(Box::new(Metric {
        name: name.to_owned().leak(),
        kind,
        unit: Unit::None,
        help: help.to_owned().leak(),
        labels: Labels::Plain,
        own_labels: &[],
        source: "a text file",
        collector: "textfile",
        owner: Owner::Foreign,
    }));
    admitted.metrics.insert(key, metric);
    Ok(metric)
}

/// Whether a name means a family of ours, or a series of one that is a histogram.
fn is_taken_by(stem_of_name: &str, ours: &Metric) -> bool {
    let ours_stem = stem(ours.name);
    let of_histogram = || {
        let suffix = stem_of_name.strip_prefix(ours_stem);
        ours.kind == Kind::Histogram && matches!(suffix, Some("_bucket" | "_sum" | "_count"))
    };
    stem_of_name == ours_stem || of_histogram()
}

fn stem(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}

/// Whether Prometheus takes a text as the name of a metric.
pub fn is_metric_name(name: &str) -> bool {
    is_name(name, |c| c == ':')
}

/// Whether Prometheus takes a text as the name of a label; those with `__` are its own.
pub fn is_label_name(name: &str) -> bool {
    is_name(name, |_| false) && !name.starts_with("__")
}

fn is_name(name: &str, also: impl Fn(char) -> bool) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || also(c);
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_admitted_once_and_keeps_what_was_said() {
        let metric = admit("foreign_test_jobs_total", Kind::Counter, "Jobs.").unwrap();
        let again = admit("foreign_test_jobs_total", Kind::Counter, "Jobs.").unwrap();
        assert!(std::ptr::eq(metric, again));
        assert_eq!((metric.name, metric.help), ("foreign_test_jobs_total", "Jobs."));
    }

    #[test]
    fn a_name_that_is_ours_or_impossible_is_refused_with_a_reason() {
        let refused = |name: &str| admit(name, Kind::Gauge, "x").unwrap_err().to_string();
        assert!(refused("node_load1").contains("metric of dockmeter itself"));
        assert!(refused("node_forks").contains("metric of dockmeter itself"), "the same in OpenMetrics");
        assert!(refused("1a").contains("not a metric's name"));
        assert!(refused("").contains("not a metric's name"));
        admit("foreign_test_twin", Kind::Gauge, "x").unwrap();
        assert!(refused("foreign_test_twin_total").contains("the same family in OpenMetrics"));
        assert!(admit("foreign_test_long", Kind::Gauge, &"x".repeat(2_000)).is_err());
    }

    #[test]
    fn names_are_those_that_prometheus_takes() {
        assert!(is_metric_name("a:b_1") && is_label_name("a_1"));
        assert!(!is_label_name("a:b") && !is_label_name("__name__") && !is_label_name("ä"));
    }
}
