//! The log lines of one container, read when somebody asks, or as they come.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use crate::inventory::{Container, ContainerId};

/// Which of its two outputs a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogStream {
    /// Standard output; also everything of a container with a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl LogStream {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            LogStream::Stdout => "stdout",
            LogStream::Stderr => "stderr",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Where it was written.
    pub stream: LogStream,
    /// When the engine took it; `None` where it does not say.
    pub timestamp: Option<Timestamp>,
    /// The line without its end; what is no UTF-8 is replaced.
    pub line: String,
}

/// Tells which lines are wanted.
pub type LogFilter = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What is asked for.
#[derive(Clone)]
pub struct LogQuery {
    /// So many of the newest lines that are wanted.
    pub tail: usize,
    /// None that is older.
    pub since: Option<Timestamp>,
    /// Which are wanted; all if `None`. It is looked for among a bounded number of lines.
    pub wanted: Option<LogFilter>,
}

/// Why there are no lines.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The engine has the container no more.
    #[error("the engine has removed this container, and its log with it")]
    Gone,
    /// They cannot be read, and why.
    #[error("{0}")]
    OutOfReach(String),
    /// Reading takes too long, for this request or for others.
    #[error(
        "reading its log takes too long; ask for fewer lines or a later `since`, or try again in a moment"
    )]
    Busy,
}

/// Lines as they come, some at a time. It ends when the container's run does, and after an error.
pub type LogFlow = BoxStream<'static, Result<Vec<LogLine>, LogError>>;

/// Somebody who reads logs of containers.
pub trait LogSource: Send + Sync {
    /// The lines of a container that runs or has run, oldest first.
    fn lines<'s>(
        &'s self,
        container: &'s Container,
        query: LogQuery,
    ) -> BoxFuture<'s, Result<Vec<LogLine>, LogError>>;

    /// The lines of a container from a moment on, those that it has written by now first; all that
    /// are kept without one.
    fn follow(&self, id: ContainerId, since: Option<Timestamp>) -> BoxFuture<'_, Result<LogFlow, LogError>>;
}
