//! All containers under observation: what the sampler's thread does, without the thread.
//!
//! Time is handed in and nothing here waits, so fixtures and benchmarks drive it directly.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::account::Accounts;
use super::books::{Books, HostWord, Party};
use super::cgroup::Groups;
use super::file::DescriptorBudget;
use super::observed::{ExposedLabels, Observed, RunKey, SharedRun};
use super::operations::Operations;
use super::run::{OpenError, ReadKit, Run, Surroundings};
use crate::config::ContainerSource;
use crate::disk::{Board, Figures};
use crate::host::totals::TotalsReader;
use crate::host::{self, HostReader, machine};
use crate::inventory::{self, Container, ContainerId, Performed, SilentEnds};
use crate::metrics::window::Slots;
use crate::paths::Paths;
use crate::snapshot::host::Host;
use crate::snapshot::{FastSample, Machine, Snapshot, Sources, Statistics};
use crate::tenant::Tenant;

/// What the sampler is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the host's file systems are.
    pub paths: Paths,
    /// Which files are read.
    pub groups: Groups,
    /// Which Docker labels every series carries.
    pub exposed: ExposedLabels,
    /// How long the numbers of a run that has ended stay.
    pub linger: Duration,
    /// Time between two samples of CPU and memory use.
    pub fast: Duration,
    /// How far the peaks of those look back.
    pub peak_window: Duration,
    /// Where figures of disks are found; `None` if they are not measured.
    pub disk: Option<Board>,
    /// When dockmeter was started: runs that began later are billed from their start.
    pub started_at: Timestamp,
    /// Where numbers come from if not from the kernel's files; `None` where there is no engine
    /// to ask.
    pub statistics: Option<Elsewhere>,
    /// What is read of the host, if anything.
    pub host: Option<host::Options>,
    /// Whether tenants are billed.
    pub bill: bool,
}

/// Numbers from the engine.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Who asks the engine.
    pub statistics: Arc<dyn Statistics>,
    /// Which containers it is asked about; [`ContainerSource::Cgroup`] is none.
    pub source: ContainerSource,
    /// Whether the engine is on another machine: then process ids mean nothing here, and the
    /// machine's size is the engine's.
    pub remote: bool,
}

impl Elsewhere {
    /// Whether the kernel's files are not even looked for.
    fn always(&self) -> bool {
        match self.source {
            ContainerSource::Api => true,
            ContainerSource::Cgroup => false,
            ContainerSource::Auto => self.remote,
        }
    }

    /// Whether a run that could not be opened is read elsewhere. A process that is not there
    /// may be another machine's: an engine in a virtual machine has a socket here, too.
    fn helps(&self, error: &OpenError) -> bool {
        let unreachable = match error {
            OpenError::Ended | OpenError::Locate(_) => true,
            OpenError::Open { source, .. } => source.kind() == std::io::ErrorKind::PermissionDenied,
        };
        unreachable && self.source == ContainerSource::Auto
    }
}

/// The containers under observation and everything needed to read them.
#[derive(Debug)]
pub struct Sampler {
    options: Options,
    around: Surroundings,
    observed: BTreeMap<ContainerId, Observed>,
    /// Runs that went on when their container was no longer to be observed.
    left_running: HashSet<(ContainerId, RunKey)>,
    books: Books,
    totals: TotalsReader,
    evidence: Evidence,
    operations: Operations,
    kit: ReadKit,
    clock: Clock,
    slots: Slots,
    errors: ReadErrors,
    read_duration: Duration,
    host_reader: Option<HostReader>,
    host: Option<Arc<Host>>,
    machine: machine::Reader,
    engine: Arc<inventory::Engine>,
    storage: Arc<inventory::EngineStorage>,
    facts: Arc<inventory::EngineFacts>,
    disk: Arc<Figures>,
    /// Ticks left out so far.
    pub overruns: u64,
}

/// Whether containers run on this host: an engine in a virtual machine has a socket here, too.
#[derive(Debug, Default)]
struct Evidence {
    /// One was found among the kernel's files.
    here: bool,
    /// The engine had to be asked about one.
    elsewhere: bool,
}

impl Evidence {
    fn is_host_theirs(&self) -> bool {
        self.here || !self.elsewhere
    }
}

/// Tells when a sample was taken, right after it was.
struct Clock(Box<dyn Fn() -> Instant + Send>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Descriptors that a run needs before those of files that only full reads need: its process,
/// its pidfd, `cgroup.events`, the files that are sampled and those beside them, and what tells
/// of OOM.
const FIRST_CLAIM: usize = 10;

/// Failures by reason. The reasons are file names and a few words of ours, so they are few.
#[derive(Debug, Default)]
struct ReadErrors(BTreeMap<&'static str, u64>);

impl ReadErrors {
    fn count(&mut self, reason: &'static str, error: &dyn std::fmt::Display) {
        *self.0.entry(reason).or_default() += 1;
        tracing::debug!(reason, %error, "a container's file could not be read");
    }
}

impl Sampler {
    /// Nothing observed yet.
    ///
    /// # Errors
    /// The mount table cannot be read.
    pub fn new(options: Options, budget: DescriptorBudget) -> std::io::Result<Self> {
        let paths = options.paths.clone();
        let slots = Slots::new(Instant::now(), options.peak_window);
        let mut host_reader = options.host.clone().map(|host| HostReader::new(&paths, host));
        host_reader.iter_mut().for_each(HostReader::introduce);
        Ok(Sampler {
            host_reader,
            host: None,
            machine: machine::Reader::new(paths.clone()),
            around: Surroundings::new(paths.clone(), options.groups, budget)?,
            options,
            observed: BTreeMap::new(),
            left_running: HashSet::new(),
            books: Books::default(),
            totals: TotalsReader::new(&paths),
            evidence: Evidence::default(),
            operations: Operations::default(),
            kit: ReadKit::new(paths),
            clock: Clock(Box::new(Instant::now)),
            slots,
            errors: ReadErrors::default(),
            read_duration: Duration::ZERO,
            engine: Arc::default(),
            storage: Arc::default(),
            facts: Arc::default(),
            disk: Arc::default(),
            overruns: 0,
        })
    }

    /// Tells the time of samples by another clock.
    pub fn set_clock(&mut self, clock: impl Fn() -> Instant + Send + 'static) {
        self.clock = Clock(Box::new(clock));
    }

    /// Follows the inventory: reads runs that have ended a last time, drops containers that are
    /// no more, opens runs that have begun. Returns the runs that were opened.
    pub fn follow(
        &mut self,
        inventory: &inventory::Snapshot,
        now: Instant,
        clock: Timestamp,
    ) -> Vec<ContainerId> {
        self.engine = inventory.engine.clone();
        self.storage = inventory.storage.clone();
        self.facts = inventory.facts.clone();
        let gone: Vec<ContainerId> =
            self.observed.keys().filter(|id| !inventory.containers.contains_key(id)).copied().collect();
        for id in gone {
            self.forget(id, now);
        }
        for (id, container) in &inventory.containers {
            if self.observed.get(id).is_some_and(|observed| observed.run_is_over_in(container)) {
                self.end_run(*id, now);
            }
            if self.observed.get(id).is_some_and(|observed| observed.changes_hands_in(container)) {
                self.hand_over(*id, now);
            }
            self.describe(container);
            self.measure_disk(*id, now);
        }
        self.open_runs(now, clock)
    }

    /// Drops a container that the inventory no longer shows.
    fn forget(&mut self, id: ContainerId, now: Instant) {
        self.read(id, now);
        let Some(mut observed) = self.observed.remove(&id) else { return };
        observed.measure_disk(None, now);
        // Still there: it is no longer to be observed. Should that change, it goes on from then.
        if let Some(run) = observed.open_run_key() {
            self.left_running.insert((id, run));
        }
        let accounts = observed.take_accounts();
        self.depart(&observed.container().tenant, accounts);
    }

    /// Keeps what a container owes for its tenant until the books are closed.
    fn depart(&mut self, tenant: &Tenant, accounts: Accounts) {
        if self.options.bill {
            self.books.depart(tenant, accounts);
        }
    }

    /// A container is another tenant's from now on; what it has used so far is the old one's.
    fn hand_over(&mut self, id: ContainerId, now: Instant) {
        self.read(id, now);
        self.measure_disk(id, now);
        let Some(observed) = self.observed.get_mut(&id) else { return };
        let (tenant, accounts) = (observed.container().tenant.clone(), observed.take_accounts());
        self.depart(&tenant, accounts);
    }

    /// Opens the runs that the inventory shows and that are not open yet; what could not be
    /// opened before is tried again. Returns those that were opened.
    pub fn open_runs(&mut self, now: Instant, clock: Timestamp) -> Vec<ContainerId> {
        let unopened = |(id, one): (&ContainerId, &Observed)| Some((*id, one.unopened_run()?));
        let unopened: Vec<(ContainerId, u32)> = self.observed.iter().filter_map(unopened).collect();
        let opened = unopened.into_iter().filter(|(id, pid)| self.open_run(*id, *pid, now, clock));
        let opened = opened.map(|(id, _)| id).collect();
        self.want_statistics();
        opened
    }

    /// Tells whose numbers have to come from the engine.
    fn want_statistics(&self) {
        let Some(elsewhere) = &self.options.statistics else { return };
        let read = |(id, one): (&ContainerId, &Observed)| one.is_read_elsewhere().then_some(*id);
        elsewhere.statistics.want(self.observed.iter().filter_map(read).collect());
    }

    fn describe(&mut self, container: &Arc<Container>) {
        let exposed = &self.options.exposed;
        match self.observed.get_mut(&container.id) {
            Some(observed) => observed.describe(container.clone(), exposed),
            None => {
                let observed = Observed::new(container.clone(), exposed, self.options.fast);
                self.observed.insert(container.id, observed);
            }
        }
    }

    /// Makes room for what a run needs most, where descriptors are scarce.
    fn make_room(&self) {
        let let_go = |observed: &Observed| {
            let Some(run) = observed.run() else { return false };
            run.lock().unwrap_or_else(PoisonError::into_inner).cgroup().let_go_of_slow_files() > 0
        };
        while self.around.budget().left() < FIRST_CLAIM && self.observed.values().any(let_go) {}
    }

    /// Opens a run and reads it at once.
    fn open_run(&mut self, id: ContainerId, pid: u32, now: Instant, clock: Timestamp) -> bool {
        let Some(container) = self.observed.get(&id).map(|observed| observed.container().clone()) else {
            return false;
        };
        let elsewhere = self.options.statistics.clone();
        if elsewhere.as_ref().is_some_and(Elsewhere::always) {
            self.begin_elsewhere(id, pid, now, clock);
            return false;
        }
        self.make_room();
        let opened = Run::open(&container, pid, &self.around);
        let namespace = opened.as_ref().ok().and_then(Run::network_namespace);
        let counted_elsewhere = namespace.is_some() && self.counts_network(namespace);
        let Some(observed) = self.observed.get_mut(&id) else { return false };
        match opened {
            Ok(mut run) => {
                if counted_elsewhere {
                    run.leave_network();
                }
                let seen_before = self.left_running.remove(&(id, (pid, container.state.started_at)));
                let lasted = lasted(&run, &container, self.options.started_at, clock);
                let since_start = lasted.filter(|_| !seen_before);
                observed.begin(pid, run, since_start, &self.options.exposed);
                self.evidence.here = true;
                self.read(id, now);
                self.sample(id);
                true
            }
            Err(error) if elsewhere.is_some_and(|elsewhere| elsewhere.helps(&error)) => {
                tracing::debug!(container = %container.name, %error, "its numbers come from the engine's statistics");
                self.begin_elsewhere(id, pid, now, clock);
                false
            }
            Err(OpenError::Ended) => {
                observed.give_up(pid);
                false
            }
            Err(error) => {
                self.errors.count("open", &error);
                if observed.complain(pid) {
                    tracing::warn!(container = %container.name, %error, "a container cannot be observed; it is tried again");
                }
                false
            }
        }
    }

    /// How long a run has lasted that began under our eyes; `None` for one that was there before.
    fn since_start(
        &mut self,
        id: ContainerId,
        pid: u32,
        container: &Container,
        clock: Timestamp,
    ) -> Option<Duration> {
        let seen_before = self.left_running.remove(&(id, (pid, container.state.started_at)));
        let began_here = |at: &Timestamp| *at >= self.options.started_at && !seen_before;
        let started = container.state.started_at.filter(began_here);
        started.map(|at| Duration::try_from(clock.duration_since(at)).unwrap_or_default())
    }

    /// Begins to observe a run whose numbers come from the engine.
    fn begin_elsewhere(&mut self, id: ContainerId, pid: u32, now: Instant, clock: Timestamp) {
        let Some(container) = self.observed.get(&id).map(|observed| observed.container().clone()) else {
            return;
        };
        let since_start = self.since_start(id, pid, &container, clock);
        if let Some(observed) = self.observed.get_mut(&id) {
            observed.begin_elsewhere(pid, since_start, now, &self.options.exposed);
        }
    }

    /// Whether a container counts the traffic of a network namespace already.
    fn counts_network(&self, namespace: Option<u64>) -> bool {
        self.observed.values().any(|observed| observed.network_namespace() == namespace)
    }

    /// A last read, and nothing is held any more.
    fn end_run(&mut self, id: ContainerId, now: Instant) {
        self.read(id, now);
        if let Some(observed) = self.observed.get_mut(&id) {
            observed.end(now);
        }
    }

    /// Reads one container.
    pub fn read(&mut self, id: ContainerId, now: Instant) {
        let Some(observed) = self.observed.get_mut(&id) else { return };
        if observed.is_read_elsewhere() {
            let read = self.options.statistics.as_ref().and_then(|other| other.statistics.latest(&id));
            self.evidence.elsewhere |= observed.read_elsewhere(read.as_deref(), self.around.groups());
        } else {
            let errors = &mut self.errors;
            let mut failed = |file, error: &std::io::Error| errors.count(file, error);
            observed.read(&mut self.kit, &mut failed, now);
        }
    }

    /// The containers with an open run.
    pub fn running(&self) -> Vec<ContainerId> {
        self.observed.iter().filter_map(|(id, one)| one.is_open().then_some(*id)).collect()
    }

    /// Counts what a container has on disk, whether it runs or not.
    fn measure_disk(&mut self, id: ContainerId, now: Instant) {
        let Some(observed) = self.observed.get_mut(&id) else { return };
        observed.measure_disk(self.disk.containers.get(&id), now);
    }

    /// Reads every running container, and the host.
    pub fn read_all(&mut self, now: Instant) {
        let began = Instant::now();
        for id in self.running() {
            self.read(id, now);
        }
        self.have_read_all(now, began.elapsed());
    }

    /// To be called when every running container has been read, which has taken so long. Takes
    /// over what has been measured on disks, of stopped ones too, and reads the host.
    pub fn have_read_all(&mut self, now: Instant, duration: Duration) {
        if let Some(board) = &self.options.disk {
            self.disk = board.latest();
            let all: Vec<ContainerId> = self.observed.keys().copied().collect();
            all.into_iter().for_each(|id| self.measure_disk(id, now));
        }
        self.close_books(now);
        let data_root = self.storage.data_root.as_deref();
        let host = self.host_reader.as_mut().map(|reader| reader.read(now, data_root));
        self.host = host.map(Arc::new);
        for observed in self.observed.values_mut() {
            observed.expire(now, self.options.linger);
        }
        self.read_duration = duration;
    }

    /// Samples the host for its peaks.
    pub fn sample_host(&mut self) {
        if let Some(reader) = &mut self.host_reader {
            reader.sample(&self.clock.0);
        }
    }

    /// Bills what has been read, in balance with the host.
    fn close_books(&mut self, now: Instant) {
        if !self.options.bill {
            return;
        }
        let elsewhere = self.options.statistics.as_ref().is_some_and(Elsewhere::always);
        let host = (!elsewhere && self.evidence.is_host_theirs()).then(|| {
            let mut failed = |file, error: &dyn fmt::Display| self.errors.count(file, error);
            HostWord { totals: self.totals.read(&mut failed), disk: self.disk.file_system }
        });
        let parties: Vec<Party<'_>> = self.observed.values_mut().map(Observed::party).collect();
        self.books.close(parties, host, now);
    }

    /// Samples CPU and memory use of every running container.
    pub fn sample_all(&mut self) {
        let slot = self.slots.at((self.clock.0)());
        let mut gone = Vec::new();
        for (id, observed) in &mut self.observed {
            let mut failed = |file, error: &std::io::Error| self.errors.count(file, error);
            if observed.sample(&mut self.kit, &self.clock.0, &mut failed, slot).is_err() {
                gone.push(*id);
            }
        }
        let now = (self.clock.0)();
        for id in gone {
            self.read(id, now);
        }
    }

    /// What the last fast samples of running containers said.
    pub fn last_samples(&self) -> Vec<FastSample> {
        let sample = |(id, observed): (&ContainerId, &Observed)| {
            let (usage_cores, memory) = observed.last_sample()?;
            Some(FastSample { id: *id, usage_cores, memory })
        };
        self.observed.iter().filter_map(sample).collect()
    }

    /// Samples one container, whose run has just been opened. If it is gone, the next read says so.
    fn sample(&mut self, id: ContainerId) {
        let slot = self.slots.at((self.clock.0)());
        let Some(observed) = self.observed.get_mut(&id) else { return };
        let mut failed = |file, error: &std::io::Error| self.errors.count(file, error);
        let _ = observed.sample(&mut self.kit, &self.clock.0, &mut failed, slot);
    }

    /// Ends a sampling interval: makes rates of it. To be called after all have been read.
    pub fn tick(&mut self) {
        for observed in self.observed.values_mut() {
            observed.tick();
        }
    }

    /// The open run of a container.
    pub fn run(&self, id: ContainerId) -> Option<&SharedRun> {
        self.observed.get(&id)?.run()
    }

    /// Counts operations of the engine that are over.
    pub fn count_operations(&mut self, performed: &[Performed]) {
        performed.iter().for_each(|performed| self.operations.add(performed));
    }

    /// Runs that the kernel has ended although the inventory still shows them.
    pub fn silent_ends(&self) -> SilentEnds {
        self.observed.iter().filter_map(|(id, one)| Some((*id, one.ended_in_silence()?))).collect()
    }

    fn sources(&self) -> Sources {
        let count =
            |wanted: fn(&Observed) -> bool| self.observed.values().filter(|one| wanted(one)).count() as u64;
        Sources { cgroup: count(|one| one.run().is_some()), api: count(Observed::is_read_elsewhere) }
    }

    fn machine(&mut self, now: Instant) -> Machine {
        match self.options.statistics.as_ref().filter(|elsewhere| elsewhere.remote) {
            Some(elsewhere) => elsewhere.statistics.machine().unwrap_or_default(),
            None => self.machine.read(now),
        }
    }

    /// Everything known now.
    pub fn snapshot(&mut self, clock: Timestamp, lookups: (u64, u64)) -> Snapshot {
        let now = (self.clock.0)();
        let slot = self.slots.at(now);
        Snapshot {
            taken_at: clock,
            published_at: clock,
            containers: self.observed.values_mut().map(|observed| observed.reading(slot)).collect(),
            tenants: self.books.lines(),
            operations: self.operations.lines(),
            engine: self.engine.clone(),
            lookups,
            read_errors: self.read_errors(),
            read_duration_ns: u64::try_from(self.read_duration.as_nanos()).unwrap_or(u64::MAX),
            overruns: self.overruns,
            machine: self.machine(now),
            sources: self.sources(),
            storage: self.storage.clone(),
            facts: self.facts.clone(),
            activity: inventory::ActivityTotals::default(),
            disk_walk_ns: self
                .options
                .disk
                .as_ref()
                .map(|_| u64::try_from(self.disk.worked.as_nanos()).unwrap_or(u64::MAX)),
            host: self.host.clone(),
        }
    }

    /// What could not be read: here, on disks, and of the engine's statistics.
    fn read_errors(&self) -> Vec<(&'static str, u64)> {
        let mut errors = self.errors.0.clone();
        let unanswered = self.options.statistics.as_ref().map_or(0, |other| other.statistics.failures());
        if unanswered > 0 {
            *errors.entry("api").or_default() += unanswered;
        }
        for (reason, count) in &self.disk.errors {
            *errors.entry(reason).or_default() += count;
        }
        errors.into_iter().collect()
    }
}

/// How long a run has lasted that began after dockmeter; `None` of an older one. What `/proc`
/// says stays true when the clock on the wall is stepped.
fn lasted(run: &Run, container: &Container, started_at: Timestamp, clock: Timestamp) -> Option<Duration> {
    if let Some(age) = run.age() {
        return age.began_since.then_some(age.lasted);
    }
    let began = container.state.started_at.filter(|at| *at >= started_at)?;
    Some(Duration::try_from(clock.duration_since(began)).unwrap_or_default())
}
