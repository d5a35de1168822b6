//! The house rules of `ARCHITECTURE.md`, read off the sources: which room may import which, and
//! what a room never touches. A finding tells file, line, rule and the way out.
//!
//! Only what is built into the program counts: comments and test modules are left out.

mod source;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::Path;

use source::{Source, Token};

/// The rooms, as `ARCHITECTURE.md` lists them: a room imports only rooms that stand before it.
const ROOMS: &[&str] = &[
    "label",
    "middleware",
    "yaml",
    "files",
    "paths",
    "tenant",
    "inventory",
    "metrics",
    "snapshot",
    "collect",
    "config",
    "log",
    "docker",
    "host",
    "probe",
    "sql",
    "postgres",
    "ingest",
    "discovery",
    "disk",
    "container",
    "analysis",
    "live",
    "slo",
    "prometheus",
    "history",
    "health",
    "rules",
    "dashboards",
    "grafana",
    "report",
    "detection",
    "findings",
    "web",
    "exporter",
    "apply",
    "cli",
    "main",
];

/// Rooms of plain data and pure functions.
const PURE: &[&str] = &["label", "inventory", "metrics", "snapshot", "sql", "analysis"];

/// Roads to the outside world.
const OUTSIDE: &[&[&str]] = &[
    &["std", "env"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "process"],
    &["std", "thread"],
    &["rustix"],
    &["tokio"],
];

/// Rooms that read text into types which is not the engine's: configuration and map files,
/// the catalogue of alerts, templates of dashboards, the answers of a Prometheus, what programs send,
/// what people ask for, and the journal of what was applied.
const READS_FILES: &[&str] =
    &["config", "yaml", "prometheus", "rules", "dashboards", "grafana", "ingest", "web", "apply"];

/// What changes something of an engine's.
const CHANGES: &str = "Updater";

/// Who may use that, and where it stands.
const MAY_CHANGE: &[&str] =
    &["src/apply/", "src/cli/rightsize.rs", "src/docker/updater.rs", "src/docker/mod.rs"];

/// What was recommended is written and read back.
const REMEMBERED: [&str; 3] =
    ["src/analysis/finding.rs", "src/analysis/recommendation.rs", "src/report/followup/ledger.rs"];

/// The one file of `web` that makes values of JSON: bodies of requests.
const READS_BODIES: &str = "src/web/body.rs";

/// The catalogue names each metric's source for people.
const CATALOGUE: &str = "src/metrics/catalogue";

/// A broken rule.
struct Finding {
    line: usize,
    rule: String,
}

type Rule = fn(&Source) -> Vec<Finding>;

#[test]
fn a_room_imports_only_rooms_before_it() {
    hold(imports_go_one_way);
}

#[test]
fn only_the_engines_room_knows_its_json() {
    hold(engine_json_stays_with_docker);
}

#[test]
fn only_what_applies_limits_changes_anything_of_an_engine() {
    hold(engines_are_changed_elsewhere);
}

#[test]
fn metrics_know_no_collector() {
    hold(metrics_know_collectors);
}

#[test]
fn only_paths_name_proc_and_sys() {
    hold(paths_are_named_elsewhere);
}

#[test]
fn plain_data_does_no_input_or_output() {
    hold(pure_rooms_touch_the_world);
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "tests", "benches", "examples"];
    let silent: Vec<_> = folders
        .iter()
        .flat_map(|folder| source::files(root, folder))
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(file, _)| format!("{file}:1: a file begins with `//!`; say in a line or two what it is for"))
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

/// Fails with every place where the program's sources break a rule.
fn hold(rule: Rule) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = source::built(root);
    assert!(sources.len() > ROOMS.len(), "the sources have moved: only {} were found", sources.len());
    let mut findings = String::new();
    for source in &sources {
        for finding in rule(source) {
            let _ = writeln!(findings, "{}:{}: {}", source.file, finding.line, finding.rule);
        }
    }
    assert!(findings.is_empty(), "\n{findings}");
}

fn imports_go_one_way(source: &Source) -> Vec<Finding> {
    let Some(room) = source.room() else { return Vec::new() };
    let Some(place) = ROOMS.iter().position(|known| *known == room) else {
        let rule = format!(
            "the room `{room}` is in no list; give it a place in the table of ARCHITECTURE.md and in `ROOMS`"
        );
        return vec![Finding { line: 1, rule }];
    };
    let check = |(line, imported): (usize, String)| {
        let rule = match ROOMS.iter().position(|known| *known == imported) {
            Some(other) if other <= place => return None,
            Some(_) => format!(
                "`{room}` imports `{imported}`, which stands after it in ARCHITECTURE.md; hand the value in from where both are known, or move what is shared to a room before both"
            ),
            None => format!("`crate::{imported}` is no room; import by the room's own name"),
        };
        Some(Finding { line, rule })
    };
    source.imports().into_iter().filter_map(check).collect()
}

fn engine_json_stays_with_docker(source: &Source) -> Vec<Finding> {
    let Some(room) = source.room().filter(|room| *room != "docker") else { return Vec::new() };
    let mut findings = Vec::new();
    for (index, (line, token)) in source.tokens.iter().enumerate() {
        let broken = match token {
            Token::Word(word) if word.starts_with("Deserialize") => {
                !READS_FILES.contains(&room) && !REMEMBERED.contains(&source.file.as_str())
            }
            Token::Word(word)
                if word == "serde_json"
                    && !["prometheus", "ingest", "dashboards", "grafana", "apply"].contains(&room)
                    && source.file != READS_BODIES
                    && !REMEMBERED.contains(&source.file.as_str()) =>
            {
                source.word(index + 3).is_some_and(|called| called.starts_with("from_"))
            }
            Token::Text(text) => text == "PascalCase",
            _ => false,
        };
        if broken {
            let rule = "only `docker` reads JSON of the engine; add the field to a struct there and hand on a plain type of `inventory`";
            findings.push(Finding { line: *line, rule: rule.to_owned() });
        }
    }
    findings
}

fn engines_are_changed_elsewhere(source: &Source) -> Vec<Finding> {
    if MAY_CHANGE.iter().any(|place| source.file.starts_with(place)) {
        return Vec::new();
    }
    let rule = "the exporter changes nothing of an engine's; `dockmeter rightsize` alone does, by `apply`";
    let posts = source.lines_of("POST").filter(|_| source.room() == Some("docker"));
    source.lines_of(CHANGES).chain(posts).map(|line| Finding { line, rule: rule.to_owned() }).collect()
}

fn metrics_know_collectors(source: &Source) -> Vec<Finding> {
    if source.room() != Some("metrics") {
        return Vec::new();
    }
    let rule = "`metrics` knows no collector; a collector knows `metrics`, and `exporter` lists them all";
    source.lines_of("Collector").map(|line| Finding { line, rule: rule.to_owned() }).collect()
}

fn paths_are_named_elsewhere(source: &Source) -> Vec<Finding> {
    if source.room() == Some("paths") || source.file.starts_with(CATALOGUE) {
        return Vec::new();
    }
    let named = |(line, token): &(usize, Token)| match token {
        Token::Text(text) if is_under_proc_or_sys(text) => Some(Finding {
            line: *line,
            rule: format!(
                "only `paths` names `/proc` and `/sys`, so that `--path.*` moves them all; make \"{text}\" of a `Paths`"
            ),
        }),
        _ => None,
    };
    source.tokens.iter().filter_map(named).collect()
}

/// Whether a text is a path there, as against a sentence that mentions one.
fn is_under_proc_or_sys(text: &str) -> bool {
    let relative = text.trim_start_matches('/');
    let (first, below) = relative.split_once('/').map_or((relative, false), |(first, _)| (first, true));
    matches!(first, "proc" | "sys") && (below || text.starts_with('/'))
}

fn pure_rooms_touch_the_world(source: &Source) -> Vec<Finding> {
    if !source.room().is_some_and(|room| PURE.contains(&room)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for path in OUTSIDE {
        for line in source.lines_of_path(path) {
            let rule = format!(
                "`{}` has no place in plain data; read where the numbers come from and hand them in",
                path.join("::")
            );
            findings.push(Finding { line, rule });
        }
    }
    findings
}
