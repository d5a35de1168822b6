//! `POST /v1/metrics` and `/v1/traces`: OTLP over HTTP, in protobuf or JSON, plain or with gzip.
//!
//! Source: the OTLP specification, "OTLP/HTTP". Answers are of the request's type. What cannot
//! be read is 400, which no client sends again; where there is no room, 429 and 503 make it
//! try later; points that are refused are told as a partial success.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Context;
use super::body::{self, JSON, PROTOBUF, Refusal};
use super::caller::Caller;
use super::problem::{Kind, Problem};
use crate::ingest::{Encoding, Origin, Received, Receiver, Unreadable};

/// Who takes a body of one kind.
type Take = fn(&Receiver, &Origin, Encoding, &[u8], Instant) -> Result<Received, Unreadable>;

/// What a partial success calls what it has refused, in JSON.
const REJECTED_POINTS: &str = "rejectedDataPoints";
const REJECTED_SPANS: &str = "rejectedSpans";

/// Takes metrics.
pub(super) async fn metrics(
    State(context): State<Arc<Context>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    take(&context, &caller, &headers, body, Receiver::metrics, REJECTED_POINTS).await
}

/// Takes traces.
pub(super) async fn traces(
    State(context): State<Arc<Context>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    take(&context, &caller, &headers, body, Receiver::traces, REJECTED_SPANS).await
}

async fn take(
    context: &Context,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
    take: Take,
    rejected: &'static str,
) -> Result<Response, Problem> {
    let encoding = encoding(headers)?;
    let origin = caller.origin().clone();
    let of = origin.clone();
    let work = move |receiver: &Arc<Receiver>, body: &[u8]| {
        let received = take(receiver, &of, encoding, body, Instant::now())?;
        let points = received.points;
        Ok((received, points))
    };
    match body::take(context, &origin, headers, body, work).await {
        Ok(received) => Ok(answer(StatusCode::OK, encoding, &success(encoding, &received, rejected))),
        // As OTLP says it, so that clients log it.
        Err(Refusal::Unreadable(why)) => {
            Ok(answer(StatusCode::BAD_REQUEST, encoding, &status(encoding, &why)))
        }
        Err(Refusal::Problem(problem)) => {
            let (code, why) = problem.parts();
            let mut response = answer(code, encoding, &status(encoding, why));
            if let Some(seconds) = problem.retry_after() {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Ok(response)
        }
    }
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let media = body::media_type(headers);
    let known = [(PROTOBUF, Encoding::Protobuf), (JSON, Encoding::Json)];
    let found = known.into_iter().find(|(name, _)| media.eq_ignore_ascii_case(name));
    found.map(|(_, encoding)| encoding).ok_or_else(|| {
        let detail =
            format!("the body is of type `{}`; send `{PROTOBUF}` or `{JSON}`", media.escape_default());
        Problem::new(Kind::MediaType, detail)
    })
}

fn answer(status: StatusCode, encoding: Encoding, body: &[u8]) -> Response {
    let media = match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    };
    let mut response = (status, body.to_vec()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// An `ExportMetricsServiceResponse`, or one of traces, which has the same fields; a partial
/// success only where there is something to say.
fn success(encoding: Encoding, received: &Received, rejected: &str) -> Vec<u8> {
    let silent = received.rejected == 0 && received.message.is_empty();
    match encoding {
        Encoding::Protobuf if silent => Vec::new(),
        Encoding::Json if silent => b"{}".to_vec(),
        Encoding::Protobuf => {
            let mut partial = Vec::new();
            put_number(1, received.rejected, &mut partial);
            put_bytes(2, received.message.as_bytes(), &mut partial);
            let mut response = Vec::new();
            put_bytes(1, &partial, &mut response);
            response
        }
        Encoding::Json => {
            // 64-bit integers are texts in OTLP's JSON.
            let partial = serde_json::json!({
                rejected: received.rejected.to_string(),
                "errorMessage": received.message,
            });
            serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
    }
}

/// A `google.rpc.Status` of the code INVALID_ARGUMENT.
fn status(encoding: Encoding, message: &str) -> Vec<u8> {
    const INVALID_ARGUMENT: u64 = 3;
    match encoding {
        Encoding::Protobuf => {
            let mut status = Vec::new();
            put_number(1, INVALID_ARGUMENT, &mut status);
            put_bytes(2, message.as_bytes(), &mut status);
            status
        }
        Encoding::Json => {
            serde_json::json!({ "code": INVALID_ARGUMENT, "message": message }).to_string().into_bytes()
        }
    }
}

/// A protobuf field with a number; 0 is what is not written.
fn put_number(field: u8, value: u64, out: &mut Vec<u8>) {
    if value > 0 {
        out.push(field << 3);
        put_varint(value, out);
    }
}

/// A protobuf field with a text or message.
fn put_bytes(field: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    put_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests;
