//! A panel in Grafana's format: what is usual of its kind, and what its template says besides.

use serde_json::{Map, Value, json};

use super::entry::{Kind, Panel, Role};
use super::links;
use super::load::Template;
use super::look;
use super::query::{self, Asked};
use super::{table, units};
use crate::rules::{Known, Labels, labels_of};
use crate::yaml::Spanned;

/// Makes the panels of a dashboard.
pub(super) struct Maker<'m> {
    pub(super) template: &'m Template,
    pub(super) all: &'m [Template],
    pub(super) known: &'m Known,
    pub(super) mistakes: &'m mut Vec<String>,
}

impl<'m> Maker<'m> {
    /// The panel at its place.
    pub(super) fn panel(&mut self, panel: &Spanned<Panel>, place: Value) -> Value {
        let panel = &panel.value;
        let asked = query::asked(panel);
        let mut made = json!({
            "id": panel.id,
            "type": type_of(panel.kind),
            "title": panel.title,
            "description": panel.says.trim(),
            "gridPos": place,
            "options": options(panel, &asked),
        });
        let mut more = Map::new();
        if panel.kind != Kind::Text {
            let targets = asked.iter().map(|asked| asked.target(panel)).collect::<Vec<_>>();
            more.insert("datasource".into(), json!({"type": "prometheus", "uid": "${datasource}"}));
            more.insert("targets".into(), targets.into());
            more.insert("fieldConfig".into(), self.fields(panel, &asked));
        }
        if panel.kind == Kind::Table || !panel.transform.is_empty() {
            more.insert(
                "transformations".into(),
                table::transformations(panel, &asked, &self.hidden(panel, &asked)).into(),
            );
        }
        more.extend(panel.last.as_ref().map(|last| ("timeFrom".to_owned(), last.as_str().into())));
        more.extend(panel.step.as_ref().map(|step| ("interval".to_owned(), step.as_str().into())));
        if let Some(made) = made.as_object_mut() {
            made.extend(more);
        }
        made
    }

    fn fields(&mut self, panel: &Panel, asked: &[Asked<'_>]) -> Value {
        let mut defaults = look::options(panel.look());
        if panel.kind == Kind::Heatmap {
            // What is counted; the unit of the panel is that of the axis.
            defaults.insert("unit".into(), json!("short"));
        }
        let below_zero = panel.signed || asked.iter().any(|asked| asked.query.role == Some(Role::Down));
        if !below_zero && !panel.log && matches!(panel.kind, Kind::Timeseries | Kind::Bars | Kind::Bargauge) {
            defaults.entry("min").or_insert(json!(0));
        }
        defaults.entry("color").or_insert_with(|| colours(panel));
        let mappings = defaults.entry("mappings").or_insert_with(|| json!([]));
        mappings.as_array_mut().into_iter().for_each(|mappings| mappings.extend(nothing(panel)));
        defaults
            .entry("thresholds")
            .or_insert_with(|| json!({"mode": "absolute", "steps": [{"value": null, "color": "green"}]}));
        defaults.insert("noValue".into(), panel.nothing().into());
        if let Some(custom) = custom(panel) {
            defaults.insert("custom".into(), custom);
        }
        let targets = self.targets(panel, asked);
        let labels = labels(asked, self.known);
        let overrides = if panel.kind == Kind::Table {
            let columns = table::columns(panel);
            let linked = columns.iter().enumerate().filter_map(|(place, (label, title))| {
                // What a column names leads there; what none names, the first one does.
                let about = |to: &&&Template| match &to.about {
                    Some(about) if panel.labels.contains(about) => about == label,
                    _ => place == 0,
                };
                let leads = targets.iter().filter(about);
                let leads = leads.map(|to| links::data(self.template, to, &labels, Some(&columns)));
                let leads: Vec<Value> = leads.collect();
                (!leads.is_empty()).then(|| {
                    json!({
                        "matcher": {"id": "byName", "options": title},
                        "properties": [query::property("links", leads.into())],
                    })
                })
            });
            table::overrides(panel, asked).into_iter().chain(linked).collect()
        } else {
            let leads = targets.iter().map(|to| links::data(self.template, to, &labels, None));
            let leads: Vec<Value> = leads.collect();
            if !leads.is_empty() {
                defaults.insert("links".into(), leads.into());
            }
            series(panel, asked)
        };
        json!({"defaults": defaults, "overrides": overrides})
    }

    /// Labels that rows of a table have and that are no column of it.
    fn hidden(&self, panel: &Panel, asked: &[Asked<'_>]) -> Vec<String> {
        match labels(asked, self.known) {
            Labels::These(labels) => {
                labels.into_iter().filter(|label| !panel.labels.contains(label)).collect()
            }
            Labels::Any => Vec::new(),
        }
    }

    /// Where a click leads: what the template says, and what the labels of series name.
    fn targets(&mut self, panel: &Panel, asked: &[Asked<'_>]) -> Vec<&'m Template> {
        let mut targets: Vec<&Template> = Vec::new();
        for to in &panel.link {
            match self.all.iter().find(|template| template.uid == to.value) {
                Some(target) => targets.push(target),
                None => {
                    let message = format!("there is no dashboard `{}`", to.value);
                    self.mistakes.push(self.template.mistake(to.referenced, message));
                }
            }
        }
        let labels = labels(asked, self.known);
        let names = |label: &String| match panel.kind {
            Kind::Table => panel.labels.contains(label),
            _ => matches!(&labels, Labels::These(labels) if labels.contains(label)),
        };
        let about = self.all.iter().filter(|template| template.about.as_ref().is_some_and(names));
        for target in about {
            if target.uid != self.template.uid && !targets.iter().any(|known| known.uid == target.uid) {
                targets.push(target);
            }
        }
        targets
    }
}

/// The labels that series of a panel's first query have.
fn labels(asked: &[Asked<'_>], known: &Known) -> Labels {
    let expr = asked.first().map(|asked| super::terms::without_variables(&asked.expr()));
    expr.and_then(|expr| labels_of(&expr, known).ok()).unwrap_or(Labels::Any)
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Timeseries => "timeseries",
        Kind::Stat => "stat",
        Kind::Gauge => "gauge",
        Kind::Bargauge => "bargauge",
        Kind::Table => "table",
        Kind::Heatmap => "heatmap",
        Kind::Timeline => "state-timeline",
        Kind::Bars => "barchart",
        Kind::Pie => "piechart",
        Kind::Text => "text",
    }
}

fn colours(panel: &Panel) -> Value {
    match panel.kind {
        Kind::Stat | Kind::Gauge | Kind::Bargauge | Kind::Table => json!({"mode": "thresholds"}),
        // By thresholds Grafana would write their bounds into the bars, in place of words.
        Kind::Timeline => json!({"mode": "fixed", "fixedColor": "text"}),
        _ => json!({"mode": "palette-classic"}),
    }
}

/// What stands in place of a single number where there is none: as plain text, since a colour would
/// say that all is well, or that nothing is.
fn nothing(panel: &Panel) -> Option<Value> {
    let is_single = matches!(panel.kind, Kind::Stat | Kind::Gauge | Kind::Bargauge);
    if !is_single || panel.words.contains_key("null") {
        return None;
    }
    let colour = if panel.fill { "transparent" } else { "text" };
    let result = json!({"text": panel.nothing(), "color": colour, "index": panel.words.len()});
    Some(json!({"type": "special", "options": {"match": "null", "result": result}}))
}

/// How each query's series differ from the others.
fn series(panel: &Panel, asked: &[Asked<'_>]) -> Vec<Value> {
    let differing = asked.iter().map(|one| (one, one.properties(panel, asked)));
    let differing = differing.filter(|(_, properties)| !properties.is_empty());
    let shown = differing.map(|(asked, properties)| {
        json!({
            "matcher": {"id": "byFrameRefID", "options": asked.letter},
            "properties": properties,
        })
    });
    shown.collect()
}

/// What only this kind of panel says of its fields.
fn custom(panel: &Panel) -> Option<Value> {
    let scale = if panel.log { json!({"type": "log", "log": 2}) } else { json!({"type": "linear"}) };
    let stacking = json!({"mode": if panel.stack { "normal" } else { "none" }, "group": "A"});
    let lines = if panel.look().levels.is_empty() { "off" } else { "dashed" };
    Some(match panel.kind {
        Kind::Timeseries => with_room(
            panel,
            json!({
                "drawStyle": if panel.bars { "bars" } else { "line" },
                "lineInterpolation": "linear",
                "lineWidth": 1,
                "fillOpacity": if panel.stack || panel.bars { 40 } else { 8 },
                "gradientMode": "none",
                "showPoints": "never",
                "spanNulls": false,
                "stacking": stacking,
                "axisPlacement": "auto",
                "scaleDistribution": scale,
                "thresholdsStyle": {"mode": lines},
            }),
        ),
        Kind::Timeline => json!({"fillOpacity": 70, "lineWidth": 0, "spanNulls": false}),
        Kind::Bars => {
            json!({"fillOpacity": 80, "lineWidth": 0, "gradientMode": "none", "axisPlacement": "auto"})
        }
        Kind::Heatmap => json!({"scaleDistribution": {"type": "linear"}}),
        Kind::Table => table::cells(panel),
        _ => return None,
    })
}

/// An axis that values near zero do not stretch.
fn with_room(panel: &Panel, mut custom: Value) -> Value {
    let least = panel.unit.as_deref().and_then(units::least).filter(|_| !panel.log && panel.max.is_none());
    if let (Some(least), Some(custom)) = (least, custom.as_object_mut()) {
        custom.insert("axisSoftMax".into(), look::number(least));
    }
    custom
}

/// The options of a panel's kind.
fn options(panel: &Panel, asked: &[Asked<'_>]) -> Value {
    let legend = json!({
        "showLegend": true,
        "displayMode": if panel.calcs.is_empty() { "list" } else { "table" },
        "placement": if panel.calcs.is_empty() || panel.width < 16 { "bottom" } else { "right" },
        "calcs": panel.calcs,
    });
    let last = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
    match panel.kind {
        Kind::Timeseries => json!({"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}),
        Kind::Stat => json!({
            "reduceOptions": last,
            "orientation": "auto",
            "textMode": if asked.len() > 1 { "value_and_name" } else { "auto" },
            "wideLayout": true,
            "colorMode": if panel.fill { "background" } else { "value" },
            "graphMode": if panel.graph { "area" } else { "none" },
            "justifyMode": "auto",
            "showPercentChange": false,
            "percentChangeColorMode": "standard",
        }),
        Kind::Gauge => json!({
            "reduceOptions": last,
            "orientation": "auto",
            "showThresholdLabels": false,
            "showThresholdMarkers": true,
            "sizing": "auto",
            "minVizWidth": 75,
            "minVizHeight": 75,
        }),
        Kind::Bargauge => json!({
            "reduceOptions": last,
            "orientation": "horizontal",
            "displayMode": "basic",
            "valueMode": "color",
            "namePlacement": "left",
            "showUnfilled": true,
            "sizing": "manual",
            "minVizWidth": 8,
            "minVizHeight": 16,
            "maxVizHeight": 28,
            "legend": {"showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": []},
        }),
        Kind::Table => table_options(panel),
        Kind::Heatmap => json!({
            "calculate": false,
            "cellGap": 1,
            "cellValues": {"unit": "short"},
            "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "exponent": 0.5, "steps": 64, "reverse": false},
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": true},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "yHistogram": true, "showColorScale": true},
            "yAxis": {"axisPlacement": "left", "reverse": false, "unit": panel.unit},
        }),
        Kind::Timeline => json!({
            "mergeValues": true,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.85,
            "legend": legend,
            "tooltip": {"mode": "single", "sort": "none"},
        }),
        Kind::Bars => json!({
            "orientation": "auto",
            "xTickLabelRotation": 0,
            "xTickLabelSpacing": 0,
            "stacking": if panel.stack { "normal" } else { "none" },
            "showValue": "auto",
            "barWidth": 0.9,
            "groupWidth": 0.8,
            "fullHighlight": false,
            "legend": legend,
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        Kind::Pie => json!({
            "reduceOptions": last,
            "pieType": "donut",
            "orientation": "auto",
            "legend": {
                "showLegend": true, "displayMode": "table", "placement": "right",
                "calcs": [], "values": ["value", "percent"],
            },
            "tooltip": {"mode": "single", "sort": "none"},
        }),
        Kind::Text => {
            json!({"mode": "markdown", "content": panel.text.as_deref().unwrap_or_default().trim()})
        }
    }
}

fn table_options(panel: &Panel) -> Value {
    let sorted = panel.sort.as_ref().map(|column| json!({"displayName": column, "desc": true}));
    json!({
        "showHeader": true,
        "cellHeight": "sm",
        "frameIndex": 0,
        "sortBy": sorted.into_iter().collect::<Vec<_>>(),
    })
}
