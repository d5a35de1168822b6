//! An engine's folders, made by hand below a temporary root.

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use crate::inventory::{Container, EngineStorage, Snapshot, State, Status, Storage, Volume};
use crate::paths::Paths;
use crate::tenant::{LabelValue, Tenant};

pub(super) fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A container that runs; nothing of it is on disk yet.
pub(super) fn container(digit: &str, name: &str) -> Container {
    Container {
        name: LabelValue::clean(name),
        image: LabelValue::clean("shop/api:1"),
        tenant: Tenant::claimed(Some("ann"), Some("shop"), Some("core")),
        created_at: Some(time(1)),
        state: State { pid: Some(100), started_at: Some(time(2)), ..State::new(Status::Running) },
        ..Container::new(digit.repeat(64).parse().unwrap(), Status::Created)
    }
}

/// A host whose engine keeps everything in `/var/lib/docker`.
pub(super) struct Host(tempfile::TempDir);

impl Host {
    pub(super) const DATA_ROOT: &str = "/var/lib/docker";

    pub(super) fn new() -> Host {
        let host = Host(tempfile::tempdir().unwrap());
        fs::create_dir_all(host.path("containers")).unwrap();
        host
    }

    pub(super) fn paths(&self) -> Paths {
        Paths {
            procfs: self.0.path().join("proc"),
            sysfs: self.0.path().join("sys"),
            rootfs: self.0.path().into(),
        }
    }

    /// Where a path below the data root really is.
    pub(super) fn path(&self, below: &str) -> std::path::PathBuf {
        self.0.path().join("var/lib/docker").join(below)
    }

    /// Writes a file below the data root, and the folders above it.
    pub(super) fn write(&self, below: &str, bytes: usize) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![1; bytes]).unwrap();
    }

    /// Makes a container's folders as overlay2 and `json-file` do, with a layer of so many bytes.
    pub(super) fn make(&self, digit: &str, layer: usize, volumes: &[&str]) -> Container {
        let mut container = container(digit, digit);
        let id = container.id;
        self.write(&format!("overlay2/{digit}/diff/data/file"), layer);
        self.write(&format!("containers/{id}/{id}-json.log"), 4096);
        container.storage = Storage {
            upper_dir: Some(Self::host(&format!("overlay2/{digit}/diff"))),
            log_driver: "json-file".into(),
            log_path: Some(Self::host(&format!("containers/{id}/{id}-json.log"))),
            volumes: volumes.iter().map(|name| self.volume(name)).collect(),
        };
        container
    }

    fn volume(&self, name: &str) -> Volume {
        fs::create_dir_all(self.path(&format!("volumes/{name}/_data"))).unwrap();
        Volume { name: LabelValue::clean(name), source: Self::host(&format!("volumes/{name}/_data")) }
    }

    /// A path below the data root as the engine says it.
    pub(super) fn host(below: &str) -> String {
        Path::new(Self::DATA_ROOT).join(below).to_str().unwrap().to_owned()
    }
}

/// An inventory of an engine that has said where its data root is.
pub(super) fn inventory(containers: impl IntoIterator<Item = Container>) -> Snapshot {
    let storage = EngineStorage { data_root: Some(Host::DATA_ROOT.into()), usage: None };
    Snapshot {
        containers: containers.into_iter().map(|one| (one.id, one.into())).collect(),
        storage: storage.into(),
        ..Snapshot::default()
    }
}
