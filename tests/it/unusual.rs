//! What is unusual is told as it happens: a container that did nothing for a week, by the embedded
//! history or a Prometheus, takes a core.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dockmeter::config::TokenHash;
use dockmeter::history::{About, Counter, Gauge, Keeper, Key, Options, Retention, Sample, Taken};
use dockmeter::tenant::{LabelValue, Tenant};
use jiff::Timestamp;

use crate::engine::{Container, Engine, IDLE};
use crate::exporter::{Exporter, bearer};
use crate::prometheus::Prometheus;
use crate::streams::Reader;

const MINUTE_MS: i64 = 60_000;
const WEEK_MS: i64 = 7 * 24 * 60 * MINUTE_MS;

/// Within this it is told: three seconds of a core are more than the container had in any five
/// minutes, so that nobody has to wait until the step of five minutes is over.
const SOON: Duration = Duration::from_secs(60);

/// Takes a core until it is killed.
const BURNS: [&str; 3] = ["sh", "-c", "while :; do :; done"];

/// Writes a week in which a container of ann's did next to nothing.
pub(crate) fn write_a_quiet_week(folder: &Path, id: &str, name: &str) {
    let options = Options {
        path: Some(folder.to_owned()),
        retention: Retention::default(),
        memory_bytes: 64 << 20,
        disk_bytes: 512 << 20,
    };
    let mut keeper = Keeper::open(&options).expect("a history");
    let tenant = Tenant::claimed(Some("ann"), Some("shop"), Some("core"));
    let about = Arc::new(About { name: LabelValue::clean(name), tenant });
    let key = Key::Container(id.parse().expect("an id"));
    let now = Timestamp::now().as_millisecond();
    let mut sample = Sample {
        counters: vec![None; Counter::Restarts as usize + 1],
        gauges: vec![None; Gauge::Health as usize + 1],
    };
    for (minute, at) in (now - WEEK_MS..now).step_by(MINUTE_MS as usize).enumerate() {
        // In microseconds: two thousandths of a core, more or less.
        sample.counters[Counter::Cpu as usize] = Some(minute as u64 * 120_000 + minute as u64 % 7 * 10_000);
        keeper.take(at, &[Taken { key, about: Some(about.clone()), sample: sample.clone() }]);
    }
}

/// The same as a Prometheus reads it.
fn quiet_week(name: &str) -> String {
    let now = Timestamp::now().as_second();
    let mut text = "# TYPE container_cpu_usage_seconds counter\n".to_owned();
    for (minute, at) in (now - WEEK_MS / 1000..now).step_by(60).enumerate() {
        let cpu = minute as f64 * 0.12;
        let labels = format!("user=\"ann\",project=\"shop\",team=\"core\",name=\"{name}\"");
        let _ = writeln!(text, "container_cpu_usage_seconds_total{{{labels}}} {cpu} {at}");
    }
    text + "# EOF\n"
}

fn run<'e>(engine: &'e Engine, name: &str) -> Container<'e> {
    let labels =
        ["--label=dockmeter.user=ann", "--label=dockmeter.project=shop", "--label=dockmeter.team=core"];
    engine.run(name, &labels, IDLE)
}

fn burn(engine: &Engine, container: &Container<'_>) {
    engine.docker(&[&["exec", "-d", &container.id], &BURNS[..]].concat());
}

/// Logins of two users, and further settings.
fn configuration(folder: &Path, more: &str) -> String {
    let token = |user: &str| {
        format!("{{name: {user}, hash: '{}', scopes: [read], user: {user}}}", TokenHash::of(user))
    };
    let file = folder.join("dockmeter.yml");
    let text = format!("auth: {{tokens: [{}, {}]}}\n{more}", token("ann"), token("bob"));
    fs::write(&file, text).expect("a configuration");
    format!("--config.file={}", file.display())
}

#[test]
fn a_container_that_takes_a_core_after_a_quiet_week_is_told_to_its_tenant_alone() {
    let Some(engine) = Engine::shared() else { return };
    let container = run(&engine, "unusual-worker");
    let folder = tempfile::tempdir().expect("a folder");
    write_a_quiet_week(&folder.path().join("history"), &container.id, "unusual-worker");
    let configuration = configuration(folder.path(), "history: {path: history}\n");
    let exporter = Exporter::with(&engine, &[&configuration, "--sampling.full=1s"]);
    let open = |user: &str| Reader::open(exporter.address, "?interval=1000", &[&bearer(user)]);
    let [mut ann, mut bob] = ["ann", "bob"].map(open);
    burn(&engine, &container);
    let began = Instant::now();
    let told = ann.until_event("anomaly", "unusual-worker");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!((&told["state"], &told["metric"]), (&"began".into(), &"cpu_usage_cores".into()), "{told}");
    assert_eq!(told["container_id"], container.id.as_str());
    let number = |name: &str| told[name].as_f64().unwrap_or_else(|| panic!("{told}"));
    assert!(number("value") > number("high") && number("high") < 0.05, "{told}");
    let text = told["text"].as_str().unwrap_or_default();
    assert!(text.starts_with("`unusual-worker`: CPU ") && text.contains(" to be expected"), "{text}");

    // Who opens a page now is told, too, if it is his.
    for (user, count) in [("ann", 1), ("bob", 0)] {
        let mut late = open(user);
        let now = loop {
            let event = late.next().expect("events");
            if event.name == "anomalies" {
                break event.data["anomalies"].as_array().expect("a list").clone();
            }
        };
        assert_eq!(now.len(), count, "{user}: {now:?}");
    }

    container.docker(&["rm", "-f"]);
    let ended = ann.until_event("anomaly", "unusual-worker");
    assert_eq!((&ended["state"], &ended["metric"]), (&"ended".into(), &"cpu_usage_cores".into()), "{ended}");
    // Bob has got all that came meanwhile.
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        let event = bob.next().expect("numbers go on");
        assert!(!event.data.to_string().contains("unusual-worker"), "{event:?}");
    }
}

#[test]
fn what_is_usual_is_learned_from_a_prometheus_where_no_history_is_kept() {
    let Some(prometheus) = Prometheus::holding(&quiet_week("unusual-elsewhere")) else { return };
    let Some(engine) = Engine::shared() else { return };
    let container = run(&engine, "unusual-elsewhere");
    let folder = tempfile::tempdir().expect("a folder");
    let configuration =
        configuration(folder.path(), &format!("prometheus: {{url: '{}'}}\n", prometheus.url()));
    let flags = [&configuration, "--no-history", "--sampling.full=1s"];
    let exporter = Exporter::with(&engine, &flags);
    let mut reader = Reader::open(exporter.address, "?user=ann", &[]);
    burn(&engine, &container);
    let told = reader.until_event("anomaly", "unusual-elsewhere");
    assert_eq!((&told["state"], &told["metric"]), (&"began".into(), &"cpu_usage_cores".into()), "{told}");

    let silent = Exporter::with(&engine, &[&flags[..], &["--no-anomalies"]].concat());
    let mut reader = Reader::open(silent.address, "?interval=250", &[]);
    for _ in 0..8 {
        assert_ne!(reader.next().expect("numbers").name, "anomalies");
    }
}
