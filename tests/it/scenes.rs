//! Troubles of real containers, and what is found first of each: one that its limit holds back,
//! one that leaks, one that takes what another waits for, a slow statement, a pool that is used up,
//! and a bad deploy. Before that, while all is well, nothing is found.
//!
//! What has been beyond a bound for five minutes is found, so these stories take a quarter of an
//! hour, and the machine has to be theirs: `./test scenes` runs them alone, `./test --long` with all
//! others.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::component::Component;
use crate::engine::{BUSY, Container, Engine, IDLE};
use crate::exporter::Exporter;
use crate::poll::pause;
use crate::postgres::server::{PASSWORD, Server, engine};
use crate::prometheus::{Prometheus, free_address};
use crate::whose::Network;

/// As long as somebody may wait for a finding.
const WITHIN: Duration = Duration::from_secs(600);

/// Longer than anything has to last to be found.
const QUIET: Duration = Duration::from_secs(360);

/// How often it is looked.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(10);

/// What goes wrong in a project, and what is found of it.
struct Scene {
    project: &'static str,
    kind: &'static str,
    /// In the first sentence.
    says: &'static str,
}

const SCENES: [Scene; 6] = [
    Scene { project: "sc-throttled", kind: "throttling", says: "`sc-throttled` was held back" },
    Scene { project: "sc-leak", kind: "memory_leak", says: "memory of `sc-leak` may leak" },
    Scene { project: "sc-noisy", kind: "noisy_neighbour", says: "`sc-noisy` has used" },
    Scene { project: "sc-slow", kind: "slow_statement", says: "FROM letters" },
    Scene { project: "sc-pool", kind: "pool_limit", says: "the pool of service `orders`" },
    Scene { project: "sc-deploy", kind: "error_cluster", says: "a deploy of `sc-deploy`" },
];

/// On which core everything is but who disturbs, and who is disturbed.
const QUIET_CORE: &str = "--cpuset-cpus=0";
const LOUD_CORE: &str = "--cpuset-cpus=1";

/// A shell that sends a body from a file every two seconds.
const SENDER: &str = "while :; do [ -f /tmp/body ] && wget -q -O /dev/null --header 'Content-Type: application/json' \
     --post-file /tmp/body \"$(cat /tmp/to)\"; sleep 2; done";

/// A program that holds 250 kB more each second.
const LEAK: &str =
    "BEGIN { while (1) { held[count++] = sprintf(\"%250000s\", count); system(\"sleep 1\") } }";

/// All sentences of an hour: of a project, or of everybody.
fn insights(exporter: &Exporter, project: Option<&str>) -> Vec<Value> {
    let of = project.map(|project| format!("&project={project}")).unwrap_or_default();
    let answer = exporter.get(&format!("/api/analytics/insights?last=1h{of}")).json();
    answer["findings"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

struct Scenery<'e> {
    engine: &'e Engine,
    network: Network<'e>,
    ingest: String,
}

impl<'e> Scenery<'e> {
    fn new(engine: &'e Engine) -> Self {
        let network = Network::new(engine, "scenes");
        let ingest = format!("{}.1:{}", network.prefix, free_address().port());
        Scenery { engine, network, ingest }
    }

    fn run(&self, name: &str, options: &[&str], command: &[&str]) -> Container<'e> {
        let project = format!("--label=dockmeter.project={name}");
        let always = ["--label=dockmeter.user=ann", "--label=dockmeter.team=core", &project];
        self.engine.run(name, &[&always[..], options].concat(), command)
    }

    /// A container that sends.
    fn sender(&self, name: &str, path: &str, body: &str, image: Option<&str>) -> Container<'e> {
        let network = self.network.option();
        let project = format!("--label=dockmeter.project={name}");
        let options =
            ["--label=dockmeter.user=ann", "--label=dockmeter.team=core", &project, &network, QUIET_CORE];
        let image = image.unwrap_or(crate::engine::IMAGE);
        let container = self.engine.run_image(image, name, &options, &["sh", "-c", SENDER]);
        let to = format!("http://{}{path}", self.ingest);
        container.exec(&["sh", "-c", &format!("echo '{to}' > /tmp/to")]);
        says(&container, body);
        container
    }
}

/// Gives a sender what it sends from now on, as a whole.
fn says(container: &Container<'_>, body: &str) {
    container.exec(&["sh", "-c", &format!("echo '{body}' > /tmp/next && mv /tmp/next /tmp/body")]);
}

fn pool(active: u32, pending: u32) -> String {
    format!(
        "[{{\"pool\":\"main\",\"active\":{active},\"idle\":{},\"max\":10,\"pending\":{pending},\"service\":\"orders\"}}]",
        10 - active
    )
}

/// Ten requests, of which some fail.
fn requests(failing: usize) -> String {
    let request = |status: u16| {
        format!(
            "{{\"method\":\"GET\",\"route\":\"/orders/{{id}}\",\"status_code\":{status},\"duration_seconds\":0.03,\"service\":\"orders\"}}"
        )
    };
    let all: Vec<String> = (0..10).map(|index| request(if index < failing { 500 } else { 200 })).collect();
    format!("[{}]", all.join(","))
}

/// Somebody who asks a database again and again, until the value is dropped.
struct Asking {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Asking {
    fn start(server: &Server<'_>, sql: &'static str) -> Self {
        let person = server.connect();
        let is_over = Arc::new(AtomicBool::new(false));
        let ended = is_over.clone();
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                person.run(sql);
                pause(Duration::from_secs(1));
            }
        });
        Asking { is_over, thread: Some(thread) }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn on_a_quiet_machine_nothing_is_found_and_of_each_trouble_what_it_is_within_ten_minutes() {
    let Some(engine) = engine() else { return };
    let Some(binary) = Component::Prometheus.path() else { return };
    let scenery = Scenery::new(&engine);

    // Everything is there, and nothing is wrong.
    let throttled = scenery.run("sc-throttled", &["--cpus=0.1", QUIET_CORE], IDLE);
    let leak = scenery.run("sc-leak", &["--memory=256m", QUIET_CORE], IDLE);
    let noisy = scenery.run("sc-noisy", &[LOUD_CORE], IDLE);
    let _disturbed = scenery.run("sc-disturbed", &[LOUD_CORE], BUSY);
    let labels = ["--label=dockmeter.postgres=true", "--label=dockmeter.project=sc-slow", QUIET_CORE];
    let server = Server::start(&engine, "postgres17", "sc-slow", &labels, &[]);
    server.set_up();
    server
        .connect()
        .run("CREATE TABLE letters AS SELECT id, md5(id::text) AS body FROM generate_series(1, 5000) AS id");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("postgres"), format!("{PASSWORD}\n")).unwrap();
    let at = free_address();
    let exporter = Exporter::with(
        &engine,
        &[
            &format!("--prometheus.url=http://{at}"),
            &format!("--ingest.listen-address={}", scenery.ingest),
            &format!("--postgres.password-directory={}", folder.path().display()),
            "--findings.interval=1m",
        ],
    );
    let scraped = format!(
        "global: {{scrape_interval: 5s}}\nscrape_configs: [{{job_name: dockmeter, static_configs: [{{targets: ['{}']}}]}}]\n",
        exporter.address
    );
    fs::write(folder.path().join("prometheus.yml"), scraped).unwrap();
    let _prometheus = Prometheus::on(folder.path(), &binary, &[], at);
    let pooled = scenery.sender("sc-pool", "/api/metrics/db", &pool(3, 0), None);
    let deployed = scenery.sender("sc-deploy", "/api/metrics/http", &requests(0), None);

    pause(QUIET);
    assert_eq!(insights(&exporter, None), [Value::Null; 0], "the machine is quiet");

    // All of it goes wrong at once.
    let began = Instant::now();
    let starts = |container: &Container<'_>, command: &[&str]| {
        engine.docker(&[&["exec", "-d", container.id.as_str()], command].concat());
    };
    starts(&throttled, BUSY);
    starts(&leak, &["awk", LEAK]);
    starts(&noisy, BUSY);
    let _asking = Asking::start(
        &server,
        "SELECT count(*) FROM letters AS one, letters AS other WHERE one.body < other.body",
    );
    says(&pooled, &pool(10, 4));
    engine.build("dockmeter-bad", "FROM dockmeter-test\nENV VERSION=2\n");
    drop(deployed);
    let _deployed = scenery.sender("sc-deploy", "/api/metrics/http", &requests(6), Some("dockmeter-bad"));

    let mut missing: Vec<&Scene> = SCENES.iter().collect();
    while !missing.is_empty() {
        missing.retain(|scene| {
            let first = insights(&exporter, Some(scene.project)).into_iter().next();
            let is_it = first.as_ref().is_some_and(|first| is_told(first, scene));
            if is_it {
                eprintln!("{} is told after {:.1?}", scene.kind, began.elapsed());
            }
            assert!(
                is_it || began.elapsed() < WITHIN,
                "of {} {} is not the first: {first:#?}",
                scene.project,
                scene.kind
            );
            !is_it
        });
        pause(LOOKED_AT_EVERY);
    }

    // Who sees everybody sees them all, and a Prometheus counts them.
    let all = insights(&exporter, None);
    for scene in &SCENES {
        assert!(all.iter().any(|found| is_told(found, scene)), "{} is not among {all:#?}", scene.kind);
    }
    let counted = |scene: &Scene| {
        let labels = [("kind", scene.kind), ("project", scene.project), ("user", "ann"), ("team", "core")];
        exporter.until_value("dockmeter_findings", &labels, 1.0);
    };
    // The server's container says nobody's name but that of its project.
    SCENES.iter().filter(|scene| scene.project != "sc-slow").for_each(counted);
}

/// Whether a finding is what a scene is about, with whose it is.
fn is_told(found: &Value, scene: &Scene) -> bool {
    let text = |pointer: &str| found.pointer(pointer).and_then(Value::as_str);
    text("/kind") == Some(scene.kind)
        && text("/scope/project") == Some(scene.project)
        && text("/sentence").is_some_and(|sentence| sentence.contains(scene.says))
}
