//! The counts that stand in the tree: one benchmark a line, and what they were made with.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// The baseline from the project's root, for messages.
pub(crate) const FILE: &str = "benches/instructions/baseline";

/// The baseline's full path.
pub(crate) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/baseline");

/// A benchmark may take this many percent more than the baseline says.
const TOLERANCE: f64 = 5.0;

const HEAD: &str = "# Instructions of each benchmark; written by `scripts/instructions.sh --renew`.";
const MADE_WITH: &str = "# Made with ";

/// Counts, and what they were made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Baseline {
    /// Compiler, valgrind, C library.
    pub(crate) made_with: String,
    /// By the benchmark's name.
    pub(crate) counts: BTreeMap<String, u64>,
}

/// A benchmark that is not as the baseline says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Finding {
    /// It takes more.
    Grown { name: String, before: u64, now: u64 },
    /// It takes less, so that the next growth would hide in the gain.
    Shrunk { name: String, before: u64, now: u64 },
    /// The baseline does not know it.
    Unknown(String),
    /// It is not there any more.
    Missing(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Grown { name, before, now } => write!(
                f,
                "`{name}` takes {now} instructions, {:.1} % more than the {before} of {FILE}; {TOLERANCE} % are allowed",
                growth(*before, *now)
            ),
            Finding::Shrunk { name, before, now } => write!(
                f,
                "`{name}` takes {now} instructions, {:.1} % fewer than the {before} of {FILE}; renew it to keep the gain",
                -growth(*before, *now)
            ),
            Finding::Unknown(name) => write!(f, "`{name}` does not stand in {FILE}"),
            Finding::Missing(name) => write!(f, "`{name}` stands in {FILE}, and there is no such benchmark"),
        }
    }
}

/// In percent.
fn growth(before: u64, now: u64) -> f64 {
    (now as f64 - before as f64) * 100.0 / before as f64
}

impl Baseline {
    /// Where these counts differ from an older baseline by more than is allowed.
    pub(crate) fn findings(&self, before: &Baseline) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, &now) in &self.counts {
            let name = name.clone();
            match before.counts.get(&name) {
                None => findings.push(Finding::Unknown(name)),
                Some(&before) if growth(before, now) > TOLERANCE => {
                    findings.push(Finding::Grown { name, before, now })
                }
                Some(&before) if growth(before, now) < -TOLERANCE => {
                    findings.push(Finding::Shrunk { name, before, now })
                }
                Some(_) => {}
            }
        }
        let missing = before.counts.keys().filter(|name| !self.counts.contains_key(*name));
        findings.extend(missing.cloned().map(Finding::Missing));
        findings
    }

    /// A table of these counts with the change against an older baseline.
    pub(crate) fn beside(&self, before: &Baseline) -> String {
        let mut table = String::new();
        for (name, &now) in &self.counts {
            let change = before
                .counts
                .get(name)
                .map_or("new".to_owned(), |&before| format!("{:+.2} %", growth(before, now)));
            let _ = writeln!(table, "{name:<28} {now:>12} {change:>9}");
        }
        table
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}\n{MADE_WITH}{}", self.made_with)?;
        self.counts.iter().try_for_each(|(name, count)| writeln!(f, "{name:<28} {count:>12}"))
    }
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let made_with = text.lines().find_map(|line| line.strip_prefix(MADE_WITH));
        let made_with = made_with.ok_or("no line says what the counts were made with")?.to_owned();
        let mut counts = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let counted =
                line.split_once(' ').and_then(|(name, count)| Some((name, count.trim().parse().ok()?)));
            let (name, count) =
                counted.ok_or_else(|| format!("line {} is not a name and a count", index + 1))?;
            if counts.insert(name.to_owned(), count).is_some() {
                return Err(format!("line {}: `{name}` stands twice", index + 1));
            }
        }
        Ok(Baseline { made_with, counts })
    }
}
