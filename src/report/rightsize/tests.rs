//! Days of containers that are too large, too small, killed, without limits, and not there for long.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::analysis::recommendation::Kind;
use crate::analysis::rightsize::Capacity;
use crate::history::{Ask, Bin, Machine, Wanted, insight};
use crate::report::Format;

const MIB: f64 = 1_048_576.0;
const DAY_MS: i64 = 86_400_000;
const HOST: Capacity = Capacity { cores: 4.0, memory_bytes: 4096.0 * MIB };

fn from() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// What one container did and may do in a step, so many days after the beginning.
#[derive(Clone, Copy, Default)]
struct Did {
    cpu: f64,
    cpu_limit: Option<f64>,
    throttled: f64,
    memory: f64,
    memory_limit: Option<f64>,
    kills: f64,
    restarts: f64,
}

/// A container: its name, the days from and to which it is there, and what it does.
type Life = (&'static str, [f64; 2], fn(f64) -> Did);

/// Containers.
#[derive(Debug)]
struct Days {
    lives: Vec<Life>,
    machines: Vec<Machine>,
    /// Where containers run, if somebody tells.
    places: Vec<(&'static str, &'static str)>,
}

fn days(lives: &[Life]) -> Days {
    Days { lives: lives.to_vec(), machines: Vec::new(), places: Vec::new() }
}

impl Query for Days {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn machines(&self, _: i64) -> BoxFuture<'_, Result<Vec<Machine>, QueryError>> {
        Box::pin(async { Ok(self.machines.clone()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        if wanted.measure.name == insight::MEMORY.name {
            let line = |(name, instance): &(&str, &str)| {
                let labels = [("user", "ann"), ("project", "shop"), ("team", "core"), ("name", *name)];
                let labels = labels.into_iter().chain([("instance", *instance)]);
                let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
                Line { labels: labels.collect(), points: vec![(wanted.to, 1.0)] }
            };
            let lines = self.places.iter().map(line).collect();
            return Box::pin(async move { Ok(lines) });
        }
        let first = from().as_millisecond();
        let value = |did: Did| match wanted.measure.name {
            "cpu_usage_cores" => Some(did.cpu),
            "cpu_limit_cores" => did.cpu_limit,
            "cpu_periods" => did.cpu_limit.map(|_| 100.0),
            "cpu_throttled_periods" => did.cpu_limit.map(|_| 100.0 * did.throttled),
            "memory_working_set_peak_bytes" => Some(did.memory),
            "memory_limit_bytes" => did.memory_limit,
            "oom_kills" => Some(did.kills),
            "restarts" => Some(did.restarts),
            // What programs and databases tell, of whom there are none.
            _ => None,
        };
        let line = |(name, [begin, end], did): &Life| {
            let labels = [("user", "ann"), ("project", "shop"), ("team", "core"), ("name", *name)];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let steps = (wanted.to - wanted.from) / wanted.step_ms;
            let point = |step: i64| {
                let at = wanted.from + step * wanted.step_ms;
                let day = (at - first) as f64 / DAY_MS as f64;
                if day <= *begin || day > *end { None } else { Some((at, value(did(day))?)) }
            };
            Line { labels: labels.into(), points: (1..=steps).filter_map(point).collect() }
        };
        let is_of_containers = sizing::ALL.iter().any(|one| one.name == wanted.measure.name);
        let lives = self.lives.iter().filter(|_| is_of_containers);
        let lines = lives.map(line).filter(|line| !line.points.is_empty()).collect();
        Box::pin(async move { Ok(lines) })
    }
}

/// A limit of two cores and 2 GiB, of which a tenth of a core and 50 MiB are used.
fn oversized(_: f64) -> Did {
    Did {
        cpu: 0.1,
        cpu_limit: Some(2.0),
        memory: 50.0 * MIB,
        memory_limit: Some(2048.0 * MIB),
        ..Did::default()
    }
}

fn throttled(_: f64) -> Did {
    Did {
        cpu: 0.5,
        cpu_limit: Some(0.5),
        throttled: 0.4,
        memory: 50.0 * MIB,
        memory_limit: Some(64.0 * MIB),
        ..Did::default()
    }
}

/// As [`throttled`], until somebody raised the limit on the third day.
fn raised(day: f64) -> Did {
    if day <= 2.0 {
        return throttled(day);
    }
    Did { cpu: 0.6, cpu_limit: Some(0.7), throttled: 0.0, ..throttled(day) }
}

/// Killed once a day at 100 MiB.
fn killed(day: f64) -> Did {
    let is_killed = (day.fract() - 0.5).abs() < 1e-4;
    Did {
        cpu: 0.1,
        cpu_limit: Some(0.15),
        memory: 90.0 * MIB,
        memory_limit: Some(100.0 * MIB),
        kills: f64::from(is_killed),
        restarts: f64::from(is_killed),
        ..Did::default()
    }
}

fn unlimited(_: f64) -> Did {
    Did { cpu: 0.4, memory: 100.0 * MIB, ..Did::default() }
}

fn options(days: i64) -> Options {
    let to = from().checked_add(jiff::SignedDuration::from_hours(days * 24)).unwrap();
    Options {
        whom: Whom::default(),
        period: Period { from: from(), to },
        host: Some(HOST),
        known: BTreeMap::new(),
        with_host: true,
        beside: Looked::default(),
    }
}

async fn of(days: Days, options: Options) -> Rightsized {
    report(&days, options, &mut |_| ()).await.unwrap()
}

fn parsed(found: &Rightsized) -> Value {
    serde_json::from_str(&found.page(Format::Json)).unwrap()
}

fn kinds(found: &Rightsized) -> Vec<(&str, Kind)> {
    let all = found.recommendations.iter();
    all.map(|one| (one.scope.container.as_deref().unwrap_or("the host"), one.kind)).collect()
}

fn change(found: &Rightsized, kind: Kind) -> Option<(Option<f64>, f64)> {
    let of_kind = found.recommendations.iter().find(|recommendation| recommendation.kind == kind)?;
    of_kind.change.map(Change::values)
}

#[tokio::test]
async fn each_container_is_told_what_the_rules_say() {
    let lives: [Life; 5] = [
        ("oversized", [0.0, 9.0], oversized),
        ("throttled", [0.0, 9.0], throttled),
        ("killed", [0.0, 9.0], killed),
        ("unlimited", [0.0, 9.0], unlimited),
        ("short", [2.9, 9.0], oversized),
    ];
    let found = of(days(&lives), options(3)).await;
    assert_eq!((found.containers, found.step_s), (5, 300));
    assert_eq!(
        kinds(&found),
        [
            // A kill comes before everything, then what is held back, and what frees most of the host.
            ("killed", Kind::MemoryLimit),
            ("oversized", Kind::MemoryLimit),
            ("oversized", Kind::CpuLimit),
            ("throttled", Kind::CpuLimit),
            ("the host", Kind::HostOvercommit),
            ("unlimited", Kind::MemoryLimit),
            ("the host", Kind::HostOvercommit),
            ("unlimited", Kind::CpuLimit),
        ]
    );
    let missing: Vec<&str> =
        found.not_enough_data.iter().filter_map(|none| none.scope.container.as_deref()).collect();
    assert_eq!(missing, ["short", "short"]);
    assert!(found.not_enough_data[0].sentence.contains("of 100 samples"), "{:?}", found.not_enough_data);
    let kill = &found.recommendations[0];
    assert!(kill.sentence.contains("was killed 3 times"), "{}", kill.sentence);
    assert!(kill.risk.contains("it restarted 3 times"), "{}", kill.risk);
    let overcommit = found.overcommit.unwrap();
    assert_eq!((overcommit.containers, overcommit.without_cpu_limit), (5, 1));
}

#[tokio::test]
async fn a_limit_that_was_raised_is_not_raised_again_for_what_was_before() {
    let found = of(days(&[("raised", [0.0, 9.0], raised)]), options(3)).await;
    assert!(change(&found, Kind::CpuLimit).is_none(), "{:?}", found.recommendations);
    let still = of(days(&[("throttled", [0.0, 9.0], throttled)]), options(3)).await;
    assert_eq!(change(&still, Kind::CpuLimit), Some((Some(0.5), 0.7)));
}

#[tokio::test]
async fn what_has_ended_is_left_out_and_what_stopped_just_now_is_promised_nothing() {
    let lives: [Life; 2] = [("gone", [0.0, 2.0], oversized), ("stopped", [0.0, 2.9], oversized)];
    let found = of(days(&lives), options(3)).await;
    assert_eq!(found.containers, 1);
    assert!(found.overcommit.is_none(), "nothing runs");
}

#[tokio::test]
async fn what_began_a_few_days_ago_is_looked_at_in_fine_steps() {
    let found = of(days(&[("new", [11.0, 99.0], oversized)]), options(14)).await;
    assert_eq!((found.step_s, kinds(&found).len()), (300, 2));
    let old = of(days(&[("old", [0.0, 99.0], oversized)]), options(14)).await;
    assert_eq!((old.step_s, old.recommendations.len()), (3600, 2));
    let nothing = of(days(&[]), options(14)).await;
    assert_eq!((nothing.containers, nothing.page(Format::Text).starts_with("No containers")), (0, true));
}

#[tokio::test]
async fn a_prometheus_knows_the_hosts_and_of_several_it_is_not_said_which() {
    let machine = |name: &str, cores: f64| Machine { name: name.to_owned(), cores, memory_bytes: 1e10 };
    let with = |machines: Vec<Machine>| Days { machines, ..days(&[("unlimited", [0.0, 9.0], unlimited)]) };
    let one = of(with(vec![machine("a", 8.0)]), options(3)).await;
    let sentence = |found: &Rightsized| parsed(found)["recommendations"][1]["sentence"].to_string();
    assert!(sentence(&one).contains("all 8.00 cores"), "{}", sentence(&one));
    let two = of(with(vec![machine("a", 8.0), machine("b", 2.0)]), options(3)).await;
    assert!(two.overcommit.is_none());
    assert!(two.not_enough_data[0].sentence.contains("which of 2 hosts"), "{:?}", two.not_enough_data);
    let none = of(with(Vec::new()), Options { host: None, ..options(3) }).await;
    assert!(none.recommendations.is_empty());
    assert_eq!(none.not_enough_data.len(), 3, "{:?}", none.not_enough_data);
}

#[tokio::test]
async fn of_several_hosts_a_limit_fits_its_own_and_each_is_told_what_it_has_promised() {
    let machine = |name: &str, cores: f64| Machine { name: name.to_owned(), cores, memory_bytes: 1e10 };
    let lives: [Life; 3] = [
        ("large", [0.0, 9.0], unlimited),
        ("small", [0.0, 9.0], unlimited),
        ("greedy", [0.0, 9.0], |day| Did { cpu_limit: Some(3.0), ..oversized(day) }),
    ];
    let days = Days {
        machines: vec![machine("a:1", 8.0), machine("b:1", 2.0)],
        places: vec![("large", "a:1"), ("small", "b:1"), ("greedy", "b:1")],
        ..days(&lives)
    };
    let found = of(days, options(3)).await;
    let first_limit = |name: &str| {
        let mut all = found.recommendations.iter().filter(|one| one.kind == Kind::CpuLimit);
        all.find(|one| one.scope.container.as_deref() == Some(name)).unwrap().sentence.clone()
    };
    assert!(first_limit("large").contains("all 8.00 cores"), "{}", first_limit("large"));
    assert!(first_limit("small").contains("all 2.00 cores"), "{}", first_limit("small"));
    assert!(found.overcommit.is_none());
    let promised: Vec<_> =
        found.hosts.iter().map(|(name, on)| (name.as_str(), on.containers, on.cpu_limits_cores)).collect();
    // More than a host has cannot be used there.
    assert_eq!(promised, [("a:1", 1, 0.0), ("b:1", 2, 2.0)]);
    let json = parsed(&found);
    assert_eq!((&json["host"], &json["hosts"][1]["instance"]), (&Value::Null, &"b:1".into()));
    assert!(found.page(Format::Text).contains("are 100 % of `b:1`'s cores"), "{}", found.page(Format::Text));
    assert_eq!(found.values["host_overcommit//////cpu%2Fb:1"], 1.0);
}

#[tokio::test]
async fn what_is_known_besides_names_the_place_and_sizes_what_is_set_aside() {
    let labels = [("user", "ann"), ("project", "shop"), ("team", "core"), ("name", "oversized")];
    let labels: Labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let known = Known {
        compose_service: Some("api".to_owned()),
        cpu_reserved_cores: Some(1.0),
        memory_reserved_bytes: Some(1024.0 * MIB),
    };
    let options = Options { known: [(labels, known)].into(), ..options(3) };
    let found = of(days(&[("oversized", [0.0, 9.0], oversized)]), options).await;
    assert_eq!(change(&found, Kind::CpuReservation), Some((Some(1.0), 0.15)));
    assert_eq!(change(&found, Kind::MemoryReservation), Some((Some(1024.0 * MIB), 60.0 * MIB)));
    assert!(found.page(Format::Text).contains("in `services.api` in the Compose file"));
}

#[tokio::test]
async fn every_format_tells_the_same() {
    let lives: [Life; 3] = [
        ("killed", [0.0, 9.0], killed),
        ("throttled", [0.0, 9.0], throttled),
        ("short", [2.9, 9.0], oversized),
    ];
    let found = of(days(&lives), options(3)).await;
    for (format, name) in [
        (Format::Text, "rightsize.txt"),
        (Format::Markdown, "rightsize.md"),
        (Format::Json, "rightsize.json"),
        (Format::Csv, "rightsize.csv"),
    ] {
        let page = found.page(format);
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        assert_eq!(page, std::fs::read_to_string(&file).unwrap_or_default(), "{name}");
    }
}
