//! What is in the stand-in, and what each call does to it.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Value, json};

/// Everything that an organisation has.
#[derive(Clone, Debug)]
pub(crate) struct World {
    version: u32,
    /// The clock: each write is a second.
    now: u64,
    next_id: u64,
    pub(crate) teams: BTreeMap<u64, Team>,
    pub(crate) users: BTreeSet<String>,
    pub(crate) folders: BTreeMap<String, Folder>,
    pub(crate) sources: BTreeMap<String, Value>,
    pub(crate) dashboards: BTreeMap<String, Dashboard>,
    pub(crate) templates: BTreeMap<String, Value>,
    pub(crate) timings: BTreeMap<String, Value>,
    pub(crate) points: BTreeMap<String, Value>,
    pub(crate) groups: BTreeMap<(String, String), Group>,
    pub(crate) tree: Value,
    accounts: BTreeMap<u64, Account>,
    /// What somebody else has saved in between.
    pub(crate) raced: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Team {
    pub(crate) name: String,
    pub(crate) members: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Folder {
    pub(crate) title: String,
    pub(crate) parent: String,
    pub(crate) version: u64,
    /// Who has which level.
    pub(crate) rights: BTreeMap<Who, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Role(String),
    Team(u64),
    User(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dashboard {
    pub(crate) folder: String,
    pub(crate) json: Value,
    pub(crate) version: u64,
    pub(crate) by: String,
    pub(crate) at: u64,
    pub(crate) provisioned: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) interval: u64,
    pub(crate) rules: Vec<Value>,
}

#[derive(Clone, Debug)]
struct Account {
    name: String,
    role: String,
    tokens: BTreeMap<String, String>,
}

/// Settings of contact points that are never shown again.
const SECRETS: [&str; 4] = ["password", "token", "basicAuthPassword", "integrationKey"];

type Answer = (u16, Value);

fn refused(status: u16, message: &str) -> Answer {
    (status, json!({"message": message}))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn array(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn is_uid(uid: &str) -> bool {
    !uid.is_empty() && uid.len() <= 40 && uid.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

impl World {
    pub(crate) fn new(version: u32) -> Self {
        World {
            version: if version == 0 { 12 } else { version },
            now: 0,
            next_id: 1,
            teams: BTreeMap::new(),
            users: ["admin", "ann@example.org", "bob@example.org"].map(str::to_owned).into(),
            folders: BTreeMap::new(),
            sources: BTreeMap::new(),
            dashboards: BTreeMap::new(),
            templates: BTreeMap::new(),
            timings: BTreeMap::new(),
            points: BTreeMap::new(),
            groups: BTreeMap::new(),
            tree: json!({"receiver": "empty", "group_by": ["grafana_folder", "alertname"]}),
            accounts: BTreeMap::new(),
            raced: BTreeSet::new(),
        }
    }

    pub(crate) fn version_text(&self) -> String {
        match self.version {
            11 => "11.6.14".to_owned(),
            13 => "13.0.1".to_owned(),
            _ => "12.4.0".to_owned(),
        }
    }

    pub(crate) fn is_token(&self, token: &str) -> bool {
        self.accounts.values().any(|account| account.tokens.values().any(|known| known == token))
    }

    /// No token lets anybody in any more.
    pub(crate) fn forget_tokens(&mut self) {
        self.accounts.values_mut().for_each(|account| account.tokens.clear());
    }

    /// A data source from a file of Grafana's provisioning.
    pub(crate) fn provision_source(&mut self, source: &Value) {
        let made = self.sources("POST", &[], source);
        assert_eq!(made.0, 200, "{}", made.1);
        if let Some(there) = self.sources.get_mut(&text(&source["uid"])) {
            there["readOnly"] = json!(true);
        }
    }

    /// What it tells of its rules, each of which was evaluated just now.
    pub(crate) fn evaluated(&mut self) -> Value {
        self.now += 1;
        let at = Self::time(self.now);
        let of = |rules: &[Value]| -> Vec<Value> {
            let rule = |rule: &Value| json!({"name": rule["title"], "type": "alerting", "health": "ok", "lastEvaluation": at, "isPaused": false});
            rules.iter().map(rule).collect()
        };
        let groups: Vec<Value> = self
            .groups
            .iter()
            .map(|((folder, name), group)| {
                let file = self.folders.get(folder).map(|folder| folder.title.clone());
                json!({"name": name, "file": file, "folderUid": folder, "interval": group.interval, "rules": of(&group.rules)})
            })
            .collect();
        json!({"status": "success", "data": {"groups": groups}})
    }

    /// The role of a service account.
    pub(crate) fn role(&self, account: &str) -> Option<String> {
        self.accounts.values().find(|one| one.name == account).map(|one| one.role.clone())
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn time(at: u64) -> String {
        format!("2026-01-01T{:02}:{:02}:{:02}Z", at / 3600 % 24, at / 60 % 60, at % 60)
    }

    /// Somebody else saves what is about to be written, once.
    pub(crate) fn race(&mut self, path: &[&str], body: &Value) {
        let uid = text(&body["dashboard"]["uid"]);
        if path == ["api", "dashboards", "db"]
            && self.raced.insert(format!("dashboard {uid}"))
            && let Some(there) = self.dashboards.get_mut(&uid)
        {
            there.version += 1;
            there.json["title"] = json!("saved by somebody else");
            there.by = "bob".to_owned();
        }
        if let ["api", "datasources", "uid", uid] = path
            && self.raced.insert(format!("source {uid}"))
            && let Some(there) = self.sources.get_mut(*uid)
        {
            there["version"] = json!(there["version"].as_u64().unwrap_or(1) + 1);
        }
    }

    pub(crate) fn answer(
        &mut self,
        method: &Method,
        path: &[&str],
        query: &BTreeMap<String, String>,
        body: &Value,
        unprovenanced: bool,
    ) -> Answer {
        if *method != Method::GET {
            self.now += 1;
        }
        let ["api", rest @ ..] = path else { return (404, json!({"message": "Not found"})) };
        match (method.as_str(), rest) {
            (_, ["teams", rest @ ..]) => self.teams(method.as_str(), rest, query, body),
            ("GET", ["org", "users"]) => (
                200,
                self.users.iter().map(|user| json!({"email": user, "login": user, "userId": 1})).collect(),
            ),
            (_, ["folders", rest @ ..]) => self.folders(method.as_str(), rest, query, body),
            (_, ["datasources", rest @ ..]) => self.sources(method.as_str(), rest, body),
            ("GET", ["search"]) => (200, self.search(query)),
            (_, ["dashboards", rest @ ..]) => self.dashboards(method.as_str(), rest, body),
            (_, ["serviceaccounts", rest @ ..]) => self.accounts(method.as_str(), rest, query, body),
            (_, ["v1", "provisioning", rest @ ..]) => {
                let provenance = if unprovenanced { "" } else { "api" };
                self.alerting(method.as_str(), rest, query, body, provenance)
            }
            _ => refused(404, "Not found"),
        }
    }

    fn page(list: Vec<Value>, query: &BTreeMap<String, String>) -> Value {
        let number = |name: &str, default: usize| {
            query.get(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(default)
        };
        let limit = number("limit", 1000).min(number("perpage", 1000));
        list.into_iter().skip((number("page", 1) - 1) * limit).take(limit).collect()
    }

    fn teams(
        &mut self,
        method: &str,
        path: &[&str],
        query: &BTreeMap<String, String>,
        body: &Value,
    ) -> Answer {
        let known =
            |world: &World, id: &str| id.parse::<u64>().ok().filter(|id| world.teams.contains_key(id));
        match (method, path) {
            ("GET", ["search"]) => {
                let named = query.get("name");
                let teams: Vec<Value> = self
                    .teams
                    .iter()
                    .filter(|(_, team)| named.is_none_or(|name| team.name == *name))
                    .map(|(id, team)| {
                        json!({"id": id, "uid": format!("t{id}"), "orgId": 1, "name": team.name, "email": "",
                            "memberCount": team.members.len(), "isProvisioned": false})
                    })
                    .collect();
                (
                    200,
                    json!({"totalCount": teams.len(), "teams": Self::page(teams, query), "page": 1, "perPage": 1000}),
                )
            }
            ("POST", []) => {
                let name = text(&body["name"]);
                if self.teams.values().any(|team| team.name == name) {
                    return refused(409, "Team name taken");
                }
                let id = self.id();
                // Whoever makes a team is in it.
                self.teams.insert(id, Team { name, members: BTreeSet::from(["admin".to_owned()]) });
                (200, json!({"message": "Team created", "teamId": id, "uid": format!("t{id}")}))
            }
            (_, [id, rest @ ..]) => {
                let Some(id) = known(self, id) else { return refused(404, "Team not found") };
                match (method, rest) {
                    ("DELETE", []) => {
                        self.teams.remove(&id);
                        for folder in self.folders.values_mut() {
                            folder.rights.remove(&Who::Team(id));
                        }
                        refused(200, "Team deleted")
                    }
                    ("GET", ["members"]) => {
                        let members =
                            self.teams.get(&id).map(|team| team.members.clone()).unwrap_or_default();
                        (
                            200,
                            members
                                .iter()
                                .map(|who| json!({"teamId": id, "email": who, "login": who, "permission": 0}))
                                .collect(),
                        )
                    }
                    ("PUT", ["members"]) => {
                        let members: BTreeSet<String> = array(&body["members"]).iter().map(text).collect();
                        if members.iter().any(|who| !self.users.contains(who)) {
                            return refused(404, "user not found");
                        }
                        if let Some(team) = self.teams.get_mut(&id) {
                            team.members = members;
                        }
                        refused(200, "Team memberships have been updated")
                    }
                    _ => refused(404, "Not found"),
                }
            }
            _ => refused(404, "Not found"),
        }
    }

    fn folder(&self, uid: &str) -> Value {
        let Some(folder) = self.folders.get(uid) else { return Value::Null };
        let mut json = json!({
            "id": 1, "uid": uid, "orgId": 1, "title": folder.title, "url": format!("/dashboards/f/{uid}"),
            "hasAcl": false, "canSave": true, "createdBy": "admin", "created": Self::time(0),
            "updatedBy": "admin", "updated": Self::time(self.now), "version": folder.version, "managedBy": "",
        });
        if !folder.parent.is_empty() {
            json["parentUid"] = json!(folder.parent);
        }
        json
    }

    fn folders(
        &mut self,
        method: &str,
        path: &[&str],
        query: &BTreeMap<String, String>,
        body: &Value,
    ) -> Answer {
        match (method, path) {
            ("GET", []) => {
                let parent = query.get("parentUid").cloned().unwrap_or_default();
                let list: Vec<Value> = self
                    .folders
                    .iter()
                    .filter(|(_, folder)| folder.parent == parent)
                    .map(|(uid, folder)| json!({"id": 1, "uid": uid, "title": folder.title, "managedBy": ""}))
                    .collect();
                (200, Self::page(list, query))
            }
            ("POST", []) => {
                let (uid, title) = (text(&body["uid"]), text(&body["title"]));
                if title.is_empty() {
                    return refused(400, "folder title cannot be empty");
                }
                if !is_uid(&uid) {
                    return refused(400, "uid contains illegal characters or is too long");
                }
                if self.folders.contains_key(&uid) {
                    return refused(412, "the folder has been changed by someone else");
                }
                // Whoever makes a folder is its administrator, and everybody sees it, until told otherwise.
                let rights = [
                    (Who::User("admin".to_owned()), 4),
                    (Who::Role("Editor".to_owned()), 2),
                    (Who::Role("Viewer".to_owned()), 1),
                ];
                let parent = text(&body["parentUid"]);
                self.folders.insert(uid.clone(), Folder { title, parent, version: 1, rights: rights.into() });
                (200, self.folder(&uid))
            }
            (_, [uid, rest @ ..]) => {
                if !self.folders.contains_key(*uid) {
                    return (404, json!({"status": "not-found", "message": "folder not found"}));
                }
                self.one_folder(method, uid, rest, body)
            }
            _ => refused(404, "Not found"),
        }
    }

    fn one_folder(&mut self, method: &str, uid: &str, rest: &[&str], body: &Value) -> Answer {
        let children: Vec<String> = self
            .folders
            .iter()
            .filter(|(_, folder)| folder.parent == uid)
            .map(|(uid, _)| uid.clone())
            .collect();
        match (method, rest) {
            ("GET", []) => (200, self.folder(uid)),
            ("GET", ["counts"]) => {
                let dashboards = self.dashboards.values().filter(|one| one.folder == uid).count();
                let rules: usize = self
                    .groups
                    .iter()
                    .filter(|((folder, _), _)| folder == uid)
                    .map(|(_, group)| group.rules.len())
                    .sum();
                (
                    200,
                    json!({"dashboard": dashboards, "folder": children.len(), "alertrule": rules, "librarypanel": 0}),
                )
            }
            ("GET", ["permissions"]) => (200, self.rights(uid)),
            ("POST", ["permissions"]) => {
                let mut rights = BTreeMap::new();
                for item in array(&body["items"]) {
                    let who = match (&item["teamId"], &item["role"]) {
                        (Value::Number(id), _) => Who::Team(id.as_u64().unwrap_or_default()),
                        (_, Value::String(role)) => Who::Role(role.clone()),
                        _ => return refused(400, "bad request data"),
                    };
                    if matches!(&who, Who::Team(id) if !self.teams.contains_key(id)) {
                        return refused(500, "Failed to create permission");
                    }
                    rights.insert(who, item["permission"].as_u64().unwrap_or_default());
                }
                if let Some(folder) = self.folders.get_mut(uid) {
                    folder.rights = rights;
                }
                refused(200, "Folder permissions updated")
            }
            ("PUT", []) => {
                let Some(folder) = self.folders.get_mut(uid) else { return refused(404, "folder not found") };
                folder.title = text(&body["title"]);
                folder.version += 1;
                (200, self.folder(uid))
            }
            ("POST", ["move"]) => {
                if let Some(folder) = self.folders.get_mut(uid) {
                    folder.parent = text(&body["parentUid"]);
                    folder.version += 1;
                }
                (200, self.folder(uid))
            }
            ("DELETE", []) => {
                if self.groups.keys().any(|(folder, _)| folder == uid) {
                    return refused(400, "Folder cannot be deleted: folder is not empty");
                }
                for child in children {
                    self.one_folder("DELETE", &child, &[], &Value::Null);
                }
                self.folders.remove(uid);
                self.dashboards.retain(|_, dashboard| dashboard.folder != uid);
                (200, json!({"message": "Folder deleted"}))
            }
            _ => refused(404, "Not found"),
        }
    }

    fn rights(&self, uid: &str) -> Value {
        let Some(folder) = self.folders.get(uid) else { return json!([]) };
        let item = |(who, level): (&Who, &u64)| {
            let name = match level {
                1 => "View",
                2 => "Edit",
                _ => "Admin",
            };
            let mut item = json!({"uid": uid, "permission": level, "permissionName": name, "inherited": false,
                "userId": 0, "userLogin": "", "teamId": 0, "team": "", "isFolder": true});
            match who {
                Who::Role(role) => item["role"] = json!(role),
                Who::User(login) => item["userLogin"] = json!(login),
                Who::Team(id) => {
                    item["teamId"] = json!(id);
                    item["team"] = json!(self.teams.get(id).map(|team| team.name.clone()));
                }
            }
            item
        };
        folder.rights.iter().map(item).collect()
    }

    fn sources(&mut self, method: &str, path: &[&str], body: &Value) -> Answer {
        let shown = |source: &Value| {
            let mut source = source.clone();
            if let Some(secrets) = source.as_object_mut().and_then(|fields| fields.remove("secureJsonData")) {
                let names = secrets.as_object().cloned().unwrap_or_default();
                source["secureJsonFields"] = names.keys().map(|name| (name.clone(), json!(true))).collect();
            }
            source
        };
        let stored = |body: &Value, uid: &str, id: u64, version: u64| {
            json!({
                "id": id, "uid": uid, "orgId": 1, "name": body["name"], "type": body["type"], "typeName": "Prometheus",
                "typeLogoUrl": "public/img/icn-datasource.svg", "access": body["access"], "url": body["url"],
                "user": text(&body["user"]), "database": text(&body["database"]),
                "basicAuth": body["basicAuth"] == true, "basicAuthUser": text(&body["basicAuthUser"]),
                "withCredentials": body["withCredentials"] == true, "isDefault": body["isDefault"] == true,
                "jsonData": if body["jsonData"].is_object() { body["jsonData"].clone() } else { json!({}) },
                "version": version, "readOnly": false, "apiVersion": "",
                "secureJsonData": if body["secureJsonData"].is_object() { body["secureJsonData"].clone() } else { json!({}) },
            })
        };
        match (method, path) {
            ("GET", []) => {
                let row = |source: &Value| {
                    let mut source = shown(source);
                    for hidden in
                        ["secureJsonFields", "version", "withCredentials", "basicAuthUser", "apiVersion"]
                    {
                        source.as_object_mut().map(|fields| fields.remove(hidden));
                    }
                    source
                };
                (200, self.sources.values().map(row).collect())
            }
            ("POST", []) => {
                let (uid, name) = (text(&body["uid"]), text(&body["name"]));
                if self.sources.contains_key(&uid) {
                    return refused(409, "data source with the same uid already exists");
                }
                if self.sources.values().any(|one| text(&one["name"]) == name) {
                    return refused(409, "data source with the same name already exists");
                }
                let id = self.id();
                let mut source = stored(body, &uid, id, 1);
                if self.sources.is_empty() {
                    source["isDefault"] = json!(true);
                }
                if source["isDefault"] == true {
                    self.sources.values_mut().for_each(|other| other["isDefault"] = json!(false));
                }
                self.sources.insert(uid, source.clone());
                (
                    200,
                    json!({"id": id, "message": "Datasource added", "name": name, "datasource": shown(&source)}),
                )
            }
            (_, ["uid", uid]) => {
                let Some(there) = self.sources.get(*uid).cloned() else {
                    return refused(404, "Data source not found");
                };
                match method {
                    "GET" => (200, shown(&there)),
                    _ if there["readOnly"] == true => refused(403, "Cannot update read-only data source"),
                    "PUT" => {
                        let version = there["version"].as_u64().unwrap_or(1);
                        if body["version"].as_u64().is_some_and(|given| given != version) {
                            return refused(
                                409,
                                "Datasource has already been updated by someone else. Please reload and try again",
                            );
                        }
                        if self.sources.iter().any(|(other, one)| other != uid && one["name"] == body["name"])
                        {
                            return refused(409, "data source with the same name already exists");
                        }
                        let mut source = stored(body, uid, there["id"].as_u64().unwrap_or(1), version + 1);
                        // Secrets that are not sent stay.
                        let mut secrets = there["secureJsonData"].as_object().cloned().unwrap_or_default();
                        secrets.extend(body["secureJsonData"].as_object().cloned().unwrap_or_default());
                        source["secureJsonData"] = Value::Object(secrets);
                        self.sources.insert((*uid).to_owned(), source.clone());
                        (
                            200,
                            json!({"message": "Datasource updated", "id": source["id"], "name": source["name"], "datasource": shown(&source)}),
                        )
                    }
                    "DELETE" => {
                        self.sources.remove(*uid);
                        refused(200, "Data source deleted")
                    }
                    _ => refused(404, "Not found"),
                }
            }
            _ => refused(404, "Not found"),
        }
    }

    fn folder_title(&self, uid: &str) -> String {
        self.folders.get(uid).map_or_else(|| "General".to_owned(), |folder| folder.title.clone())
    }

    fn search(&self, query: &BTreeMap<String, String>) -> Value {
        let tag = query.get("tag");
        let hits: Vec<Value> = self
            .dashboards
            .iter()
            .filter(|(_, one)| {
                tag.is_none_or(|tag| array(&one.json["tags"]).iter().any(|known| known == tag))
            })
            .map(|(uid, one)| {
                let mut hit = json!({"id": 1, "uid": uid, "title": one.json["title"], "type": "dash-db",
                    "url": format!("/d/{uid}/x"), "tags": one.json["tags"], "isStarred": false});
                if !one.folder.is_empty() {
                    hit["folderUid"] = json!(one.folder);
                    hit["folderTitle"] = json!(self.folder_title(&one.folder));
                }
                hit
            })
            .collect();
        Self::page(hits, query)
    }

    fn dashboards(&mut self, method: &str, path: &[&str], body: &Value) -> Answer {
        match (method, path) {
            ("POST", ["db"]) => self.save_dashboard(body),
            (_, ["uid", uid]) => {
                let Some(there) = self.dashboards.get(*uid).cloned() else {
                    return refused(404, "Dashboard not found");
                };
                match method {
                    "GET" => {
                        let mut json = there.json.clone();
                        json["id"] = json!(1);
                        json["version"] = json!(there.version);
                        let mut meta = json!({
                            "type": "db", "canSave": true, "slug": "x", "url": format!("/d/{uid}/x"),
                            "folderTitle": self.folder_title(&there.folder), "version": there.version, "hasAcl": false,
                            "isFolder": false, "folderUid": there.folder, "provisioned": there.provisioned,
                            "provisionedExternalId": if there.provisioned { "x.json" } else { "" },
                            "createdBy": "admin", "updatedBy": if there.version == 1 { "Anonymous" } else { &there.by }, "updated": Self::time(there.at),
                        });
                        if there.folder.is_empty() {
                            meta["folderUid"] = json!("");
                        }
                        (200, json!({"dashboard": json, "meta": meta}))
                    }
                    "DELETE" if there.provisioned => refused(400, "provisioned dashboard cannot be deleted"),
                    "DELETE" => {
                        self.dashboards.remove(*uid);
                        (
                            200,
                            json!({"title": there.json["title"], "message": "Dashboard deleted", "uid": uid}),
                        )
                    }
                    _ => refused(404, "Not found"),
                }
            }
            _ => refused(404, "Not found"),
        }
    }

    fn save_dashboard(&mut self, body: &Value) -> Answer {
        let mut json = body["dashboard"].clone();
        let (uid, folder) = (text(&json["uid"]), text(&body["folderUid"]));
        if text(&json["title"]).is_empty() {
            return refused(400, "Dashboard title cannot be empty");
        }
        if !is_uid(&uid) {
            return refused(400, "uid contains illegal characters or is too long");
        }
        if !folder.is_empty() && !self.folders.contains_key(&folder) {
            return refused(400, "folder not found");
        }
        let there = self.dashboards.get(&uid);
        if there.is_some_and(|there| there.provisioned) {
            return refused(400, "Cannot save provisioned dashboard");
        }
        let current = there.map(|there| there.version);
        if body["overwrite"] != true && current.is_some() && json["version"].as_u64() != current {
            let message = "The dashboard has been changed by someone else";
            return match self.version {
                13 => refused(409, "Dashboard already exists"),
                _ => (412, json!({"status": "version-mismatch", "message": message})),
            };
        }
        for gone in ["id", "version"] {
            json.as_object_mut().map(|fields| fields.remove(gone));
        }
        let version = current.unwrap_or(0) + 1;
        let one =
            Dashboard { folder, json, version, by: "admin".to_owned(), at: self.now, provisioned: false };
        self.dashboards.insert(uid.clone(), one);
        (
            200,
            json!({"id": 1, "uid": uid, "folderUid": body["folderUid"], "url": format!("/d/{uid}/x"), "status": "success", "version": version, "slug": "x"}),
        )
    }

    fn accounts(
        &mut self,
        method: &str,
        path: &[&str],
        query: &BTreeMap<String, String>,
        body: &Value,
    ) -> Answer {
        match (method, path) {
            ("GET", ["search"]) => {
                let wanted = query.get("query").cloned().unwrap_or_default();
                let found: Vec<Value> = self
                    .accounts
                    .iter()
                    .filter(|(_, account)| account.name.contains(&wanted))
                    .map(|(id, account)| json!({"id": id, "name": account.name, "role": account.role, "isDisabled": false}))
                    .collect();
                (200, json!({"totalCount": found.len(), "serviceAccounts": found}))
            }
            ("POST", []) => {
                let (name, role) = (text(&body["name"]), text(&body["role"]));
                if self.accounts.values().any(|account| account.name == name) {
                    return refused(400, "service account already exists");
                }
                let id = self.id();
                self.accounts
                    .insert(id, Account { name: name.clone(), role: role.clone(), tokens: BTreeMap::new() });
                (201, json!({"id": id, "name": name, "role": role}))
            }
            (_, [id, "tokens"]) => {
                let Some(account) = id.parse().ok().and_then(|id: u64| self.accounts.get_mut(&id)) else {
                    return refused(404, "service account not found");
                };
                if method == "GET" {
                    return (200, account.tokens.keys().map(|name| json!({"id": 1, "name": name})).collect());
                }
                let name = text(&body["name"]);
                if account.tokens.contains_key(&name) {
                    return refused(
                        409,
                        "service account token with given name already exists in the organization",
                    );
                }
                let key = format!("glsa_{name}");
                account.tokens.insert(name.clone(), key.clone());
                (200, json!({"id": 1, "name": name, "key": key}))
            }
            _ => refused(404, "Not found"),
        }
    }
}

mod alerting;

/// Which settings of a contact point are secret.
pub(crate) fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name)
}
