//! What is kept of a container and of the machine: whole numbers in native units.

use crate::inventory::{Container, ContainerId, Health, Status};
use crate::snapshot::Reading;
use crate::tenant::{LabelValue, Tenant};

use super::bin::Bin;
use super::codec::Columns;
use super::host::{self, HOST_FIGURES, HostValues};

/// What a series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The machine and how everything is.
    System,
    /// A container.
    Container(ContainerId),
}

impl Key {
    pub(super) fn counters(self) -> usize {
        match self {
            Key::System => 0,
            Key::Container(_) => Counter::COUNT,
        }
    }

    pub(super) fn gauges(self) -> usize {
        match self {
            Key::System => SYSTEM_GAUGES,
            Key::Container(_) => Gauge::COUNT,
        }
    }
}

/// Whose a series is, so that it is known after the container has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The container's name.
    pub name: LabelValue,
    /// Whose it is.
    pub tenant: Tenant,
}

/// Numbers that only grow, but for a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Time on cores, in microseconds.
    Cpu,
    /// Periods of the CPU quota.
    Periods,
    /// Periods in which it was used up.
    ThrottledPeriods,
    /// Time held back, in microseconds.
    Throttled,
    /// Bytes received.
    Receive,
    /// Bytes sent.
    Transmit,
    /// Bytes read from devices.
    Read,
    /// Bytes written to devices.
    Write,
    /// Time some task waited for a core, in microseconds.
    CpuWaiting,
    /// Time every task waited for memory, in microseconds.
    MemoryStalled,
    /// Time every task waited for a device, in microseconds.
    IoStalled,
    /// Processes killed for want of memory.
    OomKills,
    /// Restarts.
    Restarts,
}

impl Counter {
    pub(super) const COUNT: usize = Counter::Restarts as usize + 1;
}

/// Numbers that go up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Cores that it may use at most, in millionths.
    CpuLimit,
    /// Memory charged, page cache included, in bytes.
    MemoryUsage,
    /// Memory less inactive page cache, in bytes.
    WorkingSet,
    /// Anonymous memory, in bytes.
    Rss,
    /// Page cache, in bytes.
    Cache,
    /// Swap, in bytes.
    Swap,
    /// The memory limit, in bytes.
    MemoryLimit,
    /// Processes.
    Processes,
    /// Threads.
    Threads,
    /// The state, by its place in [`Status::KNOWN`]; one that is not there comes after them.
    State,
    /// The health, by its place in [`Health::ALL`].
    Health,
}

impl Gauge {
    pub(super) const COUNT: usize = Gauge::Health as usize + 1;
}

/// Domains of the machine's health of which status and reasons are kept.
pub const DOMAINS: usize = 8;

/// Where shares stand, and the figures of the machine.
const SHARES: usize = 2 + 2 * DOMAINS;
const HOST: usize = SHARES + 3;

/// Statuses and reasons of all and of each domain, three shares, and figures of the machine.
const SYSTEM_GAUGES: usize = HOST + HOST_FIGURES.len();

/// How everything was in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SystemPoint {
    /// The end of the step, in milliseconds since 1970.
    pub at: i64,
    /// The worst status.
    pub status: u64,
    /// The most reasons at once.
    pub warnings: u64,
    /// The same by domain.
    pub domains: [Option<(u64, u64)>; DOMAINS],
    /// Mean shares of CPU, memory and the fullest disk in use, 0 to 1.
    pub shares: [Option<f64>; 3],
    /// Means of [`HOST_FIGURES`].
    pub host: HostValues,
}

impl SystemPoint {
    pub(super) fn of(bin: &Bin) -> Option<SystemPoint> {
        let gauge = |place: usize| bin.gauges.get(place).copied().flatten();
        let most = |place: usize| gauge(place).map(|spread| spread.max);
        let domain = |domain: usize| Some((most(2 + 2 * domain)?, most(3 + 2 * domain)?));
        let mean = |place: usize| gauge(place).map(|spread| spread.average());
        let share = |place: usize| Some(mean(SHARES + place)? / 1e6);
        Some(SystemPoint {
            at: bin.at,
            status: most(0)?,
            warnings: most(1)?,
            domains: std::array::from_fn(domain),
            shares: std::array::from_fn(share),
            host: host::values(|place| mean(HOST + place)),
        })
    }
}

/// How everything was at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SystemSample {
    /// How bad all is: 0 healthy, 1 warning, 2 unhealthy.
    pub status: u64,
    /// How many reasons there are.
    pub warnings: u64,
    /// The same by domain; `None` of one that nothing is known of.
    pub domains: [Option<(u64, u64)>; DOMAINS],
    /// Shares of CPU, memory and the fullest disk in use, 0 to 1.
    pub shares: [Option<f64>; 3],
}

impl SystemSample {
    /// To be kept together with figures of the machine.
    pub(super) fn sample(&self, host: &HostValues) -> Sample {
        let mut gauges = vec![Some(self.status), Some(self.warnings)];
        for domain in self.domains {
            gauges.extend([domain.map(|(status, _)| status), domain.map(|(_, warnings)| warnings)]);
        }
        gauges.extend(self.shares.map(|share| share.map(millionths)));
        gauges.extend(host::columns(host));
        Sample { counters: Vec::new(), gauges }
    }
}

/// The numbers of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// By [`Counter`].
    pub counters: Columns,
    /// By [`Gauge`].
    pub gauges: Columns,
}

impl Sample {
    /// What a reading says; of a container that does not run only what the engine knows.
    pub fn of(reading: &Reading) -> Sample {
        let state = &reading.container.state;
        let (mut counters, mut gauges) = (vec![None; Counter::COUNT], vec![None; Gauge::COUNT]);
        counters[Counter::OomKills as usize] = Some(reading.oom_kills);
        counters[Counter::Restarts as usize] = Some(state.restarts);
        let known = Status::KNOWN.iter().position(|status| *status == state.status);
        gauges[Gauge::State as usize] = Some(known.unwrap_or(Status::KNOWN.len()) as u64);
        let health = state.health.and_then(|health| Health::ALL.iter().position(|one| *one == health));
        gauges[Gauge::Health as usize] = health.map(|place| place as u64);
        if let Some(stats) = reading.stats.as_deref().filter(|_| state.is_live() && !reading.ended) {
            counters_of(stats, &mut counters);
            gauges[Gauge::CpuLimit as usize] = reading.cpu_limit_cores().map(millionths);
            gauges_of(stats, &mut gauges);
        }
        Sample { counters, gauges }
    }
}

fn counters_of(stats: &crate::snapshot::Stats, counters: &mut Columns) {
    let mut set = |counter: Counter, value: Option<u64>| counters[counter as usize] = value;
    set(Counter::Cpu, stats.cpu.map(|cpu| cpu.usage_ns / 1000));
    set(Counter::Periods, stats.throttling.map(|of| of.periods));
    set(Counter::ThrottledPeriods, stats.throttling.map(|of| of.throttled_periods));
    set(Counter::Throttled, stats.throttling.map(|of| of.throttled_ns / 1000));
    let interfaces = stats.network.as_ref().map(|network| &network.interfaces);
    set(Counter::Receive, interfaces.map(|all| all.iter().map(|one| one.receive.bytes).sum()));
    set(Counter::Transmit, interfaces.map(|all| all.iter().map(|one| one.transmit.bytes).sum()));
    let devices = stats.io.as_ref();
    set(Counter::Read, devices.map(|all| all.iter().map(|device| device.read_bytes).sum()));
    set(Counter::Write, devices.map(|all| all.iter().map(|device| device.write_bytes).sum()));
    let pressure = &stats.pressure;
    set(Counter::CpuWaiting, pressure.cpu.map(|stall| stall.waiting_ns / 1000));
    let stalled = |stall: Option<crate::snapshot::Stall>| Some(stall?.stalled_ns? / 1000);
    set(Counter::MemoryStalled, stalled(pressure.memory));
    set(Counter::IoStalled, stalled(pressure.io));
}

fn gauges_of(stats: &crate::snapshot::Stats, gauges: &mut Columns) {
    let mut set = |gauge: Gauge, value: Option<u64>| gauges[gauge as usize] = value;
    if let Some(memory) = stats.memory {
        set(Gauge::MemoryUsage, Some(memory.usage));
        set(Gauge::WorkingSet, Some(memory.working_set));
        set(Gauge::Rss, memory.rss);
        set(Gauge::Cache, memory.cache);
        set(Gauge::Swap, memory.swap);
        set(Gauge::MemoryLimit, memory.limit);
    }
    set(Gauge::Processes, stats.processes.processes);
    set(Gauge::Threads, stats.processes.threads);
}

impl About {
    /// Whose a container is.
    pub fn of(container: &Container) -> About {
        About { name: container.name.clone(), tenant: container.tenant.clone() }
    }
}

fn millionths(number: f64) -> u64 {
    (number * 1e6).round() as u64
}
