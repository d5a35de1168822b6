//! Whose a container is, from real labels to sums in a real Prometheus.

use std::collections::BTreeMap;
use std::fs;

use crate::component::Component;
use crate::engine::{BUSY, Container, Engine, IDLE, done};
use crate::exporter::Exporter;
use crate::exposition::Sample;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

/// The `container_info` sample of a container, once it has these labels: a new container is
/// nobody's until the labels of its image, which claim nothing, are known.
fn info(exporter: &Exporter, name: &str, labels: &[(&str, &str)]) -> Sample {
    exporter.until(&format!("`{name}` is on the page with {labels:?}"), |page| {
        page.all("container_info", &[("name", name)]).find(|sample| sample.has(labels)).cloned()
    })
}

#[test]
fn labels_of_a_container_name_its_tenant_and_reserved_words_are_marked() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let labels = ["--label=dockmeter.user=ann", "--label=dockmeter.project=idle", "--label=dockmeter.team="];
    let _container = engine.run("tenant-labels", &labels, IDLE);
    info(&exporter, "tenant-labels", &[("user", "ann"), ("project", "idle_"), ("team", "unknown")]);
}

#[test]
fn a_team_baked_into_an_image_is_not_believed() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    engine.build("tenant-baked", "FROM dockmeter-test\nLABEL dockmeter.team=core dockmeter.user=root\n");
    let _claimed = engine.run_image("tenant-baked", "tenant-baked-1", &["--label=dockmeter.user=ann"], IDLE);
    let claimed = info(&exporter, "tenant-baked-1", &[("user", "ann")]);
    assert_eq!(claimed.label("team"), Some("unknown"));
}

/// Compose's newer builder bakes project and service into the image; this Dockerfile does the
/// same for the classic one.
const COMPOSE_IMAGE: &str = "FROM dockmeter-test\n\
    LABEL com.docker.compose.project=tenant-shop com.docker.compose.service=api dockmeter.team=core\n\
    CMD [\"sleep\", \"1000\"]\n";

#[test]
fn a_container_of_an_image_built_by_compose_belongs_to_its_compose_project() {
    let (Some(engine), Some(compose)) = (Engine::shared(), Component::Compose.path()) else { return };
    let exporter = Exporter::of(&engine);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("compose.yml");
    fs::write(&file, "services: {api: {build: ., network_mode: none}}\n").unwrap();
    fs::write(directory.path().join("Dockerfile"), COMPOSE_IMAGE).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = engine.command(&compose);
        done(command.args(["--project-name", "tenant-shop", "--file"]).arg(&file).args(arguments));
    };
    run(&["up", "--detach", "--build"]);
    let of_compose = info(&exporter, "tenant-shop-api-1", &[("project", "tenant-shop")]);
    // The same image without Compose: what was baked in claims nothing.
    let bare = engine.run_image("tenant-shop-api", "tenant-shop-bare", &["--label=dockmeter.user=ann"], IDLE);
    let without = info(&exporter, "tenant-shop-bare", &[("user", "ann")]);
    drop(bare);
    run(&["down", "--timeout=0"]);
    assert_eq!(of_compose.label("team"), Some("unknown"));
    assert_eq!(of_compose.label("container_label_com_docker_compose_service"), Some("api"));
    assert!(without.has(&[("project", "unknown"), ("team", "unknown")]), "{without:?}");
}

#[test]
fn an_ignored_container_is_nowhere_on_the_page() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let _ignored = engine.run("tenant-ignored", &["--label=dockmeter.ignore=true"], IDLE);
    let _seen = engine.run("tenant-seen", &[], IDLE);
    info(&exporter, "tenant-seen", &[]);
    assert!(exporter.page().samples().all(|sample| sample.label("name") != Some("tenant-ignored")));
    let listed = exporter.get("/api/containers");
    assert!(listed.text().contains("tenant-seen") && !listed.text().contains("tenant-ignored"));
}

/// A container with a tenant and a known load: 0.1 of a core, and 10 MiB of shared memory.
fn load<'e>(engine: &'e Engine, name: &str, user: &str, project: &str, team: &str) -> Container<'e> {
    let labels = [
        format!("--label=dockmeter.user={user}"),
        format!("--label=dockmeter.project={project}"),
        format!("--label=dockmeter.team={team}"),
    ];
    // Where other tests keep every core busy, a plain container does not get its 0.1.
    let options = ["--cpus=0.1", "--cpu-shares=10240", "--network=none", &labels[0], &labels[1], &labels[2]];
    let container = engine.run(name, &options, BUSY);
    container.exec(&["sh", "-c", "head -c 10485760 /dev/zero >/dev/shm/load"]);
    container
}

/// Whether there are exactly these sums, each at least what is expected times `below` and at
/// most what is expected times `above`.
fn near(sums: &BTreeMap<String, f64>, expected: &[(&str, f64)], below: f64, above: f64) -> bool {
    sums.len() == expected.len()
        && expected.iter().all(|(tenant, sum)| {
            sums.get(*tenant).is_some_and(|found| (sum * below..=sum * above).contains(found))
        })
}

/// Tenants, and the numbers of the containers each of them has.
type Members = &'static [(&'static str, &'static [u32])];

#[test]
fn prometheus_sums_cpu_and_memory_by_user_project_and_team() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let Some(prometheus) = Prometheus::scraping(exporter.address) else { return };
    let _loads = [
        load(&engine, "sum-1", "sum-ann", "sum-shop", "sum-core"),
        load(&engine, "sum-2", "sum-ann", "sum-blog", "sum-core"),
        load(&engine, "sum-3", "sum-bob", "sum-shop", "sum-core"),
        load(&engine, "sum-4", "sum-cyd", "sum-blog", "sum-web"),
    ];
    let tenants: [(&str, Members); 3] = [
        ("user", &[("sum-ann", &[1, 2]), ("sum-bob", &[3]), ("sum-cyd", &[4])]),
        ("project", &[("sum-shop", &[1, 3]), ("sum-blog", &[2, 4])]),
        ("team", &[("sum-core", &[1, 2, 3]), ("sum-web", &[4])]),
    ];
    for (label, tenants) in tenants {
        let ours = format!("{{{label}=~\"sum-.*\"}}");
        let memory = format!("sum by ({label}) (container_memory_working_set_bytes{ours})");
        let loads: Vec<_> =
            tenants.iter().map(|(tenant, own)| (*tenant, own.len() as f64 * f64::from(10 << 20))).collect();
        eventually(&memory, || near(&prometheus.by(label, &memory), &loads, 1.0, 1.3).then_some(()));
        // How much of its 0.1 of a core a container gets depends on what else the machine does,
        // so what it has got so far is taken from the page, by its name.
        let cpu = format!("sum by ({label}) (container_cpu_usage_seconds_total{ours})");
        eventually(&cpu, || {
            let page = exporter.page();
            let used = |number: &u32| {
                page.sum("container_cpu_usage_seconds_total", &[("name", &format!("sum-{number}"))])
            };
            let used: Vec<_> =
                tenants.iter().map(|(tenant, own)| (*tenant, own.iter().map(used).sum::<f64>())).collect();
            near(&prometheus.by(label, &cpu), &used, 0.8, 1.2).then_some(())
        });
        let rate = format!("sum by ({label}) (rate(container_cpu_usage_seconds_total{ours}[10s]))");
        let quotas: Vec<_> = tenants.iter().map(|(tenant, own)| (*tenant, own.len() as f64 * 0.1)).collect();
        eventually(&rate, || near(&prometheus.by(label, &rate), &quotas, 0.05, 1.25).then_some(()));
    }
}
