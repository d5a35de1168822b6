//! Queries of panels, and how their series look beside each other.

use serde_json::{Value, json};

use super::entry::{Kind, Panel, Query, Role};
use super::look;
use super::{terms, units};

/// What a panel asks, with its letter.
pub(super) struct Asked<'e> {
    pub(super) letter: String,
    pub(super) query: std::borrow::Cow<'e, Query>,
    /// It is what another query gives, a while ago.
    pub(super) is_past: bool,
}

/// The queries of a panel: `A`, `B` and so on; what is compared follows what it is compared with.
pub(super) fn asked(panel: &Panel) -> Vec<Asked<'_>> {
    let own = panel.expr.as_ref().map(|expr| Query {
        expr: expr.clone(),
        legend: panel.legend.clone(),
        role: None,
        compare: panel.compare,
        exemplars: panel.exemplars,
        column: None,
        cell: None,
        unit: None,
        decimals: None,
        min: None,
        max: None,
        levels: Default::default(),
        words: Default::default(),
        colour: None,
    });
    let own = own.into_iter().map(std::borrow::Cow::Owned);
    let queries = own.chain(panel.queries.iter().map(std::borrow::Cow::Borrowed));
    let moments = queries.flat_map(|query| {
        let past = query.compare.then(|| (query.clone(), true));
        std::iter::once((query, false)).chain(past)
    });
    let letters = ('A'..='Z').map(String::from);
    letters.zip(moments).map(|(letter, (query, is_past))| Asked { letter, query, is_past }).collect()
}

impl Asked<'_> {
    pub(super) fn legend(&self) -> String {
        let legend = self.query.legend.as_deref().unwrap_or_default();
        match (self.is_past, legend) {
            (false, legend) => legend.to_owned(),
            (true, "") => "$compare before".to_owned(),
            (true, legend) => format!("{legend}, $compare before"),
        }
    }

    pub(super) fn expr(&self) -> String {
        terms::fill(&self.query.expr.value, self.is_past)
    }

    /// The query as Grafana takes it.
    pub(super) fn target(&self, panel: &Panel) -> Value {
        // A single number is that at the end of the time; a graph behind it wants all of it.
        let is_table = matches!(panel.kind, Kind::Table | Kind::Bars) && panel.transform.is_empty();
        let is_instant = is_table
            || (matches!(panel.kind, Kind::Stat | Kind::Gauge | Kind::Bargauge | Kind::Pie) && !panel.graph);
        let format = match panel.kind {
            Kind::Heatmap => "heatmap",
            Kind::Table | Kind::Bars => "table",
            _ => "time_series",
        };
        let legend = match (self.legend(), panel.kind) {
            (legend, Kind::Heatmap) if legend.is_empty() => "{{le}}".to_owned(),
            (legend, _) if legend.is_empty() => "__auto".to_owned(),
            (legend, _) => legend,
        };
        let mut target = json!({
            "refId": self.letter,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "editorMode": "code",
            "expr": self.expr(),
            "format": format,
            "instant": is_instant,
            "range": !is_instant,
            "legendFormat": legend,
        });
        if let (true, Some(target)) = (self.query.exemplars && !self.is_past, target.as_object_mut()) {
            target.insert("exemplar".to_owned(), true.into());
        }
        target
    }

    /// How its series differ from the panel's others.
    pub(super) fn properties(&self, panel: &Panel, others: &[Asked<'_>]) -> Vec<Value> {
        let mut properties: Vec<Value> = match (self.is_past, self.query.role) {
            (true, _) => dashed("text", json!([6, 6])),
            (_, Some(Role::Limit)) => dashed("red", json!([10, 6])),
            (_, Some(Role::Forecast)) => dashed("purple", json!([2, 6])),
            (_, Some(Role::Down)) => vec![property("custom.transform", json!("negative-Y"))],
            (_, Some(Role::Lower)) => {
                let hidden = json!({"legend": true, "tooltip": false, "viz": false});
                [edge(0), vec![property("custom.hideFrom", hidden)]].concat()
            }
            (_, Some(Role::Upper)) => {
                let lower = others.iter().find(|other| other.query.role == Some(Role::Lower));
                let below = lower.map(|lower| property("custom.fillBelowTo", json!(lower.legend())));
                [edge(12), below.into_iter().collect()].concat()
            }
            (_, None) => Vec::new(),
        };
        if self.is_past {
            return properties;
        }
        let own = look::options(self.query.look());
        let on_the_right = own.contains_key("unit") && panel.kind == Kind::Timeseries;
        properties.extend(own.into_iter().map(|(id, value)| property(&id, value)));
        if on_the_right {
            properties.push(property("custom.axisPlacement", json!("right")));
            properties.push(property("custom.axisColorMode", json!("series")));
            properties.push(property("custom.fillOpacity", json!(0)));
            // Levels are those of the panel's own unit.
            properties.push(property("custom.thresholdsStyle", json!({"mode": "off"})));
            let least = self.query.unit.as_deref().and_then(units::least);
            properties.extend(least.map(|least| property("custom.axisSoftMax", look::number(least))));
        }
        properties
    }
}

pub(super) fn property(id: &str, value: Value) -> Value {
    json!({"id": id, "value": value})
}

/// A thin line that is not what is measured.
fn dashed(colour: &str, dash: Value) -> Vec<Value> {
    vec![
        property("color", look::colour(colour)),
        property("custom.lineStyle", json!({"fill": "dash", "dash": dash})),
        property("custom.lineWidth", json!(1)),
        property("custom.fillOpacity", json!(0)),
        property("custom.stacking", json!({"mode": "none", "group": "A"})),
    ]
}

/// An edge of a band: no line, and so much colour between the two.
fn edge(fill: u32) -> Vec<Value> {
    vec![
        property("color", look::colour("semi-dark-blue")),
        property("custom.lineWidth", json!(0)),
        property("custom.fillOpacity", json!(fill)),
        property("custom.stacking", json!({"mode": "none", "group": "A"})),
    ]
}
