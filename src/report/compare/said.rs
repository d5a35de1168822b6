//! Which two times are meant.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use crate::report::period::{self, Period};

/// How long both times are if nobody says.
pub const WINDOW: &str = "1h";

const FAR: &str = "that is too far away";

/// The two times of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The earlier.
    pub before: Period,
    /// The later.
    pub after: Period,
}

/// What was said of them; if nothing, the last hour is held to the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// An event: what was before it, and what came after.
    pub at: Option<String>,
    /// How long both are.
    pub window: Option<String>,
    /// The earlier one, as `FROM/TO`.
    pub before: Option<String>,
    /// The later one.
    pub after: Option<String>,
}

impl Times {
    /// What was said, in words for people.
    ///
    /// # Errors
    /// A text is no time, a period is empty or not over yet, or the later one is not later; the
    /// message says what would do.
    pub fn of(said: &Said, now: Timestamp, zone: &TimeZone) -> Result<Times, String> {
        // Nobody wants to read more than seconds.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let times = match said {
            Said { at, before: None, after: None, window } => {
                let window = period::seconds(window.as_deref().unwrap_or(WINDOW))?.seconds();
                let at = match at {
                    Some(at) => period::time(at, zone)?,
                    None => now.checked_sub(window).map_err(|_| FAR.to_owned())?,
                };
                around(at, window, now)?
            }
            Said { at: None, before: Some(before), after: Some(after), window: None } => {
                Times { before: interval(before, now, zone)?, after: interval(after, now, zone)? }
            }
            _ => {
                return Err("name an event with `at`, such as `2026-10-01T08:00:00Z`, and a `window` if it is not an hour; or both `before` and `after`, each such as `2026-10-01T07:00:00Z/2026-10-01T08:00:00Z`".to_owned());
            }
        };
        if times.after.from < times.before.to {
            return Err(format!(
                "the later time begins at {}, and the earlier one ends at {}; they may not overlap",
                times.after.from, times.before.to
            ));
        }
        Ok(times)
    }
}

/// What lies before and after an event, as far as it is over.
fn around(at: Timestamp, window: Span, now: Timestamp) -> Result<Times, String> {
    if at >= now {
        return Err(format!("the event is at {at}, which is not over yet"));
    }
    let from = at.checked_sub(window).map_err(|_| FAR.to_owned())?;
    let to = at.checked_add(window).map_err(|_| FAR.to_owned())?.min(now);
    Ok(Times { before: Period { from, to: at }, after: Period { from: at, to } })
}

/// `FROM/TO`, as ISO 8601 writes an interval.
fn interval(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Period, String> {
    let (from, to) = text.split_once('/').ok_or_else(|| {
        format!("`{text}` is not two times with a `/` between, such as `2026-10-01T07:00:00Z/2026-10-01T08:00:00Z`")
    })?;
    let said =
        period::Said { from: Some(from.to_owned()), to: Some(to.to_owned()), ..period::Said::default() };
    Period::of(&said, now, zone)
}

/// A share of a number, as `0.1` or `10%`.
///
/// # Errors
/// It is none between nothing and ten times as much; the message says what would do.
pub fn share(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.trim().parse(),
    };
    let found = number.ok().filter(|share| (0.0..=10.0).contains(share));
    found.ok_or_else(|| format!("`{text}` is not a share such as `0.1` or `10%`"))
}
