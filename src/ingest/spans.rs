//! Requests, errors and durations of services that send spans.
//!
//! A span of kind SERVER with an HTTP method is a request, one of kind CLIENT with a database
//! system a call; all others say nothing here. Both generations of the semantic conventions are
//! understood. Sources: OpenTelemetry semantic conventions, HTTP and database spans, and their
//! migration guides.

use std::borrow::Cow;
use std::time::Instant;

use jiff::Timestamp;

use super::allowance::{Allowance, Spent};
use super::measure::{DatabaseCall, HttpRequest};
use super::origin::{MOST_USERS, Origin, Users};
use super::otlp::model::{AnyValue, Attribute};
use super::otlp::spans::{ResourceSpans, Span, SpanKind, Traces};
use super::route::template;
use super::seen::Seen;
use super::slow::SlowCalls;
use super::store::{By, Refused, Sender, Store, Unusable, Writer};
use super::translate::{Outcome, SENDER_BYTES, sender};
use crate::sql::slow::SlowQueries;
use crate::sql::table_name;

/// What went wrong, where a span says only that something did.
const OTHER_ERROR: &str = "_OTHER";

/// Statuses of requests that the one who asked has spoilt.
const CLIENT_ERRORS: std::ops::Range<u16> = 400..500;

/// The path of such a request leads nowhere, so it has no route.
const NOT_FOUND: u16 = 404;

/// Names of database systems that the conventions have changed, old and new.
const RENAMED_SYSTEMS: [(&str, &str); 10] = [
    ("adabas", "softwareag.adabas"),
    ("cosmosdb", "azure.cosmosdb"),
    ("db2", "ibm.db2"),
    ("dynamodb", "aws.dynamodb"),
    ("hanadb", "sap.hana"),
    ("informix", "ibm.informix"),
    ("mssql", "microsoft.sql_server"),
    ("oracle", "oracle.db"),
    ("redshift", "aws.redshift"),
    ("spanner", "gcp.spanner"),
];

/// What a span measures.
enum Measured<'s> {
    Request(HttpRequest<'s>),
    Call(DatabaseCall<'s>),
}

/// Where spans go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Into<'s> {
    pub(super) store: &'s Store,
    pub(super) users: &'s Users,
    /// Spans that were seen before do not count again.
    pub(super) seen: &'s Seen,
    pub(super) slow: &'s SlowQueries,
}

/// Takes all spans of a request. The second clock is the one on the wall.
///
/// # Errors
/// They take more memory than they may; none of them counts.
pub(super) fn record(
    to: Into<'_>,
    origin: &Origin,
    traces: &Traces<'_>,
    allowance: &Allowance,
    now: (Instant, Timestamp),
) -> Result<Outcome, Spent> {
    let most = traces.resources.iter().map(|resource| resource.spans.len()).max().unwrap_or_default();
    // A list that grows, and another one while it does.
    allowance.take(most * 3 * size_of::<&Span<'_>>())?;
    if origin.delegate {
        allowance.take(most.min(MOST_USERS) * SENDER_BYTES)?;
    }
    let Into { store, users, seen, slow } = to;
    let mut outcome = Outcome::default();
    for ResourceSpans { attributes, spans } in &traces.resources {
        let mut by_sender: Vec<(Sender, Vec<&Span<'_>>)> = Vec::new();
        for span in spans {
            let user = of(span, &["user"]).map(AnyValue::as_text);
            let sender = sender(users.tenant(origin, user.as_deref()), &origin.instance, attributes);
            match by_sender.iter_mut().find(|(known, _)| *known == sender) {
                Some((_, spans)) => spans.push(span),
                None => by_sender.push((sender, vec![span])),
            }
        }
        for (sender, spans) in by_sender {
            let slow = SlowCalls { list: slow, sender: &origin.tenant, program: &sender, now: now.1 };
            let taken = store.record(&sender, origin.container, now.0, |writer| {
                writer.runs_in(origin.home(attributes));
                for span in spans.iter().copied() {
                    let first = || seen.is_first(&origin.tenant, &sender, &span.id, now.0);
                    match take(span, first, writer, slow) {
                        Ok(()) => outcome.taken += 1,
                        Err(why) => outcome.refuse(why, 1),
                    }
                }
            });
            if let Err(why) = taken {
                outcome.refuse(why, spans.len() as u64);
            }
        }
    }
    Ok(outcome)
}

fn take(
    span: &Span<'_>,
    is_first: impl FnOnce() -> bool,
    writer: &mut Writer<'_>,
    slow: SlowCalls<'_>,
) -> Result<(), Refused> {
    match measured(span)? {
        Some(_) if !is_first() => Ok(()),
        Some(Measured::Request(request)) => request.record(By::Spans, writer),
        Some(Measured::Call(call)) => call.record(By::Spans, writer, slow),
        None => Ok(()),
    }
}

/// What a span measures, if it does.
fn measured<'s>(span: &'s Span<'_>) -> Result<Option<Measured<'s>>, Refused> {
    match span.kind {
        SpanKind::Server => {
            let Some(method) = text(span, &["http.request.method", "http.method"]) else { return Ok(None) };
            request(span, method).map(Measured::Request).map(Some)
        }
        SpanKind::Client => {
            let Some(system) = text(span, &["db.system.name", "db.system"]) else { return Ok(None) };
            call(span, system).map(Measured::Call).map(Some)
        }
        _ => Ok(None),
    }
}

fn request<'s>(span: &'s Span<'_>, method: Cow<'s, str>) -> Result<HttpRequest<'s>, Refused> {
    let status = number(span, &["http.response.status_code", "http.status_code"]);
    let status = status.map(|status| status as u16).filter(|status| (100..600).contains(status));
    // What a client got wrong is no failure of the server, whatever its library thinks.
    let spoilt = status.is_some_and(|status| CLIENT_ERRORS.contains(&status));
    let named = ["http.request.body.size", "http.request_content_length"];
    let answered = ["http.response.body.size", "http.response_content_length"];
    Ok(HttpRequest {
        method,
        route: text(span, &["http.route"]).or_else(|| route(span).filter(|_| status != Some(NOT_FOUND))),
        status,
        error: error(span, status.is_some()).filter(|_| !spoilt),
        seconds: seconds(span)?,
        request_bytes: number(span, &named).filter(|bytes| *bytes >= 0.0),
        response_bytes: number(span, &answered).filter(|bytes| *bytes >= 0.0),
    })
}

fn call<'s>(span: &'s Span<'_>, system: Cow<'s, str>) -> Result<DatabaseCall<'s>, Refused> {
    let renamed = RENAMED_SYSTEMS.iter().find(|(old, _)| *old == system).map(|(_, new)| Cow::Borrowed(*new));
    let table =
        text(span, &["db.collection.name", "db.sql.table", "db.mongodb.collection", "db.cassandra.table"]);
    let seconds = seconds(span)?;
    let mut call = DatabaseCall {
        system: renamed.unwrap_or(system),
        operation: text(span, &["db.operation.name", "db.operation"]),
        table: table.map(|table| Cow::Owned(table_name(&table))),
        error: error(span, false),
        seconds,
        ..DatabaseCall::default()
    };
    if let Some(statement) = text(span, &["db.query.text", "db.statement"]) {
        call.read_statement(&statement);
    }
    Ok(call)
}

/// The route that the path of a request is of, as far as that can be told.
fn route<'s>(span: &'s Span<'_>) -> Option<Cow<'s, str>> {
    let path = text(span, &["url.path", "http.target", "url.full", "http.url"])?;
    Some(Cow::Owned(template(&path).into_owned()))
}

/// The class of what went wrong: what the span says, or, where its status does not speak for
/// itself, that something did.
fn error<'s>(span: &'s Span<'_>, has_status: bool) -> Option<Cow<'s, str>> {
    let status = number(span, &["http.response.status_code", "http.status_code"]);
    let speaks = has_status && status.is_some_and(|status| status >= 500.0);
    text(span, &["error.type"]).or((span.failed && !speaks).then_some(Cow::Borrowed(OTHER_ERROR)))
}

fn seconds(span: &Span<'_>) -> Result<f64, Refused> {
    let length = span.end_ns.checked_sub(span.start_ns).filter(|_| span.start_ns > 0);
    let length = length.ok_or(Refused::Unusable(Unusable::Span))?;
    Ok(length as f64 / 1e9)
}

/// The first of these attributes that the span has.
fn of<'s, 'a>(span: &'s Span<'a>, keys: &[&str]) -> Option<&'s AnyValue<'a>> {
    let of = |key: &&str| span.attributes.iter().find(|attribute: &&Attribute<'_>| attribute.key == **key);
    keys.iter().find_map(of).map(|attribute| &attribute.value)
}

fn text<'s>(span: &'s Span<'_>, keys: &[&str]) -> Option<Cow<'s, str>> {
    of(span, keys).map(AnyValue::as_text).filter(|text| !text.is_empty())
}

fn number(span: &Span<'_>, keys: &[&str]) -> Option<f64> {
    match of(span, keys)? {
        AnyValue::Int(value) => Some(*value as f64),
        AnyValue::Double(value) => Some(*value).filter(|value| value.is_finite()),
        AnyValue::Text(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
