//! Store, files and clock together: takes the samples of one moment after the other. No thread,
//! and no clock but the times of the samples.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use super::clock::{Clock, Verdict};
use super::field::{About, Key, Sample};
use super::files::{Files, Folder};
use super::journal::{Journal, Unread, Why, Wrote};
use super::recorder::History;
use super::segment::Entry;
use super::store::Store;
use super::tier::Retention;

/// The least time between two samples that are kept, in milliseconds: a little less than the
/// finest step, since no clock is exact.
const APART_MS: i64 = 4_500;

/// After how many samples it is looked what is too old: a minute of them.
const EXPIRE_AFTER: u32 = 12;

/// What is kept, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder; `None` keeps everything in memory alone.
    pub path: Option<PathBuf>,
    /// How long each step is kept.
    pub retention: Retention,
    /// The most bytes of memory.
    pub memory_bytes: usize,
    /// The most bytes of files.
    pub disk_bytes: u64,
}

/// What is to be kept of one series at one moment.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Which series.
    pub key: Key,
    /// Whose it is; of a container.
    pub about: Option<Arc<About>>,
    /// The numbers.
    pub sample: Sample,
}

/// How the history is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Series.
    pub series: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Bytes of files; `None` where everything is in memory alone.
    pub disk_bytes: Option<u64>,
    /// Bytes that were written since the start.
    pub written_bytes: u64,
    /// Whether files cannot be written.
    pub paused: bool,
    /// Chunks that went for want of memory.
    pub forgotten: u64,
    /// Moments that were left out since the clock had been set back.
    pub skipped: u64,
}

/// What writers and readers share.
#[derive(Debug)]
pub(super) struct Shared {
    store: RwLock<Store>,
    standing: RwLock<Standing>,
}

impl Shared {
    pub(super) fn store(&self) -> std::sync::RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn standing(&self) -> Standing {
        *self.standing.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes samples, of one moment after the other.
pub struct Keeper {
    shared: Arc<Shared>,
    journal: Option<Journal>,
    clock: Clock,
    last: Option<i64>,
    since_expiry: u32,
    skipped: u64,
}

impl Keeper {
    /// Opens the folder, if one is named, and reads what is there.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(options: &Options) -> std::io::Result<Keeper> {
        let folder = options.path.as_deref().map(Folder::open).transpose()?;
        let (keeper, unread) = Keeper::on(options, folder.map(|folder| Box::new(folder) as Box<dyn Files>))?;
        unread.into_iter().for_each(tell_of);
        Ok(keeper)
    }

    /// The same with files of any kind, or none.
    pub(super) fn on(
        options: &Options,
        files: Option<Box<dyn Files>>,
    ) -> std::io::Result<(Keeper, Vec<Unread>)> {
        let mut store = Store::new(options.retention, options.memory_bytes);
        let (mut journal, mut unread) = (None, Vec::new());
        if let Some(files) = files {
            let opened =
                Journal::open(files, options.retention, options.disk_bytes, |step, entry| match entry {
                    Entry::Row(row, about) => {
                        store.restore(&row, about.as_ref());
                    }
                    Entry::Rewind(after) => store.cut(step, after),
                })?;
            (journal, unread) = (Some(opened.0), opened.1);
        }
        let mut rows = Vec::new();
        store.rebuild(&mut rows);
        store.bound();
        let clock = Clock::after(store.newest());
        if let Some(journal) = &mut journal {
            report(journal.append(&rows, |key| store.about(key)));
        }
        let shared = Shared { store: RwLock::new(store), standing: RwLock::default() };
        let mut keeper =
            Keeper { shared: Arc::new(shared), journal, clock, last: None, since_expiry: 0, skipped: 0 };
        keeper.tell();
        Ok((keeper, unread))
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// What has been taken so far, for readers.
    pub fn history(&self) -> History {
        History::new(self.shared(), Arc::default())
    }

    /// Whether the samples of a time are wanted: often enough is enough.
    pub(super) fn wants(&self, at: i64) -> bool {
        self.last.is_none_or(|last| !(0..APART_MS).contains(&(at - last)))
    }

    /// Takes the samples of a time.
    pub fn take(&mut self, at: i64, taken: &[Taken]) {
        self.last = Some(at);
        let verdict = self.clock.judge(at);
        if verdict == Verdict::Skip {
            self.skipped += 1;
            return self.tell();
        }
        let mut rows = Vec::new();
        let mut store = self.shared.store.write().unwrap_or_else(PoisonError::into_inner);
        if verdict == Verdict::Rewind {
            tracing::warn!("the clock was set back; the history after its new time is forgotten");
            store.rewind(at - 1, &mut rows);
            if let Some(journal) = &mut self.journal {
                report(journal.rewind(at - 1));
            }
        }
        for Taken { key, about, sample } in taken {
            store.append(at, *key, about.as_ref(), sample, &mut rows);
        }
        store.close(at, &mut rows);
        store.bound();
        drop(store);
        if let Some(journal) = &mut self.journal {
            let store = self.shared.store();
            report(journal.append(&rows, |key| store.about(key)));
        }
        self.since_expiry += 1;
        if self.since_expiry >= EXPIRE_AFTER && self.clock.is_steady() {
            self.since_expiry = 0;
            self.expire(at);
        }
        self.tell();
    }

    fn expire(&mut self, now: i64) {
        self.shared.store.write().unwrap_or_else(PoisonError::into_inner).expire(now);
        if let Some(Err(error)) = self.journal.as_mut().map(|journal| journal.expire(now)) {
            tracing::warn!(%error, "an old file of the history could not be deleted");
        }
    }

    fn tell(&mut self) {
        let store = self.shared.store();
        let standing = Standing {
            series: store.len() as u64,
            memory_bytes: store.memory() as u64,
            disk_bytes: self.journal.as_ref().map(Journal::bytes),
            written_bytes: self.journal.as_ref().map_or(0, |journal| journal.written),
            paused: self.journal.as_ref().is_some_and(Journal::is_paused),
            forgotten: store.forgotten,
            skipped: self.skipped,
        };
        *self.shared.standing.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Has everything survive a power cut.
    pub(super) fn finish(&mut self) {
        if let Some(Err(error)) = self.journal.as_mut().map(Journal::sync) {
            tracing::warn!(%error, "the history could not be written to its end");
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("standing", &self.shared.standing()).finish_non_exhaustive()
    }
}

/// Says that a file could not be read, and what became of it.
fn tell_of(Unread { name, why }: Unread) {
    match why {
        Why::Torn { whole, lost } => tracing::warn!(
            file = name,
            whole_bytes = whole,
            lost_bytes = lost,
            "a file of the history was torn or damaged; what came before is kept"
        ),
        Why::Older(form) => tracing::warn!(
            file = name,
            form = %form,
            "a file of the history was of the form of an older dockmeter, which is not read; it is deleted, and what was begins now"
        ),
        Why::Newer(form) => tracing::warn!(
            file = name,
            form = %form,
            "a file of the history is of the form of a newer dockmeter; it is left alone: go back to that version, or delete it"
        ),
    }
}

/// Says once that writing is paused, and once that it goes on.
fn report(wrote: Wrote) {
    match wrote {
        Wrote::Well | Wrote::Waits => {}
        Wrote::Paused(error) => tracing::error!(
            %error,
            "the history cannot be written; it goes on in memory, and writing is tried again"
        ),
        Wrote::Resumed => tracing::info!("the history is written again"),
    }
}

#[cfg(test)]
mod tests;
