//! The machine behind all streams: two bounded memories of what was told, and where each reader
//! stands in them.
//!
//! Every event has a number, and numbers only grow, over restarts of the program, too, as long as
//! the clock is not set back. *Happenings* are kept for as long as there is room; *frames* (all
//! containers' numbers at one tick) for [`RESUMED_FOR`] and some bytes. A reader is a number: what
//! comes after it and is for him, he gets. So resuming is nothing else than reading on.
//!
//! Which ticks belong to an interval is told by the tick alone, so that all readers of an interval
//! get the same frames, whenever they came.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::fragment;
use super::happening::between;
use super::selection::Selection;
use super::unusual::{Board, Turned, Unusual};
use crate::inventory::{self, Container, ContainerId};
use crate::snapshot::{FastSample, Machine, Reading, Snapshot};
use crate::tenant::Tenant;

/// How long frames are kept, and made for readers who have gone: who comes back within this time
/// misses none.
pub const RESUMED_FOR: Duration = Duration::from_secs(60);

/// Happenings that are kept: an hour of a busy host, a minute of a deployment of hundreds.
const HAPPENINGS: usize = 1024;

/// Bytes of the frames that are kept.
const FRAME_BYTES: usize = 4 << 20;

/// The time between two ticks of the sampler.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// Of CPU and memory; as long as `full` where these are not sampled in between.
    pub fast: Duration,
    /// Of everything.
    pub full: Duration,
}

/// A moment: time since the start, and by the clock on the wall.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) uptime: Duration,
    pub(super) wall: Timestamp,
}

/// Which ticks a frame was made at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Fast,
    Full,
}

/// The ticks of one pace: when the first and the last came.
#[derive(Clone, Copy, Debug, Default)]
struct Ticks {
    first: Option<Duration>,
    last: Duration,
}

impl Ticks {
    /// The step that ends with a tick. Ticks are moved into the middle between the edges of
    /// intervals, so that one that comes a little early or late belongs to the same interval.
    fn step(&mut self, now: Duration, step: Duration) -> (Duration, Duration) {
        let first = *self.first.get_or_insert(now);
        let at = now.saturating_sub(first) + step / 2;
        (std::mem::replace(&mut self.last, at), at)
    }
}

/// The numbers of all running containers at one tick.
#[derive(Debug)]
struct Frame {
    id: u64,
    made: Moment,
    pace: Pace,
    step: (Duration, Duration),
    containers: Vec<(Arc<Container>, Arc<str>)>,
    bytes: usize,
}

impl Frame {
    fn empty(pace: Pace, made: Moment) -> Self {
        Frame { id: 0, made, pace, step: Default::default(), containers: Vec::new(), bytes: 0 }
    }

    /// Whether it is the one of its interval.
    fn is_due(&self, pace: Pace, interval: Duration) -> bool {
        let number = |at: Duration| at.as_nanos() / interval.as_nanos().max(1);
        pace == self.pace && number(self.step.1) > number(self.step.0)
    }

    fn show(&self, id: u64, selection: &Selection) -> Bytes {
        let seen = self.containers.iter().filter(|(container, _)| selection.sees(container));
        let mut text = format!(
            "id: {id}\nevent: metrics\ndata: {{\"timestamp\":\"{}\",\"containers\":{{",
            self.made.wall
        );
        for (number, (_, fragment)) in seen.enumerate() {
            if number > 0 {
                text.push(',');
            }
            text.push_str(fragment);
        }
        text.push_str("}}\n\n");
        text.into()
    }
}

/// Whether anybody reads at an interval.
#[derive(Debug)]
struct Wanted {
    /// The last event before frames were made for it.
    since: u64,
    readers: usize,
    /// Since when nobody does.
    left_at: Option<Duration>,
}

/// What a reader has missed; `None` is a number that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Events `metrics`, of which only the last counts.
    pub metrics: Option<u64>,
    /// Events `container`.
    pub container: Option<u64>,
    /// Whether he came back too late, and is not just slow.
    pub late: bool,
}

/// What a reader gets next.
#[derive(Debug, Default)]
pub struct Batch {
    /// What is to be said first, if anything was missed.
    pub missed: Option<Missed>,
    /// Events as they are written, in order.
    pub events: Vec<Bytes>,
}

/// Where a reader stands.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) selection: Arc<Selection>,
    pub(super) interval: Duration,
    /// He has what is numbered so and before.
    after: u64,
    /// The interval of the last frame that he got, counted from the start.
    last: Option<u128>,
    /// He has just come.
    arrival: Arrival,
}

/// How a reader comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    /// For the first time: the newest state comes first.
    New,
    /// After a cut: everything since comes first.
    Back,
    /// After a cut too long ago, perhaps so long that happenings are lost, too.
    Late { happenings_lost: bool },
    /// He is here.
    Over,
}

/// Whom something that has happened concerns.
#[derive(Debug)]
struct About {
    container: Arc<Container>,
    but: Option<Tenant>,
}

/// Events by their number; what is the state at a number comes after what happened up to it.
type Events = BTreeMap<(u64, u8), Bytes>;

/// Places of events of one number.
const HAPPENED: u8 = 0;
const NUMBERS: u8 = 1;
const UNUSUAL: u8 = 2;

/// The machine.
#[derive(Debug)]
pub(super) struct Core {
    steps: Steps,
    began: Timestamp,
    last_id: u64,
    happenings: VecDeque<(u64, About, Bytes)>,
    /// The last happening that is not kept any more.
    happenings_lost: u64,
    frames: VecDeque<Frame>,
    frame_bytes: usize,
    frames_lost: u64,
    ticks: [Ticks; 2],
    inventory: Arc<inventory::Snapshot>,
    readings: Arc<Snapshot>,
    samples: HashMap<ContainerId, FastSample>,
    /// What is unusual, put up by who detects it.
    board: Arc<Board>,
    wanted: BTreeMap<Duration, Wanted>,
    selections: Vec<Weak<Selection>>,
    /// What the newest frame looks like through selections, by their address. They live as long
    /// as their readers, and this is emptied when one goes.
    shown: HashMap<(u64, usize), Bytes>,
}

impl Core {
    /// Nothing has happened yet, and nobody reads.
    pub(super) fn new(steps: Steps, now: Moment) -> Self {
        // Microseconds: what a former process has numbered stays below.
        let last_id = u64::try_from(now.wall.as_microsecond()).unwrap_or(0);
        Core {
            steps,
            began: now.wall,
            last_id,
            happenings: VecDeque::new(),
            happenings_lost: last_id,
            frames: VecDeque::new(),
            frame_bytes: 0,
            frames_lost: last_id,
            ticks: [Ticks::default(); 2],
            inventory: Arc::default(),
            readings: Arc::default(),
            samples: HashMap::new(),
            board: Arc::default(),
            wanted: BTreeMap::new(),
            selections: Vec::new(),
            shown: HashMap::new(),
        }
    }

    fn pace(&self, interval: Duration) -> Pace {
        if interval < self.steps.full && self.steps.fast < self.steps.full { Pace::Fast } else { Pace::Full }
    }

    fn number(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Whether anybody wants ticks between the full ones.
    pub(super) fn wants_samples(&self) -> bool {
        self.wanted.keys().any(|interval| self.pace(*interval) == Pace::Fast)
    }

    /// Takes a state of the inventory; says whether anything has happened.
    pub(super) fn follow(&mut self, inventory: Arc<inventory::Snapshot>, now: Moment) -> bool {
        let old = std::mem::replace(&mut self.inventory, inventory);
        let told = between(&old, &self.inventory, self.began, now.wall);
        let any = !told.is_empty();
        for happening in told {
            let about = About { container: happening.container.clone(), but: happening.but.clone() };
            self.keep("container", &happening, about);
        }
        any
    }

    /// Where it stands what is unusual now.
    pub(super) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Takes what has become unusual, or is as usual again.
    pub(super) fn turned(&mut self, turned: &Turned) {
        let about = About { container: turned.of.container.clone(), but: None };
        self.keep("anomaly", turned, about);
    }

    /// Numbers and keeps what has happened.
    fn keep(&mut self, event: &str, data: &impl Serialize, about: About) {
        let id = self.number();
        let data = serde_json::to_string(data).unwrap_or_default();
        let text = format!("id: {id}\nevent: {event}\ndata: {data}\n\n").into();
        self.happenings.push_back((id, about, text));
        if self.happenings.len() > HAPPENINGS
            && let Some((lost, ..)) = self.happenings.pop_front()
        {
            self.happenings_lost = lost;
        }
    }

    /// Takes a fast tick; gives the intervals of which a frame was made.
    pub(super) fn sampled(&mut self, samples: Vec<FastSample>, now: Moment) -> Vec<Duration> {
        self.samples = samples.into_iter().map(|sample| (sample.id, sample)).collect();
        self.tick(Pace::Fast, now)
    }

    /// Takes a full tick, likewise.
    pub(super) fn published(&mut self, readings: Arc<Snapshot>, now: Moment) -> Vec<Duration> {
        self.readings = readings;
        self.tick(Pace::Full, now)
    }

    fn tick(&mut self, pace: Pace, now: Moment) -> Vec<Duration> {
        self.expire(now.uptime);
        let length = if pace == Pace::Fast { self.steps.fast } else { self.steps.full };
        let step = self.ticks[pace as usize].step(now.uptime, length);
        let mut frame = Frame { step, ..Frame::empty(pace, now) };
        let due = |interval: &&Duration| frame.is_due(self.pace(**interval), **interval);
        let due: Vec<Duration> = self.wanted.keys().filter(due).copied().collect();
        if due.is_empty() {
            return due;
        }
        frame.containers = self.encode(pace);
        frame.bytes = frame.containers.iter().map(|(_, text)| text.len() + 64).sum();
        frame.id = self.number();
        self.frame_bytes += frame.bytes;
        self.frames.push_back(frame);
        self.shown.clear();
        while self.frame_bytes > FRAME_BYTES && self.frames.len() > 1 {
            self.drop_frame();
        }
        due
    }

    /// Every running container's numbers, each encoded once.
    fn encode(&self, pace: Pace) -> Vec<(Arc<Container>, Arc<str>)> {
        let machine: &Machine = &self.readings.machine;
        let live = |reading: &&Arc<Reading>| reading.stats.is_some() && !reading.ended;
        let encoded = |reading: &Arc<Reading>| {
            // The inventory may know more: that it has ended, or whose it is by now.
            let id = reading.container.id;
            let container = self.inventory.containers.get(&id).unwrap_or(&reading.container);
            let sample = self.samples.get(&id).filter(|_| pace == Pace::Fast);
            let text = container.state.is_live().then(|| fragment::of(reading, sample, machine))?;
            Some((container.clone(), Arc::from(text)))
        };
        self.readings.containers.iter().filter(live).filter_map(encoded).collect()
    }

    fn drop_frame(&mut self) {
        if let Some(frame) = self.frames.pop_front() {
            self.frame_bytes -= frame.bytes;
            self.frames_lost = frame.id;
        }
    }

    /// Forgets what is too old.
    fn expire(&mut self, now: Duration) {
        let old = |since: Duration| now.saturating_sub(since) > RESUMED_FOR;
        while self.frames.front().is_some_and(|frame| old(frame.made.uptime)) {
            self.drop_frame();
        }
        // Who comes back later has a gap: no frames are made for him any more.
        self.wanted.retain(|_, wanted| wanted.left_at.is_none_or(|left| !old(left)));
    }

    /// A reader comes; `last` is the number of the last event that he got before.
    pub(super) fn enter(
        &mut self,
        selection: Selection,
        interval: Duration,
        last: Option<u64>,
        now: Moment,
    ) -> Cursor {
        self.expire(now.uptime);
        let nobody = Wanted { since: self.last_id, readers: 0, left_at: None };
        let wanted = self.wanted.entry(interval).or_insert(nobody);
        wanted.readers += 1;
        wanted.left_at = None;
        let made_since = wanted.since.max(self.frames_lost);
        let (after, arrival) = match last {
            None => (self.last_id, Arrival::New),
            // Of another process, whose clock was ahead.
            Some(last) if last > self.last_id => (self.last_id, Arrival::Late { happenings_lost: true }),
            Some(last) if last < self.happenings_lost => (last, Arrival::Late { happenings_lost: true }),
            Some(last) if last < made_since => (last, Arrival::Late { happenings_lost: false }),
            Some(last) => (last, Arrival::Back),
        };
        Cursor { selection: self.shared(selection), interval, after, last: None, arrival }
    }

    /// The selection that is equal to this one, if any reader has one.
    fn shared(&mut self, selection: Selection) -> Arc<Selection> {
        self.selections.retain(|known| known.strong_count() > 0);
        let known =
            self.selections.iter().find_map(|known| known.upgrade().filter(|known| **known == selection));
        known.unwrap_or_else(|| {
            let selection = Arc::new(selection);
            self.selections.push(Arc::downgrade(&selection));
            selection
        })
    }

    /// A reader goes.
    pub(super) fn leave(&mut self, cursor: &Cursor, now: Moment) {
        self.shown.clear();
        if let Some(wanted) = self.wanted.get_mut(&cursor.interval) {
            wanted.readers -= 1;
            wanted.left_at = (wanted.readers == 0).then_some(now.uptime);
        }
    }

    /// What has come for a reader since he asked last.
    pub(super) fn take(&mut self, cursor: &mut Cursor, now: Moment) -> Batch {
        let arrival = std::mem::replace(&mut cursor.arrival, Arrival::Over);
        let pace = self.pace(cursor.interval);
        let late = matches!(arrival, Arrival::Late { .. });
        let nothing = Missed { metrics: Some(0), container: Some(0), late };
        let mut missed = nothing;
        if cursor.after < self.happenings_lost || arrival == (Arrival::Late { happenings_lost: true }) {
            missed.container = None;
        }
        let mut events = Events::new();
        let first = self.happenings.partition_point(|(id, ..)| *id <= cursor.after);
        for (id, about, text) in self.happenings.range(first..) {
            if about.concerns(&cursor.selection) {
                events.insert((*id, HAPPENED), text.clone());
            }
        }
        let first = self.frames.partition_point(|frame| frame.id <= cursor.after);
        let due: Vec<usize> = (first..self.frames.len())
            .filter(|number| self.frames[*number].is_due(pace, cursor.interval))
            .collect();
        match arrival {
            Arrival::Back => {
                for number in &due {
                    let frame = &self.frames[*number];
                    events.insert((frame.id, NUMBERS), frame.show(frame.id, &cursor.selection));
                }
            }
            Arrival::New | Arrival::Late { .. } => {
                missed.metrics = missed.metrics.filter(|_| !late);
                // Nothing is known before the first reading.
                if self.ticks[Pace::Full as usize].first.is_some() {
                    let state = Frame { containers: self.encode(pace), ..Frame::empty(pace, now) };
                    let text = state.show(self.last_id, &cursor.selection);
                    events.insert((self.last_id, NUMBERS), text);
                }
            }
            Arrival::Over => {
                if let Some(newest) = due.last() {
                    missed.metrics = self.left_out(cursor, &due);
                    let text = self.show(*newest, &cursor.selection);
                    events.insert((self.frames[*newest].id, NUMBERS), text);
                }
            }
        }
        // Also where turns may have been lost.
        let is_whole = matches!(arrival, Arrival::New | Arrival::Late { .. }) || missed.container.is_none();
        if is_whole && self.board.is_watched() {
            let text = unusual(self.last_id, now.wall, &self.board, &cursor.selection);
            events.insert((self.last_id, UNUSUAL), text);
        }
        if let Some(newest) = due.last() {
            let step = self.frames[*newest].step.1;
            cursor.last = Some(step.as_nanos() / cursor.interval.as_nanos().max(1));
        }
        cursor.after = self.last_id;
        Batch { missed: (missed != nothing).then_some(missed), events: events.into_values().collect() }
    }

    /// How many frames a reader has not got: those before the newest, and those that are not even
    /// kept any more.
    fn left_out(&self, cursor: &Cursor, due: &[usize]) -> Option<u64> {
        if cursor.after >= self.frames_lost {
            return Some(due.len() as u64 - 1);
        }
        let newest = self.frames[*due.last()?].step.1.as_nanos() / cursor.interval.as_nanos().max(1);
        u64::try_from(newest.checked_sub(cursor.last? + 1)?).ok()
    }

    /// A frame as a selection shows it, made once for all who have that selection.
    fn show(&mut self, number: usize, selection: &Arc<Selection>) -> Bytes {
        let frame = &self.frames[number];
        let key = (frame.id, Arc::as_ptr(selection) as usize);
        self.shown.entry(key).or_insert_with(|| frame.show(frame.id, selection)).clone()
    }
}

impl About {
    /// Whether a reader is told of it.
    fn concerns(&self, selection: &Selection) -> bool {
        selection.sees(&self.container)
            && self.but.as_ref().is_none_or(|tenant| !selection.tenants().admits(tenant))
    }
}

/// All that is unusual now, as a selection sees it.
fn unusual(id: u64, now: Timestamp, board: &Board, selection: &Selection) -> Bytes {
    #[derive(Serialize)]
    struct Whole<'a> {
        timestamp: String,
        anomalies: Vec<&'a Unusual>,
    }
    let all = board.now();
    let anomalies = all.iter().filter(|one| selection.sees(&one.container)).collect();
    let data = serde_json::to_string(&Whole { timestamp: now.to_string(), anomalies }).unwrap_or_default();
    format!("id: {id}\nevent: anomalies\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests;
