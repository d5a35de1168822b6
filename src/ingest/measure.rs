//! Single measurements, recorded under the names of OpenTelemetry's semantic conventions.
//!
//! Whoever measures requests or database calls one by one, spans and plain JSON, records them
//! here, so that they are the same series that a program's own metrics would be. Source:
//! OpenTelemetry semantic conventions, HTTP and database metrics.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use super::name::{Shape, metric_name};
use super::otlp::model::{AnyValue, Attribute, Temporality};
use super::slow::SlowCalls;
use super::store::{By, Refused, StreamId, Update, Writer};
use crate::metrics::Kind;
use crate::sql::{Dialect, Statement, sanitise};

/// Bounds of durations of HTTP requests, in seconds: the conventions' with 2 s.
pub(crate) static HTTP_BOUNDS: LazyLock<Arc<[f64]>> = LazyLock::new(|| {
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0].into()
});

/// Bounds of durations of database calls, in seconds: the conventions' with 2 s.
static DATABASE_BOUNDS: LazyLock<Arc<[f64]>> =
    LazyLock::new(|| [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0].into());

/// Bounds of bodies in bytes: powers of four from 256 B to 16 MiB. The conventions name none.
static SIZE_BOUNDS: LazyLock<Arc<[f64]>> =
    LazyLock::new(|| (4..=12).map(|power| f64::from(1_u32 << (2 * power))).collect());

/// A metric of the semantic conventions, or what stands beside them.
#[derive(Debug)]
pub(crate) struct Instrument {
    /// Its name, as `http.server.request.duration`.
    pub(crate) name: &'static str,
    /// Its unit by UCUM.
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
}

pub(crate) const HTTP_DURATION: Instrument = Instrument {
    name: "http.server.request.duration",
    unit: "s",
    kind: Kind::Histogram,
    help: "Duration of HTTP server requests.",
};
pub(crate) const HTTP_REQUEST_SIZE: Instrument = Instrument {
    name: "http.server.request.body.size",
    unit: "By",
    kind: Kind::Histogram,
    help: "Size of HTTP server request bodies.",
};
pub(crate) const HTTP_RESPONSE_SIZE: Instrument = Instrument {
    name: "http.server.response.body.size",
    unit: "By",
    kind: Kind::Histogram,
    help: "Size of HTTP server response bodies.",
};
pub(crate) const DATABASE_DURATION: Instrument = Instrument {
    name: "db.client.operation.duration",
    unit: "s",
    kind: Kind::Histogram,
    help: "Duration of database client operations.",
};
/// The conventions have none; its labels are those of [`DATABASE_DURATION`].
pub(crate) const DATABASE_SLOW: Instrument = Instrument {
    name: "db.slow_queries",
    unit: "{query}",
    kind: Kind::Counter,
    help: "Database client operations that took longer than the bound of slow ones.",
};
pub(crate) const POOL_COUNT: Instrument = Instrument {
    name: "db.client.connection.count",
    unit: "{connection}",
    kind: Kind::Gauge,
    help: "Connections of a pool by their state.",
};
pub(crate) const POOL_MAX: Instrument = Instrument {
    name: "db.client.connection.max",
    unit: "{connection}",
    kind: Kind::Gauge,
    help: "The most connections that a pool may have open.",
};
pub(crate) const POOL_PENDING: Instrument = Instrument {
    name: "db.client.connection.pending_requests",
    unit: "{request}",
    kind: Kind::Gauge,
    help: "Requests that wait for a connection of a pool.",
};
/// The conventions have none; its label is `db.client.connection.pool.name`.
pub(crate) const POOL_DEADLOCKS: Instrument = Instrument {
    name: "db.deadlocks",
    unit: "{deadlock}",
    kind: Kind::Counter,
    help: "Deadlocks that the program has seen.",
};

impl Instrument {
    /// The stream of the instrument, the same that OTLP's points of this name are in.
    fn stream(&self, writer: &mut Writer<'_>) -> Result<StreamId, Refused> {
        writer.stream((self.name, self.unit, self.kind), || {
            let shape = match self.kind {
                Kind::Counter => Shape::Counter,
                Kind::Gauge | Kind::Untyped => Shape::Gauge,
                Kind::Histogram | Kind::Summary => Shape::Distribution,
            };
            let name = metric_name(self.name, self.unit, shape).ok_or(Refused::NoName)?;
            Ok((name, self.kind, self.help.to_owned()))
        })
    }

    fn take(
        &self,
        by: By,
        writer: &mut Writer<'_>,
        attributes: &[Attribute<'_>],
        update: Update<'_>,
    ) -> Result<(), Refused> {
        let stream = self.stream(writer)?;
        if !writer.takes(stream, by) {
            return Ok(());
        }
        writer.add(stream, attributes, update, (0, 0))
    }
}

/// A request that an HTTP server has answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HttpRequest<'a> {
    pub(crate) method: Cow<'a, str>,
    /// The template of the path, as `/orders/{id}`; never the path itself.
    pub(crate) route: Option<Cow<'a, str>>,
    pub(crate) status: Option<u16>,
    /// What went wrong, as a class with few values.
    pub(crate) error: Option<Cow<'a, str>>,
    pub(crate) seconds: f64,
    pub(crate) request_bytes: Option<f64>,
    pub(crate) response_bytes: Option<f64>,
}

/// Statuses from here on say that the server failed.
const SERVER_ERROR: u16 = 500;

/// Methods that the conventions name; every other one is `_OTHER`, as anybody may send any.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

impl HttpRequest<'_> {
    /// Counts the request: its duration and, where they are known, the sizes of its bodies. What
    /// the program has measured itself is not counted again by its spans.
    ///
    /// # Errors
    /// There is no room.
    pub(crate) fn record(&self, by: By, writer: &mut Writer<'_>) -> Result<(), Refused> {
        let attributes = self.attributes();
        let seconds = Update::Observe(self.seconds, &HTTP_BOUNDS);
        HTTP_DURATION.take(by, writer, &attributes, seconds)?;
        for (instrument, bytes) in
            [(HTTP_REQUEST_SIZE, self.request_bytes), (HTTP_RESPONSE_SIZE, self.response_bytes)]
        {
            let Some(bytes) = bytes else { continue };
            instrument.take(by, writer, &attributes, Update::Observe(bytes, &SIZE_BOUNDS))?;
        }
        Ok(())
    }

    fn attributes(&self) -> Vec<Attribute<'_>> {
        let known = METHODS.into_iter().find(|known| known.eq_ignore_ascii_case(&self.method));
        let mut attributes = vec![Attribute::text("http.request.method", known.unwrap_or("_OTHER"))];
        if let Some(route) = &self.route {
            attributes.push(Attribute::text("http.route", &**route));
        }
        if let Some(status) = self.status {
            let value = AnyValue::Int(status.into());
            attributes.push(Attribute { key: "http.response.status_code".into(), value });
        }
        let failed = self.status.filter(|status| *status >= SERVER_ERROR);
        let error = self.error.as_deref().map(Cow::Borrowed).or(failed.map(|s| Cow::Owned(s.to_string())));
        attributes.extend(error.map(|error| Attribute::text("error.type", error)));
        attributes
    }
}

/// A call of a database that a program has made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DatabaseCall<'a> {
    /// Which database system, as `postgresql`.
    pub(crate) system: Cow<'a, str>,
    /// What was done, as `SELECT`.
    pub(crate) operation: Option<Cow<'a, str>>,
    /// The table or collection that it was done to.
    pub(crate) table: Option<Cow<'a, str>>,
    /// What went wrong, as a class with few values.
    pub(crate) error: Option<Cow<'a, str>>,
    pub(crate) seconds: f64,
    /// What was called, without values.
    pub(crate) statement: Option<Statement>,
}

impl DatabaseCall<'_> {
    /// Takes from the text of the call's statement what is not known otherwise. No value of it is
    /// kept.
    pub(crate) fn read_statement(&mut self, text: &str) {
        let dialect = Dialect::of_system(&self.system);
        let statement = sanitise(text, dialect);
        if self.operation.is_none() && dialect != Dialect::NotSql {
            self.operation = Some(Cow::Borrowed(statement.kind.operation()));
        }
        if self.table.is_none() {
            self.table = statement.tables.first().map(|table| Cow::Owned(table.clone()));
        }
        self.statement = Some(statement);
    }

    /// Counts the call, and lists its statement if it was slow. What the program has measured
    /// itself is not counted again by its spans.
    ///
    /// # Errors
    /// There is no room.
    pub(crate) fn record(&self, by: By, writer: &mut Writer<'_>, slow: SlowCalls<'_>) -> Result<(), Refused> {
        if let Some(statement) = &self.statement {
            slow.note(&self.system, statement, self.seconds);
        }
        let attributes = self.attributes();
        let seconds = Update::Observe(self.seconds, &DATABASE_BOUNDS);
        DATABASE_DURATION.take(by, writer, &attributes, seconds)?;
        if slow.list.is_slow(self.seconds) {
            DATABASE_SLOW.take(by, writer, &attributes, Update::Sum(1.0, Temporality::Delta))?;
        }
        Ok(())
    }

    fn attributes(&self) -> Vec<Attribute<'_>> {
        let named = [
            ("db.system.name", Some(&self.system)),
            ("db.operation.name", self.operation.as_ref()),
            ("db.collection.name", self.table.as_ref()),
            ("error.type", self.error.as_ref()),
        ];
        let known = named.into_iter().filter_map(|(key, value)| Some((key, value?)));
        known
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| Attribute::text(key, &**value))
            .collect()
    }
}

/// How a program's pool of database connections is now; what is not known is left as it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pool<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) used: Option<f64>,
    pub(crate) idle: Option<f64>,
    pub(crate) max: Option<f64>,
    /// Requests that wait for a connection.
    pub(crate) pending: Option<f64>,
    /// Deadlocks since the program began.
    pub(crate) deadlocks: Option<f64>,
}

impl Pool<'_> {
    /// Shows the pool as it is now.
    ///
    /// # Errors
    /// There is no room, or the deadlocks are below zero.
    pub(crate) fn record(&self, writer: &mut Writer<'_>) -> Result<(), Refused> {
        let pool = Attribute::text("db.client.connection.pool.name", &*self.name);
        let of = |state| [pool.clone(), Attribute::text("db.client.connection.state", state)];
        let states = [(self.used, of("used")), (self.idle, of("idle"))];
        for (connections, attributes) in &states {
            let Some(connections) = *connections else { continue };
            POOL_COUNT.take(By::Program, writer, attributes, Update::Last(connections))?;
        }
        for (instrument, value) in [(POOL_MAX, self.max), (POOL_PENDING, self.pending)] {
            let Some(value) = value else { continue };
            instrument.take(By::Program, writer, std::slice::from_ref(&pool), Update::Last(value))?;
        }
        if let Some(deadlocks) = self.deadlocks {
            let sum = Update::Sum(deadlocks, Temporality::Cumulative);
            POOL_DEADLOCKS.take(By::Program, writer, std::slice::from_ref(&pool), sum)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
