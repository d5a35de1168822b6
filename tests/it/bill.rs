//! The tenants' bill: together with `system`, `unattributed` and `idle` it is the whole host,
//! and each tenant pays for the larger of what it has used and reserved.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::engine::{BUSY, Engine, IDLE, IMAGE};
use crate::exporter::Exporter;
use crate::exposition::Page;
use crate::poll::{eventually, pause};

const CPU: &str = "tenant_cpu_core_seconds_total";
const MEMORY: &str = "tenant_memory_byte_seconds_total";
const DISK: &str = "tenant_disk_byte_seconds_total";

/// What is given out of each resource, and to whom of those that are no tenants.
const PSEUDO: [&str; 2] = ["system", "idle"];

/// Some work of about 0.2 s; what it took is printed.
const SPRINT: &str = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done; times";

/// Scrapes may share a read that is as old.
const SHARED_READ: Duration = Duration::from_millis(250);

/// A page and when its numbers were read: between these moments.
struct Reading {
    page: Page,
    earliest: Instant,
    latest: Instant,
}

fn read(exporter: &Exporter) -> Reading {
    let asked = Instant::now();
    let page = exporter.page();
    Reading { page, earliest: asked - SHARED_READ, latest: Instant::now() }
}

/// Waits until everything has its share of the page.
fn balanced(exporter: &Exporter) -> Reading {
    exporter.until("`system` and `idle` have shares of everything", |page| {
        let has = |family, user| page.value(family, &[("user", user)]).is_some();
        let all = [CPU, MEMORY, DISK].iter().all(|family| PSEUDO.iter().all(|user| has(family, user)));
        all.then_some(())
    });
    read(exporter)
}

fn user(name: &str) -> [(&'static str, &str); 3] {
    [("user", name), ("project", "unknown"), ("team", "unknown")]
}

/// Whether all series of a family have grown by what there was of it, to a hundredth.
fn assert_balance(family: &str, there_is: f64, before: &Reading, after: &Reading) {
    let given = after.page.sum(family, &[]) - before.page.sum(family, &[]);
    let least = (after.earliest - before.latest).as_secs_f64() * there_is;
    let most = (after.latest - before.earliest).as_secs_f64() * there_is;
    let lines: Vec<_> = after.page.all(family, &[]).collect();
    assert!(
        (least * 0.99..=most * 1.01).contains(&given),
        "`{family}`: {given} is not from {least} to {most}; {lines:#?}"
    );
    for sample in before.page.all(family, &[]) {
        let labels: Vec<(&str, &str)> =
            ["user", "project", "team"].map(|name| (name, sample.label(name).unwrap())).to_vec();
        let now = after.page.value(family, &labels);
        assert!(now.is_some_and(|now| now >= sample.value), "{sample:?} is {now:?} now");
    }
}

/// Bytes of the file system of the engine's data.
fn data_file_system(engine: &Engine) -> f64 {
    let size = rustix::fs::statvfs(engine.docker(&["info", "--format={{.DockerRootDir}}"])).unwrap();
    (size.f_blocks * size.f_frsize) as f64
}

/// Runs a hundred short containers of a tenant, ten at a time; the CPU time that they say they took.
fn hundred_sprints(engine: &Engine, label: &str) -> f64 {
    let sprint = || {
        let arguments = ["run", "--rm", "--network=none", label, IMAGE, "sh", "-c", SPRINT];
        let times = engine.docker(&arguments);
        times.lines().next().unwrap().split_whitespace().map(seconds).sum::<f64>()
    };
    let ten = |_| {
        thread::scope(|scope| {
            let started: Vec<_> = (0..10).map(|_| scope.spawn(sprint)).collect();
            started.into_iter().map(|thread| thread.join().unwrap()).sum::<f64>()
        })
    };
    (0..10).map(ten).sum()
}

/// `0m0.21s`, as the shell prints it.
fn seconds(text: &str) -> f64 {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
    minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
}

#[test]
fn what_is_billed_is_the_host_with_reservations_and_short_lived_containers_and_under_load() {
    let Some(engine) = Engine::shared() else { return };
    let start = |name: &str, options: &[&str], command: &[&str]| {
        let label = format!("--label=dockmeter.user={name}");
        let label = if name == "bill-nobody" { "--label=x=y" } else { label.as_str() };
        engine.run(name, &[&["--network=none", label], options].concat(), command)
    };
    let _busy = start("bill-busy", &[], BUSY);
    let _frugal = start("bill-frugal", &["--memory-reservation=256m"], IDLE);
    let _half = start("bill-half", &["--label=dockmeter.cpu.reservation=0.5"], IDLE);
    let _nobody = start("bill-nobody", &[], BUSY);
    let greedy = start("bill-greedy", &["--label=dockmeter.cpu.reservation=1000"], IDLE);
    let exporter = Exporter::of(&engine);
    let before = balanced(&exporter);
    exporter.until("all of them are billed", |page| {
        let billed = ["bill-busy", "bill-frugal", "bill-half", "bill-greedy"].iter();
        billed.copied().all(|name| page.value(CPU, &user(name)).is_some()).then_some(())
    });
    let took = hundred_sprints(&engine, "--label=dockmeter.user=bill-sprint");
    let sprinted = |page: &Page| page.sum(CPU, &user("bill-sprint"));
    exporter
        .until("the time of every short one is billed", |page| (sprinted(page) >= took * 0.98).then_some(()));
    let full = read(&exporter);
    let machine = |family: &str| full.page.value(family, &[]).unwrap();
    let (cores, bytes) = (machine("machine_cpu_cores"), machine("machine_memory_bytes"));
    assert_balance(CPU, cores, &before, &full);
    assert_balance(MEMORY, bytes, &before, &full);
    assert_balance(DISK, data_file_system(&engine), &before, &full);

    let grown = |family: &str, name: &str, after: &Reading| {
        after.page.sum(family, &user(name)) - before.page.sum(family, &user(name))
    };
    let least = (full.earliest - before.latest).as_secs_f64();
    let most = (full.latest - before.earliest).as_secs_f64();
    let memory = grown(MEMORY, "bill-frugal", &full) / f64::from(256 << 20);
    assert!((least * 0.95..=most * 1.05).contains(&memory), "{memory} is not from {least} to {most}");
    assert!(full.page.sum(CPU, &[("user", "unattributed"), ("team", "unattributed")]) > 0.0);
    let half = grown(CPU, "bill-half", &full);
    let greedy_bill = grown(CPU, "bill-greedy", &full);
    assert!(half <= most * 0.5, "its reservation shrinks beside one for the whole machine: {half}");
    // On a machine that is full reservations are worth nothing, and both pay for next to nothing.
    assert!(greedy_bill + 0.5 >= half, "{greedy_bill} and {half} of reservations that differ");

    // With the greedy one gone there is room again, and the next pages still balance.
    drop(greedy);
    exporter.until("the greedy one has gone", |page| {
        let gone = page.samples().all(|sample| sample.label("name") != Some("bill-greedy"));
        gone.then_some(())
    });
    // Its last amount is billed with the reading after the one in which it is gone.
    pause(SHARED_READ);
    let again = read(&exporter);
    pause(Duration::from_secs(15));
    let last = read(&exporter);
    assert_balance(CPU, cores, &again, &last);
    assert_balance(MEMORY, bytes, &again, &last);
    assert_balance(DISK, data_file_system(&engine), &again, &last);
    assert_eq!(last.page.sum(CPU, &user("bill-greedy")), again.page.sum(CPU, &user("bill-greedy")));
}

#[test]
fn a_container_that_gets_another_tenant_leaves_its_past_where_it_was() {
    let Some(engine) = Engine::shared() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dockmeter.yml");
    let is = |name: &str| {
        let text = format!(
            "containers: {{include: [{{name: '^bill-moves$'}}]}}\ntenancy: {{user: [{{default: {name}}}]}}\n"
        );
        fs::write(&file, text).unwrap();
    };
    is("bill-first");
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let _moves = engine.run("bill-moves", &["--network=none"], BUSY);
    let billed = |page: &Page, name: &str| page.value(CPU, &user(name)).unwrap_or(0.0);
    exporter.until("the first is billed", |page| (billed(page, "bill-first") > 0.2).then_some(()));
    is("bill-second");
    exporter.signal(Signal::HUP);
    exporter.until("the second is billed", |page| (billed(page, "bill-second") > 0.2).then_some(()));
    let page = exporter.page();
    let used = page.sum("container_cpu_usage_seconds_total", &[("name", "bill-moves")]);
    let (first, second) = (billed(&page, "bill-first"), billed(&page, "bill-second"));
    assert!((first + second - used).abs() <= used * 0.01, "{first} and {second} of {used}");
    let later = exporter
        .until("time has passed", |page| (billed(page, "bill-second") > second + 0.2).then(|| page.clone()));
    assert_eq!(billed(&later, "bill-first"), first, "the past stays");
}

#[test]
fn the_bill_needs_no_collector_of_the_host() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::with(&engine, &["--no-collector.host"]);
    let _any = engine.run("bill-alone", &["--network=none"], IDLE);
    let before = balanced(&exporter);
    assert!(before.page.samples().all(|sample| !sample.name.starts_with("node_")));
    pause(Duration::from_secs(10));
    let after = read(&exporter);
    let cores = after.page.value("machine_cpu_cores", &[]).unwrap();
    assert_balance(CPU, cores, &before, &after);
}

#[test]
fn where_the_host_is_not_known_to_be_the_containers_own_nothing_is_idle() {
    let Some(engine) = Engine::shared() else { return };
    let name = "bill-far";
    let _busy = engine.run(name, &["--network=none", "--label=dockmeter.user=bill-far"], BUSY);
    let exporter = Exporter::with(&engine, &["--container.source=api"]);
    let page = exporter.until("the engine's statistics are billed", |page| {
        page.value(CPU, &user(name)).filter(|cpu| *cpu > 0.0).map(|_| page.clone())
    });
    for pseudo in PSEUDO {
        assert_eq!(page.value(CPU, &[("user", pseudo)]), None, "{pseudo}");
    }
    eventually("the page stays so", || {
        exporter.page().value(DISK, &[("user", "idle")]).is_none().then_some(())
    });
}
