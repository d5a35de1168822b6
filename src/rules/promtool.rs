//! Tests for `promtool test rules`: that every alert fires and clears, stays between its
//! thresholds, and gives way to Grafana; and what recording rules make.

use std::collections::BTreeMap;
use std::time::Duration;

use super::catalogue::{Alert, AlertTest, Group, Record};
use super::grafana::Scope;
use super::prometheus::EVALUATED_BY_GRAFANA;
use crate::config::show_duration;
use crate::yaml::write::Node;

/// Labels of series in tests, where a test says nothing else.
const USUAL: [(&str, &str); 6] = [
    ("instance", "h"),
    ("name", "api"),
    ("user", "ann"),
    ("project", "shop"),
    ("team", "core"),
    ("service", "web"),
];

/// The usual time between two samples; tests with another one have a file of their own.
const STEP: Duration = Duration::from_secs(60);

/// The files of a group's tests, by name.
pub(super) fn tests(group: &Group, grafana: Scope) -> Vec<(String, Node)> {
    let mut by_interval: BTreeMap<Duration, Vec<Node>> = BTreeMap::new();
    for record in &group.records {
        if let Some((interval, test)) = recorded(record) {
            by_interval.entry(interval).or_default().push(test);
        }
    }
    for alert in group.alerts.iter().filter(|alert| !alert.is_changed) {
        by_interval.entry(alert.test.interval).or_default().extend(fired(alert, grafana));
    }
    let file = |(interval, tests): (Duration, Vec<Node>)| {
        let interval_name = show_duration(interval);
        let suffix = if interval == STEP { String::new() } else { format!("_{interval_name}") };
        let file = Node::map([
            ("rule_files", Node::texts([format!("../rules/{}.yml", group.name)])),
            ("evaluation_interval", Node::from(interval_name)),
            ("tests", Node::List(tests)),
        ]);
        (format!("{}{suffix}.yml", group.name), file)
    };
    by_interval.into_iter().map(file).collect()
}

fn recorded(record: &Record) -> Option<(Duration, Node)> {
    let test = record.test.as_ref()?;
    let samples = test.gives.iter().map(|(series, value)| sample(series, value));
    let expected = expectation(&record.name, test.at, Node::list(samples));
    Some((
        test.interval,
        case(&format!("{} is recorded", record.name), test.interval, &test.input, vec![expected]),
    ))
}

fn sample(labels: &str, value: &str) -> Node {
    Node::map([("labels", Node::from(labels)), ("value", Node::plain(value))])
}

fn expectation(expr: &str, at: Duration, samples: Node) -> Node {
    Node::map([("expr", Node::from(expr)), ("eval_time", show_duration(at).into()), ("exp_samples", samples)])
}

fn case(name: &str, interval: Duration, input: &BTreeMap<String, String>, expected: Vec<Node>) -> Node {
    let series = input.iter().map(|(series, values)| {
        Node::map([("series", Node::from(series.as_str())), ("values", Node::from(values.as_str()))])
    });
    Node::map([
        ("name", Node::from(name)),
        ("interval", show_duration(interval).into()),
        ("input_series", Node::list(series)),
        ("promql_expr_test", Node::List(expected)),
    ])
}

fn fired(alert: &Alert, grafana: Scope) -> Vec<Node> {
    let AlertTest { interval, input, quiet, fires, holds, clears, .. } = &alert.test;
    let expr = format!(
        "count by ({}) (ALERTS{{alertname=\"{}\",alertstate=\"firing\"}})",
        alert.labels.join(", "),
        alert.name
    );
    let nothing = || Node::List(Vec::new());
    let one = || Node::list([sample(&labels(alert), "1")]);
    let mut expected = Vec::new();
    // What always fires is never quiet.
    if clears.is_some() {
        expected.push(expectation(&expr, *quiet, nothing()));
    }
    expected.push(expectation(&expr, *fires, one()));
    expected.extend(holds.map(|at| expectation(&expr, at, one())));
    expected.extend(clears.map(|at| expectation(&expr, at, nothing())));
    let mut cases = vec![case(&format!("{} fires and clears", alert.name), *interval, input, expected)];
    if grafana.has(alert) {
        let mut input = input.clone();
        input.insert(EVALUATED_BY_GRAFANA.to_owned(), "1x2000".to_owned());
        let expected = vec![expectation(&expr, *fires, nothing())];
        cases.push(case(&format!("{} gives way to Grafana", alert.name), *interval, &input, expected));
    }
    cases
}

/// The labels of the only instance that fires.
fn labels(alert: &Alert) -> String {
    let value = |label: &String| {
        let usual = || USUAL.iter().find(|(name, _)| name == label).map(|(_, value)| (*value).to_owned());
        alert.test.labels.get(label).cloned().or_else(usual).unwrap_or_default()
    };
    let pairs = alert.labels.iter().map(|label| (label, value(label))).filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> =
        pairs.map(|(label, value)| format!("{label}={}", crate::yaml::quoted(&value))).collect();
    format!("{{{}}}", pairs.join(","))
}
