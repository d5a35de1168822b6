//! A template made into a dashboard as somebody wants it.
//!
//! Panels that are left out and those that are added in the short form of templates change the
//! template, so that the grid is laid out anew; all else changes what was made of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::custom::{Customisation, Fault, Step, pointer};
use super::entry::{Panel, Row};
use super::layout::{COLUMNS, FIRST_ROW};
use super::load::{self, Template};
use super::selectors::{is_narrowed, selectors};
use super::shelf::Templates;
use super::{Dashboard, lint, made};
use crate::rules::{Catalogue, Labels};
use crate::yaml::Spanned;

/// The heading above panels that were added.
const ADDED: &str = "Added";

/// How wide an added panel is, and how high one in Grafana's form, if it does not say.
const WIDTH: u64 = 12;
const HEIGHT: u64 = 8;

/// Rules of the lint that hold for what is added. Others are about how a dashboard of ours reads.
const HELD: [&str; 5] = ["promql", "known", "counter-rated", "datasource", "queries"];

/// Names that nobody but dockmeter gives: one that is not in the catalogue is a slip. Any other
/// may be of a program's own.
const OURS: [&str; 7] = ["container_", "node_", "machine_", "tenant_", "slo_", "dockmeter_", "pg_"];

impl Templates {
    /// The dashboard of a template, customised; it may be edited in Grafana. Every selector of
    /// panels that are added has to be narrowed by the variables of the labels `within`.
    ///
    /// # Errors
    /// The first thing that cannot be had so.
    pub fn customised(
        &self,
        uid: &str,
        customisation: &Customisation,
        within: &[&str],
    ) -> Result<Value, Fault> {
        let unknown = || Fault::new("/template", format!("there is no template `{uid}`"));
        let mut template =
            self.templates.iter().find(|template| template.uid == uid).ok_or_else(unknown)?.clone();
        template.title = customisation.title.clone().unwrap_or(template.title);
        leave_out(&mut template, &customisation.leave_out)?;
        let added = Added::read(&template, &customisation.add)?;
        if !added.short.is_empty() {
            let panels = added.short.clone();
            template.rows.push(Row { title: Some(ADDED.to_owned()), collapsed: false, height: None, panels });
        }
        let mut mistakes = Vec::new();
        let mut dashboard = made(&template, &self.templates, &self.catalogue, &mut mistakes);
        if let Some(mistake) = mistakes.into_iter().next() {
            return Err(Fault::new("/panels/add", mistake));
        }
        let json = &mut dashboard.json;
        json["editable"] = json!(true);
        added.place(json, template.rows.len());
        if lint::panels(json).next().is_none() {
            return Err(Fault::new("/panels/leave_out", "no panel is left; leave some in, or add one"));
        }
        for (id, steps) in &customisation.thresholds {
            colour(json, *id, steps).map_err(|reason| Fault::new(pointer("/thresholds", id), reason))?;
        }
        for (name, values) in &customisation.variables {
            choose(json, name, values).map_err(|reason| Fault::new(pointer("/variables", name), reason))?;
        }
        self.hold(&dashboard, &added, within)?;
        Ok(dashboard.json)
    }

    /// Finds what is wrong with panels that were added.
    fn hold(&self, dashboard: &Dashboard, added: &Added, within: &[&str]) -> Result<(), Fault> {
        if added.places.is_empty() {
            return Ok(());
        }
        let place = |panel: &Value| panel["id"].as_u64().and_then(|id| added.places.get(&id));
        let mut catalogue = self.catalogue.clone();
        for panel in lint::panels(&dashboard.json) {
            let Some(index) = place(panel) else { continue };
            let targets = panel["targets"].as_array().into_iter().flatten();
            for (number, expr) in targets.filter_map(|target| target["expr"].as_str()).enumerate() {
                for selector in selectors(expr) {
                    let open = within.iter().find(|label| !is_narrowed(&selector, label));
                    if let Some(label) = open {
                        let reason = format!(
                            "query {}: `{selector}` is about others, too; add `{label}=~\"${label}\"` to it",
                            number + 1
                        );
                        return Err(Fault::new(pointer("/panels/add", index), reason));
                    }
                    allow(&mut catalogue, selector.name.as_deref());
                }
            }
        }
        let uids: BTreeSet<&str> = self.templates.iter().map(|template| template.uid.as_str()).collect();
        for finding in lint::lint_beside(dashboard, &uids, &catalogue) {
            let index = finding.panel.as_ref().and_then(|(id, _)| added.places.get(id));
            match index {
                Some(index) if HELD.contains(&finding.rule) => {
                    return Err(Fault::new(pointer("/panels/add", index), finding.message));
                }
                // That a panel that was left out was the only one with a variable does no harm.
                None if finding.rule == "variables" && !finding.message.ends_with("not used") => {
                    return Err(Fault::new("/panels/add", finding.message));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Lets a name through that a program may have given.
fn allow(catalogue: &mut Catalogue, name: Option<&str>) {
    let Some(name) = name else { return };
    if catalogue.known.labels(name).is_none() && !OURS.iter().any(|prefix| name.starts_with(prefix)) {
        catalogue.known.add(name, Labels::Any);
    }
}

fn leave_out(template: &mut Template, ids: &BTreeSet<u32>) -> Result<(), Fault> {
    let known: BTreeSet<u32> = ids_of(template).collect();
    if let Some(id) = ids.iter().find(|id| !known.contains(id)) {
        let reason = format!("`{}` has no panel {id}", template.uid);
        return Err(Fault::new("/panels/leave_out", reason));
    }
    for row in &mut template.rows {
        row.panels.retain(|panel| !ids.contains(&panel.value.id));
    }
    template.rows.retain(|row| !row.panels.is_empty());
    Ok(())
}

fn ids_of(template: &Template) -> impl Iterator<Item = u32> {
    template.rows.iter().flat_map(|row| row.panels.iter().map(|panel| panel.value.id))
}

/// Panels that are added.
#[derive(Default)]
struct Added {
    /// In the form of templates.
    short: Vec<Spanned<Panel>>,
    /// In Grafana's.
    classic: Vec<Map<String, Value>>,
    /// Which of the list each is, by id.
    places: BTreeMap<u64, usize>,
}

impl Added {
    /// Those with a `type` are in Grafana's form. Who has no id gets one that is free.
    fn read(template: &Template, panels: &[Map<String, Value>]) -> Result<Added, Fault> {
        let mut added = Added::default();
        let given = panels.iter().filter_map(|panel| panel.get("id")?.as_u64());
        let taken: BTreeSet<u64> = ids_of(template).map(u64::from).collect();
        let reserved: BTreeSet<u64> = taken.iter().copied().chain(given).collect();
        let last = u64::from(FIRST_ROW) - 1;
        let mut free = (1..=last).rev().filter(|id| !reserved.contains(id));
        for (index, panel) in panels.iter().enumerate() {
            let at = pointer("/panels/add", index);
            let mut panel = panel.clone();
            let id = match panel.get("id") {
                None | Some(Value::Null) => free.next(),
                Some(id) => id.as_u64().filter(|id| (1..=last).contains(id)),
            };
            let id =
                id.ok_or_else(|| Fault::new(pointer(&at, "id"), format!("no number from 1 to {last}")))?;
            if taken.contains(&id) || added.places.insert(id, index).is_some() {
                let reason = format!("another panel has the id {id}; leave it out, or take none");
                return Err(Fault::new(pointer(&at, "id"), reason));
            }
            panel.insert("id".to_owned(), json!(id));
            if panel.contains_key("type") {
                added.classic.push(classic(panel, &at)?);
            } else {
                added.short.push(short(panel, &at)?);
            }
        }
        Ok(added)
    }

    /// Puts those in Grafana's form below all others.
    fn place(&self, json: &mut Value, rows: usize) {
        let Some(panels) = json["panels"].as_array_mut() else { return };
        let bottom = |panel: &Value| {
            let side = |key: &str| panel["gridPos"][key].as_u64().unwrap_or_default();
            side("y") + side("h")
        };
        let mut y = panels.iter().map(bottom).max().unwrap_or_default();
        if self.short.is_empty() && !self.classic.is_empty() {
            let grid = json!({"x": 0, "y": y, "w": COLUMNS, "h": 1});
            let id = u64::from(FIRST_ROW) + rows as u64;
            panels.push(json!({"type": "row", "id": id, "title": ADDED, "collapsed": false, "gridPos": grid, "panels": []}));
            y += 1;
        }
        let (mut x, mut highest) = (0, 0);
        for panel in &self.classic {
            let side = |key: &str| panel.get("gridPos").and_then(|grid| grid[key].as_u64());
            let width = side("w").unwrap_or(WIDTH).clamp(1, u64::from(COLUMNS));
            let height = side("h").unwrap_or(HEIGHT).clamp(1, 100);
            if x + width > u64::from(COLUMNS) {
                (x, y, highest) = (0, y + highest, 0);
            }
            let mut panel = Value::Object(panel.clone());
            panel["gridPos"] = json!({"x": x, "y": y, "w": width, "h": height});
            panels.push(panel);
            (x, highest) = (x + width, highest.max(height));
        }
    }
}

fn short(mut panel: Map<String, Value>, at: &str) -> Result<Spanned<Panel>, Fault> {
    panel.entry("width").or_insert(json!(WIDTH));
    let panel: Spanned<Panel> = serde_json::from_value(Value::Object(panel))
        .map_err(|error| Fault::new(at, format!("no panel in the form of templates: {error}")))?;
    match load::wrong(&panel.value).into_iter().next() {
        Some(reason) => Err(Fault::new(at, reason)),
        None => Ok(panel),
    }
}

/// A panel as Grafana exports it, with the data source that is chosen at the top where it says
/// none.
fn classic(mut panel: Map<String, Value>, at: &str) -> Result<Map<String, Value>, Fault> {
    let kind = panel.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind.is_empty() || kind == "row" || panel.contains_key("panels") {
        return Err(Fault::new(pointer(at, "type"), "a kind of panel is wanted here, and no heading"));
    }
    if panel.contains_key("libraryPanel") {
        return Err(Fault::new(
            pointer(at, "libraryPanel"),
            "a panel of a library is not taken; put it here itself",
        ));
    }
    if panel.get("title").and_then(Value::as_str).is_none() {
        return Err(Fault::new(pointer(at, "title"), "a title is wanted here"));
    }
    let mut options = panel.get("fieldConfig");
    for (depth, key) in ["fieldConfig", "defaults", "custom"].into_iter().enumerate() {
        if options.is_some_and(|options| !options.is_object()) {
            return Err(Fault::new(pointer(at, "fieldConfig"), format!("`{key}` is an object")));
        }
        let next = if depth == 0 { "defaults" } else { "custom" };
        options = options.and_then(|options| options.get(next));
    }
    if kind == "text" {
        return Ok(panel);
    }
    let source = json!({"type": "prometheus", "uid": "${datasource}"});
    panel.entry("datasource").or_insert_with(|| source.clone());
    let targets = panel.get_mut("targets").and_then(Value::as_array_mut);
    for (letter, target) in ('A'..='Z').zip(targets.into_iter().flatten()) {
        if let Some(target) = target.as_object_mut() {
            target.entry("datasource").or_insert_with(|| source.clone());
            target.entry("refId").or_insert_with(|| json!(letter.to_string()));
        }
    }
    Ok(panel)
}

/// Gives a panel other thresholds.
fn colour(json: &mut Value, id: u32, steps: &[Step]) -> Result<(), String> {
    let panel =
        panel_mut(json, u64::from(id)).ok_or_else(|| format!("there is no panel {id}, or it is left out"))?;
    if panel["type"] == "text" {
        return Err(format!("panel {id} is a text, and shows no values"));
    }
    let first = steps.first().is_some_and(|step| step.from.is_none());
    let base = (!first).then(|| json!({"value": null, "color": "green"}));
    let steps = steps.iter().map(|step| json!({"value": step.from, "color": step.colour}));
    let steps: Vec<Value> = base.into_iter().chain(steps).collect();
    let defaults = &mut panel["fieldConfig"]["defaults"];
    defaults["thresholds"] = json!({"mode": "absolute", "steps": steps});
    if panel["type"] == "timeseries" {
        panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"] = json!({"mode": "dashed"});
    }
    Ok(())
}

fn panel_mut(json: &mut Value, id: u64) -> Option<&mut Value> {
    for panel in json["panels"].as_array_mut()? {
        if panel["type"] != "row" {
            if panel["id"] == id {
                return Some(panel);
            }
        } else if panel["panels"].as_array().is_some_and(|inner| inner.iter().any(|one| one["id"] == id)) {
            return panel_mut(panel, id);
        }
    }
    None
}

/// Says what a variable begins with.
fn choose(json: &mut Value, name: &str, values: &[String]) -> Result<(), String> {
    let list = json["templating"]["list"].as_array_mut().ok_or("there are no variables")?;
    let names: Vec<String> = list.iter().filter_map(|one| Some(one["name"].as_str()?.to_owned())).collect();
    let Some(variable) = list.iter_mut().find(|one| one["name"] == name) else {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(format!("there is no such variable; there is {}", crate::yaml::one_of(&names)));
    };
    let many = variable["multi"] == true;
    let [one] = values else {
        if !many {
            return Err("it has one value".to_owned());
        }
        variable["current"] = json!({"selected": true, "text": values, "value": values});
        return Ok(());
    };
    match variable["type"].as_str() {
        Some("custom") => {
            let options = variable["options"].as_array_mut().ok_or("it has no choices")?;
            let choices: Vec<String> =
                options.iter().filter_map(|one| Some(one["value"].as_str()?.to_owned())).collect();
            if !choices.contains(one) {
                let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
                return Err(format!("it is {}", crate::yaml::one_of(&choices)));
            }
            options.iter_mut().for_each(|option| option["selected"] = json!(option["value"] == *one));
        }
        Some("textbox") => {
            if one.parse::<f64>().is_err() {
                return Err("it is a number".to_owned());
            }
            variable["query"] = json!(one);
            variable["options"] = json!([{"selected": true, "text": one, "value": one}]);
        }
        _ => {}
    }
    let all = matches!(one.as_str(), "All" | "$__all");
    variable["current"] = match (all, many) {
        (true, true) => json!({"selected": true, "text": ["All"], "value": ["$__all"]}),
        (true, false) => return Err("it has one value, and not all".to_owned()),
        (false, true) => json!({"selected": true, "text": [one], "value": [one]}),
        (false, false) => json!({"selected": true, "text": one, "value": one}),
    };
    Ok(())
}

#[cfg(test)]
mod tests;
