//! What each part needs, as the table of `docs/privileges.md` says: the program is run with
//! exactly those rights and shows it, and without them leaves it out and says so.

use std::fs;
use std::process::Command;

use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::{BINARY, Exporter};
use crate::exposition::Page;
use crate::poll::eventually;

/// A user and a group that own nothing.
const NOBODY: u32 = 65534;

/// Where a program without rights finds the socket and itself, however deep in a private folder
/// they are.
const SOCKET: &str = "unix:///mnt/docker.sock";

const LAYER: &str = "container_fs_writable_layer_bytes";
const CPU: &str = "container_cpu_usage_seconds_total";

/// The rights that a program is run with.
#[derive(Clone, Copy, Default)]
struct Rights {
    root: bool,
    /// Whether it is in the group of the engine's socket.
    group: bool,
    /// Its capabilities as `setpriv` calls them.
    capabilities: &'static [&'static str],
    /// What is done to its view of the file systems before, as a shell says it.
    view: &'static str,
}

/// A user in the socket's group.
const MEMBER: Rights = Rights { root: false, group: true, capabilities: &[], view: ":" };

/// A machine that hides processes from whoever they do not belong to.
const HIDDEN: &str = "mount -t proc -o hidepid=2 proc /proc";

/// Starts one with these rights and no others.
fn started(engine: &Engine, rights: Rights, flags: &[&str]) -> Exporter {
    let group = engine.socket_group();
    let view = format!(
        "mount -t tmpfs none /mnt && touch /mnt/docker.sock /mnt/dockmeter && \
         mount --bind {} /mnt/docker.sock && mount --bind {BINARY} /mnt/dockmeter && {} && exec \"$@\"",
        engine.socket().display(),
        rights.view,
    );
    let id = if rights.root { 0 } else { NOBODY };
    let set = rights.capabilities.iter().fold("-all".to_owned(), |set, name| format!("{set},+{name}"));
    let mut command = Command::new("unshare");
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args(["--mount", "--propagation=private", "sh", "-ec", &view, "sh", "setpriv", "--no-new-privs"])
        .args([format!("--reuid={id}"), format!("--regid={id}")])
        .arg(if rights.group { format!("--groups={group}") } else { "--clear-groups".to_owned() })
        .args([format!("--bounding-set={set}"), format!("--inh-caps={set}"), format!("--ambient-caps={set}")])
        .arg("/mnt/dockmeter");
    Exporter::spawn(&mut command, SOCKET, flags)
}

/// Whether a page shows a container's use of CPU.
fn is_read(page: &Page, name: &str) -> bool {
    page.value(CPU, &[("name", name)]).is_some_and(|seconds| seconds > 0.0)
}

#[test]
fn nobody_sees_the_host_and_is_told_why_there_are_no_containers() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("rights-nobody", &[], IDLE);
    let exporter = started(&engine, Rights { group: false, ..MEMBER }, &[]);
    let refused = ["Permission denied", "may this user open its socket"];
    eventually("the refusal is in the log", || exporter.said(&refused).then_some(()));
    let page = exporter.page();
    for family in ["node_cpu_seconds_total", "node_memory_MemTotal_bytes", "node_disk_reads_completed_total"]
    {
        assert!(page.all(family, &[]).next().is_some(), "`{family}` is missing");
    }
    assert!(page.all("container_state", &[]).next().is_none());
}

#[test]
fn the_sockets_group_is_enough_for_states_and_use_but_not_for_disks() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("rights-group", &["--label=dockmeter.user=rights-ann", "--memory=64m"], BUSY);
    let exporter = started(&engine, MEMBER, &[]);
    let name = [("name", "rights-group"), ("user", "rights-ann")];
    exporter.until("use, limit and traffic are read", |page| {
        let limit = page.value("container_spec_memory_limit_bytes", &name)?;
        page.value("container_memory_working_set_bytes", &name)?;
        page.all("container_network_receive_bytes_total", &name).next()?;
        let by_kernel = page.value("dockmeter_container_source", &[("source", "cgroup")])? >= 1.0;
        (is_read(page, "rights-group") && limit == f64::from(64 << 20) && by_kernel).then_some(())
    });
    let refused = ["level=warn", "what containers have on disk is not measured"];
    eventually("the log says that disks are out of reach", || exporter.said(&refused).then_some(()));
    assert!(exporter.page().all(LAYER, &[]).next().is_none());
}

#[test]
fn cap_dac_override_opens_the_socket_in_place_of_its_group() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("rights-override", &[], BUSY);
    let rights = Rights { group: false, capabilities: &["dac_override"], ..MEMBER };
    let exporter = started(&engine, rights, &[]);
    exporter.until("the container and its disk are read", |page| {
        page.value(LAYER, &[("name", "rights-override")])?;
        is_read(page, "rights-override").then_some(())
    });
}

#[test]
fn a_read_only_mount_of_the_socket_keeps_nobody_from_talking_to_the_engine() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("rights-ro", &[], BUSY);
    let exporter =
        started(&engine, Rights { view: "mount -o remount,bind,ro /mnt/docker.sock", ..MEMBER }, &[]);
    exporter.until("the container is read", |page| is_read(page, "rights-ro").then_some(()));
}

#[test]
fn cap_dac_read_search_measures_what_tenants_have_closed_and_times_removals() {
    let Some(engine) = Engine::shared() else { return };
    let container = engine.run("rights-disk", &["--volume=rights-disk:/data"], IDLE);
    let write = "mkdir /own && dd if=/dev/urandom of=/own/file bs=64k count=32 && dd if=/dev/urandom of=/data/file bs=64k count=16 && chown -R 1000:1000 /own && chmod 700 /own";
    container.exec(&["sh", "-c", write]);
    let exporter = started(&engine, Rights { capabilities: &["dac_read_search"], ..MEMBER }, &[]);
    let without = started(&engine, MEMBER, &[]);
    let name = [("name", "rights-disk")];
    exporter.until("layer and volume are measured", |page| {
        let layer = page.value(LAYER, &name)?;
        let volume = page.value("container_volume_usage_bytes", &name)?;
        (layer >= f64::from(2 << 20) && volume >= f64::from(1 << 20)).then_some(())
    });

    let removed = engine.run("rights-removed", &["--label=dockmeter.project=rights-removed"], IDLE);
    let seen = |page: &Page| page.all("container_state", &[("name", "rights-removed")]).next().map(|_| ());
    removed.docker(&["stop", "-t", "0"]);
    let stopped = [("name", "rights-removed"), ("state", "exited")];
    for exporter in [&exporter, &without] {
        exporter.until("the container is known", seen);
        exporter.until_value("container_state", &stopped, 1.0);
    }
    removed.docker(&["rm"]);
    let timed = |page: &Page| {
        let remove = [("operation", "remove"), ("project", "rights-removed")];
        page.all("container_operation_duration_seconds_count", &remove)
            .map(|sample| sample.value)
            .sum::<f64>()
    };
    exporter.until("the removal is timed", |page| (timed(page) == 1.0).then_some(()));
    without.until("the container is forgotten", |page| seen(page).is_none().then_some(()));
    assert_eq!(timed(&without.page()), 0.0, "a removal cannot be timed without its beginning");
    drop(container);
    engine.try_docker(&["volume", "rm", "-f", "rights-disk"]);
}

#[test]
fn root_without_capabilities_measures_only_what_is_open_to_root_as_an_owner() {
    let Some(engine) = Engine::shared() else { return };
    let closed = engine.run("rights-closed", &[], IDLE);
    closed.exec(&["sh", "-c", "mkdir /own && chown 1000:1000 /own && chmod 700 /own"]);
    let _open = engine.run("rights-open", &[], IDLE);
    let exporter = started(&engine, Rights { root: true, group: false, ..MEMBER }, &[]);
    exporter.until("the layer that is all root's is measured", |page| {
        page.value(LAYER, &[("name", "rights-open")])
    });
    let refused = ["level=warn", "a tree cannot be measured", &closed.id, "Permission denied"];
    eventually("the log names the other one", || exporter.said(&refused).then_some(()));
    assert_eq!(exporter.page().value(LAYER, &[("name", "rights-closed")]), None);
}

/// The scheduling policy of the thread of last reads: field 41 of its `stat`.
fn policy(exporter: &Exporter) -> Option<u32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", exporter.pid())).ok()?;
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let stat = stats.into_iter().find(|stat| stat.contains("(last-read)"))?;
    stat.rsplit_once(") ")?.1.split(' ').nth(38)?.parse().ok()
}

#[test]
fn cap_sys_nice_lets_the_last_read_come_in_time() {
    let Some(engine) = Engine::shared() else { return };
    let with = started(&engine, Rights { capabilities: &["sys_nice"], ..MEMBER }, &[]);
    let without = started(&engine, MEMBER, &[]);
    let fifo = 1;
    eventually("the thread has real-time priority", || (policy(&with)? == fifo).then_some(()));
    assert!(!with.said(&["no priority for last reads"]));
    let refused = ["no priority for last reads", "CAP_SYS_NICE"];
    eventually("the log says that it was refused", || without.said(&refused).then_some(()));
    assert_eq!(policy(&without), Some(0));
}

#[test]
fn cap_sys_ptrace_knows_a_shared_network_of_which_the_engine_does_not() {
    let Some(engine) = Engine::shared() else { return };
    let owner = engine.run("rights-owner", &[], BUSY);
    let network = format!("--net=/host/proc/{}/ns/net", owner.inspect("{{.State.Pid}}"));
    let options =
        ["--network=none", "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE", "--volume=/proc:/host/proc"];
    let busy = [&["nsenter", &network], BUSY].concat();
    let guest = engine.run("rights-guest", &options, &busy);
    eventually("the guest has joined", || {
        let net = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        (net(&guest.inspect("{{.State.Pid}}"))? == net(&owner.inspect("{{.State.Pid}}"))?).then_some(())
    });
    // How many of the two are said to have had the traffic.
    let counted = |exporter: &Exporter| {
        let page = exporter.until("both are read", |page| {
            (is_read(page, "rights-owner") && is_read(page, "rights-guest")).then(|| page.clone())
        });
        let received = "container_network_receive_bytes_total";
        let has = |name: &&&str| page.all(received, &[("name", name)]).next().is_some();
        ["rights-owner", "rights-guest"].iter().filter(has).count()
    };
    let with = started(&engine, Rights { capabilities: &["sys_ptrace"], ..MEMBER }, &[]);
    assert_eq!(counted(&with), 1, "what they share is counted once");
    let without = started(&engine, MEMBER, &[]);
    assert_eq!(counted(&without), 2, "nobody can know that they share it");
}

#[test]
fn cap_sys_ptrace_sees_processes_that_are_hidden() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("rights-hidden", &[], BUSY);
    let name = [("name", "rights-hidden")];
    let with = started(&engine, Rights { view: HIDDEN, capabilities: &["sys_ptrace"], ..MEMBER }, &[]);
    with.until("the container is read from the kernel", |page| page.value("container_cpu_peak_cores", &name));
    let without = started(&engine, Rights { view: HIDDEN, ..MEMBER }, &["--log.level=debug"]);
    without.until("the engine's statistics stand in", |page| is_read(page, "rights-hidden").then_some(()));
    let page = without.page();
    assert_eq!(page.value("dockmeter_container_source", &[("source", "cgroup")]), Some(0.0));
    assert_eq!(page.value("container_cpu_peak_cores", &name), None);
    assert!(without.said(&["its numbers come from the engine's statistics", "rights-hidden"]));
}
