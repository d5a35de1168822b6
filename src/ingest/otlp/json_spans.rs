//! OTLP's trace requests in JSON.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::json::{RawResource, each};
use super::json_value::{KeyValue, attributes};
use super::lenient::{Enum, Text, Unsigned, or_default};
use super::protobuf_spans::STATUS_ERROR;
use super::reading::Reading;
use super::spans::{ResourceSpans, Span, SpanKind, Traces};
use crate::ingest::allowance::Allowance;
use crate::ingest::metered::{self, Unread};

/// Names of `SpanKind`, by number.
const SPAN_KINDS: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

/// Names of a status's code, by number.
const STATUS_CODES: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// Reads an `ExportTraceServiceRequest`.
///
/// # Errors
/// The text is no JSON, or not of that shape down to its lists of spans, or takes more memory
/// than it may.
pub fn traces<'a>(body: &'a str, allowance: &Allowance) -> Result<Traces<'a>, Unread> {
    metered::scratch(body, allowance)?;
    let request: TracesRequest<'_> = metered::read(body, allowance)?;
    let mut reading = Reading::within(allowance);
    let mut resources = Vec::new();
    for of_resource in request.resource_spans {
        let raw = of_resource.scope_spans.iter().flat_map(|scope| &scope.spans);
        let spans = each(raw.copied(), &mut reading, RawSpan::read)?;
        let attributes = attributes(of_resource.resource.attributes, &mut reading)?;
        allowance.push(&mut resources, ResourceSpans { attributes, spans })?;
    }
    Ok(Traces { resources, faults: reading.faults })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TracesRequest<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    resource_spans: Vec<RawResourceSpans<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawResourceSpans<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    resource: RawResource<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    scope_spans: Vec<RawScopeSpans<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawScopeSpans<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    spans: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpan<'a> {
    #[serde(borrow)]
    trace_id: Text<'a>,
    #[serde(borrow)]
    span_id: Text<'a>,
    #[serde(deserialize_with = "span_kind")]
    kind: Enum,
    start_time_unix_nano: Unsigned,
    end_time_unix_nano: Unsigned,
    #[serde(borrow, deserialize_with = "or_default")]
    attributes: Vec<KeyValue<'a>>,
    #[serde(deserialize_with = "or_default")]
    status: RawStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawStatus {
    #[serde(deserialize_with = "status_code")]
    code: Enum,
}

impl<'a> RawSpan<'a> {
    fn read(self, reading: &mut Reading<'_>) -> Result<Span<'a>, Unread> {
        let bytes = |text: Text<'a>| text.kept(reading.allowance).map(bytes);
        Ok(Span {
            id: (bytes(self.trace_id)?, bytes(self.span_id)?),
            kind: SpanKind::of_number(self.kind.0),
            start_ns: self.start_time_unix_nano.0,
            end_ns: self.end_time_unix_nano.0,
            attributes: attributes(self.attributes, reading)?,
            failed: self.status.code.0 == STATUS_ERROR,
        })
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

fn span_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Enum, D::Error> {
    Enum::read(deserializer, SPAN_KINDS)
}

fn status_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Enum, D::Error> {
    Enum::read(deserializer, STATUS_CODES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::otlp::model::{AnyValue, Attribute, Faults};

    /// A body read with as much memory as it takes.
    fn traces(body: &str) -> Result<Traces<'_>, Unread> {
        super::traces(body, &Allowance::new(u64::MAX))
    }

    /// `span` in a request of the service `api`.
    fn read(spans: &str) -> (Vec<Span<'static>>, Faults) {
        let body = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[
                {{"key":"service.name","value":{{"stringValue":"api"}}}}]}},
                "scopeSpans":[{{"scope":{{"name":"x"}},"spans":[{spans}]}}]}}]}}"#
        );
        let body: &'static str = body.leak();
        let mut traces = traces(body).unwrap();
        let resource = traces.resources.remove(0);
        assert_eq!(resource.attributes, [Attribute::text("service.name", "api")]);
        (resource.spans, traces.faults)
    }

    #[test]
    fn a_span_says_what_was_done_for_whom_and_how_long() {
        let (spans, faults) = read(
            r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"GET /a",
                "kind":2,"startTimeUnixNano":"1000","endTimeUnixNano":3000,"status":{"code":2,"message":"x"},
                "attributes":[{"key":"http.response.status_code","value":{"intValue":"500"}}],
                "events":[{"name":"exception"}],"links":[]},
               {"kind":"SPAN_KIND_CLIENT","status":null,"attributes":null}"#,
        );
        let status = Attribute { key: "http.response.status_code".into(), value: AnyValue::Int(500) };
        let expected = Span {
            id: (b"5b8efff798038103d269b633813fc60c"[..].into(), b"eee19b7ec3c1b174"[..].into()),
            kind: SpanKind::Server,
            start_ns: 1000,
            end_ns: 3000,
            attributes: vec![status],
            failed: true,
        };
        let client = Span { kind: SpanKind::Client, ..Span::default() };
        assert_eq!((spans, faults), (vec![expected, client], Faults::default()));
    }

    #[test]
    fn a_span_that_cannot_be_read_costs_itself_alone() {
        let (spans, faults) =
            read(r#"{"kind":2},7,{"startTimeUnixNano":"soon"},{"kind":3},{"attributes":{}}"#);
        let kinds: Vec<_> = spans.iter().map(|span| span.kind).collect();
        assert_eq!((kinds, faults.malformed), (vec![SpanKind::Server, SpanKind::Client], 3));
        assert!(faults.first.is_some_and(|why| why.contains("invalid type")));
    }

    #[test]
    fn what_is_no_request_is_refused_and_nothing_is_a_request() {
        assert_eq!(traces("{}").unwrap(), Traces::default());
        for body in ["", "[1]", "{", r#"{"resourceSpans":7}"#] {
            assert!(traces(body).is_err(), "{body}");
        }
    }
}
