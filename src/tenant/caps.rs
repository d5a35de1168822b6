//! Caps of distinct tenancy values: who could start containers could otherwise make series
//! without end. Beyond a cap a value is `other`; a value once admitted stays admitted,
//! because its series have been exposed and its totals must not fall back.

use std::collections::HashSet;

use super::rules::Dimension;
use super::{LabelValue, OTHER, Tenant, UNKNOWN};

/// How many distinct values each tenancy label may have (`limits.users`, …).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Distinct users.
    pub users: usize,
    /// Distinct projects.
    pub projects: usize,
    /// Distinct teams.
    pub teams: usize,
}

impl Default for Caps {
    /// Far above what a shared host has, and still a page that Prometheus reads with ease.
    fn default() -> Self {
        Caps { users: 1000, projects: 1000, teams: 200 }
    }
}

impl Caps {
    /// The cap of a dimension.
    pub fn of(&self, dimension: Dimension) -> usize {
        match dimension {
            Dimension::User => self.users,
            Dimension::Project => self.projects,
            Dimension::Team => self.teams,
        }
    }
}

/// The values admitted so far, and how often one was refused.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    values: [HashSet<LabelValue>; 3],
    refused: [u64; 3],
}

impl Admitted {
    /// The tenant with `other` for every value that is beyond its cap.
    pub(super) fn admit(&mut self, tenant: Tenant, caps: &Caps) -> Tenant {
        Tenant {
            user: self.value(Dimension::User, tenant.user, caps),
            project: self.value(Dimension::Project, tenant.project, caps),
            team: self.value(Dimension::Team, tenant.team, caps),
        }
    }

    fn value(&mut self, dimension: Dimension, value: LabelValue, caps: &Caps) -> LabelValue {
        let known = &mut self.values[dimension as usize];
        if value.as_str() == UNKNOWN || known.contains(&value) {
            return value;
        }
        if known.len() < caps.of(dimension) {
            known.insert(value.clone());
            return value;
        }
        self.refused[dimension as usize] += 1;
        LabelValue::clean(OTHER)
    }

    /// How many times a value of each dimension was answered with `other`.
    pub(super) fn refused(&self) -> [u64; 3] {
        self.refused
    }
}
