//! Which family a name of a program's means, so that nobody can spoil another's by a name.
//!
//! Names that are the exporter's are refused. Names that dashboards know have one kind. For
//! any other the first program decides, and who sends another kind under the same name has it
//! shown as `NAME_<kind>`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ingest::standard;
use crate::metrics::Kind;
use crate::metrics::foreign::{Foreign, Namer, NotAdmitted, admit};

/// Beginnings of names that only the exporter itself may use.
const RESERVED_PREFIXES: [&str; 11] = [
    "container_",
    "node_",
    "machine_",
    "tenant_",
    "slo_",
    "dockmeter_",
    "pg_",
    "mysql_",
    "redis_",
    "ALERTS",
    "scrape_",
];

/// Names that only Prometheus itself uses.
const RESERVED_NAMES: [&str; 1] = ["up"];

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameRefused {
    /// It is the exporter's.
    #[error("`{0}` is a name of dockmeter or Prometheus; choose another one")]
    Reserved(String),
    /// It is impossible, or one too many.
    #[error("{0}")]
    NotAdmitted(String),
}

/// Refuses names that only the exporter itself or Prometheus may use.
///
/// # Errors
/// It is such a name.
pub(crate) fn refuse_reserved(name: &str) -> Result<(), NameRefused> {
    if RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || RESERVED_NAMES.contains(&name) {
        return Err(NameRefused::Reserved(name.to_owned()));
    }
    Ok(())
}

/// The kinds that names have had, while somebody uses them.
#[derive(Debug, Default)]
pub(super) struct Names {
    families: HashMap<(Box<str>, Kind), std::sync::Weak<Foreign>>,
}

impl Names {
    /// The family for a name and kind. The first help that was given stays.
    ///
    /// # Errors
    /// The name is refused.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) -> Result<Arc<Foreign>, NameRefused> {
        refuse_reserved(name)?;
        let key = (Box::from(name), kind);
        if let Some(known) = self.families.get(&key).and_then(std::sync::Weak::upgrade) {
            return Ok(known);
        }
        let fits =
            standard::kind_of(name).is_none_or(|fixed| fixed == kind) && !self.is_used_otherwise(name, kind);
        let plain = if fits { admit(name, kind, help, Namer::Programs) } else { taken(name) };
        let family = match plain {
            Err(NotAdmitted::Ours(_) | NotAdmitted::Twin(..) | NotAdmitted::Taken(_)) => {
                admit(&format!("{name}_{}", word(kind)), kind, help, Namer::Programs)
            }
            other => other,
        };
        let family = family.map_err(|why| NameRefused::NotAdmitted(why.to_string()))?;
        self.families.retain(|_, family| family.strong_count() > 0);
        self.families.insert(key, Arc::downgrade(&family));
        Ok(family)
    }

    /// Whether the plain name stands for another kind.
    fn is_used_otherwise(&self, name: &str, kind: Kind) -> bool {
        let others = KINDS.into_iter().filter(|other| *other != kind);
        let mut families = others.filter_map(|other| self.families.get(&(Box::from(name), other)));
        families.any(|family| family.upgrade().is_some_and(|family| family.name() == name))
    }
}

const KINDS: [Kind; 4] = [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary];

fn taken(name: &str) -> Result<Arc<Foreign>, NotAdmitted> {
    Err(NotAdmitted::Taken(name.to_owned()))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::Untyped => "untyped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_exporter_are_refused() {
        let mut names = Names::default();
        for name in ["container_x", "node_load1", "up", "dockmeter_series", "scrape_duration_seconds"] {
            let refused = names.family(name, Kind::Gauge, "x").unwrap_err();
            assert_eq!(refused, NameRefused::Reserved(name.to_owned()));
        }
        assert!(names.family("upper", Kind::Gauge, "x").is_ok());
    }

    #[test]
    fn another_kind_gets_a_name_of_its_own() {
        let mut names = Names::default();
        let first = names.family("names_test_jobs", Kind::Gauge, "Jobs.").unwrap();
        let same = names.family("names_test_jobs", Kind::Gauge, "Otherwise.").unwrap();
        assert!(Arc::ptr_eq(&first, &same));
        assert_eq!(first.help(), "Jobs.");
        let other = names.family("names_test_jobs", Kind::Histogram, "x").unwrap();
        assert_eq!(other.name(), "names_test_jobs_histogram");
        let twin = names.family("names_test_jobs_total", Kind::Counter, "x").unwrap();
        assert_eq!(twin.name(), "names_test_jobs_total_counter");
    }

    #[test]
    fn names_that_dashboards_know_keep_their_kind() {
        let mut names = Names::default();
        let wrong = names.family("http_requests_total", Kind::Gauge, "x").unwrap();
        assert_eq!(wrong.name(), "http_requests_total_gauge");
        let ours = names.family("process_open_fds", Kind::Gauge, "x").unwrap();
        assert_eq!(ours.name(), "process_open_fds_gauge");
    }

    #[test]
    fn a_name_is_free_when_nobody_uses_it_any_more() {
        let mut names = Names::default();
        let first = names.family("names_test_gone", Kind::Gauge, "x").unwrap();
        drop(first);
        let other = names.family("names_test_gone", Kind::Histogram, "x").unwrap();
        assert_eq!(other.name(), "names_test_gone");
    }
}
