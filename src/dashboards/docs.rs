//! `docs/dashboards.md`: each dashboard, the question it answers, and how to read it.

use std::fmt::Write as _;

use serde_json::Value;

use super::Dashboard;

const HEAD: &str = "\
# Dashboards

<!-- Made from `grafana/templates/` by `cargo run --example reference`; do not edit. -->

Each dashboard answers one question. The first row says whether all is well, rows below say where it is not; what is folded away is for when all else is known.

- **Variables** at the top choose hosts, teams, projects, users and more; several of each, or all. A dashboard's links keep them, and the time.
- **Clicks** lead on: from a team or user to a project, from a project to its services, from a name of a container, host, service or server wherever it stands to its own dashboard. The list `Dashboards` at the top leads to the others with the same choice.
- **Dashed grey lines** are the same a while ago; `Compare with` says how long. **Dashed red** is a limit, **dotted purple** what is to come if it goes on so, a **blue band** what is usual for this very container.
- **Marks** on graphs are starts of containers (blue: somebody's doing, such as a deployment; orange: the restart policy's) and OOM kills (red); a project's [findings](analysis.md#without-being-asked) stand there for as long as they last (purple). Pointing at a graph shows the same moment on all others.
- Where there is nothing, the panel says why, as `no program tells`.
- Numbers of tenants are those of [tenancy](tenancy.md); alerts link to the panels that show what they are about ([alerts](alerts.md)).

`dockmeter grafana render --output=DIRECTORY` writes all of them as files that can be imported or provisioned, in Grafana's classic format (schema version 42). `dockmeter grafana lint` says what is wrong with them, and with exported ones. Templates of one's own, in the format of those in `grafana/templates/`, are added by `--templates=DIRECTORY`; one with the uid of a dashboard below takes its place.

The pictures were taken of Grafana 12.4 with ten containers on a machine of two cores, after forty minutes. The days before that, in `Anomalies and trends` and in dashed grey lines, are made up: nobody had looked a week before.
";

/// The page.
pub(super) fn page(dashboards: &[Dashboard]) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n| dashboard | uid | what it answers |\n|---|---|---|\n");
    for Dashboard { uid, title, question, .. } in dashboards {
        // Writing into a string cannot fail.
        let _ = writeln!(page, "| [{title}](#{}) | `{uid}` | {question} |", anchor(title));
    }
    for dashboard in dashboards {
        describe(&mut page, dashboard);
    }
    page
}

/// As a page's headings are linked to.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn describe(page: &mut String, dashboard: &Dashboard) {
    let Dashboard { uid, title, question, reading, json } = dashboard;
    let _ = write!(page, "\n## {title}\n\n**{question}** `{uid}`\n\n");
    if !reading.is_empty() {
        let _ = write!(page, "{}\n\n", reading.replace('\n', " "));
    }
    let _ = write!(page, "![{title}](pictures/{uid}.png)\n\n");
    page.push_str("| panel | what it shows |\n|---|---|\n");
    let list = |value: &Value| value["panels"].as_array().cloned().unwrap_or_default();
    for panel in list(json) {
        let shown = if panel["type"] == "row" {
            if let Some(heading) = panel["title"].as_str() {
                let _ = writeln!(page, "| *{heading}* | |");
            }
            list(&panel)
        } else {
            vec![panel]
        };
        for panel in shown {
            let text =
                |key: &str| panel[key].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
            let _ = writeln!(page, "| {} | {} |", text("title"), text("description"));
        }
    }
}
