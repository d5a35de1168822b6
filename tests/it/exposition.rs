//! A strict reader of exposition pages: Prometheus text 0.0.4, OpenMetrics 1.0 and protobuf.
//!
//! Sources: Prometheus' page on exposition formats; the OpenMetrics 1.0 specification. Written
//! apart from the encoder and stricter than Prometheus: what Prometheus forgives is refused
//! (interleaved families, families without metadata, timestamps, unknown escapes, blank
//! lines), since our pages have no need of it.

mod classic;
mod lines;
mod protobuf;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashSet;

use lines::Line;
use protobuf::Native;

/// Which format a page claims to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics text format 1.0.0.
    OpenMetrics,
    /// Delimited messages `io.prometheus.client.MetricFamily`.
    Protobuf,
}

/// Label names and unescaped values, in the order of the line.
pub(crate) type LabelPairs = Vec<(String, String)>;

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The sample's name, a suffix like `_total` included.
    pub(crate) name: String,
    /// Its labels.
    pub(crate) labels: LabelPairs,
    /// The value.
    pub(crate) value: f64,
}

impl Sample {
    /// The value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether it has all these labels with these values.
    pub(crate) fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.label(name) == Some(value))
    }
}

/// What stands between one `HELP` line and the next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    /// The name in the metadata.
    pub(crate) name: String,
    /// The unescaped help text.
    pub(crate) help: String,
    /// `counter`, `gauge`, `histogram`, `unknown`, …
    pub(crate) kind: String,
    /// OpenMetrics' unit, and protobuf's.
    pub(crate) unit: Option<String>,
    /// Its samples in the order of the page; those of a histogram as the text formats have them.
    pub(crate) samples: Vec<Sample>,
    /// Native histograms by their labels; protobuf only.
    pub(crate) native: Vec<(LabelPairs, Native)>,
}

/// A page that holds every rule of its format.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    /// Its families in order.
    pub(crate) families: Vec<Family>,
}

/// Which rule a page breaks, and in which line (from 1).
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {rule}")]
pub(crate) struct Broken {
    line: usize,
    rule: String,
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(crate) fn parse(page: &[u8], dialect: Dialect) -> Result<Self, Broken> {
        if dialect == Dialect::Protobuf {
            return Reader::messages(page).map_err(|rule| broken(0, rule));
        }
        let text = std::str::from_utf8(page).map_err(|error| broken(0, format!("not UTF-8: {error}")))?;
        let body = match dialect {
            Dialect::Text | Dialect::Protobuf => text,
            Dialect::OpenMetrics => text.strip_suffix("# EOF\n").ok_or_else(|| {
                broken(0, "an OpenMetrics page ends with `# EOF` and a line feed".to_owned())
            })?,
        };
        if !body.is_empty() && !body.ends_with('\n') {
            return Err(broken(0, "the last line has no line feed".to_owned()));
        }
        let mut reader = Reader::new(dialect);
        for (index, line) in body.split_terminator('\n').enumerate() {
            reader.line(line).map_err(|rule| broken(index + 1, format!("{rule}: `{line}`")))?;
        }
        reader.finish().map_err(|rule| broken(0, rule))
    }

    /// All samples.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.iter().flat_map(|family| &family.samples)
    }

    /// All samples of a name that have these labels.
    pub(crate) fn all<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples().filter(move |sample| sample.name == name && sample.has(labels))
    }

    /// The value of the only sample of a name that has these labels.
    ///
    /// # Panics
    /// There are two.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.all(name, labels);
        let first = found.next();
        if let Some(second) = found.next() {
            panic!("two samples of `{name}` have {labels:?}: {first:?} and {second:?}");
        }
        first.map(|sample| sample.value)
    }

    /// The sum over the samples of a name that have these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).map(|sample| sample.value).sum()
    }
}

fn broken(line: usize, rule: String) -> Broken {
    Broken { line, rule }
}

/// The families so far, and the one that is open.
struct Reader {
    dialect: Dialect,
    families: Vec<Family>,
    open: Option<Open>,
    names: HashSet<String>,
    series: HashSet<(String, LabelPairs)>,
}

/// A family whose metadata may not be complete.
#[derive(Default)]
struct Open {
    name: String,
    help: Option<String>,
    kind: Option<String>,
    unit: Option<String>,
    samples: Vec<Sample>,
}

impl Reader {
    fn new(dialect: Dialect) -> Self {
        Reader { dialect, families: Vec::new(), open: None, names: HashSet::new(), series: HashSet::new() }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        match lines::parse(line, self.dialect)? {
            Line::Help(name, help) => set_once(&mut self.metadata(name)?.help, help, "HELP"),
            Line::Type(name, kind) => set_once(&mut self.metadata(name)?.kind, kind, "TYPE"),
            Line::Unit(name, unit) => {
                if !name.strip_suffix(unit.as_str()).is_some_and(|rest| rest.ends_with('_')) {
                    return Err("a family's name ends with its unit".to_owned());
                }
                set_once(&mut self.metadata(name)?.unit, unit, "UNIT")
            }
            Line::Sample(sample) => self.sample(sample),
        }
    }

    /// Reads a page of messages, whose families have to hold the rules of the text formats too.
    fn messages(page: &[u8]) -> Result<Page, String> {
        let mut reader = Reader::new(Dialect::Protobuf);
        for message in protobuf::parse(page)? {
            let within = |rule: String| format!("{rule}, in `{}`", message.name);
            let open = reader.metadata(message.name.clone())?;
            (open.help, open.kind, open.unit) = (message.help, message.kind, message.unit);
            for sample in message.samples {
                reader.sample(sample).map_err(within)?;
            }
            reader.close().map_err(within)?;
            if let Some(family) = reader.families.last_mut() {
                family.native = message.native;
            }
        }
        reader.finish()
    }

    /// The open family, if it has this name and no samples yet, else a new one.
    fn metadata(&mut self, name: String) -> Result<&mut Open, String> {
        if self.open.as_ref().is_none_or(|open| open.name != name) {
            self.close()?;
            if !self.names.insert(name.clone()) {
                return Err("a family's lines stand together".to_owned());
            }
            self.open = Some(Open { name, ..Open::default() });
        }
        match &mut self.open {
            Some(open) if open.samples.is_empty() => Ok(open),
            _ => Err("metadata stands before the samples".to_owned()),
        }
    }

    fn sample(&mut self, sample: Sample) -> Result<(), String> {
        let open = self.open.as_mut().ok_or("a sample stands before any metadata")?;
        let kind = open.kind.as_deref().ok_or("TYPE stands before the first sample")?;
        if !belongs(&open.name, kind, &sample.name, self.dialect) {
            return Err(format!("not a sample of the {kind} `{}`", open.name));
        }
        if kind == "counter" && (sample.value.is_nan() || sample.value < 0.0) {
            return Err("a counter is neither negative nor NaN".to_owned());
        }
        let mut key = sample.labels.clone();
        key.sort();
        if !self.series.insert((sample.name.clone(), key)) {
            return Err("a series stands on a page once".to_owned());
        }
        open.samples.push(sample);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let missing = |what| format!("`{}` has no {what}", open.name);
        if open.samples.is_empty() {
            return Err(missing("samples"));
        }
        let help = open.help.ok_or_else(|| missing("HELP"))?;
        let kind = open.kind.ok_or_else(|| missing("TYPE"))?;
        if kind == "histogram" {
            classic::hold_to_the_rules(&open.name, &open.samples)?;
        }
        let Open { name, unit, samples, .. } = open;
        self.families.push(Family { help, kind, name, unit, samples, native: Vec::new() });
        Ok(())
    }

    fn finish(mut self) -> Result<Page, String> {
        self.close()?;
        Ok(Page { families: self.families })
    }
}

fn set_once(place: &mut Option<String>, value: String, what: &str) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("a family has one {what}")),
    }
}

/// Whether a sample's name belongs to a family of a type: only the types that we write, and
/// OpenMetrics' `unknown`.
fn belongs(family: &str, kind: &str, sample: &str, dialect: Dialect) -> bool {
    match (dialect, kind) {
        (Dialect::OpenMetrics, "counter") => sample.strip_suffix("_total") == Some(family),
        (Dialect::Text | Dialect::Protobuf, "counter" | "untyped") => sample == family,
        (_, "gauge" | "unknown") => sample == family,
        (_, "summary") => sample == family || matches!(sample.strip_prefix(family), Some("_sum" | "_count")),
        (_, "histogram") => {
            matches!(sample.strip_prefix(family), Some("_bucket" | "_sum" | "_count"))
        }
        _ => false,
    }
}
