//! Containers that take what others wait for.
//!
//! A neighbour is noisy where others have begun to wait, it uses more than before, more than any
//! other has added, and they wait when it works. Who is held back by a limit of its own, or has
//! itself added most, waits for itself. Kernels with cgroup v1 tell of no container how long it has
//! waited; there it is told from the host, and nobody knows who waits.

use super::super::finding::Scope;
use super::super::series::Series;
use super::super::statistics::order::median;
use super::super::words::{called, cores, counted, percent, quoted, size};
use super::bounds::{IO_WAITING, THROTTLED_AT_ALL};
use super::excess::{Bound, Excess, excess};
use super::facts::{Container, Facts, Host};
use super::relation::{around, related};
use super::{Candidate, Concerns, Kind, Tier};

/// Time in which some task waited for a core; there are no agreed numbers, see [`bounds`](super::bounds).
const CPU_WAITING: Bound = Bound::of(0.10, 0.25);

/// The same of a whole host, on which something waits more often.
const HOST_CPU_WAITING: Bound = Bound::of(0.25, 0.5);
const HOST_IO_WAITING: Bound = Bound::of(0.2, 0.4);

/// It uses so many times what it did before.
const RISEN: f64 = 1.5;

/// And so much of what all use.
const LEAST_SHARE: f64 = 0.3;

/// And others wait when it works, at least so often.
const LEAST_RHO: f64 = 0.5;

/// Use and waiting are held beside each other in steps of so long: it is to be seen within minutes.
const STEP_MS: i64 = 60_000;

/// What is shared.
struct Shared {
    used: fn(&Container) -> &Series,
    waited: fn(&Container) -> &Series,
    bound: Bound,
    metric: &'static str,
    waited_by_host: fn(&Host) -> &Series,
    host_bound: Bound,
    host_metric: &'static str,
    what: &'static str,
    words: fn(f64) -> String,
    next_step: &'static str,
}

const SHARED: [Shared; 2] = [
    Shared {
        used: |container| &container.cpu_cores,
        waited: |container| &container.cpu_waiting_ratio,
        bound: CPU_WAITING,
        metric: "max(rate(container_pressure_cpu_waiting_seconds_total{name!=\"@\"}[5m]))",
        waited_by_host: |host| &host.cpu_waiting_ratio,
        host_bound: HOST_CPU_WAITING,
        host_metric: "rate(node_pressure_cpu_waiting_seconds_total[5m])",
        what: "a core",
        words: cores,
        next_step: "give it a limit with `docker update --cpus`, or move it to another time or host",
    },
    Shared {
        used: |container| &container.io_bytes_per_second,
        waited: |container| &container.io_waiting_ratio,
        bound: IO_WAITING,
        metric: "max(rate(container_pressure_io_waiting_seconds_total{name!=\"@\"}[5m]))",
        waited_by_host: |host| &host.io_waiting_ratio,
        host_bound: HOST_IO_WAITING,
        host_metric: "rate(node_pressure_io_waiting_seconds_total[5m])",
        what: "a device",
        words: |bytes| format!("{} a second", size(bytes)),
        next_step: "bound what it reads and writes with `blkio_config` (`device_write_bps`) in its Compose service, or move it to another time or disk",
    },
];

/// All noisy neighbours.
pub(super) fn candidates(facts: &Facts) -> Vec<Candidate> {
    SHARED.iter().flat_map(|shared| shared.noisy(facts)).collect()
}

/// Who waits, since when, and which container is what it waits for.
struct Waiting<'f> {
    scope: &'f Scope,
    excess: Excess,
    culprit: usize,
    rise: Rise,
    used: Series,
}

/// How the use of a container has changed.
#[derive(Clone, Copy)]
struct Rise {
    before: f64,
    during: f64,
}

impl Rise {
    fn added(self) -> f64 {
        self.during - self.before
    }
}

impl Shared {
    fn noisy(&self, facts: &Facts) -> Vec<Candidate> {
        let containers = &facts.containers;
        if containers.iter().all(|container| (self.waited)(container).points().is_empty()) {
            return self.noisy_by_host(facts).into_iter().collect();
        }
        let mut waiting: Vec<Waiting> =
            containers.iter().filter_map(|container| self.waiting(container, containers)).collect();
        waiting.sort_by_key(|one| one.culprit);
        let groups = waiting.chunk_by(|a, b| a.culprit == b.culprit);
        groups.filter_map(|group| self.candidate(containers.get(group.first()?.culprit)?, group)).collect()
    }

    /// A container that waits, if it is another one that it waits for.
    fn waiting<'f>(&self, container: &'f Container, all: &[Container]) -> Option<Waiting<'f>> {
        let waited = (self.waited)(container);
        let excess = excess(waited, self.bound)?;
        let throttled = container.throttled_ratio.between(excess.window.from, excess.window.to).values();
        if median(&throttled).is_some_and(|ratio| ratio > THROTTLED_AT_ALL) {
            return None;
        }
        let (culprit, rise, used) = self.culprit(all, waited, &excess)?;
        let scope = &container.scope;
        let is_other = all.get(culprit).is_some_and(|noisy| noisy.scope != *scope);
        is_other.then_some(Waiting { scope, excess, culprit, rise, used })
    }

    /// Who has added most since somebody waits, if that is a lot and goes with the waiting.
    fn culprit(&self, all: &[Container], waited: &Series, excess: &Excess) -> Option<(usize, Rise, Series)> {
        // Of what has always been so nobody knows what began with it.
        if waited.points().first()?.0 >= excess.window.from {
            return None;
        }
        let rises: Vec<(usize, Rise)> = all
            .iter()
            .enumerate()
            .filter_map(|(place, one)| Some((place, self.rise(one, excess)?)))
            .collect();
        let (culprit, rise) = rises.iter().copied().max_by(|a, b| a.1.added().total_cmp(&b.1.added()))?;
        let total: f64 = rises.iter().map(|(_, rise)| rise.during).sum();
        let is_loud =
            rise.added() > 0.0 && rise.during >= RISEN * rise.before && rise.during >= LEAST_SHARE * total;
        let used = with_nothing_before((self.used)(all.get(culprit)?), waited);
        let goes_with = related(&around(&used, excess.window, STEP_MS), waited, STEP_MS);
        let is_related = goes_with.is_some_and(|related| related.rho >= LEAST_RHO);
        (is_loud && is_related).then_some((culprit, rise, used))
    }

    /// The same where nobody knows who waits.
    fn noisy_by_host(&self, facts: &Facts) -> Option<Candidate> {
        let waited = (self.waited_by_host)(&facts.host);
        let excess = excess(waited, self.host_bound)?;
        let (culprit, rise, used) = self.culprit(&facts.containers, waited, &excess)?;
        let noisy = facts.containers.get(culprit)?;
        let sentence = format!(
            "{} has used {} instead of {}, while something on the host waits for {} in {} of the time,",
            called(&noisy.scope),
            (self.words)(rise.during),
            (self.words)(rise.before),
            self.what,
            percent(excess.value),
        );
        let metric = self.host_metric.to_owned();
        Some(self.made(noisy, metric, excess, used, Concerns::All, sentence))
    }

    /// Its use before somebody waited and since.
    fn rise(&self, container: &Container, excess: &Excess) -> Option<Rise> {
        let used = (self.used)(container);
        let during = median(&used.between(excess.window.from, excess.window.to).values())?;
        // What was not there before used nothing.
        let before = median(&used.between(i64::MIN, excess.window.from).values()).unwrap_or(0.0);
        Some(Rise { before, during })
    }

    fn candidate(&self, noisy: &Container, concerned: &[Waiting]) -> Option<Candidate> {
        let worst = concerned.iter().max_by(|a, b| a.excess.value.total_cmp(&b.excess.value))?;
        let rise = worst.rise;
        let scopes: Vec<Scope> = concerned.iter().map(|waiting| waiting.scope.clone()).collect();
        let wait = if concerned.len() == 1 { "waits" } else { "wait" };
        let sentence = format!(
            "{} has used {} instead of {}, while {} {wait} for {} in up to {} of the time,",
            called(&noisy.scope),
            (self.words)(rise.during),
            (self.words)(rise.before),
            counted(concerned.len(), "neighbour"),
            self.what,
            percent(worst.excess.value),
        );
        let name = quoted(noisy.scope.container.as_deref().unwrap_or_default());
        let (excess, used) = (worst.excess, worst.used.clone());
        let metric = self.metric.replace('@', &name);
        Some(self.made(noisy, metric, excess, used, Concerns::These(scopes), sentence))
    }

    fn made(
        &self,
        noisy: &Container,
        metric: String,
        excess: Excess,
        used: Series,
        concerns: Concerns,
        sentence: String,
    ) -> Candidate {
        Candidate {
            kind: Kind::NoisyNeighbour,
            tier: Tier::Saturation,
            scope: noisy.scope.clone(),
            subject: None,
            metric,
            words: self.words,
            excess,
            saturation: used,
            concerns,
            sentence,
            next_step: self.next_step.to_owned(),
        }
    }
}

/// The use of a container that may have begun late: before its start it used nothing, at the times
/// of another series.
fn with_nothing_before(used: &Series, times: &Series) -> Series {
    let start = used.points().first().map_or(i64::MAX, |first| first.0);
    let before = times.points().iter().take_while(|(at, _)| *at < start).map(|(at, _)| (*at, 0.0));
    Series::new(before.chain(used.points().iter().copied()))
}
