//! What has been measured, put together container by container.
//!
//! A volume counts in full for every container that mounts it, and is billed to them in equal
//! parts. A removed container keeps its last figures for as long as it lingers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::plan::{Activity, Subject};
use crate::inventory::{Container, ContainerId, Snapshot};
use crate::snapshot::{Disk, FileSystem, Measured};

/// Everything that is known of one container's files.
#[derive(Debug)]
pub struct Holding {
    /// The engine's description.
    pub container: Arc<Container>,
    /// The folder that the engine keeps for it, once it has been found.
    pub folder: Option<PathBuf>,
    /// How often in a row it was not found.
    pub refusals: u32,
    /// The folder of its writable layer as it was mounted, if the engine does not say it.
    pub mounted: Option<PathBuf>,
    /// What its writable layer takes.
    pub layer: Option<Measured>,
    /// What its log takes.
    pub log: Option<Measured>,
    /// The file system that holds its writable layer.
    pub file_system: Option<Arc<FileSystem>>,
    disk: Option<Arc<Disk>>,
}

impl Holding {
    fn new(container: Arc<Container>) -> Self {
        Holding {
            container,
            folder: None,
            refusals: 0,
            mounted: None,
            layer: None,
            log: None,
            file_system: None,
            disk: None,
        }
    }

    /// The folder of its writable layer.
    pub fn upper_dir(&self) -> Option<PathBuf> {
        self.container.storage.upper_dir.as_ref().map(PathBuf::from).or_else(|| self.mounted.clone())
    }
}

/// All containers and the volumes they mount.
#[derive(Debug, Default)]
pub struct Ledger {
    holdings: BTreeMap<ContainerId, Holding>,
    volumes: BTreeMap<String, Measured>,
    /// The device that holds the engine's data root, once it is known.
    pub data_device: Option<Arc<str>>,
}

impl Ledger {
    /// Takes over the containers that there are now.
    pub fn follow(&mut self, inventory: &Snapshot) {
        self.holdings.retain(|id, _| inventory.containers.contains_key(id));
        for (id, container) in &inventory.containers {
            match self.holdings.get_mut(id) {
                Some(holding) => holding.container = container.clone(),
                None => drop(self.holdings.insert(*id, Holding::new(container.clone()))),
            }
        }
        let used = self.users();
        self.volumes.retain(|source, _| used.contains_key(source));
        self.compose(None);
    }

    /// What can be measured: the trees of a container only once its files are within reach.
    pub fn subjects(&self, data_root_known: bool) -> BTreeMap<Subject, Activity> {
        let mut subjects: BTreeMap<Subject, Activity> = BTreeMap::new();
        for (id, holding) in self.present() {
            let state = &holding.container.state;
            let activity = Activity { live: state.is_live(), run: state.started_at };
            if data_root_known || holding.container.storage.log_path.is_some() {
                subjects.insert(Subject::Quick(*id), activity);
            }
            if holding.folder.is_none() {
                continue;
            }
            if holding.upper_dir().is_some() {
                subjects.insert(Subject::Layer(*id), activity);
            }
            for volume in &holding.container.storage.volumes {
                let shared = subjects.entry(Subject::Volume(volume.source.clone())).or_default();
                shared.live |= activity.live;
                shared.run = shared.run.max(activity.run);
            }
        }
        subjects
    }

    /// The files of a container that has not been removed.
    pub fn holding(&mut self, id: ContainerId) -> Option<&mut Holding> {
        self.holdings.get_mut(&id).filter(|holding| holding.container.removed_at.is_none())
    }

    /// A volume has been measured.
    pub fn measured_volume(&mut self, source: &str, measured: Measured) {
        self.volumes.insert(source.to_owned(), measured);
        self.compose(None);
    }

    /// Puts the figures of one container, or of all, together again.
    pub fn compose(&mut self, only: Option<ContainerId>) {
        let users = self.users();
        let Ledger { holdings, volumes, data_device } = self;
        let chosen = |id: &ContainerId| only.is_none_or(|only| only == *id);
        for (_, holding) in holdings.iter_mut().filter(|(id, _)| chosen(id)) {
            if holding.container.removed_at.is_some() {
                continue;
            }
            let disk = disk(holding, volumes, &users, data_device.as_ref());
            if disk == Disk::default() {
                holding.disk = None;
            } else if holding.disk.as_deref() != Some(&disk) {
                holding.disk = Some(Arc::new(disk));
            }
        }
    }

    /// The figures of every container that has some.
    pub fn disks(&self) -> BTreeMap<ContainerId, Arc<Disk>> {
        self.holdings.iter().filter_map(|(id, holding)| Some((*id, holding.disk.clone()?))).collect()
    }

    fn present(&self) -> impl Iterator<Item = (&ContainerId, &Holding)> {
        self.holdings.iter().filter(|(_, holding)| holding.container.removed_at.is_none())
    }

    /// How many containers mount each volume.
    fn users(&self) -> BTreeMap<String, u64> {
        let mut users = BTreeMap::new();
        for volume in self.present().flat_map(|(_, holding)| &holding.container.storage.volumes) {
            *users.entry(volume.source.clone()).or_insert(0) += 1;
        }
        users
    }
}

fn disk(
    holding: &Holding,
    volumes: &BTreeMap<String, Measured>,
    users: &BTreeMap<String, u64>,
    data_device: Option<&Arc<str>>,
) -> Disk {
    let mounted = holding.container.storage.volumes.iter();
    let measured: Vec<_> =
        mounted.filter_map(|volume| Some((volume, *volumes.get(&volume.source)?))).collect();
    let share = |(volume, measured): &(&crate::inventory::Volume, Measured)| {
        measured.bytes / users.get(&volume.source).copied().unwrap_or(1).max(1)
    };
    let bytes = |figure: Option<Measured>| figure.map_or(0, |measured| measured.bytes);
    let billed_bytes = bytes(holding.layer) + bytes(holding.log) + measured.iter().map(share).sum::<u64>();
    let of_layer = holding.file_system.as_ref().map(|file_system| &file_system.device);
    let elsewhere = of_layer.zip(data_device).is_some_and(|(layer, data)| layer != data);
    Disk {
        billed_elsewhere_bytes: if elsewhere { bytes(holding.layer) } else { 0 },
        writable_layer: holding.layer,
        log: holding.log,
        volumes: measured.into_iter().map(|(volume, measured)| (volume.name.clone(), measured)).collect(),
        file_system: holding.file_system.clone(),
        billed_bytes,
    }
}
