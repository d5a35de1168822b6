//! The sampler's thread: one `epoll` that waits for the next tick, a scrape, a change of the
//! inventory, or the end of a container's processes.
//!
//! The end of a run is seen by a pidfd of its init and by `cgroup.events` (cgroup v2 and hybrid),
//! not by the engine's event, which comes after the cgroup has been removed. Ticks have absolute
//! deadlines; a late one is left out and counted, never made up for.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use tokio::sync::oneshot;

use super::file::DescriptorBudget;
use super::sampler::{Options, Sampler};
use crate::inventory::{ContainerId, Inventory};
use crate::snapshot::{Snapshot, Source};

/// Scrapes that come within this time share one read.
const SHARED_READ: Duration = Duration::from_millis(250);

/// How many events one wait takes; the rest comes with the next.
const EVENTS_AT_ONCE: usize = 256;

/// The token of the wake-up descriptor; containers count from zero.
const WAKE: u64 = u64::MAX;

/// What others ask the thread for.
#[derive(Default)]
struct Requests {
    scrapes: Vec<oneshot::Sender<Arc<Snapshot>>>,
    inventory_changed: bool,
    stop: bool,
}

/// What the thread and its handle share.
struct Shared {
    requests: Mutex<Requests>,
    latest: Mutex<Option<Arc<Snapshot>>>,
    wake: OwnedFd,
}

impl Shared {
    fn ask(&self, change: impl FnOnce(&mut Requests)) {
        change(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner));
        // The counter of an eventfd can only be full when the thread has been woken already.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

/// The running thread; stops when dropped.
pub struct SamplerThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl SamplerThread {
    /// Starts the thread. `interval` is the time between two full reads of its own.
    ///
    /// # Errors
    /// The mount table cannot be read, or the kernel refuses a descriptor or a thread.
    pub fn start(options: Options, inventory: Arc<Inventory>, interval: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            requests: Mutex::new(Requests { inventory_changed: true, ..Requests::default() }),
            latest: Mutex::new(None),
            wake: eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        });
        let sampler = Sampler::new(options, DescriptorBudget::of_this_process())?;
        let watch = Watch::new(&shared.wake)?;
        let listener: Weak<Shared> = Arc::downgrade(&shared);
        inventory.on_change(Box::new(move || {
            if let Some(shared) = listener.upgrade() {
                shared.ask(|requests| requests.inventory_changed = true);
            }
        }));
        let worker = Worker { sampler, watch, inventory, shared: shared.clone(), interval, last_read: None };
        let thread = std::thread::Builder::new().name("sampler".into()).spawn(move || worker.run())?;
        Ok(SamplerThread { shared, thread: Some(thread) })
    }
}

impl Drop for SamplerThread {
    fn drop(&mut self) {
        self.shared.ask(|requests| requests.stop = true);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been logged by its hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Source for SamplerThread {
    fn fresh(&self) -> BoxFuture<'_, Arc<Snapshot>> {
        let (answer, wait) = oneshot::channel();
        self.shared.ask(|requests| requests.scrapes.push(answer));
        async move {
            match wait.await {
                Ok(snapshot) => snapshot,
                // The thread has stopped; whoever waits has a deadline of his own.
                Err(_) => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn latest(&self) -> Option<Arc<Snapshot>> {
        self.shared.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The descriptors that are waited for, and whose they are.
struct Watch {
    epoll: OwnedFd,
    /// Containers by token; a token is never used again.
    tokens: std::collections::HashMap<u64, ContainerId>,
    next: u64,
}

impl Watch {
    fn new(wake: &OwnedFd) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        Ok(Watch { epoll, tokens: std::collections::HashMap::new(), next: 0 })
    }

    /// Waits for the end of a run. Closing its descriptors ends the waiting by itself.
    fn add(&mut self, id: ContainerId, sampler: &mut Sampler) {
        let Some(run) = sampler.run(id) else { return };
        let token = self.next;
        self.next += 1;
        self.tokens.insert(token, id);
        let data = EventData::new_u64(token);
        let result = run.pidfd().map_or(Ok(()), |pidfd| {
            epoll::add(&self.epoll, pidfd, data, EventFlags::IN | EventFlags::ONESHOT)
        });
        let events = run.cgroup().events().and_then(|file| file.descriptor());
        let result = result.and(events.map_or(Ok(()), |events| {
            epoll::add(&self.epoll, events, data, EventFlags::PRI | EventFlags::ET)
        }));
        if let Err(error) = result {
            tracing::debug!(%error, container = %id, "the end of a container is not waited for; at most one step of it is lost");
        }
    }

    /// Waits until the deadline and returns the containers that may have ended.
    fn wait(&mut self, timeout: Duration) -> Vec<ContainerId> {
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        let timeout = Timespec::try_from(timeout).ok();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => tracing::error!(%error, "epoll failed"),
        }
        let mut ended: Vec<ContainerId> =
            events.iter().filter_map(|event| self.tokens.get(&event.data.u64()).copied()).collect();
        ended.dedup();
        ended
    }

    /// Forgets tokens of containers that are no longer observed.
    fn forget(&mut self, sampler: &mut Sampler) {
        self.tokens.retain(|_, id| sampler.run(*id).is_some());
    }
}

struct Worker {
    sampler: Sampler,
    watch: Watch,
    inventory: Arc<Inventory>,
    shared: Arc<Shared>,
    interval: Duration,
    last_read: Option<Instant>,
}

impl Worker {
    fn run(mut self) {
        let mut deadline = Instant::now() + self.interval;
        loop {
            let ended = self.watch.wait(deadline.saturating_duration_since(Instant::now()));
            for id in ended {
                self.sampler.read(id, Instant::now());
            }
            let requests = self.take_requests();
            if requests.stop {
                return;
            }
            if requests.inventory_changed {
                self.follow();
            }
            let now = Instant::now();
            if now >= deadline {
                self.sampler.read_all(now);
                self.sampler.tick(now);
                self.last_read = Some(now);
                self.publish();
                deadline = self.next_deadline(deadline);
            }
            if !requests.scrapes.is_empty() {
                self.answer(requests.scrapes);
            }
        }
    }

    fn take_requests(&self) -> Requests {
        let _ = rustix::io::read(&self.shared.wake, &mut [0_u8; 8]);
        std::mem::take(&mut *self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn follow(&mut self) {
        let inventory = self.inventory.snapshot();
        for id in self.sampler.follow(&inventory, Instant::now(), Timestamp::now()) {
            self.watch.add(id, &mut self.sampler);
        }
        self.watch.forget(&mut self.sampler);
    }

    fn answer(&mut self, scrapes: Vec<oneshot::Sender<Arc<Snapshot>>>) {
        let now = Instant::now();
        if self.last_read.is_none_or(|last| now.duration_since(last) >= SHARED_READ) {
            self.sampler.read_all(now);
            self.last_read = Some(now);
        }
        let snapshot = self.publish();
        for scrape in scrapes {
            // Nobody waits any more: the scraper has given up.
            let _ = scrape.send(snapshot.clone());
        }
    }

    fn publish(&mut self) -> Arc<Snapshot> {
        let snapshot = Arc::new(self.sampler.snapshot(Timestamp::now(), self.inventory.lookups.totals()));
        *self.shared.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.clone());
        snapshot
    }

    /// The first deadline of the grid that has not passed; those in between are left out.
    fn next_deadline(&mut self, deadline: Instant) -> Instant {
        let mut next = deadline + self.interval;
        while next <= Instant::now() {
            next += self.interval;
            self.sampler.overruns += 1;
        }
        next
    }
}
