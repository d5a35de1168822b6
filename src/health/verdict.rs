//! From facts to a verdict with reasons. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::facts::{
    ContainerFacts, DiskFacts, EngineFacts, Facts, HostFacts, Objects, OwnFacts, ServerFacts,
};
use super::trend::{RESTART_WINDOW, since};
use super::{About, Domain, Kind, Reason, Report, Status, Verdict};
use crate::config;
use crate::inventory;

/// For so long a kill for want of memory, or a failed run, is worth a look.
const RECENT: Duration = Duration::from_secs(3600);

/// So many restarts within [`RESTART_WINDOW`] are a loop.
const LOOP: usize = 3;

/// Exit statuses that somebody asked for: none, SIGINT, SIGTERM.
const ASKED_FOR: [i64; 3] = [0, 130, 143];

/// Of the data root's size, what nothing needs is worth a look from this share on.
const RECLAIMABLE: f64 = 0.10;

/// The same where the size is not known, in bytes.
const RECLAIMABLE_BYTES: u64 = 10 << 30;

/// The engine's default pools of addresses have room for about thirty networks.
const UNUSED_NETWORKS: u64 = 15;

/// Tasks that run or wait for each core, beyond which work queues.
const LOAD_PER_CORE: f64 = 2.0;

/// Shares of time in which nothing went on for want of memory, and of a device.
const MEMORY_STALLED: f64 = 0.10;
const IO_STALLED: f64 = 0.30;

/// From this share of throttled CPU periods on, work gets slow although the average of CPU use is
/// not high; the same as of the alert `ContainerCpuThrottledAtTimes`.
const THROTTLED: f64 = 0.25;

/// dockmeter needs a fraction of this (`docs/performance.md`).
const RESIDENT_BYTES: u64 = 300_000_000;

/// How everything is.
pub fn report(facts: &Facts, thresholds: &config::Health) -> Report {
    let judge = Judge { thresholds, now: facts.at };
    let verdicts = [
        facts.engine.as_ref().map(engine),
        facts.containers.as_ref().map(|containers| judge.containers(containers)),
        facts.images.as_ref().map(|images| objects(Domain::Images, images, facts.data_root_bytes)),
        networks(facts),
        facts.volumes.as_ref().map(|volumes| objects(Domain::Volumes, volumes, facts.data_root_bytes)),
        facts.host.as_ref().map(|host| judge.host(host)),
        (!facts.stack.is_empty()).then(|| stack(&facts.stack)),
        facts.own.as_ref().map(own),
    ];
    Report { verdicts: verdicts.into_iter().flatten().collect() }
}

fn verdict(domain: Domain, summary: String, mut reasons: Vec<Reason>) -> Verdict {
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.status));
    Verdict { domain, summary, reasons }
}

fn reason(kind: Kind, status: Status, detail: impl Into<String>, next_step: impl Into<String>) -> Reason {
    let (detail, next_step) = (detail.into(), next_step.into());
    Reason { kind, status, since: None, detail, next_step, about: None, subject: None }
}

fn warning(kind: Kind, detail: impl Into<String>, next_step: impl Into<String>) -> Reason {
    reason(kind, Status::Warning, detail, next_step)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// How many of something there are.
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A size for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

fn engine(engine: &EngineFacts) -> Verdict {
    if engine.connected {
        let name = engine.version.as_deref().unwrap_or("the engine");
        return verdict(Domain::Engine, format!("{name} answers"), Vec::new());
    }
    let why = engine.last_error.as_deref().unwrap_or("it has not answered yet");
    let away = reason(
        Kind::EngineAway,
        Status::Unhealthy,
        format!("the engine does not answer: {why}"),
        "see whether it runs (`systemctl status docker`) and whether `--docker.host` names it; what is shown of containers is what was known last",
    );
    verdict(Domain::Engine, "the engine is away".to_owned(), vec![away])
}

/// What somebody who may not clear the engine's things can do about it is nothing, so these
/// speak to who runs the host.
fn objects(domain: Domain, objects: &Objects, data_root_bytes: Option<u64>) -> Verdict {
    let Objects { count, unused, reclaimable_bytes } = *objects;
    let unused = unused.map_or_else(String::new, |unused| format!(", {unused} unused"));
    let (kind, one, step) = match domain {
        Domain::Images => (
            Kind::ImagesUnneeded,
            "image",
            "`docker image prune --all` removes images that no container uses",
        ),
        _ => (
            Kind::VolumesUnneeded,
            "volume",
            "look at `docker volume ls --filter dangling=true` before `docker volume prune`: what is in them is lost then",
        ),
    };
    let summary = format!("{}{unused}", counted(count, one));
    let much = |bytes: u64| match data_root_bytes {
        Some(all) if all > 0 => bytes as f64 / all as f64 >= RECLAIMABLE,
        _ => bytes >= RECLAIMABLE_BYTES,
    };
    let reclaimable = reclaimable_bytes.filter(|bytes| much(*bytes));
    let reasons = reclaimable
        .map(|bytes| warning(kind, format!("{} of {one}s are needed by nothing", size(bytes)), step));
    verdict(domain, summary, reasons.into_iter().collect())
}

fn networks(facts: &Facts) -> Option<Verdict> {
    if facts.networks.is_none() && facts.port_conflicts.is_none() {
        return None;
    }
    let mut reasons: Vec<Reason> = facts
        .port_conflicts
        .iter()
        .flatten()
        .map(|about| Reason {
            about: Some(about.clone()),
            ..warning(
                Kind::PortConflict,
                format!("container `{}` wants a port of the host that another one has, too", about.name),
                "publish one of them on another port, or stop it; `dockmeter_docker_port_conflicts` counts them",
            )
        })
        .collect();
    let unused = facts.networks.and_then(|networks| networks.unused);
    if let Some(unused) = unused.filter(|unused| *unused >= UNUSED_NETWORKS) {
        reasons.push(warning(
            Kind::NetworksUnused,
            format!("{unused} networks are used by nothing, and the engine's addresses for new ones run out"),
            "`docker network prune` removes them",
        ));
    }
    let summary = match facts.networks {
        Some(networks) => counted(networks.count, "network"),
        None => "published ports".to_owned(),
    };
    Some(verdict(Domain::Networks, summary, reasons))
}

fn stack(servers: &[ServerFacts]) -> Verdict {
    let away = servers.iter().filter_map(|server| server.answer.as_ref().err().map(|why| (server.name, why)));
    let reasons: Vec<Reason> = away
        .map(|(name, why)| {
            let (kind, step) = match name {
                "Alertmanager" => (
                    Kind::AlertmanagerAway,
                    "start it, or mend what is in its way: until then nobody is told of alerts",
                ),
                _ => (
                    Kind::PrometheusAway,
                    "start it, or mend what is in its way: until then nothing is stored and no rule evaluated",
                ),
            };
            reason(kind, Status::Unhealthy, format!("{name} does not answer: {why}"), step)
        })
        .collect();
    let names: Vec<&str> = servers.iter().map(|server| server.name).collect();
    verdict(Domain::Stack, names.join(", "), reasons)
}

fn own(own: &OwnFacts) -> Verdict {
    let mut reasons = Vec::new();
    if own.overruns > 0 {
        reasons.push(warning(
            Kind::LateSampling,
            format!("{} samplings came too late within five minutes", own.overruns),
            "the machine is short of CPU time, or `--sampling.fast` too quick for it",
        ));
    }
    if own.dropped_series > 0 {
        reasons.push(warning(
            Kind::SeriesRefused,
            format!("{} series that programs sent were refused within five minutes", own.dropped_series),
            "see `dockmeter_dropped_series_total` for the reason, and raise `limits.series_per_tenant` or have programs send fewer",
        ));
    }
    if let Some(bytes) = own.resident_bytes.filter(|bytes| *bytes > RESIDENT_BYTES) {
        reasons.push(warning(
            Kind::OwnMemory,
            format!("dockmeter itself uses {} of memory", size(bytes)),
            "see `dockmeter_series` and `dockmeter_ingest_series_bytes`; `limits.series_bytes` bounds what programs send",
        ));
    }
    if own.reload_refused {
        reasons.push(warning(
            Kind::ConfigurationRefused,
            "the configuration on disk was refused, and the old one is in force",
            "`dockmeter config check` says what is wrong; then reload",
        ));
    }
    for (collector, problem) in &own.unread {
        let unread = warning(
            Kind::CollectorUnread,
            format!("the collector `{collector}` cannot read: {problem}"),
            format!(
                "give dockmeter what it needs (`docs/privileges.md`), or switch it off with `--no-collector.{collector}`"
            ),
        );
        reasons.push(Reason { subject: Some(collector.clone()), ..unread });
    }
    let memory = own.resident_bytes.map_or_else(String::new, |bytes| format!(", {} of memory", size(bytes)));
    verdict(Domain::Dockmeter, format!("version {}{memory}", env!("CARGO_PKG_VERSION")), reasons)
}

/// What depends on thresholds, and on how late it is.
struct Judge<'a> {
    thresholds: &'a config::Health,
    now: Timestamp,
}

impl Judge<'_> {
    fn of_share(&self, share: f64) -> Option<Status> {
        match share * 100.0 {
            percent if percent >= self.thresholds.unhealthy_percent => Some(Status::Unhealthy),
            percent if percent >= self.thresholds.warning_percent => Some(Status::Warning),
            _ => None,
        }
    }

    fn recent(&self, at: Option<Timestamp>) -> bool {
        at.and_then(|at| since(at, self.now)).is_some_and(|ago| ago <= RECENT)
    }

    /// What of the host's is in use by a share that is too high.
    fn in_use(&self, kind: Kind, share: Option<f64>, what: &str, step: &str) -> Option<Reason> {
        let share = share?;
        let detail = format!("{} of {what} in use", percent(share));
        Some(reason(kind, self.of_share(share)?, detail, step))
    }

    fn disk(&self, disk: &DiskFacts) -> impl Iterator<Item = Reason> {
        let DiskFacts { mountpoint, used, inodes } = disk;
        let full = self.in_use(
            Kind::DiskFull,
            Some(*used),
            &format!("the disk at `{mountpoint}` is"),
            "free some: `docker system df` tells what the engine holds",
        );
        let without_inodes = self.in_use(
            Kind::InodesFull,
            *inodes,
            &format!("the inodes at `{mountpoint}` are"),
            "remove small files, as of caches and old layers",
        );
        let here = |reason: Reason| Reason { subject: Some(mountpoint.clone()), ..reason };
        [full, without_inodes].into_iter().flatten().map(here)
    }

    fn host(&self, host: &HostFacts) -> Verdict {
        let in_use = [
            self.in_use(
                Kind::HostCpu,
                host.cpu_share,
                "the host's CPU time is",
                "`/api/containers/metrics/summary` tells who uses it; limit or move them",
            ),
            self.in_use(
                Kind::HostMemory,
                host.memory_share,
                "the host's memory is",
                "`/api/containers/metrics/summary` tells who uses it; limit or move them before the kernel kills something",
            ),
            self.in_use(
                Kind::FileHandles,
                host.file_handles,
                "the host's file handles are",
                "find who holds them (`lsof`), or raise `fs.file-max`",
            ),
            self.in_use(
                Kind::TrackedConnections,
                host.connections,
                "the host's tracked connections are",
                "raise `net.netfilter.nf_conntrack_max`, or find who opens them",
            ),
        ];
        let disks = host.disks.iter().flat_map(|disk| self.disk(disk));
        let reasons = in_use.into_iter().flatten().chain(disks).chain(queues(host)).collect();
        let shown = |name: &str, share: Option<f64>| share.map(|share| format!("{name} {}", percent(share)));
        let fullest = host.disks.iter().map(|disk| disk.used).reduce(f64::max);
        let parts = [
            shown("CPU", host.cpu_share),
            shown("memory", host.memory_share),
            shown("fullest disk", fullest),
        ];
        let summary = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        verdict(Domain::Host, summary, reasons)
    }

    fn containers(&self, containers: &[ContainerFacts]) -> Verdict {
        let running = containers.iter().filter(|one| one.status == inventory::Status::Running).count();
        let summary = format!("{}, {running} running", counted(containers.len() as u64, "container"));
        let mut reasons = Vec::new();
        for container in containers {
            let about = |reason: Reason| Reason { about: Some(container.about.clone()), ..reason };
            reasons.extend(self.container(container).into_iter().map(about));
        }
        verdict(Domain::Containers, summary, reasons)
    }

    fn container(&self, container: &ContainerFacts) -> Vec<Reason> {
        let About { name, .. } = &container.about;
        let mut reasons: Vec<Reason> = self.life(container).into_iter().collect();
        if container.health == Some(inventory::Health::Unhealthy)
            && container.status == inventory::Status::Running
        {
            let fails = reason(
                Kind::HealthCheckFails,
                Status::Unhealthy,
                format!("the health check of container `{name}` fails"),
                format!("`docker inspect --format '{{{{json .State.Health}}}}' {name}` has what it said"),
            );
            reasons.push(Reason { since: container.failing_since, ..fails });
        }
        if self.recent(container.oom_at) {
            let killed = warning(
                Kind::OomKill,
                format!("a process of container `{name}` was killed within the hour for want of memory"),
                format!("raise its limit (`docker update --memory … {name}`), or have it use less"),
            );
            reasons.push(Reason { since: container.oom_at, ..killed });
        }
        reasons.extend(self.of_cpu(container));
        let kinds = [Kind::MemoryLimit, Kind::MemoryOfHost];
        reasons.extend(self.of_limit(container, container.memory_share, "memory", "memory", kinds));
        if let Some(mistake) = &container.mistake {
            reasons.push(warning(
                Kind::DiscoveryLabels,
                format!("Prometheus does not find container `{name}`: {mistake}"),
                "mend its labels `dockmeter.scrape.*` and make it anew (`docs/discovery.md`)",
            ));
        }
        reasons
    }

    /// Use of most of its limit, or of the host where it has none; the kinds are of the one and
    /// of the other.
    fn of_limit(
        &self,
        container: &ContainerFacts,
        share: Option<(f64, bool)>,
        what: &str,
        flag: &str,
        [of_its_own, of_the_host]: [Kind; 2],
    ) -> Option<Reason> {
        let (share, own) = share?;
        let status = self.of_share(share)?;
        let name = &container.about.name;
        let (kind, of, next) = match own {
            true => (of_its_own, format!("its {what} limit"), "raise it"),
            false => (of_the_host, format!("the host's {what}"), "limit it"),
        };
        let detail = format!("container `{name}` uses {} of {of}", percent(share));
        let step = format!("{next} (`docker update --{flag} … {name}`), or have it use less");
        Some(reason(kind, status, detail, step))
    }

    /// One that uses most of its limit is held back by it; that is not said twice.
    fn of_cpu(&self, container: &ContainerFacts) -> Option<Reason> {
        let kinds = [Kind::CpuLimit, Kind::CpuOfHost];
        let held_back = || {
            let share = container.throttled.filter(|share| *share >= THROTTLED)?;
            let name = &container.about.name;
            Some(warning(
                Kind::Throttled,
                format!("container `{name}` was held back in {} of its CPU periods", percent(share)),
                format!(
                    "raise its CPU limit (`docker update --cpus … {name}`), or run fewer threads at once"
                ),
            ))
        };
        self.of_limit(container, container.cpu_share, "CPU", "cpus", kinds).or_else(held_back)
    }

    /// What its life says: one reason at most, the gravest.
    fn life(&self, container: &ContainerFacts) -> Option<Reason> {
        use inventory::Status as State;
        let name = &container.about.name;
        let logs = format!("`docker logs --tail 50 {name}` has its last words");
        let code = container.exit_code.map_or_else(String::new, |code| format!(" with status {code}"));
        let failed = container.exit_code.is_some_and(|code| !ASKED_FOR.contains(&code));
        let (policy, ended_at) = (container.restart_policy.as_str(), container.ended_at);
        match container.status {
            State::Dead => Some(reason(
                Kind::RemovalFailed,
                Status::Unhealthy,
                format!("the engine could not remove container `{name}`"),
                format!("`docker rm -f {name}`; the engine's log says what is in its way"),
            )),
            State::Running | State::Restarting if container.restarts >= LOOP => Some(reason(
                Kind::RestartLoop,
                Status::Unhealthy,
                format!(
                    "container `{name}` was restarted {} times in {} minutes",
                    container.restarts,
                    RESTART_WINDOW.as_secs() / 60
                ),
                logs,
            )),
            State::Restarting => {
                let detail = format!("container `{name}` is being restarted after it ended{code}");
                Some(Reason { since: ended_at, ..warning(Kind::Restarting, detail, logs) })
            }
            State::Exited
                if matches!(policy, "always" | "unless-stopped") || policy == "on-failure" && failed =>
            {
                let detail =
                    format!("container `{name}` is down{code}, although its restart policy is `{policy}`");
                let step =
                    format!("`docker start {name}`, or `docker rm {name}` if it is not needed; {logs}");
                Some(Reason { since: ended_at, ..warning(Kind::Down, detail, step) })
            }
            State::Exited if failed && self.recent(ended_at) => {
                let detail = format!("container `{name}` ended{code} within the hour");
                Some(Reason { since: ended_at, ..warning(Kind::FailedRun, detail, logs) })
            }
            _ => None,
        }
    }
}

/// What waits on the host.
fn queues(host: &HostFacts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (kind, value, bound, what, step) in [
        (
            Kind::MemoryStalled,
            host.memory_stalled,
            MEMORY_STALLED,
            "memory",
            "limit or move what uses most; more memory would help",
        ),
        (
            Kind::IoStalled,
            host.io_stalled,
            IO_STALLED,
            "disks",
            "`container_fs_*` and `container_pressure_io_*` tell who uses them",
        ),
    ] {
        if let Some(stalled) = value.filter(|stalled| *stalled >= bound) {
            reasons.push(warning(
                kind,
                format!("for {} of the last minute everything waited for {what}", percent(stalled)),
                step,
            ));
        }
    }
    if let Some(load) = host.load_per_core.filter(|load| *load >= LOAD_PER_CORE) {
        reasons.push(warning(
            Kind::HostLoad,
            format!("{load:.1} tasks for each core run or wait"),
            "`container_pressure_cpu_*` tells who waits; limit or move what uses most",
        ));
    }
    reasons
}

#[cfg(test)]
mod tests;
