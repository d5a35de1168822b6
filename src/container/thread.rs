//! The sampler's thread: waits for the next tick of the [`Grid`], a scrape, a change of the
//! inventory, or word from the thread that reads containers in the moment something happens.
//!
//! Reading everything of many containers takes longer than a fast tick may be late, so between
//! some of them it is looked whether one is due.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use tokio::sync::oneshot;

use super::file::DescriptorBudget;
use super::grid::{Grid, Tick};
use super::last_read::LastReader;
use super::sampler::{Options, Sampler};
use crate::host;
use crate::inventory::{ContainerId, Inventory};
use crate::snapshot::{Audience, Snapshot, Source};

/// Scrapes that come within this time share one read.
const SHARED_READ: Duration = Duration::from_millis(250);

/// After so many full reads it is looked whether a fast tick is due: some milliseconds.
const READS_BETWEEN_TICKS: usize = 50;

/// What others ask the thread for.
#[derive(Default)]
struct Requests {
    scrapes: Vec<oneshot::Sender<Arc<Snapshot>>>,
    read_again: Vec<ContainerId>,
    inventory_changed: bool,
    stop: bool,
}

/// What the thread and its handle share.
struct Shared {
    requests: Mutex<Requests>,
    latest: Mutex<Option<Arc<Snapshot>>>,
    audiences: Mutex<Vec<Arc<dyn Audience>>>,
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
    /// Starts the thread. `full` is the time between two full reads of its own.
    ///
    /// # Errors
    /// The mount table cannot be read, or the kernel refuses a descriptor or a thread.
    pub fn start(options: Options, inventory: Arc<Inventory>, full: Duration) -> io::Result<Self> {
        let paths = options.paths.clone();
        let fast = if options.groups.fast { options.fast } else { full };
        let host = options.host.as_ref().and_then(host::Options::sample_every);
        let shared = Arc::new(Shared {
            requests: Mutex::new(Requests { inventory_changed: true, ..Requests::default() }),
            latest: Mutex::new(None),
            audiences: Mutex::default(),
            wake: eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        });
        let sampler = Sampler::new(options, DescriptorBudget::of_this_process())?;
        let told = shared.clone();
        let happened = move |id| told.ask(|requests| requests.read_again.push(id));
        let last_reader = LastReader::start(paths, Box::new(happened))?;
        let listener: Weak<Shared> = Arc::downgrade(&shared);
        inventory.on_change(Box::new(move || {
            if let Some(shared) = listener.upgrade() {
                shared.ask(|requests| requests.inventory_changed = true);
            }
        }));
        let worker = Worker {
            sampler,
            last_reader,
            inventory,
            shared: shared.clone(),
            grid: Grid::new(Instant::now(), fast, full, host),
            full_is_due: false,
            last_read: None,
        };
        let thread = std::thread::Builder::new().name("sampler".into()).spawn(move || worker.run())?;
        Ok(SamplerThread { shared, thread: Some(thread) })
    }
}

impl SamplerThread {
    /// Has somebody told of every tick from now on.
    pub fn followed_by(&self, audience: Arc<dyn Audience>) {
        self.shared.audiences.lock().unwrap_or_else(PoisonError::into_inner).push(audience);
    }

    /// Whether the thread is still there; it ends only with its handle, or by a panic.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
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
        self.shared.ask(|requests| {
            // Those that have given up must not pile up behind a read that hangs.
            requests.scrapes.retain(|scrape| !scrape.is_closed());
            requests.scrapes.push(answer);
        });
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

struct Worker {
    sampler: Sampler,
    last_reader: LastReader,
    inventory: Arc<Inventory>,
    shared: Arc<Shared>,
    grid: Grid,
    /// A full tick has come and has not been answered yet.
    full_is_due: bool,
    /// When the last full reading began, by both clocks.
    last_read: Option<(Instant, Timestamp)>,
}

impl Worker {
    fn run(mut self) {
        // The first step begins here.
        self.sampler.sample_host();
        loop {
            let requests = self.wait();
            if requests.stop {
                return;
            }
            for id in requests.read_again {
                self.sampler.read(id, Instant::now());
            }
            if requests.inventory_changed {
                self.follow();
            }
            self.sample_if_due();
            if std::mem::take(&mut self.full_is_due) {
                self.read_all();
                self.end_interval();
                let snapshot = self.publish();
                self.tell(|audience| audience.published(&snapshot));
            }
            if !requests.scrapes.is_empty() {
                self.answer(requests.scrapes);
            }
        }
    }

    /// Waits until somebody asks for something or the next tick has come.
    fn wait(&self) -> Requests {
        let deadline = self.grid.deadline();
        let left = if self.full_is_due {
            Duration::ZERO
        } else {
            deadline.saturating_duration_since(Instant::now())
        };
        let timeout = Timespec::try_from(left).ok();
        let mut wake = [PollFd::new(&self.shared.wake, PollFlags::IN)];
        // Interrupted or not: what was asked for is looked at next.
        let _ = poll(&mut wake, timeout.as_ref());
        let _ = rustix::io::read(&self.shared.wake, &mut [0_u8; 8]);
        std::mem::take(&mut *self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the samples of ticks that are due; one that is full is remembered.
    fn sample_if_due(&mut self) {
        if let Some(tick) = self.grid.due(Instant::now()) {
            self.sampler.sample_all();
            self.full_is_due |= tick == Tick::Full;
            self.tell(|audience| {
                if audience.wants_samples() {
                    audience.sampled(self.sampler.last_samples());
                }
            });
        }
        if self.grid.host_is_due(Instant::now()) {
            self.sampler.sample_host();
        }
    }

    /// Reads everything, and takes the fast samples that fall due meanwhile.
    fn read_all(&mut self) {
        let (began, clock) = (Instant::now(), Timestamp::now());
        let opened = self.sampler.open_runs(began, clock);
        self.watch(&opened);
        for some in self.sampler.running().chunks(READS_BETWEEN_TICKS) {
            for id in some {
                self.sampler.read(*id, Instant::now());
            }
            self.sample_if_due();
        }
        self.sampler.have_read_all(Instant::now(), began.elapsed());
        self.last_read = Some((began, clock));
    }

    /// Makes rates of what has been read.
    fn end_interval(&mut self) {
        self.sampler.tick();
        self.doubt();
    }

    fn follow(&mut self) {
        let inventory = self.inventory.snapshot();
        let opened = self.sampler.follow(&inventory, Instant::now(), Timestamp::now());
        self.watch(&opened);
    }

    /// Tells whoever keeps the inventory which runs are over without his saying so.
    fn doubt(&self) {
        let ended = self.sampler.silent_ends();
        if !ended.is_empty() {
            self.inventory.doubt(&ended);
        }
    }

    fn watch(&mut self, opened: &[ContainerId]) {
        for id in opened {
            if let Some(run) = self.sampler.run(*id) {
                self.last_reader.watch(*id, run);
            }
        }
    }

    fn answer(&mut self, scrapes: Vec<oneshot::Sender<Arc<Snapshot>>>) {
        let mut ends = false;
        if self.last_read.is_none_or(|(last, _)| last.elapsed() >= SHARED_READ) {
            let now = Instant::now();
            self.read_all();
            ends = self.grid.read_between(now);
            if ends {
                self.end_interval();
            }
        }
        let snapshot = self.publish();
        if ends {
            self.tell(|audience| audience.published(&snapshot));
        }
        for scrape in scrapes {
            // Nobody waits any more: the scraper has given up.
            let _ = scrape.send(snapshot.clone());
        }
    }

    fn tell(&self, what: impl Fn(&dyn Audience)) {
        let audiences = self.shared.audiences.lock().unwrap_or_else(PoisonError::into_inner);
        audiences.iter().for_each(|audience| what(audience.as_ref()));
    }

    fn publish(&mut self) -> Arc<Snapshot> {
        self.sampler.overruns = self.grid.overruns();
        self.sampler.count_operations(&self.inventory.operations.take());
        let published_at = Timestamp::now();
        let taken_at = self.last_read.map_or(published_at, |(_, clock)| clock);
        let snapshot = self.sampler.snapshot(taken_at, self.inventory.lookups.totals());
        let activity = self.inventory.activity.totals();
        let snapshot = Arc::new(Snapshot { published_at, activity, ..snapshot });
        *self.shared.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.clone());
        snapshot
    }
}
