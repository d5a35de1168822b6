//! What has to be read in the moment it happens: the last numbers of a run, and OOM kills.
//!
//! The engine removes a cgroup some milliseconds after its last process, and its event comes
//! later still. So a thread of its own waits for a pidfd of each init and for `cgroup.events` (cgroup
//! v2 and hybrid), and reads at once. It asks for real-time priority, because on a busy machine
//! its turn would now and then come too late; it works for a fraction of a millisecond per
//! container that ends. Where that is refused, where process ids are not ours, and where there
//! is no `cgroup.events`, at most one sampling step of a container is lost.
//!
//! The same thread waits for OOM: `memory.events` of v2 changes after a kill; the eventfd of v1
//! is written a moment before one, so there the counter is read until it rises.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use super::cgroup::OomNotice;
use super::file::CgroupFile;
use super::observed::SharedRun;
use super::run::{ReadKit, Run};
use crate::inventory::ContainerId;
use crate::paths::Paths;

/// How many events one wait takes; the rest comes with the next.
const EVENTS_AT_ONCE: usize = 64;

/// The token of the descriptor that ends the thread; runs count from zero.
const STOP: u64 = u64::MAX;

/// Marks a token of a run as that of its notice of OOM.
const OOM: u64 = 1 << 63;

/// How long after v1's notice of OOM the kill may take; sometimes there is none.
const KILL_COMES_WITHIN: Duration = Duration::from_millis(100);

/// How often it is looked whether it has come.
const KILL_LOOKED_FOR_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };

/// The lowest real-time priority: before everything ordinary, after everything that matters more.
const REALTIME_PRIORITY: u8 = 1;

/// The nice value where real time is refused.
const NICE: i32 = -15;

/// Called with a container whose run has been read a last time, or has had an OOM kill.
type Happened = Box<dyn Fn(ContainerId) + Send>;

/// Runs by token. A token is never used again.
type Runs = HashMap<u64, (ContainerId, Weak<Mutex<Run>>)>;

/// The thread; stops when dropped.
pub(super) struct LastReader {
    epoll: Arc<OwnedFd>,
    stop: OwnedFd,
    runs: Arc<Mutex<Runs>>,
    next: u64,
    thread: Option<JoinHandle<()>>,
}

impl LastReader {
    /// Starts the thread, which calls `happened` after each last read and each OOM kill.
    pub(super) fn start(paths: Paths, happened: Happened) -> io::Result<Self> {
        let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &stop, EventData::new_u64(STOP), EventFlags::IN)?;
        let runs: Arc<Mutex<Runs>> = Arc::default();
        let (waiting, known) = (epoll.clone(), runs.clone());
        let thread = std::thread::Builder::new().name("last-read".into()).spawn(move || {
            let kit = ReadKit::new(paths);
            Watch { epoll: waiting, runs: known, kit, happened, imminent: Vec::new() }.run();
        })?;
        Ok(LastReader { epoll, stop, runs, next: 0, thread: Some(thread) })
    }

    /// Waits for the end of a run. Dropping the run ends the waiting by itself.
    pub(super) fn watch(&mut self, id: ContainerId, run: &SharedRun) {
        let token = self.next;
        self.next += 1;
        {
            let mut runs = lock(&self.runs);
            runs.retain(|_, (_, run)| run.strong_count() > 0);
            runs.insert(token, (id, Arc::downgrade(run)));
        }
        if let Err(error) = self.add(token, &mut lock(run)) {
            tracing::debug!(%error, container = %id, "the end of a run or its OOM kills are not waited for; at most one step of it is lost");
        }
    }

    fn add(&self, token: u64, run: &mut Run) -> io::Result<()> {
        self.add_end(token, run)?;
        let data = EventData::new_u64(token | OOM);
        match run.cgroup().oom_notice() {
            Some(OomNotice::Changed(events)) => self.add_change(events, data),
            Some(OomNotice::Imminent(eventfd)) => {
                Ok(epoll::add(&self.epoll, eventfd, data, EventFlags::IN | EventFlags::ET)?)
            }
            None => Ok(()),
        }
    }

    fn add_end(&self, token: u64, run: &mut Run) -> io::Result<()> {
        let data = EventData::new_u64(token);
        if let Some(pidfd) = run.pidfd() {
            epoll::add(&self.epoll, pidfd, data, EventFlags::IN | EventFlags::ONESHOT)?;
        }
        run.cgroup().events().map_or(Ok(()), |events| self.add_change(events, data))
    }

    /// Waits for changes of a file that tells of them.
    fn add_change(&self, file: &CgroupFile, data: EventData) -> io::Result<()> {
        // Changes are told from the last read on.
        file.read(&mut Vec::new())?;
        if let Some(descriptor) = file.descriptor() {
            epoll::add(&self.epoll, descriptor, data, EventFlags::PRI | EventFlags::ET)?;
        }
        Ok(())
    }
}

impl Drop for LastReader {
    fn drop(&mut self) {
        // Cannot fail: the counter of this descriptor is written once.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been logged by its hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Watch {
    epoll: Arc<OwnedFd>,
    runs: Arc<Mutex<Runs>>,
    kit: ReadKit,
    happened: Happened,
    /// Runs that the kernel is about to kill in, and until when that is waited for.
    imminent: Vec<(u64, Instant)>,
}

impl Watch {
    fn run(mut self) {
        hurry();
        loop {
            let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
            let timeout = (!self.imminent.is_empty()).then_some(&KILL_LOOKED_FOR_EVERY);
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "waiting for the ends of containers failed; at most one step of each is lost");
                    return;
                }
            }
            self.look_for_kills();
            for token in events.iter().map(|event| event.data.u64()) {
                match token {
                    STOP => return,
                    token if token & OOM != 0 => self.out_of_memory(token & !OOM),
                    token => self.ended(token),
                }
            }
        }
    }

    fn known(&self, token: u64) -> Option<(ContainerId, SharedRun)> {
        lock(&self.runs).get(&token).and_then(|(id, run)| Some((*id, run.upgrade()?)))
    }

    fn ended(&mut self, token: u64) {
        let Some((id, run)) = self.known(token) else { return };
        let mut run = lock(&run);
        let over = run.has_ended();
        // What fails here is counted at the next tick, if it is still there to fail.
        if let Ok(stats) = run.read(&mut self.kit, &mut |_, _| {}) {
            run.keep_last(stats, over);
        }
        drop(run);
        (self.happened)(id);
    }

    /// A notice of OOM has come. Where it precedes the kill, that is waited for.
    fn out_of_memory(&mut self, token: u64) {
        let waits_already = self.imminent.iter().any(|(known, _)| *known == token);
        if self.look_for_kill(token) == Look::Again && !waits_already {
            self.imminent.push((token, Instant::now() + KILL_COMES_WITHIN));
        }
    }

    fn look_for_kills(&mut self) {
        let now = Instant::now();
        for (token, until) in std::mem::take(&mut self.imminent) {
            if self.look_for_kill(token) == Look::Again && now < until {
                self.imminent.push((token, until));
            }
        }
    }

    /// Reads the counter of a run, and tells if it has risen.
    fn look_for_kill(&mut self, token: u64) -> Look {
        let Some((id, shared)) = self.known(token) else { return Look::Done };
        let mut run = lock(&shared);
        let risen = run.read_oom_kills(&mut self.kit);
        let precedes = matches!(run.cgroup().oom_notice(), Some(OomNotice::Imminent(_)));
        drop(run);
        if risen == Ok(true) {
            (self.happened)(id);
        }
        if risen == Ok(false) && precedes { Look::Again } else { Look::Done }
    }
}

/// Whether a kill may still come.
#[derive(PartialEq, Eq)]
enum Look {
    Again,
    Done,
}

/// Asks for real-time priority, else for a better ordinary one.
fn hurry() {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let priority = ThreadPriorityValue::try_from(REALTIME_PRIORITY).map(ThreadPriority::Crossplatform);
    let realtime = priority
        .is_ok_and(|priority| set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok());
    if !realtime && rustix::process::setpriority_process(None, NICE).is_err() {
        tracing::info!(
            "no priority for last reads (CAP_SYS_NICE is missing); under load a short container may lose a sampling step"
        );
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
