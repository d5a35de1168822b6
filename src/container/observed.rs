//! One container under observation, from the engine's first word of it to its last series.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::account::Accounts;
use super::books::Party;
use super::cgroup::{Gone, Groups};
use super::disk::DiskMeter;
use super::meter::Meter;
use super::oom::OomKills;
use super::rates::Tick;
use super::run::{ReadKit, Run, has_own_network};
use super::samples::Samples;
use crate::inventory::Container;
use crate::metrics::LabelBlock;
use crate::snapshot::{Disk, Pressure, Processes, Rates, Reading, StatisticsRead, Stats};

/// The Docker labels that become `container_label_*`, with the names they get.
#[derive(Clone, Debug, Default)]
pub struct ExposedLabels(Vec<(String, String)>);

impl ExposedLabels {
    /// From the Docker labels' names; of two that become the same name the first counts.
    pub fn new<'a>(docker_labels: impl IntoIterator<Item = &'a str>) -> Self {
        let mut exposed: Vec<(String, String)> = Vec::new();
        for label in docker_labels {
            let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
            let name = format!("container_label_{}", label.chars().map(safe).collect::<String>());
            if exposed.iter().all(|(_, known)| *known != name) {
                exposed.push((label.to_owned(), name));
            }
        }
        ExposedLabels(exposed)
    }
}

/// A run that the sampler reads at its ticks and another thread at its end.
pub type SharedRun = Arc<Mutex<Run>>;

/// Which run of a container: a process id alone may come again.
pub type RunKey = (u32, Option<Timestamp>);

/// A run whose numbers come from the engine.
#[derive(Clone, Copy, Debug)]
struct Elsewhere {
    /// What was asked before is another run's.
    since: Instant,
    /// When the engine read what was taken last.
    read_at: Option<Instant>,
}

/// One container, what is held open of it, and what was read last.
#[derive(Debug)]
pub struct Observed {
    container: Arc<Container>,
    labels: Arc<LabelBlock>,
    cgroup: Arc<str>,
    run: Option<SharedRun>,
    /// The open run, where its numbers come from the engine; never beside `run`.
    elsewhere: Option<Elsewhere>,
    opened: Option<RunKey>,
    /// The run of which it has been said that it cannot be observed.
    complained: Option<RunKey>,
    /// The network namespace whose traffic the open run counts.
    network_namespace: Option<u64>,
    meter: Meter,
    disk: DiskMeter,
    /// What is to be billed.
    accounts: Accounts,
    stats: Option<Arc<Stats>>,
    /// When those were read.
    read_at: Option<Instant>,
    /// When the last run ended; its numbers stay for the linger time.
    ended_at: Option<Instant>,
    tick: Option<Tick>,
    usage_cores: Option<f64>,
    rates: Option<Rates>,
    oom_kills: OomKills,
    samples: Samples,
    reading: Option<Arc<Reading>>,
    /// The slot of the peaks in `reading`: they are forgotten as time passes.
    reading_slot: u64,
}

impl Observed {
    /// A container that the inventory has just shown; `fast` is the time between two samples.
    pub fn new(container: Arc<Container>, exposed: &ExposedLabels, fast: Duration) -> Self {
        let cgroup: Arc<str> = Arc::from(format!("/docker/{}", container.id));
        let labels = Arc::new(render_labels(&container, &cgroup, exposed));
        Observed {
            oom_kills: OomKills::new(&container.state),
            samples: Samples::new(fast),
            container,
            labels,
            cgroup,
            run: None,
            elsewhere: None,
            opened: None,
            complained: None,
            network_namespace: None,
            meter: Meter::new(None),
            disk: DiskMeter::default(),
            accounts: Accounts::default(),
            stats: None,
            read_at: None,
            ended_at: None,
            tick: None,
            usage_cores: None,
            rates: None,
            reading: None,
            reading_slot: 0,
        }
    }

    /// The engine's description.
    pub fn container(&self) -> &Arc<Container> {
        &self.container
    }

    /// The open run.
    pub fn run(&self) -> Option<&SharedRun> {
        self.run.as_ref()
    }

    /// Whether a run is open whose numbers come from the engine.
    pub fn is_read_elsewhere(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// Whether a run is open.
    pub fn is_open(&self) -> bool {
        self.run.is_some() || self.elsewhere.is_some()
    }

    /// Takes over a new description. A run that it no longer shows has to have been ended.
    pub fn describe(&mut self, container: Arc<Container>, exposed: &ExposedLabels) {
        if Arc::ptr_eq(&self.container, &container) {
            return;
        }
        self.container = container;
        self.oom_kills.heard(&self.container.state);
        if self.container.state.pid.is_none() && !self.is_open() {
            self.opened = None;
        }
        self.relabel(exposed);
        if let Some(run) = &self.run {
            run.lock().unwrap_or_else(PoisonError::into_inner).cgroup().expect_new_limits();
        }
    }

    /// The process id of a run that the inventory shows and that has not been opened yet.
    pub fn unopened_run(&self) -> Option<u32> {
        let pid = self.container.state.pid?;
        (self.opened != Some(key_of(&self.container, pid))).then_some(pid)
    }

    /// The network namespace whose traffic is counted here.
    pub fn network_namespace(&self) -> Option<u64> {
        self.network_namespace
    }

    /// Whether a run is open that a description does not show any more.
    pub fn run_is_over_in(&self, container: &Container) -> bool {
        let shown = container.state.pid.map(|pid| key_of(container, pid));
        self.is_open() && shown != self.opened
    }

    /// The process id of a run that the inventory still shows and the kernel has ended.
    pub fn ended_in_silence(&self) -> Option<u32> {
        let pid = self.container.state.pid?;
        (self.run.is_none() && self.opened == Some(key_of(&self.container, pid))).then_some(pid)
    }

    /// Begins to observe a run; `since_start` as [`Meter::new`] takes it.
    pub fn begin(&mut self, pid: u32, run: Run, since_start: Option<Duration>, exposed: &ExposedLabels) {
        self.cgroup = Arc::from(run.path());
        self.network_namespace = run.network_namespace();
        self.run = Some(Arc::new(Mutex::new(run)));
        self.start_over(pid, since_start);
        self.relabel(exposed);
    }

    /// Begins to observe a run whose numbers come from the engine.
    pub fn begin_elsewhere(
        &mut self,
        pid: u32,
        since_start: Option<Duration>,
        now: Instant,
        exposed: &ExposedLabels,
    ) {
        self.elsewhere = Some(Elsewhere { since: now, read_at: None });
        self.start_over(pid, since_start);
        self.relabel(exposed);
    }

    fn start_over(&mut self, pid: u32, since_start: Option<Duration>) {
        self.opened = Some(key_of(&self.container, pid));
        self.meter = Meter::new(since_start);
        self.oom_kills.begin();
        self.stats = None;
        self.ended_at = None;
        self.tick = None;
    }

    /// Takes what the engine said last, unless it is known already or about an earlier run.
    /// Says whether it was taken.
    pub fn read_elsewhere(&mut self, read: Option<&StatisticsRead>, groups: Groups) -> bool {
        let (Some(run), Some(read)) = (&mut self.elsewhere, read) else { return false };
        if read.asked_at < run.since || run.read_at.is_some_and(|before| read.read_at <= before) {
            return false;
        }
        run.read_at = Some(read.read_at);
        let own_network = has_own_network(&self.container.network.mode);
        let stats = wanted(read.stats.clone(), groups, own_network);
        self.take(stats, read.read_at);
        true
    }

    /// Gives up on a run whose process has ended, until the container is started again.
    pub fn give_up(&mut self, pid: u32) {
        self.opened = Some(key_of(&self.container, pid));
    }

    /// Whether this is the first time that a run could not be opened.
    pub fn complain(&mut self, pid: u32) -> bool {
        let key = Some(key_of(&self.container, pid));
        let first = self.complained != key;
        self.complained = key;
        first
    }

    /// Counts what the container has on disk up to now, then takes over what is known of it.
    /// Once the engine has removed it nothing is counted any more.
    pub fn measure_disk(&mut self, disk: Option<&Arc<Disk>>, now: Instant) {
        self.accounts.add_disk(self.disk.advance(now));
        if self.container.removed_at.is_some() {
            self.disk.end();
        }
        if self.disk.take(disk) {
            self.reading = None;
        }
    }

    /// What is to be billed, taken away: the container goes, or is another tenant's.
    pub fn take_accounts(&mut self) -> Accounts {
        std::mem::take(&mut self.accounts)
    }

    /// It, as it stands when the books are closed.
    pub fn party(&mut self) -> Party<'_> {
        let Observed { container, accounts, .. } = self;
        Party { tenant: &container.tenant, tenant_known: container.tenant_known, accounts }
    }

    /// Whether a description says that the container is another tenant's from now on.
    pub fn changes_hands_in(&self, container: &Container) -> bool {
        self.container.tenant_known && self.container.tenant != container.tenant
    }

    /// The run that is open.
    pub fn open_run_key(&self) -> Option<RunKey> {
        self.opened.filter(|_| self.is_open())
    }

    /// Reads everything of an open run. A cgroup that is gone ends the run.
    pub fn read(
        &mut self,
        kit: &mut ReadKit,
        failed: &mut dyn FnMut(&'static str, &io::Error),
        now: Instant,
    ) {
        let Some(run) = &self.run else { return };
        let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
        let read = run.take_last().map_or_else(|| run.read(kit, failed), Ok);
        let counts_network = run.has_own_network();
        run.oom_kills().inspect(|(kills, complete)| self.oom_kills.counted(*kills, *complete));
        drop(run);
        let Ok(mut stats) = read.inspect_err(|Gone| self.end(now)) else { return };
        if counts_network && stats.network.is_none() {
            stats.network = self.stats.as_ref().and_then(|before| before.network.clone());
        }
        self.take(stats, now);
    }

    fn take(&mut self, stats: Stats, at: Instant) {
        self.accounts.add(&self.meter.measure(&stats, at), self.container.reserved);
        self.stats = Some(Arc::new(stats));
        self.read_at = Some(at);
        self.reading = None;
    }

    /// Takes a sample of an open run.
    ///
    /// # Errors
    /// [`Gone`] once the cgroup has been removed: a full read then ends the run.
    pub fn sample(
        &mut self,
        kit: &mut ReadKit,
        clock: &dyn Fn() -> Instant,
        failed: &mut dyn FnMut(&'static str, &io::Error),
        slot: u64,
    ) -> Result<(), Gone> {
        let Some(run) = &self.run else { return Ok(()) };
        let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
        let sample = run.sample(kit, clock, failed)?;
        run.oom_kills().inspect(|(kills, complete)| self.oom_kills.counted(*kills, *complete));
        drop(run);
        self.samples.add(&sample, slot);
        self.reading = None;
        Ok(())
    }

    /// What the last fast sample of an open run said: cores and bytes of memory.
    pub fn last_sample(&self) -> Option<(Option<f64>, Option<u64>)> {
        self.run.as_ref().map(|_| self.samples.last()).filter(|last| *last != (None, None))
    }

    /// Ends the run, if one is open: nothing is held any more, the last numbers stay for a while.
    pub fn end(&mut self, now: Instant) {
        if self.run.take().is_none() & self.elsewhere.take().is_none() {
            return;
        }
        self.network_namespace = None;
        self.oom_kills.end();
        self.samples.end_run();
        self.ended_at = Some(now);
        self.tick = None;
        self.usage_cores = None;
        self.rates = None;
        self.reading = None;
    }

    /// Makes rates of the interval that ends with the last read.
    pub fn tick(&mut self) {
        let read = self.stats.as_ref().zip(self.read_at).filter(|_| self.is_open());
        let Some((stats, read_at)) = read else { return };
        // The engine may not have said anything new.
        if self.tick.is_some_and(|before| before.is_at(read_at)) {
            return;
        }
        let tick = Tick::of(stats, read_at);
        if let Some(before) = &self.tick {
            let (usage_cores, rates) = tick.since(before);
            (self.usage_cores, self.rates) = (usage_cores, Some(rates));
            self.reading = None;
        }
        self.tick = Some(tick);
    }

    /// Forgets the numbers of a run that ended more than `linger` ago.
    pub fn expire(&mut self, now: Instant, linger: Duration) {
        if self.ended_at.is_some_and(|ended| now.saturating_duration_since(ended) >= linger) {
            self.stats = None;
            self.ended_at = None;
            self.reading = None;
        }
    }

    /// What is known in a slot; the same object as before if nothing has changed.
    pub fn reading(&mut self, slot: u64) -> Arc<Reading> {
        let reading = self.reading.as_ref();
        if let Some(reading) = reading.filter(|reading| reading.fast.is_none() || slot == self.reading_slot) {
            return reading.clone();
        }
        self.reading_slot = slot;
        let reading = Arc::new(Reading {
            container: self.container.clone(),
            labels: self.labels.clone(),
            cgroup: self.cgroup.clone(),
            stats: self.stats.clone(),
            disk: self.disk.disk().cloned(),
            usage_cores: self.usage_cores,
            rates: self.rates,
            fast: self.stats.as_ref().and_then(|_| self.samples.at(slot)),
            oom_kills: self.oom_kills.total(),
            ended: self.ended_at.is_some(),
        });
        self.reading = Some(reading.clone());
        reading
    }

    fn relabel(&mut self, exposed: &ExposedLabels) {
        let labels = render_labels(&self.container, &self.cgroup, exposed);
        if labels != *self.labels {
            self.labels = Arc::new(labels);
        }
        self.reading = None;
    }
}

fn key_of(container: &Container, pid: u32) -> RunKey {
    (pid, container.state.started_at)
}

/// The groups of the engine's statistics that are switched on. It tells the traffic of a shared
/// network namespace for each container that is in it.
fn wanted(stats: Stats, groups: Groups, own_network: bool) -> Stats {
    Stats {
        cpu: stats.cpu.filter(|_| groups.cpu),
        throttling: stats.throttling.filter(|_| groups.cpu),
        cpu_limits: stats.cpu_limits.filter(|_| groups.cpu),
        memory: stats.memory.filter(|_| groups.memory),
        io: stats.io.filter(|_| groups.io),
        network: stats.network.filter(|_| groups.network && own_network),
        pressure: if groups.pressure { stats.pressure } else { Pressure::default() },
        processes: if groups.processes { stats.processes } else { Processes::default() },
    }
}

fn render_labels(container: &Container, cgroup: &str, exposed: &ExposedLabels) -> LabelBlock {
    let safe: Vec<(&str, crate::tenant::LabelValue)> = exposed
        .0
        .iter()
        .filter_map(|(label, name)| Some((name.as_str(), container.labels.get(label)?)))
        .map(|(name, value)| (name, crate::tenant::LabelValue::clean(value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let own = [("id", cgroup), ("name", container.name.as_str()), ("image", container.image.as_str())];
    let docker = safe.iter().map(|(name, value)| (*name, value.as_str()));
    LabelBlock::of_tenant(&container.tenant, own.into_iter().chain(docker))
}
