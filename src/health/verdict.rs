//! From facts to a verdict with reasons. Pure.

use std::time::Duration;

use super::facts::{ContainerFacts, EngineFacts, Facts, HostFacts, Objects, OwnFacts, ServerFacts};
use super::trend::RESTART_WINDOW;
use super::{About, Domain, Reason, Report, Status, Verdict};
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

/// dockmeter needs a fraction of this (`docs/performance.md`).
const RESIDENT_BYTES: u64 = 300_000_000;

/// How everything is.
pub fn report(facts: &Facts, thresholds: &config::Health) -> Report {
    let judge = Judge(thresholds);
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

fn reason(status: Status, detail: impl Into<String>, next_step: impl Into<String>) -> Reason {
    Reason { status, detail: detail.into(), next_step: next_step.into(), about: None }
}

fn warning(detail: impl Into<String>, next_step: impl Into<String>) -> Reason {
    reason(Status::Warning, detail, next_step)
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
    let (one, step) = match domain {
        Domain::Images => ("image", "`docker image prune --all` removes images that no container uses"),
        _ => (
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
    let reasons =
        reclaimable.map(|bytes| warning(format!("{} of {one}s are needed by nothing", size(bytes)), step));
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
                format!("container `{}` wants a port of the host that another one has, too", about.name),
                "publish one of them on another port, or stop it; `dockmeter_docker_port_conflicts` counts them",
            )
        })
        .collect();
    let unused = facts.networks.and_then(|networks| networks.unused);
    if let Some(unused) = unused.filter(|unused| *unused >= UNUSED_NETWORKS) {
        reasons.push(warning(
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
            let step = match name {
                "Alertmanager" => "start it, or mend what is in its way: until then nobody is told of alerts",
                _ => {
                    "start it, or mend what is in its way: until then nothing is stored and no rule evaluated"
                }
            };
            reason(Status::Unhealthy, format!("{name} does not answer: {why}"), step)
        })
        .collect();
    let names: Vec<&str> = servers.iter().map(|server| server.name).collect();
    verdict(Domain::Stack, names.join(", "), reasons)
}

fn own(own: &OwnFacts) -> Verdict {
    let mut reasons = Vec::new();
    if own.overruns > 0 {
        reasons.push(warning(
            format!("{} samplings came too late within five minutes", own.overruns),
            "the machine is short of CPU time, or `--sampling.fast` too quick for it",
        ));
    }
    if own.dropped_series > 0 {
        reasons.push(warning(
            format!("{} series that programs sent were refused within five minutes", own.dropped_series),
            "see `dockmeter_dropped_series_total` for the reason, and raise `limits.series_per_tenant` or have programs send fewer",
        ));
    }
    if let Some(bytes) = own.resident_bytes.filter(|bytes| *bytes > RESIDENT_BYTES) {
        reasons.push(warning(
            format!("dockmeter itself uses {} of memory", size(bytes)),
            "see `dockmeter_series` and `dockmeter_ingest_series_bytes`; `limits.series_bytes` bounds what programs send",
        ));
    }
    if own.reload_refused {
        reasons.push(warning(
            "the configuration on disk was refused, and the old one is in force",
            "`dockmeter config check` says what is wrong; then reload",
        ));
    }
    for (collector, problem) in &own.unread {
        reasons.push(warning(
            format!("the collector `{collector}` cannot read: {problem}"),
            format!("give dockmeter what it needs (`docs/privileges.md`), or switch it off with `--no-collector.{collector}`"),
        ));
    }
    let memory = own.resident_bytes.map_or_else(String::new, |bytes| format!(", {} of memory", size(bytes)));
    verdict(Domain::Dockmeter, format!("version {}{memory}", env!("CARGO_PKG_VERSION")), reasons)
}

/// What depends on thresholds.
struct Judge<'a>(&'a config::Health);

impl Judge<'_> {
    fn of_share(&self, share: f64) -> Option<Status> {
        match share * 100.0 {
            percent if percent >= self.0.unhealthy_percent => Some(Status::Unhealthy),
            percent if percent >= self.0.warning_percent => Some(Status::Warning),
            _ => None,
        }
    }

    fn host(&self, host: &HostFacts) -> Verdict {
        let mut reasons = Vec::new();
        let mut share = |share: Option<f64>, what: String, step: &str| {
            if let Some((share, status)) = share.and_then(|share| Some((share, self.of_share(share)?))) {
                reasons.push(reason(status, format!("{} of {what} in use", percent(share)), step));
            }
        };
        share(
            host.cpu_share,
            "the host's CPU time is".to_owned(),
            "`/api/containers/metrics/summary` tells who uses it; limit or move them",
        );
        share(
            host.memory_share,
            "the host's memory is".to_owned(),
            "`/api/containers/metrics/summary` tells who uses it; limit or move them before the kernel kills something",
        );
        share(
            host.file_handles,
            "the host's file handles are".to_owned(),
            "find who holds them (`lsof`), or raise `fs.file-max`",
        );
        share(
            host.connections,
            "the host's tracked connections are".to_owned(),
            "raise `net.netfilter.nf_conntrack_max`, or find who opens them",
        );
        for disk in &host.disks {
            let at = format!("the disk at `{}` is", disk.mountpoint);
            share(Some(disk.used), at, "free some: `docker system df` tells what the engine holds");
            let inodes = format!("the inodes at `{}` are", disk.mountpoint);
            share(disk.inodes, inodes, "remove small files, as of caches and old layers");
        }
        for (value, bound, what, step) in [
            (
                host.memory_stalled,
                MEMORY_STALLED,
                "memory",
                "limit or move what uses most; more memory would help",
            ),
            (
                host.io_stalled,
                IO_STALLED,
                "disks",
                "`container_fs_*` and `container_pressure_io_*` tell who uses them",
            ),
        ] {
            if let Some(stalled) = value.filter(|stalled| *stalled >= bound) {
                reasons.push(warning(
                    format!("for {} of the last minute everything waited for {what}", percent(stalled)),
                    step,
                ));
            }
        }
        if let Some(load) = host.load_per_core.filter(|load| *load >= LOAD_PER_CORE) {
            reasons.push(warning(
                format!("{load:.1} tasks for each core run or wait"),
                "`container_pressure_cpu_*` tells who waits; limit or move what uses most",
            ));
        }
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
        let mut reasons: Vec<Reason> = life(container).into_iter().collect();
        if container.health == Some(inventory::Health::Unhealthy)
            && container.status == inventory::Status::Running
        {
            reasons.push(reason(
                Status::Unhealthy,
                format!("the health check of container `{name}` fails"),
                format!("`docker inspect --format '{{{{json .State.Health}}}}' {name}` has what it said"),
            ));
        }
        if container.oom_ago.is_some_and(|ago| ago <= RECENT) {
            reasons.push(warning(
                format!("a process of container `{name}` was killed within the hour for want of memory"),
                format!("raise its limit (`docker update --memory … {name}`), or have it use less"),
            ));
        }
        for (share, what, flag) in
            [(container.cpu_share, "CPU", "cpus"), (container.memory_share, "memory", "memory")]
        {
            let Some((share, own)) = share else { continue };
            let Some(status) = self.of_share(share) else { continue };
            let (of, next) = match own {
                true => (format!("its {what} limit"), "raise it"),
                false => (format!("the host's {what}"), "limit it"),
            };
            let detail = format!("container `{name}` uses {} of {of}", percent(share));
            let step = format!("{next} (`docker update --{flag} … {name}`), or have it use less");
            reasons.push(reason(status, detail, step));
        }
        if let Some(mistake) = &container.mistake {
            reasons.push(warning(
                format!("Prometheus does not find container `{name}`: {mistake}"),
                "mend its labels `dockmeter.scrape.*` and make it anew (`docs/discovery.md`)",
            ));
        }
        reasons
    }
}

/// What its life says: one reason at most, the gravest.
fn life(container: &ContainerFacts) -> Option<Reason> {
    use inventory::Status as State;
    let name = &container.about.name;
    let logs = format!("`docker logs --tail 50 {name}` has its last words");
    let code = container.exit_code.map_or_else(String::new, |code| format!(" with status {code}"));
    let failed = container.exit_code.is_some_and(|code| !ASKED_FOR.contains(&code));
    let policy = container.restart_policy.as_str();
    match container.status {
        State::Dead => Some(reason(
            Status::Unhealthy,
            format!("the engine could not remove container `{name}`"),
            format!("`docker rm -f {name}`; the engine's log says what is in its way"),
        )),
        State::Running | State::Restarting if container.restarts >= LOOP => Some(reason(
            Status::Unhealthy,
            format!(
                "container `{name}` was restarted {} times in {} minutes",
                container.restarts,
                RESTART_WINDOW.as_secs() / 60
            ),
            logs,
        )),
        State::Restarting => {
            Some(warning(format!("container `{name}` is being restarted after it ended{code}"), logs))
        }
        State::Exited
            if matches!(policy, "always" | "unless-stopped") || policy == "on-failure" && failed =>
        {
            Some(warning(
                format!("container `{name}` is down{code}, although its restart policy is `{policy}`"),
                format!("`docker start {name}`, or `docker rm {name}` if it is not needed; {logs}"),
            ))
        }
        State::Exited if failed && container.ended_ago.is_some_and(|ago| ago <= RECENT) => {
            Some(warning(format!("container `{name}` ended{code} within the hour"), logs))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
