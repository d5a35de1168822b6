//! `docs/alerts.md`: every alert with what it means and what to do.

use std::fmt::Write as _;

use super::catalogue::{Alert, Audience, Catalogue, Direction, Record};
use super::text::{Piece, pieces};
use super::unit::Unit;
use crate::config::show_duration;

/// The page.
pub(super) fn page(catalogue: &Catalogue) -> String {
    let mut page = "# Alerts\n\n\
         <!-- Made from `alerting/` by `cargo run --example reference`; do not edit. -->\n\n\
         What fires, at which thresholds as they are delivered, what it means and what to do. \
         [alerting.md](alerting.md) says how to change thresholds, who is told, and how to add an alert of your own. \
         An alert that clears at another threshold than it fires goes on between the two. \
         `tenant` alerts reach the team of the container or program, `platform` alerts the platform team.\n"
        .to_owned();
    for group in catalogue.groups.iter().filter(|group| !group.alerts.is_empty()) {
        // Writing into a string cannot fail.
        let _ = write!(page, "\n## {}\n", group.title);
        for alert in &group.alerts {
            describe(&mut page, alert);
        }
    }
    page.push_str("\n## Recording rules\n\n| series | labels it adds | what it says |\n|---|---|---|\n");
    let mut seen = std::collections::BTreeSet::new();
    for Record { name, help, labels, .. } in catalogue.groups.iter().flat_map(|group| &group.records) {
        if seen.insert((name, labels)) {
            let labels: Vec<String> = labels.iter().map(|(key, value)| format!("`{key}={value}`")).collect();
            let _ = writeln!(page, "| `{name}` | {} | {help} |", labels.join(", "));
        }
    }
    page
}

fn describe(page: &mut String, alert: &Alert) {
    let side = match alert.direction {
        Direction::Above => "above",
        Direction::Below => "below",
    };
    let when = match alert.unit {
        Unit::State => "when it is so".to_owned(),
        unit => {
            let clear = alert.clear.filter(|_| alert.has_hysteresis());
            let clear = clear.map(|clear| format!(", clears at {}", unit.show(clear)));
            format!("{side} {}{}", unit.show(alert.fire), clear.unwrap_or_default())
        }
    };
    let hold = (!alert.hold.is_zero()).then(|| format!(", for {}", show_duration(alert.hold)));
    let keep = (!alert.keep.is_zero()).then(|| format!(", over only after {}", show_duration(alert.keep)));
    let audience = match alert.audience {
        Audience::Tenant => "tenant",
        Audience::Platform => "platform",
    };
    let marked = |text: &str| -> String {
        let piece = |piece| match piece {
            Piece::Plain(text) => text.to_owned(),
            Piece::Name("threshold") => alert.unit.show(alert.fire),
            Piece::Name(name) => format!("`{name}`"),
        };
        pieces(text).into_iter().map(piece).collect()
    };
    let _ = write!(
        page,
        "\n### {}\n\n**{}** · {} · fires {when}{}{}\n\n{}. {}\n\n",
        alert.name,
        alert.severity.as_str(),
        audience,
        hold.unwrap_or_default(),
        keep.unwrap_or_default(),
        marked(&alert.summary),
        marked(&alert.description),
    );
    for (index, action) in alert.actions.iter().enumerate() {
        let _ = writeln!(page, "{}. {}", index + 1, marked(action));
    }
    let _ = write!(page, "\n```promql\n{}\n```\n", alert.expr);
}
