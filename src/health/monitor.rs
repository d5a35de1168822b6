//! Who keeps the facts: looks at the last snapshot every few seconds for what a single one does
//! not tell, asks the servers of the stack whether they answer, and puts facts together when
//! somebody wants a verdict.

use std::fmt;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::MissedTickBehavior;

use super::facts::{
    ContainerFacts, DiskFacts, EngineFacts, Facts, HostFacts, Objects, OwnFacts, ServerFacts,
};
use super::memory::Memory;
use super::trend::{EVERY, Trend};
use super::{About, Report, report};
use crate::config;
use crate::discovery;
use crate::ingest::Receiver;
use crate::inventory::{self, ByDriver, Container, Inventory, Occupied, conflicts};
use crate::metrics::catalogue::host::meminfo;
use crate::paths::Paths;
use crate::prometheus::{Alertmanager, Client};
use crate::snapshot::host::{Filesystem, Host};
use crate::snapshot::{Reading, Snapshot, Source};
use crate::tenant::Tenant;

/// How often servers are asked.
const ASKED_EVERY: Duration = Duration::from_secs(10);

/// How long one may take; what is slower is as good as away.
const DEADLINE: Duration = Duration::from_secs(5);

/// The query that every server with Prometheus' API answers, whatever it holds.
const ANYTHING: &str = "vector(1)";

/// What is configured: thresholds, who is asked, and how containers are found.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// From when on something is a warning, or unhealthy.
    pub thresholds: config::Health,
    /// The Prometheus of the stack, if one is named.
    pub prometheus: Option<Client>,
    /// Its Alertmanager, likewise.
    pub alertmanager: Option<Alertmanager>,
    /// How Prometheus finds containers.
    pub discovery: config::Discovery,
}

/// Whether the configuration on disk was refused at the last reload.
pub type ReloadRefused = Box<dyn Fn() -> bool + Send + Sync>;

/// Keeps the facts.
pub struct Monitor {
    inventory: Arc<Inventory>,
    receiver: Arc<Receiver>,
    reload_refused: ReloadRefused,
    wanted: RwLock<Arc<Wanted>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    trend: Trend,
    memory: Memory,
    servers: Vec<ServerFacts>,
    resident_bytes: Option<u64>,
}

impl Monitor {
    /// One that has seen nothing yet.
    pub fn new(
        inventory: Arc<Inventory>,
        receiver: Arc<Receiver>,
        reload_refused: ReloadRefused,
        wanted: Wanted,
    ) -> Self {
        let servers = servers(&wanted);
        Monitor {
            inventory,
            receiver,
            reload_refused,
            wanted: RwLock::new(Arc::new(wanted)),
            seen: Mutex::new(Seen { servers, ..Seen::default() }),
        }
    }

    /// From now on these are wanted; servers are asked anew.
    pub fn replace(&self, wanted: Wanted) {
        self.seen().servers = servers(&wanted);
        *self.wanted.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(wanted);
    }

    /// Looks at snapshots and asks servers; never ends.
    pub async fn watch(self: Arc<Self>, source: Arc<dyn Source>) {
        let (mut looks, mut asks) = (tokio::time::interval(EVERY), tokio::time::interval(ASKED_EVERY));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let look = async {
            loop {
                looks.tick().await;
                if let Some(snapshot) = source.latest() {
                    self.look(&snapshot);
                }
            }
        };
        let ask = async {
            loop {
                asks.tick().await;
                self.ask().await;
            }
        };
        tokio::join!(look, ask);
    }

    fn look(&self, snapshot: &Snapshot) {
        let resident_bytes = resident_bytes();
        let dropped = self.receiver.dropped_series();
        let mut seen = self.seen();
        seen.trend.add(snapshot, dropped);
        seen.resident_bytes = resident_bytes;
        drop(seen);
        // What holds is seen whether anybody asks or not.
        self.report(snapshot, &|_| true, true);
        self.seen().memory.forget(snapshot.taken_at);
    }

    async fn ask(&self) {
        let wanted = self.wanted();
        let prometheus = async {
            let client = wanted.prometheus.clone()?.within(DEADLINE);
            let now = Timestamp::now().as_millisecond() as f64 / 1000.0;
            Some(client.at(ANYTHING, now).await.map(drop).map_err(|error| error.to_string()))
        };
        let alertmanager = async {
            let client = wanted.alertmanager.clone()?.within(DEADLINE);
            Some(client.ready().await.map_err(|error| error.to_string()))
        };
        let (prometheus, alertmanager) = tokio::join!(prometheus, alertmanager);
        let answers = [(PROMETHEUS, prometheus), (ALERTMANAGER, alertmanager)];
        let answers =
            answers.into_iter().filter_map(|(name, answer)| Some(ServerFacts { name, answer: answer? }));
        let answers: Vec<ServerFacts> = answers.collect();
        // What was asked under an old configuration says nothing of the new one.
        if Arc::ptr_eq(&wanted, &self.wanted()) {
            self.seen().servers = answers;
        }
    }

    /// How everything is, and since when: whoever asks of one moment is told the same. Of containers only those whose tenant is admitted count; `whole` says
    /// whether anything else does.
    pub fn report(&self, snapshot: &Snapshot, admits: &dyn Fn(&Tenant) -> bool, whole: bool) -> Report {
        let wanted = self.wanted();
        let mut report = report(&self.facts(snapshot, &wanted, admits, whole), &wanted.thresholds);
        self.seen().memory.date(&mut report, snapshot.taken_at);
        report
    }

    /// Shares of the host's CPU over a minute, of its memory and of its fullest disk that are in
    /// use, 0 to 1.
    pub fn shares(&self, snapshot: &Snapshot) -> [Option<f64>; 3] {
        let host = snapshot.host.as_deref();
        let filesystems = host.and_then(|host| host.filesystems.as_ref());
        let disks = filesystems.into_iter().flat_map(|all| &all.mounted).filter_map(disk);
        let fullest = disks.map(|disk| disk.used).max_by(f64::total_cmp);
        [self.seen().trend.cpu_share(), host.and_then(memory_share), fullest]
    }

    fn facts(
        &self,
        snapshot: &Snapshot,
        wanted: &Wanted,
        admits: &dyn Fn(&Tenant) -> bool,
        whole: bool,
    ) -> Facts {
        let (_, mistakes) = discovery::targets(&wanted.discovery, &self.inventory.snapshot());
        let mistake = |container: &Container| {
            let found = mistakes.iter().find(|mistake| mistake.container.id == container.id);
            found.map(|mistake| mistake.message.clone())
        };
        let seen = self.seen();
        let present = || snapshot.containers.iter().filter(|reading| reading.container.removed_at.is_none());
        let containers = present()
            .filter(|reading| admits(&reading.container.tenant))
            .map(|reading| container(reading, snapshot, &seen.trend, mistake(&reading.container)));
        let listed = snapshot.engine.synced_at.is_some();
        let containers =
            Some(containers.collect::<Vec<_>>()).filter(|_| listed || !snapshot.containers.is_empty());
        if !whole {
            return Facts { at: snapshot.taken_at, containers, ..Facts::default() };
        }
        let rivals = conflicts(present().map(|reading| &*reading.container));
        let port_conflicts = present()
            .filter(|reading| rivals.get(&reading.container.id).is_some_and(|count| *count > 0))
            .filter(|reading| admits(&reading.container.tenant))
            .map(|reading| about(&reading.container));
        let (facts, host) = (&snapshot.facts, snapshot.host.as_deref());
        let reclaimable = |kind: fn(&inventory::EngineUsage) -> Occupied| {
            snapshot.storage.usage.as_ref().and_then(|usage| kind(usage).reclaimable_bytes)
        };
        let [overruns, dropped_series] = seen.trend.own();
        Facts {
            at: snapshot.taken_at,
            engine: Some(EngineFacts {
                connected: snapshot.engine.connected,
                version: snapshot.engine.version.clone(),
                last_error: snapshot.engine.last_error.clone(),
            }),
            containers,
            images: facts.images.as_ref().map(|images| Objects {
                count: images.count,
                unused: Some(images.unused),
                reclaimable_bytes: reclaimable(|usage| usage.images),
            }),
            networks: facts.networks.as_ref().map(|networks| by_driver(networks, None)),
            volumes: facts
                .volumes
                .as_ref()
                .map(|volumes| by_driver(volumes, reclaimable(|usage| usage.volumes))),
            port_conflicts: Some(port_conflicts.collect()),
            data_root_bytes: host.and_then(Host::data_root_bytes),
            host: host.map(|host| of_host(host, snapshot, &seen.trend)),
            stack: seen.servers.clone(),
            own: Some(OwnFacts {
                overruns,
                dropped_series,
                resident_bytes: seen.resident_bytes,
                reload_refused: (self.reload_refused)(),
                unread: host.map(unread).unwrap_or_default(),
            }),
        }
    }

    fn wanted(&self) -> Arc<Wanted> {
        self.wanted.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("wanted", &self.wanted()).finish_non_exhaustive()
    }
}

const PROMETHEUS: &str = "Prometheus";
const ALERTMANAGER: &str = "Alertmanager";

/// The servers that are named, before they have been asked.
fn servers(wanted: &Wanted) -> Vec<ServerFacts> {
    let named = [(PROMETHEUS, wanted.prometheus.is_some()), (ALERTMANAGER, wanted.alertmanager.is_some())];
    named
        .into_iter()
        .filter(|(_, named)| *named)
        .map(|(name, _)| ServerFacts { name, answer: Ok(()) })
        .collect()
}

fn about(container: &Container) -> About {
    About { id: container.id, name: container.name.clone(), tenant: container.tenant.clone() }
}

fn container(
    reading: &Reading,
    snapshot: &Snapshot,
    trend: &Trend,
    mistake: Option<String>,
) -> ContainerFacts {
    let container = &*reading.container;
    let (id, state) = (container.id, &container.state);
    let share = |used: Option<f64>, own: Option<f64>, host: Option<f64>| {
        let (of, is_own) = own.map(|own| (own, true)).or(host.map(|host| (host, false)))?;
        (of > 0.0).then_some((used? / of, is_own))
    };
    let memory = reading.stats.as_ref().and_then(|stats| stats.memory).filter(|_| state.is_live());
    let cores = trend.cores(&id).filter(|_| state.is_live());
    let machine = snapshot.machine;
    ContainerFacts {
        about: about(container),
        status: state.status.clone(),
        health: state.health,
        failing_since: state.failing_since,
        restart_policy: container.restart_policy.clone(),
        exit_code: state.exit_code,
        ended_at: state.finished_at,
        restarts: trend.restarts(&id, snapshot.taken_at),
        oom_at: trend.oom_at(&id),
        cpu_share: share(cores, reading.cpu_limit_cores(), machine.cpu_cores.map(f64::from)),
        throttled: trend.throttled(&id).filter(|_| state.is_live()),
        memory_share: share(
            memory.map(|memory| memory.working_set as f64),
            memory.and_then(|memory| memory.limit).map(|limit| limit as f64),
            machine.memory_bytes.map(|bytes| bytes as f64),
        ),
        mistake,
    }
}

fn by_driver(things: &ByDriver, reclaimable_bytes: Option<u64>) -> Objects {
    Objects { count: things.count.values().sum(), unused: things.unused, reclaimable_bytes }
}

fn of_host(host: &Host, snapshot: &Snapshot, trend: &Trend) -> HostFacts {
    let cores = snapshot.machine.cpu_cores.map(f64::from).filter(|cores| *cores > 0.0);
    let [memory_stalled, io_stalled] = trend.stalled();
    let ratio = |used: u64, all: u64| (all > 0).then(|| used as f64 / all as f64);
    HostFacts {
        cpu_share: trend.cpu_share(),
        memory_share: memory_share(host),
        load_per_core: host.loadavg.and_then(|[minute, ..]| Some(minute / cores?)),
        memory_stalled,
        io_stalled,
        file_handles: host.filefd.and_then(|handles| ratio(handles.allocated, handles.maximum)),
        connections: host.conntrack.and_then(|tracked| ratio(tracked.entries, tracked.limit?)),
        disks: host.filesystems.iter().flat_map(|all| &all.mounted).filter_map(disk).collect(),
    }
}

fn memory_share(host: &Host) -> Option<f64> {
    let fields = host.meminfo.as_ref()?;
    let value = |key: &str| {
        let place = meminfo::FIELDS.iter().position(|field| field.key == key)?;
        *fields.0.get(place)?
    };
    let (total, available) = (value("MemTotal")?, value("MemAvailable")?);
    (total > 0).then(|| 1.0 - available as f64 / total as f64)
}

/// A file system that fills: one that is read-only is full by nature.
fn disk(filesystem: &Filesystem) -> Option<DiskFacts> {
    let usage = filesystem.usage.as_ref().ok().filter(|_| !filesystem.mount.readonly)?;
    let used = usage.size.saturating_sub(usage.free);
    // As `df` says it, without what is reserved for root.
    let reach = used + usage.available;
    let inodes = (usage.files > 0).then(|| 1.0 - usage.files_free as f64 / usage.files as f64);
    let mountpoint = filesystem.mount.mountpoint.clone();
    (reach > 0).then(|| DiskFacts { mountpoint, used: used as f64 / reach as f64, inodes })
}

fn unread(host: &Host) -> Vec<(String, String)> {
    let failed =
        host.outcomes.iter().filter_map(|outcome| Some((outcome.collector, outcome.problem.as_ref()?)));
    failed.map(|(collector, problem)| (collector.to_owned(), problem.clone())).collect()
}

/// `/proc/self/statm`, second column, in pages.
fn resident_bytes() -> Option<u64> {
    let text = fs::read_to_string(Paths::own_proc("statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Domain, Kind, Status};
    use crate::inventory::{ContainerId, Health};
    use crate::snapshot::host::{Mount, Usage};
    use crate::snapshot::{Memory, Stats};

    fn reading(id: &str, user: &str, working_set: u64) -> Arc<Reading> {
        let id: ContainerId = id.repeat(32).parse().unwrap();
        let mut container = Container::new(id, inventory::Status::Running);
        container.tenant = Tenant::claimed(Some(user), None, None);
        container.state.pid = Some(1);
        container.state.health = Some(Health::Unhealthy);
        let memory = Memory { working_set, limit: Some(100), ..Memory::default() };
        Arc::new(Reading {
            labels: Arc::default(),
            cgroup: "/".into(),
            container: Arc::new(container),
            stats: Some(Arc::new(Stats { memory: Some(memory), ..Stats::default() })),
            disk: None,
            usage_cores: None,
            rates: None,
            fast: None,
            oom_kills: 0,
            ended: false,
        })
    }

    fn monitor() -> Monitor {
        Monitor::new(Arc::default(), Arc::default(), Box::new(|| true), Wanted::default())
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            containers: vec![reading("aa", "ann", 99), reading("bb", "bob", 10)],
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_tenant_is_told_of_its_own_containers_and_of_nothing_else() {
        let own = monitor().report(&snapshot(), &|tenant| tenant.user.as_str() == "ann", false);
        let domains: Vec<Domain> = own.verdicts.iter().map(|verdict| verdict.domain).collect();
        assert_eq!(domains, [Domain::Containers]);
        assert_eq!((own.warning_count(), own.status()), (2, Status::Unhealthy));
        let all = monitor().report(&snapshot(), &|_| true, true);
        let domains: Vec<Domain> = all.verdicts.iter().map(|verdict| verdict.domain).collect();
        assert_eq!(domains, [Domain::Engine, Domain::Containers, Domain::Networks, Domain::Dockmeter]);
        assert_eq!(
            all.warning_count(),
            5,
            "of the engine, of containers, and of the refused reload: {all:?}"
        );
    }

    /// Kinds of everything's reasons about a domain, and since which second they hold.
    fn since(monitor: &Monitor, snapshot: &Snapshot, domain: Domain) -> Vec<(Kind, i64)> {
        let report = monitor.report(snapshot, &|_| true, true);
        let verdict = report.verdicts.into_iter().find(|verdict| verdict.domain == domain).unwrap();
        verdict.reasons.iter().map(|reason| (reason.kind, reason.since.unwrap().as_second())).collect()
    }

    #[test]
    fn whoever_asks_is_told_the_same_since() {
        let at = |second| Snapshot { taken_at: Timestamp::from_second(second).unwrap(), ..snapshot() };
        let monitor = monitor();
        // Ann asks before anybody has looked at everything.
        let own = monitor.report(&at(95), &|tenant| tenant.user.as_str() == "ann", false);
        let told = own.verdicts[0].reasons.iter().map(|reason| (reason.kind, reason.since));
        let moment = Timestamp::from_second(95).ok();
        let expected = [(Kind::HealthCheckFails, moment), (Kind::MemoryLimit, moment)];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        monitor.look(&at(100));
        for second in [100, 109, 99] {
            let all = since(&monitor, &at(second), Domain::Containers);
            let bob = second.min(100);
            let expected =
                [(Kind::HealthCheckFails, bob), (Kind::HealthCheckFails, 95), (Kind::MemoryLimit, 95)];
            assert_eq!(all, expected, "the newest first, at {second}");
        }
        assert_eq!(since(&monitor, &at(110), Domain::Engine), [(Kind::EngineAway, 99)]);
    }

    #[test]
    fn what_looks_do_not_find_any_more_is_forgotten() {
        let at = |second, containers: &[_]| Snapshot {
            taken_at: Timestamp::from_second(second).unwrap(),
            containers: containers.to_vec(),
            ..Snapshot::default()
        };
        let (monitor, ill) = (monitor(), [reading("aa", "ann", 10)]);
        let told = |second| since(&monitor, &at(second, &ill), Domain::Containers);
        monitor.look(&at(0, &ill));
        for second in [10, 20] {
            monitor.look(&at(second, &[]));
        }
        assert_eq!(told(25), [(Kind::HealthCheckFails, 0)]);
        for second in [30, 40, 50, 60] {
            monitor.look(&at(second, &[]));
        }
        assert_eq!(told(61), [(Kind::HealthCheckFails, 61)]);
    }

    #[test]
    fn a_disk_is_as_full_as_df_says_and_a_read_only_one_is_not_full() {
        let mut one = Filesystem {
            mount: Arc::new(Mount { mountpoint: "/".into(), ..Mount::default() }),
            usage: Ok(Usage { size: 100, free: 40, available: 20, files: 10, files_free: 9 }),
        };
        assert_eq!(
            disk(&one),
            Some(DiskFacts { mountpoint: "/".into(), used: 0.75, inodes: Some(1.0 - 0.9) })
        );
        one.mount = Arc::new(Mount { readonly: true, ..Mount::default() });
        assert_eq!(disk(&one), None);
        one = Filesystem { mount: Arc::default(), usage: Err("hangs".into()) };
        assert_eq!(disk(&one), None);
    }

    #[tokio::test]
    async fn a_server_that_is_named_and_away_is_told_of() {
        let upstream = config::Upstream { url: Some("http://127.0.0.1:1".into()), ..Default::default() };
        let wanted = Wanted { alertmanager: Alertmanager::new(&upstream).ok(), ..Wanted::default() };
        let monitor = monitor();
        monitor.replace(wanted);
        let stack = |monitor: &Monitor| {
            let report = monitor.report(&Snapshot::default(), &|_| true, true);
            report.verdicts.iter().find(|verdict| verdict.domain == Domain::Stack).unwrap().clone()
        };
        assert_eq!(stack(&monitor).status(), Status::Healthy, "before it was asked");
        monitor.ask().await;
        let away = stack(&monitor);
        assert_eq!(away.status(), Status::Unhealthy);
        assert!(away.reasons[0].detail.contains("could not be reached"), "{away:?}");
    }
}
