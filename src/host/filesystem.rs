//! `node_filesystem_*`: size, use and inodes of file systems, each device once, and where the
//! engine keeps its data.
//!
//! Sources: the mount table ([`mounts`]) and `statfs(2)`, which hangs where a server does not
//! answer and so runs in [`super::background`].

pub(super) mod mounts;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::background::{Background, Standing};
use super::file::ReadError;
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::paths::Paths;
use crate::snapshot::host::{DataRoot, Filesystem, Filesystems, Host, Mount, Usage};
use mounts::{Kept, MountTable};

/// What `device_error` says of a file system that does not answer, as node_exporter words it.
const STUCK: &str = "mountpoint timeout";

/// What a file system says of itself, or why it does not.
pub(super) type Answer = Result<Usage, String>;

/// Asks a file system by the path of its mount point.
pub(super) type Statfs = Box<dyn Fn(&PathBuf) -> Answer + Send + Sync>;

/// The file systems of the host.
#[derive(Debug)]
pub(super) struct Reader {
    paths: Paths,
    table: MountTable,
    statfs: Background<PathBuf, Answer>,
}

impl Reader {
    /// `statfs` is the system call, but in tests.
    pub(super) fn new(paths: Paths, table: MountTable, statfs: Statfs) -> Self {
        Reader { paths, table, statfs: Background::new("statfs", statfs) }
    }

    /// Begins to ask; the answers are for [`Reader::finish`].
    pub(super) fn begin(
        &mut self,
        data_root: Option<&str>,
        now: Instant,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let kept = self.table.read(data_root, buffer)?;
        let paths = &self.paths;
        self.statfs.ask(kept.mounts.iter().map(|mount| paths.root(&mount.mountpoint)), now);
        Ok(())
    }

    /// What has been answered by now. A file system that has never answered and is not yet
    /// stuck is left out.
    pub(super) fn finish(&self, now: Instant) -> Filesystems {
        let standings = self.statfs.standings(now);
        let Kept { mounts, data_root } = self.table.kept();
        let filesystem = |mount: &Arc<Mount>| {
            let usage = match standings.get(&self.paths.root(&mount.mountpoint))? {
                Standing::Answered(answer) => answer.clone(),
                Standing::Stuck => Err(STUCK.to_owned()),
                Standing::Late => return None,
            };
            Some(Filesystem { mount: mount.clone(), usage })
        };
        Filesystems {
            mounted: mounts.iter().filter_map(filesystem).collect(),
            data_root: data_root
                .as_ref()
                .map(|(path, mount)| DataRoot { path: path.clone(), mount: mount.clone() }),
        }
    }
}

/// Asks the kernel.
pub(super) fn statfs(path: &Path) -> Answer {
    let answer = rustix::fs::statvfs(path).map_err(|error| worded(error.into()))?;
    // Blocks are counted in fragments, as `df` takes them.
    let bytes = |blocks: u64| blocks.saturating_mul(answer.f_frsize);
    Ok(Usage {
        size: bytes(answer.f_blocks),
        free: bytes(answer.f_bfree),
        available: bytes(answer.f_bavail),
        files: answer.f_files,
        files_free: answer.f_ffree,
    })
}

/// An error in the words of the C library, in small letters and without its number.
fn worded(error: std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_ascii_lowercase()
}

/// A family and the number of a file system's use that it shows.
type UsageOf = (&'static Metric, fn(&Usage) -> u64);

static USAGE: [UsageOf; 5] = [
    (&c::FILESYSTEM_SIZE, |usage| usage.size),
    (&c::FILESYSTEM_FREE, |usage| usage.free),
    (&c::FILESYSTEM_AVAIL, |usage| usage.available),
    (&c::FILESYSTEM_FILES, |usage| usage.files),
    (&c::FILESYSTEM_FILES_FREE, |usage| usage.files_free),
];

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(Filesystems { mounted, data_root }) = &host.filesystems else { return };
    let labelled: Vec<(LabelBlock, &Filesystem)> = mounted.iter().map(|one| (labels(one), one)).collect();
    for (metric, number) in USAGE {
        sink.family(metric);
        for (labels, filesystem) in &labelled {
            if let Ok(usage) = &filesystem.usage {
                sink.sample(labels, &[], Value::Int(number(usage)));
            }
        }
    }
    sink.family(&c::FILESYSTEM_READONLY);
    for (labels, filesystem) in &labelled {
        sink.sample(labels, &[], Value::Int(u64::from(filesystem.mount.readonly)));
    }
    sink.family(&c::FILESYSTEM_DEVICE_ERROR);
    for (labels, filesystem) in &labelled {
        sink.sample(labels, &[], Value::Int(u64::from(filesystem.usage.is_err())));
    }
    let plain = LabelBlock::default();
    sink.family(&c::FILESYSTEM_MOUNT_INFO);
    for mount in mounted.iter().filter(|one| one.usage.is_ok()).map(|one| &one.mount) {
        let (major, minor) = (mount.numbers.0.to_string(), mount.numbers.1.to_string());
        let own = [
            ("device", mount.device.as_str()),
            ("major", &major),
            ("minor", &minor),
            ("mountpoint", &mount.mountpoint),
        ];
        sink.sample(&plain, &own, Value::Int(1));
    }
    sink.family(&c::DOCKER_DATA_ROOT);
    if let Some(DataRoot { path, mount }) = data_root {
        let own = [
            ("path", path.as_str()),
            ("device", &mount.device),
            ("mountpoint", &mount.mountpoint),
            ("fstype", &mount.fstype),
        ];
        sink.sample(&plain, &own, Value::Int(1));
    }
}

fn labels(filesystem: &Filesystem) -> LabelBlock {
    let Filesystem { mount, usage } = filesystem;
    LabelBlock::new([
        ("device", mount.device.as_str()),
        ("mountpoint", &mount.mountpoint),
        ("fstype", &mount.fstype),
        ("device_error", usage.as_ref().err().map_or("", String::as_str)),
    ])
}

#[cfg(test)]
mod tests;
