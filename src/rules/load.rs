//! From the catalogue's files to a [`Catalogue`]; every mistake is one line with file, line and
//! column.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::catalogue::{Catalogue, Group, Record, RecordTest};
use super::entry::{self, Text};
use super::known::{Known, Labels};
use super::promql;
use super::terms::Terms;
use crate::config::duration;
use crate::files::Source;
use crate::yaml::{self, Location, Spanned, one_line, one_of};

mod alert;

pub(super) use alert::in_order;

/// How long anything may hold, last or be tried for.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

/// Between two samples of a test, if nothing is said.
const STEP: Duration = Duration::from_secs(60);

/// Why there is no catalogue: a line for each mistake.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

/// Reads and checks a catalogue.
///
/// # Errors
/// Every mistake that was found.
pub(super) fn load(sources: &[Source], terms: &Terms) -> Result<Catalogue, Mistakes> {
    let mut loader = Loader { terms, known: Known::new(), mistakes: Vec::new(), path: Path::new("") };
    let mut files = Vec::new();
    for source in sources {
        match yaml::parse::<entry::File>(source.text.as_bytes(), &source.path) {
            Ok(file) => files.push((source.path.as_path(), file)),
            Err(error) => loader.mistakes.push(error.to_string()),
        }
    }
    // What cannot be read may declare what the rest uses.
    if !loader.mistakes.is_empty() {
        return Err(Mistakes(loader.mistakes));
    }
    for (path, file) in &files {
        loader.path = path;
        loader.metrics(file);
    }
    loader.recorded(&files);
    let groups = files.iter().filter_map(|(path, file)| {
        loader.path = path;
        loader.group(file)
    });
    let groups: Vec<Group> = groups.collect();
    loader.doubled(&files);
    match loader.mistakes.is_empty() {
        true => Ok(Catalogue { groups, known: loader.known }),
        false => Err(Mistakes(loader.mistakes)),
    }
}

struct Loader<'a> {
    terms: &'a Terms,
    known: Known,
    mistakes: Vec<String>,
    path: &'a Path,
}

impl<'a> Loader<'a> {
    fn mistake(&mut self, at: Location, message: impl AsRef<str>) {
        let place = yaml::place(self.path, Some((at.line(), at.column())));
        self.mistakes.push(format!("{place}{}", one_line(message.as_ref())));
    }

    /// Metrics that a file declares, since nobody else knows them.
    fn metrics(&mut self, file: &entry::File) {
        for (name, labels) in &file.metrics {
            let labels = labels.iter().map(|label| label.value.clone());
            let scraped = ["instance", "job"].map(str::to_owned);
            self.known.add(name, Labels::These(labels.chain(scraped).collect()));
        }
    }

    /// Makes recorded series known, also where one is made of others that come later.
    fn recorded(&mut self, files: &[(&'a Path, entry::File)]) {
        let mut waiting: Vec<(&Path, &entry::Record)> = Vec::new();
        for (path, file) in files {
            waiting.extend(file.records.iter().map(|record| (*path, &record.value)));
        }
        loop {
            let before = waiting.len();
            waiting.retain(|(_, record)| {
                let (Some(name), Some(expr)) = (&record.record, &record.expr) else { return true };
                match promql::labels_of(&self.terms.fill(&expr.value), &self.known) {
                    Ok(Labels::These(mut labels)) => {
                        labels.extend(record.labels.keys().cloned());
                        self.known.add(&self.terms.fill(&name.value), Labels::These(labels));
                        false
                    }
                    Ok(Labels::Any) => {
                        self.known.add(&self.terms.fill(&name.value), Labels::Any);
                        false
                    }
                    Err(_) => true,
                }
            });
            if waiting.is_empty() || waiting.len() == before {
                return;
            }
        }
    }

    fn group(&mut self, file: &entry::File) -> Option<Group> {
        let (Some(name), Some(title)) = (&file.group, &file.title) else {
            let place = yaml::place(self.path, Some((1, 1)));
            self.mistakes.push(format!("{place}a file has a `group` and a `title`"));
            return None;
        };
        if !is_word(&name.value) {
            self.mistake(
                name.referenced,
                format!("`{}` is not a group's name: small letters, digits and `_`", name.value),
            );
        }
        let interval = file.interval.as_ref().and_then(|text| self.duration(text));
        let records = file.records.iter().filter_map(|record| self.record(record)).collect();
        let alerts = file.alerts.iter().filter_map(|alert| self.alert(alert)).collect();
        Some(Group { name: name.value.clone(), title: title.value.clone(), interval, records, alerts })
    }

    fn record(&mut self, entry: &Spanned<entry::Record>) -> Option<Record> {
        let (at, entry) = (entry.referenced, &entry.value);
        let (Some(name), Some(expr), Some(help)) = (&entry.record, &entry.expr, &entry.help) else {
            self.mistake(at, "a recording rule has `record`, `expr` and `help`");
            return None;
        };
        let filled = self.terms.fill(&name.value);
        if !filled.contains(':') {
            self.mistake(
                name.referenced,
                format!(
                    "`{filled}` is not a recorded series' name, which has colons as `level:metric:operation`"
                ),
            );
        }
        self.labels(expr)?;
        let test = entry.test.as_ref().and_then(|test| self.record_test(test));
        Some(Record {
            name: filled,
            expr: self.terms.fill(expr.value.trim()),
            help: help.value.clone(),
            labels: entry
                .labels
                .iter()
                .map(|(key, text)| (key.clone(), self.terms.fill(&text.value)))
                .collect(),
            test,
        })
    }

    fn record_test(&mut self, entry: &Spanned<entry::RecordTest>) -> Option<RecordTest> {
        let (at, entry) = (entry.referenced, &entry.value);
        let Some(moment) = &entry.at else {
            self.mistake(at, "a test of a recording rule says when it is looked at: `at`");
            return None;
        };
        Some(RecordTest {
            interval: entry.interval.as_ref().map_or(Some(STEP), |text| self.duration(text))?,
            input: self.input(&entry.input),
            at: self.duration(moment)?,
            gives: self.input(&entry.gives),
        })
    }

    fn input(&self, series: &BTreeMap<String, Text>) -> BTreeMap<String, String> {
        series.iter().map(|(name, values)| (self.terms.fill_test(name), values.value.clone())).collect()
    }

    /// The labels of an expression.
    fn labels(&mut self, expr: &Text) -> Option<Labels> {
        match promql::labels_of(&self.terms.fill(&expr.value), &self.known) {
            Ok(labels) => Some(labels),
            Err(message) => {
                self.mistake(expr.referenced, message);
                None
            }
        }
    }

    fn duration(&mut self, text: &Text) -> Option<Duration> {
        match duration(&text.value, Duration::ZERO..=LONGEST) {
            Ok(duration) => Some(duration),
            Err(message) => {
                self.mistake(text.referenced, message);
                None
            }
        }
    }

    fn number(&mut self, text: &Text) -> Option<f64> {
        let number = text.value.parse::<f64>().ok().filter(|number| number.is_finite());
        if number.is_none() {
            self.mistake(text.referenced, format!("`{}` is not a number", text.value));
        }
        number
    }

    fn word<T: Copy>(&mut self, text: &Text, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.mistake(text.referenced, format!("`{}` is not {}", text.value, one_of(&words)));
        }
        found.map(|(_, value)| *value)
    }

    /// Names of groups and alerts stand once.
    fn doubled(&mut self, files: &[(&'a Path, entry::File)]) {
        let (mut groups, mut alerts, mut records) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (path, file) in files {
            self.path = path;
            if let Some(group) = file.group.as_ref().filter(|group| !groups.insert(group.value.clone())) {
                self.mistake(group.referenced, format!("a second group `{}`", group.value));
            }
            for name in file.alerts.iter().filter_map(|alert| alert.value.name.as_ref()) {
                if !alerts.insert(name.value.clone()) {
                    self.mistake(name.referenced, format!("a second alert `{}`; keep one", name.value));
                }
            }
            for record in &file.records {
                let Some(name) = &record.value.record else { continue };
                let labels: Vec<_> =
                    record.value.labels.iter().map(|(key, text)| (key.clone(), text.value.clone())).collect();
                if !records.insert((name.value.clone(), labels)) {
                    self.mistake(
                        name.referenced,
                        format!("a second recording rule `{}` with the same labels; keep one", name.value),
                    );
                }
            }
        }
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
