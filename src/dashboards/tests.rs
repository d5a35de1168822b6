//! Templates, and the dashboards that are made of them.

mod broken;
mod schema;

use std::fs;
use std::path::Path;

use super::*;
use crate::config::Sources;

/// The catalogue as it is delivered.
fn catalogue() -> Catalogue {
    let config = Sources::default().load().unwrap();
    crate::rules::catalogue(&config.alerting, config.slo.period).unwrap()
}

fn delivered() -> Vec<Dashboard> {
    dashboards(&catalogue(), None).unwrap_or_else(|error| panic!("\n{error}"))
}

/// What is made of a template of one's own, or why nothing is.
fn own(template: &str) -> Result<Vec<Dashboard>, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.yml"), template).unwrap();
    let shown = format!("{}/", folder.path().display());
    dashboards(&catalogue(), Some(folder.path())).map_err(|error| error.to_string().replace(&shown, ""))
}

fn panel(dashboard: &Dashboard, id: u64) -> Value {
    panels(&dashboard.json).find(|panel| panel["id"] == id).unwrap().clone()
}

const TEMPLATE: &str = "\
uid: own
title: Own
question: What is it?
variables: [instance, compare]
rows:
  - panels:
      - id: 3
        title: Load
        says: Of a minute.
        width: 12
        queries: [{expr: 'node_load1{@host}@ago', legend: load, compare: true}]
        unit: short
";

#[test]
fn files_in_the_tree_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
    let stale = crate::files::stale(&folder, &files(&delivered()), OURS);
    assert!(stale.is_empty(), "`dockmeter grafana render` renews {stale:?}");
}

#[test]
fn every_dashboard_has_a_picture() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    for dashboard in delivered() {
        let picture = folder.join(format!("{}.png", dashboard.uid));
        assert!(picture.is_file(), "docs/dashboards.md shows `{}`", picture.display());
    }
}

#[test]
fn nothing_is_wrong_with_what_is_delivered() {
    let (catalogue, delivered) = (catalogue(), delivered());
    let found = [alerts(&delivered, &catalogue), lint(&delivered, &catalogue)].concat();
    let found: Vec<String> = found.iter().map(Finding::to_string).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_dashboard_says_how_to_read_it() {
    for dashboard in delivered() {
        assert!(dashboard.question.ends_with('?'), "{}: {}", dashboard.uid, dashboard.question);
        assert!(!dashboard.reading.is_empty(), "{}", dashboard.uid);
    }
}

#[test]
fn what_is_compared_has_a_dashed_line_beside_it() {
    let made = own(TEMPLATE).unwrap();
    let load = panel(made.last().unwrap(), 3);
    let asked: Vec<_> = load["targets"].as_array().unwrap().iter().map(|target| &target["expr"]).collect();
    let selected = "node_load1{instance=~\"$instance\"}";
    assert_eq!(asked, [selected, &format!("{selected} offset $compare")]);
    assert_eq!(load["fieldConfig"]["overrides"][0]["matcher"]["options"], "B");
}

#[test]
fn a_click_on_a_value_leads_to_what_its_labels_name() {
    let made = own(TEMPLATE).unwrap();
    let links = panel(made.last().unwrap(), 3)["fieldConfig"]["defaults"]["links"].clone();
    assert_eq!(
        links[0]["url"],
        "/d/dockmeter-host?${__url_time_range}&${datasource:queryparam}\
         &var-instance=${__field.labels.instance:percentencode}"
    );
    let overview = delivered().into_iter().find(|dashboard| dashboard.uid == "system-overview").unwrap();
    let columns = panel(&overview, 15)["fieldConfig"]["overrides"].clone();
    let container = columns.as_array().unwrap().iter().find(|column| {
        column["matcher"]["options"] == "Container" && column["properties"][0]["id"] == "links"
    });
    let url = container.unwrap()["properties"][0]["value"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("/d/dockmeter-container?"), "{url}");
    assert!(url.contains("&var-container=${__data.fields[\"Container\"]:percentencode}"), "{url}");
    assert!(url.contains("&${user:queryparam}"), "what is chosen stays: {url}");
}

#[test]
fn one_s_own_template_takes_the_place_of_one_with_the_same_uid() {
    let replaced = own(&TEMPLATE.replace("uid: own", "uid: dockmeter-self")).unwrap();
    assert_eq!(replaced.len(), delivered().len());
    let own = replaced.iter().find(|dashboard| dashboard.uid == "dockmeter-self").unwrap();
    assert_eq!(own.title, "Own");
}

#[test]
fn one_template_makes_several_dashboards() {
    let several = TEMPLATE.replace("uid: own", "each: [{u: one}, {u: two}]\nuid: <u>");
    let made = own(&several).unwrap();
    let uids: Vec<&str> = made.iter().rev().take(2).map(|dashboard| dashboard.uid.as_str()).collect();
    assert_eq!(uids, ["two", "one"]);
}

#[test]
fn every_mistake_in_a_template_has_its_place() {
    for (right, wrong, message) in [
        ("title: Own", "titel: Own", "own.yml:2:1: unknown key `titel`"),
        ("question: What is it?\n", "", "own.yml:1:1: a template has `uid`, `title` and `question`"),
        ("[instance, compare]", "[instance, compares]", "own.yml:4:23: there is no variable `compares`"),
        ("id: 3", "id: 1000", "own.yml:7:9: the id 1000 of a panel is not its own, from 1 to 999"),
        ("width: 12", "width: 25", "own.yml:7:9: panel 3 has no width from 1 to 24"),
        (
            "unit: short",
            "unit: short\n        expr: up",
            "own.yml:7:9: panel 3 has either `expr` or `queries`",
        ),
        (
            "unit: short",
            "unit: short\n        levels: {much: red}",
            "own.yml:7:9: panel 3: `much` in `levels`",
        ),
        (
            "unit: short",
            "unit: short\n        link: [nowhere]",
            "own.yml:13:16: there is no dashboard `nowhere`",
        ),
        ("unit: short", "unit: short\n        kind: graph", "own.yml:13:15: unknown variant `graph`"),
        ("variables:", "each: [{u: own}, {u: own}]\nvariables:", "own.yml: a second dashboard `own`"),
    ] {
        let told = own(&TEMPLATE.replace(right, wrong)).unwrap_err();
        assert!(told.contains(message), "{message}\n{told}");
    }
}

#[test]
fn a_folded_row_takes_no_room() {
    let row = "  - {title: More, collapsed: true, panels: [{id: 4, title: T, says: S, width: 24, expr: 'node_load5{@host}', unit: short}]}\n";
    let after = row.replace("collapsed: true, ", "").replace("id: 4", "id: 5");
    let made = own(&format!("{TEMPLATE}{row}{after}")).unwrap();
    let json = &made.last().unwrap().json["panels"];
    let tops: Vec<u64> =
        json.as_array().unwrap().iter().map(|panel| panel["gridPos"]["y"].as_u64().unwrap()).collect();
    assert_eq!(tops, [0, 8, 9, 10]);
    assert_eq!(json[1]["panels"][0]["id"], 4);
}

#[test]
fn the_page_of_dashboards_has_each_with_its_panels() {
    let (page, delivered) = (reference(&delivered()), delivered());
    for dashboard in &delivered {
        assert!(page.contains(&format!("`{}`", dashboard.uid)));
        for panel in panels(&dashboard.json) {
            assert!(page.contains(panel["title"].as_str().unwrap()));
        }
    }
}
