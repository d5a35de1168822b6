//! Objectives of services: the section `slo`, validated, and the words that container labels
//! share with it.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use rust_decimal::Decimal;

use super::file::{self, ObjectiveEntry, RatioEntry, Text};
use super::layers::{Given, Layers};
use super::settings;
use super::{ConfigError, value};
use crate::tenant::{LabelValue, Tenant};
use crate::yaml::Spanned;

/// The period that budgets are for: shorter ones have no budget worth watching, longer ones are
/// held by no Prometheus.
const PERIOD: RangeInclusive<Duration> = Duration::from_secs(86_400)..=Duration::from_secs(366 * 86_400);

/// How slow a request may be that is still fast enough.
const THRESHOLD: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);

/// Entries of one list; each may stand for many services.
const MOST_ENTRIES: usize = 1_000;

/// The longest name of an objective of one's own.
const LONGEST_NAME: usize = 63;

/// Names of objectives that have a meaning already.
const TAKEN_NAMES: [&str; 4] = ["availability", "latency", "uptime", "stack"];

/// Objectives, and the period that their budgets are for.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// The period of budgets, whole days.
    pub period: Duration,
    /// What is promised, and for whom.
    pub objectives: Vec<Objective>,
}

/// One objective of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Which services it is for.
    pub whose: Whose,
    /// What is promised.
    pub promise: Promise,
}

/// Which services are meant: whatever is not named may be any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// The user.
    pub user: Option<LabelValue>,
    /// The project.
    pub project: Option<LabelValue>,
    /// The team.
    pub team: Option<LabelValue>,
    /// The service.
    pub service: Option<LabelValue>,
}

impl Whose {
    /// Whether a service of a tenant is meant.
    pub fn admits(&self, tenant: &Tenant, service: &LabelValue) -> bool {
        let is = |wanted: &Option<LabelValue>, value: &LabelValue| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        is(&self.user, &tenant.user)
            && is(&self.project, &tenant.project)
            && is(&self.team, &tenant.team)
            && is(&self.service, service)
    }

    /// The one service that is meant, if it is only one.
    pub fn only(&self) -> Option<(Tenant, LabelValue)> {
        let tenant =
            Tenant { user: self.user.clone()?, project: self.project.clone()?, team: self.team.clone()? };
        Some((tenant, self.service.clone()?))
    }
}

/// What is promised of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Promise {
    /// The share of good events.
    pub target: Target,
    /// What counts, and what of it is bad.
    pub of: Counted,
}

/// What counts as an event, and which events are bad.
#[derive(Clone, Debug, PartialEq)]
pub enum Counted {
    /// Requests; bad are those that the server failed.
    Availability,
    /// Requests; bad are those that took longer.
    Latency(Duration),
    /// Seconds in which a container should be up; bad are those in which it was not.
    Uptime,
    /// What two selections of counters count.
    Ratio {
        /// The name of the objective.
        name: LabelValue,
        /// All events.
        total: Selector,
        /// The bad ones among them.
        bad: Selector,
    },
}

impl Counted {
    /// The value of the label `slo`.
    pub fn name(&self) -> &str {
        match self {
            Counted::Availability => "availability",
            Counted::Latency(_) => "latency",
            Counted::Uptime => "uptime",
            Counted::Ratio { name, .. } => name.as_str(),
        }
    }
}

/// A share of good events, more than none and less than all. Kept as it was written: as decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(Decimal);

impl Target {
    /// A target in percent, as `99.9`.
    ///
    /// # Errors
    /// It is no number, or one that promises nothing or the impossible; the message says so.
    pub fn percent(text: &str) -> Result<Target, String> {
        let number = Decimal::from_str_exact(text.trim()).map_err(|_| {
            format!("`{text}` is not a share in percent such as `99.9`, without a sign for percent")
        })?;
        if number <= Decimal::ZERO {
            return Err(format!(
                "`{text}` percent promises nothing; an objective is above 0, such as `99.9`"
            ));
        }
        if number >= Decimal::ONE_HUNDRED {
            return Err(format!(
                "`{text}` percent leaves no event that may fail, which nobody can hold; an objective is below 100, such as `99.9`"
            ));
        }
        Ok(Target(number.normalize()))
    }

    /// The target as a share of 1.
    pub fn ratio(self) -> f64 {
        // By its digits, so that 99.9 percent is the number that 0.999 is.
        let share = (self.0 / Decimal::ONE_HUNDRED).normalize().to_string();
        share.parse().unwrap_or(0.0)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Series of one counter: its name, and labels that have to be, or not to be, of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The name in Prometheus.
    pub family: String,
    /// Label, whether it has to be equal, and the value; a label that is absent is empty.
    matchers: Vec<(String, bool, String)>,
}

impl Selector {
    /// Whether a series with these labels is meant.
    pub fn admits(&self, labels: &[(String, String)]) -> bool {
        self.matchers.iter().all(|(name, equal, wanted)| {
            let value = labels.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
            (value == wanted) == *equal
        })
    }

    /// A selector as PromQL writes it, of one name with `=` and `!=`.
    ///
    /// # Errors
    /// It is none; the message says so.
    pub fn parse(text: &str) -> Result<Selector, String> {
        let refused =
            || format!("`{text}` is not a counter such as `jobs_total` or `jobs_total{{result=\"failed\"}}`");
        let text_of = text.trim();
        let (family, rest) = text_of.split_once('{').unwrap_or((text_of, "}"));
        if !is_name(family, true) {
            return Err(refused());
        }
        let mut rest = rest.trim_start();
        let mut matchers = Vec::new();
        while !rest.starts_with('}') {
            let end = rest.find(['=', '!']).ok_or_else(refused)?;
            let (name, after) = (rest[..end].trim(), &rest[end..]);
            if after.starts_with("=~") || after.starts_with("!~") {
                return Err(format!(
                    "`{text}` has a regular expression; a counter is chosen by `=` and `!=`"
                ));
            }
            let (equal, after) = match after.strip_prefix("!=") {
                Some(after) => (false, after),
                None => (true, after.strip_prefix('=').ok_or_else(refused)?),
            };
            if !is_name(name, false) {
                return Err(refused());
            }
            let (wanted, after) = quoted(after.trim_start()).ok_or_else(refused)?;
            matchers.push((name.to_owned(), equal, wanted));
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if after.starts_with('}') => after,
                None => return Err(refused()),
            };
        }
        if rest != "}" {
            return Err(refused());
        }
        Ok(Selector { family: family.to_owned(), matchers })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.family)?;
        for (place, (name, equal, wanted)) in self.matchers.iter().enumerate() {
            f.write_str(if place == 0 { "{" } else { "," })?;
            write!(f, "{name}{}{wanted:?}", if *equal { "=" } else { "!=" })?;
        }
        f.write_str(if self.matchers.is_empty() { "" } else { "}" })
    }
}

/// Whether a text is the name of a metric, or of a label.
fn is_name(text: &str, metric: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (metric && c == ':');
    text.chars().all(fits) && text.starts_with(|c: char| fits(c) && !c.is_ascii_digit())
}

/// A text between quotes at the beginning, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.strip_prefix('"')?.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, &text[at + 2..])),
            (_, '\\') => value.push(match characters.next()?.1 {
                'n' => '\n',
                same @ ('"' | '\\') => same,
                _ => return None,
            }),
            (_, other) => value.push(other),
        }
    }
}

/// How slow a request may be that is still fast enough.
///
/// # Errors
/// The text is no duration from 1 ms to an hour; the message says so.
pub fn threshold(text: &str) -> Result<Duration, String> {
    value::duration(text.trim(), THRESHOLD)
}

/// Puts the section together.
pub(super) fn slo(layers: &mut Layers<'_>, file: &file::Slo) -> Result<Slo, ConfigError> {
    let period = layers.one(&settings::SLO_PERIOD, file.period.as_ref(), |text| {
        let period = value::duration(text, PERIOD)?;
        match period.as_secs() % 86_400 {
            0 => Ok(period),
            _ => Err(format!("`{text}` is not a number of whole days such as `30d`")),
        }
    })?;
    layers.note(&settings::SLO_OBJECTIVES, &file.objectives);
    layers.note(&settings::SLO_CUSTOM, &file.custom);
    let mut objectives = Vec::new();
    for entry in file.objectives.iter().flat_map(|list| &list.value) {
        bounded(layers, objectives.len(), entry.referenced)?;
        objectives.push(objective(layers, entry)?);
    }
    let mut names = BTreeSet::new();
    let before = objectives.len();
    for entry in file.custom.iter().flat_map(|list| &list.value) {
        bounded(layers, objectives.len() - before, entry.referenced)?;
        let objective = ratio(layers, entry)?;
        let known = (objective.promise.of.name().to_owned(), format!("{:?}", objective.whose));
        if !names.insert(known) {
            let message =
                format!("a second objective of the same services is called `{}`", entry.value.name.value);
            return Err(layers.place(entry.value.name.referenced).refuse(message));
        }
        objectives.push(objective);
    }
    Ok(Slo { period, objectives })
}

fn bounded(layers: &Layers<'_>, known: usize, at: crate::yaml::Location) -> Result<(), ConfigError> {
    match known < MOST_ENTRIES {
        true => Ok(()),
        false => Err(layers.place(at).refuse(format!("there may be {MOST_ENTRIES} entries at most"))),
    }
}

fn objective(layers: &Layers<'_>, entry: &Spanned<ObjectiveEntry>) -> Result<Objective, ConfigError> {
    let (place, entry) = (layers.place(entry.referenced), &entry.value);
    let of = match (entry.slo.value.as_str(), &entry.threshold) {
        ("latency", Some(text)) => Counted::Latency(layers.given(text).parse(threshold)?),
        ("latency", None) => {
            return Err(place
                .refuse("a latency needs a `threshold`, such as `500ms`: which requests are fast enough?"));
        }
        ("availability" | "uptime", Some(text)) => {
            let message = format!("`threshold` belongs to `slo: latency`, not to `{}`", entry.slo.value);
            return Err(layers.place(text.referenced).refuse(message));
        }
        ("availability", None) => Counted::Availability,
        ("uptime", None) => Counted::Uptime,
        (other, _) => {
            let message = format!(
                "`{other}` is not `availability`, `latency` or `uptime`; objectives of counters of your own stand in `slo.custom`"
            );
            return Err(layers.place(entry.slo.referenced).refuse(message));
        }
    };
    let whose = whose(layers, [&entry.user, &entry.project, &entry.team, &entry.service])?;
    let target = target(layers, entry.objective.as_ref(), &place)?;
    Ok(Objective { whose, promise: Promise { target, of } })
}

fn ratio(layers: &Layers<'_>, entry: &Spanned<RatioEntry>) -> Result<Objective, ConfigError> {
    let (place, entry) = (layers.place(entry.referenced), &entry.value);
    let name = layers.given(&entry.name).parse(name)?;
    let selector = |text: &Option<Text>, key: &str| match text {
        Some(text) => layers.given(text).parse(Selector::parse),
        None => Err(place.refuse(format!("`{key}` is missing: the counter of {key} events"))),
    };
    let of =
        Counted::Ratio { name, total: selector(&entry.total, "total")?, bad: selector(&entry.bad, "bad")? };
    let whose = whose(layers, [&entry.user, &entry.project, &entry.team, &entry.service])?;
    let target = target(layers, entry.objective.as_ref(), &place)?;
    Ok(Objective { whose, promise: Promise { target, of } })
}

fn target(layers: &Layers<'_>, text: Option<&Text>, place: &super::Origin) -> Result<Target, ConfigError> {
    let missing =
        || place.refuse("`objective` is missing: the share of good events in percent, such as `99.9`");
    layers.given(text.ok_or_else(missing)?).parse(Target::percent)
}

fn name(text: &str) -> Result<LabelValue, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if TAKEN_NAMES.contains(&text) {
        return Err(format!("`{text}` has a meaning already; choose another name"));
    }
    match !text.is_empty() && text.len() <= LONGEST_NAME && text.chars().all(fits) {
        true => Ok(LabelValue::clean(text)),
        false => Err(format!(
            "`{text}` is not the name of an objective: at most {LONGEST_NAME} letters, digits, `_` and `-`"
        )),
    }
}

fn whose(layers: &Layers<'_>, texts: [&Option<Text>; 4]) -> Result<Whose, ConfigError> {
    let one = |text: &Option<Text>| {
        let given: Option<Given> = text.as_ref().map(|text| layers.given(text));
        given.map(|given| given.parse(named)).transpose()
    };
    let [user, project, team, service] = texts;
    Ok(Whose { user: one(user)?, project: one(project)?, team: one(team)?, service: one(service)? })
}

fn named(text: &str) -> Result<LabelValue, String> {
    let value = LabelValue::clean(text);
    match value.is_empty() {
        true => Err("an empty name is nobody's; leave the key out to mean all".to_owned()),
        false => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_target_is_a_share_that_somebody_can_hold() {
        for (text, ratio) in [("99.9", 0.999), ("99", 0.99), (" 95.5 ", 0.955), ("0.1", 0.001)] {
            assert_eq!(Target::percent(text).unwrap().ratio(), ratio, "{text}");
        }
        for text in ["0", "-1", "100", "100.0", "101", "NaN", "inf", "99,9", "99.9%", "", "1e1"] {
            assert!(Target::percent(text).is_err(), "{text}");
        }
        assert_eq!(Target::percent("99.90").unwrap().to_string(), "99.9");
    }

    #[test]
    fn a_selector_chooses_series_by_labels() {
        let labels = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let failed = Selector::parse("jobs_total{result=\"failed\", queue!=\"test\"}").unwrap();
        assert_eq!(failed.family, "jobs_total");
        assert!(failed.admits(&labels(&[("result", "failed")])));
        assert!(!failed.admits(&labels(&[("result", "failed"), ("queue", "test")])));
        assert!(!failed.admits(&[]));
        assert!(Selector::parse("jobs_total").unwrap().admits(&labels(&[("result", "ok")])));
        assert_eq!(failed.to_string(), "jobs_total{result=\"failed\",queue!=\"test\"}");
        assert!(Selector::parse("a{b=~\"c\"}").unwrap_err().contains("regular expression"));
        assert!(Selector::parse("a{b!~\"c\"}").unwrap_err().contains("regular expression"));
        for text in ["", "1a", "a b", "a{", "a{b}", "a{b=c}", "a{b=\"c\"", "a{b=\"c\"}x", "a{=\"c\"}"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_selector_is_read_back_as_it_is_shown(name in "[a-z_]{1,8}", value in "[ -~]{0,12}") {
            let text = format!("x_total{{{name}={value:?}}}");
            let selector = Selector::parse(&text).unwrap();
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector.clone()));
            prop_assert!(selector.admits(&[(name, value)]));
        }

        #[test]
        fn any_text_is_a_selector_or_refused(text in "\\PC{0,30}") {
            let _ = Selector::parse(&text);
            let _ = Target::percent(&text);
        }
    }
}
