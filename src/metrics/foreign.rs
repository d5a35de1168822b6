//! Families that somebody else names: text files, and programs that send what they measure.
//!
//! A sink takes none but these and the catalogue's, so no name gets on a page that was not
//! admitted here. A family lives as long as somebody holds it; their number is bounded, so that
//! whoever invents names can fill no more than that.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use super::catalogue::{ALL, Kind, Metric};

/// Families that there can be at a time.
pub const MOST_FAMILIES: usize = 2_000;

/// Longest name and help that are admitted, in bytes.
const LONGEST_TEXT: usize = 1_024;

/// Who names a family. A name belongs to one of them at a time, so that no page has it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namer {
    /// Whoever writes text files; the series are the host's.
    TextFiles,
    /// Programs that send what they measure; the series are their tenants'.
    Programs,
}

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
    /// The other namer has the name.
    #[error("`{0}` is already in use, by programs or by text files; choose another name")]
    Taken(String),
    /// Name or help is too long.
    #[error("name or help of `{0}` is longer than {LONGEST_TEXT} bytes")]
    Long(String),
    /// There are too many.
    #[error("`{0}` is more than the {MOST_FAMILIES} families that there can be beside dockmeter's own")]
    TooMany(String),
}

/// A family that was admitted.
#[derive(Debug, PartialEq, Eq)]
pub struct Foreign {
    name: Box<str>,
    kind: Kind,
    help: Box<str>,
    namer: Namer,
}

impl Foreign {
    /// Its name in the text format.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its values do.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it says.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// Whether its series belong to tenants.
    pub(super) fn has_tenants(&self) -> bool {
        self.namer == Namer::Programs
    }
}

/// What has been admitted, by name without `_total`: all that use it have one name.
#[derive(Default)]
struct Admitted(HashMap<String, Vec<Weak<Foreign>>>);

impl Admitted {
    fn living<'a>(families: &'a [Weak<Foreign>]) -> impl Iterator<Item = Arc<Foreign>> + 'a {
        families.iter().filter_map(Weak::upgrade)
    }

    /// Forgets what nobody holds any more, and tells how many families are left.
    fn tidy(&mut self) -> usize {
        self.0.retain(|_, families| {
            families.retain(|family| family.strong_count() > 0);
            !families.is_empty()
        });
        self.0.values().map(Vec::len).sum()
    }
}

static ADMITTED: LazyLock<Mutex<Admitted>> = LazyLock::new(Mutex::default);

/// The family of a name, kind and help; the same for the same three while somebody holds it.
///
/// # Errors
/// The name is taken, impossible, or one too many.
pub fn admit(name: &str, kind: Kind, help: &str, namer: Namer) -> Result<Arc<Foreign>, NotAdmitted> {
    if name.len() > LONGEST_TEXT || help.len() > LONGEST_TEXT {
        return Err(NotAdmitted::Long(name.chars().take(64).collect()));
    }
    if !is_metric_name(name) {
        return Err(NotAdmitted::Name(name.to_owned()));
    }
    let stem = stem(name);
    let mut admitted = ADMITTED.lock().unwrap_or_else(PoisonError::into_inner);
    for known in admitted.0.get(stem).iter().flat_map(|families| Admitted::living(families)) {
        if known.namer != namer {
            return Err(NotAdmitted::Taken(name.to_owned()));
        }
        if &*known.name != name {
            return Err(NotAdmitted::Twin(name.to_owned(), known.name.to_string()));
        }
        if known.kind == kind && &*known.help == help {
            return Ok(known);
        }
    }
    if ALL.iter().any(|metric| is_taken_by(stem, metric)) {
        return Err(NotAdmitted::Ours(name.to_owned()));
    }
    if admitted.tidy() >= MOST_FAMILIES {
        return Err(NotAdmitted::TooMany(name.to_owned()));
    }
    let family = Arc::new(Foreign { name: name.into(), kind, help: help.into(), namer });
    admitted.0.entry(stem.to_owned()).or_default().push(Arc::downgrade(&family));
    Ok(family)
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
        let family = admit("foreign_test_jobs_total", Kind::Counter, "Jobs.", Namer::TextFiles).unwrap();
        let again = admit("foreign_test_jobs_total", Kind::Counter, "Jobs.", Namer::TextFiles).unwrap();
        assert!(Arc::ptr_eq(&family, &again));
        assert_eq!((family.name(), family.help()), ("foreign_test_jobs_total", "Jobs."));
    }

    #[test]
    fn a_name_belongs_to_text_files_or_to_programs() {
        let _family = admit("foreign_test_owned", Kind::Gauge, "x", Namer::TextFiles).unwrap();
        let refused = admit("foreign_test_owned", Kind::Gauge, "x", Namer::Programs).unwrap_err();
        assert!(refused.to_string().contains("already in use"));
    }

    #[test]
    fn a_name_is_free_again_when_nobody_holds_its_family() {
        let family = admit("foreign_test_fleeting", Kind::Gauge, "x", Namer::TextFiles).unwrap();
        admit("foreign_test_fleeting_total", Kind::Gauge, "x", Namer::TextFiles).unwrap_err();
        drop(family);
        admit("foreign_test_fleeting_total", Kind::Gauge, "x", Namer::TextFiles).unwrap();
    }

    #[test]
    fn a_name_that_is_ours_or_impossible_is_refused_with_a_reason() {
        let refused = |name: &str| admit(name, Kind::Gauge, "x", Namer::TextFiles).unwrap_err().to_string();
        assert!(refused("node_load1").contains("metric of dockmeter itself"));
        assert!(refused("node_forks").contains("metric of dockmeter itself"), "the same in OpenMetrics");
        assert!(refused("1a").contains("not a metric's name"));
        assert!(refused("").contains("not a metric's name"));
        let _twin = admit("foreign_test_twin", Kind::Gauge, "x", Namer::TextFiles).unwrap();
        assert!(refused("foreign_test_twin_total").contains("the same family in OpenMetrics"));
        assert!(admit("foreign_test_long", Kind::Gauge, &"x".repeat(2_000), Namer::TextFiles).is_err());
    }

    #[test]
    fn names_are_those_that_prometheus_takes() {
        assert!(is_metric_name("a:b_1") && is_label_name("a_1"));
        assert!(!is_label_name("a:b") && !is_label_name("__name__") && !is_label_name("ä"));
    }
}
