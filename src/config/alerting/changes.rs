//! What is changed about alerts while the exporter runs: the file of `alerting.changes_file`.
//!
//! Its entries are those of `alerting.alerts`, with who changed it and when, and are held to the
//! same. The program writes it as a whole; who edits it by hand loses comments, and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::super::file::{AlertEntry, ChangedEntry, ChangesFile};
use super::super::layers::Layers;
use super::super::{ConfigError, Sources, value};
use super::{AlertChange, change, hold, severity, threshold};
use crate::yaml::{self, YamlError, quoted};

/// What stands at its head.
const HEAD: &str =
    "# Changes of alerts through `/api/alerts/rules`, on top of `alerting.alerts`; written by dockmeter.\n";

/// Changes by the names of alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertChanges(BTreeMap<String, Changed>);

/// One change, and whose it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changed {
    /// What is changed.
    pub change: AlertChange,
    /// Who changed it last, if that is known.
    pub by: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}

impl AlertChanges {
    /// Reads the file; without one nothing is changed.
    ///
    /// # Errors
    /// It cannot be read, or something in it is refused: file, line and column.
    pub fn read(path: &Path) -> Result<AlertChanges, ConfigError> {
        let file: ChangesFile = match yaml::read(path) {
            Err(YamlError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(AlertChanges::default());
            }
            read => read?,
        };
        let sources = Sources::default();
        let layers = Layers::new(&sources, path);
        let mut changes = BTreeMap::new();
        for (name, entry) in file.alerts.into_iter().flat_map(|list| list.value) {
            let ChangedEntry { fire, clear, r#for, severity, enabled, by, at } = entry.value;
            let alert = AlertEntry { fire, clear, r#for, severity, enabled };
            let changed = Changed {
                change: change(&layers, &alert, layers.place(entry.referenced))?,
                by: by.map(|text| text.value),
                at: at.map(|text| layers.given(&text).parse(moment)).transpose()?,
            };
            changes.insert(name, changed);
        }
        Ok(AlertChanges(changes))
    }

    /// The file that says this.
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        text.push_str(if self.0.is_empty() { "alerts: {}\n" } else { "alerts:\n" });
        for (name, Changed { change, by, at }) in &self.0 {
            let said = change.said().into_iter();
            let by = by.as_ref().map(|by| format!("by: {}", quoted(by)));
            let at = at.map(|at| format!("at: {}", quoted(&at.to_string())));
            let said: Vec<String> = said.chain(by).chain(at).collect();
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {}: {{{}}}", quoted(name), said.join(", "));
        }
        text
    }

    /// What is changed about an alert.
    pub fn get(&self, name: &str) -> Option<&Changed> {
        self.0.get(name)
    }

    /// The names of alerts that are changed.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Puts a change in the place of another; one of nothing takes it out.
    pub fn set(&mut self, name: &str, changed: Changed) {
        if changed.change.said().is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), changed);
        }
    }

    /// Takes a change out; whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("`{text}` is not a time such as `2027-01-31T12:00:00Z`"))
}

/// What somebody wants of an alert. What is not named stays as it was changed before, and what
/// is `null` is as the configuration has it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertWish {
    /// The threshold at which it fires.
    #[serde(deserialize_with = "named")]
    pub fire: Option<Option<f64>>,
    /// The threshold at which it clears.
    #[serde(deserialize_with = "named")]
    pub clear: Option<Option<f64>>,
    /// How long the condition has to hold.
    #[serde(deserialize_with = "named")]
    pub for_seconds: Option<Option<u64>>,
    /// How much it matters.
    #[serde(deserialize_with = "named")]
    pub severity: Option<Option<String>>,
    /// Whether it is there at all.
    #[serde(deserialize_with = "named")]
    pub enabled: Option<Option<bool>>,
}

fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl AlertWish {
    /// What is changed after this wish, if that was changed before; each part is held to what the
    /// configuration is held to.
    ///
    /// # Errors
    /// What is wrong with a part, in a sentence that names it.
    pub fn onto(&self, before: AlertChange) -> Result<AlertChange, String> {
        fn part<W: ToString, T>(
            name: &str,
            wish: &Option<Option<W>>,
            before: Option<T>,
            parse: impl FnOnce(&str) -> Result<T, String>,
        ) -> Result<Option<T>, String> {
            match wish {
                None => Ok(before),
                Some(None) => Ok(None),
                Some(Some(value)) => {
                    parse(&value.to_string()).map(Some).map_err(|message| format!("`{name}`: {message}"))
                }
            }
        }
        let seconds = |text: &str| hold(&format!("{text}s"));
        Ok(AlertChange {
            fire: part("fire", &self.fire, before.fire, threshold)?,
            clear: part("clear", &self.clear, before.clear, threshold)?,
            hold: part("for_seconds", &self.for_seconds, before.hold, seconds)?,
            severity: part("severity", &self.severity, before.severity, severity)?,
            enabled: part("enabled", &self.enabled, before.enabled, value::boolean)?,
            origin: before.origin,
        })
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        *self == AlertWish::default()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Severity;

    fn read(text: &str) -> Result<AlertChanges, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("changes.yml");
        fs::write(&path, text).unwrap();
        let shown = |error: ConfigError| error.to_string();
        AlertChanges::read(&path).map_err(shown).map_err(|error| error.rsplit_once("/").unwrap().1.to_owned())
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let wish = AlertWish {
            fire: Some(Some(0.35)),
            for_seconds: Some(Some(90)),
            severity: Some(Some("critical".to_owned())),
            enabled: Some(Some(true)),
            ..AlertWish::default()
        };
        let change = wish.onto(AlertChange::default()).unwrap();
        let at = Some("2026-01-01T00:00:00.5Z".parse().unwrap());
        let mut changes = AlertChanges::default();
        changes.set("Slow", Changed { change, by: Some("o'\"ps: #1\n".to_owned()), at });
        changes.set("Other", Changed::default());
        let text = changes.text();
        assert_eq!(
            text.lines().last().unwrap(),
            r#"  "Slow": {fire: 0.35, for: 90s, severity: critical, enabled: true, by: "o'\"ps: #1\n", at: "2026-01-01T00:00:00.5Z"}"#
        );
        let mut read = read(&text).unwrap();
        read.0.get_mut("Slow").unwrap().change.origin = Default::default();
        assert_eq!(read, changes);
        assert_eq!(read.text(), text);
        assert!(read.remove("Slow") && !read.remove("Slow"));
        assert!(read.text().ends_with("\nalerts: {}\n"));
    }

    #[test]
    fn without_a_file_nothing_is_changed() {
        assert_eq!(AlertChanges::read(Path::new("/nowhere/changes.yml")).unwrap(), AlertChanges::default());
        for text in ["", "alerts:\n", "alerts: {}\n"] {
            assert_eq!(read(text).unwrap(), AlertChanges::default(), "{text}");
        }
    }

    #[test]
    fn a_broken_file_says_where() {
        for (text, message) in [
            ("alerts:\n  Slow: {fire: x}\n", "changes.yml:2:16: `x` is not a number from "),
            ("alerts:\n  Slow: {at: noon}\n", "changes.yml:2:14: `noon` is not a time such as "),
            ("alerts:\n  Slow: {fires: 1}\n", "changes.yml:2:10: unknown key `fires`, expected `fire`, "),
            ("alert: {}\n", "changes.yml:1:1: unknown key `alert`, expected `alerts`"),
            ("alerts: [", "changes.yml:1:9: "),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.starts_with(message), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_not_named_stays_and_null_takes_back() {
        let wish = |text: &str| serde_json::from_str::<AlertWish>(text).unwrap();
        let before =
            AlertChange { fire: Some(1.0), severity: Some(Severity::Critical), ..AlertChange::default() };
        let after = wish(r#"{"clear": 0.5, "severity": null}"#).onto(before).unwrap();
        assert_eq!((after.fire, after.clear, after.severity), (Some(1.0), Some(0.5), None));
        assert!(wish("{}").is_empty() && !wish(r#"{"fire": null}"#).is_empty());
        for (text, message) in [
            (r#"{"for_seconds": 604801}"#, "`for_seconds`: `604801s` is not from "),
            (r#"{"severity": "page"}"#, "`severity`: `page` is not `info`, `warning` or `critical`"),
        ] {
            let said = wish(text).onto(AlertChange::default()).unwrap_err();
            assert!(said.starts_with(message), "{said}");
        }
        for text in [r#"{"fire": "1"}"#, r#"{"for_seconds": -1}"#, r#"{"fires": 1}"#] {
            assert!(serde_json::from_str::<AlertWish>(text).is_err(), "{text}");
        }
    }
}
