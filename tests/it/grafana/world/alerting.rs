//! Alerting: templates, mute timings, contact points, rules and the tree of policies, all of
//! which are one configuration in Grafana.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Answer, Group, World, array, is_secret, is_uid, refused, text};

/// Whether an object of one provenance may be written with another.
fn refuses_change(stored: &str, sent: &str) -> bool {
    !stored.is_empty() && stored != sent
}

/// A version of a text, as Grafana's fingerprints: any other text has another.
fn fingerprint(value: &Value) -> String {
    let sum = value
        .to_string()
        .bytes()
        .fold(1469598103934665603_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(1099511628211));
    format!("{sum:016x}")
}

/// How Prometheus writes seconds.
fn duration(seconds: u64) -> String {
    let mut rest = seconds;
    let mut text = String::new();
    for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

impl World {
    pub(super) fn alerting(
        &mut self,
        method: &str,
        path: &[&str],
        query: &BTreeMap<String, String>,
        body: &Value,
        provenance: &str,
    ) -> Answer {
        match path {
            ["templates", rest @ ..] => self.templates(method, rest, query, body, provenance),
            ["mute-timings", rest @ ..] => self.timings(method, rest, query, body, provenance),
            ["contact-points", rest @ ..] => self.points(method, rest, body, provenance),
            ["alert-rules", "export"] if method == "GET" => self.export(query),
            ["alert-rules"] if method == "GET" => {
                (200, self.groups.values().flat_map(|group| group.rules.clone()).collect())
            }
            ["folder", folder, "rule-groups", group] => self.group(method, folder, group, body, provenance),
            ["policies"] => self.policies(method, body, provenance),
            _ => refused(404, "Not found"),
        }
    }

    fn templates(
        &mut self,
        method: &str,
        path: &[&str],
        query: &BTreeMap<String, String>,
        body: &Value,
        provenance: &str,
    ) -> Answer {
        match (method, path) {
            ("GET", []) => (200, self.templates.values().cloned().collect()),
            ("PUT", [name]) => {
                let there = self.templates.get(*name);
                if let Some(there) = there {
                    if refuses_change(&text(&there["provenance"]), provenance) {
                        return refused(403, "cannot change provenance");
                    }
                    let version = text(&body["version"]);
                    if !version.is_empty() && there["version"] != body["version"] {
                        return refused(409, "provided version does not match current version");
                    }
                } else if !text(&body["version"]).is_empty() {
                    return refused(404, "template not found");
                }
                let stored = text(&body["template"]).trim().to_owned();
                let template = json!({"name": name, "template": stored, "provenance": provenance,
                    "version": fingerprint(&json!(stored))});
                self.templates.insert((*name).to_owned(), template.clone());
                (202, template)
            }
            ("DELETE", [name]) => {
                if let (Some(there), Some(version)) = (self.templates.get(*name), query.get("version"))
                    && there["version"] != **version
                {
                    return refused(409, "provided version does not match current version");
                }
                // One that is not there is as good as removed.
                self.templates.remove(*name);
                (204, Value::Null)
            }
            _ => refused(404, "Not found"),
        }
    }

    fn timings(
        &mut self,
        method: &str,
        path: &[&str],
        query: &BTreeMap<String, String>,
        body: &Value,
        provenance: &str,
    ) -> Answer {
        let stored = |name: &str| {
            json!({"name": name, "time_intervals": body["time_intervals"], "provenance": provenance,
                "version": fingerprint(&body["time_intervals"])})
        };
        match (method, path) {
            ("GET", []) => (200, self.timings.values().cloned().collect()),
            ("POST", []) => {
                let name = text(&body["name"]);
                if self.timings.contains_key(&name) {
                    return refused(
                        409,
                        "Time interval with this name already exists. Use a different name or update existing one.",
                    );
                }
                let timing = stored(&name);
                self.timings.insert(name, timing.clone());
                (201, timing)
            }
            ("PUT", [name]) => {
                let Some(there) = self.timings.get(*name) else {
                    return refused(404, "mute timing not found");
                };
                if refuses_change(&text(&there["provenance"]), provenance) {
                    return refused(403, "cannot change provenance");
                }
                if !text(&body["version"]).is_empty() && there["version"] != body["version"] {
                    return refused(409, "provided version does not match current version");
                }
                let timing = stored(name);
                self.timings.insert((*name).to_owned(), timing.clone());
                (202, timing)
            }
            ("DELETE", [name]) => {
                if self.names(&["mute_time_intervals", "active_time_intervals"]).contains(*name) {
                    return refused(409, "Time interval is used by one or many notification policies");
                }
                if let (Some(there), Some(version)) = (self.timings.get(*name), query.get("version"))
                    && there["version"] != **version
                {
                    return refused(409, "provided version does not match current version");
                }
                self.timings.remove(*name);
                (204, Value::Null)
            }
            _ => refused(404, "Not found"),
        }
    }

    fn points(&mut self, method: &str, path: &[&str], body: &Value, provenance: &str) -> Answer {
        let shown = |point: &Value| {
            let mut point = point.clone();
            for (name, value) in point["settings"].as_object_mut().into_iter().flatten() {
                if is_secret(name) {
                    *value = json!("[REDACTED]");
                }
            }
            point
        };
        let stored = |uid: &str, settings: Value| {
            json!({"uid": uid, "name": body["name"], "type": body["type"], "settings": settings,
                "disableResolveMessage": body["disableResolveMessage"] == true, "provenance": provenance})
        };
        match (method, path) {
            ("GET", []) => (200, self.points.values().map(shown).collect()),
            ("POST", []) => {
                let uid = text(&body["uid"]);
                if !is_uid(&uid) || !body["settings"].is_object() {
                    return refused(400, "invalid object specification");
                }
                if self.points.contains_key(&uid) {
                    return refused(409, "Contact point with this UID already exists");
                }
                let point = stored(&uid, body["settings"].clone());
                self.points.insert(uid, point.clone());
                (202, shown(&point))
            }
            (_, [uid]) => {
                let Some(there) = self.points.get(*uid).cloned() else {
                    return if method == "DELETE" {
                        refused(202, "contactpoint deleted")
                    } else {
                        refused(404, "contact point not found")
                    };
                };
                if method == "DELETE" {
                    let name = text(&there["name"]);
                    let last = self.points.values().filter(|point| text(&point["name"]) == name).count() == 1;
                    if last && self.names(&["receiver"]).contains(&name) {
                        return refused(
                            409,
                            "Contact point is currently referenced by a notification policy",
                        );
                    }
                    self.points.remove(*uid);
                    return refused(202, "contactpoint deleted");
                }
                if refuses_change(&text(&there["provenance"]), provenance) {
                    return refused(500, "cannot change provenance");
                }
                let mut settings = body["settings"].clone();
                for (name, value) in settings.as_object_mut().into_iter().flatten() {
                    if *value == json!("[REDACTED]") {
                        *value = there["settings"][name].clone();
                    }
                }
                let point = stored(uid, settings);
                self.points.insert((*uid).to_owned(), point);
                refused(202, "contactpoint updated")
            }
            _ => refused(404, "Not found"),
        }
    }

    /// Every name that stands under some keys in the tree or in a rule.
    fn names(&self, keys: &[&str]) -> BTreeSet<String> {
        fn collect(value: &Value, keys: &[&str], names: &mut BTreeSet<String>) {
            for (name, value) in value.as_object().into_iter().flatten() {
                match value {
                    Value::String(text) if keys.contains(&name.as_str()) => drop(names.insert(text.clone())),
                    Value::Array(list) if keys.contains(&name.as_str()) => {
                        names.extend(list.iter().map(text))
                    }
                    _ => {}
                }
                collect(value, keys, names);
            }
            value.as_array().into_iter().flatten().for_each(|value| collect(value, keys, names));
        }
        let mut names = BTreeSet::new();
        collect(&self.tree, keys, &mut names);
        for rule in self.groups.values().flat_map(|group| &group.rules) {
            collect(&rule["notification_settings"], keys, &mut names);
        }
        names
    }

    fn export(&self, query: &BTreeMap<String, String>) -> Answer {
        let folder = query.get("folderUid").cloned().unwrap_or_default();
        let groups: Vec<Value> = self
            .groups
            .iter()
            .filter(|((uid, _), _)| folder.is_empty() || *uid == folder)
            .map(|((uid, name), group)| {
                let title = self.folders.get(uid).map(|folder| folder.title.clone());
                json!({"orgId": 1, "name": name.replace('$', "$$"), "folder": title, "interval": duration(group.interval),
                    "rules": group.rules})
            })
            .collect();
        if groups.is_empty() { (404, Value::Null) } else { (200, json!({"apiVersion": 1, "groups": groups})) }
    }

    fn group(&mut self, method: &str, folder: &str, name: &str, body: &Value, provenance: &str) -> Answer {
        let key = (folder.to_owned(), name.to_owned());
        match method {
            "GET" => match self.groups.get(&key) {
                Some(group) => {
                    let mut rules = group.rules.clone();
                    for rule in &mut rules {
                        // Only the list of all rules says it.
                        rule.as_object_mut().map(|fields| fields.remove("provenance"));
                    }
                    (
                        200,
                        json!({"title": name, "folderUid": folder, "interval": group.interval, "rules": rules}),
                    )
                }
                None => refused(404, "NotFound"),
            },
            "PUT" => {
                if !self.folders.contains_key(folder) {
                    return refused(400, "folder does not exist");
                }
                let interval = body["interval"].as_u64().unwrap_or_default();
                if interval == 0 || !interval.is_multiple_of(10) {
                    return refused(
                        400,
                        "interval should be non-zero and divided exactly by scheduler interval: 10",
                    );
                }
                let mut rules = Vec::new();
                for rule in array(&body["rules"]) {
                    match self.rule(&rule, folder, name, provenance) {
                        Ok(rule) => rules.push(rule),
                        Err(answer) => return answer,
                    }
                }
                let there = self.groups.get(&key).map(|group| group.rules.clone()).unwrap_or_default();
                if there.iter().any(|rule| refuses_change(&text(&rule["provenance"]), provenance)) {
                    return refused(409, "cannot change provenance");
                }
                let uids: BTreeSet<String> = rules.iter().map(|rule| text(&rule["uid"])).collect();
                // A rule that was in another group moves.
                for (other, group) in &mut self.groups {
                    if *other != key {
                        group.rules.retain(|rule| !uids.contains(&text(&rule["uid"])));
                    }
                }
                self.groups.retain(|other, group| *other == key || !group.rules.is_empty());
                self.groups.insert(key.clone(), Group { interval, rules });
                if self.groups.get(&key).is_some_and(|group| group.rules.is_empty()) {
                    self.groups.remove(&key);
                }
                (200, body.clone())
            }
            "DELETE" => match self.groups.remove(&key) {
                Some(_) => (204, Value::Null),
                None => refused(404, "rule group not found"),
            },
            _ => refused(404, "Not found"),
        }
    }

    /// A rule as it is stored: with what is required, and what is filled in.
    fn rule(&mut self, rule: &Value, folder: &str, group: &str, provenance: &str) -> Result<Value, Answer> {
        let uid = text(&rule["uid"]);
        if !is_uid(&uid) || text(&rule["title"]).is_empty() || array(&rule["data"]).is_empty() {
            return Err(refused(400, "invalid alert rule"));
        }
        let receiver = text(&rule["notification_settings"]["receiver"]);
        if !receiver.is_empty() && !self.points.values().any(|point| text(&point["name"]) == receiver) {
            return Err(refused(400, "receiver does not exist"));
        }
        let mut stored = rule.clone();
        for query in stored["data"].as_array_mut().into_iter().flatten() {
            if query["queryType"].is_null() {
                query["queryType"] = json!("");
            }
            if query["relativeTimeRange"].is_null() {
                query["relativeTimeRange"] = json!({"from": 0, "to": 0});
            }
            for (name, default) in [("maxDataPoints", 43_200), ("intervalMs", 1000)] {
                if query["model"][name].is_null() {
                    query["model"][name] = json!(default);
                }
            }
        }
        for name in ["for", "keep_firing_for"] {
            if stored[name].is_null() {
                stored[name] = json!("0s");
            }
        }
        for name in ["notification_settings", "record"] {
            if stored[name].is_null() {
                stored[name] = Value::Null;
            }
        }
        for (name, value) in [
            ("id", json!(self.id())),
            ("orgID", json!(1)),
            ("folderUID", json!(folder)),
            ("ruleGroup", json!(group)),
            ("updated", json!(World::time(self.now))),
            ("provenance", json!(provenance)),
            ("isPaused", json!(rule["isPaused"] == true)),
        ] {
            stored[name] = value;
        }
        Ok(stored)
    }

    fn policies(&mut self, method: &str, body: &Value, provenance: &str) -> Answer {
        match method {
            "GET" => (200, self.tree.clone()),
            "PUT" => {
                if refuses_change(&text(&self.tree["provenance"]), provenance) {
                    return refused(403, "cannot change provenance");
                }
                let before = self.tree.clone();
                self.tree = body.clone();
                let named = self.points.values().map(|point| text(&point["name"]));
                let points: BTreeSet<String> = named.chain(["empty".to_owned()]).collect();
                let receivers = self.tree_names("receiver");
                let timings = self.tree_names("mute_time_intervals");
                if receivers.iter().any(|name| !points.contains(name))
                    || timings.iter().any(|name| !self.timings.contains_key(name))
                {
                    self.tree = before;
                    return refused(400, "invalid route: receiver or time interval does not exist");
                }
                if !provenance.is_empty() {
                    self.tree["provenance"] = json!(provenance);
                }
                (202, json!({"message": "policies updated"}))
            }
            _ => refused(404, "Not found"),
        }
    }

    fn tree_names(&self, key: &str) -> BTreeSet<String> {
        let alone = World { groups: BTreeMap::new(), ..self.clone() };
        alone.names(&[key])
    }
}
