//! All containers under observation: what the sampler's thread does, without the thread.
//!
//! Time is handed in and nothing here waits, so fixtures and benchmarks drive it directly.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::bill::Bill;
use super::cgroup::Groups;
use super::file::DescriptorBudget;
use super::observed::{ExposedLabels, Observed, SharedRun};
use super::run::{OpenError, ReadKit, Run, Surroundings};
use crate::host::machine;
use crate::inventory::{self, Container, ContainerId};
use crate::paths::Paths;
use crate::snapshot::Snapshot;

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
    /// When dockmeter was started: runs that began later are billed from their start.
    pub started_at: Timestamp,
}

/// The containers under observation and everything needed to read them.
#[derive(Debug)]
pub struct Sampler {
    options: Options,
    around: Surroundings,
    observed: BTreeMap<ContainerId, Observed>,
    /// Which container counts the traffic of a network namespace.
    network_owners: HashMap<u64, ContainerId>,
    bill: Bill,
    kit: ReadKit,
    errors: ReadErrors,
    read_duration: Duration,
    engine: Arc<inventory::Engine>,
    /// Ticks left out so far.
    pub overruns: u64,
}

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
        Ok(Sampler {
            around: Surroundings::new(paths.clone(), options.groups, budget)?,
            options,
            observed: BTreeMap::new(),
            network_owners: HashMap::new(),
            bill: Bill::default(),
            kit: ReadKit::new(paths),
            errors: ReadErrors::default(),
            read_duration: Duration::ZERO,
            engine: Arc::default(),
            overruns: 0,
        })
    }

    /// Follows the inventory: opens runs that have begun, reads those that have ended a last
    /// time, drops containers that are no more. Returns the runs that were opened.
    pub fn follow(
        &mut self,
        inventory: &inventory::Snapshot,
        now: Instant,
        clock: Timestamp,
    ) -> Vec<ContainerId> {
        self.engine = inventory.engine.clone();
        let gone: Vec<ContainerId> =
            self.observed.keys().filter(|id| !inventory.containers.contains_key(id)).copied().collect();
        for id in gone {
            self.end_run(id, now);
            self.observed.remove(&id);
        }
        let mut opened = Vec::new();
        for (id, container) in &inventory.containers {
            self.describe(container);
            if self.observed.get(id).is_some_and(Observed::has_outlived_run) {
                self.end_run(*id, now);
            }
            if self.open_run(*id, now, clock) {
                opened.push(*id);
            }
        }
        opened
    }

    fn describe(&mut self, container: &Arc<Container>) {
        let exposed = &self.options.exposed;
        match self.observed.get_mut(&container.id) {
            Some(observed) => observed.describe(container.clone(), exposed),
            None => {
                self.observed.insert(container.id, Observed::new(container.clone(), exposed));
            }
        }
    }

    /// Opens the run that the inventory shows, if it has not been yet, and reads it at once.
    fn open_run(&mut self, id: ContainerId, now: Instant, clock: Timestamp) -> bool {
        let Some(observed) = self.observed.get_mut(&id) else { return false };
        let Some(pid) = observed.unopened_run() else { return false };
        let container = observed.container().clone();
        match Run::open(&container, pid, &self.around) {
            Ok(mut run) => {
                let owner = |namespace| *self.network_owners.entry(namespace).or_insert(id);
                if run.network_namespace().map(owner).is_some_and(|owner| owner != id) {
                    run.leave_network();
                }
                let started = container.state.started_at.filter(|at| *at >= self.options.started_at);
                let since_start =
                    started.map(|at| Duration::try_from(clock.duration_since(at)).unwrap_or_default());
                observed.begin(pid, run, since_start, &self.options.exposed);
                self.read(id, now);
                true
            }
            Err(OpenError::Ended) => {
                observed.give_up(pid);
                false
            }
            Err(error) => {
                // The inventory may be a moment behind the kernel, so this is tried again at the
                // next change; what stays wrong is counted and said once per run.
                observed.give_up(pid);
                self.errors.count("open", &error);
                tracing::warn!(container = %container.name, %error, "a container cannot be observed");
                false
            }
        }
    }

    /// A last read, and nothing is held any more.
    fn end_run(&mut self, id: ContainerId, now: Instant) {
        self.read(id, now);
        self.network_owners.retain(|_, owner| *owner != id);
        if let Some(observed) = self.observed.get_mut(&id) {
            observed.end(now);
        }
    }

    /// Reads one container and bills its tenant.
    pub fn read(&mut self, id: ContainerId, now: Instant) {
        let Some(observed) = self.observed.get_mut(&id) else { return };
        let errors = &mut self.errors;
        let mut failed = |file, error: &std::io::Error| errors.count(file, error);
        if let Some(used) = observed.read(&mut self.kit, &mut failed, now) {
            self.bill.add(&observed.container().tenant, used);
        }
    }

    /// Reads every running container.
    pub fn read_all(&mut self, now: Instant) {
        let began = Instant::now();
        let running: Vec<ContainerId> =
            self.observed.iter().filter_map(|(id, one)| one.run().is_some().then_some(*id)).collect();
        for id in running {
            self.read(id, now);
        }
        for observed in self.observed.values_mut() {
            observed.expire(now, self.options.linger);
        }
        self.read_duration = began.elapsed();
    }

    /// Ends a sampling interval: makes rates of it. To be called after [`Sampler::read_all`].
    pub fn tick(&mut self, now: Instant) {
        for observed in self.observed.values_mut() {
            observed.tick(now);
        }
    }

    /// The open run of a container.
    pub fn run(&self, id: ContainerId) -> Option<&SharedRun> {
        self.observed.get(&id)?.run()
    }

    /// Everything known now.
    pub fn snapshot(&mut self, clock: Timestamp, lookups: (u64, u64)) -> Snapshot {
        Snapshot {
            taken_at: clock,
            containers: self.observed.values_mut().map(Observed::reading).collect(),
            tenants: self.bill.lines(),
            engine: self.engine.clone(),
            lookups,
            read_errors: self.errors.0.iter().map(|(reason, count)| (*reason, *count)).collect(),
            read_duration_ns: u64::try_from(self.read_duration.as_nanos()).unwrap_or(u64::MAX),
            overruns: self.overruns,
            machine: machine::read(&self.options.paths),
        }
    }
}
