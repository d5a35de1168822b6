//! What the engine writes into the folders of containers that do not run, as inotify tells it.
//!
//! A start and a removal begin before any event says so, and this shows when: with its first
//! file, and with the description marked as dead. Optional: where the engine's data cannot be
//! read (another machine, no right, no such folder) those operations are measured where events
//! suffice. One watch stands on the folder of folders and one on each container at rest; one
//! that runs is not watched, since its log and its health check write all the time.

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

use super::work::Written;
use crate::inventory::ContainerId;

/// Where an engine keeps a folder for each container, below its data.
const CONTAINERS: &str = "containers";

/// Room for some hundred notes at once; the kernel keeps the rest.
const BUFFER: usize = 16 << 10;

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something was written into a container's folder.
    Wrote(ContainerId, Written),
    /// The kernel had to leave something out.
    Missed,
}

/// The watched folders.
#[derive(Debug)]
pub(super) struct Folders {
    notes: AsyncFd<OwnedFd>,
    containers: PathBuf,
    by_watch: BTreeMap<i32, ContainerId>,
    by_id: BTreeMap<ContainerId, i32>,
}

impl Folders {
    /// Begins to watch below an engine's data; must be called within a tokio runtime.
    ///
    /// # Errors
    /// There is no such folder, it may not be read, or the kernel grants no more watches.
    pub(super) fn of(data_root: &Path) -> io::Result<Self> {
        let notes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let containers = data_root.join(CONTAINERS);
        inotify::add_watch(&notes, &containers, WatchFlags::CREATE | WatchFlags::ONLYDIR)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, which is forbidden; an `OwnedFd` is what it wants: one descriptor, as long as it lives"
        )]
        let notes = AsyncFd::new(notes)?;
        Ok(Folders { notes, containers, by_watch: BTreeMap::new(), by_id: BTreeMap::new() })
    }

    /// Watches a container as long as it rests.
    pub(super) fn follow(&mut self, id: ContainerId, rests: bool) {
        match (rests, self.by_id.get(&id).copied()) {
            (true, None) => self.watch(id),
            (false, Some(watch)) => {
                self.forget(watch);
                // It may be gone together with the folder.
                let _ = inotify::remove_watch(&self.notes, watch);
            }
            _ => {}
        }
    }

    /// Waits until there is something to [`Folders::read`].
    pub(super) async fn readable(&self) {
        match self.notes.readable().await {
            // It is read until nothing is left, so what comes next makes it ready again.
            Ok(mut ready) => ready.clear_ready(),
            Err(error) => {
                tracing::debug!(%error, "the engine's folders cannot be watched any more");
                std::future::pending().await
            }
        }
    }

    /// Everything that was written since, without waiting.
    pub(super) fn read(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        loop {
            let mut made = Vec::new();
            let mut forgotten = Vec::new();
            let mut reader = inotify::Reader::new(&self.notes, &mut buffer);
            let end = loop {
                let note = match reader.next() {
                    Ok(note) => note,
                    Err(error) => break error,
                };
                let name = note.file_name().and_then(|name| name.to_str().ok()).unwrap_or_default();
                match self.by_watch.get(&note.wd()) {
                    _ if note.events().contains(ReadFlags::QUEUE_OVERFLOW) => heard.push(Heard::Missed),
                    Some(_) if note.events().contains(ReadFlags::IGNORED) => forgotten.push(note.wd()),
                    Some(id) => {
                        heard.extend(written(name, note.events()).map(|what| Heard::Wrote(*id, what)));
                    }
                    None => made.extend(name.parse::<ContainerId>()),
                }
                if reader.is_buffer_empty() {
                    break Errno::INTR;
                }
            };
            forgotten.into_iter().for_each(|watch| self.forget(watch));
            made.into_iter().for_each(|id| self.follow(id, true));
            if end != Errno::INTR {
                return heard;
            }
        }
    }

    fn watch(&mut self, id: ContainerId) {
        let folder = self.containers.join(id.to_string());
        let what = WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::ONLYDIR;
        match inotify::add_watch(&self.notes, &folder, what) {
            Ok(watch) => {
                self.by_watch.insert(watch, id);
                self.by_id.insert(id, watch);
            }
            // Mostly: it has just been removed.
            Err(error) => {
                tracing::debug!(folder = %folder.display(), %error, "a container's folder cannot be watched");
            }
        }
    }

    fn forget(&mut self, watch: i32) {
        if let Some(id) = self.by_watch.remove(&watch) {
            self.by_id.remove(&id);
        }
    }
}

/// What a file tells. Docker prepares the first four for every start, in this order as far as
/// they are needed, and writes its description to a temporary file first.
fn written(name: &str, events: ReadFlags) -> Option<Written> {
    match name {
        "hosts" | "resolv.conf" => Some(Written::Prepared { late: false }),
        "hostname" | "mounts" => Some(Written::Prepared { late: true }),
        _ if name.starts_with(".tmp-config.v2.json") && events.contains(ReadFlags::CREATE) => {
            Some(Written::Described)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn id(number: u8) -> ContainerId {
        format!("{number:02x}").repeat(32).parse().unwrap()
    }

    #[tokio::test]
    async fn what_is_written_for_a_container_at_rest_is_heard_and_nothing_of_one_that_runs() {
        let root = tempfile::tempdir().unwrap();
        let folder = |number: u8| root.path().join(CONTAINERS).join(id(number).to_string());
        fs::create_dir_all(folder(1)).unwrap();
        let mut folders = Folders::of(root.path()).unwrap();
        folders.follow(id(1), true);
        fs::create_dir(folder(2)).unwrap();
        assert_eq!(folders.read(), [], "a new folder is watched from now on");
        fs::write(folder(2).join("hosts"), "").unwrap();
        fs::create_dir(folder(2).join("mounts")).unwrap();
        fs::write(folder(1).join(".tmp-config.v2.json123"), "").unwrap();
        fs::write(folder(1).join("hostconfig.json"), "").unwrap();
        folders.readable().await;
        let prepared = |late| Heard::Wrote(id(2), Written::Prepared { late });
        let described = Heard::Wrote(id(1), Written::Described);
        assert_eq!(folders.read(), [prepared(false), prepared(true), described]);
        folders.follow(id(1), false);
        fs::write(folder(1).join("hosts"), "").unwrap();
        assert_eq!(folders.read(), []);
    }

    #[tokio::test]
    async fn a_removed_folder_leaves_no_watch_behind() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(CONTAINERS).join(id(1).to_string());
        fs::create_dir_all(&folder).unwrap();
        let mut folders = Folders::of(root.path()).unwrap();
        folders.follow(id(1), true);
        fs::remove_dir(&folder).unwrap();
        assert_eq!(folders.read(), []);
        assert!(folders.by_watch.is_empty() && folders.by_id.is_empty());
        folders.follow(id(1), true);
        assert!(folders.by_watch.is_empty(), "there is nothing to watch any more");
    }

    #[tokio::test]
    async fn without_the_engines_data_there_is_nothing_to_watch() {
        let root = tempfile::tempdir().unwrap();
        assert!(Folders::of(root.path()).is_err());
    }
}
