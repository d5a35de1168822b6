//! Trace requests, made field by field.

use super::*;
use crate::ingest::otlp::model::{Attribute, Faults};
use crate::ingest::otlp::protobuf::tests::{Message, key_value, new};
use proptest::prelude::*;

/// A body read with as much memory as it takes.
fn traces(body: &[u8]) -> Result<Traces<'_>, Malformed> {
    super::traces(body, &Allowance::new(u64::MAX))
}

/// A request of one resource with these spans.
fn request(spans: impl IntoIterator<Item = Message>) -> Vec<u8> {
    let scope =
        spans.into_iter().fold(new().message(1, new().text(1, "scope")), |m, span| m.message(2, span));
    let resource = new().message(1, key_value("service.name", new().text(1, "api")));
    new().message(1, new().message(1, resource).message(2, scope)).0
}

#[test]
fn spans_are_read_as_far_as_metrics_are_made_of_them() {
    let span = new()
        .bytes(1, &[7; 16])
        .bytes(2, &[8; 8])
        .text(5, "GET /orders/{id}")
        .varint(6, 2)
        .fixed64(7, 100)
        .fixed64(8, 250)
        .message(9, key_value("http.request.method", new().text(1, "GET")))
        .message(11, new().text(2, "an event"))
        .message(15, new().text(2, "broke").varint(3, 2));
    let body = request([span]);
    let read = traces(&body).unwrap();
    let expected = Span {
        id: (Cow::Borrowed(&[7; 16]), Cow::Borrowed(&[8; 8])),
        kind: SpanKind::Server,
        start_ns: 100,
        end_ns: 250,
        attributes: vec![Attribute::text("http.request.method", "GET")],
        failed: true,
    };
    assert_eq!(read.resources[0].attributes, [Attribute::text("service.name", "api")]);
    assert_eq!((&*read.resources[0].spans, read.faults), (&[expected][..], Faults::default()));
}

#[test]
fn a_span_that_cannot_be_read_costs_itself_alone() {
    let broken = Message(vec![0x0a]);
    let wrong_type = new().text(7, "soon");
    let body = request([new().varint(6, 3), broken, wrong_type, new().varint(6, 99)]);
    let read = traces(&body).unwrap();
    let kinds: Vec<_> = read.resources[0].spans.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [SpanKind::Client, SpanKind::Unspecified]);
    assert_eq!(read.faults.malformed, 2);
    assert!(traces(&[0x0a, 0x05]).is_err(), "nobody knows where anything begins");
    assert_eq!(traces(&[]).unwrap(), Traces::default());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = traces(&bytes);
        let body = request([Message(bytes)]);
        let read = traces(&body).unwrap();
        let spans = read.resources[0].spans.len() as u64;
        prop_assert_eq!(spans + read.faults.malformed, 1);
    }
}
