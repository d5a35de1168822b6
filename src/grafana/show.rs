//! A plan as text for people: what is done to which object, and which of its fields change.

use std::fmt::Write as _;

use serde_json::Value;

use super::diff::Change;
use super::plan::{Action, Cause, Plan, Verb};

/// The most characters of a value; beyond it the middle of long texts is of no use to a reader.
const VALUE_CHARS: usize = 100;

/// How many characters before the first one that differs are shown.
const BEFORE_CHARS: usize = 20;

/// The most fields of one object.
const CHANGES: usize = 40;

/// Colours, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// Whether escape sequences are written.
    pub coloured: bool,
}

impl Palette {
    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn of(self, verb: Verb, text: &str) -> String {
        let code = match verb {
            Verb::Create => "32",
            Verb::Update => "33",
            Verb::Delete => "31",
        };
        self.paint(code, text)
    }
}

/// All of a plan, and a last line that counts.
pub fn plan(plan: &Plan, palette: Palette) -> String {
    let mut text = String::new();
    for one in &plan.actions {
        text.push_str(&action(one, palette));
    }
    for one in &plan.blocked {
        let line = format!("! {} ({}) is left alone: {}", one.key, one.title, one.reason);
        let _ = writeln!(text, "{}", palette.paint("35", &line));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let counts = [
        (plan.count(Verb::Create), "to create"),
        (plan.count(Verb::Update), "to change"),
        (plan.count(Verb::Delete), "to remove"),
        (plan.blocked.len(), "left alone"),
    ];
    let counted: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let _ = match counted.as_slice() {
        [] => writeln!(text, "nothing to change: {} objects are as they should be", plan.unchanged),
        counted => writeln!(text, "{}, {} as they should be", counted.join(", "), plan.unchanged),
    };
    text
}

/// One action, with the fields that change.
pub fn action(action: &Action, palette: Palette) -> String {
    let sign = match action.verb {
        Verb::Create => '+',
        Verb::Update => '~',
        Verb::Delete => '-',
    };
    let title = if action.title == action.key.id { String::new() } else { format!(" ({})", action.title) };
    let head = palette.of(action.verb, &format!("{sign} {}{title}", action.key));
    let mut text = match &action.cause {
        Cause::Wanted => format!("{head}\n"),
        Cause::Drift(saved) => {
            let by = if saved.by.is_empty() { String::new() } else { format!(" by {}", saved.by) };
            let at = if saved.at.is_empty() { String::new() } else { format!(" at {}", saved.at) };
            let said = palette.paint("36", &format!("changed in Grafana{by}{at}, which is undone"));
            format!("{head}: {said}\n")
        }
    };
    for one in action.changes.iter().take(CHANGES) {
        text.push_str(&change(one, palette));
    }
    if action.changes.len() > CHANGES {
        let _ = writeln!(text, "    and {} more", action.changes.len() - CHANGES);
    }
    text
}

fn change(change: &Change, palette: Palette) -> String {
    let (from, to) = excerpts(change.from.as_ref(), change.to.as_ref());
    let path = palette.paint("1", &change.path);
    match (from, to) {
        (Some(from), Some(to)) => {
            format!("    {path}: {} -> {}\n", palette.of(Verb::Delete, &from), palette.of(Verb::Create, &to))
        }
        (None, Some(to)) => format!("    {path}: {}\n", palette.of(Verb::Create, &format!("+ {to}"))),
        (Some(from), None) => format!("    {path}: {}\n", palette.of(Verb::Delete, &format!("- {from}"))),
        (None, None) => String::new(),
    }
}

/// Both values, cut to where they differ.
fn excerpts(from: Option<&Value>, to: Option<&Value>) -> (Option<String>, Option<String>) {
    let text = |value: &Value| value.to_string().replace('\x1b', "\\u001b");
    let (from, to) = (from.map(text), to.map(text));
    let same = match (&from, &to) {
        (Some(from), Some(to)) => {
            from.chars().zip(to.chars()).take_while(|(one, other)| one == other).count()
        }
        _ => 0,
    };
    let cut = |text: String| {
        let skipped = if text.chars().count() > VALUE_CHARS { same.saturating_sub(BEFORE_CHARS) } else { 0 };
        let shown: String = text.chars().skip(skipped).take(VALUE_CHARS).collect();
        let before = if skipped > 0 { "…" } else { "" };
        let after = if text.chars().count() > skipped + VALUE_CHARS { "…" } else { "" };
        format!("{before}{shown}{after}")
    };
    (from.map(cut), to.map(cut))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::object::{Key, Kind, Saved};
    use super::super::plan::Blocked;
    use super::*;

    fn example() -> Plan {
        let saved = Saved { by: "ann".to_owned(), at: "2026-10-01T08:00:00Z".to_owned() };
        let long = "sum(rate(http_requests_total{user=~\"$user\"}[$__rate_interval])) by (user, project, team, service, route) > 0 and on() ";
        let changes = vec![
            Change {
                path: "dashboard.title".to_owned(),
                from: Some(json!("Mine")),
                to: Some(json!("Users")),
            },
            Change {
                path: "dashboard.panels[CPU].targets[A].expr".to_owned(),
                from: Some(json!(format!("{long} a"))),
                to: Some(json!(format!("{long} b"))),
            },
        ];
        let action = |kind, id: &str, title: &str, verb, changes, cause| Action {
            key: Key::new(kind, id),
            title: title.to_owned(),
            verb,
            changes,
            cause,
        };
        Plan {
            actions: vec![
                action(Kind::Folder, "dockmeter-platform", "dockmeter", Verb::Create, vec![], Cause::Wanted),
                action(
                    Kind::Dashboard,
                    "user-performance",
                    "Users",
                    Verb::Update,
                    changes,
                    Cause::Drift(saved),
                ),
                action(Kind::Team, "old", "old", Verb::Delete, vec![], Cause::Wanted),
            ],
            blocked: vec![Blocked {
                key: Key::new(Kind::DataSource, "dockmeter-prometheus"),
                title: "Prometheus".to_owned(),
                reason: "it comes from a file of Grafana's provisioning".to_owned(),
            }],
            unchanged: 3,
        }
    }

    #[test]
    fn a_plan_names_object_field_and_culprit() {
        let expected = "\
+ folder `dockmeter-platform` (dockmeter)
~ dashboard `user-performance` (Users): changed in Grafana by ann at 2026-10-01T08:00:00Z, which is undone
    dashboard.title: \"Mine\" -> \"Users\"
    dashboard.panels[CPU].targets[A].expr: … > 0 and on()  a\" -> … > 0 and on()  b\"
- team `old`
! data source `dockmeter-prometheus` (Prometheus) is left alone: it comes from a file of Grafana's provisioning

1 to create, 1 to change, 1 to remove, 1 left alone, 3 as they should be
";
        let text = plan(&example(), Palette::default());
        let cut = |line: &str| match line.split_once("expr: …") {
            Some((before, _)) => format!("{before}expr: …"),
            None => line.to_owned(),
        };
        let (text, expected): (Vec<String>, Vec<String>) =
            (text.lines().map(cut).collect(), expected.lines().map(cut).collect());
        assert_eq!(text, expected);
        assert!(plan(&example(), Palette { coloured: true }).contains("\x1b[32m+ folder"));
    }

    #[test]
    fn nothing_to_change_is_said_in_one_line() {
        let text = plan(&Plan { unchanged: 7, ..Plan::default() }, Palette::default());
        assert_eq!(text, "nothing to change: 7 objects are as they should be\n");
    }
}
