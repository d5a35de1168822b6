//! Tables: what is said of which facts.

use super::*;
use crate::health::facts::DiskFacts;
use crate::inventory::{Health, Status as State};
use crate::tenant::{LabelValue, Tenant};

/// Two hours after the beginning of all time.
fn now() -> Timestamp {
    Timestamp::from_second(7200).unwrap()
}

fn ago(seconds: u64) -> Option<Timestamp> {
    Some(now() - Duration::from_secs(seconds))
}

fn judged(facts: Facts) -> Report {
    report(&Facts { at: now(), ..facts }, &config::Health::default())
}

fn only(facts: Facts) -> Verdict {
    let mut report = judged(facts);
    assert_eq!(report.verdicts.len(), 1, "{report:?}");
    report.verdicts.remove(0)
}

fn container() -> ContainerFacts {
    let id = "ab".repeat(32).parse().unwrap();
    ContainerFacts {
        about: About { id, name: LabelValue::clean("api"), tenant: Tenant::claimed(Some("ann"), None, None) },
        status: State::Running,
        health: None,
        failing_since: None,
        restart_policy: "no".to_owned(),
        exit_code: None,
        ended_at: None,
        restarts: 0,
        oom_at: None,
        cpu_share: None,
        throttled: None,
        memory_share: None,
        mistake: None,
    }
}

#[test]
fn nothing_known_is_nothing_said() {
    let report = judged(Facts::default());
    assert_eq!((report.status(), report.warning_count(), report.verdicts.len()), (Status::Healthy, 0, 0));
}

#[test]
fn the_worst_reason_makes_the_domain_and_the_worst_domain_the_whole() {
    let engine = Some(EngineFacts { connected: true, ..EngineFacts::default() });
    let low = ContainerFacts { memory_share: Some((0.91, true)), ..container() };
    let high = ContainerFacts { cpu_share: Some((1.2, true)), ..container() };
    let report = judged(Facts { engine, containers: Some(vec![low, high]), ..Facts::default() });
    assert_eq!((report.status(), report.warning_count()), (Status::Unhealthy, 2));
    let statuses: Vec<Status> = report.verdicts.iter().map(Verdict::status).collect();
    assert_eq!(statuses, [Status::Healthy, Status::Unhealthy]);
    assert_eq!(report.verdicts[1].reasons[0].status, Status::Unhealthy, "the worst comes first");
}

#[test]
fn an_engine_that_is_away_says_why() {
    let away = EngineFacts { last_error: Some("permission denied".to_owned()), ..EngineFacts::default() };
    let verdict = only(Facts { engine: Some(away), ..Facts::default() });
    assert_eq!(verdict.status(), Status::Unhealthy);
    assert_eq!(verdict.reasons[0].detail, "the engine does not answer: permission denied");
    assert!(verdict.reasons[0].next_step.contains("--docker.host"));
}

/// A container's facts, what they are and how bad, and some of the words.
type Case = (fn(&mut ContainerFacts), Option<(Kind, Status, &'static str, &'static str)>);

#[test]
fn containers_are_judged_by_their_life_and_their_limits() {
    use Status::{Unhealthy, Warning};
    let hour = Duration::from_secs(3600);
    assert_eq!(RECENT, hour);
    let cases: &[Case] = &[
        (|_| {}, None),
        (|c| c.health = Some(Health::Healthy), None),
        (|c| c.health = Some(Health::Starting), None),
        (
            |c| c.health = Some(Health::Unhealthy),
            Some((
                Kind::HealthCheckFails,
                Unhealthy,
                "the health check of container `api` fails",
                ".State.Health",
            )),
        ),
        (|c| (c.health, c.status) = (Some(Health::Unhealthy), State::Created), None),
        (|c| c.restarts = 2, None),
        (
            |c| c.restarts = 3,
            Some((
                Kind::RestartLoop,
                Unhealthy,
                "restarted 3 times in 15 minutes",
                "docker logs --tail 50 api",
            )),
        ),
        (
            |c| (c.status, c.exit_code) = (State::Restarting, Some(1)),
            Some((Kind::Restarting, Warning, "being restarted after it ended with status 1", "docker logs")),
        ),
        (
            |c| c.status = State::Dead,
            Some((Kind::RemovalFailed, Unhealthy, "could not remove", "docker rm -f api")),
        ),
        (|c| c.status = State::Paused, None),
        (
            |c| c.oom_at = ago(60),
            Some((
                Kind::OomKill,
                Warning,
                "killed within the hour for want of memory",
                "docker update --memory",
            )),
        ),
        (|c| c.oom_at = ago(3601), None),
        (|c| (c.status, c.exit_code) = (State::Exited, Some(0)), None),
        (
            |c| (c.status, c.exit_code, c.ended_at) = (State::Exited, Some(2), ago(9)),
            Some((
                Kind::FailedRun,
                Warning,
                "container `api` ended with status 2 within the hour",
                "docker logs",
            )),
        ),
        (|c| (c.status, c.exit_code, c.ended_at) = (State::Exited, Some(143), ago(9)), None),
        (|c| (c.status, c.exit_code, c.ended_at) = (State::Exited, Some(2), ago(3601)), None),
        (
            |c| (c.status, c.exit_code, c.restart_policy) = (State::Exited, Some(0), "always".to_owned()),
            Some((
                Kind::Down,
                Warning,
                "is down with status 0, although its restart policy is `always`",
                "docker start api",
            )),
        ),
        (
            |c| (c.status, c.exit_code, c.restart_policy) = (State::Exited, Some(0), "on-failure".to_owned()),
            None,
        ),
        (
            |c| (c.status, c.exit_code, c.restart_policy) = (State::Exited, Some(1), "on-failure".to_owned()),
            Some((Kind::Down, Warning, "although its restart policy is `on-failure`", "docker start api")),
        ),
        (|c| c.cpu_share = Some((0.89, true)), None),
        (
            |c| c.cpu_share = Some((0.90, true)),
            Some((Kind::CpuLimit, Warning, "uses 90 % of its CPU limit", "docker update --cpus")),
        ),
        (
            |c| c.cpu_share = Some((0.95, false)),
            Some((Kind::CpuOfHost, Unhealthy, "uses 95 % of the host's CPU", "docker update --cpus")),
        ),
        (|c| c.throttled = Some(0.24), None),
        (
            |c| (c.throttled, c.cpu_share) = (Some(0.4), Some((0.5, true))),
            Some((Kind::Throttled, Warning, "was held back in 40 % of its CPU periods", "--cpus … api")),
        ),
        (
            |c| (c.throttled, c.cpu_share) = (Some(0.9), Some((0.99, true))),
            Some((Kind::CpuLimit, Unhealthy, "uses 99 % of its CPU limit", "raise it")),
        ),
        (
            |c| c.memory_share = Some((0.95, true)),
            Some((Kind::MemoryLimit, Unhealthy, "uses 95 % of its memory limit", "raise it")),
        ),
        (
            |c| c.memory_share = Some((0.93, false)),
            Some((Kind::MemoryOfHost, Warning, "uses 93 % of the host's memory", "limit it")),
        ),
        (
            |c| c.mistake = Some("it has no address of its own".to_owned()),
            Some((
                Kind::DiscoveryLabels,
                Warning,
                "Prometheus does not find container `api`: it has no address",
                "docs/discovery.md",
            )),
        ),
    ];
    for (index, (change, expected)) in cases.iter().enumerate() {
        let mut one = container();
        change(&mut one);
        let verdict = judged(Facts { containers: Some(vec![one]), ..Facts::default() });
        let reasons = &verdict.verdicts[0].reasons;
        match expected {
            None => assert!(reasons.is_empty(), "case {index}: {reasons:?}"),
            Some((kind, status, detail, step)) => {
                assert_eq!(reasons.len(), 1, "case {index}: {reasons:?}");
                assert_eq!((reasons[0].kind, reasons[0].status), (*kind, *status), "case {index}");
                assert!(reasons[0].detail.contains(detail), "case {index}: {}", reasons[0].detail);
                assert!(reasons[0].next_step.contains(step), "case {index}: {}", reasons[0].next_step);
                assert_eq!(reasons[0].about.as_ref().unwrap().name.as_str(), "api");
            }
        }
    }
}

#[test]
fn a_reason_that_has_a_moment_of_its_own_says_since_when() {
    type Known = (fn(&mut ContainerFacts), Kind, Option<Timestamp>);
    let exited = |c: &mut ContainerFacts| (c.status, c.exit_code) = (State::Exited, Some(2));
    let cases: &[Known] = &[
        (
            |c| (c.health, c.failing_since) = (Some(Health::Unhealthy), ago(90)),
            Kind::HealthCheckFails,
            ago(90),
        ),
        (|c| c.health = Some(Health::Unhealthy), Kind::HealthCheckFails, None),
        (|c| c.oom_at = ago(8), Kind::OomKill, ago(8)),
        (|c| c.status = State::Restarting, Kind::Restarting, ago(5)),
        (exited, Kind::FailedRun, ago(5)),
        (|c| (c.status, c.restart_policy) = (State::Exited, "always".to_owned()), Kind::Down, ago(5)),
        (|c| c.restarts = 3, Kind::RestartLoop, None),
        (|c| c.memory_share = Some((0.95, true)), Kind::MemoryLimit, None),
    ];
    for (change, kind, since) in cases {
        let mut one = ContainerFacts { ended_at: ago(5), ..container() };
        change(&mut one);
        let verdict = only(Facts { containers: Some(vec![one]), ..Facts::default() });
        assert_eq!((verdict.reasons[0].kind, verdict.reasons[0].since), (*kind, *since));
    }
}

#[test]
fn several_of_a_kind_are_told_apart() {
    let disk =
        |mountpoint: &str| DiskFacts { mountpoint: mountpoint.to_owned(), used: 0.99, inodes: Some(0.99) };
    let host = HostFacts { disks: vec![disk("/"), disk("/data")], ..HostFacts::default() };
    let unread = ["cpu", "disk"].map(|collector| (collector.to_owned(), "gone".to_owned())).to_vec();
    let own = OwnFacts { unread, ..OwnFacts::default() };
    let report = judged(Facts { host: Some(host), own: Some(own), ..Facts::default() });
    let reasons = report.verdicts.iter().flat_map(|verdict| &verdict.reasons);
    let told: Vec<_> = reasons.map(|reason| (reason.kind, reason.subject.as_deref().unwrap())).collect();
    let expected = [
        (Kind::DiskFull, "/"),
        (Kind::InodesFull, "/"),
        (Kind::DiskFull, "/data"),
        (Kind::InodesFull, "/data"),
        (Kind::CollectorUnread, "cpu"),
        (Kind::CollectorUnread, "disk"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_host_is_judged_by_shares_pressure_and_load() {
    use Status::{Unhealthy, Warning};
    let disk = |used, inodes| vec![DiskFacts { mountpoint: "/data".to_owned(), used, inodes }];
    let none = HostFacts::default;
    for (host, expected) in [
        (none(), None),
        (HostFacts { cpu_share: Some(0.899), ..none() }, None),
        (
            HostFacts { cpu_share: Some(0.94), ..none() },
            Some((Warning, "94 % of the host's CPU time is in use")),
        ),
        (
            HostFacts { memory_share: Some(0.95), ..none() },
            Some((Unhealthy, "95 % of the host's memory is in use")),
        ),
        (
            HostFacts { disks: disk(0.92, None), ..none() },
            Some((Warning, "92 % of the disk at `/data` is in use")),
        ),
        (
            HostFacts { disks: disk(0.1, Some(0.99)), ..none() },
            Some((Unhealthy, "99 % of the inodes at `/data` are in use")),
        ),
        (HostFacts { file_handles: Some(0.9), ..none() }, Some((Warning, "file handles"))),
        (HostFacts { connections: Some(0.96), ..none() }, Some((Unhealthy, "tracked connections"))),
        (
            HostFacts { memory_stalled: Some(0.1), ..none() },
            Some((Warning, "for 10 % of the last minute everything waited for memory")),
        ),
        (HostFacts { io_stalled: Some(0.29), ..none() }, None),
        (HostFacts { load_per_core: Some(2.5), ..none() }, Some((Warning, "2.5 tasks for each core"))),
    ] {
        let verdict = only(Facts { host: Some(host), ..Facts::default() });
        let said = verdict.reasons.first().map(|reason| (reason.status, reason.detail.as_str()));
        match expected {
            None => assert_eq!(said, None),
            Some((status, words)) => {
                let (found, detail) = said.unwrap();
                assert!(found == status && detail.contains(words), "{found:?} {detail}");
            }
        }
    }
}

#[test]
fn thresholds_are_those_that_are_set() {
    let host = HostFacts { cpu_share: Some(0.7), ..HostFacts::default() };
    let facts = Facts { host: Some(host), ..Facts::default() };
    for (warning_percent, unhealthy_percent, expected) in
        [(90.0, 95.0, Status::Healthy), (70.0, 95.0, Status::Warning), (60.0, 70.0, Status::Unhealthy)]
    {
        let thresholds = config::Health { warning_percent, unhealthy_percent };
        assert_eq!(report(&facts, &thresholds).status(), expected);
    }
}

#[test]
fn what_nothing_needs_is_told_of_when_it_is_much() {
    let objects = |bytes| Some(Objects { count: 9, unused: Some(4), reclaimable_bytes: Some(bytes) });
    for (bytes, root, expected) in [
        (9 << 30, Some(100 << 30), None),
        (11 << 30, Some(100 << 30), Some("11.0 GiB of images are needed by nothing")),
        (9 << 30, None, None),
        (10 << 30, None, Some("10.0 GiB of images")),
    ] {
        let verdict = only(Facts { images: objects(bytes), data_root_bytes: root, ..Facts::default() });
        assert_eq!(verdict.summary, "9 images, 4 unused");
        let said = verdict.reasons.first().map(|reason| reason.detail.as_str());
        assert!(
            said.is_some() == expected.is_some() && said.unwrap_or("").contains(expected.unwrap_or("")),
            "{said:?}"
        );
    }
    let volumes = only(Facts { volumes: objects(20 << 30), ..Facts::default() });
    assert!(volumes.reasons[0].next_step.contains("what is in them is lost"));
    let networks = |unused| Some(Objects { count: 20, unused: Some(unused), reclaimable_bytes: None });
    assert!(only(Facts { networks: networks(14), ..Facts::default() }).reasons.is_empty());
    assert_eq!(only(Facts { networks: networks(15), ..Facts::default() }).status(), Status::Warning);
    let conflicts = Some(vec![container().about]);
    let verdict = only(Facts { networks: networks(0), port_conflicts: conflicts, ..Facts::default() });
    assert!(verdict.reasons[0].detail.contains("container `api` wants a port"));
}

#[test]
fn a_server_of_the_stack_that_is_away_is_unhealthy() {
    let servers = vec![
        ServerFacts { name: "Prometheus", answer: Ok(()) },
        ServerFacts { name: "Alertmanager", answer: Err("refused".to_owned()) },
    ];
    let verdict = only(Facts { stack: servers, ..Facts::default() });
    assert_eq!((verdict.summary.as_str(), verdict.status()), ("Prometheus, Alertmanager", Status::Unhealthy));
    assert_eq!(verdict.reasons[0].detail, "Alertmanager does not answer: refused");
    assert!(verdict.reasons[0].next_step.contains("nobody is told of alerts"));
}

#[test]
fn dockmeter_tells_of_its_own_troubles() {
    let none = OwnFacts::default;
    for (own, words) in [
        (none(), None),
        (OwnFacts { resident_bytes: Some(300_000_000), ..none() }, None),
        (OwnFacts { resident_bytes: Some(300_000_001), ..none() }, Some("uses 286.1 MiB of memory")),
        (OwnFacts { overruns: 3, ..none() }, Some("3 samplings came too late")),
        (OwnFacts { dropped_series: 5, ..none() }, Some("5 series")),
        (OwnFacts { reload_refused: true, ..none() }, Some("was refused")),
        (
            OwnFacts { unread: vec![("cpu".to_owned(), "gone".to_owned())], ..none() },
            Some("collector `cpu` cannot read: gone"),
        ),
    ] {
        let verdict = only(Facts { own: Some(own), ..Facts::default() });
        let said = verdict.reasons.first().map(|reason| reason.detail.as_str());
        assert_eq!(said.is_some(), words.is_some(), "{said:?}");
        assert!(said.unwrap_or("").contains(words.unwrap_or("")), "{said:?}");
    }
}
