//! Command lines, and what they print.

use super::*;

pub(super) fn output(arguments: &[&str], env: &[(&str, &str)]) -> Result<String, String> {
    let arguments = std::iter::once("dockmeter").chain(arguments.iter().copied()).map(OsString::from);
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut out = Vec::new();
    let serve: Serve = |_| anyhow::bail!("served");
    let result = execute(arguments.collect(), Sources { env, ..Sources::default() }, &mut out, serve);
    result.map(|_| String::from_utf8(out).unwrap()).map_err(|error| whole(&error))
}

#[test]
fn clap_finds_no_contradiction() {
    command().debug_assert();
}

#[test]
fn serving_is_the_default() {
    assert_eq!(output(&[], &[]), Err("served".into()));
    assert_eq!(output(&["serve", "--log.level=debug"], &[]), Err("served".into()));
}

#[test]
fn flags_may_stand_before_and_after_the_command() {
    for arguments in [["--sampling.full=7s", "config", "show"], ["config", "show", "--sampling.full=7s"]] {
        let page = output(&arguments, &[]).unwrap();
        assert!(page.contains("  full: 7s  # --sampling.full\n"), "{page}");
    }
}

#[test]
fn a_flag_may_be_repeated() {
    let page =
        output(&["config", "show", "--web.trust-network=10.0.0.0/8", "--web.trust-network=fd00::/8"], &[]);
    let page = page.unwrap();
    assert!(page.contains("    - \"10.0.0.0/8\"\n    - \"fd00::/8\"\n"), "{page}");
}

#[test]
fn the_last_switch_of_a_collector_holds() {
    let name = COLLECTORS[0];
    let (on, off) = (format!("--collector.{name}"), format!("--no-collector.{name}"));
    let shown = |arguments: &[&str], env: &[(&str, &str)]| {
        let page = output(&[&["config", "show"], arguments].concat(), env).unwrap();
        page.contains(&format!("  {name}: true\n"))
    };
    assert!(shown(&[], &[]));
    assert!(!shown(&[&off], &[]));
    assert!(shown(&[&off, &on], &[]));
    assert!(!shown(&[&on, &off], &[]));
    let variable = crate::config::settings::env_name(&format!("{COLLECTOR_FLAG}{name}"));
    assert!(!shown(&[], &[(&variable, "false")]));
    assert!(shown(&[&on], &[(&variable, "false")]));
}

#[test]
fn what_is_on_has_a_flag_that_switches_it_off() {
    let shown = |arguments: &[&str], env: &[(&str, &str)]| {
        let page = output(&[&["config", "show"], arguments].concat(), env).unwrap();
        page.contains("history:\n  enabled: true")
    };
    assert!(shown(&[], &[]));
    assert!(!shown(&["--no-history"], &[]));
    assert!(!shown(&["--history=false"], &[]));
    assert!(shown(&["--no-history", "--history"], &[]));
    assert!(!shown(&["--history", "--no-history"], &[]));
    assert!(!shown(&[], &[("DOCKMETER_HISTORY", "false")]));
    assert!(shown(&["--history"], &[("DOCKMETER_HISTORY", "false")]));
}

#[test]
fn a_mistake_in_the_command_line_is_an_error_that_teaches() {
    let unknown = output(&["--web.listen-adress=:1"], &[]).unwrap_err();
    assert!(unknown.contains("--web.listen-adress") && unknown.contains("--web.listen-address"), "{unknown}");
    assert!(output(&["sreve"], &[]).is_err());
    assert!(output(&["config"], &[]).is_err());
    assert_eq!(
        output(&["--web.max-requests=many"], &[]),
        Err("--web.max-requests: `many` is not a whole number from 1 to 10000".into())
    );
}

#[test]
fn help_names_every_flag_and_version_the_version() {
    let help = output(&["--help"], &[]).unwrap();
    for flag in ALL.iter().filter_map(|setting| setting.flag) {
        assert!(help.contains(&format!("--{flag}")), "{flag}");
    }
    assert!(COLLECTORS.iter().all(|name| help.contains(name)));
    assert_eq!(output(&["--version"], &[]), Ok(format!("dockmeter {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn check_says_what_it_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        output(&["config", "check", "--config.file", file.to_str().unwrap()], &[])
    };
    assert_eq!(check("sampling: {full: 5s}"), Ok(format!("`{}` is valid\n", file.display())));
    let refused = check("sampling:\n  full: 5\n").unwrap_err();
    assert!(refused.starts_with(&format!("{}:2:9: `5` is not a duration", file.display())), "{refused}");
    let map = check("tenancy: {team: [{map: {from: project, file: teams.yml}}]}").unwrap_err();
    assert!(map.contains("teams.yml") && map.contains("could not read"), "{map}");
    assert!(output(&["config", "check"], &[]).unwrap().contains("there is no configuration file"));
}

#[test]
fn a_cause_is_said_once() {
    let missing = output(&["config", "check", "--config.file=/nowhere/f.yml"], &[]).unwrap_err();
    assert_eq!(missing.matches("No such file").count(), 1, "{missing}");
    let error = anyhow::anyhow!("a is away").context("could not read b");
    assert_eq!(whole(&error), "could not read b: a is away");
}

#[test]
fn every_shell_is_taught_every_flag_and_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = output(&["completions", shell], &[]).unwrap();
        let flags = ALL.iter().filter_map(|setting| setting.flag.map(str::to_owned));
        let switches = switches().map(|name| format!("{NO_COLLECTOR_FLAG}{name}"));
        for flag in flags.chain(switches) {
            assert!(script.contains(&flag), "{shell}: {flag}");
        }
        for (words, _) in teach::leaves(&command()) {
            let word = words.rsplit(' ').next().unwrap();
            assert!(script.contains(word), "{shell}: {words}");
        }
    }
    let refused = output(&["completions", "csh"], &[]).unwrap_err();
    assert!(refused.contains("csh") && refused.contains("bash, zsh, fish"), "{refused}");
}

#[test]
fn the_manual_page_names_every_flag_and_command_and_no_page_that_does_not_exist() {
    let page = output(&["manual"], &[]).unwrap().replace("\\-", "-");
    for flag in ALL.iter().filter_map(|setting| setting.flag) {
        assert!(page.contains(&format!("--{flag}")), "{flag}");
    }
    for (words, _) in teach::leaves(&command()) {
        assert!(page.contains(&words), "{words}");
    }
    let pages: Vec<&str> = page.split_whitespace().filter(|word| word.contains("(1)")).collect();
    assert!(pages.iter().all(|page| !page.contains("dockmeter-")), "another page is referred to: {pages:?}");
}
