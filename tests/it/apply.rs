//! `dockmeter rightsize` on a real engine: limits that are set, watched, taken back by themselves
//! and by hand, and all that is left as it is.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::engine::{BUSY, Container, Engine, IDLE};
use crate::exporter::{BINARY, Exporter};
use crate::poll::{eventually, patience};
use crate::prometheus::Prometheus;
use crate::rightsize;
use crate::socket_proxy::Proxy;

const MIB: i64 = 1 << 20;

/// What is quick and says enough of a container that is busy.
const WATCH: &str = "--watch=10s";

/// A folder with recommendations and a journal.
struct Desk {
    folder: tempfile::TempDir,
    engine: String,
}

/// One limit of one container: setting, from, to.
type Wanted = (&'static str, &'static str, Option<f64>, f64);

impl Desk {
    fn new(engine: &Engine) -> Self {
        Self::at(engine.host())
    }

    fn at(engine: String) -> Self {
        Desk { folder: tempfile::tempdir().unwrap(), engine }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of recommendations, as somebody who has looked them through.
    fn wants(&self, wanted: &[Wanted]) -> &Self {
        let one = |(container, setting, from, to): &Wanted| {
            let unit = if setting.starts_with("cpu") { "cores" } else { "bytes" };
            let mut change = json!({ "setting": setting, format!("to_{unit}"): to });
            if let Some(from) = from {
                change[format!("from_{unit}")] = json!(from);
            }
            json!({
                "id": format!("{setting}/apply-ann////{container}"), "kind": setting, "change": change,
                "scope": { "user": "apply-ann", "container": container },
                "effect": { "sentence": "frees what nobody uses" }, "risk": "it may want it later",
                "expires_at": "2100-01-01T00:00:00Z",
            })
        };
        let file = json!({ "recommendations": wanted.iter().map(one).collect::<Vec<_>>() });
        fs::write(self.path("wanted.json"), file.to_string()).unwrap();
        self
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.env_clear().arg("rightsize").arg(words[0]);
        if words[0] == "apply" {
            command.arg(format!("--from={}", self.path("wanted.json").display()));
        }
        command.arg(format!("--docker.host={}", self.engine));
        command.arg(format!("--journal={}", self.path("journal").display()));
        command.args(&words[1..]);
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// What is said as JSON, and the exit status.
    fn told(&self, words: &[&str]) -> (Value, Option<i32>) {
        let output = self.run(&[words, &["--format=json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let answer = serde_json::from_slice(&output.stdout);
        (answer.unwrap_or_else(|error| panic!("{error}: {said}")), output.status.code())
    }

    /// What is said where it is refused.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts it and hands its lines on.
    fn start(&self, words: &[&str]) -> Running {
        let mut child = self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (lines, said) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        Running { child, said }
    }

    fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("journal/rightsize.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn events(&self) -> Vec<String> {
        self.journal().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
    }
}

/// One that is at work.
struct Running {
    child: Child,
    said: Receiver<String>,
}

impl Running {
    fn until(&self, words: &str) {
        let mut said = Vec::new();
        while let Ok(line) = self.said.recv_timeout(patience()) {
            if line.contains(words) {
                return;
            }
            said.push(line);
        }
        panic!("it never said `{words}`: {said:#?}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

fn limits(container: &Container<'_>) -> [i64; 5] {
    let names = ["NanoCpus", "CpuQuota", "Memory", "MemorySwap", "MemoryReservation"];
    names.map(|name| container.inspect(&format!("{{{{.HostConfig.{name}}}}}")).parse().unwrap())
}

const ANN: &str = "--label=dockmeter.user=apply-ann";
const CHOSEN: &str = "--user=apply-ann";

#[test]
fn without_yes_nothing_is_changed_and_all_of_it_is_said() {
    let Some(engine) = Engine::shared() else { return };
    let web = engine.run("apply-dry", &[ANN, "--cpus=1", "--memory=256m"], IDLE);
    let desk = Desk::new(&engine);
    desk.wants(&[
        ("apply-dry", "cpu_limit", Some(1.0), 0.5),
        ("apply-dry", "memory_limit", Some((512 * MIB) as f64), (64 * MIB) as f64),
        ("apply-gone", "cpu_limit", None, 0.5),
    ]);
    let before = limits(&web);
    let (answer, status) = desk.told(&["apply", CHOSEN]);
    assert_eq!((status, &answer["dry_run"]), (Some(0), &json!(true)), "{answer:#}");
    let change = &answer["changes"][0];
    assert_eq!(change["settings"], json!([{ "setting": "cpu_limit", "from": 1.0, "to": 0.5 }]));
    let call = format!("POST /containers/{}/update {{\"NanoCpus\":500000000}}", &web.id[..12]);
    assert_eq!((&change["call"], &change["outcome"]), (&json!(call), &json!("planned")));
    let left = answer["left_alone"].to_string();
    assert!(left.contains("it was 512 MiB when that was recommended, and is 256 MiB"), "{left}");
    assert!(left.contains("not on this engine"), "{left}");
    let text = String::from_utf8(desk.run(&["apply", CHOSEN]).stdout).unwrap();
    for words in ["cpu limit: 1.00 cores -> 0.50 cores", "frees what nobody uses", "nothing was done"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(limits(&web), before);
    assert!(desk.journal().is_empty());
    assert!(desk.refused(&["apply"]).contains("nothing is chosen"));
    let unheard = desk.refused(&["apply", "--container=apply-other"]);
    assert!(unheard.contains("nothing is recommended of `apply-other`"), "{unheard}");
    assert!(desk.refused(&["undo", "--yes"]).contains("what is to be taken back"));
}

#[test]
fn what_is_chosen_is_changed_and_kept_and_nothing_else() {
    let Some(engine) = Engine::shared() else { return };
    let options = [ANN, "--cpus=1", "--memory=256m", "--memory-swap=320m", "--memory-reservation=128m"];
    let chosen = engine.run("apply-chosen", &options, IDLE);
    let neighbour = engine.run("apply-neighbour", &options, IDLE);
    let desk = Desk::new(&engine);
    let of = |name| {
        [
            (name, "cpu_limit", Some(1.0), 0.5),
            (name, "memory_limit", Some((256 * MIB) as f64), (64 * MIB) as f64),
            (name, "memory_reservation", Some((128 * MIB) as f64), (32 * MIB) as f64),
        ]
    };
    desk.wants(&[of("apply-chosen"), of("apply-neighbour")].concat());
    let before = limits(&chosen);
    let (answer, status) = desk.told(&["apply", "--container=apply-chosen", "--yes", WATCH]);
    assert_eq!(status, Some(0), "{answer:#}");
    assert_eq!(answer["changes"][0]["outcome"], "kept", "{answer:#}");
    assert_eq!(limits(&chosen), [500_000_000, 0, 64 * MIB, 128 * MIB, 32 * MIB]);
    assert_eq!(limits(&neighbour), before);
    assert_eq!(chosen.inspect("{{.RestartCount}} {{.State.Status}}"), "0 running");
    assert_eq!(desk.events(), ["began", "applied", "kept"]);
    let entry = &desk.journal()[0];
    assert_eq!((&entry["name"], &entry["user"]), (&json!("apply-chosen"), &json!("apply-ann")));
    assert!(entry["who"].as_str().unwrap().contains("uid"), "{entry}");
    assert_eq!(entry["recommendations"].as_array().unwrap().len(), 3);

    // A second time there is nothing to do, which is said.
    let (again, status) = desk.told(&["apply", "--container=apply-chosen", "--yes", WATCH]);
    assert_eq!(status, Some(2), "{again:#}");
    assert_eq!(again["left_alone"].to_string().matches("it is so already").count(), 3);

    let (listed, _) = desk.told(&["undo"]);
    assert_eq!(listed["changes"][0]["settings"].as_array().unwrap().len(), 3, "{listed:#}");
    assert_eq!(limits(&chosen)[2], 64 * MIB, "listing changes nothing");
    chosen.docker(&["update", "--memory=96m", "--memory-swap=160m"]);
    let (refused, status) = desk.told(&["undo", "--last", "--yes"]);
    assert_eq!(status, Some(2), "{refused:#}");
    assert!(refused["changes"][0]["reason"].as_str().unwrap().contains("memory_limit is 96 MiB"));
    let (undone, status) = desk.told(&["undo", "--last", "--force", "--yes"]);
    assert_eq!((status, limits(&chosen)), (Some(0), before), "{undone:#}");
    assert_eq!(desk.events().last().unwrap(), "undone");
    assert_eq!(desk.told(&["undo"]).0["changes"], json!([]));
}

#[test]
fn a_quota_and_none_at_all_are_restored_as_they_were() {
    let Some(engine) = Engine::shared() else { return };
    let quota = ["--cpu-quota=40000", "--cpu-period=50000", "--memory=256m", "--memory-swap=-1"];
    let quota = engine.run("apply-quota", &[&[ANN], &quota[..]].concat(), IDLE);
    let none = engine.run("apply-none", &[ANN], IDLE);
    let desk = Desk::new(&engine);
    desk.wants(&[
        ("apply-quota", "cpu_limit", Some(0.8), 0.4),
        ("apply-quota", "memory_limit", Some((256 * MIB) as f64), (300 * MIB) as f64),
        ("apply-none", "cpu_limit", None, 0.5),
        ("apply-none", "memory_limit", None, (64 * MIB) as f64),
    ]);
    let before = limits(&quota);
    let (answer, status) = desk.told(&["apply", CHOSEN, "--yes", WATCH]);
    assert_eq!(status, Some(0), "{answer:#}");
    assert_eq!(limits(&quota), [0, 20_000, 300 * MIB, -1, 0]);
    assert_eq!(limits(&none), [0, 50_000, 64 * MIB, 128 * MIB, 0]);
    let (undone, status) = desk.told(&["undo", "--all", "--yes"]);
    assert_eq!(status, Some(0), "{undone:#}");
    assert_eq!(limits(&quota), before);
    // An engine has no word for no limit once there was one; the kernel has none all the same.
    assert_eq!(limits(&none), [0, -1, 1 << 62, i64::MAX - 4095, 0]);
    let notes = undone["changes"][0]["notes"].to_string();
    assert!(notes.contains("--cpu-quota") && notes.contains("an engine cannot take a limit"), "{notes}");
    let exporter = Exporter::of(&engine);
    let name = [("name", "apply-none")];
    exporter.until_value("container_spec_memory_limit_bytes", &name, 0.0);
    assert_eq!(exporter.page().value("container_cpu_limit_cores", &name), None);
    // And it can be given one again.
    let (again, _) = desk.told(&["apply", "--container=apply-none"]);
    assert_eq!(again["changes"][0]["settings"].as_array().unwrap().len(), 2, "{again:#}");
}

#[test]
fn one_that_is_held_back_more_than_before_gets_its_limit_back() {
    let Some(engine) = Engine::shared() else { return };
    let busy = engine.run("apply-busy", &[ANN, "--cpus=1"], BUSY);
    let later = engine.run("apply-later", &[ANN, "--cpus=1"], IDLE);
    let desk = Desk::new(&engine);
    desk.wants(&[("apply-busy", "cpu_limit", Some(1.0), 0.1), ("apply-later", "cpu_limit", Some(1.0), 0.5)]);
    let (answer, status) = desk.told(&["apply", CHOSEN, "--yes", WATCH]);
    assert_eq!(status, Some(1), "{answer:#}");
    let [first, second] = [&answer["changes"][0], &answer["changes"][1]];
    assert_eq!(first["outcome"], "rolled_back", "{answer:#}");
    assert!(first["reason"].as_str().unwrap().contains("it is held back in"), "{first}");
    assert!(first["after"]["throttled_periods"].as_u64() > first["before"]["throttled_periods"].as_u64());
    assert_eq!(limits(&busy)[0], 1_000_000_000);
    assert_eq!((&second["outcome"], limits(&later)[0]), (&json!("not_reached"), 1_000_000_000));
    assert_eq!(desk.events(), ["began", "applied", "rolled_back"]);
}

#[test]
fn one_that_is_killed_for_want_of_memory_gets_its_limit_back() {
    let Some(engine) = Engine::shared() else { return };
    let script = "while [ ! -e /tmp/go ]; do sleep 0.2; done; tail /dev/zero; sleep 1000";
    let options = [ANN, "--memory=256m", "--memory-swap=256m"];
    let hungry = engine.run("apply-hungry", &options, &["sh", "-c", script]);
    let desk = Desk::new(&engine);
    desk.wants(&[("apply-hungry", "memory_limit", Some((256 * MIB) as f64), (32 * MIB) as f64)]);
    // Far longer than it takes: a kill is told at once.
    let running = desk.start(&["apply", CHOSEN, "--yes", "--watch=20s"]);
    running.until("in force");
    assert_eq!(limits(&hungry)[2..4], [32 * MIB, 32 * MIB]);
    hungry.exec(&["touch", "/tmp/go"]);
    running.until("kills for want of memory: 1");
    running.until("rolled back");
    assert_eq!(running.ended(), Some(1));
    assert_eq!(limits(&hungry)[2..4], [256 * MIB, 256 * MIB]);
    assert_eq!(desk.events(), ["began", "applied", "rolled_back"]);
}

#[test]
fn interrupted_it_goes_back_and_killed_it_is_found_and_mended() {
    let Some(engine) = Engine::shared() else { return };
    let web = engine.run("apply-cut", &[ANN, "--cpus=1"], IDLE);
    let desk = Desk::new(&engine);
    desk.wants(&[("apply-cut", "cpu_limit", Some(1.0), 0.5)]);
    let yes = ["apply", CHOSEN, "--yes", "--watch=10s"];

    let early = desk.start(&yes);
    early.until("nothing is changed yet");
    let busy = desk.refused(&yes);
    assert!(busy.contains("another `dockmeter rightsize` is at work"), "{busy}");
    early.signal(Signal::TERM);
    assert_eq!(early.ended(), Some(1));
    assert!(desk.journal().is_empty());

    let watched = desk.start(&yes);
    watched.until("in force");
    watched.signal(Signal::INT);
    watched.until("rolled back");
    assert_eq!((watched.ended(), limits(&web)[0]), (Some(1), 1_000_000_000));
    let last = desk.journal().pop().unwrap();
    assert!(last["reason"].as_str().unwrap().contains("interrupted"), "{last}");

    let killed = desk.start(&yes);
    killed.until("in force");
    killed.signal(Signal::KILL);
    assert_eq!((killed.ended(), limits(&web)[0]), (None, 500_000_000));
    desk.wants(&[("apply-cut", "cpu_limit", Some(0.5), 0.25)]);
    let (answer, status) = desk.told(&yes);
    assert_eq!(status, Some(2), "{answer:#}");
    let said = answer["left_alone"].to_string();
    assert!(said.contains("entry 4 of the journal was not brought to an end"), "{said}");
    let listed = desk.told(&["undo"]).0;
    assert!(listed["notes"].to_string().contains("in force and not watched to the end"), "{listed:#}");
    let (undone, status) = desk.told(&["undo", "--container=apply-cut", "--yes"]);
    assert_eq!((status, limits(&web)[0]), (Some(0), 1_000_000_000), "{undone:#}");
    assert_eq!(undone["notes"], json!([]), "{undone:#}");
}

#[test]
fn who_may_not_write_to_the_engine_is_told_so_and_changes_nothing() {
    let Some(engine) = Engine::shared() else { return };
    let web = engine.run("apply-right", &[ANN, "--cpus=1"], IDLE);
    let desk = Desk::new(&engine);
    desk.wants(&[("apply-right", "cpu_limit", Some(1.0), 0.5)]);

    let mut nobody = Command::new(BINARY);
    nobody.env_clear().args(["rightsize", "undo", "--journal=/nonexistent"]);
    let output = nobody.arg(format!("--docker.host={}", engine.host())).uid(65534).gid(65534).output();
    // Where nobody may not even run the binary, nothing can be told.
    if let Ok(output) = output {
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("this user may not open the engine's socket"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }

    let token = "secret";
    let config = desk.path("dockmeter.yml");
    let hash = |scope: &str, text: &str| {
        let hash = dockmeter::config::TokenHash::of(text);
        format!("{{name: {scope}, hash: '{hash}', scopes: [{scope}]}}")
    };
    let tokens = [hash("admin", token), hash("read", "other")].join(", ");
    fs::write(&config, format!("auth: {{tokens: [{tokens}]}}\n")).unwrap();
    let named = format!("--config.file={}", config.display());
    let yes = ["apply", CHOSEN, "--yes", WATCH, &named];
    assert!(desk.refused(&yes).contains("with one of the scope `admin` alone"));
    fs::write(desk.path("token"), "other\n").unwrap();
    let file = format!("--token-file={}", desk.path("token").display());
    assert!(desk.refused(&[&yes[..], &[&file]].concat()).contains("has not the scope `admin`"));
    assert_eq!(desk.told(&["apply", CHOSEN, &named]).1, Some(0), "to look needs none");

    if let Some(proxy) = Proxy::before(&engine) {
        let behind = Desk::at(format!("tcp://{}", proxy.address));
        behind.wants(&[("apply-right", "cpu_limit", Some(1.0), 0.5)]);
        let said = behind.refused(&["apply", CHOSEN, "--yes", WATCH]);
        assert!(said.contains("405") && said.contains("a proxy that only reads"), "{said}");
        assert!(behind.journal().is_empty());
    }
    assert_eq!(limits(&web)[0], 1_000_000_000);

    let output = desk.command(&yes).env("DOCKMETER_TOKEN", token).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(limits(&web)[0], 500_000_000);
}

#[test]
fn a_prometheus_tells_how_it_fared_before() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let Some(prometheus) = Prometheus::scraping(exporter.address) else { return };
    let web = engine.run("apply-known", &[ANN, "--cpus=1"], BUSY);
    let desk = Desk::new(&engine);
    desk.wants(&[("apply-known", "cpu_limit", Some(1.0), 1.5)]);
    let url = format!("--prometheus.url={}", prometheus.url());
    let known = "count_over_time(container_cpu_cfs_periods_total{name=\"apply-known\"}[15s])";
    eventually("Prometheus knows it for long enough", || {
        prometheus.value(known).filter(|samples| *samples >= 14.0)
    });
    let running = desk.start(&["apply", CHOSEN, "--yes", WATCH, &url]);
    running.until("before, by prometheus: held back in");
    running.until("kept");
    assert_eq!((running.ended(), limits(&web)[0]), (Some(0), 1_500_000_000));
}

#[test]
fn what_a_prometheus_recommends_is_applied_without_a_file() {
    let unnamed = Command::new(BINARY).args(["rightsize", "apply", "--all"]).env_clear().output().unwrap();
    assert!(String::from_utf8(unnamed.stderr).unwrap().contains("no Prometheus is named"));
    let Some(engine) = Engine::shared() else { return };
    let Some(prometheus) = Prometheus::holding(&rightsize::openmetrics()) else { return };
    let tenant = ["user=ann", "project=shop", "team=core"].map(|label| format!("--label=dockmeter.{label}"));
    let tenant = tenant.each_ref().map(String::as_str);
    let options = [&tenant[..], &["--cpus=2", "--memory=2048m"]].concat();
    let oversized = engine.run("oversized", &options, IDLE);
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        format!("--docker.host={}", engine.host()),
        format!("--prometheus.url={}", prometheus.url()),
        format!("--journal={}", folder.path().display()),
    ];
    let told = |more: &[&str]| {
        let mut command = Command::new(BINARY);
        command.env_clear().args(["rightsize", "apply", "--project=shop", "--format=json"]);
        let output = command.args(&flags).args(more).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (answer, output.status.code())
    };
    let (answer, _) = told(&[]);
    let memory = json!({
        "setting": "memory_limit", "from": (2048 * MIB) as f64, "to": (60 * MIB) as f64,
    });
    let cpu = json!({ "setting": "cpu_limit", "from": 2.0, "to": 0.15 });
    assert_eq!(answer["changes"][0]["settings"], json!([cpu, memory]), "{answer:#}");
    // The other one that the report knows runs elsewhere.
    let left = answer["left_alone"].to_string();
    assert!(left.contains("throttled") && left.contains("not on this engine"), "{left}");
    let (done, _) = told(&["--container=oversized", "--setting=cpu_limit", "--yes", WATCH]);
    assert_eq!(done["changes"][0]["outcome"], "kept", "{done:#}");
    assert_eq!(limits(&oversized)[..3], [150_000_000, 0, 2048 * MIB]);
}

#[test]
fn a_file_that_is_none_is_refused_and_one_that_has_expired_is_left_alone() {
    let Some(engine) = Engine::shared() else { return };
    let _web = engine.run("apply-old", &[ANN, "--cpus=1"], IDLE);
    let desk = Desk::new(&engine);
    fs::write(desk.path("wanted.json"), "{}").unwrap();
    let said = desk.refused(&["apply", "--all"]);
    assert!(said.contains("wanted.json") && said.contains("missing field `recommendations`"), "{said}");
    desk.wants(&[("apply-old", "cpu_limit", Some(1.0), 0.5)]);
    let text = fs::read_to_string(desk.path("wanted.json")).unwrap();
    fs::write(desk.path("wanted.json"), text.replace("2100-", "2020-")).unwrap();
    let (answer, _) = desk.told(&["apply", "--all"]);
    assert_eq!(answer["changes"], json!([]));
    assert!(answer["left_alone"][0]["reason"].as_str().unwrap().starts_with("expired at 2020"), "{answer}");
    fs::remove_file(desk.path("wanted.json")).unwrap();
    assert!(desk.refused(&["apply", "--all"]).contains("check the path"));
    assert!(!Path::new(&desk.path("journal")).exists());
}
