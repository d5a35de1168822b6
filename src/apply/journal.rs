//! What was done, as lines of JSON in a file that only grows.
//!
//! A change is one entry: the line that begins it stands there, and is on the disk, before the
//! engine is asked; later lines say what became of it. A line that was cut off by a crash, or is
//! none of ours, costs itself alone.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::inventory::{ContainerId, EngineSettings};

/// The journal within its folder.
const FILE: &str = "rightsize.jsonl";

/// Held by whoever changes something.
const LOCK: &str = ".rightsize.lock";

/// Names of containers and people are nobody else's business.
const OWNER_ALONE: u32 = 0o600;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its folder or file cannot be read or written.
    #[error("the journal `{}`: {source}; name a folder that may be written with `--journal`", path.display())]
    Io {
        /// What was tried.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Somebody else changes something.
    #[error("another `dockmeter rightsize` is at work in `{}`; wait until it has ended", .0.display())]
    Busy(PathBuf),
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The engine is about to be asked, or was.
    Began,
    /// The engine did it; it is watched.
    Applied,
    /// Nothing was worse.
    Kept,
    /// The limits from before were set again by itself.
    RolledBack,
    /// They were set again by `undo`.
    Undone,
    /// It was not done.
    Failed,
}

impl State {
    /// Whether nobody knows the end: whoever did it was killed.
    pub fn is_unfinished(self) -> bool {
        matches!(self, State::Began | State::Applied)
    }

    /// Whether there may be something to take back.
    pub fn is_open(self) -> bool {
        self.is_unfinished() || self == State::Kept
    }

    /// The word in the journal.
    pub fn word(self) -> &'static str {
        match self {
            State::Began => "began",
            State::Applied => "applied",
            State::Kept => "kept",
            State::RolledBack => "rolled_back",
            State::Undone => "undone",
            State::Failed => "failed",
        }
    }
}

/// The beginning of a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beginning {
    /// Who runs the command.
    pub who: String,
    /// Where the engine is.
    pub engine: String,
    /// The container's id.
    pub container: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub user: String,
    /// Whose it is.
    pub project: String,
    /// Whose it is.
    pub team: String,
    /// Ids of what was recommended.
    pub recommendations: Vec<String>,
    /// What the engine said of its limits before.
    #[serde(with = "numbers")]
    pub before: EngineSettings,
    /// What it is to say then.
    #[serde(with = "numbers")]
    pub after: EngineSettings,
}

/// The engine's numbers in the journal.
mod numbers {
    use super::{Deserialize, EngineSettings, Serialize};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Numbers {
        nano_cpus: i64,
        cpu_quota: i64,
        cpu_period: i64,
        memory: i64,
        memory_swap: i64,
        memory_reservation: i64,
    }

    pub(super) fn serialize<S: Serializer>(
        settings: &EngineSettings,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let EngineSettings { nano_cpus, cpu_quota, cpu_period, memory, memory_swap, memory_reservation } =
            *settings;
        Numbers { nano_cpus, cpu_quota, cpu_period, memory, memory_swap, memory_reservation }
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<EngineSettings, D::Error> {
        let Numbers { nano_cpus, cpu_quota, cpu_period, memory, memory_swap, memory_reservation } =
            Numbers::deserialize(deserializer)?;
        Ok(EngineSettings { nano_cpus, cpu_quota, cpu_period, memory, memory_swap, memory_reservation })
    }
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    entry: u64,
    at: String,
    event: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    beginning: Option<Beginning>,
}

/// A change and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number: that of its first line.
    pub number: u64,
    /// When it began.
    pub at: Timestamp,
    /// What it is.
    pub change: Beginning,
    /// What became of it last.
    pub state: State,
    /// Why, where that is said.
    pub reason: Option<String>,
}

impl Entry {
    /// The container's id; none where the journal was meddled with.
    pub fn container(&self) -> Option<ContainerId> {
        self.change.container.parse().ok()
    }
}

/// Everything that the journal says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// Every change, the oldest first.
    pub entries: Vec<Entry>,
    /// Numbers of lines that cannot be understood.
    pub broken: Vec<usize>,
    /// How many lines there are.
    lines: usize,
}

/// Reads the text of a journal.
pub fn read(text: &[u8]) -> Read {
    let mut read = Read::default();
    let mut entries: BTreeMap<u64, Entry> = BTreeMap::new();
    let lines = text.split(|byte| *byte == b'\n');
    for (index, line) in lines.enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        read.lines = index + 1;
        let parsed: Option<Line> = serde_json::from_slice(line).ok();
        let is_known = parsed.is_some_and(|line| note(&mut entries, line));
        if !is_known {
            read.broken.push(index + 1);
        }
    }
    read.entries = entries.into_values().collect();
    read
}

/// Takes a line; whether it makes sense after those before it.
fn note(entries: &mut BTreeMap<u64, Entry>, line: Line) -> bool {
    let Ok(at) = line.at.parse() else { return false };
    let Line { entry: number, event: state, reason, beginning, .. } = line;
    match (beginning, entries.get_mut(&number)) {
        (Some(change), None) => {
            entries.insert(number, Entry { number, at, change, state, reason });
            true
        }
        (None, Some(entry)) => {
            (entry.state, entry.reason) = (state, reason);
            true
        }
        _ => false,
    }
}

/// The journal of a folder.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    next: u64,
    _lock: File,
}

impl Journal {
    /// What a folder's journal says; nothing if there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn look(folder: &Path) -> Result<Read, JournalError> {
        let path = folder.join(FILE);
        match fs::read(&path) {
            Ok(text) => Ok(read(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Read::default()),
            Err(source) => Err(JournalError::Io { path, source }),
        }
    }

    /// Opens it to write, alone; makes it if it is not there.
    ///
    /// # Errors
    /// It cannot be written, or somebody else does.
    pub fn open(folder: &Path) -> Result<(Journal, Read), JournalError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| JournalError::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(OWNER_ALONE);
        let lock = options.open(folder.join(LOCK)).map_err(failed(folder))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(JournalError::Busy(folder.to_owned())),
            Err(error) => return Err(failed(folder)(error.into())),
        }
        let path = folder.join(FILE);
        let file = options.read(true).open(&path).map_err(failed(&path))?;
        let mut journal = Journal { path, file, next: 1, _lock: lock };
        let read = journal.begin(folder).map_err(failed(&journal.path.clone()))?;
        journal.next = read.lines as u64 + 1;
        Ok((journal, read))
    }

    /// Reads what is there and ends a line that was cut off.
    fn begin(&mut self, folder: &Path) -> io::Result<Read> {
        let mut text = Vec::new();
        self.file.read_to_end(&mut text)?;
        self.file.seek(SeekFrom::End(0))?;
        if text.last().is_some_and(|last| *last != b'\n') {
            self.file.write_all(b"\n")?;
        }
        self.file.sync_all()?;
        File::open(folder)?.sync_all()?;
        Ok(read(&text))
    }

    /// Begins an entry; it is on the disk when this returns its number.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, change: Beginning) -> Result<u64, JournalError> {
        let number = self.next;
        let (at, event) = (Timestamp::now().to_string(), State::Began);
        self.write(&Line { entry: number, at, event, reason: None, beginning: Some(change) })?;
        Ok(number)
    }

    /// Says what became of an entry.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn say(&mut self, number: u64, event: State, reason: Option<&str>) -> Result<(), JournalError> {
        let (at, reason) = (Timestamp::now().to_string(), reason.map(str::to_owned));
        self.write(&Line { entry: number, at, event, reason, beginning: None })
    }

    fn write(&mut self, line: &Line) -> Result<(), JournalError> {
        let write = |file: &mut File| {
            let mut text = serde_json::to_vec(line)?;
            text.push(b'\n');
            file.write_all(&text)?;
            file.sync_all()
        };
        write(&mut self.file).map_err(|source| JournalError::Io { path: self.path.clone(), source })?;
        self.next += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
