//! The engines that people run, and the ways to them: a container's life is the same on the
//! page, whichever engine has it and wherever its numbers come from.

use crate::engine::{BUSY, Container, Engine, IDLE};
use crate::exporter::Exporter;
use crate::exposition::Page;

/// Families that every running container has, whoever tells its numbers.
const OF_EVERY_SOURCE: &[&str] = &[
    "container_cpu_usage_seconds_total",
    "container_cpu_user_seconds_total",
    "container_cpu_system_seconds_total",
    "container_cpu_usage_percent",
    "container_memory_usage_bytes",
    "container_memory_working_set_bytes",
    "container_spec_memory_limit_bytes",
    "container_threads",
    "container_info",
    "container_state",
    "container_start_time_seconds",
    "container_last_seen",
    "container_restarts_total",
    "container_oom_events_total",
];

/// Where a container's numbers come from.
#[derive(Clone, Copy, PartialEq)]
enum From {
    Cgroup,
    Api,
}

impl From {
    fn as_str(self) -> &'static str {
        match self {
            From::Cgroup => "cgroup",
            From::Api => "api",
        }
    }
}

fn start(engine: &Engine, flags: &[String]) -> Exporter {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Exporter::with(engine, &flags)
}

fn sum(page: &Page, family: &str, name: &str) -> f64 {
    page.sum(family, &[("name", name)])
}

fn is_in_state(exporter: &Exporter, name: &str, state: &str) {
    exporter.until_value("container_state", &[("name", name), ("state", state)], 1.0);
}

/// A container appears with its tenant, is read, is paused, renamed, killed and removed.
fn a_life(engine: &Engine, exporter: &Exporter, name: &str, options: &[&str], from: From) {
    let user = format!("--label=dockmeter.user={name}");
    let options = [options, &[&user, "--memory=64m"]].concat();
    let container = engine.run(name, &options, BUSY);
    exporter.until("it is read", |page| {
        (sum(page, "container_cpu_usage_seconds_total", name) > 0.1
            && page.value("container_cpu_usage_percent", &[("name", name)]).is_some())
        .then_some(())
    });
    let page = exporter.page();
    for family in OF_EVERY_SOURCE {
        assert!(
            page.all(family, &[("name", name), ("user", name)]).next().is_some(),
            "`{family}` is missing"
        );
    }
    assert_eq!(sum(&page, "container_spec_memory_limit_bytes", name), f64::from(64 << 20));
    assert_eq!(page.value("container_info", &[("container_id", &container.id)]), Some(1.0));
    assert_eq!(page.value("dockmeter_docker_up", &[]), Some(1.0));
    assert!(page.value("dockmeter_container_source", &[("source", from.as_str())]) >= Some(1.0));
    exporter.until("its user is billed", |page| {
        (page.sum("tenant_cpu_core_seconds_total", &[("user", name)]) > 0.0).then_some(())
    });

    container.docker(&["pause"]);
    is_in_state(exporter, name, "paused");
    container.docker(&["unpause"]);
    is_in_state(exporter, name, "running");
    let renamed = format!("{name}-2");
    engine.docker(&["rename", &container.id, &renamed]);
    is_in_state(exporter, &renamed, "running");
    container.docker(&["kill"]);
    is_in_state(exporter, &renamed, "exited");
    exporter.until_value("container_exit_code", &[("name", &renamed)], 137.0);
    container.docker(&["rm", "-f"]);
    exporter.until("nothing of it is left", |page| {
        page.samples().all(|sample| sample.label("name") != Some(&renamed)).then_some(())
    });
}

#[test]
fn on_a_current_engine() {
    let Some((engine, _)) = Engine::current() else { return };
    let exporter = Exporter::of(&engine);
    a_life(&engine, &exporter, "current-life", &[], From::Cgroup);
    assert!(exporter.said(&["the engine is connected", "Docker Engine 28"]), "it says who it talks to");
}

#[test]
fn on_podman_s_socket() {
    let Some(engine) = Engine::podman() else { return };
    let exporter = Exporter::of(&engine);
    a_life(&engine, &exporter, "podman-life", &["--network=none"], From::Cgroup);
    let id = "/libpod_parent/libpod-";
    let _idle = engine.run("podman-idle", &["--network=none"], IDLE);
    exporter.until("its cgroup is Podman's", |page| {
        let mut info = page.all("container_info", &[("name", "podman-idle")]);
        info.next()?.label("id")?.starts_with(id).then_some(())
    });
    assert!(exporter.said(&["the engine is connected", "Podman Engine"]), "it says who it talks to");
}

#[test]
fn on_podman_by_its_statistics() {
    let Some(engine) = Engine::podman() else { return };
    let exporter = Exporter::with(&engine, &["--container.source=api"]);
    a_life(&engine, &exporter, "podman-api", &["--network=none"], From::Api);
}

#[test]
fn behind_tls_on_this_machine_the_kernel_is_read() {
    let Some((engine, certificates)) = Engine::current() else { return };
    let exporter = start(&engine, &certificates.flags());
    a_life(&engine, &exporter, "tls-life", &[], From::Cgroup);
}

#[test]
fn on_another_machine_the_engine_is_asked_and_no_process_is_looked_up_here() {
    let Some((engine, certificates)) = Engine::current() else { return };
    let exporter = start(&engine, &certificates.flags_from_afar());
    a_life(&engine, &exporter, "afar-life", &[], From::Api);
    let page = exporter.page();
    assert_eq!(page.value("dockmeter_container_source", &[("source", "cgroup")]), Some(0.0));
    let cores = engine.docker(&["info", "-f", "{{.NCPU}}"]);
    assert_eq!(page.value("machine_cpu_cores", &[]), cores.parse().ok(), "the machine is the engine's");
}

#[test]
fn on_another_machine_processes_are_listed_by_the_engine() {
    let Some((engine, certificates)) = Engine::current() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    let hash = dockmeter::config::TokenHash::of("reader");
    std::fs::write(&file, format!("auth: {{tokens: [{{name: reader, hash: '{hash}', scopes: [read]}}]}}"))
        .unwrap();
    let mut flags = certificates.flags_from_afar().to_vec();
    flags.push(format!("--config.file={}", file.display()));
    let exporter = start(&engine, &flags);
    let container = engine.run("afar-processes", &[], &["sh", "-c", "sleep 5353 & wait"]);
    let path = format!("/api/containers/{}/processes?sort=pid", container.id);
    let list = crate::poll::eventually("both processes are listed", || {
        let answer = exporter.get_as("reader", &path);
        (answer.status == 200).then(|| answer.json()).filter(|list| list["total"] == 2)
    });
    let [shell, sleep] = [0, 1].map(|index| &list["processes"][index]);
    assert_eq!(shell["pid"].to_string(), container.inspect("{{.State.Pid}}"));
    assert_eq!((&sleep["command"], &sleep["parent_pid"]), (&"sleep 5353".into(), &shell["pid"]));
    assert!(sleep["rss_bytes"].as_u64().unwrap() > 0 && sleep["started_at"].is_string(), "{sleep}");
}

#[test]
fn a_port_with_tls_is_named_to_who_speaks_none() {
    let Some((engine, certificates)) = Engine::current() else { return };
    let [host, ..] = certificates.flags();
    let exporter = Exporter::start(&engine, &[&host]);
    crate::poll::eventually("the log says so", || {
        exporter.said(&["the engine speaks TLS there"]).then_some(())
    });
    assert_eq!(exporter.page().value("dockmeter_docker_up", &[]), Some(0.0));
}

#[test]
fn by_the_statistics_of_a_current_engine() {
    let Some((engine, _)) = Engine::current() else { return };
    let exporter = Exporter::with(&engine, &["--container.source=api"]);
    a_life(&engine, &exporter, "api-life", &[], From::Api);
}

#[test]
fn by_the_statistics_of_an_older_engine() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::with(&engine, &["--container.source=api"]);
    a_life(&engine, &exporter, "api-life-older", &[], From::Api);
}

/// Works for a while, writes to disk and to memory, and then rests, so that nothing moves.
const RESTS: &[&str] = &[
    "sh",
    "-c",
    "dd if=/dev/zero of=/file bs=1M count=8 conv=fsync 2>&1; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 1000",
];

/// What both sources say of one container at rest, and how far they may be apart: the engine's
/// times of cgroup v1 come from another file than ours, in another unit.
const ALIKE: &[(&str, f64)] = &[
    ("container_cpu_usage_seconds_total", 0.01),
    ("container_memory_usage_bytes", 0.0),
    ("container_memory_working_set_bytes", 0.0),
    ("container_memory_rss", 0.0),
    ("container_memory_cache", 0.0),
    ("container_memory_mapped_file", 0.0),
    ("container_spec_memory_limit_bytes", 0.0),
    ("container_fs_writes_bytes_total", 0.0),
    ("container_fs_reads_bytes_total", 0.0),
    ("container_threads", 0.0),
];

fn is_at_rest(engine: &Engine, container: &Container<'_>) {
    crate::poll::eventually("its work is done", || {
        engine.docker(&["logs", &container.id]).contains("done").then_some(())
    });
}

fn both_sources_say_the_same(engine: &Engine, name: &str) {
    let container = engine.run(name, &["--memory=64m", "--network=none"], RESTS);
    is_at_rest(engine, &container);
    let exporters = ["cgroup", "api"].map(|source| {
        let exporter = Exporter::with(engine, &[&format!("--container.source={source}")]);
        exporter.until("it is read", |page| page.value("container_threads", &[("name", name)]));
        exporter
    });
    for (family, tolerance) in ALIKE {
        // What was written may reach the disk a little later.
        crate::poll::eventually(&format!("both sources agree on `{family}`"), || {
            let [kernel, api] = exporters.each_ref().map(|exporter| {
                let page = exporter.page();
                let any = page.all(family, &[("name", name)]).next().is_some();
                any.then(|| sum(&page, family, name))
            });
            // On cgroup v2 neither may have any: a container that did nothing to a device.
            let (Some(kernel), Some(api)) = (kernel, api) else { return (kernel == api).then_some(()) };
            ((kernel - api).abs() <= tolerance * kernel).then_some(())
        });
    }
}

#[test]
fn of_a_container_at_rest_both_sources_say_the_same_on_an_older_engine() {
    let Some(engine) = Engine::shared() else { return };
    both_sources_say_the_same(&engine, "rest-older");
}

#[test]
fn of_a_container_at_rest_both_sources_say_the_same_on_a_current_engine() {
    let Some((engine, _)) = Engine::current() else { return };
    both_sources_say_the_same(&engine, "rest-current");
}
