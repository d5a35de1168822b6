//! What an operator changes, before the start or while the exporter runs: map files, filters,
//! collectors.

use std::fs;
use std::path::Path;

use dockmeter::metrics::catalogue;
use rustix::process::Signal;

use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::Exporter;
use crate::exposition::Page;

/// What tenants have used, in seconds of a core.
const TENANT_CPU: &str = "tenant_cpu_core_seconds_total";

/// Puts a new version of a file in place at once, as editors and configuration managers do.
fn replace(file: &Path, text: &str) {
    let next = file.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(next, file).unwrap();
}

#[test]
fn a_changed_map_file_moves_the_series_to_the_new_team_and_keeps_both_totals() {
    let Some(engine) = Engine::shared() else { return };
    let directory = tempfile::tempdir().unwrap();
    let (map, file) = (directory.path().join("teams.yml"), directory.path().join("dockmeter.yml"));
    fs::write(&map, "map-shop: map-core\n").unwrap();
    fs::write(&file, "tenancy: {team: [{map: {from: project, file: teams.yml}}]}\n").unwrap();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let _container = engine.run("map-shop-1", &["--label=dockmeter.project=map-shop"], BUSY);
    let total = |page: &Page, team| page.value(TENANT_CPU, &[("project", "map-shop"), ("team", team)]);
    let before = exporter
        .until("the first team is billed", |page| total(page, "map-core").filter(|seconds| *seconds > 0.2));

    replace(&map, "map-shop: map-web\n");
    let page = exporter.until("the second team is billed", |page| {
        total(page, "map-web").filter(|seconds| *seconds > 0.2).map(|_| page.clone())
    });
    let moved: Vec<_> = page.samples().filter(|sample| sample.label("name") == Some("map-shop-1")).collect();
    assert!(
        !moved.is_empty() && moved.iter().all(|sample| sample.label("team") == Some("map-web")),
        "{moved:?}"
    );
    let (first, second) = (total(&page, "map-core").unwrap(), total(&page, "map-web").unwrap());
    assert!(first >= before, "a total never goes down: {before} became {first}");
    let used = page.sum("container_cpu_usage_seconds_total", &[("name", "map-shop-1")]);
    assert!((first + second - used).abs() < 0.001 * used, "{first} and {second} of {used} are billed");
}

#[test]
fn a_container_that_is_excluded_while_it_runs_vanishes_and_its_tenants_total_stays() {
    let Some(engine) = Engine::shared() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dockmeter.yml");
    fs::write(&file, "containers: {exclude: []}\n").unwrap();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let _hidden = engine.run("exclude-hidden", &["--label=dockmeter.team=exclude-team"], BUSY);
    let _seen = engine.run("exclude-seen", &["--label=dockmeter.team=exclude-other"], IDLE);
    let billed =
        |page: &Page| page.value(TENANT_CPU, &[("team", "exclude-team")]).filter(|seconds| *seconds > 0.0);
    let before = exporter.until("the tenant is billed", billed);

    fs::write(&file, "containers: {exclude: [{label: 'dockmeter.team=exclude-team'}]}\n").unwrap();
    exporter.signal(Signal::HUP);
    let page = exporter.until("the excluded container is gone", |page| {
        let gone = page.samples().all(|sample| sample.label("name") != Some("exclude-hidden"));
        gone.then(|| page.clone())
    });
    assert!(billed(&page).is_some_and(|after| after >= before), "what was used stays used");
    assert!(page.all("container_info", &[("name", "exclude-seen")]).next().is_some());
    assert!(!exporter.get("/api/containers").text().contains("exclude-hidden"));
}

/// Whether a page has a family of a collector.
fn shows(page: &Page, collector: &str) -> bool {
    let of_it =
        |name: &str| catalogue::ALL.iter().any(|metric| metric.collector == collector && metric.name == name);
    page.families.iter().any(|family| of_it(&family.name))
}

#[test]
fn a_switched_off_collector_is_not_on_the_page_and_takes_no_other_along() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("off-io", &[], BUSY);
    let exporter = Exporter::with(&engine, &["--no-collector.container_io"]);
    let page = exporter.until("the container has been read", |page| {
        page.value("container_cpu_usage_percent", &[("name", "off-io")]).map(|_| page.clone())
    });
    for collector in catalogue::COLLECTORS.iter().filter(|name| !catalogue::host::OPT_IN.contains(name)) {
        let success = page.value("dockmeter_collector_success", &[("collector", collector)]);
        assert_eq!(success, (*collector != "container_io").then_some(1.0), "`{collector}`");
    }
    assert!(!shows(&page, "container_io"));
    assert!(shows(&page, "container_cpu") && shows(&page, "container_memory"));
}

#[test]
fn tenants_are_billed_for_cpu_even_where_no_container_shows_it() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::with(&engine, &["--no-collector.container_cpu"]);
    let _container = engine.run("off-cpu", &["--label=dockmeter.user=off-ann"], BUSY);
    let ours = [("user", "off-ann")];
    let billed = |page: &Page| page.value(TENANT_CPU, &ours);
    let first = exporter.until("the tenant is billed", |page| billed(page).filter(|seconds| *seconds > 0.0));
    let page =
        exporter.until("and billed on", |page| billed(page).filter(|s| *s > first).map(|_| page.clone()));
    assert!(!shows(&page, "container_cpu"));
    assert!(page.value("tenant_memory_byte_seconds_total", &ours).is_some_and(|sum| sum > 0.0));
}
