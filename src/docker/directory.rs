//! Puts what the state machine knows into the inventory, with the tenant that the rules find.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use super::images::ImageLabels;
use super::life::Life;
use super::sync::Reconciler;
use crate::inventory::{Container, ContainerId, Inventory, Operation, Performed};
use crate::paths::Paths;
use crate::tenant::{Attribution, Facts, Tenant, misunderstood};

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
    /// Whether the engine's process ids and paths are this machine's.
    here: bool,
    /// Kept after the process has ended, so that rules can be asked again.
    cgroups: BTreeMap<ContainerId, Cgroup>,
    /// Operations whose container's tenant is not known yet.
    work: BTreeMap<ContainerId, Vec<(Operation, Duration)>>,
}

impl Directory {
    /// `here`: whether the engine is on this machine.
    pub(super) fn new(
        inventory: Arc<Inventory>,
        attribution: Arc<dyn Attribution>,
        paths: Paths,
        here: bool,
    ) -> Self {
        Directory { inventory, attribution, paths, here, cgroups: BTreeMap::new(), work: BTreeMap::new() }
    }

    /// Takes other rules; [`Directory::publish`] applies them.
    pub(super) fn attribute_by(&mut self, attribution: Arc<dyn Attribution>) {
        self.attribution = attribution;
    }

    /// Takes operations that are over; [`Directory::publish`] attributes them.
    pub(super) fn note_work(&mut self, work: Vec<(ContainerId, Operation, Duration)>) {
        for (id, operation, took) in work {
            self.work.entry(id).or_default().push((operation, took));
        }
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
            let shown = known.shown(&id);
            let settled = shown.is_some();
            let new = match shown {
                Some((life, image)) => self.described(life, &image, old.map(Arc::as_ref)),
                None => {
                    self.cgroups.remove(&id);
                    None
                }
            };
            match &new {
                Some(container) if container.tenant_known => self.attribute_work(id, &container.tenant),
                // It is gone before its image could be asked about.
                None if !known.knows(&id) => {
                    let tenant = old.map_or_else(Tenant::unknown, |old| old.tenant.clone());
                    self.attribute_work(id, &tenant);
                }
                None if settled => drop(self.work.remove(&id)),
                _ => {}
            }
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

    fn attribute_work(&mut self, id: ContainerId, tenant: &Tenant) {
        for (operation, took) in self.work.remove(&id).unwrap_or_default() {
            self.inventory.operations.add(Performed { tenant: tenant.clone(), operation, took });
        }
    }

    /// The container as others see it; `None` if it is not to be observed.
    fn described(
        &mut self,
        life: &Life,
        image: &ImageLabels,
        before: Option<&Container>,
    ) -> Option<Container> {
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
            here: self.here,
        };
        if !self.attribution.observes(&facts, known.image.as_str()) {
            return None;
        }
        let tenant_known = *image != ImageLabels::Pending;
        let (tenant, reserved) = match before {
            _ if tenant_known => {
                let reserved = self.attribution.reserved(&facts, &known.engine_resources);
                (self.attribution.tenant(&facts), reserved)
            }
            // A label may be the image's, which must not claim a tenant.
            Some(before) => (before.tenant.clone(), before.reserved),
            None => (Tenant::unknown(), known.engine_resources.reservations),
        };
        if before.is_none() {
            for (label, value) in misunderstood(&known.labels) {
                tracing::warn!(container = %known.name, label, value, "a reservation is not understood and counts for nothing; give cores as `0.5` and memory as `512m`");
            }
        }
        Some(Container { tenant, tenant_known, reserved, ..known.clone() })
    }

    /// Reads the cgroup of a process that is new here. A text that does not name the container
    /// is another process's: the engine may live in a virtual machine behind a local socket.
    fn read_cgroup(&mut self, container: &Container) {
        let Some(pid) = container.state.pid.filter(|_| self.here) else { return };
        let known = self.cgroups.get_mut(&container.id);
        if known.as_ref().is_some_and(|known| known.pid == pid) {
            return;
        }
        let mut text = String::new();
        let file = File::open(self.paths.process(pid).join("cgroup"));
        let read = file.and_then(|file| file.take(CGROUP_LIMIT).read_to_string(&mut text));
        let id = container.id.to_string();
        let text = read
            .ok()
            .map(|_| text)
            .filter(|text| text.contains(&id))
            .or_else(|| known.and_then(|known| known.text.take()));
        self.cgroups.insert(container.id, Cgroup { pid, text });
    }
}
