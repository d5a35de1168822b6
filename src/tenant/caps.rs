//! Caps of distinct tenancy values: who could start containers could otherwise make series
//! without end. Beyond a cap a value is `other`; a value once admitted stays admitted,
//! because its series have been exposed and its totals must not fall back.

use std::collections::HashSet;

use super::rules::Dimension;
use super::{LabelValue, OTHER, Tenant, UNKNOWN};

/// How many distinct tenants, that is combinations of user, project and team, there can be.
/// Every one keeps its totals for good, and combinations could be a million times as many as
/// values; a host where each project has a few users stays far below.
const MAX_TENANTS: usize = 10_000;

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
    tenants: HashSet<Tenant>,
    refused: [u64; 3],
}

impl Admitted {
    /// The tenant with `other` for every value that is beyond its cap, and for all of them
    /// where there are too many tenants already.
    pub(super) fn admit(&mut self, tenant: Tenant, caps: &Caps) -> Tenant {
        let tenant = Tenant {
            user: self.value(Dimension::User, tenant.user, caps),
            project: self.value(Dimension::Project, tenant.project, caps),
            team: self.value(Dimension::Team, tenant.team, caps),
        };
        if self.tenants.contains(&tenant) {
            return tenant;
        }
        if self.tenants.len() < MAX_TENANTS {
            self.tenants.insert(tenant.clone());
            return tenant;
        }
        self.refused.iter_mut().for_each(|refused| *refused += 1);
        let other = LabelValue::clean(OTHER);
        Tenant { user: other.clone(), project: other.clone(), team: other }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_of_admitted_values_are_bounded_too() {
        let (mut admitted, caps) = (Admitted::default(), Caps::default());
        let tenant = |user: usize, project: usize| {
            Tenant::claimed(Some(&user.to_string()), Some(&project.to_string()), None)
        };
        for number in 0..MAX_TENANTS {
            let wanted = tenant(number % 200, number / 200);
            assert_eq!(admitted.admit(wanted.clone(), &caps), wanted);
        }
        let beyond = admitted.admit(tenant(0, 999), &caps);
        assert_eq!([beyond.user, beyond.project, beyond.team].map(|value| value.to_string()), [OTHER; 3]);
        assert_eq!(admitted.admit(tenant(7, 7), &caps), tenant(7, 7), "one that is known stays");
    }
}
