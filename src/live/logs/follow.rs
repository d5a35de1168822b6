//! Follows the log of one container for all who read it.
//!
//! An answer of the engine goes on until a run ends or something breaks. Then it is begun anew at
//! the time of the newest line, and what has been taken is left out. After the end of a run the
//! log is read once more, so that its last lines are not lost with the answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::ring::{Entry, ReaderId, Ring};
use crate::inventory::{Container, ContainerId, Inventory, Snapshot};
use crate::snapshot::{LogError, LogLine, LogQuery, LogSource};

/// The rest before an answer that ended is begun anew.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest rest, where nothing comes of it again and again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An answer that has lasted for so long was a good one.
const GOOD: Duration = Duration::from_secs(10);

/// Lines that are looked at to know how many at the end have one time; journald's clock is coarse.
const LAST_LINES: usize = 100;

/// The memory of a container, and how far the following has come.
#[derive(Debug, Default)]
pub(super) struct Follow {
    ring: Mutex<Ring>,
    stage: watch::Sender<Stage>,
}

/// Whether readers may rely on the memory.
#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    NotYet,
    /// What is written from now on comes.
    Begun,
    /// It was tried in vain.
    Failed(Arc<LogError>),
}

impl Follow {
    pub(super) fn enter(&self, reader: ReaderId, wake: Arc<Notify>) {
        self.ring().enter(reader, wake);
    }

    pub(super) fn leave(&self, reader: ReaderId) {
        self.ring().leave(reader);
    }

    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing that is written is lost any more.
    ///
    /// # Errors
    /// The log cannot be read; it is tried again for who asks later.
    pub(super) async fn begun(&self) -> Result<(), Arc<LogError>> {
        let mut stage = self.stage.subscribe();
        let told = stage.wait_for(|stage| !matches!(stage, Stage::NotYet)).await;
        match told.as_deref() {
            Ok(Stage::Failed(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

/// How far a log has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    /// The time of the newest line.
    at: Option<Timestamp>,
    /// Lines of that time.
    lines: usize,
}

impl Position {
    fn pass(&mut self, line: &LogLine) {
        let Some(at) = line.timestamp else { return };
        if self.at == Some(at) {
            self.lines += 1;
        } else if self.at < Some(at) {
            *self = Position { at: Some(at), lines: 1 };
        }
    }
}

/// The task of one container.
pub(super) struct Following {
    pub(super) id: ContainerId,
    pub(super) follow: Arc<Follow>,
    pub(super) source: Arc<dyn LogSource>,
    pub(super) inventory: Arc<Inventory>,
    pub(super) changes: watch::Receiver<()>,
}

impl Following {
    /// Follows for as long as the engine has the container.
    pub(super) async fn run(mut self) {
        let mut position = self.position().await;
        self.follow.stage.send_replace(Stage::Begun);
        let mut pause = PAUSE;
        // The run whose end has been read.
        let mut read_out = None;
        loop {
            self.changes.mark_unchanged();
            let Some(container) = self.container() else { return };
            let (live, run) = (container.state.is_live(), container.state.run);
            if !live && read_out == Some(run) {
                if self.changes.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let began = Instant::now();
            let (before, answer) = (position, self.follow_on(&mut position).await);
            match answer {
                Ok(()) if !live => read_out = Some(run),
                Ok(()) => {}
                Err(LogError::Gone) => return,
                Err(error) => tracing::debug!(%error, id = %self.id, "a log is followed anew"),
            }
            let good = position != before || began.elapsed() >= GOOD;
            pause = if good { PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            if !good {
                sleep(PAUSE).await;
            }
            // What has changed may be that it runs no more.
            let _ = timeout(pause, self.changes.changed()).await;
        }
    }

    fn container(&self) -> Option<Arc<Container>> {
        self.inventory.snapshot().containers.get(&self.id).cloned()
    }

    /// The end of the log as it is now.
    async fn position(&self) -> Position {
        let mut pause = PAUSE;
        loop {
            let query = LogQuery { tail: LAST_LINES, since: None, wanted: None };
            let known = self.container();
            let read = match &known {
                Some(container) => self.source.lines(container, query).await,
                None => Err(LogError::Gone),
            };
            match read {
                Ok(lines) => {
                    let mut position = Position::default();
                    lines.iter().for_each(|line| position.pass(line));
                    return position;
                }
                Err(error) => self.follow.stage.send_replace(Stage::Failed(Arc::new(error))),
            };
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One answer of the engine, from a position on, to its end.
    async fn follow_on(&self, position: &mut Position) -> Result<(), LogError> {
        let mut flow = self.source.follow(self.id, position.at).await?;
        let mut known = Known { from: *position, again: 0 };
        while let Some(lines) = flow.next().await {
            let mut lines = lines?;
            lines.retain(|line| known.is_new(line));
            lines.iter().for_each(|line| position.pass(line));
            let Some(container) = self.container() else { return Err(LogError::Gone) };
            let encoded = lines.iter().map(|line| encode(&container, line));
            self.follow.ring().push(encoded);
        }
        Ok(())
    }
}

/// What an answer says again that was said before.
#[derive(Debug)]
struct Known {
    from: Position,
    /// Lines of that time that have come again.
    again: usize,
}

impl Known {
    fn is_new(&mut self, line: &LogLine) -> bool {
        if line.timestamp.is_none() || line.timestamp != self.from.at {
            // The engine leaves out what is older.
            return line.timestamp.is_none() || line.timestamp > self.from.at;
        }
        self.again += 1;
        self.again > self.from.lines
    }
}

/// A line as JSON, as `/api/containers/{id}/logs` has it.
pub(super) fn encode(container: &Container, line: &LogLine) -> Entry {
    #[derive(Serialize)]
    struct Row<'a> {
        container_id: ContainerId,
        name: &'a str,
        stream: &'static str,
        timestamp: Option<String>,
        line: &'a str,
    }
    let row = Row {
        container_id: container.id,
        name: container.name.as_str(),
        stream: line.stream.as_str(),
        timestamp: line.timestamp.map(|at| at.to_string()),
        line: &line.line,
    };
    // A row is text alone.
    let json = serde_json::to_string(&row).unwrap_or_default();
    Entry::new(line.timestamp, json, &line.line)
}

/// The containers of which a reader may be told, if he sees them.
pub(super) fn present(inventory: &Snapshot) -> impl Iterator<Item = &Arc<Container>> {
    inventory.containers.values().filter(|container| container.removed_at.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Status;
    use crate::snapshot::LogStream;

    fn line(second: i64) -> LogLine {
        let timestamp = Timestamp::from_second(second).ok();
        LogLine { stream: LogStream::Stdout, timestamp, line: second.to_string() }
    }

    #[test]
    fn a_line_is_found_in_its_json_whatever_it_holds() {
        let container = Container::new("3f".repeat(32).parse().unwrap(), Status::Running);
        for text in ["", "plain", "with \"quotes\" and \\", "\u{7}", "\"}", "ünïcödé \u{1f600}", "\\\""] {
            let entry = encode(&container, &LogLine { line: text.to_owned(), ..line(1) });
            assert_eq!(entry.text(), text);
            let row: serde_json::Value = serde_json::from_str(&entry.json).unwrap();
            assert_eq!((&row["line"], &row["stream"]), (&text.into(), &"stdout".into()));
        }
    }

    #[test]
    fn an_answer_that_begins_anew_says_nothing_twice_and_leaves_out_nothing() {
        let mut position = Position::default();
        [1, 2, 2].map(line).iter().for_each(|line| position.pass(line));
        assert_eq!(position, Position { at: Timestamp::from_second(2).ok(), lines: 2 });
        let mut known = Known { from: position, again: 0 };
        assert_eq!(
            [2, 2, 2, 3, 4].map(|second| known.is_new(&line(second))),
            [false, false, true, true, true]
        );
        let without = LogLine { timestamp: None, ..line(0) };
        assert!(known.is_new(&without), "what has no time cannot be known");
        // Out of order: a line that stands behind a newer one.
        position.pass(&line(1));
        assert_eq!(position.lines, 2);
        let mut from_the_beginning = Known { from: Position::default(), again: 0 };
        assert!(from_the_beginning.is_new(&line(0)));
    }
}
