//! Puts what the state machine knows into the inventory, with the tenant that the rules find.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use super::images::ImageLabels;
use super::life::Life;
use super::sync::Reconciler;
use crate::inventory::{Container, ContainerId, Inventory};
use crate::paths::Paths;
use crate::tenant::{Attribution, Facts, Tenant};

/// A line of `/proc/PID/cgroup` per hierarchy, each with a path: far less than this.
const CGROUP_LIMIT: u64 = 64 << 10;

/// The cgroup of a container's init, as text.
#[derive(Debug)]
struct Cgroup {
    pid: u32,
    text: Option<String>,
}

/// The side of the inventory that is written to.
pub(super) struct Directory {
    inventory: Arc<Inventory>,
    attribution: Arc<dyn Attribution>,
    paths: Paths,
    /// Kept after the process has ended, so that rules can be asked again.
    cgroups: BTreeMap<ContainerId, Cgroup>,
}

impl Directory {
    pub(super) fn new(inventory: Arc<Inventory>, attribution: Arc<dyn Attribution>, paths: Paths) -> Self {
        Directory { inventory, attribution, paths, cgroups: BTreeMap::new() }
    }

    /// Takes other rules; [`Directory::publish`] applies them.
    pub(super) fn attribute_by(&mut self, attribution: Arc<dyn Attribution>) {
        self.attribution = attribution;
    }

    /// Puts these containers, and the engine's state if it changed, into the inventory.
    pub(super) fn publish(
        &mut self,
        known: &Reconciler,
        ids: impl IntoIterator<Item = ContainerId>,
        engine: bool,
    ) {
        let before = self.inventory.snapshot();
        let mut changed: Vec<(ContainerId, Option<Arc<Container>>)> = Vec::new();
        for id in ids {
            let old = before.containers.get(&id);
            let new = match known.shown(&id) {
                Some((life, image)) => self.described(life, &image, old.map(|old| &old.tenant)),
                None => {
                    self.cgroups.remove(&id);
                    None
                }
            };
            if new.as_ref() != old.map(Arc::as_ref) {
                changed.push((id, new.map(Arc::new)));
            }
        }
        if changed.is_empty() && !engine {
            return;
        }
        self.inventory.update(|snapshot| {
            for (id, container) in changed {
                match container {
                    Some(container) => drop(snapshot.containers.insert(id, container)),
                    None => drop(snapshot.containers.remove(&id)),
                }
            }
            if engine {
                snapshot.engine = Arc::new(known.engine().clone());
            }
        });
    }

    /// The container as others see it; `None` if it is not to be observed.
    fn described(&mut self, life: &Life, image: &ImageLabels, before: Option<&Tenant>) -> Option<Container> {
        let known = &life.container;
        self.read_cgroup(known);
        let facts = Facts {
            name: known.name.as_str(),
            labels: &known.labels,
            image_labels: match image {
                ImageLabels::Known(labels) => Some(labels.as_ref()),
                ImageLabels::Pending | ImageLabels::Unknown => None,
            },
            cgroup: self.cgroups.get(&known.id).and_then(|cgroup| cgroup.text.as_deref()),
        };
        if !self.attribution.observes(&facts, known.image.as_str()) {
            return None;
        }
        let tenant_known = *image != ImageLabels::Pending;
        let tenant = match before {
            _ if tenant_known => self.attribution.tenant(&facts),
            // A label may be the image's, which must not claim a tenant.
            Some(before) => before.clone(),
            None => Tenant::unknown(),
        };
        Some(Container { tenant, tenant_known, ..known.clone() })
    }

    /// Reads the cgroup of a process that is new here.
    fn read_cgroup(&mut self, container: &Container) {
        let Some(pid) = container.state.pid else { return };
        let known = self.cgroups.get_mut(&container.id);
        if known.as_ref().is_some_and(|known| known.pid == pid) {
            return;
        }
        let mut text = String::new();
        let file = File::open(self.paths.process(pid).join("cgroup"));
        let read = file.and_then(|file| file.take(CGROUP_LIMIT).read_to_string(&mut text));
        let text = read.ok().map(|_| text).or_else(|| known.and_then(|known| known.text.take()));
        self.cgroups.insert(container.id, Cgroup { pid, text });
    }
}
