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
use serde_json::value::RawValue;

use super::allowance::{Allowance, Spent};
use super::metered::{self, Unread};
use super::origin::{Origin, Users};
use super::otlp::lenient::{Scalar, Text};
use super::slow::SlowCalls;
use super::store::{Refused, Sender, Store, Writer};
use super::translate::SENDER_BYTES;
use crate::sql::slow::SlowQueries;
use crate::tenant::LabelValue;

pub(super) use definition::Defined;

/// Of so many records and definitions that are rejected it is told why.
pub const MOST_TOLD: usize = 100;

/// Longest reason, in bytes: it may hold part of a record.
const LONGEST_REASON: usize = 250;

/// While a record is read there are copies of its texts and messages about them, this many
/// times its length at most.
const MEANWHILE: usize = 4;

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
    /// The first of the others.
    pub rejected: Told,
    /// How many others there are.
    pub rejected_total: u64,
    /// The first definitions that were not taken.
    pub undefined: Told,
    /// How many were not.
    pub undefined_total: u64,
    /// How many records were rejected by the word of the label `reason`.
    pub(super) reasons: HashMap<&'static str, u64>,
}

/// The place of each in its list, from 0, and why it was rejected.
pub type Told = Vec<(usize, String)>;

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
    /// Bytes that it takes beside itself.
    fn memory(&self) -> usize;

    fn record(&self, writer: &mut Writer<'_>, slow: SlowCalls<'_>) -> Result<(), Refused>;
}

/// Takes the records of a body. The second clock is the one on the wall.
///
/// # Errors
/// The text is no list of records, or takes more memory than it may; no record counts.
pub(super) fn record(
    to: Into<'_>,
    origin: &Origin,
    records: Records,
    body: &str,
    allowance: &Allowance,
    (now, clock): (Instant, Timestamp),
) -> Result<Taken, Unread> {
    metered::scratch(body, allowance)?;
    let mut batch = Batch::new(to.users, origin, allowance);
    match records {
        Records::Http => batch.read_each(list(body, allowance)?, |raw| http::read(raw, allowance))?,
        Records::Database => batch.read_each(list(body, allowance)?, |raw| database::read(raw, allowance))?,
        Records::Custom => {
            let body = custom::body(body, allowance)?;
            let known = to.defined.of(&origin.tenant, now);
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            batch.define(&body.define, |raw| known.define(raw, allowance, now))?;
            batch.read_each(body.record, |raw| custom::read(raw, &mut known, allowance, now))?;
        }
    }
    Ok(batch.write(to, now, clock))
}

/// The records of a list; what is no list is one record.
fn list<'a>(body: &'a str, allowance: &Allowance) -> Result<Vec<&'a RawValue>, Unread> {
    if is_list(body) {
        return metered::read(body, allowance);
    }
    let one: &RawValue = metered::read(body, allowance)?;
    object(one.get()).map_err(|_| Unread::Senseless("it has to be a list of records, or one record"))?;
    allowance.take(size_of::<&RawValue>())?;
    Ok(vec![one])
}

fn is_list(body: &str) -> bool {
    body.trim_start().starts_with('[')
}

/// What was read, by sender, so that each is written at once and in order.
struct Batch<'a> {
    users: &'a Users,
    origin: &'a Origin,
    allowance: &'a Allowance,
    taken: Taken,
    by_sender: Vec<(Sender, Vec<Placed<'a>>)>,
    places: HashMap<Sender, usize>,
}

/// A measurement with the place of its record.
type Placed<'a> = (usize, Box<dyn Measurement + 'a>);

impl<'a> Batch<'a> {
    fn new(users: &'a Users, origin: &'a Origin, allowance: &'a Allowance) -> Self {
        let (taken, by_sender, places) = Default::default();
        Batch { users, origin, allowance, taken, by_sender, places }
    }

    fn define(
        &mut self,
        list: &[&'a RawValue],
        mut define: impl FnMut(&'a str) -> Result<(), String>,
    ) -> Result<(), Spent> {
        for (index, raw) in list.iter().enumerate() {
            if let Err(why) = self.meanwhile(raw.get(), |_| define(raw.get()))? {
                self.taken.undefined_total += 1;
                tell(&mut self.taken.undefined, index, why);
            }
        }
        Ok(())
    }

    fn read_each<M: Measurement + 'a>(
        &mut self,
        list: Vec<&'a RawValue>,
        mut read: impl FnMut(&'a str) -> Result<M, String>,
    ) -> Result<(), Spent> {
        for (index, raw) in list.into_iter().enumerate() {
            let read = self.meanwhile(raw.get(), |batch| {
                let claims: Claims<'a> =
                    metered::read(object(raw.get())?, batch.allowance).map_err(|why| why.to_string())?;
                let measurement = read(raw.get())?;
                Ok((batch.sender(&claims), measurement))
            })?;
            match read {
                Ok((sender, measurement)) => self.add(index, sender, measurement)?,
                Err(why) => self.taken.reject(index, "malformed", why),
            }
        }
        Ok(())
    }

    /// Does something with a record; the memory that this takes is given back.
    fn meanwhile<T>(
        &mut self,
        record: &str,
        work: impl FnOnce(&Self) -> Result<T, String>,
    ) -> Result<Result<T, String>, Spent> {
        let before = self.allowance.left();
        self.allowance.take(MEANWHILE * record.len())?;
        let done = work(self);
        if self.allowance.is_spent() {
            return Err(Spent);
        }
        self.allowance.give_back(before.saturating_sub(self.allowance.left()));
        Ok(done)
    }

    fn sender(&self, claims: &Claims<'_>) -> Sender {
        let instance = Some(LabelValue::clean(&claims.service_instance.0)).filter(|own| !own.is_empty());
        Sender {
            tenant: self.users.tenant(self.origin, claims.user.as_ref().map(|user| &*user.0)),
            service: LabelValue::clean(&claims.service.0),
            instance: instance.unwrap_or_else(|| self.origin.instance.clone()),
        }
    }

    fn add<M: Measurement + 'a>(
        &mut self,
        index: usize,
        sender: Sender,
        measurement: M,
    ) -> Result<(), Spent> {
        self.allowance.take(size_of::<M>() + measurement.memory())?;
        let place = match self.places.get(&sender) {
            Some(place) => *place,
            None => {
                self.allowance.take(SENDER_BYTES)?;
                self.places.insert(sender.clone(), self.by_sender.len());
                self.by_sender.push((sender, Vec::new()));
                self.by_sender.len() - 1
            }
        };
        self.allowance.push(&mut self.by_sender[place].1, (index, Box::new(measurement)))
    }

    fn write(mut self, to: Into<'_>, now: Instant, clock: Timestamp) -> Taken {
        for (sender, measurements) in self.by_sender {
            let taken = &mut self.taken;
            let slow = SlowCalls { list: to.slow, sender: &self.origin.tenant, program: &sender, now: clock };
            let written = to.store.record(&sender, self.origin.container, now, |writer| {
                writer.runs_in(self.origin.home(&[]));
                for (index, measurement) in &measurements {
                    match measurement.record(writer, slow) {
                        Ok(()) => taken.accepted += 1,
                        Err(why) => taken.refuse(*index, &why),
                    }
                }
            });
            if let Err(why) = written {
                measurements.iter().for_each(|(index, _)| taken.refuse(*index, &why));
            }
        }
        self.taken
    }
}

impl Taken {
    fn refuse(&mut self, index: usize, why: &Refused) {
        self.reject(index, why.reason(), why.to_string());
    }

    fn reject(&mut self, index: usize, reason: &'static str, why: String) {
        tell(&mut self.rejected, index, why);
        self.rejected_total += 1;
        *self.reasons.entry(reason).or_default() += 1;
    }
}

/// Notes why something was rejected, if it is among the first by its place.
fn tell(told: &mut Told, index: usize, mut why: String) {
    let place = told.partition_point(|(other, _)| *other < index);
    if place == MOST_TOLD {
        return;
    }
    if why.len() > LONGEST_REASON {
        why.truncate(why.floor_char_boundary(LONGEST_REASON));
        why.push('…');
    }
    why.shrink_to_fit();
    told.insert(place, (index, why));
    told.truncate(MOST_TOLD);
}

/// Bytes of a text that does not borrow.
fn owned<'t>(text: impl std::ops::Deref<Target = Cow<'t, str>>) -> usize {
    match &*text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(text) => text.capacity(),
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
fn error_class(said: Scalar<'_>) -> Result<Option<Cow<'static, str>>, String> {
    let is_class = |text: &str| {
        let of_class = |c: char| c.is_ascii_alphanumeric() || "_.:/-$".contains(c);
        text.len() <= LONGEST_CLASS && text.chars().all(of_class)
    };
    match said {
        Scalar::Null | Scalar::Bool(false) => Ok(None),
        Scalar::Text(text) if text.is_empty() => Ok(None),
        Scalar::Text(text) if is_class(&text) => Ok(Some(Cow::Owned(text.into_owned()))),
        Scalar::Number(code) => Ok(Some(Cow::Owned(code.to_string()))),
        Scalar::Text(_) | Scalar::Bool(true) => Ok(Some(Cow::Borrowed("_OTHER"))),
        Scalar::Nested => Err("`error` has to be a word, as `timeout`, or `null`".into()),
    }
}

#[cfg(test)]
mod tests;
