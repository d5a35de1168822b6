//! Writes one object: made, changed or removed by the calls that its kind has. Each call says
//! on which version it builds, where Grafana takes that, so that nobody's change is lost.

use hyper::Method;
use serde_json::{Value, json};

use super::client::{Grafana, GrafanaError, NO_PROVENANCE};
use super::desired::ALERTMANAGER_DATA_SOURCE;
use super::object::{Found, Key, Kind, Wanted};
use super::read::{is_our_branch, items, team};
use crate::prometheus::connection::form_encoded;

/// What Grafana's history of a dashboard says.
const MESSAGE: &str = concat!("dockmeter ", env!("CARGO_PKG_VERSION"));

/// Makes an object, or makes `found` what is wanted.
pub(super) async fn put(
    grafana: &Grafana,
    wanted: &Wanted,
    found: Option<&Found>,
) -> Result<(), GrafanaError> {
    let id = form_encoded(&wanted.key.id);
    let body = &wanted.body;
    let version = found.map_or(Value::Null, |found| found.handle["version"].clone());
    let alerting = |what: &str| format!("/api/v1/provisioning/{what}");
    match wanted.key.kind {
        Kind::Team => put_team(grafana, wanted, found).await,
        Kind::Folder => put_folder(grafana, wanted, found, &id, &version).await,
        Kind::Permissions => put_permissions(grafana, wanted, &id).await,
        Kind::DataSource => put_data_source(grafana, wanted, found, &id).await,
        Kind::Dashboard => {
            let mut dashboard = body["dashboard"].clone();
            dashboard["uid"] = json!(wanted.key.id);
            if let Some(fields) = dashboard.as_object_mut() {
                fields.remove("id");
                fields.remove("version");
            }
            if !version.is_null() {
                dashboard["version"] = version;
            }
            let save = json!({
                "dashboard": dashboard, "folderUid": body["folder"], "message": MESSAGE, "overwrite": false,
            });
            sent(grafana, Method::POST, "/api/dashboards/db", &save).await
        }
        Kind::Template => {
            let content = json!({"template": body["template"], "version": version});
            sent(grafana, Method::PUT, &alerting(&format!("templates/{id}")), &content).await
        }
        Kind::MuteTiming => {
            let mut timing = json!({"name": wanted.key.id, "time_intervals": body["time_intervals"]});
            match found {
                None => sent(grafana, Method::POST, &alerting("mute-timings"), &timing).await,
                Some(_) => {
                    timing["version"] = version;
                    sent(grafana, Method::PUT, &alerting(&format!("mute-timings/{id}")), &timing).await
                }
            }
        }
        Kind::ContactPoint => {
            let point = json!({
                "uid": wanted.key.id, "name": body["name"], "type": body["type"],
                "settings": body["settings"],
                "disableResolveMessage": body["disableResolveMessage"] == true,
            });
            match found {
                None => sent(grafana, Method::POST, &alerting("contact-points"), &point).await,
                Some(_) => {
                    sent(grafana, Method::PUT, &alerting(&format!("contact-points/{id}")), &point).await
                }
            }
        }
        Kind::RuleGroup => {
            sent(grafana, Method::PUT, &alerting(&group_path(&wanted.key)), &group_body(&wanted.key, body))
                .await
        }
        Kind::Policies => put_policies(grafana, items(&body["routes"]).cloned().collect()).await,
    }
}

/// Removes an object.
pub(super) async fn remove(grafana: &Grafana, found: &Found) -> Result<(), GrafanaError> {
    let id = form_encoded(&found.key.id);
    let version = found.handle["version"].as_str().unwrap_or_default();
    let version =
        if version.is_empty() { String::new() } else { format!("?version={}", form_encoded(version)) };
    let path = match found.key.kind {
        Kind::Team => format!("/api/teams/{}", found.handle["id"]),
        Kind::Folder => format!("/api/folders/{id}"),
        // They go with the folder.
        Kind::Permissions => return Ok(()),
        Kind::DataSource => format!("/api/datasources/uid/{id}"),
        Kind::Dashboard => format!("/api/dashboards/uid/{id}"),
        Kind::Template => format!("/api/v1/provisioning/templates/{id}{version}"),
        Kind::MuteTiming => format!("/api/v1/provisioning/mute-timings/{id}{version}"),
        Kind::ContactPoint => format!("/api/v1/provisioning/contact-points/{id}"),
        Kind::RuleGroup => format!("/api/v1/provisioning/{}", group_path(&found.key)),
        Kind::Policies => return put_policies(grafana, Vec::new()).await,
    };
    grafana.write(Method::DELETE, &path, None).await.map(drop)
}

async fn sent(grafana: &Grafana, method: Method, path: &str, body: &Value) -> Result<(), GrafanaError> {
    grafana.write(method, path, Some(body)).await.map(drop)
}

async fn put_team(grafana: &Grafana, wanted: &Wanted, found: Option<&Found>) -> Result<(), GrafanaError> {
    let id = match found {
        Some(found) => found.handle["id"].clone(),
        None => {
            let made =
                grafana.write(Method::POST, "/api/teams", Some(&json!({"name": wanted.key.id}))).await?;
            made["teamId"].clone()
        }
    };
    match wanted.body.get("members") {
        Some(members) => {
            let body = json!({"members": members, "admins": []});
            sent(grafana, Method::PUT, &format!("/api/teams/{id}/members"), &body).await
        }
        None => Ok(()),
    }
}

async fn put_folder(
    grafana: &Grafana,
    wanted: &Wanted,
    found: Option<&Found>,
    id: &str,
    version: &Value,
) -> Result<(), GrafanaError> {
    let body = &wanted.body;
    let Some(found) = found else {
        let folder = json!({"uid": wanted.key.id, "title": body["title"]});
        return sent(grafana, Method::POST, "/api/folders", &folder).await;
    };
    if found.body["title"] != body["title"] {
        let folder = json!({"title": body["title"], "version": version});
        sent(grafana, Method::PUT, &format!("/api/folders/{id}"), &folder).await?;
    }
    if found.body["parent"] != body["parent"] {
        let to = json!({"parentUid": body["parent"]});
        sent(grafana, Method::POST, &format!("/api/folders/{id}/move"), &to).await?;
    }
    Ok(())
}

async fn put_permissions(grafana: &Grafana, wanted: &Wanted, id: &str) -> Result<(), GrafanaError> {
    let mut list = Vec::new();
    for (who, what) in wanted.body.as_object().into_iter().flatten() {
        let level = match what.as_str() {
            Some("Admin") => 4,
            Some("Edit") => 2,
            _ => 1,
        };
        match who.split_once(' ') {
            Some(("team", name)) => {
                let team = team(grafana, name).await?.ok_or_else(|| GrafanaError::Missing {
                    call: format!("permissions of `{}`", wanted.key.id),
                    message: format!("no team `{name}`"),
                })?;
                list.push(json!({"teamId": team["id"], "permission": level}));
            }
            Some(("role", role)) => list.push(json!({"role": role, "permission": level})),
            _ => {}
        }
    }
    sent(grafana, Method::POST, &format!("/api/folders/{id}/permissions"), &json!({"items": list})).await
}

/// Fields that are not ours to say, such as whether it is the default, stay as they are.
async fn put_data_source(
    grafana: &Grafana,
    wanted: &Wanted,
    found: Option<&Found>,
    id: &str,
) -> Result<(), GrafanaError> {
    let mut source = found.map_or_else(|| json!({}), |found| found.handle.clone());
    for extra in [
        "id",
        "orgId",
        "typeLogoUrl",
        "typeName",
        "accessControl",
        "secureJsonFields",
        "readOnly",
        "apiVersion",
    ] {
        if let Some(fields) = source.as_object_mut() {
            fields.remove(extra);
        }
    }
    if let (Some(source), Some(found)) = (source.as_object_mut(), found) {
        found
            .body
            .as_object()
            .into_iter()
            .flat_map(|body| body.keys())
            .for_each(|name| drop(source.remove(name)));
    }
    for (name, value) in wanted.body.as_object().into_iter().flatten() {
        source[name] = value.clone();
    }
    source["uid"] = json!(wanted.key.id);
    if let Some(secrets) = &wanted.secrets {
        source["secureJsonData"] = secrets.clone();
    }
    match found {
        None => {
            let others = grafana.get("/api/datasources").await?;
            // Grafana makes the first of all the default; of an Alertmanager nothing can be asked.
            let is_default =
                |other: &Value| other["isDefault"] == true && other["uid"] != ALERTMANAGER_DATA_SOURCE;
            let default = items(&others).any(is_default);
            source["isDefault"] = json!(!default && source["type"] == "prometheus");
            sent(grafana, Method::POST, "/api/datasources", &source).await
        }
        Some(_) => sent(grafana, Method::PUT, &format!("/api/datasources/uid/{id}"), &source).await,
    }
}

fn group_path(key: &Key) -> String {
    let (folder, group) = key.id.split_once('/').unwrap_or((&key.id, ""));
    format!("folder/{}/rule-groups/{}", form_encoded(folder), form_encoded(group))
}

/// A group as the call takes it: each rule names its folder and group once more.
fn group_body(key: &Key, body: &Value) -> Value {
    let (folder, group) = key.id.split_once('/').unwrap_or((&key.id, ""));
    let mut body = body.clone();
    body["title"] = json!(group);
    body["folderUid"] = json!(folder);
    for rule in body["rules"].as_array_mut().into_iter().flatten() {
        rule["folderUID"] = json!(folder);
        rule["ruleGroup"] = json!(group);
    }
    body
}

/// Our branches go first, since a branch of somebody else's may take everything; what else is in
/// the tree stays as it is, and is as editable as before.
async fn put_policies(grafana: &Grafana, ours: Vec<Value>) -> Result<(), GrafanaError> {
    let path = "/api/v1/provisioning/policies";
    let mut tree = grafana.get_alerting(path).await?;
    let others = items(&tree["routes"]).filter(|route| !is_our_branch(route)).cloned();
    let routes: Vec<Value> = ours.into_iter().chain(others).collect();
    let headers: &[(&str, &str)] = match tree["provenance"].as_str() {
        None | Some("") => &[NO_PROVENANCE],
        _ => &[],
    };
    if let Some(fields) = tree.as_object_mut() {
        fields.remove("provenance");
    }
    tree["routes"] = Value::Array(routes);
    grafana.once(Method::PUT, path, Some(&tree), headers).await.map(drop)
}
