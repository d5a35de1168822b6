//! All series within a bound of memory: readings go in, what has become unusual comes out. Time is
//! that of the readings.
//!
//! A service is a container's name and its tenant, so that a container that is made anew goes on
//! with what is known of the one before.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::meter::{Closed, Meter, SoFar};
use super::series::{Open, Series, Told};
use super::{COUNT, STEP_MS, measures};
use crate::analysis::anomaly::{Detector, Params};
use crate::analysis::finding::Severity;
use crate::history::{Meaning, Measure};
use crate::inventory::{Container, ContainerId};
use crate::live::{Turn, Turned, Unusual};
use crate::report::anomalies::{Kind, Row};
use crate::snapshot::{Reading, Snapshot};
use crate::tenant::{LabelValue, Tenant};

/// How long what is known of a service is kept after its container has gone: longer than a
/// deployment takes. What comes back later is learned anew from the history.
const KEPT_MS: i64 = 3_600_000;

/// Services that are kept so at most: jobs that run once have a name each.
const MOST_GONE: usize = 1_000;

/// What an amount has to be above the most that is usual to matter more, in what is usual.
const TWICE: f64 = 2.0;

/// A share of time or of periods from which on users notice that it is waited for.
const NOTICED: f64 = 0.25;

/// A container's name and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service {
    /// Whose.
    pub tenant: Tenant,
    /// The name.
    pub name: LabelValue,
}

impl Service {
    fn of(container: &Container) -> Service {
        Service { tenant: container.tenant.clone(), name: container.name.clone() }
    }

    fn is_of(&self, container: &Container) -> bool {
        self.name == container.name && self.tenant == container.tenant
    }
}

/// Ends of steps and their values, of each measure.
pub type Learned = [Vec<(i64, f64)>; COUNT];

/// Room for detectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    most: usize,
    taken: usize,
}

impl Room {
    /// As many as a number of bytes holds.
    pub(super) fn of_bytes(bytes: usize) -> Room {
        Room { most: bytes / Detector::new(Params::default()).bytes().max(1), taken: 0 }
    }

    /// Takes the room of a detector, if there is any.
    pub(super) fn take(&mut self) -> bool {
        let is_free = self.taken < self.most;
        self.taken += usize::from(is_free);
        is_free
    }

    pub(super) fn give_back(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    fn is_full(&self) -> bool {
        self.taken >= self.most
    }
}

/// One service.
#[derive(Debug)]
struct Watched {
    service: Service,
    container: Arc<Container>,
    meter: Meter,
    series: Vec<Series>,
    /// The reading that it was in last, or when it was gone.
    seen: i64,
}

/// Watches all containers.
#[derive(Debug)]
pub struct Watch {
    room: Room,
    /// By container.
    watched: HashMap<ContainerId, Watched>,
    /// Those whose container is gone.
    gone: BTreeMap<Service, Watched>,
    /// What is to be learned, in the order in which it came.
    wanted: VecDeque<Service>,
    /// The end of the step that is open.
    end: i64,
    /// Something on the board may be otherwise.
    is_changed: bool,
    was_full: bool,
}

impl Watch {
    /// Nothing is known; detectors may take so many bytes.
    pub fn new(bytes: usize) -> Self {
        Watch {
            room: Room::of_bytes(bytes),
            watched: HashMap::new(),
            gone: BTreeMap::new(),
            wanted: VecDeque::new(),
            end: 0,
            is_changed: true,
            was_full: false,
        }
    }

    /// Takes everything that was read at one moment.
    pub fn take(&mut self, snapshot: &Snapshot) -> Vec<Turned> {
        let at = snapshot.taken_at.as_millisecond();
        let live: Vec<&Arc<Reading>> =
            snapshot.containers.iter().filter(|reading| is_live(reading)).collect();
        let mut told = self.part_from_gone(at, &live);
        for reading in live {
            self.read(at, reading, &mut told);
        }
        let end = (at - 1).div_euclid(STEP_MS) * STEP_MS + STEP_MS;
        if std::mem::replace(&mut self.end, end) != end {
            self.is_changed = true;
            self.tidy(at);
        }
        self.is_changed |= !told.is_empty();
        told
    }

    /// Whose history is wanted next.
    pub fn wanted(&mut self) -> Option<Service> {
        self.wanted.pop_front()
    }

    /// Takes what was before.
    pub fn learn(&mut self, service: &Service, learned: &Learned) {
        let of = |one: &&mut Watched| one.service == *service;
        let watched = self.gone.get_mut(service).or_else(|| self.watched.values_mut().find(of));
        let Some(watched) = watched else { return };
        for (series, before) in watched.series.iter_mut().zip(learned) {
            series.learn(before, &mut self.room);
        }
        self.is_changed = true;
        self.warn();
    }

    /// What is unusual now, and how many series are left out, if any of that has changed since it
    /// was asked.
    pub fn changed(&mut self) -> Option<(Vec<Unusual>, usize)> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let unusual = |watched: &Watched| -> Vec<Unusual> {
            let open = watched.series.iter().filter_map(|series| Some((series.measure(), series.open()?)));
            open.map(|(measure, open)| said(&watched.container, measure, open)).collect()
        };
        let mut now: Vec<Unusual> = self.watched.values().flat_map(unusual).collect();
        now.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.container_id.cmp(&b.container_id)));
        Some((now, self.left_out()))
    }

    /// Series that there is no room for.
    pub fn left_out(&self) -> usize {
        self.watched
            .values()
            .flat_map(|watched| &watched.series)
            .filter(|series| series.is_left_out())
            .count()
    }

    /// Detectors that there are.
    pub fn detectors(&self) -> usize {
        self.room.taken
    }

    /// Puts aside what is not there any more, or is somebody else's.
    fn part_from_gone(&mut self, at: i64, live: &[&Arc<Reading>]) -> Vec<Turned> {
        let mut there: HashSet<ContainerId> = HashSet::with_capacity(live.len());
        for reading in live {
            let container = &reading.container;
            if let Some(watched) = self.watched.get_mut(&container.id)
                && watched.service.is_of(container)
            {
                watched.container = container.clone();
                there.insert(container.id);
            }
        }
        let mut told = Vec::new();
        for (_, mut watched) in self.watched.extract_if(|id, _| !there.contains(id)) {
            watched.seen = at;
            for series in &mut watched.series {
                let ended = series.interrupt();
                told.extend(ended.map(|ended| gone(&watched.container, series.measure(), ended, at)));
            }
            self.gone.insert(watched.service.clone(), watched);
        }
        told
    }

    fn read(&mut self, at: i64, reading: &Reading, told: &mut Vec<Turned>) {
        let id = reading.container.id;
        if !self.watched.contains_key(&id) {
            let watched = self.begin(&reading.container);
            self.watched.insert(id, watched);
        }
        let Some(watched) = self.watched.get_mut(&id) else { return };
        watched.seen = at;
        let closed = watched.meter.add(at, reading);
        let Watched { container, series, meter, .. } = watched;
        if let Some(Closed { at, values }) = closed {
            for (series, value) in series.iter_mut().zip(values) {
                let turned = value.and_then(|value| series.step(at, value, &mut self.room));
                told.extend(turned.map(|turned| turned_of(container, series.measure(), turned)));
            }
        }
        let Some(SoFar { end, elapsed_ms, values, least }) = meter.so_far() else { return };
        for ((series, value), least) in series.iter_mut().zip(values).zip(least) {
            let turned = value.zip(least).and_then(|(value, least)| {
                series.look_ahead([at, end, elapsed_ms], [least, value], &mut self.room)
            });
            told.extend(turned.map(|turned| turned_of(container, series.measure(), turned)));
        }
    }

    /// Goes on with what is known of a service, or begins and wants to learn.
    fn begin(&mut self, container: &Arc<Container>) -> Watched {
        let service = Service::of(container);
        let known = self.gone.remove(&service);
        if let Some(known) = known {
            return Watched { container: container.clone(), meter: Meter::default(), ..known };
        }
        self.wanted.push_back(service.clone());
        Watched {
            service,
            container: container.clone(),
            meter: Meter::default(),
            series: measures().into_iter().flatten().map(Series::new).collect(),
            seen: 0,
        }
    }

    /// Forgets what has been gone for long, or has to give way; who was left out has another try
    /// where there is room again.
    fn tidy(&mut self, at: i64) {
        let mut oldest: Vec<(i64, Service)> =
            self.gone.values().map(|gone| (gone.seen, gone.service.clone())).collect();
        oldest.sort_unstable();
        for (seen, service) in oldest {
            let is_old = !(0..=KEPT_MS).contains(&(at - seen));
            if is_old || self.room.is_full() || self.gone.len() > MOST_GONE {
                let forgotten = self.gone.remove(&service).into_iter().flat_map(|gone| gone.series);
                forgotten.for_each(|mut series| series.forget(&mut self.room));
            }
        }
        let watched = &self.watched;
        let is_there = |service: &Service| watched.values().any(|watched| watched.service == *service);
        if !self.wanted.is_empty() {
            self.wanted.retain(is_there);
        }
        let mut free = self.room.most - self.room.taken.min(self.room.most);
        for watched in self.watched.values_mut() {
            let left_out = watched.series.iter().filter(|series| series.is_left_out()).count();
            if left_out > 0 && left_out <= free {
                free -= left_out;
                watched.series.iter_mut().filter(|series| series.is_left_out()).for_each(|series| {
                    series.forget(&mut self.room);
                });
                self.wanted.push_back(watched.service.clone());
            }
        }
        self.warn();
    }

    /// Says when there is no room, once each time.
    fn warn(&mut self) {
        let left_out = if self.room.is_full() { self.left_out() } else { 0 };
        if left_out > 0 && !self.was_full {
            tracing::warn!(
                left_out,
                detectors = self.room.taken,
                "there is no memory left to watch all values for anomalies; raise `anomalies.memory_bytes`"
            );
        }
        self.was_full = left_out > 0;
    }
}

fn is_live(reading: &Reading) -> bool {
    reading.stats.is_some() && !reading.ended && reading.container.state.is_live()
}

/// What has become of a measure of a container, in words.
fn turned_of(container: &Arc<Container>, measure: &'static Measure, told: Told) -> Turned {
    match told {
        Told::Began(open) => Turned { of: said(container, measure, &open), state: Turn::Began },
        Told::Ended(open) => {
            let of = said(container, measure, &open);
            let text = row(container, measure, &open).usual_again(open.lasted_ms());
            Turned { of: Unusual { text, ..of }, state: Turn::Ended }
        }
    }
}

/// What was unusual of a container that is gone is not any more.
fn gone(container: &Arc<Container>, measure: &'static Measure, told: Told, at: i64) -> Turned {
    let (Told::Began(open) | Told::Ended(open)) = told;
    let of = said(container, measure, &open);
    let text = format!("`{}`: {} was unusual when it ended", container.name, measure.words);
    Turned { of: Unusual { text, timestamp: time(at), ..of }, state: Turn::Ended }
}

fn time(at: i64) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or_default()
}

fn row(container: &Container, measure: &'static Measure, open: &Open) -> Row {
    let labels = [("name".to_owned(), container.name.as_str().to_owned())].into();
    Row { kind: Kind::Unusual, measure: *measure, labels, since: open.since, anomaly: open.anomaly }
}

fn said(container: &Arc<Container>, measure: &'static Measure, open: &Open) -> Unusual {
    let row = row(container, measure, open);
    let found = open.anomaly;
    Unusual {
        timestamp: time(found.at),
        container_id: container.id,
        name: container.name.clone(),
        kind: row.kind.word(),
        metric: measure.name,
        description: measure.words,
        text: row.sentence(),
        since: time(open.since),
        value: found.value,
        expected: found.expected,
        low: row.low(),
        high: found.high,
        score: found.score,
        severity: severity(measure, open),
        container: container.clone(),
    }
}

/// What makes others wait is worth a look; where it is a quarter of the time, users notice. Use
/// counts where it is far above what is usual; less than usual is worth knowing.
fn severity(measure: &Measure, open: &Open) -> Severity {
    let found = &open.anomaly;
    let is_more = found.value > found.high;
    match measure.meaning {
        _ if !is_more => Severity::Low,
        Meaning::Harm if found.value >= NOTICED => Severity::High,
        Meaning::Harm => Severity::Medium,
        _ if found.value >= TWICE * found.high => Severity::Medium,
        _ => Severity::Low,
    }
}
