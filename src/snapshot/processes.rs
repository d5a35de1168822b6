//! The processes of one container, read when somebody asks.

use std::str::FromStr;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::inventory::Container;

/// One process. Ids are the host's unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id on the host.
    pub pid: u32,
    /// Its id in the container's own process namespace (`NSpid`), where it has one.
    pub container_pid: Option<u32>,
    /// Its parent, if that is one of the container's processes, too.
    pub parent_pid: Option<u32>,
    /// The program's name (`comm`): at most 15 bytes, which a process may change; `None` where
    /// only the engine can be asked.
    pub name: Option<String>,
    /// The command line, arguments between spaces; `None` for a process that shows none.
    pub command: Option<String>,
    /// Whether the command line is longer than what is shown.
    pub command_cut: bool,
    /// The user that it runs as, by the host's number; `None` where it is not known.
    pub uid: Option<u32>,
    /// What it does, in the kernel's words: `running`, `sleeping`, `disk sleep`, `zombie`, …
    pub state: String,
    /// How many threads it has.
    pub threads: u64,
    /// Processor time used so far, of user and system, in nanoseconds.
    pub cpu_ns: u64,
    /// Memory that is resident, in bytes, shared pages counted in full.
    pub rss: u64,
    /// When it was started.
    pub started_at: Option<Timestamp>,
}

/// The kernel's words for the letter in `/proc/PID/stat`, as `status` has them.
pub fn state_word(letter: &str) -> &str {
    match letter {
        "R" => "running",
        "S" => "sleeping",
        "D" => "disk sleep",
        "T" => "stopped",
        "t" => "tracing stop",
        "Z" => "zombie",
        "X" => "dead",
        "I" => "idle",
        "P" => "parked",
        other => other,
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessQuery {
    /// What comes first.
    pub order: ProcessOrder,
    /// How many processes are shown.
    pub limit: usize,
}

/// In which order processes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProcessOrder {
    /// Most processor time first.
    #[default]
    Cpu,
    /// Most resident memory first.
    Memory,
    /// Most threads first.
    Threads,
    /// The oldest first.
    Started,
    /// The lowest id first.
    Pid,
}

impl ProcessOrder {
    /// Every order, with its word in a query.
    pub const WORDS: [(&'static str, ProcessOrder); 5] = [
        ("cpu", ProcessOrder::Cpu),
        ("memory", ProcessOrder::Memory),
        ("threads", ProcessOrder::Threads),
        ("started", ProcessOrder::Started),
        ("pid", ProcessOrder::Pid),
    ];

    /// Puts processes into this order; those that are equal in it are by id.
    pub fn sort(self, processes: &mut [Process]) {
        let most = |value: u64| std::cmp::Reverse(value);
        processes.sort_by_key(|process| process.pid);
        match self {
            ProcessOrder::Cpu => processes.sort_by_key(|process| most(process.cpu_ns)),
            ProcessOrder::Memory => processes.sort_by_key(|process| most(process.rss)),
            ProcessOrder::Threads => processes.sort_by_key(|process| most(process.threads)),
            ProcessOrder::Started => processes.sort_by_key(|process| process.started_at),
            ProcessOrder::Pid => {}
        }
    }
}

impl FromStr for ProcessOrder {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        ProcessOrder::WORDS.iter().find(|(known, _)| *known == word).map(|(_, order)| *order).ok_or(())
    }
}

/// The processes of a container at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessList {
    /// How many there are.
    pub total: usize,
    /// Those that are shown, in order.
    pub shown: Vec<Process>,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The container's processes cannot be seen from here, and why.
    #[error("{0}")]
    OutOfReach(String),
    /// Reading takes too long, for this request or for others.
    #[error("reading its processes takes too long; try again in a moment")]
    Busy,
}

/// Somebody who lists the processes of a container.
pub trait ProcessSource: Send + Sync {
    /// The processes of a container; none of one that does not run.
    fn list<'s>(
        &'s self,
        container: &'s Container,
        query: ProcessQuery,
    ) -> BoxFuture<'s, Result<ProcessList, ProcessError>>;
}
