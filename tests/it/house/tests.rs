//! That the rules find what they forbid, and nothing else.

use super::*;

/// The lines that a rule finds fault with.
fn lines(rule: Rule, file: &str, text: &str) -> Vec<usize> {
    rule(&Source::read(file, text)).iter().map(|finding| finding.line).collect()
}

#[test]
fn an_import_against_the_direction_is_found_however_it_is_written() {
    let found = |file: &str, text: &str| lines(imports_go_one_way, file, text);
    let upwards: [usize; 0] = [];
    assert_eq!(found("src/web/api.rs", "use crate::{inventory::Life, snapshot};\nuse super::page;"), upwards);
    assert_eq!(found("src/metrics/text.rs", "\nuse crate::collect::Collector;"), [2]);
    assert_eq!(found("src/metrics/text.rs", "use crate::{\n  tenant::{Tenant, web},\n  web,\n};"), [3]);
    assert_eq!(found("src/metrics/text.rs", "fn f() { crate::docker::f() }"), [1]);
    assert_eq!(found("src/metrics/text.rs", "use super::super::docker;"), [1]);
    assert_eq!(found("src/metrics/mod.rs", "use super::docker;"), [1]);
    assert_eq!(found("src/main.rs", "fn main() { dockmeter::cli::run() }"), upwards);
    assert_eq!(found("src/attic/mod.rs", "use crate::paths;"), [1], "a room that no list names");
}

#[test]
fn comments_texts_and_test_modules_are_no_imports() {
    let text = r##"
        //! crate::docker
        /* crate::docker /* */ crate::docker */
        const A: &str = "crate::docker \" crate::docker";
        const B: &str = r#"crate::docker " crate::docker"#;
        const C: [char; 3] = ['"', '\'', '\u{22}'];
        fn life<'a>(x: &'a str) -> &'a str { x }
        #[cfg(test)]
        mod tests { fn f() { crate::docker::f(); } }
        #[cfg(test)]
        use crate::docker;
        fn after() { crate::web::f(); }
    "##;
    assert_eq!(lines(imports_go_one_way, "src/metrics/text.rs", text), [12]);
}

#[test]
fn what_changes_an_engine_is_found_outside_its_place() {
    let found = |file: &str, text: &str| lines(engines_are_changed_elsewhere, file, text).len();
    assert_eq!(found("src/exporter/serve.rs", "use crate::docker::{Updater, Watcher};"), 1);
    assert_eq!(found("src/docker/client.rs", "Request::builder().method(Method::POST)"), 1);
    assert_eq!(found("src/prometheus/client.rs", "Request::builder().method(Method::POST)"), 0);
    assert_eq!(found("src/apply/run.rs", "fn f(updater: &Updater) {}"), 0);
}

#[test]
fn json_of_the_engine_is_found_outside_its_room() {
    let found = |file: &str, text: &str| lines(engine_json_stays_with_docker, file, text).len();
    let structure = "#[derive(Deserialize)]\n#[serde(rename_all = \"PascalCase\")]\nstruct State;";
    assert_eq!(found("src/docker/types.rs", structure), 0);
    assert_eq!(found("src/container/run.rs", structure), 2);
    assert_eq!(found("src/config/file.rs", "#[derive(Deserialize)] struct File;"), 0);
    assert_eq!(found("src/web/api.rs", "serde_json::to_vec(&x); serde_json::from_slice(&x);"), 1);
    assert_eq!(found("src/web/body.rs", "serde_json::from_slice(&x);"), 0);
}

#[test]
fn a_path_is_told_from_a_sentence_about_one() {
    for path in ["/proc", "/proc/stat", "/sys/fs/cgroup", "proc/self", "//sys"] {
        assert!(is_under_proc_or_sys(path), "{path}");
    }
    for text in ["proc", "sys", "/system.slice", "/process", "where `/proc` is", "/", ""] {
        assert!(!is_under_proc_or_sys(text), "{text}");
    }
    let text = "\n\nlet path = Path::new(\"/proc/stat\");";
    assert_eq!(lines(paths_are_named_elsewhere, "src/host/machine.rs", text), [3]);
    assert!(lines(paths_are_named_elsewhere, "src/paths.rs", text).is_empty());
}

#[test]
fn input_and_output_is_found_in_plain_data() {
    let found = |text: &str| lines(pure_rooms_touch_the_world, "src/snapshot.rs", text);
    assert_eq!(found("use std::{fmt, fs};\nuse std::sync::Arc;\nuse tokio::sync::watch;"), [1, 3]);
    assert!(found("use std::collections::BTreeMap;\nstruct S { fs: u64, net: u64 }").is_empty());
}
