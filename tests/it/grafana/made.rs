//! Dashboards that somebody makes of a template through the API: his own from then on, in Grafana
//! and beside what `apply` makes.

use dockmeter::config::TokenHash;
use serde_json::{Value, json};

use super::Bed;
use super::standin::Manners;
use crate::exporter::{Exporter, bearer};
use crate::http::{self, Response};

/// Tokens that read and write: `anybody` and one of each team, and one of a user.
const BOUND: [(&str, &str); 4] =
    [("anybody", ""), ("core", ", team: core"), ("shop", ", team: shop"), ("ann", ", user: ann")];

fn configuration() -> String {
    let entry = |(name, to): &(&str, &str)| {
        format!("  - {{name: {name}, hash: '{}', scopes: [read, write]{to}}}\n", TokenHash::of(name))
    };
    let tokens: String = BOUND.iter().map(entry).collect();
    format!(
        "alerting: {{grafana_url: 'http://grafana.example'}}\n\
         grafana: {{alerts: none, teams: {{core: {{}}, shop: {{}}}}}}\n\
         auth:\n  tokens:\n{tokens}"
    )
}

/// A Grafana to which `apply` was done, and a dockmeter beside it.
struct Place {
    bed: Bed,
    exporter: Exporter,
}

impl Place {
    fn new() -> Self {
        let bed = Bed::new(Manners::default(), &configuration());
        bed.says(0, "apply", &[]);
        let exporter = Exporter::alone(&[
            &format!("--config.file={}", bed.path("dockmeter.yml").display()),
            &format!("--grafana.url={}", bed.standin.url()),
        ]);
        Place { bed, exporter }
    }

    fn get(&self, token: &str, id: &str) -> Response {
        self.exporter.get_as(token, &format!("/api/dashboards/{id}"))
    }

    fn listed(&self, token: &str) -> Value {
        self.exporter.get_as(token, "/api/dashboards").json()["dashboards"].clone()
    }

    fn make(&self, token: &str, body: &Value) -> Response {
        let headers = [bearer(token)];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        http::send(self.exporter.address, "/api/dashboards", &headers, body.to_string().as_bytes()).unwrap()
    }

    fn made(&self, token: &str, body: &Value) -> Value {
        let answer = self.make(token, body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let made = answer.json();
        let location = format!("/api/dashboards/{}", made["id"].as_str().unwrap());
        assert_eq!(answer.header("location"), Some(location.as_str()));
        made
    }

    fn put(&self, token: &str, id: &str, body: &Value) -> Response {
        let path = format!("/api/dashboards/{id}");
        let body = body.to_string();
        http::put(self.exporter.address, &path, &[&bearer(token)], body.as_bytes()).unwrap()
    }

    /// Somebody saves it in Grafana under another title.
    fn somebody_saves(&self, id: &str) {
        self.bed.standin.with(|world| {
            let there = world.dashboards.get_mut(id).unwrap();
            there.json["title"] = json!("by hand");
            there.version += 1;
            there.by = "bob".to_owned();
        });
    }

    fn title(&self, id: &str) -> Value {
        self.bed.standin.with(|world| world.dashboards[id].json["title"].clone())
    }
}

fn id(made: &Value) -> &str {
    made["id"].as_str().unwrap()
}

fn panels(made: &Value) -> Vec<u64> {
    made["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_u64().unwrap()).collect()
}

#[test]
fn what_is_made_of_a_template_is_read_back_made_anew_and_never_overwritten_silently() {
    let place = Place::new();
    let wanted = json!({
        "template": "container", "title": "Containers of the shop", "folder": "dockmeter: shop",
        "variables": {"project": ["shop"], "compare": "1d"},
        "panels": {"leave_out": [20], "add": [
            {"id": 700, "title": "Cores", "says": "In use.", "expr": "sum(container_cpu_usage_cores_sum{@tenant})", "unit": "none"},
        ]},
        "thresholds": {"22": [{"value": 0.5, "color": "orange"}]},
    });
    let refused = place.make("anybody", &wanted);
    // A sum of a histogram only rises, and is shown as it stands.
    assert_eq!((refused.status, &refused.json()["pointer"]), (400, &json!("/panels/add/0")));
    let mut wanted = wanted;
    wanted["panels"]["add"][0]["expr"] =
        json!("sum(rate(container_cpu_usage_seconds_total{@tenant}[$__rate_interval]))");
    let made = place.made("anybody", &wanted);
    let id = id(&made);
    assert!(id.starts_with("dm-") && !id.starts_with("dockmeter-"));
    assert_eq!(made["url"], format!("http://grafana.example/d/{id}/x"));
    assert_eq!(
        (&made["title"], &made["template"]),
        (&json!("Containers of the shop"), &json!("dockmeter-container"))
    );
    assert_eq!(
        (&made["folder"], &made["folder_title"]),
        (&json!("dockmeter-team-shop"), &json!("dockmeter: shop"))
    );
    assert!(panels(&made).contains(&700) && !panels(&made).contains(&20));
    assert_eq!((&made["changed"], &made["version"]), (&json!(false), &json!(1)));
    assert_eq!(made["customisation"]["variables"], wanted["variables"]);
    assert_eq!(place.get("anybody", id).json(), made);
    assert_eq!(place.listed("anybody"), json!([made]));
    place.bed.standin.with(|world| assert_eq!(world.dashboards[id].json["editable"], true));

    // All that was wanted before is gone; the template and the folder stay.
    let anew = place.put("anybody", id, &json!({"title": "Containers"}));
    assert_eq!(anew.status, 200, "{}", anew.text());
    let anew = anew.json();
    assert_eq!((&anew["title"], &anew["version"]), (&json!("Containers"), &json!(2)));
    assert!(panels(&anew).contains(&20) && !panels(&anew).contains(&700));
    assert_eq!((&anew["folder"], &anew["changed"]), (&json!("dockmeter-team-shop"), &json!(false)));

    place.somebody_saves(id);
    let seen = place.get("anybody", id).json();
    assert_eq!((&seen["changed"], &seen["updated_by"]), (&json!(true), &json!("bob")));
    for body in [json!({"title": "Mine"}), json!({"title": "Mine", "version": 2})] {
        let refused = place.put("anybody", id, &body);
        assert_eq!(refused.status, 409, "{}", refused.text());
        let refused = refused.json();
        assert_eq!((&refused["version"], &refused["updated_by"]), (&json!(3), &json!("bob")));
        let detail = refused["detail"].as_str().unwrap();
        assert!(
            detail.contains("bob") && detail.contains("version 3") || detail.contains("at 3"),
            "{detail}"
        );
        assert_eq!(place.title(id), "by hand");
    }
    // Who has seen it may.
    let seen = place.put("anybody", id, &json!({"title": "Mine", "version": 3}));
    assert_eq!((seen.status, place.title(id)), (200, json!("Mine")), "{}", seen.text());
    place.somebody_saves(id);
    assert_eq!(place.put("anybody", id, &json!({"title": "Anyway", "overwrite": true})).status, 200);
    assert_eq!(place.title(id), "Anyway");
}

#[test]
fn a_save_just_before_ours_is_a_conflict() {
    let place = Place::new();
    let made = place.made("anybody", &json!({"template": "container"}));
    let id = id(&made);
    place.bed.standin.behave(Manners { race: true, ..Manners::default() });
    let refused = place.put("anybody", id, &json!({"title": "Mine"}));
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert_eq!(refused.json()["updated_by"], "bob");
    assert_eq!(place.title(id), "saved by somebody else");
    place.bed.standin.behave(Manners { race: true, ..Manners::default() });
    assert_eq!(place.put("anybody", id, &json!({"title": "Mine", "overwrite": true})).status, 200);
    assert_eq!(place.title(id), "Mine");
}

#[test]
fn apply_and_destroy_leave_alone_what_somebody_has_made() {
    let place = Place::new();
    let of_core = place.made("anybody", &json!({"template": "container", "team": "core"}));
    let of_all = place.made("anybody", &json!({"template": "host", "title": "Hosts"}));
    assert_eq!(of_all["folder"], "dockmeter-platform");
    let there = |world: &mut super::world::World| {
        let one = |made: &Value| world.dashboards.get(id(made)).cloned();
        (one(&of_core), one(&of_all))
    };
    let before = place.bed.standin.with(there);
    assert!(before.0.is_some() && before.1.is_some());
    place.bed.says(0, "plan", &[]);
    place.bed.says(0, "apply", &[]);
    // The team is wanted no more: its folder stays, since it is not empty.
    place.bed.configure(&configuration().replace("core: {}, ", ""));
    let applied = place.bed.run("apply", &["--max-deletes=100"]);
    assert!(matches!(applied.status.code(), Some(0 | 2)), "{}", super::said(&applied));
    let destroyed = place.bed.run("destroy", &["--yes"]);
    assert!(matches!(destroyed.status.code(), Some(0 | 2)), "{}", super::said(&destroyed));
    place.bed.standin.with(|world| {
        assert!(world.dashboards.keys().all(|uid| uid.starts_with("dm-")), "{:?}", world.dashboards.keys());
        assert!(
            world.folders.contains_key("dockmeter-team-core")
                && world.folders.contains_key("dockmeter-platform")
        );
        assert!(!world.folders.contains_key("dockmeter-team-shop"), "it was empty");
    });
    assert_eq!(place.bed.standin.with(there), before);
    assert_eq!(place.get("anybody", id(&of_core)).json()["changed"], false);
}

#[test]
fn a_team_makes_and_finds_its_own_alone() {
    let place = Place::new();
    let made = place.made("core", &json!({"template": "container", "title": "Core's"}));
    assert_eq!((&made["team"], &made["folder"]), (&json!("core"), &json!("dockmeter-team-core")));
    let id = id(&made);
    place.bed.standin.with(|world| {
        let variables = world.dashboards[id].json["templating"]["list"].as_array().unwrap().clone();
        let team = variables.iter().find(|variable| variable["name"] == "team").unwrap();
        assert_eq!((&team["type"], &team["query"]), (&json!("constant"), &json!("core")));
    });
    let of_all = place.made("anybody", &json!({"template": "container"}));
    assert_eq!(place.listed("core"), json!([made]));
    assert_eq!(place.listed("anybody").as_array().unwrap().len(), 2);
    assert_eq!(place.put("core", id, &json!({"title": "Ours", "folder": "dockmeter: core"})).status, 200);

    // What is another's is as what there is not.
    let without = |answer: &Response, id: &str| (answer.status, answer.text().replace(id, "ID"));
    for (token, theirs) in [("shop", id), ("ann", id), ("core", super::made::id(&of_all))] {
        let nobodys = "dm-0000000000000000";
        assert_eq!(without(&place.get(token, theirs), theirs), without(&place.get(token, nobodys), nobodys));
        let body = json!({"title": "Taken", "overwrite": true});
        let (one, other) = (place.put(token, theirs, &body), place.put(token, nobodys, &body));
        assert_eq!(one.status, 404);
        assert_eq!(without(&one, theirs), without(&other, nobodys));
    }
    assert_eq!((place.listed("shop"), place.listed("ann")), (json!([]), json!([])));
    assert_eq!(place.title(id), "Ours");
    let asked = |body: Value| place.make("core", &body);
    for (key, theirs, nobodys) in [
        ("team", "shop", "sh0p"),
        ("folder", "dockmeter-team-shop", "dockmeter-team-sh0p"),
        ("folder", "dockmeter: shop", "dockmeter: sh0p"),
        ("folder", "dockmeter-platform", "dockmeter-pl4tform"),
    ] {
        let one = asked(json!({"template": "container", key: theirs}));
        let other = asked(json!({"template": "container", key: nobodys}));
        assert_eq!(one.status, 404, "{}", one.text());
        assert_eq!(without(&one, theirs), without(&other, nobodys));
    }
    let theirs = json!({"template": "container", "panels": {"add": [
        {"title": "All", "expr": "sum by (team) (rate(container_cpu_usage_seconds_total[$__rate_interval]))"}]}});
    assert_eq!(asked(theirs).json()["pointer"], "/panels/add/0");
    assert_eq!(place.make("ann", &json!({"template": "container"})).status, 403);

    // An administrator has taken it away.
    place
        .bed
        .standin
        .with(|world| world.dashboards.get_mut(id).unwrap().folder = "dockmeter-platform".to_owned());
    assert_eq!(place.get("core", id).status, 404);
    let without_folder = place.make("anybody", &json!({"template": "container", "team": "new"}));
    assert_eq!(without_folder.status, 409);
    assert!(without_folder.text().contains("dockmeter grafana apply"), "{}", without_folder.text());
}
