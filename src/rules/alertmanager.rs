//! `alertmanager.yml`: who is told of what, when and how.
//!
//! Invariants: whatever its team, an alert reaches a receiver if there is any; no inhibition can
//! mute what is about something else, since both alerts have to carry the same `subject`.

use serde_json::Value;

use super::grafana::MARK;
use crate::config::{Alerting, NOBODY, QuietHours, Severity, Smtp, Team, clock, show_duration};
use crate::yaml::{quoted, write::Node};

/// The templates, beside the configuration.
pub(super) const TEMPLATES: &str = include_str!("../../alerting/templates/dockmeter.tmpl");

/// The alert that always fires, to show that alerts can.
pub(super) const WATCHDOG: &str = "Watchdog";

/// Reports, which somebody is told of although nothing is wrong.
const REPORTS: &str = "SlaReport|WeeklyReport";

/// What two alerts about the same thing have in common.
const SAME: [&str; 9] =
    ["subject", "team", "project", "user", "instance", "name", "service", "slo", "mountpoint"];

/// The configuration.
pub(super) fn configuration(alerting: &Alerting) -> Node {
    let mut sections: Vec<(&str, Node)> = Vec::new();
    if !alerting.smtp.smarthost.is_empty() {
        sections.push(("global", smtp(&alerting.smtp)));
    }
    sections.push(("templates", Node::texts(["templates/*.tmpl"])));
    sections.push(("route", route(alerting)));
    sections.push((
        "inhibit_rules",
        Node::list([inhibition("critical", "warning|info"), inhibition("warning", "info"), twins()]),
    ));
    let quiet = alerting.teams.iter().filter_map(|(name, team)| Some((name, team.quiet_hours.as_ref()?)));
    let quiet: Vec<Node> = quiet.map(|(name, hours)| time_interval(name, hours)).collect();
    if !quiet.is_empty() {
        sections.push(("time_intervals", Node::List(quiet)));
    }
    sections.push(("receivers", receivers(alerting)));
    Node::map(sections)
}

fn smtp(smtp: &Smtp) -> Node {
    let said = [
        ("smtp_smarthost", &smtp.smarthost),
        ("smtp_from", &smtp.from),
        ("smtp_auth_username", &smtp.username),
        ("smtp_auth_password_file", &smtp.password_file),
    ];
    let said = said.into_iter().filter(|(_, text)| !text.is_empty());
    let said = said.map(|(key, text)| (key, Node::from(text.as_str())));
    Node::map(said.chain([("smtp_require_tls", Node::plain(smtp.require_tls))]))
}

fn route(alerting: &Alerting) -> Node {
    let mut routes = Vec::new();
    let watchdog = alerting.watchdog_receiver.as_deref().unwrap_or(NOBODY);
    // A service that waits for it wants it often.
    routes.push(Node::map([
        ("matchers", matchers([("alertname", WATCHDOG)])),
        ("receiver", watchdog.into()),
        ("repeat_interval", "5m".into()),
    ]));
    let untold: Vec<&str> = Severity::WORDS
        .iter()
        .filter(|(_, severity)| *severity < alerting.notify_from)
        .map(|(word, _)| *word)
        .collect();
    if !untold.is_empty() {
        let severities = format!("severity=~{}", quoted(&untold.join("|")));
        routes.push(Node::map([
            ("matchers", Node::texts([severities, format!("alertname!~{}", quoted(REPORTS))])),
            ("receiver", NOBODY.into()),
        ]));
    }
    routes.extend(alerting.teams.iter().map(|(name, team)| of_team(name, team)));
    Node::map([
        ("receiver", Node::from(alerting.platform_receiver().unwrap_or(NOBODY))),
        ("group_by", Node::texts(["team", "project", "alertname"])),
        ("group_wait", show_duration(alerting.group_wait).into()),
        ("group_interval", show_duration(alerting.group_interval).into()),
        ("repeat_interval", show_duration(alerting.repeat_interval).into()),
        ("routes", Node::List(routes)),
    ])
}

fn matchers<const N: usize>(equal: [(&str, &str); N]) -> Node {
    Node::texts(equal.map(|(label, value)| format!("{label}={}", quoted(value))))
}

fn of_team(name: &str, team: &Team) -> Node {
    let mut route =
        vec![("matchers", matchers([("team", name)])), ("receiver", team.receiver.as_str().into())];
    if let Some(hours) = &team.quiet_hours {
        let quiet = Node::texts([quiet_name(name)]);
        match hours.critical {
            true => route.push(("mute_time_intervals", quiet)),
            false => {
                let awake = Node::map([("matchers", matchers([("severity", "critical")]))]);
                let asleep = Node::map([("mute_time_intervals", quiet)]);
                route.push(("routes", Node::list([awake, asleep])));
            }
        }
    }
    Node::map(route)
}

fn quiet_name(team: &str) -> String {
    format!("quiet hours of {team}")
}

fn time_interval(team: &str, hours: &QuietHours) -> Node {
    let intervals = hours.times.iter().map(|time| {
        let range = [("start_time", clock(time.from)), ("end_time", clock(time.to))];
        let range = Node::map(range.map(|(key, text)| (key, Node::from(text))));
        let mut interval = vec![("times", Node::list([range]))];
        if !time.days.is_empty() {
            interval.push(("weekdays", Node::texts(time.days.iter().copied())));
        }
        interval.extend(hours.timezone.as_ref().map(|zone| ("location", Node::from(zone.as_str()))));
        Node::map(interval)
    });
    Node::map([("name", Node::from(quiet_name(team))), ("time_intervals", Node::list(intervals))])
}

/// What matters more mutes what matters less, if both are about the same subject of the same
/// container, service or host.
fn inhibition(source: &str, targets: &str) -> Node {
    let about = |severity: String| Node::texts(["subject!=\"\"".to_owned(), severity]);
    Node::map([
        ("source_matchers", about(format!("severity={}", quoted(source)))),
        ("target_matchers", about(format!("severity=~{}", quoted(targets)))),
        ("equal", Node::texts(SAME)),
    ])
}

/// While Grafana takes over, it and Prometheus tell of the same alerts; Grafana's are heard.
fn twins() -> Node {
    let (label, value) = MARK;
    let same = [&["alertname", "severity"], &SAME[..]].concat();
    Node::map([
        ("source_matchers", Node::texts([format!("{label}={}", quoted(value))])),
        ("target_matchers", Node::texts([format!("{label}=\"\"")])),
        ("equal", Node::texts(same)),
    ])
}

fn receivers(alerting: &Alerting) -> Node {
    let nobody = Node::map([("name", Node::from(NOBODY))]);
    let configured = alerting.receivers.iter().map(|(name, receiver)| {
        let configs = receiver.configs.iter().map(|(key, list)| {
            (key.clone(), Node::list(list.iter().map(|config| Node::from(&completed(key, config)))))
        });
        Node::map([("name".to_owned(), Node::from(name.as_str()))].into_iter().chain(configs))
    });
    Node::list([nobody].into_iter().chain(configured))
}

/// A receiver's configuration with our templates, where it says nothing else.
fn completed(key: &str, config: &Value) -> Value {
    let template = |name: &str| Value::from(format!("{{{{ template \"dockmeter.{name}\" . }}}}"));
    let additions = match key {
        "slack_configs" => vec![
            ("title", template("title")),
            ("title_link", template("link")),
            ("text", template("text")),
            ("color", template("color")),
        ],
        "email_configs" => vec![
            ("headers", serde_json::json!({"Subject": template("title")})),
            ("text", template("text")),
            ("html", template("html")),
        ],
        _ => Vec::new(),
    };
    let mut config = config.clone();
    if let Value::Object(entries) = &mut config {
        for (key, value) in additions.into_iter().chain([("send_resolved", Value::Bool(true))]) {
            entries.entry(key).or_insert(value);
        }
    }
    config
}
