//! What a request may say, what a dashboard says of itself, and who may have what.

use super::*;
use crate::config::Sources;
use crate::tenant::LabelValue;

fn templates() -> Arc<Templates> {
    static SHELF: std::sync::OnceLock<Shelf> = std::sync::OnceLock::new();
    let shelf = SHELF.get_or_init(|| {
        let config = Sources::default().load().unwrap();
        Shelf::new(config.alerting, config.slo.period)
    });
    shelf.templates().unwrap()
}

fn request(body: Value) -> Request {
    Request::read(&body, true).unwrap()
}

#[test]
fn a_request_that_says_something_unknown_is_refused_at_its_place() {
    for (body, at) in [
        (json!([]), ""),
        (json!({"templat": "x"}), "/templat"),
        (json!({"template": ""}), "/template"),
        (json!({"team": 7}), "/team"),
        (json!({"version": -1}), "/version"),
        (json!({"overwrite": "yes"}), "/overwrite"),
        (json!({"panels": {"drop": []}}), "/panels/drop"),
    ] {
        assert_eq!(Request::read(&body, true).unwrap_err().at, at, "{body}");
    }
    assert_eq!(Request::read(&json!({"overwrite": true}), false).unwrap_err().at, "/overwrite");
    assert_eq!(request(json!({})).team, None);
    assert_eq!(request(json!({"team": null})).team, Some(None));
}

#[test]
fn a_dashboard_says_of_what_it_was_made_and_whether_it_is_as_it_was() {
    let request = request(json!({"title": "Mine", "thresholds": {"22": [{"value": 0.5, "color": "red"}]}}));
    let (template, json) = composed(&templates(), &Who::Anybody, "container", None, &request).unwrap();
    let mut json = Mark::new(template, Some("core".to_owned()), &request).put(json, "dm-1");
    assert_eq!((&json["uid"], &json["tags"][0]), (&json!("dm-1"), &json!(MADE_TAG)));
    assert!(!json["tags"].as_array().unwrap().contains(&json!("dockmeter")));
    let mark = Mark::of(&json).unwrap();
    assert_eq!((mark.template.as_str(), mark.team.as_deref()), ("dockmeter-container", Some("core")));
    assert_eq!(mark.customisation["title"], "Mine");
    // What a server adds is no change.
    (json["id"], json["version"]) = (json!(7), json!(3));
    assert!(mark.is_as_made(&json));
    json["panels"][0]["title"] = json!("Another");
    assert!(!mark.is_as_made(&json));
    assert_eq!(Mark::of(&json!({"templating": {"list": [{"name": "dockmeter_made", "query": "?"}]}})), None);
}

#[test]
fn what_is_a_teams_is_pinned_to_it_and_leads_to_its_copies() {
    let (_, json) =
        composed(&templates(), &Who::Team("core".to_owned()), "container", Some("core"), &request(json!({})))
            .unwrap();
    let team =
        json["templating"]["list"].as_array().unwrap().iter().find(|one| one["name"] == "team").unwrap();
    assert_eq!((&team["type"], &team["query"]), (&json!("constant"), &json!("core")));
    assert!(!json.to_string().contains("/d/dockmeter-host"), "hosts are the platform's");
    let refused = |who: &Who, body: Value| {
        let error = composed(
            &templates(),
            who,
            body["template"].as_str().unwrap(),
            Some("core"),
            &request(body.clone()),
        );
        error.unwrap_err().to_string()
    };
    let theirs = Who::Team("core".to_owned());
    let told = refused(&theirs, json!({"template": "host"}));
    assert_eq!(
        told,
        refused(&theirs, json!({"template": "hose"})).replace("hose", "host"),
        "as one that there is not"
    );
    assert!(refused(&Who::Anybody, json!({"template": "host"})).contains("not about teams alone"));
    assert!(
        refused(&theirs, json!({"template": "container", "variables": {"team": "shop"}}))
            .starts_with("`/variables/team`")
    );
    let panel = json!({"template": "container", "panels": {"add": [{"title": "x", "expr": "node_load1"}]}});
    assert!(refused(&theirs, panel).starts_with("`/panels/add/0`"));
}

#[test]
fn who_is_bound_to_more_than_a_team_has_no_folder() {
    let value = |text: &str| Some(LabelValue::clean(text));
    let team = Binding { team: value("core"), ..Binding::default() };
    assert_eq!(Who::of(&Binding::default()), Who::Anybody);
    assert_eq!(Who::of(&team), Who::Team("core".to_owned()));
    assert_eq!(Who::of(&Binding { user: value("ann"), ..team }), Who::Other);
    assert_eq!(team_of(&Who::Anybody, Some("shop".to_owned())).unwrap().as_deref(), Some("shop"));
    let own = Who::Team("core".to_owned());
    assert_eq!(team_of(&own, None).unwrap().as_deref(), Some("core"));
    assert!(matches!(team_of(&own, Some("shop".to_owned())), Err(MadeError::Missing(_))));
}
