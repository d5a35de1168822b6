//! Somebody who reads the logs of many containers at once.
//!
//! Containers come in one after the other, each with its newest lines read from the engine; then
//! its lines are taken from its memory, in turns, so that a container that writes much does not
//! keep those of others back.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::follow::{encode, present};
use super::overlap::Overlap;
use super::ring::{Entry, ReaderId};
use super::{LogHub, Seat};
use crate::inventory::{Container, ContainerId, Snapshot};
use crate::live::selection::Selection;
use crate::snapshot::{LogError, LogFilter, LogLine, LogQuery};

/// Containers whose newest lines are read at the same time for one reader; each may come to some
/// megabytes.
const AT_ONCE: usize = 2;

/// Lines of a container that has been started since the reader came: all that it has written, as a
/// rule.
const OF_NEW_ONES: usize = 10_000;

/// Bytes of lines in one message; one line at least.
const MESSAGE_BYTES: usize = 64 << 10;

/// How long a container that was removed is read on: its last lines may be on their way still.
const LAST_LINES: Duration = Duration::from_secs(1);

/// When a container is tried again whose log could not be read.
const AGAIN: Duration = Duration::from_secs(30);

/// Which lines are wanted.
#[derive(Clone, Default)]
pub struct LogWish {
    /// So many of the newest of each container that is there when the reader comes.
    pub tail: usize,
    /// Of these none that is older.
    pub since: Option<Timestamp>,
    /// Those for which this holds; all if `None`.
    pub wanted: Option<LogFilter>,
}

/// What a reader is told.
#[derive(Debug)]
pub enum LogMessage {
    /// A container's lines come from now on.
    Joined(Arc<Container>),
    /// No more come: the engine has removed it, or it is no longer seen.
    Gone(Arc<Container>),
    /// Rows of lines as JSON, with commas between.
    Lines(String),
    /// The reader was slow: so many lines are not shown.
    Missed(ContainerId, u64),
    /// A container's log cannot be read. It is tried again.
    Failed(Arc<Container>, Arc<LogError>),
    /// So many containers are followed that there is no room for this one. It is tried again.
    NoRoom(Arc<Container>),
}

type Begun = (ContainerId, Result<Vec<LogLine>, Arc<LogError>>);

/// A container that a reader follows.
struct Member {
    container: Arc<Container>,
    /// Whether it was there when the reader came.
    first: bool,
    /// Whether the reader knows what is wrong.
    told: bool,
    /// Since it was removed: until when it is read on.
    until: Option<Instant>,
    part: Part,
}

enum Part {
    /// Its turn has not come.
    Waiting,
    /// Its newest lines are being read.
    Beginning(Seat),
    /// Its lines are taken as they come.
    Following(Seat, Overlap),
    /// It could not be.
    Failed(Instant),
}

/// Somebody who reads along; goes when dropped.
pub struct LogReader {
    hub: Arc<LogHub>,
    number: ReaderId,
    came: Timestamp,
    selection: Selection,
    wish: LogWish,
    wake: Arc<Notify>,
    changes: watch::Receiver<()>,
    members: BTreeMap<ContainerId, Member>,
    /// Those whose turn has not come.
    waiting: VecDeque<ContainerId>,
    beginnings: FuturesUnordered<BoxFuture<'static, Begun>>,
    /// Messages that are to be given next.
    ready: VecDeque<LogMessage>,
    /// Whose lines were taken last.
    turn: Option<ContainerId>,
}

impl LogReader {
    pub(super) fn new(hub: Arc<LogHub>, number: ReaderId, selection: Selection, wish: LogWish) -> Self {
        let changes = hub.changes.subscribe();
        let mut reader = LogReader {
            hub,
            number,
            came: Timestamp::now(),
            selection,
            wish,
            wake: Arc::default(),
            changes,
            members: BTreeMap::new(),
            waiting: VecDeque::new(),
            beginnings: FuturesUnordered::new(),
            ready: VecDeque::new(),
            turn: None,
        };
        reader.look(true);
        reader
    }

    /// What comes next, once there is anything. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> LogMessage {
        loop {
            if self.changes.has_changed().unwrap_or(false) {
                self.look(false);
            }
            while let Some(Some(begun)) = self.beginnings.next().now_or_never() {
                self.begun(begun);
            }
            if let Some(message) = self.ready.pop_front() {
                return message;
            }
            let parting = self.last_lines();
            let again = parting.into_iter().chain(self.begin()).min();
            if !self.ready.is_empty() {
                continue;
            }
            self.take();
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                Ok(()) = self.changes.changed() => self.look(false),
                Some(begun) = self.beginnings.next() => self.begun(begun),
                () = self.wake.notified() => {}
                () = sleep_until(again.unwrap_or_else(|| Instant::now() + AGAIN)) => {}
            }
        }
    }

    /// Looks which containers there are.
    fn look(&mut self, first: bool) {
        self.changes.mark_unchanged();
        let inventory = self.hub.inventory.snapshot();
        self.part_with(&inventory);
        for container in present(&inventory).filter(|container| self.selection.sees(container)) {
            if let Some(member) = self.members.get_mut(&container.id) {
                member.container = container.clone();
                continue;
            }
            let state = &container.state;
            let begun_since = state.started_at.is_some_and(|at| at >= self.came);
            if state.is_live() || begun_since || self.selection.is_named() {
                let container = container.clone();
                let id = container.id;
                let member = Member { container, first, told: false, until: None, part: Part::Waiting };
                self.members.insert(id, member);
                self.waiting.push_back(id);
            }
        }
    }

    /// Parts with those that are gone. What a container has written before it was removed is shown;
    /// one that is seen no more is somebody else's.
    fn part_with(&mut self, inventory: &Snapshot) {
        let foreign = |id: &ContainerId| {
            inventory.containers.get(id).is_some_and(|container| !self.selection.sees(container))
        };
        let removed = |id: &ContainerId| {
            inventory.containers.get(id).is_none_or(|container| container.removed_at.is_some())
        };
        let until = Instant::now() + LAST_LINES;
        for (id, member) in &mut self.members {
            member.until = removed(id).then(|| member.until.unwrap_or(until));
        }
        let foreign: Vec<ContainerId> = self.members.keys().filter(|id| foreign(id)).copied().collect();
        foreign.into_iter().for_each(|id| self.end(id));
    }

    /// Parts with those whose last lines have come; says when that is to be done again.
    fn last_lines(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let over = |member: &Member| member.until.is_some_and(|until| until <= now);
        let over: Vec<ContainerId> =
            self.members.iter().filter(|(_, member)| over(member)).map(|(id, _)| *id).collect();
        for id in over {
            while self.take_of(id) > 0 {}
            self.end(id);
        }
        self.members.values().filter_map(|member| member.until).min()
    }

    fn end(&mut self, id: ContainerId) {
        if let Some(Member { container, part: Part::Following(..), .. }) = self.members.remove(&id) {
            self.ready.push_back(LogMessage::Gone(container));
        }
    }

    /// Begins with those whose turn it is; says when one is to be tried again.
    fn begin(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let mut again: Option<Instant> = None;
        for (id, member) in &mut self.members {
            if let Part::Failed(at) = member.part {
                if at <= now {
                    member.part = Part::Waiting;
                    self.waiting.push_back(*id);
                } else {
                    again = Some(again.map_or(at, |again| again.min(at)));
                }
            }
        }
        while self.beginnings.len() < AT_ONCE
            && let Some(id) = self.waiting.pop_front()
        {
            let Some(member) = self.members.get_mut(&id) else { continue };
            let Some(seat) = self.hub.join(id, self.number, &self.wake) else {
                member.part = Part::Failed(now + AGAIN);
                if !std::mem::replace(&mut member.told, true) {
                    self.ready.push_back(LogMessage::NoRoom(member.container.clone()));
                }
                continue;
            };
            let query = query(member, &self.wish);
            let (follow, source) = (seat.follow.clone(), self.hub.source.clone());
            let container = member.container.clone();
            member.part = Part::Beginning(seat);
            self.beginnings.push(Box::pin(async move {
                let lines = async {
                    // First the memory, then the log: so nothing is lost between them.
                    follow.begun().await?;
                    if query.tail == 0 {
                        return Ok(Vec::new());
                    }
                    source.lines(&container, query).await.map_err(Arc::new)
                };
                (id, lines.await)
            }));
        }
        again
    }

    /// Takes the newest lines of a container, and follows it from now on.
    fn begun(&mut self, (id, lines): Begun) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let lines = match lines {
            Ok(lines) => lines,
            Err(error) => {
                member.part = Part::Failed(Instant::now() + AGAIN);
                // Of one that is removed the inventory tells.
                if !matches!(*error, LogError::Gone) && !std::mem::replace(&mut member.told, true) {
                    self.ready.push_back(LogMessage::Failed(member.container.clone(), error));
                }
                return;
            }
        };
        let part = std::mem::replace(&mut member.part, Part::Waiting);
        let Part::Beginning(seat) = part else {
            member.part = part;
            return;
        };
        let lines: Vec<Entry> = lines.iter().map(|line| encode(&member.container, line)).collect();
        let overlap = Overlap::of(&lines);
        if let Some(newest) = overlap.newest() {
            seat.follow.ring().forgive(self.number, newest);
        }
        member.part = Part::Following(seat, overlap);
        self.ready.push_back(LogMessage::Joined(member.container.clone()));
        let mut message = Message::default();
        lines.iter().for_each(|line| message.add(line, &mut self.ready));
        message.end(&mut self.ready);
    }

    /// Takes what has come, from the container after the one that was last.
    fn take(&mut self) {
        let after = self.turn.map_or(Unbounded, Excluded);
        let ids: Vec<ContainerId> =
            self.members.range((after, Unbounded)).chain(&self.members).map(|(id, _)| *id).collect();
        let mut bytes = 0;
        for id in ids.into_iter().take(self.members.len()) {
            bytes += self.take_of(id);
            self.turn = Some(id);
            if bytes >= MESSAGE_BYTES {
                break;
            }
        }
    }

    /// Takes what has come of one container, some of it if it is much; says how many bytes.
    fn take_of(&mut self, id: ContainerId) -> usize {
        let Some(Member { part: Part::Following(seat, overlap), .. }) = self.members.get_mut(&id) else {
            return 0;
        };
        let taken = seat.follow.ring().take(self.number, MESSAGE_BYTES);
        if taken.missed > 0 {
            self.ready.push_back(LogMessage::Missed(id, taken.missed));
        }
        let mut message = match self.ready.pop_back() {
            Some(LogMessage::Lines(rows)) if rows.len() < MESSAGE_BYTES => Message { rows },
            last => {
                self.ready.extend(last);
                Message::default()
            }
        };
        for line in &taken.lines {
            let wanted = || self.wish.wanted.as_ref().is_none_or(|wanted| wanted(line.text()));
            if overlap.admits(line) && wanted() {
                message.add(line, &mut self.ready);
            }
        }
        message.end(&mut self.ready);
        taken.lines.iter().map(|line| line.json.len()).sum()
    }
}

/// Which lines of a container are read from the engine first.
fn query(member: &Member, wish: &LogWish) -> LogQuery {
    let wanted = wish.wanted.clone();
    if member.first {
        return LogQuery { tail: wish.tail, since: wish.since, wanted };
    }
    // What it has written in the run that has just begun, or has been and is over by now.
    let state = &member.container.state;
    let before = match state.is_live() {
        true => state.finished_at,
        false => state.started_at.and_then(|at| at.checked_sub(SignedDuration::from_secs(1)).ok()),
    };
    LogQuery { tail: OF_NEW_ONES, since: wish.since.max(before), wanted }
}

/// Rows for one message.
#[derive(Default)]
struct Message {
    rows: String,
}

impl Message {
    fn add(&mut self, line: &Entry, ready: &mut VecDeque<LogMessage>) {
        if !self.rows.is_empty() {
            if self.rows.len() + line.json.len() > MESSAGE_BYTES {
                ready.push_back(LogMessage::Lines(std::mem::take(&mut self.rows)));
            } else {
                self.rows.push(',');
            }
        }
        self.rows.push_str(&line.json);
    }

    fn end(self, ready: &mut VecDeque<LogMessage>) {
        if !self.rows.is_empty() {
            ready.push_back(LogMessage::Lines(self.rows));
        }
    }
}

impl fmt::Debug for LogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogReader").field("members", &self.members.len()).finish_non_exhaustive()
    }
}
