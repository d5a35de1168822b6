//! Which time a report is about. A date is its first moment, in UTC or in the zone that is given.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The shortest period: two scrapes have to fit.
const MIN_SECONDS: i64 = 60;

/// A period, of which the end is not part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// What was said of the period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// `--from`.
    pub from: Option<String>,
    /// `--to`.
    pub to: Option<String>,
    /// `--last`.
    pub last: Option<String>,
    /// `--month`.
    pub month: Option<String>,
    /// `--quarter`.
    pub quarter: Option<String>,
}

impl Period {
    /// What was said, in words for people.
    ///
    /// # Errors
    /// A text is no time, or the period has no length or lies in the future; the message says
    /// what would do.
    pub fn of(said: &Said, now: Timestamp, zone: &TimeZone) -> Result<Period, String> {
        let period = match said {
            Said { month: Some(month), .. } => of_month(month, zone)?,
            Said { quarter: Some(quarter), .. } => of_quarter(quarter, zone)?,
            Said { from: None, to: None, last, .. } => {
                let seconds = seconds(last.as_deref().unwrap_or("30d"))?;
                let from =
                    now.checked_sub(seconds.seconds()).map_err(|_| "that is too long ago".to_owned())?;
                Period { from, to: now }
            }
            Said { from, to, last, .. } => {
                let to = to.as_deref().map(|text| time(text, zone)).transpose()?.unwrap_or(now);
                let from = match (from, last) {
                    (Some(from), _) => time(from, zone)?,
                    (None, Some(last)) => to
                        .checked_sub(seconds(last)?.seconds())
                        .map_err(|_| "that is too long ago".to_owned())?,
                    (None, None) => return Err("`--to` needs `--from` or `--last`".to_owned()),
                };
                Period { from, to }
            }
        };
        if period.from >= now {
            return Err(format!("the period begins at {}, which is not over yet", period.from));
        }
        if period.seconds() < MIN_SECONDS {
            return Err(format!(
                "from {} to {} is not a minute; the end comes after the beginning",
                period.from, period.to
            ));
        }
        Ok(period)
    }

    /// How long it is.
    pub fn seconds(&self) -> i64 {
        self.to.as_second() - self.from.as_second()
    }
}

/// A month, as `2026-10`.
fn of_month(text: &str, zone: &TimeZone) -> Result<Period, String> {
    let first: Option<Date> = match text.len() {
        7 => format!("{text}-01").parse().ok(),
        _ => None,
    };
    let first = first.ok_or_else(|| format!("`{text}` is not a month such as `2026-10`"))?;
    months(first, 1, zone)
}

/// A quarter, as `2026-Q4`.
fn of_quarter(text: &str, zone: &TimeZone) -> Result<Period, String> {
    let first = || {
        let (year, quarter) = text.split_once("-Q")?;
        let quarter: i8 = quarter.parse().ok().filter(|quarter| (1..=4).contains(quarter))?;
        let year: i16 = year.parse().ok().filter(|_| year.len() == 4)?;
        Date::new(year, 3 * quarter - 2, 1).ok()
    };
    let first = first().ok_or_else(|| format!("`{text}` is not a quarter such as `2026-Q4`"))?;
    months(first, 3, zone)
}

fn months(first: Date, count: i64, zone: &TimeZone) -> Result<Period, String> {
    let next = first.checked_add(count.months()).map_err(|error| error.to_string())?;
    Ok(Period { from: first_moment(first, zone)?, to: first_moment(next, zone)? })
}

fn first_moment(date: Date, zone: &TimeZone) -> Result<Timestamp, String> {
    date.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()).map_err(|error| error.to_string())
}

/// A date, or a time with its zone.
pub(super) fn time(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let date = (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten();
    match date {
        Some(date) => first_moment(date, zone),
        None => text.parse().map_err(|_| {
            format!("`{text}` is neither a date such as `2026-10-01`, which begins at 00:00 UTC, nor a time such as `2026-10-01T08:00:00Z` or `…+02:00`")
        }),
    }
}

/// A length as `30d`, `12h`, `90m` or `4w`.
pub(super) fn seconds(text: &str) -> Result<i64, String> {
    let refused = || format!("`{text}` is not a length of time such as `30d`, `12h` or `4w`");
    let unit = text.chars().last().ok_or_else(refused)?;
    let scale = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(refused()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| refused())?;
    number.checked_mul(scale).filter(|seconds| (1..=100_000_000_000).contains(seconds)).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(from: &str, to: &str, last: &str, month: &str) -> Result<String, String> {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let said =
            Said { from: said(from), to: said(to), last: said(last), month: said(month), quarter: None };
        Period::of(&said, now, &TimeZone::UTC).map(|period| format!("{} {}", period.from, period.to))
    }

    #[test]
    fn times_are_in_utc_unless_they_say_otherwise() {
        for (said, period) in [
            (("", "", "", ""), "2026-10-22T10:00:00Z 2026-11-21T10:00:00Z"),
            (("", "", "12h", ""), "2026-11-20T22:00:00Z 2026-11-21T10:00:00Z"),
            (("", "", "", "2026-02"), "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z"),
            (("2026-10-01", "", "", ""), "2026-10-01T00:00:00Z 2026-11-21T10:00:00Z"),
            (
                ("2026-10-01T02:00:00+02:00", "2026-10-02", "", ""),
                "2026-10-01T00:00:00Z 2026-10-02T00:00:00Z",
            ),
            (("", "2026-10-08", "1w", ""), "2026-10-01T00:00:00Z 2026-10-08T00:00:00Z"),
        ] {
            assert_eq!(of(said.0, said.1, said.2, said.3).as_deref(), Ok(period), "{said:?}");
        }
    }

    #[test]
    fn months_and_quarters_begin_where_their_zone_says() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let of = |said: Said, zone: &TimeZone| {
            Period::of(&said, now, zone).map(|period| format!("{} {}", period.from, period.to))
        };
        let month = |text: &str| Said { month: Some(text.to_owned()), ..Said::default() };
        let quarter = |text: &str| Said { quarter: Some(text.to_owned()), ..Said::default() };
        // Clocks are set back in that month: it is an hour longer.
        assert_eq!(of(month("2026-10"), &berlin).unwrap(), "2026-09-30T22:00:00Z 2026-10-31T23:00:00Z");
        assert_eq!(
            of(quarter("2025-Q4"), &TimeZone::UTC).unwrap(),
            "2025-10-01T00:00:00Z 2026-01-01T00:00:00Z"
        );
        assert_eq!(of(quarter("2026-Q3"), &berlin).unwrap(), "2026-06-30T22:00:00Z 2026-09-30T22:00:00Z");
        for text in ["2026-Q5", "2026-Q0", "Q4", "26-Q4", "2026-10", "2026-q4", ""] {
            assert!(of(quarter(text), &berlin).unwrap_err().contains("such as `2026-Q4`"), "{text}");
        }
    }

    #[test]
    fn what_is_no_period_is_refused_with_an_example() {
        for (said, words) in [
            (("yesterday", "", "", ""), "such as `2026-10-01`"),
            (("2026-10-01T08:00:00", "", "", ""), "neither a date"),
            (("", "", "30", ""), "such as `30d`"),
            (("", "", "-3d", ""), "such as `30d`"),
            (("", "", "é", ""), "such as `30d`"),
            (("", "", "", "2026-13"), "such as `2026-10`"),
            (("", "", "", "Oct"), "such as `2026-10`"),
            (("", "2026-10-01", "", ""), "`--to` needs"),
            (("2026-10-02", "2026-10-01", "", ""), "the end comes after"),
            (("2027-01-01", "2027-02-01", "", ""), "not over yet"),
        ] {
            let error = of(said.0, said.1, said.2, said.3).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
