//! Where a container lives in the kernel: network namespaces of its own, shared and the
//! host's, and cgroups that it has split up itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::engine::{BUSY, Container, Engine, IDLE};
use crate::exporter::Exporter;
use crate::exposition::Page;
use crate::poll::eventually;

const RECEIVED: &str = "container_network_receive_bytes_total";

/// Whether a container has been read in full.
fn is_read(page: &Page, name: &str) -> bool {
    page.value("container_cpu_usage_percent", &[("name", name)]).is_some()
}

#[test]
fn a_shared_network_is_counted_for_the_container_that_owns_it_and_once_for_the_tenant() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let tenant = "--label=dockmeter.project=net-shared";
    let owner = engine.run("net-owner", &[tenant], IDLE);
    let gateway = owner.inspect("{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}");
    let joined = format!("--network=container:{}", owner.id);
    let _guest = engine.run("net-guest", &[tenant, &joined], &["ping", "-i", "0.1", "-s", "1000", &gateway]);

    exporter.until("the guest has been read", |page| is_read(page, "net-guest").then_some(()));
    let billed = |page: &Page| {
        page.value("tenant_network_bytes_total", &[("project", "net-shared"), ("direction", "receive")])
    };
    let page = exporter.until("the guest's traffic is billed", |page| {
        billed(page).filter(|bytes| *bytes >= 3000.0).map(|_| page.clone())
    });
    assert!(page.all(RECEIVED, &[("name", "net-guest")]).next().is_none());
    let once = page.sum(RECEIVED, &[("name", "net-owner")]);
    assert!(
        billed(&page).is_some_and(|bytes| bytes <= once),
        "{:?} of {once} bytes are billed",
        billed(&page)
    );
}

#[test]
fn the_hosts_network_is_blamed_on_nobody() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let _container = engine.run("net-host", &["--network=host", "--label=dockmeter.project=net-host"], IDLE);
    let page =
        exporter.until("the container has been read", |page| is_read(page, "net-host").then(|| page.clone()));
    let network = |name: &str| name.starts_with("container_network_");
    let blamed =
        page.samples().find(|sample| network(&sample.name) && sample.label("name") == Some("net-host"));
    assert!(blamed.is_none(), "{blamed:?}");
    assert_eq!(page.sum("tenant_network_bytes_total", &[("project", "net-host")]), 0.0);
}

/// The folders of a container's cgroup in every hierarchy that there is.
fn groups(container: &Container<'_>) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // `cpu` may be a link to `cpu,cpuacct`.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if entry.file_name().to_string_lossy().contains(&container.id) {
                found.insert(path);
            } else {
                folders.push(path);
            }
        }
    }
    found
}

/// Moves all processes of a container into a cgroup below its own, as an engine or a service
/// manager inside it does.
fn split(container: &Container<'_>) {
    let groups = groups(container);
    assert!(!groups.is_empty(), "the container has a cgroup");
    for group in groups {
        let inner = group.join("init");
        fs::create_dir(&inner).unwrap();
        // A new cpuset of v1 has neither, and takes no process before it has both.
        for setting in ["cpuset.cpus", "cpuset.mems"] {
            if let Ok(inherited) = fs::read(group.join(setting)) {
                let _ = fs::write(inner.join(setting), inherited);
            }
        }
        eventually("its processes have moved", || {
            let left = fs::read_to_string(group.join("cgroup.procs")).unwrap();
            for pid in left.lines() {
                // One that has ended meanwhile cannot be moved.
                let _ = fs::write(inner.join("cgroup.procs"), pid);
            }
            left.is_empty().then_some(())
        });
    }
}

#[test]
fn a_container_that_moved_its_processes_to_an_inner_cgroup_is_read_as_a_whole() {
    let Some(engine) = Engine::shared() else { return };
    let container = engine.run("nested-busy", &["--memory=64m", "--pids-limit=50"], BUSY);
    split(&container);
    let exporter = Exporter::of(&engine);
    let name = [("name", "nested-busy")];
    let (before, id) = exporter.until("the container is read", |page| {
        let cpu = page.all("container_cpu_usage_seconds_total", &name).next()?;
        Some((cpu.value, cpu.label("id")?.to_owned()))
    });
    assert!(id.ends_with(&container.id), "`{id}` is the container's own cgroup, not the inner one");
    let page = exporter.until("its load is seen", |page| {
        (page.sum("container_cpu_usage_seconds_total", &name) > before + 0.1).then(|| page.clone())
    });
    assert_eq!(page.value("container_spec_memory_limit_bytes", &name), Some(f64::from(64 << 20)));
    assert_eq!(page.value("container_threads_max", &name), Some(50.0));
    assert!(page.value("container_memory_working_set_bytes", &name).is_some_and(|bytes| bytes > 0.0));
    assert!(page.value("container_threads", &name).is_some_and(|threads| threads >= 1.0));
    assert!(page.value("container_processes", &name).is_some_and(|processes| processes >= 1.0));
}
