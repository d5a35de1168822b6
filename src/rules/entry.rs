//! The shape of a catalogue's file, before anything in it is believed: every value is text with
//! its place.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::yaml::Spanned;

/// A value with its place.
pub(super) type Text = Spanned<String>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) group: Option<Text>,
    pub(super) title: Option<Text>,
    pub(super) interval: Option<Text>,
    pub(super) metrics: BTreeMap<String, Vec<Text>>,
    pub(super) records: Vec<Spanned<Record>>,
    pub(super) alerts: Vec<Spanned<Alert>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Record {
    pub(super) record: Option<Text>,
    pub(super) expr: Option<Text>,
    pub(super) help: Option<Text>,
    pub(super) labels: BTreeMap<String, Text>,
    pub(super) test: Option<Spanned<RecordTest>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RecordTest {
    pub(super) interval: Option<Text>,
    pub(super) input: BTreeMap<String, Text>,
    pub(super) at: Option<Text>,
    pub(super) gives: BTreeMap<String, Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Alert {
    pub(super) name: Option<Text>,
    pub(super) expr: Option<Text>,
    pub(super) above: Option<Text>,
    pub(super) below: Option<Text>,
    pub(super) clear: Option<Text>,
    pub(super) r#for: Option<Text>,
    pub(super) keep_firing_for: Option<Text>,
    pub(super) severity: Option<Text>,
    pub(super) audience: Option<Text>,
    pub(super) labels: Option<Spanned<Vec<Text>>>,
    pub(super) marks: BTreeMap<String, Text>,
    pub(super) unit: Option<Text>,
    pub(super) limit: Option<Text>,
    pub(super) summary: Option<Text>,
    pub(super) description: Option<Text>,
    pub(super) actions: Option<Spanned<Vec<Text>>>,
    pub(super) dashboard: Option<Text>,
    pub(super) panel: Option<Text>,
    pub(super) test: Option<Spanned<AlertTest>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlertTest {
    pub(super) interval: Option<Text>,
    pub(super) series: Option<Text>,
    pub(super) levels: Vec<Text>,
    pub(super) rates: Vec<Text>,
    pub(super) settle: Option<Text>,
    pub(super) input: BTreeMap<String, Text>,
    pub(super) labels: BTreeMap<String, Text>,
    pub(super) quiet: Option<Text>,
    pub(super) fires: Option<Text>,
    pub(super) holds: Option<Text>,
    pub(super) clears: Option<Text>,
}
