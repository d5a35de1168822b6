//! A family as a sink opens it: one of the catalogue, or one that somebody else has named.

use std::sync::Arc;

use super::catalogue::{Kind, Labels, Metric};
use super::foreign::Foreign;

/// What the samples that follow belong to.
#[derive(Clone, Debug)]
pub enum Family {
    /// A metric of the catalogue.
    Ours(&'static Metric),
    /// A family that was admitted while the program runs.
    Foreign(Arc<Foreign>),
}

impl Family {
    /// Its name in the text format.
    pub fn name(&self) -> &str {
        match self {
            Family::Ours(metric) => metric.name,
            Family::Foreign(family) => family.name(),
        }
    }

    /// What its values do.
    pub fn kind(&self) -> Kind {
        match self {
            Family::Ours(metric) => metric.kind,
            Family::Foreign(family) => family.kind(),
        }
    }

    /// What it says.
    pub fn help(&self) -> &str {
        match self {
            Family::Ours(metric) => metric.help,
            Family::Foreign(family) => family.help(),
        }
    }

    /// Whether its series belong to tenants.
    pub fn has_tenants(&self) -> bool {
        match self {
            Family::Ours(metric) => metric.labels != Labels::Plain,
            Family::Foreign(family) => family.has_tenants(),
        }
    }

    /// The unit, where formats that tell units may tell it.
    pub(super) fn named_unit(&self) -> Option<&'static str> {
        match self {
            Family::Ours(metric) => metric.named_unit(),
            Family::Foreign(_) => None,
        }
    }
}
