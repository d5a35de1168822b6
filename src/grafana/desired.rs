//! What is wanted, from the configuration, dashboards and rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::object::{Key, Kind, MARK, PREFIX, Wanted};
use super::read::POLICIES;
use super::state::hex;
use crate::config::{Config, Grafana as Section, GrafanaAlerts, Upstream, show_duration};

/// Uids of dashboards of ours that do not begin with [`PREFIX`].
pub const CONTRACT_UIDS: [&str; 4] =
    ["system-overview", "user-performance", "project-performance", "team-performance"];

/// The folder of everything that is of no team.
pub const PLATFORM_FOLDER: &str = "dockmeter-platform";

/// The data source of all dashboards.
pub const PROMETHEUS_DATA_SOURCE: &str = "dockmeter-prometheus";

/// The data source of alerts.
pub const ALERTMANAGER_DATA_SOURCE: &str = "dockmeter-alertmanager";

/// The contact point through which rules notify the same Alertmanager as Prometheus does; its
/// uid and its name.
pub const ALERTMANAGER_CONTACT_POINT: &str = "dockmeter-alertmanager";

/// The tag of a team's copies of dashboards, instead of [`super::TAG`]: lists of dashboards by
/// tag then have either the platform's or a team's.
pub const TENANT_TAG: &str = "dockmeter-team";

/// The most characters of a uid.
const UID_CHARS: usize = 40;

/// Grafana's own limit of a folder's title is longer; names of teams are cut in uids only.
const SLUG_CHARS: usize = 16;

/// Why nothing can be wanted.
#[derive(Debug, thiserror::Error)]
pub enum DesiredError {
    /// A file that goes into a data source is of no use.
    #[error("could not read `{}` for the data source: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Two dashboards, or a dashboard and a team's copy, have one uid.
    #[error("there are two dashboards `{0}`")]
    Twice(String),
}

/// What comes from elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    /// The dashboards of the platform; teams get copies of those that are about tenants.
    pub dashboards: Vec<Dashboard>,
    /// Groups of rules.
    pub rule_groups: Vec<RuleGroup>,
}

/// A dashboard.
#[derive(Clone, Debug, PartialEq)]
pub struct Dashboard {
    /// Its uid, which begins with [`PREFIX`] or is one of [`CONTRACT_UIDS`].
    pub uid: String,
    /// All of it, in the classic form.
    pub json: Value,
}

/// A group of rules. Uids of rules begin with [`PREFIX`], and each has the label [`MARK`].
#[derive(Clone, Debug, PartialEq)]
pub struct RuleGroup {
    /// Its folder, [`PLATFORM_FOLDER`] or a [`team_folder`].
    pub folder: String,
    /// Its name, unique in the folder.
    pub name: String,
    /// How often it is evaluated, a multiple of 10 s.
    pub interval_seconds: u64,
    /// Its rules as `alert-rules` of Grafana's provisioning API takes them, without folder and
    /// group.
    pub rules: Vec<Value>,
}

/// Everything that is wanted.
///
/// # Errors
/// A file of credentials cannot be read, or two dashboards have one uid.
pub fn wanted(config: &Config, bundle: &Bundle) -> Result<Vec<Wanted>, DesiredError> {
    let section = &config.grafana;
    let platform = &config.alerting.platform_team;
    let teams = teams(config);
    let mut all = Vec::new();
    all.extend(people(section, platform, &teams));
    all.extend(data_sources(config)?);
    let mut dashboards = BTreeMap::new();
    let mut add = |uid: String, folder: &str, json: Value| {
        let title = json["title"].as_str().unwrap_or(&uid).to_owned();
        let body = json!({"folder": folder, "dashboard": json});
        let one = Wanted { key: Key::new(Kind::Dashboard, uid.clone()), title, body, secrets: None };
        dashboards.insert(uid.clone(), one).map_or(Ok(()), |_| Err(DesiredError::Twice(uid)))
    };
    for dashboard in &bundle.dashboards {
        add(dashboard.uid.clone(), PLATFORM_FOLDER, dashboard.json.clone())?;
    }
    let of_tenants: Vec<&Dashboard> =
        bundle.dashboards.iter().filter(|dashboard| is_of_tenants(&dashboard.json)).collect();
    let uids: BTreeSet<&str> = of_tenants.iter().map(|dashboard| dashboard.uid.as_str()).collect();
    for team in &teams {
        for dashboard in &of_tenants {
            let json = pinned(&dashboard.json, team, &uids);
            add(team_dashboard(team, &dashboard.uid), &team_folder(team), json)?;
        }
    }
    all.extend(dashboards.into_values());
    all.extend(alerting(section));
    all.extend(bundle.rule_groups.iter().map(|group| rule_group(group, section)));
    all.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(all)
}

/// The teams that have a folder: all that are named, but for the platform's.
pub fn teams(config: &Config) -> BTreeSet<&str> {
    let named = config.grafana.teams.keys().chain(config.alerting.teams.keys());
    named.map(String::as_str).filter(|team| *team != config.alerting.platform_team).collect()
}

fn one(kind: Kind, id: &str, title: &str, body: Value) -> Wanted {
    Wanted { key: Key::new(kind, id), title: title.to_owned(), body, secrets: None }
}

/// Folders, teams, and who may do what. Without teams everybody sees everything; with them only
/// the platform's team sees what is not theirs.
fn people(section: &Section, platform: &str, teams: &BTreeSet<&str>) -> Vec<Wanted> {
    let folder =
        |uid: &str, title: &str| one(Kind::Folder, uid, title, json!({"title": title, "parent": ""}));
    let rights = |uid: &str, title: &str, who: Value| one(Kind::Permissions, uid, title, who);
    let of_team = |name: &str| json!({format!("team {name}"): "View"});
    let mut all = vec![folder(PLATFORM_FOLDER, "dockmeter")];
    let everybody = json!({"role Viewer": "View", "role Editor": "View"});
    let who = if teams.is_empty() { everybody } else { of_team(platform) };
    all.push(rights(PLATFORM_FOLDER, "dockmeter", who));
    let named = teams.iter().copied();
    for name in named.chain((!teams.is_empty()).then_some(platform)) {
        let members = section.teams.get(name).and_then(|team| team.members.clone());
        let members = members.map(|mut members| {
            members.sort();
            members.dedup();
            members
        });
        let body = members.map_or_else(|| json!({}), |members| json!({"members": members}));
        all.push(one(Kind::Team, name, name, body));
        if name != platform {
            let (uid, title) = (team_folder(name), format!("dockmeter: {name}"));
            all.push(folder(&uid, &title));
            all.push(rights(&uid, &title, of_team(name)));
        }
    }
    all
}

fn data_sources(config: &Config) -> Result<Vec<Wanted>, DesiredError> {
    let section = &config.grafana;
    let mut all = Vec::new();
    if let Some(url) = &section.prometheus_url {
        let settings = json!({
            "httpMethod": "POST",
            "prometheusType": "Prometheus",
            "timeInterval": show_duration(config.scrape.interval),
        });
        let id = PROMETHEUS_DATA_SOURCE;
        all.push(data_source(id, "dockmeter Prometheus", "prometheus", url, settings, &config.prometheus)?);
    }
    if let Some(url) = &section.alertmanager_url {
        let settings = json!({"implementation": "prometheus"});
        let id = ALERTMANAGER_DATA_SOURCE;
        all.push(data_source(
            id,
            "dockmeter Alertmanager",
            "alertmanager",
            url,
            settings,
            &config.alertmanager,
        )?);
    }
    Ok(all)
}

/// A data source; Grafana is let in with the credentials that dockmeter has.
fn data_source(
    uid: &str,
    name: &str,
    kind: &str,
    url: &str,
    mut settings: Value,
    server: &Upstream,
) -> Result<Wanted, DesiredError> {
    let mut secrets = Map::new();
    let mut body = json!({"name": name, "type": kind, "access": "proxy", "url": url});
    if let Some(file) = &server.password_file {
        body["basicAuth"] = json!(true);
        body["basicAuthUser"] = json!(server.username);
        secrets.insert("basicAuthPassword".to_owned(), json!(secret(file)?));
    }
    if let Some(file) = &server.bearer_token_file {
        settings["httpHeaderName1"] = json!("Authorization");
        secrets.insert("httpHeaderValue1".to_owned(), json!(format!("Bearer {}", secret(file)?)));
    }
    if let Some(file) = &server.ca_file {
        settings["tlsAuthWithCACert"] = json!(true);
        secrets.insert("tlsCACert".to_owned(), json!(secret(file)?));
    }
    body["jsonData"] = settings;
    let secrets = (!secrets.is_empty()).then_some(Value::Object(secrets));
    Ok(Wanted { secrets, ..one(Kind::DataSource, uid, name, body) })
}

fn secret(path: &Path) -> Result<String, DesiredError> {
    let text =
        fs::read_to_string(path).map_err(|error| DesiredError::File { path: path.to_owned(), error })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// What the configuration names for alerting, and the way to the Alertmanager.
fn alerting(section: &Section) -> Vec<Wanted> {
    let named = |name: &str| format!("{PREFIX}{name}");
    let mut all = Vec::new();
    for (name, text) in &section.templates {
        let name = named(name);
        all.push(one(Kind::Template, &name, &name, json!({"template": text})));
    }
    for (name, intervals) in &section.mute_timings {
        let name = named(name);
        all.push(one(Kind::MuteTiming, &name, &name, json!({"time_intervals": intervals})));
    }
    for (name, point) in &section.contact_points {
        let (uid, name) = (format!("{PREFIX}{}", slug(name, UID_CHARS - PREFIX.len())), named(name));
        let body = json!({
            "name": name, "type": point["type"], "settings": point["settings"],
            "disableResolveMessage": point["disableResolveMessage"],
        });
        all.push(one(Kind::ContactPoint, &uid, &name, body));
    }
    let taken = section.contact_points.contains_key("alertmanager");
    if let (Some(url), false, false) =
        (&section.alertmanager_url, section.alerts == GrafanaAlerts::None, taken)
    {
        let name = ALERTMANAGER_CONTACT_POINT;
        let body = json!({"name": name, "type": "prometheus-alertmanager", "settings": {"url": url}});
        all.push(one(Kind::ContactPoint, name, name, body));
    }
    if !section.policies.is_empty() {
        let routes: Vec<Value> =
            section.policies.iter().map(|policy| branch(policy, section, true)).collect();
        all.push(one(Kind::Policies, POLICIES, "our branches", json!({"routes": routes})));
    }
    all
}

/// A branch of the tree, with the names that Grafana has for what is ours; the outermost takes
/// only alerts of ours.
fn branch(policy: &Value, section: &Section, outermost: bool) -> Value {
    let mut policy = policy.clone();
    let ours = |name: &Value, known: &dyn Fn(&str) -> bool| match name.as_str() {
        Some(name) if known(name) => json!(format!("{PREFIX}{name}")),
        _ => name.clone(),
    };
    if !policy["receiver"].is_null() {
        let known = |name: &str| {
            section.contact_points.contains_key(name)
                || (name == "alertmanager" && section.alertmanager_url.is_some())
        };
        policy["receiver"] = ours(&policy["receiver"], &known);
    }
    for list in ["mute_time_intervals", "active_time_intervals"] {
        for name in policy.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            *name = ours(name, &|name| section.mute_timings.contains_key(name));
        }
    }
    for inner in policy.get_mut("routes").and_then(Value::as_array_mut).into_iter().flatten() {
        *inner = branch(inner, section, false);
    }
    if outermost {
        let mark = json!([MARK.0, "=", MARK.1]);
        let given = policy["object_matchers"].as_array().cloned().unwrap_or_default();
        let matchers: Vec<Value> =
            std::iter::once(mark.clone()).chain(given.into_iter().filter(|one| *one != mark)).collect();
        policy["object_matchers"] = Value::Array(matchers);
    }
    policy
}

/// A group; what its rules find goes to the Alertmanager, unless policies say where.
fn rule_group(group: &RuleGroup, section: &Section) -> Wanted {
    let mut rules = group.rules.clone();
    let notifies = section.alertmanager_url.is_some() && section.policies.is_empty();
    for rule in rules.iter_mut().filter(|rule| notifies && rule["notification_settings"].is_null()) {
        // The Alertmanager groups and repeats. It forgets an alert that it does not hear of for
        // four evaluations.
        rule["notification_settings"] = json!({
            "receiver": ALERTMANAGER_CONTACT_POINT, "group_by": ["..."],
            "group_wait": "1s", "group_interval": "30s", "repeat_interval": "1m",
        });
    }
    let body = json!({
        "folderUid": group.folder, "title": group.name, "interval": group.interval_seconds, "rules": rules,
    });
    one(Kind::RuleGroup, &format!("{}/{}", group.folder, group.name), &group.name, body)
}

/// The uid of a team's folder.
pub fn team_folder(team: &str) -> String {
    format!("{PREFIX}team-{}", slug(team, SLUG_CHARS))
}

/// The uid of a team's copy of a dashboard.
pub fn team_dashboard(team: &str, uid: &str) -> String {
    let team = digest(team, 4);
    let name = uid.strip_prefix(PREFIX).unwrap_or(uid);
    format!("{PREFIX}{team}-{}", slug(name, UID_CHARS - PREFIX.len() - team.len() - 1))
}

/// A name as a part of a uid: itself if that is possible, else what is left of it and a digest
/// that tells it from others.
fn slug(name: &str, chars: usize) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
        .collect();
    if plain == name && plain.len() <= chars && !plain.is_empty() {
        return plain;
    }
    let digest = digest(name, 4);
    let kept: String = plain.chars().take(chars.saturating_sub(digest.len() + 1)).collect();
    format!("{}-{digest}", kept.trim_matches('-'))
}

fn digest(text: &str, bytes: usize) -> String {
    let digest = Sha256::digest(text.as_bytes());
    hex(digest.get(..bytes).unwrap_or_default())
}

/// Whether a dashboard shows nothing but what is of the teams that are chosen in it.
pub(super) fn is_of_tenants(dashboard: &Value) -> bool {
    let variables = dashboard["templating"]["list"].as_array();
    let chooses = variables.into_iter().flatten().any(|variable| variable["name"] == "team");
    let mut queries = 0;
    chooses
        && every_query(&dashboard["panels"], &mut |query| {
            queries += 1;
            query.contains("$team") || query.contains("${team")
        })
        && queries > 0
}

/// Whether something holds for every query of some panels.
fn every_query(panels: &Value, holds: &mut dyn FnMut(&str) -> bool) -> bool {
    panels.as_array().into_iter().flatten().all(|panel| {
        let mut queries =
            panel["targets"].as_array().into_iter().flatten().filter_map(|one| one["expr"].as_str());
        queries.all(&mut *holds) && every_query(&panel["panels"], holds)
    })
}

/// A dashboard for one team: the team cannot be chosen, and links lead to the team's copies.
pub(super) fn pinned(dashboard: &Value, team: &str, copied: &BTreeSet<&str>) -> Value {
    let mut dashboard = dashboard.clone();
    let uid = dashboard["uid"].as_str().map(|uid| team_dashboard(team, uid));
    if let Some(uid) = uid {
        dashboard["uid"] = json!(uid);
    }
    let ours = dashboard["tags"].as_array().cloned().unwrap_or_default();
    let others = ours.into_iter().filter(|tag| tag != super::TAG);
    dashboard["tags"] = std::iter::once(json!(TENANT_TAG)).chain(others).collect();
    for variable in dashboard["templating"]["list"].as_array_mut().into_iter().flatten() {
        if variable["name"] == "team" {
            let value = literal(team);
            *variable = json!({
                "name": "team", "type": "constant", "label": "Team", "hide": 2, "skipUrlSync": true,
                "query": value, "current": {"text": value, "value": value},
            });
        }
    }
    lead_to_copies(&mut dashboard, team, copied);
    dashboard
}

/// A text as a regular expression inside a PromQL string that matches it alone.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut literal, c| {
        if regex_syntax_character(c) {
            literal.push_str("\\\\");
        }
        if c == '"' {
            literal.push('\\');
        }
        literal.push(c);
        literal
    })
}

fn regex_syntax_character(c: char) -> bool {
    r".+*?()|[]{}^$\".contains(c)
}

/// Links to dashboards that the team has copies of lead there; those to others, which the team
/// may not see, are left out.
fn lead_to_copies(value: &mut Value, team: &str, copied: &BTreeSet<&str>) {
    match value {
        Value::Object(fields) => {
            if let Some(links) = fields.get_mut("links").and_then(Value::as_array_mut) {
                links.retain(|link| linked(link).is_none_or(|uid| copied.contains(uid)));
                for link in links {
                    if let Some(uid) = linked(link).map(str::to_owned) {
                        let url = link["url"].as_str().unwrap_or_default();
                        let to = url.replacen(
                            &format!("/d/{uid}"),
                            &format!("/d/{}", team_dashboard(team, &uid)),
                            1,
                        );
                        link["url"] = json!(to);
                    }
                    if let Some(tags) = link.get_mut("tags").and_then(Value::as_array_mut) {
                        tags.iter_mut()
                            .filter(|tag| **tag == super::TAG)
                            .for_each(|tag| *tag = json!(TENANT_TAG));
                    }
                }
            }
            fields.values_mut().for_each(|value| lead_to_copies(value, team, copied));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| lead_to_copies(item, team, copied)),
        _ => {}
    }
}

/// The uid of the dashboard that a link leads to.
fn linked(link: &Value) -> Option<&str> {
    let rest = link["url"].as_str()?.split_once("/d/")?.1;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.get(..end)
}

#[cfg(test)]
mod tests;
