//! Alerts: every part that is needed is there, and fits the others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::catalogue::{Alert, AlertTest, Audience, Direction};
use super::super::entry::{self, Text};
use super::super::known::Labels;
use super::super::text;
use super::super::unit::Unit;
use super::{Loader, STEP};
use crate::config::Severity;
use crate::yaml::{Location, Spanned};

impl Loader<'_> {
    pub(super) fn alert(&mut self, entry: &Spanned<entry::Alert>) -> Option<Alert> {
        let (at, entry) = (entry.referenced, &entry.value);
        let Some(name) = &entry.name else {
            self.mistake(at, "an alert without a `name`");
            return None;
        };
        let before = self.mistakes.len();
        let mut missing = Vec::new();
        let mut needed = |key: &'static str, text: &'_ Option<Text>| {
            let there = text.as_ref().filter(|text| !text.value.trim().is_empty()).cloned();
            if there.is_none() {
                missing.push(key);
            }
            there
        };
        let texts = [
            ("expr", &entry.expr),
            ("severity", &entry.severity),
            ("audience", &entry.audience),
            ("unit", &entry.unit),
            ("summary", &entry.summary),
            ("description", &entry.description),
            ("dashboard", &entry.dashboard),
            ("panel", &entry.panel),
        ];
        let [expr, severity, audience, unit, summary, description, dashboard, panel] =
            texts.map(|(key, text)| needed(key, text));
        if entry.labels.is_none() {
            missing.push("labels");
        }
        if entry.actions.as_ref().is_none_or(|actions| actions.value.is_empty()) {
            missing.push("actions");
        }
        if entry.test.is_none() {
            missing.push("test");
        }
        if let [first, ..] = missing.as_slice() {
            self.mistake(at, format!("alert `{}` has no `{first}`", name.value));
            return None;
        }
        if !is_alert_name(&name.value) {
            self.mistake(
                name.referenced,
                format!("`{}` is not an alert's name: letters and digits, a capital first", name.value),
            );
        }
        let (expr, labels) = (expr?, entry.labels.as_ref()?);
        let (direction, fire, clear) = self.thresholds(at, entry)?;
        let (severity, audience) =
            (self.word(&severity?, &Severity::WORDS), self.word(&audience?, &Audience::WORDS));
        let unit = self.word(&unit?, &Unit::WORDS);
        let kept = self.labels(&expr);
        let own: Vec<String> = labels.value.iter().map(|label| label.value.clone()).collect();
        if let Some(Labels::These(kept)) = &kept {
            self.same_labels(labels, kept);
        }
        if audience == Some(Audience::Tenant) {
            self.whose(labels, &own);
        }
        let marks: BTreeMap<String, String> =
            entry.marks.iter().map(|(key, text)| (key.clone(), text.value.clone())).collect();
        let may: BTreeSet<&str> = own.iter().chain(marks.keys()).map(String::as_str).collect();
        let (summary, description) = (summary?, description?);
        let actions = &entry.actions.as_ref()?.value;
        for text in [&summary, &description].into_iter().chain(actions) {
            if let Err(message) = text::check(&text.value, &may, unit != Some(Unit::State)) {
                self.mistake(text.referenced, message);
            }
        }
        let panel = panel?;
        let number = panel.value.parse::<u32>();
        if number.is_err() {
            self.mistake(panel.referenced, format!("`{}` is not a panel's number", panel.value));
        }
        let limit = entry.limit.as_ref().and_then(|limit| self.limit(limit, &own));
        let (hold, keep) =
            (self.optional(entry.r#for.as_ref())?, self.optional(entry.keep_firing_for.as_ref())?);
        let shape = Shape { hold, keep, hysteresis: clear.is_some_and(|clear| clear != fire) };
        let alert = Alert {
            name: name.value.clone(),
            expr: self.terms.fill(expr.value.trim()),
            direction,
            fire,
            clear,
            hold,
            keep,
            severity: severity?,
            audience: audience?,
            test: self.alert_test(entry.test.as_ref()?, &shape)?,
            labels: own,
            marks,
            unit: unit?,
            limit,
            summary: summary.value.trim().to_owned(),
            description: text::one_paragraph(&description.value),
            actions: actions.iter().map(|action| text::one_paragraph(&action.value)).collect(),
            dashboard: dashboard?.value,
            panel: number.ok()?,
            is_changed: false,
        };
        (self.mistakes.len() == before).then_some(alert)
    }

    fn optional(&mut self, text: Option<&Text>) -> Option<Duration> {
        text.map_or(Some(Duration::ZERO), |text| self.duration(text))
    }

    fn thresholds(&mut self, at: Location, entry: &entry::Alert) -> Option<(Direction, f64, Option<f64>)> {
        let (direction, fire) = match (&entry.above, &entry.below) {
            (Some(text), None) => (Direction::Above, self.number(text)?),
            (None, Some(text)) => (Direction::Below, self.number(text)?),
            _ => {
                self.mistake(at, "an alert has either `above` or `below`, the threshold at which it fires");
                return None;
            }
        };
        let Some(text) = &entry.clear else { return Some((direction, fire, None)) };
        let clear = self.number(text)?;
        if let Err(message) = in_order(direction, fire, clear) {
            self.mistake(text.referenced, message);
        }
        Some((direction, fire, Some(clear)))
    }

    /// An alert names every label that its expression keeps, and no other.
    fn same_labels(&mut self, own: &Spanned<Vec<Text>>, kept: &BTreeSet<String>) {
        for label in &own.value {
            if !kept.contains(&label.value) {
                self.mistake(
                    label.referenced,
                    format!("the expression does not keep the label `{}`", label.value),
                );
            }
        }
        if let Some(more) = kept.iter().find(|label| !own.value.iter().any(|own| own.value == **label)) {
            self.mistake(
                own.referenced,
                format!("the expression also keeps the label `{more}`; name it, or aggregate it away"),
            );
        }
    }

    fn whose(&mut self, at: &Spanned<Vec<Text>>, labels: &[String]) {
        for label in ["user", "project", "team"] {
            if !labels.iter().any(|own| own == label) {
                self.mistake(
                    at.referenced,
                    format!("a tenant's alert says whose it is, and has no label `{label}`"),
                );
            }
        }
    }

    /// The recorded series that says how much there may be.
    fn limit(&mut self, text: &Text, own: &[String]) -> Option<(String, Vec<String>)> {
        match self.known.labels(&text.value) {
            Some(Labels::These(labels)) => Some((
                text.value.clone(),
                own.iter().filter(|label| labels.contains(*label)).cloned().collect(),
            )),
            _ => {
                self.mistake(text.referenced, format!("there is no recorded series `{}`", text.value));
                None
            }
        }
    }

    fn alert_test(&mut self, entry: &Spanned<entry::AlertTest>, shape: &Shape) -> Option<AlertTest> {
        let (at, entry) = (entry.referenced, &entry.value);
        let labels = entry.labels.iter().map(|(key, text)| (key.clone(), text.value.clone()));
        let mut test = AlertTest {
            interval: entry.interval.as_ref().map_or(Some(STEP), |text| self.duration(text))?,
            input: self.input(&entry.input),
            labels: labels.collect(),
            quiet: self.optional(entry.quiet.as_ref())?,
            fires: self.optional(entry.fires.as_ref())?,
            holds: entry.holds.as_ref().map(|text| self.duration(text)).unwrap_or_default(),
            clears: entry.clears.as_ref().map(|text| self.duration(text)).unwrap_or_default(),
        };
        if let Some(series) = &entry.series {
            let settle = self.optional(entry.settle.as_ref())?;
            let (texts, is_rate) =
                if entry.rates.is_empty() { (&entry.levels, false) } else { (&entry.rates, true) };
            let levels: Vec<f64> = texts.iter().map(|text| self.number(text)).collect::<Option<_>>()?;
            let wanted = if shape.hysteresis { 4 } else { 3 };
            if levels.len() != wanted {
                let message = if shape.hysteresis {
                    "a test of an alert with two thresholds has four `levels` or `rates`: before, beyond both, between them, after"
                } else {
                    "a test of an alert has three `levels` or `rates`: before, beyond the threshold, after"
                };
                self.mistake(at, message);
                return None;
            }
            staged(&mut test, &self.terms.fill_test(&series.value), &levels, is_rate, settle, shape);
        } else if entry.fires.is_none() || shape.hysteresis != entry.holds.is_some() {
            self.mistake(at, "a test has a `series` with `levels` or `rates`, or `input` and the moments at which the alert `fires`, `holds` between two thresholds, and `clears`");
        }
        Some(test)
    }
}

/// What decides how long the stages of a test take.
struct Shape {
    hold: Duration,
    keep: Duration,
    hysteresis: bool,
}

/// Makes the input and the moments of a test in which one series goes through stages: before,
/// beyond the threshold, perhaps between two thresholds, after.
fn staged(
    test: &mut AlertTest,
    series: &str,
    levels: &[f64],
    is_rate: bool,
    settle: Duration,
    shape: &Shape,
) {
    let step = test.interval;
    let steps = |time: Duration| time.as_millis().div_ceil(step.as_millis().max(1)) as u64;
    let slack = steps(settle) + 3;
    let high = slack + steps(shape.hold);
    let low = slack + steps(shape.keep);
    let lengths: Vec<u64> =
        if shape.hysteresis { vec![slack, high, slack, low] } else { vec![slack, high, low] };
    let mut values = Vec::new();
    let mut counted = 0.0;
    for (level, length) in levels.iter().zip(&lengths) {
        if is_rate {
            let growth = level * step.as_secs_f64();
            values.push(format!("{counted}+{growth}x{}", length - 1));
            counted += growth * *length as f64;
        } else {
            values.push(format!("{level}x{}", length - 1));
        }
    }
    test.input.insert(series.to_owned(), values.join(" "));
    let end = |stage: usize| step * (lengths.iter().take(stage + 1).sum::<u64>().saturating_sub(1) as u32);
    test.quiet = end(0);
    test.fires = end(1);
    test.holds = shape.hysteresis.then(|| end(2));
    test.clears = Some(end(lengths.len() - 1));
}

/// Whether the threshold at which an alert clears is not beyond the one at which it fires.
pub(in crate::rules) fn in_order(direction: Direction, fire: f64, clear: f64) -> Result<(), String> {
    let (is_beyond, side) = match direction {
        Direction::Above => (clear > fire, "above"),
        Direction::Below => (clear < fire, "below"),
    };
    match is_beyond {
        true => {
            Err(format!("it clears at {clear}, which is {side} {fire}, where it fires; it would never clear"))
        }
        false => Ok(()),
    }
}

fn is_alert_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(|c| c.is_ascii_alphanumeric())
}
