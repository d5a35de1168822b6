//! That a change is kept and rendered whole, or not at all.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::config::{Severity, Sources as Settings};

struct Place {
    folder: TempDir,
}

impl Place {
    /// A folder with a configuration of alerts in which more is said.
    fn new(more: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("alerting: {{changes_file: changes.yml, rules_output: stack{more}}}\n");
        fs::write(folder.path().join("dockmeter.yml"), text).unwrap();
        Place { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn config(&self) -> Config {
        Settings { default_file: Some(self.path("dockmeter.yml")), ..Settings::default() }.load().unwrap()
    }
}

fn change(rulebook: &Rulebook, name: &str, wish: &str) -> Result<Done, RulebookError> {
    rulebook.change(name, &serde_json::from_str(wish).unwrap(), "ops", Timestamp::UNIX_EPOCH)
}

const CPU: &str = "ContainerCpuHigh";

#[test]
fn a_change_stands_on_top_of_the_configuration_and_can_be_taken_back() {
    let place = Place::new(", alerts: {ContainerCpuHigh: {fire: 0.8, severity: warning}}");
    let rulebook = Rulebook::new(place.config());
    let done = change(&rulebook, CPU, r#"{"for_seconds": 600, "fire": 0.4}"#).unwrap();
    let Rule { values, configured, source, sources, .. } = &done.rule;
    assert_eq!((values.fire, values.for_seconds, values.severity), (0.4, 600.0, "warning"));
    assert_eq!((configured.clear, values.clear), (Some(0.685714285714), Some(0.342857142857)));
    assert_eq!((configured.fire, *source, sources.fire), (0.8, Source::Changed, Source::Changed));
    assert_eq!((sources.severity, sources.enabled), (Source::Configuration, Source::Default));
    assert!(place.read("stack/rules/containers.yml").contains("(container:cpu_share:ratio) > 0.4"));
    let kept = place.read("changes.yml");
    assert!(
        kept.contains(r#""ContainerCpuHigh": {fire: 0.4, for: 10m, by: "ops", at: "1970-01-01T00:00:00Z"}"#),
        "{kept}"
    );

    // What is read at the next start is the same, for whatever is made of it.
    let config = place.config();
    let catalogue = super::super::catalogue(&config.alerting, config.slo.period).unwrap();
    let alert = catalogue.alerts().find(|alert| alert.name == CPU).unwrap();
    assert_eq!((alert.fire, alert.severity, alert.is_changed), (0.4, Severity::Warning, true));
    assert_eq!(config.alerting.changes.text(), done.alerting.changes.text());
    let rulebook = Rulebook::new(config);
    assert_eq!(rulebook.list().unwrap().into_iter().find(|rule| rule.name == CPU).unwrap(), done.rule);

    let back = rulebook.take_back(CPU).unwrap().rule;
    assert_eq!((back.values, back.source), (back.configured, Source::Configuration));
    assert_eq!(back.changed_by, None);
    assert!(place.read("stack/rules/containers.yml").contains("(container:cpu_share:ratio) > 0.8"));
    assert!(matches!(rulebook.take_back(CPU), Err(RulebookError::NotChanged(_))));
}

#[test]
fn an_alert_that_the_configuration_disables_can_be_enabled_and_the_other_way_round() {
    let place = Place::new(", alerts: {ContainerCpuHigh: {enabled: false}}");
    let rulebook = Rulebook::new(place.config());
    let is_there = || place.read("stack/rules/containers.yml").contains("alert: ContainerCpuHigh\n");
    assert!(change(&rulebook, CPU, r#"{"enabled": true}"#).unwrap().rule.values.enabled);
    assert!(is_there());
    assert!(!change(&rulebook, CPU, r#"{"enabled": null}"#).unwrap().rule.values.enabled);
    assert!(!is_there() && place.read("changes.yml").ends_with("\nalerts: {}\n"));
    change(&rulebook, "HostCpuHigh", r#"{"enabled": false}"#).unwrap();
    assert!(!place.read("stack/rules/host.yml").contains("alert: HostCpuHigh\n"));
}

#[test]
fn what_cannot_be_rendered_or_written_changes_nothing() {
    let place = Place::new("");
    let rulebook = Rulebook::new(place.config());
    change(&rulebook, CPU, r#"{"fire": 0.5}"#).unwrap();
    let before = [place.read("changes.yml"), place.read("stack/rules/containers.yml")];
    let unchanged = |why: &str| {
        let now = [place.read("changes.yml"), place.read("stack/rules/containers.yml")];
        assert_eq!(now, before, "{why}");
    };
    let refused = change(&rulebook, CPU, r#"{"clear": 0.6}"#).unwrap_err();
    assert!(matches!(&refused, RulebookError::Refused(why) if why.contains("it clears at 0.6")), "{refused}");
    unchanged("a clear beyond the fire");
    assert!(matches!(change(&rulebook, "Nothing", r#"{"fire": 1}"#), Err(RulebookError::Unknown { .. })));

    // Where one of the rules cannot be written, the file of changes is put back, too.
    fs::create_dir_all(place.path("stack/rules/.containers.yml.new")).unwrap();
    let unwritten = change(&rulebook, CPU, r#"{"fire": 0.6}"#).unwrap_err();
    assert!(matches!(unwritten, RulebookError::Write(_)), "{unwritten}");
    unchanged("rules that cannot be written");
    fs::remove_dir(place.path("stack/rules/.containers.yml.new")).unwrap();

    fs::create_dir_all(place.path(".changes.yml.new")).unwrap();
    assert!(matches!(change(&rulebook, CPU, r#"{"fire": 0.6}"#), Err(RulebookError::Write(_))));
    unchanged("changes that cannot be written");
}

#[test]
fn a_change_of_what_there_is_not_is_refused_where_it_stands() {
    let place = Place::new("");
    fs::write(place.path("changes.yml"), "alerts:\n  Container: {fire: 1}\n").unwrap();
    let config = place.config();
    let error = super::super::catalogue(&config.alerting, config.slo.period).unwrap_err().to_string();
    assert!(error.contains("changes.yml:2:14: there is no alert `Container`, did you mean "), "{error}");
}
