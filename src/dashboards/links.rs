//! Links between dashboards, which keep the time and what is chosen.

use serde_json::{Value, json};

use super::TAG;
use super::load::Template;
use super::variables::OF_LABELS;
use crate::rules::Labels;

/// The list of all dashboards, at the head of each.
pub(super) fn siblings() -> Value {
    json!([{
        "type": "dashboards",
        "title": "Dashboards",
        "tooltip": "The other dashboards, with the same time and the same choice",
        "icon": "external link",
        "tags": [TAG],
        "asDropdown": true,
        "includeVars": true,
        "keepTime": true,
        "targetBlank": false,
        "url": "",
    }])
}

/// Where a click on a value leads: the target, for what the value's labels say, and else for
/// what is chosen here. `shown` are the columns of a table, by label.
pub(super) fn data(
    from: &Template,
    to: &Template,
    labels: &Labels,
    shown: Option<&[(String, String)]>,
) -> Value {
    let mut url = format!("/d/{}?${{__url_time_range}}&${{datasource:queryparam}}", to.uid);
    for (label, variable) in OF_LABELS.iter().filter(|(_, variable)| to.has_variable(variable)) {
        let value = match shown {
            Some(columns) => columns
                .iter()
                .find(|(column, _)| column == label)
                .map(|(_, title)| format!("${{__data.fields[\"{title}\"]:percentencode}}")),
            None => named(labels, label).then(|| format!("${{__field.labels.{label}:percentencode}}")),
        };
        match value {
            Some(value) => url += &format!("&var-{variable}={value}"),
            None if from.has_variable(variable) => url += &format!("&${{{variable}:queryparam}}"),
            None => {}
        }
    }
    json!({"title": format!("Open {}", to.title), "url": url, "targetBlank": false})
}

/// Whether series have a label for certain.
fn named(labels: &Labels, label: &str) -> bool {
    matches!(labels, Labels::These(labels) if labels.contains(label))
}
