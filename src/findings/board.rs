//! What was found last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::analysis::finding::{Scope, Severity};
use crate::live;
use crate::tenant::{LabelValue, SYSTEM, Tenant, UNKNOWN};

/// The kind of what is not as usual.
const ANOMALY: &str = "anomaly";

/// Something that is so now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// What it is: `throttling`.
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Whose it is; that of the host is `system`.
    pub tenant: Tenant,
}

impl Found {
    /// Something of a scope.
    pub fn of(kind: &'static str, severity: Severity, scope: &Scope) -> Found {
        // Labels of series are safe already, and reserved words in them are meant.
        let named = |value: &Option<String>| LabelValue::clean(value.as_deref().unwrap_or(UNKNOWN));
        let tenant = match scope {
            Scope { user: None, project: None, team: None, .. } => Tenant::pseudo(SYSTEM),
            Scope { user, project, team, .. } => {
                Tenant { user: named(user), project: named(project), team: named(team) }
            }
        };
        Found { kind, severity, tenant }
    }
}

/// What was found last, for as long as it can be believed.
#[derive(Clone, Debug, Default)]
pub struct Board {
    held: Arc<Mutex<Standing>>,
    unusual: Arc<live::Board>,
}

/// What was found, and until when that is believed.
#[derive(Debug, Default)]
struct Standing {
    found: Vec<Found>,
    until: Timestamp,
}

impl Board {
    /// One with what is unusual beside it.
    pub fn beside(unusual: Arc<live::Board>) -> Board {
        Board { unusual, ..Board::default() }
    }

    /// What was found, and until when that is believed if nobody looks again.
    pub fn set(&self, found: Vec<Found>, until: Timestamp) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Standing { found, until };
    }

    /// How many of each there are; nothing where it was last looked at long before.
    pub fn counts(&self, now: Timestamp) -> BTreeMap<Found, u64> {
        let mut counts = BTreeMap::new();
        let standing = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_believed = now <= standing.until;
        for one in standing.found.iter().filter(|_| is_believed) {
            *counts.entry(one.clone()).or_default() += 1;
        }
        for one in self.unusual.now().iter() {
            let found = Found { kind: ANOMALY, severity: one.severity, tenant: one.tenant().clone() };
            *counts.entry(found).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(project: Option<&str>) -> Scope {
        Scope { project: project.map(str::to_owned), ..Scope::default() }
    }

    #[test]
    fn what_is_found_is_counted_until_it_is_too_old_to_be_believed() {
        let board = Board::default();
        let time = |second| Timestamp::from_second(second).unwrap();
        let of = |project| Found::of("throttling", Severity::High, &scope(project));
        board.set(vec![of(Some("shop")), of(Some("shop")), of(None)], time(100));
        let counts = board.counts(time(100));
        assert_eq!(counts.get(&of(Some("shop"))), Some(&2));
        assert_eq!(counts.len(), 2);
        assert!(board.counts(time(101)).is_empty());
    }

    #[test]
    fn what_is_nobody_s_is_the_system_s_and_what_is_not_known_unknown() {
        let tenant = |project| Found::of("throttling", Severity::High, &scope(project)).tenant;
        assert_eq!(tenant(None), Tenant::pseudo(SYSTEM));
        assert_eq!(tenant(Some("shop")).user.as_str(), "unknown");
    }
}
