//! Plain JSON for programs without OpenTelemetry: lists of records, each a measurement.
//!
//! A record that makes no sense is told with its place and costs itself alone; only a body
//! that is no list of records at all is refused. Numbers may be written as texts, members that
//! nobody knows are left out of account, and a single record may stand without its list.

mod custom;
mod database;
mod definition;
mod http;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::origin::{Origin, Users};
use super::otlp::lenient::Text;
use super::slow::SlowCalls;
use super::store::{Refused, Sender, Store, Writer};
use crate::sql::slow::SlowQueries;
use crate::tenant::LabelValue;

pub(super) use definition::Defined;

/// What the records of a body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// Requests that HTTP servers have answered.
    Http,
    /// Database calls, and pools of connections.
    Database,
    /// Metrics of the sender's own, with definitions of them.
    Custom,
}

/// What came of a body's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Records that count now.
    pub accepted: u64,
    /// The others: the place of each in its list, from 0, and why.
    pub rejected: Vec<(usize, String)>,
    /// Definitions that were not taken, in the same way.
    pub undefined: Vec<(usize, String)>,
    /// How many records were rejected by the word of the label `reason`.
    pub(super) reasons: HashMap<&'static str, u64>,
}

/// Where records go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Into<'s> {
    pub(super) store: &'s Store,
    pub(super) users: &'s Users,
    pub(super) defined: &'s Defined,
    pub(super) slow: &'s SlowQueries,
}

/// What every record may say of its sender.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Claims<'a> {
    #[serde(borrow)]
    service: Text<'a>,
    #[serde(borrow)]
    service_instance: Text<'a>,
    /// Counts for delegates only.
    #[serde(borrow)]
    user: Option<Text<'a>>,
}

/// A measurement that was read from a record.
trait Measurement {
    fn record(&self, writer: &mut Writer<'_>, slow: SlowCalls<'_>) -> Result<(), Refused>;
}

/// Takes the records of a body. The second clock is the one on the wall.
///
/// # Errors
/// The text is no list of records.
pub(super) fn record(
    to: Into<'_>,
    origin: &Origin,
    records: Records,
    body: &str,
    (now, clock): (Instant, Timestamp),
) -> Result<Taken, serde_json::Error> {
    let mut batch = Batch::new(to.users, origin);
    match records {
        Records::Http => batch.read_each(list(body)?, http::read),
        Records::Database => batch.read_each(list(body)?, database::read),
        Records::Custom => {
            let body = custom::body(body)?;
            let known = to.defined.of(&origin.tenant, now);
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            batch.taken.undefined = known.define(&body.define, now);
            batch.read_each(body.record, |raw| custom::read(raw, &mut known, now));
        }
    }
    Ok(batch.write(to, now, clock))
}

/// The records of a list; what is no list is one record.
fn list(body: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    if is_list(body) {
        return serde_json::from_str(body);
    }
    let one: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(body)?;
    drop(one);
    Ok(vec![serde_json::from_str(body)?])
}

fn is_list(body: &str) -> bool {
    body.trim_start().starts_with('[')
}

/// What was read, by sender, so that each is written at once and in order.
struct Batch<'a> {
    users: &'a Users,
    origin: &'a Origin,
    taken: Taken,
    by_sender: Vec<(Sender, Vec<Placed<'a>>)>,
    places: HashMap<Sender, usize>,
}

/// A measurement with the place of its record.
type Placed<'a> = (usize, Box<dyn Measurement + 'a>);

impl<'a> Batch<'a> {
    fn new(users: &'a Users, origin: &'a Origin) -> Self {
        Batch { users, origin, taken: Taken::default(), by_sender: Vec::new(), places: HashMap::new() }
    }

    fn read_each<M: Measurement + 'a>(
        &mut self,
        list: Vec<&'a RawValue>,
        mut read: impl FnMut(&'a str) -> Result<M, String>,
    ) {
        list.into_iter().enumerate().for_each(|(index, raw)| self.read(index, raw, &mut read));
    }

    fn read<M: Measurement + 'a>(
        &mut self,
        index: usize,
        raw: &'a RawValue,
        read: &mut impl FnMut(&'a str) -> Result<M, String>,
    ) {
        let claims = object(raw.get())
            .and_then(|raw| serde_json::from_str::<Claims<'a>>(raw).map_err(|why| why.to_string()));
        match claims.and_then(|claims| Ok((claims, read(raw.get())?))) {
            Ok((claims, measurement)) => self.add(index, &claims, Box::new(measurement)),
            Err(why) => self.taken.reject(index, "malformed", why),
        }
    }

    fn add(&mut self, index: usize, claims: &Claims<'_>, measurement: Box<dyn Measurement + 'a>) {
        let instance = Some(LabelValue::clean(&claims.service_instance.0)).filter(|own| !own.is_empty());
        let sender = Sender {
            tenant: self.users.tenant(self.origin, claims.user.as_ref().map(|user| &*user.0)),
            service: LabelValue::clean(&claims.service.0),
            instance: instance.unwrap_or_else(|| self.origin.instance.clone()),
        };
        let next = self.by_sender.len();
        let place = *self.places.entry(sender.clone()).or_insert(next);
        if place == next {
            self.by_sender.push((sender, Vec::new()));
        }
        self.by_sender[place].1.push((index, measurement));
    }

    fn write(mut self, to: Into<'_>, now: Instant, clock: Timestamp) -> Taken {
        for (sender, measurements) in self.by_sender {
            let taken = &mut self.taken;
            let slow = SlowCalls { list: to.slow, sender: &self.origin.tenant, program: &sender, now: clock };
            let written = to.store.record(&sender, now, |writer| {
                for (index, measurement) in &measurements {
                    match measurement.record(writer, slow) {
                        Ok(()) => taken.accepted += 1,
                        Err(why) => taken.refuse(*index, &why),
                    }
                }
            });
            to.store.place(&sender, self.origin.container);
            if let Err(why) = written {
                measurements.iter().for_each(|(index, _)| taken.refuse(*index, &why));
            }
        }
        self.taken.rejected.sort();
        self.taken
    }
}

impl Taken {
    fn refuse(&mut self, index: usize, why: &Refused) {
        self.reject(index, why.reason(), why.to_string());
    }

    fn reject(&mut self, index: usize, reason: &'static str, why: String) {
        self.rejected.push((index, why));
        *self.reasons.entry(reason).or_default() += 1;
    }
}

/// The text of a record, which has to be an object.
fn object(raw: &str) -> Result<&str, String> {
    if raw.starts_with('{') {
        Ok(raw)
    } else {
        Err("a record has to be an object, as `{\"name\": …}`".into())
    }
}

/// A number of a record, which must not be negative.
fn amount(name: &str, value: f64) -> Result<f64, String> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(format!("`{name}` is {value}; it has to be a number from 0 on"))
}

/// A member that a record must have.
fn needed<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("`{name}` is missing"))
}

fn said<'a>(text: Option<Text<'a>>) -> Option<Cow<'a, str>> {
    text.map(|text| text.0).filter(|text| !text.is_empty())
}

/// Longest class of errors, in bytes.
const LONGEST_CLASS: usize = 64;

/// The class of what went wrong. A message is none: it has many values, and may hold secrets.
fn error_class(said: Value) -> Result<Option<Cow<'static, str>>, String> {
    let is_class = |text: &str| {
        let of_class = |c: char| c.is_ascii_alphanumeric() || "_.:/-$".contains(c);
        text.len() <= LONGEST_CLASS && text.chars().all(of_class)
    };
    match said {
        Value::Null | Value::Bool(false) => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) if is_class(&text) => Ok(Some(Cow::Owned(text))),
        Value::Number(code) => Ok(Some(Cow::Owned(code.to_string()))),
        Value::String(_) | Value::Bool(true) => Ok(Some(Cow::Borrowed("_OTHER"))),
        Value::Array(_) | Value::Object(_) => Err("`error` has to be a word, as `timeout`, or `null`".into()),
    }
}

#[cfg(test)]
mod tests;
