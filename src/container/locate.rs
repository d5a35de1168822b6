//! Where a container's cgroup is: `/proc/PID/cgroup` and the mount table, never a path pattern.
//!
//! Sources: `cgroups(7)` (the lines of `/proc/PID/cgroup`), `proc(5)` (`mountinfo`).
//! Works for cgroup v1, v2 and hybrid hosts, controller by controller: a container may have
//! its memory accounted by v1 and its pressure by v2. A path counts only where one of its
//! parts holds the container's id, so that a shared parent is never blamed on a container;
//! below that part (nested engines move their processes) the container's own part is taken.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::inventory::ContainerId;
use crate::paths::{SYSFS, unescape};

/// The controllers of cgroup v1 that are read.
pub const V1_CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "memory", "blkio", "pids"];

/// One mounted cgroup hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    /// The folder of the hierarchy that is mounted, as `/proc/PID/cgroup` spells it.
    root: String,
    /// Where it is mounted.
    point: PathBuf,
    /// Controllers of a v1 hierarchy; none for v2.
    controllers: Vec<String>,
    /// Whether it is the unified hierarchy.
    unified: bool,
}

/// The cgroup hierarchies that can be seen from here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountTable(Vec<Mount>);

impl MountTable {
    /// Reads the text of `/proc/self/mountinfo`. Where a hierarchy is mounted more than once
    /// (as inside a container that has the host's mounted elsewhere), the one under `sysfs`
    /// comes first, then the one that shows most of the hierarchy.
    pub fn parse(mountinfo: &str, sysfs: &Path) -> MountTable {
        let mut mounts: Vec<Mount> = mountinfo.lines().filter_map(parse_mount).collect();
        let ours = |mount: &Mount| sysfs != Path::new(SYSFS) && mount.point.starts_with(sysfs);
        mounts.sort_by_key(|mount| (!ours(mount), mount.root != "/", mount.root.len()));
        MountTable(mounts)
    }

    /// Whether no hierarchy is mounted at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, wanted: impl Fn(&Mount) -> bool, path: &str) -> Option<PathBuf> {
        self.0.iter().filter(|mount| wanted(mount)).find_map(|mount| {
            let below = if mount.root == "/" { Some(path) } else { path.strip_prefix(mount.root.as_str()) };
            let below = below.filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
            (!below.contains("/..")).then(|| mount.point.join(below.trim_start_matches('/')))
        })
    }
}

/// `36 35 0:31 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct`
fn parse_mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let (root, point) = (unescape(before.next()?), unescape(before.next()?));
    let mut after = after.split(' ');
    let kind = after.next()?;
    let options = after.nth(1).unwrap_or_default();
    let unified = match kind {
        "cgroup2" => true,
        "cgroup" => false,
        _ => return None,
    };
    let known = |name: &&str| V1_CONTROLLERS.contains(name);
    let controllers =
        if unified { Vec::new() } else { options.split(',').filter(known).map(str::to_owned).collect() };
    Some(Mount { root, point: point.into(), controllers, unified })
}

/// The folders of one container's cgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Its path as `id` labels show it.
    pub path: String,
    /// Folder in the v1 hierarchy of each controller, in the order of [`V1_CONTROLLERS`].
    pub v1: [Option<Arc<Path>>; V1_CONTROLLERS.len()],
    /// Folder in the unified hierarchy.
    pub unified: Option<Arc<Path>>,
}

impl Location {
    /// The folder of a v1 controller.
    pub fn v1(&self, controller: &str) -> Option<&Arc<Path>> {
        let index = V1_CONTROLLERS.iter().position(|known| *known == controller)?;
        self.v1[index].as_ref()
    }
}

/// Why a container's cgroup was not found.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LocateError {
    /// The process is not, or no longer, in a cgroup of this container.
    #[error("no line of its /proc/PID/cgroup names the container")]
    NotOfThisContainer,
    /// The hierarchies are not mounted here; inside a container the host's have to be.
    #[error(
        "none of its cgroups is mounted here; mount the host's /sys/fs/cgroup and name it with `--path.sysfs`"
    )]
    NotMounted,
}

/// Finds the folders of a container from the text of `/proc/PID/cgroup`.
///
/// # Errors
/// The text does not name the container, or nothing of it is mounted here.
pub fn locate(id: ContainerId, proc_cgroup: &str, mounts: &MountTable) -> Result<Location, LocateError> {
    let id = id.to_string();
    let mut location = Location::default();
    let mut named = false;
    for line in proc_cgroup.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let Some(path) = own_part(path, &id) else { continue };
        named = true;
        if controllers.is_empty() {
            location.unified = mounts.find(|mount| mount.unified, path).map(Arc::from);
            if location.unified.is_some() && location.path.is_empty() {
                location.path = visible(path);
            }
            continue;
        }
        for (index, controller) in V1_CONTROLLERS.iter().enumerate() {
            if !controllers.split(',').any(|name| name == *controller) {
                continue;
            }
            let holds = |mount: &Mount| mount.controllers.iter().any(|name| name == controller);
            location.v1[index] = mounts.find(holds, path).map(Arc::from);
            if location.v1[index].is_some() && (location.path.is_empty() || *controller == "memory") {
                location.path = visible(path);
            }
        }
    }
    match (named, location.path.is_empty()) {
        (true, false) => Ok(location),
        (true, true) => Err(LocateError::NotMounted),
        (false, _) => Err(LocateError::NotOfThisContainer),
    }
}

/// The path up to and including the part that holds the id.
fn own_part<'a>(path: &'a str, id: &str) -> Option<&'a str> {
    let at = path.rfind(id)?;
    let end = path[at..].find('/').map_or(path.len(), |length| at + length);
    Some(&path[..end])
}

/// A path as seen from the root of the host's hierarchy: a private cgroup namespace shows
/// the host's part as `/..`.
fn visible(path: &str) -> String {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("/..") {
        path = rest;
    }
    path.to_owned()
}

#[cfg(test)]
mod tests;
