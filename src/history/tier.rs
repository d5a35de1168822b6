//! The four steps that are kept, each coarser than the one before and kept for longer.

use std::time::Duration;

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Samples as they are.
    Seconds5,
    /// A minute.
    Minute,
    /// Five minutes.
    Minutes5,
    /// An hour.
    Hour,
}

impl Step {
    /// Every step, the finest first.
    pub const ALL: [Step; 4] = [Step::Seconds5, Step::Minute, Step::Minutes5, Step::Hour];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Seconds5 => "5s",
            Step::Minute => "1m",
            Step::Minutes5 => "5m",
            Step::Hour => "1h",
        }
    }

    /// The step of a word.
    pub fn parse(word: &str) -> Option<Step> {
        Step::ALL.into_iter().find(|step| step.as_str() == word)
    }

    /// Its length in milliseconds.
    pub fn milliseconds(self) -> i64 {
        match self {
            Step::Seconds5 => 5_000,
            Step::Minute => 60_000,
            Step::Minutes5 => 300_000,
            Step::Hour => 3_600_000,
        }
    }
}

/// How long each step is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention(pub [Duration; 4]);

impl Default for Retention {
    fn default() -> Self {
        Retention([3_600, 86_400, 7 * 86_400, 30 * 86_400].map(Duration::from_secs))
    }
}

impl Retention {
    /// How long a step is kept, in milliseconds.
    pub fn milliseconds(&self, step: Step) -> i64 {
        i64::try_from(self.0[step as usize].as_millis()).unwrap_or(i64::MAX)
    }
}
