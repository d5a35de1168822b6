//! The history of a container as JSON and as CSV: figures have the same names in both.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::Known;
use super::span::Span;
use crate::history::{Answer, FIGURES, Point, Summary};
use crate::report::table::csv_cell;
use crate::web::current::Time;

pub(super) use super::span::Format;

/// An answer, and what was asked.
pub(super) struct Measured<'a> {
    pub(super) container: &'a Known,
    pub(super) span: &'a Span,
    pub(super) source: &'static str,
    pub(super) answer: &'a Answer,
}

/// A time of the history.
pub(super) fn time(milliseconds: i64) -> Time {
    Time(Timestamp::from_millisecond(milliseconds).unwrap_or_default())
}

impl Serialize for Measured<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Measured { container, span, source, answer } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("container_id", &container.id)?;
        map.serialize_entry("name", &container.name)?;
        map.serialize_entry("user", &container.tenant.user)?;
        map.serialize_entry("project", &container.tenant.project)?;
        map.serialize_entry("team", &container.tenant.team)?;
        map.serialize_entry("from", &time(span.from))?;
        map.serialize_entry("to", &time(span.to))?;
        map.serialize_entry("interval", span.step.as_str())?;
        map.serialize_entry("interval_seconds", &(span.step.milliseconds() / 1000))?;
        map.serialize_entry("source", source)?;
        map.serialize_entry("points", &Points(&answer.points))?;
        map.serialize_entry("summary", &Summaries(&answer.summaries))?;
        map.serialize_entry("totals", &Totals(answer))?;
        map.end()
    }
}

struct Points<'a>(&'a [Point]);

impl Serialize for Points<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for point in self.0 {
            list.serialize_element(&OnePoint(point))?;
        }
        list.end()
    }
}

struct OnePoint<'a>(&'a Point);

impl Serialize for OnePoint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.0.values.len()))?;
        map.serialize_entry("timestamp", &time(self.0.at))?;
        for (figure, value) in FIGURES.iter().zip(&self.0.values) {
            map.serialize_entry(figure.name, value)?;
        }
        map.end()
    }
}

struct Summaries<'a>(&'a [Option<Summary>]);

impl Serialize for Summaries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (figure, summary) in FIGURES.iter().zip(self.0) {
            map.serialize_entry(figure.name, &summary.map(Shown))?;
        }
        map.end()
    }
}

/// A summary, as JSON.
struct Shown(Summary);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Summary { count, sum, avg, min, max, median, p95, p99, stddev } = self.0;
        let mut map = serializer.serialize_map(Some(9))?;
        map.serialize_entry("count", &count)?;
        let numbers = [
            ("sum", sum),
            ("avg", avg),
            ("min", min),
            ("max", max),
            ("median", median),
            ("p95", p95),
            ("p99", p99),
            ("stddev", stddev),
        ];
        for (name, number) in numbers {
            map.serialize_entry(name, &number)?;
        }
        map.end()
    }
}

struct Totals<'a>(&'a Answer);

impl Serialize for Totals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.totals)
    }
}

impl Measured<'_> {
    /// RFC 4180: a header, and a line for each point; what is not known is empty.
    pub(super) fn csv(&self) -> String {
        let mut text = String::from("timestamp,container_id,name");
        for figure in &FIGURES {
            text.push(',');
            text.push_str(figure.name);
        }
        text.push_str("\r\n");
        let whose = format!("{},{}", self.container.id, csv_cell(self.container.name.as_str(), false));
        for point in &self.answer.points {
            // Writing into a string cannot fail.
            let _ = write!(text, "{},{whose}", time(point.at));
            for value in &point.values {
                text.push(',');
                if let Some(value) = value {
                    let _ = write!(text, "{value}");
                }
            }
            text.push_str("\r\n");
        }
        text
    }
}
