//! The page as a whole: its formats, its names and labels, and what Prometheus' checker says.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use dockmeter::metrics::catalogue::{self, Metric, Owner};
use dockmeter::metrics::{Kind, Labels};

use crate::component::Component;
use crate::engine::{BUSY, Engine};
use crate::exporter::Exporter;
use crate::exposition::{Dialect, LabelPairs, Page};
use crate::http;
use crate::poll::eventually;

/// Options for a container that gives every family of the page something to show.
const FULL: &[&str] = &[
    "--memory=64m",
    "--cpus=0.2",
    "--pids-limit=50",
    "--health-cmd=true",
    "--health-interval=200ms",
    "--label=com.docker.compose.project=page-shop",
    "--label=com.docker.compose.service=api",
];

/// Waits until a container has been read in full.
fn read_in_full(exporter: &Exporter, name: &str) {
    exporter.until("the container has been read", |page| {
        page.value("container_cpu_usage_percent", &[("name", name)])
    });
}

#[test]
fn promtool_finds_fault_only_with_names_that_are_not_ours() {
    let (Some(engine), Some(promtool)) = (Engine::shared(), Component::Promtool.path()) else { return };
    let _container = engine.run("page-promtool", FULL, BUSY);
    let exporter = Exporter::of(&engine);
    read_in_full(&exporter, "page-promtool");
    let unexpected = unexpected_complaints(&promtool, &exporter.get("/metrics").body);
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

/// What promtool says of a page, but for names that are not ours.
pub(crate) fn unexpected_complaints(promtool: &Path, page: &[u8]) -> Vec<String> {
    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(page).unwrap();
    let output = check.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let owners = [Owner::Cadvisor, Owner::NodeExporter, Owner::PostgresExporter];
    let theirs = |line: &&str| {
        catalogue::ALL.iter().any(|metric| owners.contains(&metric.owner) && line.starts_with(metric.name))
    };
    said.lines().filter(|line| !line.is_empty() && !theirs(line)).map(str::to_owned).collect()
}

/// Names that dashboards and rules made for cAdvisor query, with the labels they select by.
const CADVISOR: &[(&str, &[&str])] = &[
    ("container_cpu_usage_seconds_total", &["cpu"]),
    ("container_cpu_user_seconds_total", &[]),
    ("container_cpu_system_seconds_total", &[]),
    ("container_cpu_cfs_periods_total", &[]),
    ("container_cpu_cfs_throttled_periods_total", &[]),
    ("container_cpu_cfs_throttled_seconds_total", &[]),
    ("container_spec_cpu_quota", &[]),
    ("container_spec_cpu_period", &[]),
    ("container_spec_cpu_shares", &[]),
    ("container_spec_memory_limit_bytes", &[]),
    ("container_memory_usage_bytes", &[]),
    ("container_memory_working_set_bytes", &[]),
    ("container_memory_rss", &[]),
    ("container_memory_cache", &[]),
    ("container_memory_mapped_file", &[]),
    ("container_memory_failcnt", &[]),
    ("container_memory_failures_total", &["failure_type", "scope"]),
    ("container_network_receive_bytes_total", &["interface"]),
    ("container_network_transmit_bytes_total", &["interface"]),
    ("container_network_receive_errors_total", &["interface"]),
    ("container_network_transmit_packets_dropped_total", &["interface"]),
    ("container_processes", &[]),
    ("container_threads", &[]),
    ("container_threads_max", &[]),
    ("container_start_time_seconds", &[]),
    ("container_last_seen", &[]),
    ("container_health_state", &[]),
];

#[test]
fn a_dashboard_made_for_cadvisor_finds_its_names_and_labels() {
    let Some(engine) = Engine::shared() else { return };
    let container = engine.run("page-cadvisor", FULL, BUSY);
    let exporter = Exporter::of(&engine);
    read_in_full(&exporter, "page-cadvisor");
    let page = exporter.page();
    for (name, own) in CADVISOR {
        let sample =
            page.all(name, &[("name", "page-cadvisor")]).next().unwrap_or_else(|| panic!("no `{name}`"));
        assert_eq!(sample.label("image"), Some("dockmeter-test"), "{sample:?}");
        assert!(sample.label("id").unwrap().contains(&container.id), "{sample:?}");
        assert_eq!(
            sample.label("container_label_com_docker_compose_project"),
            Some("page-shop"),
            "{sample:?}"
        );
        assert_eq!(sample.label("container_label_com_docker_compose_service"), Some("api"), "{sample:?}");
        for label in *own {
            assert!(sample.label(label).is_some(), "`{label}` is missing: {sample:?}");
        }
    }
    assert!(page.samples().all(|sample| sample.label("id") != Some("/")), "no aggregate of everything");
}

/// Whether a label is one that the catalogue gives to a metric.
fn is_declared(metric: &Metric, label: &str) -> bool {
    metric.labels.names().contains(&label)
        || metric.own_labels.contains(&label)
        || (metric.kind == Kind::Histogram && label == "le")
        || (metric.labels == Labels::Container && label.starts_with("container_label_"))
}

/// The metric that a sample belongs to.
fn declared(sample: &str) -> Option<&'static Metric> {
    let named = |name: &str| catalogue::ALL.iter().copied().find(|metric| metric.name == name);
    let histogram = || {
        let suffix = ["_bucket", "_sum", "_count"].into_iter().find(|suffix| sample.ends_with(suffix))?;
        named(sample.strip_suffix(suffix)?).filter(|metric| metric.kind == Kind::Histogram)
    };
    named(sample).or_else(histogram)
}

fn holds_to_the_catalogue(page: &Page) {
    for sample in page.samples() {
        let metric = declared(&sample.name);
        let metric = metric.unwrap_or_else(|| panic!("`{}` is not in the catalogue", sample.name));
        for (label, value) in &sample.labels {
            assert!(is_declared(metric, label), "`{label}` of `{}` is not in the catalogue", sample.name);
            assert!(
                !matches!(label.as_str(), "user" | "project" | "team") || !value.is_empty(),
                "{sample:?}"
            );
        }
    }
}

/// Names and labels of all series.
fn series(page: &Page) -> BTreeSet<(&str, &LabelPairs)> {
    page.samples().map(|sample| (sample.name.as_str(), &sample.labels)).collect()
}

#[test]
fn every_format_is_valid_holds_to_the_catalogue_and_has_the_same_series() {
    let Some(engine) = Engine::shared() else { return };
    let labels = [FULL, &["--label=dockmeter.user=page-formats"]].concat();
    let _container = engine.run("page-formats", &labels, BUSY);
    let exporter = Exporter::of(&engine);
    read_in_full(&exporter, "page-formats");
    let of_ours = "/metrics?user=page-formats";
    eventually("no series has come or gone between the pages", || {
        let before = exporter.page_of(of_ours, Dialect::Text);
        let pages =
            [Dialect::OpenMetrics, Dialect::Protobuf].map(|dialect| exporter.page_of(of_ours, dialect));
        (series(&before) == series(&exporter.page_of(of_ours, Dialect::Text))).then(|| {
            assert!(!before.families.is_empty());
            pages.iter().for_each(|page| assert_eq!(series(page), series(&before)));
        })
    });
    for dialect in [Dialect::Text, Dialect::OpenMetrics, Dialect::Protobuf] {
        holds_to_the_catalogue(&exporter.page_of("/metrics", dialect));
    }
    assert_eq!(
        exporter.get("/metrics").header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(exporter.get("/api/metrics/prometheus").status, 200, "the alias answers too");
}

#[test]
fn a_page_can_be_narrowed_to_collectors_and_to_a_tenant() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("page-narrow", &["--label=dockmeter.user=page-ann"], BUSY);
    let exporter = Exporter::of(&engine);
    read_in_full(&exporter, "page-narrow");
    exporter.until_value("container_info", &[("name", "page-narrow"), ("user", "page-ann")], 1.0);
    let read = |path: &str| {
        let response = exporter.get(path);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        Page::parse(&response.body, Dialect::Text).unwrap()
    };
    let page = read("/metrics?collect[]=machine");
    assert!(page.value("machine_cpu_cores", &[]).is_some());
    assert!(page.all("container_info", &[]).next().is_none());
    let page = read("/metrics?exclude[]=container_state");
    assert!(page.all("container_info", &[]).next().is_none());
    assert!(page.all("container_cpu_usage_seconds_total", &[]).next().is_some());
    let page = read("/metrics?user=page-ann");
    assert!(page.samples().all(|sample| sample.label("user") == Some("page-ann")));
    assert!(page.all("container_info", &[("name", "page-narrow")]).next().is_some());
}

#[test]
fn two_scrapers_at_once_get_whole_pages_and_counters_that_only_go_up() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("page-two", &[], BUSY);
    let exporter = Exporter::of(&engine);
    read_in_full(&exporter, "page-two");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0.0;
                for _ in 0..50 {
                    let cpu =
                        exporter.page().sum("container_cpu_usage_seconds_total", &[("name", "page-two")]);
                    assert!(cpu >= last && cpu > 0.0, "from {last} to {cpu}");
                    last = cpu;
                }
            });
        }
    });
}

#[test]
fn a_page_is_compressed_for_who_takes_nothing_else() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let usual = http::get(exporter.address, "/metrics", &["Accept-Encoding: gzip"]).unwrap();
    assert_eq!(usual.header("content-encoding"), None, "a peer on loopback is not worth the cpu");
    let only = http::get(exporter.address, "/metrics", &["Accept-Encoding: gzip, identity;q=0"]).unwrap();
    assert_eq!(only.header("content-encoding"), Some("gzip"));
}
