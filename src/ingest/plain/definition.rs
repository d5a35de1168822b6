//! Metrics that programs define at run time, and those that need no definition.
//!
//! A tenant's programs share their definitions. One may be given anew at any time, with other
//! labels or another help; with another type only when nobody has used it for a while, so that
//! two programs cannot take each other's records for something else.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{needed, object, said};
use crate::ingest::allowance::Allowance;
use crate::ingest::labels::{MOST_LABELS, is_ours};
use crate::ingest::measure::HTTP_BOUNDS;
use crate::ingest::metered;
use crate::ingest::name::{Shape, label_name, metric_name};
use crate::ingest::otlp::lenient::{Double, Text};
use crate::ingest::store::refuse_reserved;
use crate::metrics::Kind;
use crate::tenant::Tenant;

/// Definitions of one tenant.
const MOST_DEFINITIONS: usize = 2_000;

/// For so long a definition is held for who uses it.
const HELD: Duration = Duration::from_secs(300);

/// Longest name and help, in bytes.
const LONGEST_NAME: usize = 128;
const LONGEST_HELP: usize = 512;

/// More bounds than these are a mistake.
const MOST_BOUNDS: usize = 200;

/// What is known of a metric that a program has defined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Definition {
    /// As Prometheus has it.
    pub(super) name: Box<str>,
    pub(super) kind: Kind,
    pub(super) help: Box<str>,
    /// The labels that records may have.
    pub(super) labels: Vec<Box<str>>,
    /// Bounds of a histogram.
    pub(super) bounds: Arc<[f64]>,
}

/// The definitions of all tenants. Each tenant's have a lock of their own.
#[derive(Debug, Default)]
pub(in crate::ingest) struct Defined(Mutex<BTreeMap<Tenant, Arc<Mutex<Definitions>>>>);

/// The definitions of a tenant, by the names that records give.
#[derive(Debug)]
pub(super) struct Definitions(HashMap<Box<str>, Held>);

/// A definition in use.
#[derive(Debug)]
struct Held {
    definition: Arc<Definition>,
    /// When it was last given or looked up.
    used: Instant,
    /// Whether it is one of those that dashboards know, which keep their type for ever.
    known: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    help: Option<Text<'a>>,
    #[serde(borrow)]
    labels: Option<Vec<Text<'a>>>,
    buckets: Option<Vec<Double>>,
}

impl Defined {
    /// The definitions of a tenant.
    pub(super) fn of(&self, tenant: &Tenant, now: Instant) -> Arc<Mutex<Definitions>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || Arc::new(Mutex::new(Definitions::begin(now)));
        all.entry(tenant.clone()).or_insert_with(begin).clone()
    }
}

impl Definitions {
    /// Those that need not be given.
    fn begin(now: Instant) -> Self {
        let held = |definition: Definition| {
            let name = definition.name.clone();
            (name, Held { definition: Arc::new(definition), used: now, known: true })
        };
        Definitions(business().map(held).collect())
    }

    /// Takes a definition, or tells why not.
    pub(super) fn define(&mut self, raw: &str, allowance: &Allowance, now: Instant) -> Result<(), String> {
        let (given, read) = read(raw, allowance)?;
        self.hold(given, read, now)
    }

    fn hold(&mut self, given: Box<str>, read: Definition, now: Instant) -> Result<(), String> {
        let in_use = |held: &Held| held.known || now.saturating_duration_since(held.used) < HELD;
        let before = self.0.get(&given);
        if let Some(before) = before.filter(|held| in_use(held) && held.definition.kind != read.kind) {
            let kind = word(before.definition.kind);
            return Err(format!("`{given}` is a {kind} already; choose another name"));
        }
        let known = before.is_some_and(|held| held.known);
        if before.is_none() && self.0.len() >= MOST_DEFINITIONS {
            self.0.retain(|_, held| in_use(held));
            if self.0.len() >= MOST_DEFINITIONS {
                return Err(format!("there are {MOST_DEFINITIONS} metrics of this tenant in use already"));
            }
        }
        self.0.insert(given, Held { definition: Arc::new(read), used: now, known });
        Ok(())
    }

    /// The definition under a name, which is in use now.
    pub(super) fn get(&mut self, name: &str, now: Instant) -> Option<Arc<Definition>> {
        let held = self.0.get_mut(name)?;
        held.used = now;
        Some(held.definition.clone())
    }
}

/// Metrics that dashboards know.
fn business() -> impl Iterator<Item = Definition> {
    let known: [(&str, Kind, &[&str], &str); 5] = [
        ("active_users", Kind::Gauge, &[], "Users who are active now."),
        ("feature_usage_total", Kind::Counter, &["feature"], "Uses of features."),
        ("project_creations_total", Kind::Counter, &[], "Projects that were created."),
        ("template_usage_total", Kind::Counter, &["template"], "Uses of templates."),
        ("tool_call_duration_seconds", Kind::Histogram, &["tool", "success"], "Duration of tool calls."),
    ];
    known.into_iter().map(|(name, kind, labels, help)| Definition {
        name: name.into(),
        kind,
        help: help.into(),
        labels: labels.iter().map(|label| Box::from(*label)).collect(),
        bounds: HTTP_BOUNDS.clone(),
    })
}

/// The name that records will give, and what it means.
fn read(raw: &str, allowance: &Allowance) -> Result<(Box<str>, Definition), String> {
    let record: Record<'_> = metered::read(object(raw)?, allowance).map_err(|why| why.to_string())?;
    let given = needed("name", said(record.name))?;
    let kind = kind(&needed("type", said(record.kind))?)?;
    let labels = record.labels.unwrap_or_default();
    Ok((
        Box::from(&*given),
        Definition {
            name: name(&given, kind)?,
            kind,
            help: cut(&said(record.help).unwrap_or_default()).into(),
            labels: labels_of(labels.into_iter().map(|label| label.0))?,
            bounds: bounds(kind, record.buckets)?,
        },
    ))
}

fn kind(word: &str) -> Result<Kind, String> {
    let known =
        [Kind::Counter, Kind::Gauge, Kind::Histogram].into_iter().find(|kind| self::word(*kind) == word);
    known.ok_or_else(|| format!("`type` is `{word}`; it has to be `counter`, `gauge` or `histogram`"))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::Untyped => "untyped",
    }
}

/// The name as Prometheus has it: a counter's ends with `_total`.
fn name(given: &str, kind: Kind) -> Result<Box<str>, String> {
    let shape = match kind {
        Kind::Counter => Shape::Counter,
        Kind::Gauge | Kind::Untyped => Shape::Gauge,
        Kind::Histogram | Kind::Summary => Shape::Distribution,
    };
    let name = metric_name(given, "", shape).filter(|name| name.len() <= LONGEST_NAME);
    let name = name.ok_or_else(|| {
        format!("`{given}` is no name; it has to have letters, digits or `_`, {LONGEST_NAME} at most")
    })?;
    refuse_reserved(&name).map_err(|why| why.to_string())?;
    Ok(name.into())
}

fn labels_of<'a>(given: impl Iterator<Item = Cow<'a, str>>) -> Result<Vec<Box<str>>, String> {
    let mut labels: Vec<Box<str>> = Vec::new();
    for label in given {
        if label_name(&label).as_deref() != Some(&*label) || label.len() > LONGEST_NAME {
            return Err(format!(
                "`{label}` is no name of a label; it has to have letters, digits and `_` alone"
            ));
        }
        if is_ours(&label) {
            return Err(format!(
                "the label `{label}` is given by dockmeter or Prometheus; choose another one"
            ));
        }
        if !labels.iter().any(|known| **known == *label) {
            // At the first too many: looking for each among any number takes long.
            if labels.len() == MOST_LABELS {
                return Err(format!("it has more than {MOST_LABELS} labels, which are the most"));
            }
            labels.push(Box::from(&*label));
        }
    }
    Ok(labels)
}

fn bounds(kind: Kind, given: Option<Vec<Double>>) -> Result<Arc<[f64]>, String> {
    let Some(given) = given else { return Ok(HTTP_BOUNDS.clone()) };
    if kind != Kind::Histogram {
        return Err("only a histogram has `buckets`".into());
    }
    // Prometheus' own list ends with it, and it is there without being said.
    let bounds: Vec<f64> =
        given.iter().map(|bound| bound.0).filter(|bound| *bound != f64::INFINITY).collect();
    let good = !bounds.is_empty()
        && bounds.len() <= MOST_BOUNDS
        && bounds.iter().all(|bound| bound.is_finite())
        && bounds.is_sorted_by(|one, next| one < next);
    if good {
        return Ok(bounds.into());
    }
    Err(format!("`buckets` have to be upper bounds that ascend, from 1 to {MOST_BOUNDS} of them"))
}

fn cut(help: &str) -> &str {
    let mut end = help.len().min(LONGEST_HELP);
    while !help.is_char_boundary(end) {
        end -= 1;
    }
    &help[..end]
}
