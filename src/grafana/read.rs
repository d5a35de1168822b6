//! Reads objects: all that matter at once (`survey`), or one again (`object`).
//!
//! Every kind has one shape, in which it is wanted and found:
//!
//! | kind | body |
//! |---|---|
//! | team | `{members: [ADDRESS]}`, if they are ours to say |
//! | folder | `{title, parent}` |
//! | permissions | `{"role Viewer": "View", "team core": "Edit"}` |
//! | data source | its fields in the API, without ids and secrets |
//! | dashboard | `{folder, dashboard}` |
//! | template, mute timing | `{template}`, `{time_intervals}` |
//! | contact point | `{name, type, settings, disableResolveMessage}` |
//! | rule group | `{folderUid, title, interval, rules}` |
//! | policies | `{routes}`, ours alone |

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::client::{Grafana, GrafanaError};
use super::desired::{CONTRACT_UIDS, TENANT_TAG};
use super::object::{Found, Key, Kind, MARK, PREFIX, Saved, TAG, Wanted};
use crate::prometheus::connection::form_encoded;

/// Of a page of teams, folders or dashboards.
const PAGE: usize = 1000;

/// Fields of a data source that are ours to say.
const DATA_SOURCE: [&str; 10] = [
    "name",
    "type",
    "access",
    "url",
    "user",
    "database",
    "basicAuth",
    "basicAuthUser",
    "withCredentials",
    "jsonData",
];

/// Everything of ours, and everything that is wanted, as it is.
pub(super) type Live = BTreeMap<Key, Found>;

/// Reads all that a plan needs to know. `owned` are objects that were made by us, as the state
/// file says.
pub(super) async fn survey(
    grafana: &Grafana,
    wanted: &[Wanted],
    owned: &BTreeSet<Key>,
    tell: &mut dyn FnMut(&str),
) -> Result<Live, GrafanaError> {
    let mut live = Live::new();
    let mut of = |found: Vec<Found>| {
        for one in found {
            live.insert(one.key.clone(), one);
        }
    };
    let matters = |found: &Found| {
        found.marked || owned.contains(&found.key) || wanted.iter().any(|one| one.key == found.key)
    };
    let kind = |kind: Kind| wanted.iter().filter(move |one| one.key.kind == kind);
    tell("teams");
    let teams = pages(grafana, "/api/teams/search?", |page| page["teams"].clone()).await?;
    for team in &teams {
        let wanted = kind(Kind::Team).find(|one| Some(one.key.id.as_str()) == team["name"].as_str());
        let found = team_found(grafana, team, wanted).await?;
        if matters(&found) {
            of(vec![found]);
        }
    }
    tell("folders");
    let folders = pages(grafana, "/api/folders?", Value::clone).await?;
    let listed: Vec<Found> = folders.iter().map(folder_found).filter(|found| matters(found)).collect();
    let mut known: BTreeSet<Key> = listed.iter().map(|found| found.key.clone()).collect();
    of(listed);
    for one in kind(Kind::Folder) {
        if known.contains(&one.key) {
            continue;
        }
        // It is below another one, or nowhere.
        if let Some(found) = object(grafana, &one.key, Some(one)).await? {
            known.insert(found.key.clone());
            of(vec![found]);
        }
    }
    for one in kind(Kind::Permissions) {
        if known.contains(&Key::new(Kind::Folder, one.key.id.clone())) {
            of(object(grafana, &one.key, Some(one)).await?.into_iter().collect());
        }
    }
    tell("data sources");
    let sources = grafana.get("/api/datasources").await?;
    of(items(&sources).map(data_source_found).filter(|found| matters(found)).collect());
    for tag in [TAG, TENANT_TAG] {
        let hits = pages(grafana, &format!("/api/search?type=dash-db&tag={tag}&"), Value::clone).await?;
        let is_wanted = |found: &Found| wanted.iter().any(|one| one.key == found.key);
        let hits = hits.iter().map(hit_found).filter(|found| matters(found) && !is_wanted(found));
        of(hits.collect());
    }
    let count = kind(Kind::Dashboard).count();
    for (number, one) in kind(Kind::Dashboard).enumerate() {
        tell(&format!("dashboards, {} of {count}", number + 1));
        of(object(grafana, &one.key, Some(one)).await?.into_iter().collect());
    }
    tell("alerting");
    let base = "/api/v1/provisioning";
    let templates = grafana.get_alerting(&format!("{base}/templates")).await?;
    of(items(&templates).map(template_found).filter(|found| matters(found)).collect());
    let timings = grafana.get_alerting(&format!("{base}/mute-timings")).await?;
    of(items(&timings).map(mute_timing_found).filter(|found| matters(found)).collect());
    let points = grafana.get_alerting(&format!("{base}/contact-points")).await?;
    of(items(&points).map(contact_point_found).filter(|found| matters(found)).collect());
    let rules = grafana.get_alerting(&format!("{base}/alert-rules")).await?;
    of(groups(grafana, &rules, &matters).await?);
    let tree = grafana.get_alerting(&format!("{base}/policies")).await?;
    of(policies_found(&tree, kind(Kind::Policies).next()).into_iter().collect());
    Ok(live)
}

/// Reads one object; `None` if there is none.
pub(super) async fn object(
    grafana: &Grafana,
    key: &Key,
    wanted: Option<&Wanted>,
) -> Result<Option<Found>, GrafanaError> {
    let id = form_encoded(&key.id);
    let alerting = |what: &str| format!("/api/v1/provisioning/{what}");
    Ok(match key.kind {
        Kind::Team => match team(grafana, &key.id).await? {
            Some(team) => Some(team_found(grafana, &team, wanted).await?),
            None => None,
        },
        Kind::Folder => grafana.find(&format!("/api/folders/{id}")).await?.as_ref().map(folder_found),
        Kind::Permissions => {
            let list = grafana.find(&format!("/api/folders/{id}/permissions")).await?;
            list.map(|list| permissions_found(&key.id, &list))
        }
        Kind::DataSource => {
            grafana.find(&format!("/api/datasources/uid/{id}")).await?.as_ref().map(data_source_found)
        }
        Kind::Dashboard => grafana
            .find(&format!("/api/dashboards/uid/{id}"))
            .await?
            .map(|one| dashboard_found(&key.id, &one)),
        Kind::Template => {
            let list = grafana.get_alerting(&alerting("templates")).await?;
            items(&list).map(template_found).find(|found| found.key == *key)
        }
        Kind::MuteTiming => {
            let list = grafana.get_alerting(&alerting("mute-timings")).await?;
            items(&list).map(mute_timing_found).find(|found| found.key == *key)
        }
        Kind::ContactPoint => {
            let list = grafana.get_alerting(&alerting("contact-points")).await?;
            items(&list).map(contact_point_found).find(|found| found.key == *key)
        }
        Kind::RuleGroup => {
            let (folder, group) = key.id.split_once('/').unwrap_or((&key.id, ""));
            let path = format!("folder/{}/rule-groups/{}", form_encoded(folder), form_encoded(group));
            let found = grafana.find(&alerting(&path)).await?;
            found.filter(|group| items(&group["rules"]).next().is_some()).map(|group| group_found(&group))
        }
        Kind::Policies => policies_found(&grafana.get_alerting(&alerting("policies")).await?, wanted),
    })
}

/// A team as a search for its name gives it.
pub(super) async fn team(grafana: &Grafana, name: &str) -> Result<Option<Value>, GrafanaError> {
    let found = grafana.get(&format!("/api/teams/search?name={}", form_encoded(name))).await?;
    Ok(items(&found["teams"]).find(|team| team["name"].as_str() == Some(name)).cloned())
}

/// All pages of a list.
pub(super) async fn pages(
    grafana: &Grafana,
    path: &str,
    list: impl Fn(&Value) -> Value,
) -> Result<Vec<Value>, GrafanaError> {
    let mut all: Vec<Value> = Vec::new();
    for page in 1.. {
        let answer = grafana.get(&format!("{path}limit={PAGE}&perpage={PAGE}&page={page}")).await?;
        let list = list(&answer);
        let count = items(&list).count();
        all.extend(items(&list).cloned());
        if count < PAGE {
            break;
        }
    }
    Ok(all)
}

pub(super) fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Grafana calls it `Anonymous` where it does not know.
fn saved(object: &Value) -> Saved {
    let by = text(&object["updatedBy"]);
    Saved { by: if by == "Anonymous" { String::new() } else { by }, at: text(&object["updated"]) }
}

/// What an alerting object's provenance forbids.
fn locked(object: &Value) -> Option<String> {
    match object["provenance"].as_str() {
        None | Some("" | "api" | "none") => None,
        Some("file") => Some("it comes from a file of Grafana's provisioning".to_owned()),
        Some(other) => Some(format!("it was made by `{other}`")),
    }
}

async fn team_found(grafana: &Grafana, team: &Value, wanted: Option<&Wanted>) -> Result<Found, GrafanaError> {
    let mut body = json!({});
    if wanted.is_some_and(|wanted| wanted.body.get("members").is_some()) {
        let members = grafana.get(&format!("/api/teams/{}/members", team["id"])).await?;
        let mut names: Vec<String> =
            items(&members).map(|member| member_name(member, wanted.map(|wanted| &wanted.body))).collect();
        names.sort();
        body["members"] = json!(names);
    }
    Ok(Found {
        key: Key::new(Kind::Team, text(&team["name"])),
        title: text(&team["name"]),
        body,
        handle: json!({"id": team["id"]}),
        marked: false,
        locked: (team["isProvisioned"] == true).then(|| "another system keeps it in step".to_owned()),
        saved: Saved::default(),
    })
}

/// A member is called by its address, or by its login where that is what the configuration has.
fn member_name(member: &Value, wanted: Option<&Value>) -> String {
    let (email, login) = (text(&member["email"]), text(&member["login"]));
    let listed = |name: &str| wanted.is_some_and(|body| items(&body["members"]).any(|one| one == name));
    if email.is_empty() || (listed(&login) && !listed(&email)) { login } else { email }
}

fn folder_found(folder: &Value) -> Found {
    let uid = text(&folder["uid"]);
    Found {
        marked: uid.starts_with(PREFIX),
        title: text(&folder["title"]),
        body: json!({"title": folder["title"], "parent": text(&folder["parentUid"])}),
        handle: json!({"version": folder["version"]}),
        locked: folder["managedBy"]
            .as_str()
            .filter(|by| !by.is_empty())
            .map(|by| format!("it is managed by `{by}`")),
        saved: saved(folder),
        key: Key::new(Kind::Folder, uid),
    }
}

fn permissions_found(folder: &str, list: &Value) -> Found {
    let mut body = serde_json::Map::new();
    for item in items(list).filter(|item| item["inherited"] != true) {
        let (team, user) = (text(&item["team"]), text(&item["userLogin"]));
        let who = match item["role"].as_str() {
            Some(role) if !role.is_empty() => format!("role {role}"),
            _ if !team.is_empty() => format!("team {team}"),
            _ => format!("user {user}"),
        };
        let what = match item["permission"].as_i64() {
            Some(1) => "View".to_owned(),
            Some(2) => "Edit".to_owned(),
            Some(4) => "Admin".to_owned(),
            _ => text(&item["permissionName"]),
        };
        body.insert(who, Value::String(what));
    }
    Found {
        key: Key::new(Kind::Permissions, folder),
        title: folder.to_owned(),
        body: Value::Object(body),
        handle: Value::Null,
        marked: folder.starts_with(PREFIX),
        locked: None,
        saved: Saved {
            by: String::new(),
            at: items(list).map(|item| text(&item["updated"])).max().unwrap_or_default(),
        },
    }
}

fn data_source_found(source: &Value) -> Found {
    let uid = text(&source["uid"]);
    let fields = DATA_SOURCE.iter().filter_map(|name| Some(((*name).to_owned(), source.get(*name)?.clone())));
    let mut body = Value::Object(fields.collect());
    for off in ["basicAuth", "withCredentials"] {
        if body[off] == false {
            body[off] = Value::Null;
        }
    }
    Found {
        marked: uid.starts_with(PREFIX),
        title: text(&source["name"]),
        body,
        handle: source.clone(),
        locked: (source["readOnly"] == true)
            .then(|| "it comes from a file of Grafana's provisioning".to_owned()),
        saved: Saved::default(),
        key: Key::new(Kind::DataSource, uid),
    }
}

/// A dashboard as a search shows it: enough to know that it is ours, and to remove it.
fn hit_found(hit: &Value) -> Found {
    Found {
        key: Key::new(Kind::Dashboard, text(&hit["uid"])),
        title: text(&hit["title"]),
        body: json!({"folder": text(&hit["folderUid"])}),
        handle: Value::Null,
        marked: is_marked(&text(&hit["uid"]), &hit["tags"]),
        locked: None,
        saved: Saved::default(),
    }
}

pub(super) fn dashboard_found(uid: &str, answer: &Value) -> Found {
    let (dashboard, meta) = (&answer["dashboard"], &answer["meta"]);
    let provisioned = meta["provisioned"] == true;
    Found {
        key: Key::new(Kind::Dashboard, uid),
        title: text(&dashboard["title"]),
        body: json!({"folder": text(&meta["folderUid"]), "dashboard": dashboard}),
        handle: json!({"version": if meta["version"].is_null() { &dashboard["version"] } else { &meta["version"] }}),
        marked: is_marked(uid, &dashboard["tags"]),
        locked: provisioned.then(|| {
            let file = text(&meta["provisionedExternalId"]);
            format!("it comes from the file `{file}` of Grafana's provisioning")
        }),
        saved: saved(meta),
    }
}

fn is_marked(uid: &str, tags: &Value) -> bool {
    let named = uid.starts_with(PREFIX) || CONTRACT_UIDS.contains(&uid);
    named && items(tags).any(|tag| tag == TAG || tag == TENANT_TAG)
}

fn template_found(template: &Value) -> Found {
    let name = text(&template["name"]);
    Found {
        marked: name.starts_with(PREFIX),
        title: name.clone(),
        body: json!({"template": template["template"]}),
        handle: json!({"version": template["version"]}),
        locked: locked(template),
        saved: Saved::default(),
        key: Key::new(Kind::Template, name),
    }
}

fn mute_timing_found(timing: &Value) -> Found {
    let name = text(&timing["name"]);
    Found {
        marked: name.starts_with(PREFIX),
        title: name.clone(),
        body: json!({"time_intervals": timing["time_intervals"]}),
        handle: json!({"version": timing["version"]}),
        locked: locked(timing),
        saved: Saved::default(),
        key: Key::new(Kind::MuteTiming, name),
    }
}

fn contact_point_found(point: &Value) -> Found {
    let uid = text(&point["uid"]);
    let resolved = point["disableResolveMessage"] == true;
    Found {
        marked: uid.starts_with(PREFIX),
        title: text(&point["name"]),
        body: json!({
            "name": point["name"], "type": point["type"], "settings": point["settings"],
            "disableResolveMessage": if resolved { Value::Bool(true) } else { Value::Null },
        }),
        handle: Value::Null,
        locked: locked(point),
        saved: Saved::default(),
        key: Key::new(Kind::ContactPoint, uid),
    }
}

/// The groups that matter. The list of rules says everything but how often a group is evaluated,
/// which an export of each folder tells.
async fn groups(
    grafana: &Grafana,
    rules: &Value,
    matters: &impl Fn(&Found) -> bool,
) -> Result<Vec<Found>, GrafanaError> {
    let mut groups: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    for rule in items(rules) {
        groups.entry((text(&rule["folderUID"]), text(&rule["ruleGroup"]))).or_default().push(rule.clone());
    }
    let mut intervals: BTreeMap<String, Value> = BTreeMap::new();
    let mut found = Vec::new();
    for ((folder, title), rules) in groups {
        let body = json!({"folderUid": folder, "title": title, "interval": null, "rules": rules});
        let mut group = group_found(&body);
        if !matters(&group) {
            continue;
        }
        if !intervals.contains_key(&folder) {
            let path = format!(
                "/api/v1/provisioning/alert-rules/export?format=json&folderUid={}",
                form_encoded(&folder)
            );
            let export = grafana.find(&path).await?.unwrap_or_default();
            intervals.insert(folder.clone(), export);
        }
        let exported = intervals.get(&folder).and_then(|export| {
            let groups = items(&export["groups"]);
            groups.into_iter().find(|group| text(&group["name"]).replace("$$", "$") == title).cloned()
        });
        let interval = exported.and_then(|group| super::normal::seconds(group["interval"].as_str()?));
        group.body["interval"] = interval.map_or(Value::Null, Value::from);
        found.push(group);
    }
    Ok(found)
}

fn group_found(group: &Value) -> Found {
    let (folder, title) = (text(&group["folderUid"]), text(&group["title"]));
    let ours = |rule: &&Value| text(&rule["uid"]).starts_with(PREFIX);
    let rules: Vec<&Value> = items(&group["rules"]).collect();
    let count = rules.iter().filter(|rule| ours(rule)).count();
    let strangers = rules.len() - count;
    Found {
        key: Key::new(Kind::RuleGroup, format!("{folder}/{title}")),
        marked: count > 0,
        locked: match strangers {
            0 => rules.iter().find_map(|rule| locked(rule)),
            _ if count == 0 => None,
            _ => Some(format!("{strangers} of its rules are not ours, and a group is written as a whole")),
        },
        saved: Saved {
            by: String::new(),
            at: rules.iter().map(|rule| text(&rule["updated"])).max().unwrap_or_default(),
        },
        title,
        body: group.clone(),
        handle: Value::Null,
    }
}

/// Our branches, if there are any; none are found, too, where some are wanted in a tree that
/// takes none.
fn policies_found(tree: &Value, wanted: Option<&Wanted>) -> Option<Found> {
    let ours: Vec<&Value> = items(&tree["routes"]).filter(|route| is_our_branch(route)).collect();
    let refused = wanted.is_some() && locked(tree).is_some();
    (refused || !ours.is_empty()).then(|| Found {
        key: Key::new(Kind::Policies, POLICIES),
        title: "our branches".to_owned(),
        body: json!({"routes": ours}),
        handle: Value::Null,
        marked: true,
        locked: locked(tree),
        saved: Saved::default(),
    })
}

/// The id of the one object of this kind.
pub(super) const POLICIES: &str = "branches";

/// Whether a branch takes only alerts of ours.
pub(super) fn is_our_branch(route: &Value) -> bool {
    items(&route["object_matchers"]).any(|matcher| *matcher == json!([MARK.0, "=", MARK.1]))
}
