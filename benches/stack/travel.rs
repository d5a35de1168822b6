//! How fast a kill for want of memory becomes a sample, an alert and a message, by stages.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::hierarchies;
use crate::measured::connection::Connection;
use crate::measured::engine::Engine;
use crate::measured::failure;
use crate::measured::interrupt::{pause, pause_until};
use crate::options::Options;
use crate::program::{Program, Server, alertmanager, free_address, load, render};
use crate::query;
use crate::receiver::Receiver;

pub(crate) const FLAGS: &[(&str, &str)] = &[("times", "10"), ("prometheus", "3")];

const ALERT: &str = "ContainerOomKilled";

/// How often a stage is looked at, and so how exact its time is.
const LOOK: Duration = Duration::from_millis(25);

/// The kernel's own count is looked at more often.
const LOOK_AT_KERNEL: Duration = Duration::from_millis(1);

/// How long Prometheus scrapes before the first kill: a count that never was zero has not grown.
const BEFORE: Duration = Duration::from_secs(20);

/// Between two kills, and no multiple of any interval.
const APART: Duration = Duration::from_millis(3700);

/// How long the last message may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// What happens to an event, in order.
const STAGES: [&str; 6] = [
    "kernel",
    "dockmeter's page",
    "sample in Prometheus",
    "alert fires",
    "in Alertmanager",
    "message received",
];

/// Settings that a run is made with.
struct Settings {
    title: &'static str,
    /// Lines of `dockmeter.yml` below `alerting`.
    alerting: &'static str,
    flags: &'static [&'static str],
    evaluation: &'static str,
}

const SETTINGS: [Settings; 2] = [
    Settings {
        title: "as shipped: scraped every 5 s, evaluated every 15 s, `group_wait` 30 s",
        alerting: "",
        flags: &[],
        evaluation: "15s",
    },
    Settings {
        title: "short: scraped and evaluated every second, `group_wait` 1 s",
        alerting: "  group_wait: 1s\n  group_interval: 1s\n",
        flags: &["--scrape.interval=1s"],
        evaluation: "1s",
    },
];

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let server = Server::of_version(options.one("prometheus"))?;
    let times = usize::try_from(options.one("times")).unwrap_or(1);
    let engine = Engine::start("travel", "docker")?;
    println!("Prometheus {}, {times} kills each.\n", server.version);
    for (number, settings) in SETTINGS.iter().enumerate() {
        eprintln!("{} …", settings.title);
        let names: Vec<_> = (0..times).map(|time| format!("travel-{number}-{time}")).collect();
        let runs = Run::make(settings, &server, &engine, &names)?.measure(&engine)?;
        print(settings, &runs);
        for name in &names {
            engine.remove(name)?;
        }
    }
    Ok(())
}

/// The stack around the containers that are to be killed in.
struct Run<'names> {
    names: &'names [String],
    dockmeter: Program,
    prometheus: Program,
    alertmanager: Program,
    receiver: Receiver,
    _folder: tempfile::TempDir,
}

/// When each container's event came to a stage, stage by stage.
type Times = Vec<BTreeMap<String, Instant>>;

impl<'names> Run<'names> {
    fn make(
        settings: &Settings,
        server: &Server,
        engine: &Engine,
        names: &'names [String],
    ) -> io::Result<Self> {
        for name in names {
            // A team each: alerts of one team and project are told together.
            let labels =
                [format!("--label=dockmeter.project={name}"), format!("--label=dockmeter.team={name}")];
            engine.run(name, &["--memory=32m", &labels[0], &labels[1]], &["sleep", "100000"])?;
        }
        let (folder, receiver) = (tempfile::tempdir()?, Receiver::start(ALERT)?);
        let configuration = folder.path().join("dockmeter.yml");
        let text = format!(
            "alerting:\n{}  receivers: {{ops: {{webhook: {{url: 'http://{}/'}}}}}}\n  teams: {{platform: {{receiver: ops}}}}\n",
            settings.alerting, receiver.address,
        );
        fs::write(&configuration, text)?;
        let flags = [format!("--config.file={}", configuration.display())];
        let dockmeter = Program::dockmeter(&engine.host(), folder.path(), &flags)?;
        let (address, alerts, stack) = (free_address()?, free_address()?, folder.path().join("stack"));
        let mut flags = vec![
            format!("--scrape.target={}", dockmeter.address),
            format!("--prometheus.url=http://{address}"),
            format!("--alertmanager.url=http://{alerts}"),
        ];
        flags.extend(settings.flags.iter().map(|flag| (*flag).to_owned()));
        render(&configuration, &stack, &flags)?;
        let file = stack.join("prometheus.yml");
        let shipped = "evaluation_interval: 15s";
        let text = fs::read_to_string(&file)?;
        if !text.contains(shipped) {
            return Err(failure(format!("`{}` has no `{shipped}`", file.display())));
        }
        fs::write(&file, text.replace(shipped, &format!("evaluation_interval: {}", settings.evaluation)))?;
        let alertmanager = alertmanager(&stack, alerts)?;
        let prometheus = Program::prometheus(server, &stack, address, &[])?;
        Ok(Run { names, dockmeter, prometheus, alertmanager, receiver, _folder: folder })
    }

    fn measure(self, engine: &Engine) -> io::Result<Times> {
        let started = Instant::now();
        let counts = self.names.iter().map(|name| Ok((name.clone(), kernel_count(engine, name)?)));
        let counts = counts.collect::<io::Result<Vec<_>>>()?;
        let mut prometheus = self.prometheus.connect()?;
        while query::by(&mut prometheus, "name", KILLS)?.len() < self.names.len() {
            pause(LOOK)?;
            if started.elapsed() > PATIENCE {
                return Err(failure("Prometheus does not know all containers"));
            }
        }
        pause(BEFORE)?;
        let times = Mutex::new(vec![BTreeMap::new(); STAGES.len()]);
        let done = AtomicBool::new(false);
        let watch = &Watch { times: &times, done: &done };
        std::thread::scope(|scope| {
            scope.spawn(|| watch.kernel(&counts));
            let looks: [(usize, &Program, Look); 4] = [
                (1, &self.dockmeter, on_page),
                (2, &self.prometheus, in_prometheus),
                (3, &self.prometheus, firing),
                (4, &self.alertmanager, in_alertmanager),
            ];
            for (stage, program, look) in looks {
                scope.spawn(move || watch.stage(stage, program, look));
            }
            let killed = self.kill(engine);
            let heard = killed.and_then(|()| self.wait());
            done.store(true, Ordering::Relaxed);
            heard
        })?;
        let mut times = times.into_inner().map_err(|_| failure("a look has failed"))?;
        times[5] = self.receiver.came();
        Ok(times)
    }

    /// Has the kernel kill a process in each container.
    fn kill(&self, engine: &Engine) -> io::Result<()> {
        let started = Instant::now();
        for (number, name) in self.names.iter().enumerate() {
            pause_until(started + APART * u32::try_from(number).unwrap_or(0))?;
            engine.exhaust(name)?;
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let came = self.receiver.came().len();
            if came == self.names.len() {
                // What is later than the message, if anything, is seen by one more look.
                return pause(LOOK * 4);
            }
            if Instant::now() > deadline {
                return Err(failure(format!("{came} of {} messages came", self.names.len())));
            }
            pause(LOOK)?;
        }
    }
}

/// Containers whose event has come to a stage.
type Look = fn(&mut Connection) -> io::Result<Vec<String>>;

const KILLS: &str = "container_oom_events_total{name=~\"travel-.*\"}";

/// Notes when events come to their stages.
struct Watch<'times> {
    times: &'times Mutex<Times>,
    done: &'times AtomicBool,
}

impl Watch<'_> {
    fn note(&self, stage: usize, names: Vec<String>) {
        let now = Instant::now();
        if let Ok(mut times) = self.times.lock() {
            for name in names {
                times[stage].entry(name).or_insert(now);
            }
        }
    }

    fn kernel(&self, counts: &[(String, PathBuf)]) {
        while !self.done.load(Ordering::Relaxed) && pause(LOOK_AT_KERNEL).is_ok() {
            let killed = counts.iter().filter(|(_, file)| {
                let text = fs::read_to_string(file).unwrap_or_default();
                text.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count != "0"))
            });
            self.note(0, killed.map(|(name, _)| name.clone()).collect());
        }
    }

    fn stage(&self, stage: usize, program: &Program, look: Look) {
        let Ok(mut connection) = program.connect() else { return };
        while !self.done.load(Ordering::Relaxed) && pause(LOOK).is_ok() {
            match look(&mut connection) {
                Ok(names) => self.note(stage, names),
                Err(error) => eprintln!("{}: {error}", STAGES[stage]),
            }
        }
    }
}

fn on_page(dockmeter: &mut Connection) -> io::Result<Vec<String>> {
    let body = dockmeter.get("/metrics?collect[]=container_memory", &[])?;
    let page = String::from_utf8_lossy(&body).into_owned();
    let killed = page.lines().filter_map(|line| {
        let (series, value) = line.strip_prefix("container_oom_events_total{")?.rsplit_once(' ')?;
        let (_, rest) = series.split_once(",name=\"")?;
        (value != "0").then(|| rest.split('"').next().unwrap_or_default().to_owned())
    });
    Ok(killed.collect())
}

fn in_prometheus(prometheus: &mut Connection) -> io::Result<Vec<String>> {
    Ok(query::by(prometheus, "name", &format!("{KILLS} > 0"))?.into_keys().collect())
}

fn firing(prometheus: &mut Connection) -> io::Result<Vec<String>> {
    let query = format!("ALERTS{{alertname=\"{ALERT}\",alertstate=\"firing\"}}");
    Ok(query::by(prometheus, "name", &query)?.into_keys().collect())
}

fn in_alertmanager(alertmanager: &mut Connection) -> io::Result<Vec<String>> {
    let body = alertmanager.get(&format!("/api/v2/alerts?filter=alertname%3D{ALERT}"), &[])?;
    let alerts: Vec<Value> = serde_json::from_slice(&body)?;
    Ok(alerts.iter().filter_map(|one| Some(one["labels"]["name"].as_str()?.to_owned())).collect())
}

/// The file in which the kernel counts kills of a container.
fn kernel_count(engine: &Engine, name: &str) -> io::Result<PathBuf> {
    let containers = engine.containers()?;
    let id = containers.iter().find(|(one, _)| one == name).map(|(_, id)| id.clone());
    let id = id.ok_or_else(|| failure(format!("there is no container `{name}`")))?;
    for hierarchy in hierarchies()? {
        for folder in [format!("docker/{id}"), format!("system.slice/docker-{id}.scope")] {
            for file in ["memory.oom_control", "memory.events"] {
                let path = hierarchy.join(&folder).join(file);
                if path.exists() {
                    return Ok(path);
                }
            }
        }
    }
    Err(failure(format!("no cgroup of `{name}` counts kills")))
}

fn print(settings: &Settings, times: &Times) {
    println!("{}, load {}:\n", settings.title, load());
    println!(
        "| stage | since the one before, s, median | worst | since the kernel's kill, median | worst |\n|---|---|---|---|---|"
    );
    for stage in 1..STAGES.len() {
        let since = |from: usize| {
            let times = times[stage].iter().filter_map(|(name, at)| {
                Some(at.saturating_duration_since(*times[from].get(name)?).as_secs_f64())
            });
            let mut seconds: Vec<f64> = times.collect();
            seconds.sort_by(f64::total_cmp);
            let at = |index: usize| seconds.get(index).copied().unwrap_or(f64::NAN);
            format!("{:.2} | {:.2}", at(seconds.len() / 2), at(seconds.len().saturating_sub(1)))
        };
        // The page is looked at by ourselves: Prometheus does not wait for that.
        let before = if stage == 2 { 0 } else { stage - 1 };
        println!("| {} | {} | {} |", STAGES[stage], since(before), since(0));
    }
    println!();
}
