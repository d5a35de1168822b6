//! The live page in a real browser, over the real program and real containers. Each story is a
//! script of `web/tests/stories`, which looks and clicks as a person does; here is its scene.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockmeter::config::TokenHash;
use dockmeter::history::{About, Counter, Gauge, Keeper, Key, Options, Retention, Sample, Taken};
use dockmeter::tenant::{LabelValue, Tenant};
use jiff::Timestamp;

use crate::alertmanager::{Alertmanager, alert, client, wait};
use crate::component::Component;
use crate::engine::{Container, Engine, IDLE, IMAGE};
use crate::exporter::Exporter;
use crate::unusual::write_a_quiet_week;

/// A token that may do everything, and one that reads what is ann's.
const ADMIN: &str = "dm_admin";
const READER: &str = "dm_reader";

/// What a story runs in: a configuration with logins, and a browser.
struct Stage {
    folder: tempfile::TempDir,
    chromium: PathBuf,
    client: PathBuf,
    /// What names of this story's containers begin with.
    prefix: &'static str,
}

impl Stage {
    /// `None` where no page could be built, or there is no browser.
    fn new(prefix: &'static str) -> Option<Self> {
        Component::Page.path()?;
        let (chromium, client) = (Component::Chromium.path()?, Component::Docker.path()?);
        Some(Stage { folder: tempfile::tempdir().expect("a folder"), chromium, client, prefix })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A configuration that sees this story's containers alone, with logins and `more`.
    fn configuration(&self, more: &str) -> String {
        let (admin, reader) = (TokenHash::of(ADMIN), TokenHash::of(READER));
        let text = format!(
            "containers: {{include: [{{name: '^{}'}}]}}\nauth:\n  tokens:\n  \
             - {{name: admin, hash: '{admin}', scopes: [read, write, admin]}}\n  \
             - {{name: ann, hash: '{reader}', scopes: [read], user: ann}}\n{more}",
            self.prefix
        );
        let file = self.path("dockmeter.yml");
        fs::write(&file, text).expect("a configuration");
        format!("--config.file={}", file.display())
    }

    /// A container of this story, of somebody.
    fn run<'e>(&self, engine: &'e Engine, name: &str, whose: [&str; 3], words: &[&str]) -> Container<'e> {
        self.run_with(engine, name, whose, &[], words)
    }

    fn run_with<'e>(
        &self,
        engine: &'e Engine,
        name: &str,
        [user, project, team]: [&str; 3],
        options: &[&str],
        words: &[&str],
    ) -> Container<'e> {
        let labels = [
            format!("--label=dockmeter.user={user}"),
            format!("--label=dockmeter.project={project}"),
            format!("--label=dockmeter.team={team}"),
        ];
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        engine.run(&format!("{}{name}", self.prefix), &[&labels[..], options].concat(), words)
    }

    /// Tells a story in front of a program.
    fn tell(&self, story: &str, engine: &Engine, exporter: &Exporter, more: &[(&str, &str)]) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let pictures = root.join("target/pictures");
        fs::create_dir_all(&pictures).expect("a folder of pictures");
        let mut command = Command::new("node");
        command
            .arg(root.join("web/tests/stories").join(story))
            .env("CHROMIUM", &self.chromium)
            .env("DOCKER", &self.client)
            .env("DOCKER_HOST", engine.host())
            .env("URL", format!("http://{}", exporter.address))
            .env("TOKEN", ADMIN)
            .env("READER", READER)
            .env("PREFIX", self.prefix)
            .env("PICTURES", pictures)
            .envs(more.iter().copied());
        for (name, variable) in [
            ("CHROMIUM_LIBRARIES", "DOCKMETER_TEST_CHROMIUM_LIBRARIES"),
            ("CHROMIUM_FONTS", "DOCKMETER_TEST_CHROMIUM_FONTS"),
        ] {
            if let Some(value) = std::env::var_os(variable) {
                command.env(name, value);
            }
        }
        let output = command.output().expect("`node` can be started");
        if !output.status.success() {
            engine.remove_named(self.prefix);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{story}: {said}{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Says something every second.
const TALKS: [&str; 3] = ["sh", "-c", "while :; do echo served; sleep 1; done"];

#[test]
fn every_view_filter_and_theme_shows_what_there_is_and_bars_nobody() {
    let Some(stage) = Stage::new("views-") else { return };
    let Some(engine) = Engine::shared() else { return };
    let Some(alertmanager) = Alertmanager::silent() else { return };
    let shop = ["ann", "shop", "core"];
    let _api = stage.run_with(&engine, "shop-api-1", shop, &["--cpus=0.5", "--memory=64m"], &TALKS);
    let sick = ["--health-cmd=false", "--health-interval=1s", "--health-retries=1"];
    let _sick = stage.run_with(&engine, "shop-sick", shop, &sick, IDLE);
    let _blog = stage.run(&engine, "blog-web", ["carl", "blog", "media"], &TALKS);
    let _old = stage.run(&engine, "data-old", ["dora", "data", "science"], &["sh", "-c", "exit 3"]);
    let fires =
        alert("Full", &[("severity", "critical"), ("user", "ann"), ("project", "shop"), ("team", "core")]);
    wait(client(alertmanager.url()).post(&[fires])).expect("it takes alerts");
    // Nobody follows the links.
    let grafana = "http://grafana.example";
    let configuration = stage.configuration(&format!(
        "alertmanager: {{url: '{}'}}\nalerting: {{grafana_url: '{grafana}'}}\n",
        alertmanager.url()
    ));
    let exporter = Exporter::with(&engine, &[&configuration]);
    // Something has happened since it looks.
    let _late = stage.run(&engine, "blog-late", ["carl", "blog", "media"], IDLE);
    stage.tell("views.mjs", &engine, &exporter, &[("GRAFANA", grafana)]);
}

#[test]
fn a_container_starts_is_throttled_is_killed_and_disappears_before_ones_eyes() {
    let Some(stage) = Stage::new("life-") else { return };
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::with(&engine, &[&stage.configuration("")]);
    stage.tell("life.mjs", &engine, &exporter, &[]);
}

#[test]
fn a_lost_connection_is_said_and_comes_back_by_itself() {
    let Some(stage) = Stage::new("wire-") else { return };
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::with(&engine, &[&stage.configuration("")]);
    let _steady = stage.run(&engine, "steady", ["ann", "shop", "core"], IDLE);
    stage.tell("connection.mjs", &engine, &exporter, &[]);
}

#[test]
fn each_login_sees_what_it_may_see() {
    let Some(stage) = Stage::new("login-") else { return };
    let Some(engine) = Engine::shared() else { return };
    let says = |word: &str| format!("while :; do echo hello of {word}; sleep 1; done");
    let _anns = stage.run(&engine, "anns", ["ann", "shop", "core"], &["sh", "-c", &says("ann")]);
    let _bobs = stage.run(&engine, "bobs", ["bob", "blog", "media"], &["sh", "-c", &says("bob")]);
    let configuration = stage.configuration("");
    let exporter = Exporter::with(&engine, &[&configuration]);
    let users = stage.path("web.yml");
    let hash = bcrypt::hash("word", 4).expect("a hash");
    fs::write(&users, format!("basic_auth_users: {{ops: '{hash}'}}\n")).expect("a web configuration");
    let closed =
        Exporter::with(&engine, &[&configuration, &format!("--web.config.file={}", users.display())]);
    let address = format!("http://{}", closed.address);
    stage.tell("login.mjs", &engine, &exporter, &[("CLOSED_URL", &address)]);
}

#[test]
fn who_may_silences_an_alert_and_changes_its_threshold_and_others_read() {
    let Some(stage) = Stage::new("alerts-") else { return };
    let Some(engine) = Engine::shared() else { return };
    let Some(alertmanager) = Alertmanager::silent() else { return };
    let mut full =
        alert("Full", &[("severity", "critical"), ("user", "ann"), ("project", "shop"), ("team", "core")]);
    full.annotations.insert("value".to_owned(), "97 %".to_owned());
    let host = alert("Host", &[("severity", "info")]);
    wait(client(alertmanager.url()).post(&[full, host])).expect("it takes alerts");
    let configuration = stage.configuration(&format!("alertmanager: {{url: '{}'}}\n", alertmanager.url()));
    let changes = format!("--alerting.changes-file={}", stage.path("changes.yml").display());
    let exporter = Exporter::with(&engine, &[&configuration, &changes]);
    stage.tell("alerts.mjs", &engine, &exporter, &[]);
}

#[test]
fn a_week_of_history_has_its_step_for_every_time() {
    let Some(stage) = Stage::new("past-") else { return };
    let Some(engine) = Engine::shared() else { return };
    let week = stage.run_with(&engine, "week", ["ann", "shop", "core"], &["--memory=512m"], IDLE);
    write_a_week(&stage.path("history"), &week.id);
    let configuration = stage.configuration("history: {path: history}\n");
    let exporter = Exporter::with(&engine, &[&configuration, "--sampling.full=5s"]);
    stage.tell("week.mjs", &engine, &exporter, &[]);
}

#[test]
fn what_is_unusual_is_marked_where_it_is() {
    let Some(stage) = Stage::new("odd-") else { return };
    let Some(engine) = Engine::shared() else { return };
    let worker = stage.run(&engine, "worker", ["ann", "shop", "core"], IDLE);
    write_a_quiet_week(&stage.path("history"), &worker.id, "odd-worker");
    let configuration = stage.configuration("history: {path: history}\n");
    let exporter = Exporter::with(&engine, &[&configuration, "--sampling.full=1s"]);
    stage.tell("unusual.mjs", &engine, &exporter, &[]);
}

#[test]
fn what_holds_requests_up_is_told_with_the_next_step_and_what_verifies_it() {
    let Some(stage) = Stage::new("found-") else { return };
    let Some(engine) = Engine::shared() else { return };
    let _steady = stage.run(&engine, "steady", ["ann", "shop", "core"], IDLE);
    let exporter = Exporter::with(&engine, &[&stage.configuration("")]);
    stage.tell("findings.mjs", &engine, &exporter, &[]);
}

/// Writes what a container might have done in eight days, as the sampler would have.
fn write_a_week(folder: &Path, id: &str) {
    const STEP_MS: i64 = 5000;
    let options = Options {
        path: Some(folder.to_owned()),
        retention: Retention::default(),
        memory_bytes: 64 << 20,
        disk_bytes: 512 << 20,
    };
    let mut keeper = Keeper::open(&options).expect("a history");
    let tenant = Tenant::claimed(Some("ann"), Some("shop"), Some("core"));
    let about = std::sync::Arc::new(About { name: LabelValue::clean("past-week"), tenant });
    let now = Timestamp::now().as_millisecond();
    let mut sample = Sample {
        counters: vec![Some(0); Counter::Restarts as usize + 1],
        gauges: vec![Some(0); Gauge::Health as usize + 1],
    };
    for (place, at) in (now - 8 * 86_400_000..now).step_by(STEP_MS as usize).enumerate() {
        let wave = ((place as f64 / 2000.0).sin() * 400_000.0 + 500_000.0) as u64;
        for (counter, by) in [
            (Counter::Cpu, 5 * wave),
            (Counter::Periods, 50),
            (Counter::ThrottledPeriods, u64::from(wave > 800_000) * 20),
            (Counter::Receive, wave / 10),
            (Counter::Transmit, wave / 5),
            (Counter::Write, wave),
        ] {
            sample.counters[counter as usize] = sample.counters[counter as usize].map(|value| value + by);
        }
        for (gauge, value) in [
            (Gauge::CpuLimit, 1_000_000),
            (Gauge::WorkingSet, 100_000_000 + 200 * wave),
            (Gauge::MemoryUsage, 120_000_000 + 200 * wave),
            (Gauge::MemoryLimit, 512 << 20),
            (Gauge::Processes, 4),
            (Gauge::Threads, 16),
            (Gauge::State, 1),
        ] {
            sample.gauges[gauge as usize] = Some(value);
        }
        let key = Key::Container(id.parse().expect("an id"));
        keeper.take(at, &[Taken { key, about: Some(std::sync::Arc::clone(&about)), sample: sample.clone() }]);
    }
}

#[test]
fn five_hundred_containers_are_listed_and_searched() {
    const ALL: usize = 500;
    let Some(stage) = Stage::new("crowd-") else { return };
    let Some(engine) = Engine::own("crowd") else { return };
    engine.start();
    let mut kept =
        vec![stage.run(&engine, "busy", ["ann", "shop", "core"], &["sh", "-c", "while :; do :; done"])];
    for number in 1..20 {
        let whose = [format!("user-{}", number % 7), format!("project-{}", number % 11), "core".to_owned()];
        let whose: [&str; 3] = std::array::from_fn(|part| whose[part].as_str());
        kept.push(stage.run_with(&engine, &format!("many-{number}"), whose, &["--network=none"], IDLE));
    }
    for number in 20..ALL {
        let project = format!("--label=dockmeter.project=project-{}", number % 11);
        let name = format!("crowd-many-{number}");
        engine.docker(&["create", "--name", &name, &project, "--network=none", IMAGE, "true"]);
    }
    let exporter = Exporter::with(&engine, &[&stage.configuration("")]);
    stage.tell("many.mjs", &engine, &exporter, &[]);
}
