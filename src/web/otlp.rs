//! `POST /v1/metrics`: OTLP over HTTP, in protobuf or JSON, plain or with gzip.
//!
//! Source: the OTLP specification, "OTLP/HTTP". Answers are of the request's type. What cannot
//! be read is 400, which no client sends again; where there is no room, 429 and 503 make it
//! try later; points that are refused are told as a partial success.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::Context;
use super::caller::Caller;
use super::problem::{Kind, Problem};
use crate::ingest::{Encoding, Received, Unreadable};

/// How long a client may take to send a body.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Takes metrics.
pub(super) async fn metrics(
    State(context): State<Arc<Context>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let encoding = encoding(&headers)?;
    match take(context, caller, &headers, encoding, body).await {
        Ok(received) => Ok(answer(StatusCode::OK, encoding, &success(encoding, &received))),
        Err(Refusal::Unreadable(why)) => {
            Ok(answer(StatusCode::BAD_REQUEST, encoding, &status(encoding, &why)))
        }
        Err(Refusal::Problem(problem)) => {
            let (code, why) = problem.parts();
            Ok(answer(code, encoding, &status(encoding, why)))
        }
    }
}

/// Why nothing of a request was taken.
enum Refusal {
    /// As OTLP says it, so that clients log it.
    Unreadable(String),
    Problem(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Refusal::Problem(problem)
    }
}

async fn take(
    context: Arc<Context>,
    caller: Caller,
    headers: &HeaderMap,
    encoding: Encoding,
    body: Body,
) -> Result<Received, Refusal> {
    let (receiver, limit) = context.programs()?;
    let packed = is_packed(headers)?;
    let body = read(body, limit).await?;
    let origin = caller.origin();
    // Unpacking and reading a large body would keep a thread from serving others.
    let work = tokio::task::spawn_blocking(move || {
        let body = if packed { unpacked(&body, limit)? } else { body };
        let unreadable = |why: Unreadable| Refusal::Unreadable(why.to_string());
        receiver.metrics(&origin, encoding, &body, Instant::now()).map_err(unreadable)
    });
    work.await.map_err(|_| Problem::new(Kind::Internal, "the request could not be worked on to its end"))?
}

/// The whole body, if it is not longer than `limit` bytes.
async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(BODY_DEADLINE, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large("", limit).into()),
        Ok(Err(error)) => Err(Refusal::Unreadable(format!("the body did not arrive: {error}"))),
        Err(_) => {
            Err(Refusal::Unreadable(format!("the body did not arrive within {} s", BODY_DEADLINE.as_secs())))
        }
    }
}

fn unpacked(body: &[u8], limit: usize) -> Result<Bytes, Refusal> {
    let mut unpacked = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
    let most = limit as u64 + 1;
    let read = MultiGzDecoder::new(body).take(most).read_to_end(&mut unpacked);
    read.map_err(|error| Refusal::Unreadable(format!("the body is not gzip: {error}")))?;
    if unpacked.len() > limit {
        return Err(too_large(" when unpacked", limit).into());
    }
    Ok(unpacked.into())
}

fn too_large(when: &str, limit: usize) -> Problem {
    let detail = format!(
        "the body is longer than {limit} bytes{when}; send smaller batches, or raise `limits.body_bytes`"
    );
    Problem::new(Kind::TooLarge, detail)
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = named.split(';').next().unwrap_or_default().trim();
    let known = [(PROTOBUF, Encoding::Protobuf), (JSON, Encoding::Json)];
    let found = known.into_iter().find(|(name, _)| media.eq_ignore_ascii_case(name));
    found.map(|(_, encoding)| encoding).ok_or_else(|| {
        let detail =
            format!("the body is of type `{}`; send `{PROTOBUF}` or `{JSON}`", media.escape_default());
        Problem::new(Kind::MediaType, detail)
    })
}

fn is_packed(headers: &HeaderMap) -> Result<bool, Problem> {
    let named =
        headers.get(header::CONTENT_ENCODING).map_or("identity", |value| value.to_str().unwrap_or("?"));
    match named.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" => Ok(true),
        other => {
            let detail = format!(
                "the body is packed as `{}`; send it with `gzip` or as it is",
                other.escape_default()
            );
            Err(Problem::new(Kind::MediaType, detail))
        }
    }
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

/// An `ExportMetricsServiceResponse`; a partial success only where there is something to say.
fn success(encoding: Encoding, received: &Received) -> Vec<u8> {
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
                "rejectedDataPoints": received.rejected.to_string(),
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
