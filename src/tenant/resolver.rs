//! The rules at work: facts about a container in, its tenant out.
//!
//! Invariants: a label that the image brought along cannot claim a tenant (see
//! [`Policy::ignore_image_labels`]); rules and map files are swapped as a whole, so that
//! no answer mixes two versions; what the caps have admitted survives every reload.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::caps::Admitted;
use super::filter::Filter;
use super::host_users::HostUsers;
use super::maps::Maps;
use super::rules::{Decode, Dimension, Rule, Rules};
use super::{Attribution, Caps, EngineResources, Facts, Resources, Tenant};
use crate::paths::Paths;
use crate::yaml::YamlError;

/// The label that every container of a Compose project carries.
const COMPOSE_PROJECT: &str = "com.docker.compose.project";

/// The label with the directory that Compose was run in.
const COMPOSE_DIR: &str = "com.docker.compose.project.working_dir";

/// The beginning of Compose's labels.
const COMPOSE_PREFIX: &str = "com.docker.compose.";

/// Labels that Compose gives to containers and never to the images it builds.
const COMPOSE_CONTAINER_LABELS: [&str; 3] =
    ["com.docker.compose.config-hash", "com.docker.compose.container-number", "com.docker.compose.oneoff"];

/// How containers are attributed, and which are looked at.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The ordered rules.
    pub rules: Rules,
    /// Whether a label counts as the image's, and so for nothing, when its key and value
    /// equal the image's own. Compose's labels are the exception on containers that Compose
    /// made, because it writes project and service into the images it builds, too. While the
    /// image's labels are not known every label counts: no container loses its tenant
    /// because an image could not be inspected.
    pub ignore_image_labels: bool,
    /// Whether a limit counts as reserved where nothing else is.
    pub limits_as_reservations: bool,
    /// Caps of distinct values.
    pub caps: Caps,
    /// Which containers are looked at.
    pub filter: Filter,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            rules: Rules::default(),
            ignore_image_labels: true,
            limits_as_reservations: false,
            caps: Caps::default(),
            filter: Filter::default(),
        }
    }
}

/// A policy with the files it needs.
#[derive(Clone, Debug)]
struct Active {
    policy: Policy,
    maps: Maps,
}

/// Answers whose a container is. Shared between threads; answers never wait for a reload.
///
/// Finding a tenant may read a few files of the host (`/etc/passwd`, and within a deadline the
/// owner of a directory), so it belongs where a container has changed, never into a scrape.
#[derive(Debug)]
pub struct Resolver {
    host: HostUsers,
    active: RwLock<Arc<Active>>,
    admitted: Mutex<Admitted>,
    /// Held while a new version is made, so that two reloads cannot undo each other.
    changing: Mutex<()>,
}

impl Resolver {
    /// Reads the map files of a policy.
    ///
    /// # Errors
    /// A map file cannot be read or understood.
    pub fn new(policy: Policy, paths: Paths) -> Result<Self, YamlError> {
        let maps = Maps::load(policy.rules.map_files())?;
        Ok(Resolver {
            host: HostUsers::new(paths),
            active: RwLock::new(Arc::new(Active { policy, maps })),
            admitted: Mutex::default(),
            changing: Mutex::default(),
        })
    }

    /// Puts another policy in force, as after a change of the configuration. Containers have
    /// to be attributed again.
    ///
    /// # Errors
    /// A map file cannot be read or understood; the old policy stays in force.
    pub fn replace(&self, policy: Policy) -> Result<(), YamlError> {
        let _changing = lock(&self.changing);
        let maps = Maps::load(policy.rules.map_files())?;
        self.activate(Active { policy, maps });
        Ok(())
    }

    /// Reads map files again that have changed on disk, which costs a `stat` a file while
    /// none has. Returns whether containers have to be attributed again. A broken new
    /// version is refused with a log line, and the old one stays in force.
    pub fn reload(&self) -> bool {
        let _changing = lock(&self.changing);
        let mut next = Active::clone(&self.active());
        let changed = next.maps.refresh();
        self.activate(next);
        changed
    }

    /// How many times a user, a project and a team was answered with `other`, since the
    /// start; a container that is attributed twice counts twice.
    pub fn refused(&self) -> [(Dimension, u64); 3] {
        let refused = lock(&self.admitted).refused();
        Dimension::ALL.map(|dimension| (dimension, refused[dimension as usize]))
    }

    fn active(&self) -> Arc<Active> {
        self.active.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn activate(&self, next: Active) {
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

impl Attribution for Resolver {
    fn tenant(&self, facts: &Facts<'_>) -> Tenant {
        let active = self.active();
        let found = active.values(facts, &self.host);
        let [user, project, team] = found.each_ref().map(Option::as_deref);
        lock(&self.admitted).admit(Tenant::claimed(user, project, team), &active.policy.caps)
    }

    fn reserved(&self, facts: &Facts<'_>, engine: &EngineResources) -> Resources {
        let active = self.active();
        let declared = Resources::declared(|key| active.label(facts, key));
        let reserved = declared.max(engine.reservations);
        if active.policy.limits_as_reservations { reserved.or(engine.limits) } else { reserved }
    }

    fn observes(&self, facts: &Facts<'_>, image: &str) -> bool {
        let active = self.active();
        active.policy.filter.admits(facts.name, image, |key| active.label(facts, key))
    }
}

impl Active {
    /// The value of every dimension, found in an order that `map` rules can rely on.
    fn values(&self, facts: &Facts<'_>, host: &HostUsers) -> [Option<String>; 3] {
        let mut found = [const { None }; 3];
        for dimension in self.policy.rules.order() {
            let rules = self.policy.rules.list(dimension).iter();
            found[dimension as usize] = rules
                .filter_map(|rule| self.apply(rule, facts, &found, host))
                .map(|value| value.trim().to_owned())
                .find(|value| !value.is_empty());
        }
        found
    }

    /// What one rule yields.
    fn apply(
        &self,
        rule: &Rule,
        facts: &Facts<'_>,
        found: &[Option<String>; 3],
        host: &HostUsers,
    ) -> Option<String> {
        match rule {
            Rule::Label { key, decode } => Some(decode.apply(self.label(facts, key)?)),
            Rule::Name { decode: Decode::Jupyter, .. } if self.label(facts, COMPOSE_PROJECT).is_some() => {
                None
            }
            Rule::Name { pattern, decode } => Some(decode.apply(pattern.value(facts.name)?)),
            Rule::ComposeDirOwner if !facts.here => None,
            Rule::ComposeDirOwner => host.owner_of(self.label(facts, COMPOSE_DIR)?),
            Rule::CgroupUser => host.cgroup_user(facts.cgroup?),
            Rule::Map { from, file } => {
                self.maps.get(file, found[*from as usize].as_deref()?).map(str::to_owned)
            }
            Rule::Value(value) => Some(value.clone()),
        }
    }

    /// The value of a label, unless the image brought it along.
    fn label<'f>(&self, facts: &Facts<'f>, key: &str) -> Option<&'f str> {
        let value = facts.labels.get(key)?;
        let from_image = self.policy.ignore_image_labels
            && facts.image_labels.is_some_and(|image| is_from_image(facts.labels, image, key));
        (!from_image).then_some(value)
    }
}

/// Whether a container's label is the image's. Compose's own labels on a container that
/// Compose made are not, even if they are equal.
fn is_from_image(labels: &BTreeMap<String, String>, image: &BTreeMap<String, String>, key: &str) -> bool {
    let equal = |key: &str| labels.get(key) == image.get(key);
    let made_by_compose = || COMPOSE_CONTAINER_LABELS.iter().any(|key| !equal(key));
    equal(key) && !(key.starts_with(COMPOSE_PREFIX) && made_by_compose())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
