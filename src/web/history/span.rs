//! From the parameters of a request to a span of time and a step.

use jiff::Timestamp;

use crate::history::{Retention, Step};
use crate::web::parameter::one;
use crate::web::problem::{Kind, Problem};

/// The most points of one answer, as of a Prometheus.
const MOST_POINTS: i64 = 11_000;

/// So many points are enough for any screen, if nobody asks for a step.
const ENOUGH_POINTS: i64 = 2_100;

/// How far back an answer goes if nobody says, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// The most hours of the health of everything.
pub(super) const MOST_HOURS: i64 = 168;

/// The most hours of the health of a container: as long as the longest step is kept by default.
pub(super) const MOST_HOURS_OF_ONE: i64 = 720;

/// A span of time, in milliseconds since 1970, and its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) step: Step,
}

fn refused(detail: String) -> Problem {
    Problem::new(Kind::BadRequest, detail)
}

/// Seconds since 1970, from 1973 on, in milliseconds. Shorter numbers are no times that anybody
/// means, but may be the beginning of an id.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = [whole, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds: f64 = text.parse().ok().filter(|_| digits && (9..=11).contains(&whole.len()))?;
    Some((seconds * 1000.0) as i64)
}

fn time(query: &[(String, String)], name: &str) -> Result<Option<i64>, Problem> {
    let Some(text) = one(query, name)? else { return Ok(None) };
    let at = text.parse::<Timestamp>().map(Timestamp::as_millisecond).ok().or_else(|| seconds(text));
    at.map(Some).ok_or_else(|| {
        refused(format!(
            "`{name}` is `{text}`, which is no time such as `2026-01-31T12:00:00Z` or seconds since 1970"
        ))
    })
}

impl Span {
    pub(super) fn parse(
        query: &[(String, String)],
        now: Timestamp,
        retention: &Retention,
    ) -> Result<Span, Problem> {
        let now = now.as_millisecond();
        let to = time(query, "to")?.unwrap_or(now);
        let from = time(query, "from")?.unwrap_or(to - HOUR_MS);
        if from >= to {
            return Err(refused(
                "`from` is not before `to`; without `to` the answer goes up to now".to_owned(),
            ));
        }
        let points = |step: Step| (to - from) / step.milliseconds();
        let step = match one(query, "interval")? {
            Some(word) => Step::parse(word).ok_or_else(|| {
                refused(format!("`interval` is `{word}`, which is not `5s`, `1m`, `5m` or `1h`"))
            })?,
            None => {
                let is_kept = |step: Step| now - from <= retention.milliseconds(step);
                let fits = |step: &Step| is_kept(*step) && points(*step) <= ENOUGH_POINTS;
                Step::ALL.into_iter().find(fits).unwrap_or(Step::Hour)
            }
        };
        if points(step) > MOST_POINTS {
            let detail = format!(
                "from `from` to `to` are {} points of {}, and {MOST_POINTS} is the most; ask for less time, or for a longer `interval`",
                points(step),
                step.as_str()
            );
            return Err(refused(detail));
        }
        Ok(Span { from, to, step })
    }
}

/// How many hours of health are asked for.
pub(super) fn hours(query: &[(String, String)], most: i64) -> Result<i64, Problem> {
    let Some(text) = one(query, "hours")? else { return Ok(24) };
    let hours = text.parse().ok().filter(|hours| (1..=most).contains(hours));
    hours.ok_or_else(|| refused(format!("`hours` is `{text}`, which is no whole number from 1 to {most}")))
}

/// The step of health: its word, its length in milliseconds, and the step that it is made of.
pub(super) type HealthInterval = (&'static str, i64, Step);

/// Every step of health.
const HEALTH_INTERVALS: [HealthInterval; 4] = [
    ("1min", 60_000, Step::Minute),
    ("5min", 300_000, Step::Minutes5),
    ("15min", 900_000, Step::Minutes5),
    ("1hour", 3_600_000, Step::Hour),
];

/// The step that is asked for.
pub(super) fn health_interval(query: &[(String, String)]) -> Result<HealthInterval, Problem> {
    let word = one(query, "interval")?.unwrap_or("5min");
    HEALTH_INTERVALS.into_iter().find(|(known, ..)| *known == word).ok_or_else(|| {
        refused(format!("`interval` is `{word}`, which is not `1min`, `5min`, `15min` or `1hour`"))
    })
}

/// The format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON.
    Json,
    /// CSV.
    Csv,
}

impl Format {
    pub(super) fn parse(query: &[(String, String)]) -> Result<Format, Problem> {
        match one(query, "format")? {
            None | Some("json") => Ok(Format::Json),
            Some("csv") => Ok(Format::Csv),
            Some(other) => Err(refused(format!("`format` is `{other}`, which is neither `json` nor `csv`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(query: &[(&str, &str)]) -> Result<(i64, Step), String> {
        let query: Vec<_> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        let span = Span::parse(&query, now, &Retention::default());
        span.map(|span| ((span.to - span.from) / 1000, span.step))
            .map_err(|problem| problem.parts().1.to_owned())
    }

    #[test]
    fn without_a_word_it_is_the_last_hour_and_the_step_fits_the_span() {
        assert_eq!(span(&[]), Ok((3_600, Step::Seconds5)));
        assert_eq!(span(&[("from", "2026-01-30T12:00:00Z")]), Ok((86_400, Step::Minute)));
        assert_eq!(span(&[("from", "2026-01-24T12:00:00Z")]), Ok((7 * 86_400, Step::Minutes5)));
        assert_eq!(span(&[("from", "2026-01-01T12:00:00Z")]), Ok((30 * 86_400, Step::Hour)));
        // An hour of yesterday is not kept in steps of 5 s.
        let yesterday = [("from", "2026-01-30T13:00:00Z"), ("to", "2026-01-30T14:00:00Z")];
        assert_eq!(span(&yesterday), Ok((3_600, Step::Minute)));
        assert_eq!(span(&[("to", "1769860800"), ("from", "1769860740.5")]), Ok((59, Step::Seconds5)));
        assert_eq!(span(&[("interval", "1h")]), Ok((3_600, Step::Hour)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_to_do() {
        for (query, words) in [
            ([("from", "yesterday"), ("x", "")], "no time such as"),
            ([("from", "2026-02-01T00:00:00Z"), ("x", "")], "not before `to`"),
            ([("interval", "2m"), ("x", "")], "not `5s`, `1m`, `5m` or `1h`"),
            ([("from", "2026-01-01T00:00:00Z"), ("interval", "5s")], "a longer `interval`"),
            ([("from", "1"), ("from", "2")], "more than once"),
            ([("from", "nan"), ("x", "")], "no time such as"),
            ([("from", "12345678"), ("x", "")], "no time such as"),
            ([("from", "1234567e8"), ("x", "")], "no time such as"),
        ] {
            let detail = span(&query).unwrap_err();
            assert!(detail.contains(words), "{query:?}: {detail}");
        }
    }
}
