//! The text format 0.0.4, as strict as a file of metrics can be asked to be.
//!
//! Refused: timestamps (a file is old when it is read, and would be taken for new), the same
//! series twice, metadata after samples or given twice, histograms and summaries, anything
//! that Prometheus would not take. Comments and empty lines are let through.

use std::collections::{HashMap, HashSet};

use crate::metrics::foreign::{is_label_name, is_metric_name};
use crate::metrics::{Kind, LabelBlock};

/// One family of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) help: String,
    pub(super) samples: Vec<(LabelBlock, f64)>,
}

/// Why a file is refused, and in which line (from 1).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}")]
pub(super) struct Refused {
    line: usize,
    rule: String,
}

/// What the `HELP` of a family says that has none.
const NO_HELP: &str = "Read from a text file.";

/// What is known of a family while its file is read.
#[derive(Default)]
struct Draft {
    kind: Option<Kind>,
    help: Option<String>,
    samples: Vec<(LabelBlock, f64)>,
    seen: HashSet<Vec<u8>>,
}

/// Families in the order in which they are first named.
#[derive(Default)]
struct Drafts {
    order: Vec<String>,
    by_name: HashMap<String, Draft>,
}

impl Drafts {
    fn of(&mut self, name: &str) -> &mut Draft {
        if !self.by_name.contains_key(name) {
            self.order.push(name.to_owned());
        }
        self.by_name.entry(name.to_owned()).or_default()
    }
}

/// Reads a file.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Family>, Refused> {
    let whole =
        |rule: &str| Refused { line: bytes.split(|byte| *byte == b'\n').count(), rule: rule.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| whole("the file is not UTF-8"))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(whole(
            "the last line has no line feed; was the file still being written? Write to another name and rename",
        ));
    }
    let mut drafts = Drafts::default();
    for (index, line) in text.lines().enumerate() {
        let read = match line.trim_ascii_start() {
            "" => Ok(()),
            comment if comment.starts_with('#') => metadata(comment, &mut drafts),
            sample => self::sample(sample, &mut drafts),
        };
        read.map_err(|rule| Refused { line: index + 1, rule })?;
    }
    let Drafts { order, mut by_name } = drafts;
    let family = |name: String| {
        let draft = by_name.remove(&name).filter(|draft| !draft.samples.is_empty())?;
        let help = draft.help.unwrap_or_else(|| NO_HELP.to_owned());
        Some(Family { name, kind: draft.kind.unwrap_or(Kind::Untyped), help, samples: draft.samples })
    };
    Ok(order.into_iter().filter_map(family).collect())
}

/// `# HELP name text`, `# TYPE name kind`, or any other comment.
fn metadata(comment: &str, drafts: &mut Drafts) -> Result<(), String> {
    let mut words = comment[1..].trim_ascii_start().splitn(3, [' ', '\t']);
    let keyword = words.next().unwrap_or_default();
    if !matches!(keyword, "HELP" | "TYPE") {
        return Ok(());
    }
    let name = words.next().unwrap_or_default();
    if !is_metric_name(name) {
        return Err(format!("`{name}` is not a metric's name"));
    }
    let rest = words.next().unwrap_or_default();
    let draft = drafts.of(name);
    if !draft.samples.is_empty() {
        return Err(format!("`{keyword}` of `{name}` comes after its first sample"));
    }
    let given = match keyword {
        "HELP" => draft.help.replace(unescaped(rest, false)?).is_some(),
        _ => draft.kind.replace(kind(rest.trim_ascii())?).is_some(),
    };
    if given { Err(format!("a second `{keyword}` of `{name}`")) } else { Ok(()) }
}

fn kind(word: &str) -> Result<Kind, String> {
    match word {
        "counter" => Ok(Kind::Counter),
        "gauge" => Ok(Kind::Gauge),
        "untyped" | "unknown" => Ok(Kind::Untyped),
        "histogram" | "summary" => {
            Err(format!("a {word} is not taken from a text file; write counters and gauges"))
        }
        other => Err(format!("`{other}` is not a type, expected `counter`, `gauge` or `untyped`")),
    }
}

/// `name{label="value",…} value`.
fn sample(line: &str, drafts: &mut Drafts) -> Result<(), String> {
    let end = line.find(['{', ' ', '\t']).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if !is_metric_name(name) {
        return Err(format!("`{name}` is not a metric's name"));
    }
    let rest = rest.trim_ascii_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Labels::new(), rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or_else(|| format!("`{name}` has no value"))?;
    let value: f64 = value.parse().map_err(|_| format!("`{value}` is not a value"))?;
    if let Some(more) = words.next() {
        return Err(format!("`{more}` after the value; a text file cannot say when a sample was taken"));
    }
    let block = LabelBlock::new(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let draft = drafts.of(name);
    if !draft.seen.insert(sorted(&block)) {
        return Err(format!("`{name}` has the same labels twice"));
    }
    draft.samples.push((block, value));
    Ok(())
}

/// Names and values.
type Labels = Vec<(String, String)>;

/// Labels after their brace, and what follows the closing one.
fn labels(inside: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    let mut rest = inside.trim_ascii_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, quoted) = rest.split_once('=').ok_or("a label has no `=`")?;
        let name = name.trim_ascii();
        if !is_label_name(name) {
            return Err(format!("`{name}` is not a label's name"));
        }
        if labels.iter().any(|(other, _)| other == name) {
            return Err(format!("the label `{name}` stands twice"));
        }
        let unquoted = quoted.trim_ascii_start().strip_prefix('"');
        let unquoted = unquoted.ok_or_else(|| format!("the value of `{name}` has no quote"))?;
        let end = closing_quote(unquoted).ok_or_else(|| format!("the value of `{name}` has no end"))?;
        labels.push((name.to_owned(), unescaped(&unquoted[..end], true)?));
        rest = unquoted[end + 1..].trim_ascii_start();
        rest = match rest.strip_prefix(',') {
            Some(next) => next.trim_ascii_start(),
            None if rest.starts_with('}') => rest,
            None => return Err(format!("after the value of `{name}` there is neither `,` nor `}}`")),
        };
    }
}

/// Where a quote stands that is not escaped.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Undoes `\\`, `\n` and, in values of labels, `\"`.
fn unescaped(text: &str, quotes: bool) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') if quotes => '"',
                other => {
                    return Err(format!("`\\{}` is no escape", other.map(String::from).unwrap_or_default()));
                }
            },
            plain => plain,
        });
    }
    Ok(plain)
}

/// Labels as bytes that do not depend on their order.
pub(super) fn sorted(labels: &LabelBlock) -> Vec<u8> {
    let mut pairs = labels.pairs();
    // An empty value is as good as no label.
    pairs.retain(|(_, value)| !value.is_empty());
    pairs.sort();
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    LabelBlock::new(pairs).rendered().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_prometheus_takes_is_read() {
        let text = "# a comment\n\n# HELP a_total Jobs \\\\ done\\nso far.\n# TYPE a_total counter\n\
                    a_total{x=\"1\", y = \"q\\\"\\\\\\n\",} 3\na_total 4e2\n# TYPE lonely gauge\n  b NaN\nc{} +Inf\n";
        let families = parse(text.as_bytes()).unwrap();
        let names: Vec<_> = families.iter().map(|family| (family.name.as_str(), family.kind)).collect();
        assert_eq!(names, [("a_total", Kind::Counter), ("b", Kind::Untyped), ("c", Kind::Untyped)]);
        assert_eq!(families[0].help, "Jobs \\ done\nso far.");
        assert_eq!(families[0].samples[0].0.pairs()[1], ("y".to_owned(), "q\"\\\n".to_owned()));
        assert_eq!(families[0].samples[1], (LabelBlock::default(), 400.0));
        assert!(families[1].samples[0].1.is_nan());
        assert_eq!(families[2].samples[0].1, f64::INFINITY);
    }

    #[test]
    fn what_it_would_not_take_is_refused_with_its_line() {
        for (text, expected) in [
            ("a 1", "line 1: the last line has no line feed"),
            ("a 1\na 2\n", "line 2: `a` has the same labels twice"),
            ("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n", "line 2: `a` has the same labels twice"),
            ("a 1 1700000000000\n", "line 1: `1700000000000` after the value"),
            ("# TYPE a histogram\n", "line 1: a histogram is not taken"),
            ("# TYPE a thing\n", "line 1: `thing` is not a type"),
            ("a 1\n# TYPE a gauge\n", "line 2: `TYPE` of `a` comes after its first sample"),
            ("# HELP a x\n# HELP a y\n", "line 2: a second `HELP` of `a`"),
            ("a\n", "line 1: `a` has no value"),
            ("a x\n", "line 1: `x` is not a value"),
            ("1a 1\n", "line 1: `1a` is not a metric's name"),
            ("a{1=\"x\"} 1\n", "line 1: `1` is not a label's name"),
            ("a{x=\"1\",x=\"2\"} 1\n", "line 1: the label `x` stands twice"),
            ("a{x=1} 1\n", "line 1: the value of `x` has no quote"),
            ("a{x=\"1} 1\n", "line 1: the value of `x` has no end"),
            ("a{x=\"\\t\"} 1\n", "line 1: `\\t` is no escape"),
            ("a{x=\"1\" y=\"2\"} 1\n", "line 1: after the value of `x`"),
            ("a{x} 1\n", "line 1: a label has no `=`"),
        ] {
            let refused = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(refused.starts_with(expected), "{text:?}: {refused}");
        }
        assert!(parse(b"a{x=\"\xff\"} 1\n").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_families_or_a_refusal(text in "([a-z#{}=\",\\\\ 0-9.]{0,20}\n){0,6}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn what_our_encoder_writes_is_read_back(values in proptest::collection::vec((any::<String>(), any::<f64>()), 1..6)) {
            use crate::metrics::text::{Dialect, TextEncoder};
            use crate::metrics::{Sink, Value, catalogue};
            let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
            encoder.family(&catalogue::host::CPU_SECONDS);
            for (index, (label, value)) in values.iter().enumerate() {
                let number = index.to_string();
                encoder.sample(&LabelBlock::default(), &[("cpu", &number), ("mode", label)], Value::Float(*value));
            }
            let families = parse(&encoder.finish()).unwrap();
            let back: Vec<f64> = families[0].samples.iter().map(|(_, value)| *value).collect();
            for ((_, value), back) in values.iter().zip(back) {
                prop_assert!(*value == back || value.is_nan() && back.is_nan());
            }
            prop_assert_eq!(families[0].kind, Kind::Counter);
            for ((label, _), (block, _)) in values.iter().zip(&families[0].samples) {
                prop_assert_eq!(&block.pairs()[1].1, label);
            }
        }
    }
}
