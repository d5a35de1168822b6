//! The last read of a run, in the moment its processes end.
//!
//! The engine removes a cgroup some milliseconds after its last process, and its event comes
//! later still. So a thread of its own waits for a pidfd of each init and for `cgroup.events` (cgroup
//! v2 and hybrid), and reads at once. It asks for real-time priority, because on a busy machine
//! its turn would now and then come too late; it works for a fraction of a millisecond per
//! container that ends. Where that is refused, where process ids are not ours, and where there
//! is no `cgroup.events`, at most one sampling step of a container is lost.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use super::observed::SharedRun;
use super::run::{ReadKit, Run};
use crate::inventory::ContainerId;
use crate::paths::Paths;

/// How many events one wait takes; the rest comes with the next.
const EVENTS_AT_ONCE: usize = 64;

/// The token of the descriptor that ends the thread; runs count from zero.
const STOP: u64 = u64::MAX;

/// The lowest real-time priority: before everything ordinary, after everything that matters more.
const REALTIME_PRIORITY: u8 = 1;

/// The nice value where real time is refused.
const NICE: i32 = -15;

/// Called with a container whose run has been read a last time.
type Ended = Box<dyn Fn(ContainerId) + Send>;

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
    /// Starts the thread, which calls `ended` after each last read.
    pub(super) fn start(paths: Paths, ended: Ended) -> io::Result<Self> {
        let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &stop, EventData::new_u64(STOP), EventFlags::IN)?;
        let runs: Arc<Mutex<Runs>> = Arc::default();
        let (waiting, known) = (epoll.clone(), runs.clone());
        let thread = std::thread::Builder::new()
            .name("last-read".into())
            .spawn(move || read_as_they_end(&waiting, &known, ReadKit::new(paths), &ended))?;
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
            tracing::debug!(%error, container = %id, "the end of a run is not waited for; at most one step of it is lost");
        }
    }

    fn add(&self, token: u64, run: &mut Run) -> io::Result<()> {
        let data = EventData::new_u64(token);
        if let Some(pidfd) = run.pidfd() {
            epoll::add(&self.epoll, pidfd, data, EventFlags::IN | EventFlags::ONESHOT)?;
        }
        let Some(events) = run.cgroup().events() else { return Ok(()) };
        // Changes are told from the last read on.
        events.read(&mut Vec::new())?;
        if let Some(descriptor) = events.descriptor() {
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

fn read_as_they_end(epoll: &OwnedFd, runs: &Mutex<Runs>, mut kit: ReadKit, ended: &Ended) {
    hurry();
    loop {
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        match epoll::wait(epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                tracing::error!(%error, "waiting for the ends of containers failed; at most one step of each is lost");
                return;
            }
        }
        for token in events.iter().map(|event| event.data.u64()) {
            if token == STOP {
                return;
            }
            let run = lock(runs).get(&token).and_then(|(id, run)| Some((*id, run.upgrade()?)));
            let Some((id, run)) = run else { continue };
            let mut run = lock(&run);
            // What fails here is counted at the next tick, if it is still there to fail.
            if let Ok(stats) = run.read(&mut kit, &mut |_, _| {}) {
                run.keep_last(stats);
            }
            drop(run);
            ended(id);
        }
    }
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
