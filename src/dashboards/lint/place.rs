//! Ids and places of panels.

use std::collections::BTreeSet;

use serde_json::Value;

const COLUMNS: u64 = 24;

/// A panel's place: left, top, right, bottom.
type Place = [u64; 4];

/// Ids that stand twice, and panels that overlap or leave the grid.
pub(super) fn findings(json: &Value) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let list = |value: &Value| value["panels"].as_array().cloned().unwrap_or_default();
    let (mut ids, mut groups) = (BTreeSet::new(), vec![list(json)]);
    let folded: Vec<Vec<Value>> = list(json).iter().map(list).collect();
    groups.extend(folded);
    for panels in groups {
        let mut before: Vec<(u64, Place)> = Vec::new();
        for panel in &panels {
            let id = panel["id"].as_u64().unwrap_or_default();
            if !ids.insert(id) {
                found.push(("ids", format!("a second panel has the id {id}")));
            }
            let place = place(panel);
            if place[2] > COLUMNS || place[0] == place[2] || place[1] == place[3] {
                found.push(("overlap", format!("panel {id} has no place within {COLUMNS} columns")));
            }
            if let Some((other, _)) = before.iter().find(|(_, other)| overlap(*other, place)) {
                found.push(("overlap", format!("panels {other} and {id} overlap")));
            }
            before.push((id, place));
        }
    }
    found
}

fn place(panel: &Value) -> Place {
    let side = |key: &str| panel["gridPos"][key].as_u64().unwrap_or_default();
    [side("x"), side("y"), side("x") + side("w"), side("y") + side("h")]
}

fn overlap(one: Place, other: Place) -> bool {
    one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
}
