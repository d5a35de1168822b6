//! Which two times are meant, or by what they are to be found.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use crate::report::period::{self, Period};

/// How long both times are if nobody says.
pub const WINDOW: &str = "1h";

/// How long versions are looked at if nobody says: a whole day and night.
pub const VERSION_WINDOW: &str = "1d";

/// How far back versions, deploys and restarts are looked for if nobody says.
pub const LAST: &str = "7d";

/// The longest time for that.
const LONGEST_LAST_S: i64 = 28 * 86_400;

const TWO_WAYS: &str = "the two times are said in two ways: use one of `at`, `deploy`, `restart`, versions (`by_version`, `version_before`, `version_after`), and `before` with `after`";

const FAR: &str = "that is too far away";

/// The two times of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The earlier.
    pub before: Period,
    /// The later.
    pub after: Period,
}

/// A time without a step of others, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub to: i64,
}

/// What may have happened to containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Another version of their image began to run.
    Deploy,
    /// One began anew with the version that it had.
    Restart,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Two times.
    Times(Times),
    /// What was before the last event of those who are meant, and what came after.
    Event {
        /// What happened.
        event: Event,
        /// How long both are, in seconds.
        window: i64,
        /// Where it is looked for.
        within: Period,
    },
    /// When each of two versions ran alone.
    Versions {
        /// The earlier one; else that before the later.
        before: Option<String>,
        /// The later one; else the newest.
        after: Option<String>,
        /// How long both are at most, in seconds.
        window: i64,
        /// Where they are looked for.
        within: Period,
    },
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
    /// The last event of a kind in place of a time.
    pub event: Option<Event>,
    /// Whether versions are compared, which they are too if one is named.
    pub by_version: bool,
    /// The earlier version: an image, its tag, or its hash.
    pub version_before: Option<String>,
    /// The later one.
    pub version_after: Option<String>,
    /// How far back versions and events are looked for.
    pub last: Option<String>,
}

impl Asked {
    /// What was said, in words for people.
    ///
    /// # Errors
    /// As [`Times::of`], or it is said in two ways.
    pub fn of(said: &Said, now: Timestamp, zone: &TimeZone) -> Result<Asked, String> {
        let Said { at, window, before, after, event, version_before, version_after, .. } = said;
        let has_version = said.by_version || version_before.is_some() || version_after.is_some();
        let has_times = before.is_some() || after.is_some();
        let ways = [at.is_some(), event.is_some(), has_version, has_times];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(TWO_WAYS.to_owned());
        }
        let within = || -> Result<Period, String> {
            let last = Some(said.last.clone().unwrap_or_else(|| LAST.to_owned()));
            let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
            let period = Period::of(&period::Said { last, ..period::Said::default() }, now, zone)?;
            match period.seconds() {
                seconds if seconds > LONGEST_LAST_S => {
                    Err("`last` is longer than 28 days; versions are looked for within 28 days at most"
                        .to_owned())
                }
                _ => Ok(period),
            }
        };
        let window = |usual: &str| period::seconds(window.as_deref().unwrap_or(usual));
        match event {
            Some(event) => Ok(Asked::Event { event: *event, window: window(WINDOW)?, within: within()? }),
            None if has_version => Ok(Asked::Versions {
                before: version_before.clone(),
                after: version_after.clone(),
                window: window(VERSION_WINDOW)?,
                within: within()?,
            }),
            None if said.last.is_some() => {
                Err("`last` says how far back versions, a deploy or a restart are looked for; for two times use `window`".to_owned())
            }
            None => Times::of(said, now, zone).map(Asked::Times),
        }
    }
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
            Said { at, before: None, after: None, window, .. } => {
                let window = period::seconds(window.as_deref().unwrap_or(WINDOW))?.seconds();
                let at = match at {
                    Some(at) => period::time(at, zone)?,
                    None => now.checked_sub(window).map_err(|_| FAR.to_owned())?,
                };
                around(at, window, now)?
            }
            Said { at: None, before: Some(before), after: Some(after), window: None, .. } => {
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
pub(super) fn around(at: Timestamp, window: Span, now: Timestamp) -> Result<Times, String> {
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
