//! Map files: YAML mappings from one tenancy value to another, as project to team.
//!
//! A file is read again when its time, size or inode has changed. A version that cannot be
//! read is refused once, with a log line, and the last good one stays in force.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::yaml::{self, YamlError};

/// What a file says: a value for each key.
type Entries = BTreeMap<String, String>;

/// What changes when a file is replaced or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(path).ok()?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Some(Stamp { modified, size: metadata.size(), inode: metadata.ino() })
    }
}

/// One map file.
#[derive(Clone, Debug)]
struct MapFile {
    /// Of the version that was looked at last, good or not; `None` if there was no file.
    stamp: Option<Stamp>,
    /// Of the last good version.
    entries: Arc<Entries>,
}

/// All map files that the rules name.
#[derive(Clone, Debug, Default)]
pub(super) struct Maps(BTreeMap<PathBuf, MapFile>);

impl Maps {
    /// Reads every file.
    pub(super) fn load<'p>(paths: impl Iterator<Item = &'p Path>) -> Result<Self, YamlError> {
        let load = |path: &Path| {
            // The stamp is taken first: a write in between is then seen as a change.
            let stamp = Stamp::of(path);
            let entries = Arc::new(yaml::read(path)?);
            Ok((path.to_owned(), MapFile { stamp, entries }))
        };
        paths.map(load).collect::<Result<_, _>>().map(Maps)
    }

    /// The value that a file gives for a key.
    pub(super) fn get(&self, file: &Path, key: &str) -> Option<&str> {
        self.0.get(file)?.entries.get(key).map(String::as_str)
    }

    /// Reads again what has changed on disk; whether an entry is different now.
    pub(super) fn refresh(&mut self) -> bool {
        let mut changed = false;
        for (path, map) in &mut self.0 {
            let stamp = Stamp::of(path);
            if stamp == map.stamp {
                continue;
            }
            map.stamp = stamp;
            match yaml::read::<Entries>(path) {
                Ok(entries) if entries == *map.entries => {}
                // A file that is written in place is empty for a moment. One that is meant to
                // be empty is taken when the configuration is read again.
                Ok(entries) if entries.is_empty() => {
                    tracing::warn!(file = %path.display(), "refused a map file that has lost all entries");
                }
                Ok(entries) => {
                    map.entries = Arc::new(entries);
                    changed = true;
                    tracing::info!(file = %path.display(), entries = map.entries.len(), "read a changed map file");
                }
                Err(error) => {
                    tracing::warn!(%error, "refused a changed map file; the last good version stays in force");
                }
            }
        }
        changed
    }
}
