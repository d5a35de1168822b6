//! The thread that keeps the history. What the sampler has read is handed over without waiting:
//! where the thread is busy with a slow disk, a moment is left out and counted.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::bin::{Bin, longer};
use super::field::{About, Key, Sample, SystemPoint, SystemSample};
use super::host::Looks;
use super::keeper::{Keeper, Options, Shared, Standing, Taken};
use super::measure::{self, Line, Wanted};
use super::query::{Ask, Query};
use super::tier::{Retention, Step};
use crate::inventory::ContainerId;
use crate::prometheus::QueryError;
use crate::snapshot::{Audience, Snapshot};

/// Snapshots on their way: enough for a disk that takes some seconds to answer.
const WAITING: usize = 3;

/// How long the last write may take at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far apart looks at how everything is are at least, in milliseconds: it is dearer than
/// numbers that are there already.
const SYSTEM_APART_MS: i64 = 14_500;

/// Says how everything is.
pub type Judge = Box<dyn FnMut(&Snapshot) -> SystemSample + Send>;

/// Hands full readings over to the thread; never waits.
struct Sink {
    send: SyncSender<Message>,
    missed: Arc<AtomicU64>,
}

impl Audience for Sink {
    fn published(&self, snapshot: &Arc<Snapshot>) {
        if self.send.try_send(Message::Read(snapshot.clone())).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

enum Message {
    Read(Arc<Snapshot>),
    Stop,
}

/// The running thread; writes to the end when dropped.
pub struct Recorder {
    send: SyncSender<Message>,
    missed: Arc<AtomicU64>,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    history: History,
}

impl Recorder {
    /// Reads what is there, and starts the thread.
    ///
    /// # Errors
    /// The folder cannot be used, or there is no thread to be had.
    pub fn start(options: &Options, judge: Judge) -> io::Result<Recorder> {
        let keeper = Keeper::open(options)?;
        let missed = Arc::<AtomicU64>::default();
        let history = History { shared: keeper.shared(), missed: missed.clone() };
        let ((send, receive), (end, ended)) = (sync_channel(WAITING), sync_channel(1));
        let run = move || {
            record(keeper, &receive, judge);
            // Whoever waits for it may have lost patience.
            let _ = end.try_send(());
        };
        let thread = Some(std::thread::Builder::new().name("history".to_owned()).spawn(run)?);
        Ok(Recorder { send, missed, ended, thread, history })
    }

    /// Who is to follow the sampler.
    pub fn audience(&self) -> Arc<dyn Audience> {
        Arc::new(Sink { send: self.send.clone(), missed: self.missed.clone() })
    }

    /// What has been recorded.
    pub fn history(&self) -> History {
        self.history.clone()
    }
}

#[cfg(test)]
impl History {
    /// One in memory, of snapshots that are taken at once.
    pub(crate) fn of<'s>(snapshots: impl IntoIterator<Item = &'s Snapshot>, mut judge: Judge) -> History {
        let options =
            Options { path: None, retention: Retention::default(), memory_bytes: 16 << 20, disk_bytes: 0 };
        let (mut keeper, _) = Keeper::on(&options, None).unwrap();
        let history = History { shared: keeper.shared(), missed: Arc::default() };
        let mut system = System::default();
        for snapshot in snapshots {
            record_one(&mut keeper, snapshot, &mut judge, &mut system);
        }
        history
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // A disk that hangs holds up the thread, and must not hold up the end.
        if self.send.try_send(Message::Stop).is_ok() && self.ended.recv_timeout(PATIENCE).is_ok() {
            // A panic of the thread has been logged by its hook.
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

fn record(mut keeper: Keeper, receive: &Receiver<Message>, mut judge: Judge) {
    let mut system = System::default();
    while let Ok(Message::Read(snapshot)) = receive.recv() {
        record_one(&mut keeper, &snapshot, &mut judge, &mut system);
    }
    keeper.finish();
}

/// The last look at how everything is.
#[derive(Default)]
struct System {
    at: Option<i64>,
    looks: Looks,
}

fn record_one(keeper: &mut Keeper, snapshot: &Snapshot, judge: &mut Judge, system: &mut System) {
    let at = snapshot.taken_at.as_millisecond();
    if !keeper.wants(at) {
        return;
    }
    let mut taken: Vec<Taken> = containers(snapshot);
    if system.at.is_none_or(|last| !(0..SYSTEM_APART_MS).contains(&(at - last))) {
        system.at = Some(at);
        let sample = judge(snapshot).sample(&system.looks.at(snapshot));
        taken.push(Taken { key: Key::System, about: None, sample });
    }
    keeper.take(at, &taken);
}

/// Every container that the engine has.
fn containers(snapshot: &Snapshot) -> Vec<Taken> {
    let here = snapshot.containers.iter().filter(|reading| reading.container.removed_at.is_none());
    here.map(|reading| Taken {
        key: Key::Container(reading.container.id),
        about: Some(Arc::new(About::of(&reading.container))),
        sample: Sample::of(reading),
    })
    .collect()
}

/// What has been recorded so far, for readers.
#[derive(Clone)]
pub struct History {
    shared: Arc<Shared>,
    missed: Arc<AtomicU64>,
}

impl History {
    pub(super) fn new(shared: Arc<Shared>, missed: Arc<AtomicU64>) -> Self {
        History { shared, missed }
    }

    /// How it is doing.
    pub fn standing(&self) -> Standing {
        let mut standing = self.shared.standing();
        standing.skipped += self.missed.load(Ordering::Relaxed);
        standing
    }

    /// Whose a container is, or was.
    pub fn about(&self, id: ContainerId) -> Option<Arc<About>> {
        self.shared.store().about(Key::Container(id)).cloned()
    }

    /// When there was something of a container last, in milliseconds since 1970.
    pub fn last(&self, id: ContainerId) -> Option<i64> {
        self.shared.store().last(Key::Container(id))
    }

    /// Containers of which there is anything, those that are gone among them.
    pub fn containers(&self) -> Vec<(ContainerId, Arc<About>)> {
        let store = self.shared.store();
        let container = |(key, about): (Key, &Arc<About>)| match key {
            Key::Container(id) => Some((id, about.clone())),
            Key::System => None,
        };
        store.containers().filter_map(container).collect()
    }

    /// How everything was, in steps that are some of `step`.
    pub fn system(&self, step: Step, step_ms: i64, from: i64, to: i64) -> Vec<SystemPoint> {
        let bins = longer(self.bins(Key::System, step, from, to), step_ms);
        bins.iter().filter_map(SystemPoint::of).collect()
    }

    /// How long each step is kept.
    pub fn retention(&self) -> Retention {
        self.shared.store().retention()
    }

    /// A measure of containers, in the finest step that is long enough and that is kept for so long.
    fn measured(&self, wanted: &Wanted) -> Vec<Line> {
        if !wanted.measure.is_kept() {
            return Vec::new();
        }
        let Some(now) = self.shared.store().newest() else { return Vec::new() };
        let retention = self.retention();
        let reaches = |step: &Step| now - wanted.from <= retention.milliseconds(*step);
        let long_enough = || Step::ALL.into_iter().filter(|step| step.milliseconds() >= wanted.step_ms);
        let Some(step) = long_enough().find(reaches).or(long_enough().next_back()) else { return Vec::new() };
        let containers: Vec<(ContainerId, Arc<About>)> =
            self.containers().into_iter().filter(|(_, about)| wanted.whom.means(about)).collect();
        let bins: Vec<(&About, Vec<Bin>)> = containers
            .iter()
            .map(|(id, about)| (&**about, self.bins(Key::Container(*id), step, wanted.from, wanted.to)))
            .collect();
        measure::lines(wanted, &bins)
    }

    /// What happened to a series in each step of a span; decoding takes some milliseconds at most.
    pub fn bins(&self, key: Key, step: Step, from: i64, to: i64) -> Vec<Bin> {
        // The lock is not held while rows are decoded.
        let span = self.shared.store().span(key, step, from, to);
        span.map(|span| span.bins()).unwrap_or_default()
    }
}

impl Query for History {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn bins<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        let (history, key) = (self.clone(), Key::Container(ask.container));
        let (step, from, to) = (ask.step, ask.from, ask.to);
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || history.bins(key, step, from, to));
            Ok(read.await.unwrap_or_default())
        })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        let (history, wanted) = (self.clone(), wanted.clone());
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || history.measured(&wanted));
            Ok(read.await.unwrap_or_default())
        })
    }

    fn kept_since(&self, step_ms: i64) -> Option<i64> {
        let step = Step::ALL.into_iter().find(|step| step.milliseconds() >= step_ms)?;
        Some(self.shared.store().newest()? - self.retention().milliseconds(step))
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("standing", &self.standing()).finish()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("history", &self.history).finish_non_exhaustive()
    }
}
