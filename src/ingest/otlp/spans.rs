//! The spans of a trace request, as far as metrics are made of them.
//!
//! Source: opentelemetry-proto, `trace.proto`.

use std::borrow::Cow;

use super::model::{Attribute, Faults};

/// The spans of one request, and what could not be taken of it.
#[derive(Debug, Default, PartialEq)]
pub struct Traces<'a> {
    /// By the resource that they are of.
    pub resources: Vec<ResourceSpans<'a>>,
    /// What was left out or mended.
    pub faults: Faults,
}

/// The spans of one resource.
#[derive(Debug, Default, PartialEq)]
pub struct ResourceSpans<'a> {
    /// What the sender says of itself.
    pub attributes: Vec<Attribute<'a>>,
    /// What it did.
    pub spans: Vec<Span<'a>>,
}

/// One piece of work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span<'a> {
    /// The trace that it is part of, and which span of it; as it came, bytes or hexadecimal.
    pub id: (Cow<'a, [u8]>, Cow<'a, [u8]>),
    /// On whose behalf.
    pub kind: SpanKind,
    /// When it began, in nanoseconds of Unix time.
    pub start_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// What is known of it.
    pub attributes: Vec<Attribute<'a>>,
    /// Whether its status is an error.
    pub failed: bool,
}

/// On whose behalf the work of a span is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanKind {
    /// Not said, or one that this version does not know.
    #[default]
    Unspecified,
    /// Its own.
    Internal,
    /// Answering a request.
    Server,
    /// Asking another service.
    Client,
    /// Sending a message.
    Producer,
    /// Working on a message.
    Consumer,
}

impl SpanKind {
    /// The value of the enum `SpanKind`.
    pub(super) fn of_number(number: u64) -> Self {
        match number {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        }
    }
}
