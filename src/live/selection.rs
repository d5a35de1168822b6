//! Which containers a reader follows: tenants it sees, and perhaps some containers among them.

use std::collections::BTreeSet;

use crate::inventory::{Container, ContainerId, FindError, Snapshot};
use crate::tenant::Narrowing;

/// Which containers a reader follows. Readers with equal ones share what is encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    tenants: Narrowing,
    /// `None` is every container of these tenants.
    only: Option<Only>,
}

/// Containers that were named, as they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Only {
    ids: BTreeSet<ContainerId>,
    /// Names, so that a container that is made anew under its name is followed, too.
    names: BTreeSet<String>,
}

impl Selection {
    /// Every container of tenants.
    pub fn of(tenants: Narrowing) -> Self {
        Selection { tenants, only: None }
    }

    /// Only these of them: names, ids, or unique prefixes of ids. Also gives those of which no
    /// container is known now; one may come by that name.
    pub fn only(
        self,
        keys: impl IntoIterator<Item = String>,
        known: &Snapshot,
    ) -> (Self, Vec<(String, FindError)>) {
        let (mut only, mut unknown) = (Only::default(), Vec::new());
        for key in keys {
            match known.find(&key, |container| self.tenants.admits(&container.tenant)) {
                Ok(container) => {
                    only.ids.insert(container.id);
                    if container.name.as_str() == key {
                        only.names.insert(key);
                    }
                }
                Err(error) => {
                    only.ids.extend(key.parse::<ContainerId>().ok());
                    only.names.insert(key.clone());
                    unknown.push((key, error));
                }
            }
        }
        (Selection { only: Some(only), ..self }, unknown)
    }

    /// Whether a container is followed.
    pub fn sees(&self, container: &Container) -> bool {
        self.tenants.admits(&container.tenant) && self.names(container)
    }

    /// Whether containers were named, and not all of tenants are meant.
    pub(super) fn is_named(&self) -> bool {
        self.only.is_some()
    }

    /// Whether a container is among those that were named, whosever it is.
    pub(super) fn names(&self, container: &Container) -> bool {
        let Some(only) = &self.only else { return true };
        only.ids.contains(&container.id) || only.names.contains(container.name.as_str())
    }

    /// The tenants that are seen.
    pub(super) fn tenants(&self) -> &Narrowing {
        &self.tenants
    }
}
