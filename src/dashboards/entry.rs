//! The shape of a template: what a file of `grafana/templates/` may say.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::yaml::Spanned;

/// A value with its place.
pub(super) type Text = Spanned<String>;

/// A file: a dashboard, or several that differ in a few words.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    /// The words of each dashboard that is made of this file; `<key>` stands for them.
    pub(super) each: Vec<BTreeMap<String, String>>,
    pub(super) uid: Option<Text>,
    pub(super) title: Option<Text>,
    /// What the dashboard answers.
    pub(super) question: Option<Text>,
    /// How to read it, for `docs/dashboards.md`.
    pub(super) reading: Option<String>,
    pub(super) tags: Vec<String>,
    /// The label of which it shows one value: where that label stands elsewhere, a click on it
    /// leads here.
    pub(super) about: Option<String>,
    pub(super) refresh: Option<String>,
    /// How far back it looks when it is opened.
    pub(super) since: Option<String>,
    pub(super) variables: Vec<Text>,
    /// The series whose labels the variables offer; several with `|` between.
    pub(super) source: Option<Text>,
    pub(super) annotations: Vec<Text>,
    pub(super) rows: Vec<Row>,
}

/// Panels below each other's heading.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// Without one the panels stand at the top.
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) collapsed: bool,
    /// Height of its panels that say none of their own.
    pub(super) height: Option<u32>,
    pub(super) panels: Vec<Spanned<Panel>>,
}

/// What a panel is drawn as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    #[default]
    Timeseries,
    Stat,
    Gauge,
    Bargauge,
    Table,
    Heatmap,
    Timeline,
    Bars,
    Pie,
    Text,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Panel {
    pub(super) id: u32,
    pub(super) title: String,
    /// What it shows and how to read it.
    #[serde(default)]
    pub(super) says: String,
    #[serde(default)]
    pub(super) kind: Kind,
    pub(super) width: u32,
    pub(super) height: Option<u32>,
    pub(super) unit: Option<String>,
    pub(super) decimals: Option<u32>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// Colours from a value on; `base` is the one below all.
    #[serde(default)]
    pub(super) levels: BTreeMap<String, String>,
    /// What stands for a value.
    #[serde(default)]
    pub(super) words: BTreeMap<String, Word>,
    pub(super) colour: Option<String>,
    /// What is shown where there is nothing.
    pub(super) empty: Option<String>,
    pub(super) expr: Option<Text>,
    pub(super) legend: Option<String>,
    #[serde(default)]
    pub(super) exemplars: bool,
    #[serde(default)]
    pub(super) compare: bool,
    #[serde(default)]
    pub(super) queries: Vec<Query>,
    /// Values may be below zero, so that the axis does not begin there.
    #[serde(default)]
    pub(super) signed: bool,
    #[serde(default)]
    pub(super) stack: bool,
    /// Bars in place of lines.
    #[serde(default)]
    pub(super) bars: bool,
    #[serde(default)]
    pub(super) log: bool,
    /// A small graph behind the value.
    #[serde(default)]
    pub(super) graph: bool,
    /// Colour on the whole panel.
    #[serde(default)]
    pub(super) fill: bool,
    /// Figures of each series in the legend.
    #[serde(default)]
    pub(super) calcs: Vec<String>,
    /// Dashboards that a click leads to.
    #[serde(default)]
    pub(super) link: Vec<Text>,
    /// Labels that are columns of a table, in their order.
    #[serde(default)]
    pub(super) labels: Vec<String>,
    /// The column by which a table is sorted, the largest first.
    pub(super) sort: Option<String>,
    /// Grafana's own transformations, where a table wants others than the usual ones.
    #[serde(default)]
    pub(super) transform: Vec<Transform>,
    /// Another time than the dashboard's.
    pub(super) last: Option<String>,
    /// The least step between two points.
    pub(super) step: Option<String>,
    /// What a text says.
    pub(super) text: Option<String>,
}

impl Panel {
    /// What stands where there is nothing.
    pub(super) fn nothing(&self) -> &str {
        self.empty.as_deref().unwrap_or("no data")
    }
}

/// How values look, of a panel or of one of its queries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'e> {
    pub(super) unit: Option<&'e str>,
    pub(super) decimals: Option<u32>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) levels: &'e BTreeMap<String, String>,
    pub(super) words: &'e BTreeMap<String, Word>,
    pub(super) colour: Option<&'e str>,
}

macro_rules! looks {
    ($($entry:ty),*) => {$(
        impl $entry {
            pub(super) fn look(&self) -> Look<'_> {
                Look {
                    unit: self.unit.as_deref(),
                    decimals: self.decimals,
                    min: self.min,
                    max: self.max,
                    levels: &self.levels,
                    words: &self.words,
                    colour: self.colour.as_deref(),
                }
            }
        }
    )*};
}

looks!(Panel, Query);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) colour: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Transform {
    pub(super) id: String,
    #[serde(default)]
    pub(super) options: serde_json::Map<String, serde_json::Value>,
}

/// What a series is beside the others of its panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// What there may be at most.
    Limit,
    /// The upper edge of what is usual.
    Upper,
    /// Its lower edge.
    Lower,
    /// What is to come if nothing changes.
    Forecast,
    /// Drawn downwards, as what is sent below what is received.
    Down,
}

/// How a cell of a table shows its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cell {
    /// A bar.
    Gauge,
    /// Its colour behind it.
    Colour,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    pub(super) expr: Text,
    pub(super) legend: Option<String>,
    #[serde(rename = "as")]
    pub(super) role: Option<Role>,
    /// The same a while ago beside it.
    #[serde(default)]
    pub(super) compare: bool,
    #[serde(default)]
    pub(super) exemplars: bool,
    /// The title of its column.
    pub(super) column: Option<String>,
    pub(super) cell: Option<Cell>,
    pub(super) unit: Option<String>,
    pub(super) decimals: Option<u32>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// Colours from a value on; `base` is the one below all.
    #[serde(default)]
    pub(super) levels: BTreeMap<String, String>,
    /// What stands for a value.
    #[serde(default)]
    pub(super) words: BTreeMap<String, Word>,
    pub(super) colour: Option<String>,
}
