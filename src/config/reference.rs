//! `docs/configuration.md`, made from the table of settings.

use std::fmt::Write as _;

use super::DEFAULT_FILE;
use super::settings::{ALL, Arity, COLLECTOR_FLAG, NO_COLLECTOR_FLAG, Setting, env_name};
use crate::metrics::catalogue::{COLLECTORS, host};

/// The reference as Markdown.
pub fn reference() -> String {
    let mut page = format!(
        "# Configuration\n\n\
         <!-- Made from `src/config/settings.rs`; do not edit. -->\n\n\
         A flag stands before the environment variable, the variable before the key in `dockmeter.yml`, the key \
         before the default. The file is the one that `--config.file` names, else `{DEFAULT_FILE}` if it exists. \
         Unknown keys are refused with line and column; `dockmeter config check` says whether a file is valid, \
         `dockmeter config show` what is in force and why.\n\n\
         Durations are `250ms`, `5s`, `1m`, `24h` or `7d`. A flag marked *repeatable* may stand several times; its \
         variable holds the values between commas, its key a list.\n"
    );
    for setting in ALL {
        section(&mut page, setting);
    }
    collectors(&mut page);
    page
}

fn section(page: &mut String, setting: &Setting) {
    let title = setting.flag.map_or_else(|| setting.name().to_owned(), |flag| format!("--{flag}"));
    let code = |text: &str| format!("`{text}`");
    let repeatable = if setting.arity == Arity::Many { ", repeatable" } else { "" };
    let head = format!("\n## `{title}`\n\n{}\n\n", setting.help);
    let default: Vec<String> = setting.default.iter().copied().map(code).collect();
    let default = match (default.is_empty(), setting.name().strip_prefix("tenancy.")) {
        (false, _) => default.join(", "),
        (true, Some(_)) => "the built-in rules".to_owned(),
        (true, None) => "none".to_owned(),
    };
    let mut rows = vec![("value", format!("{}{repeatable}", setting.value))];
    rows.extend(setting.key.map(|key| ("key", code(key))));
    let variables: Vec<String> = setting.variables().iter().map(|variable| code(variable)).collect();
    if !variables.is_empty() {
        rows.push(("environment", variables.join(", then ")));
    }
    rows.push(("default", default));
    page.push_str(&head);
    for (what, value) in rows {
        // Writing into a string cannot fail.
        let _ = writeln!(page, "- {what}: {value}");
    }
}

fn collectors(page: &mut String) {
    let opt_in: Vec<String> = host::OPT_IN.iter().map(|name| format!("`{name}`")).collect();
    let names: Vec<String> = COLLECTORS.iter().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(
        page,
        "\n## `--{COLLECTOR_FLAG}NAME`, `--{NO_COLLECTOR_FLAG}NAME`\n\n\
         Switches a collector on or off; all are on but {}. A collector that is off leaves no series.\n\n\
         `{}` stands for all collectors of the host at once, which is what to switch off beside a node_exporter; \
         one of them that is switched by its own name is as that says.\n\n\
         - names: {}\n- key: `collectors.NAME`, `true` or `false`\n- environment: `{}`, `true` or `false`",
        opt_in.join(", "),
        host::GROUP,
        names.join(", "),
        env_name(COLLECTOR_FLAG) + "NAME",
    );
}
