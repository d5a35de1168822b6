//! Bodies of what programs send: read within a deadline and a bound, unpacked within the same
//! bound, and worked on where nobody else waits; and the small ones of what people ask for.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Context;
use super::plain;
use super::problem::{Kind, Problem};
use crate::ingest::intake::{Busy, Ticket};
use crate::ingest::{Origin, Receiver, Unreadable};

/// How long a client may take to send a body.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// So much of a packed body is unpacked before it is asked whether there is room for more.
const UNPACKED_AT_ONCE: usize = 256 << 10;

/// But of a short one no more than it is likely to become, and never less than this.
const USUAL_RATIO: usize = 16;
const FEWEST_AT_ONCE: usize = 4 << 10;

pub(super) const PROTOBUF: &str = "application/x-protobuf";
pub(super) const JSON: &str = "application/json";

/// Why nothing of a request was taken.
pub(super) enum Refusal {
    /// The body is none of what it should be.
    Unreadable(String),
    Problem(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Refusal::Problem(problem)
    }
}

impl From<Unreadable> for Refusal {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Malformed(_) => Refusal::Unreadable(why.to_string()),
            // As a body that is too long when it is unpacked: what helps is the same.
            Unreadable::Spent(_) => Problem::new(Kind::TooLarge, why.to_string()).into(),
        }
    }
}

impl From<Busy> for Refusal {
    fn from(busy: Busy) -> Self {
        let kind = match busy {
            Busy::Points(wait) | Busy::Tenant(wait) => Kind::TooMany(wait),
            Busy::All(_) => Kind::Unavailable,
        };
        Refusal::Problem(Problem::new(kind, busy.to_string()))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unreadable(why) => Problem::new(Kind::BadRequest, why),
            Refusal::Problem(problem) => problem,
        }
    }
}

/// Hands the whole body of a request, unpacked, to `work`, which says how many points it had.
pub(super) async fn take<T: Send + 'static>(
    context: &Context,
    origin: &Origin,
    headers: &HeaderMap,
    body: Body,
    work: impl FnOnce(&Arc<Receiver>, &[u8]) -> Result<(T, u64), Unreadable> + Send + 'static,
) -> Result<T, Refusal> {
    let (receiver, limit) = context.programs()?;
    let packed = is_packed(headers)?;
    let mut ticket = receiver.intake().admit(&origin.tenant, Instant::now())?;
    let body = read(body, limit, &mut ticket).await?;
    // Unpacking and reading a large body would keep a thread from serving others.
    let work = tokio::task::spawn_blocking(move || {
        let body = if packed { unpacked(body, limit, &mut ticket)? } else { body };
        ticket.read(body.len(), Instant::now())?;
        let (done, points) = work(&receiver, &body)?;
        ticket.worked(points, body.len(), Instant::now());
        Ok(done)
    });
    work.await.map_err(|_| Problem::new(Kind::Internal, "the request could not be worked on to its end"))?
}

/// The whole of a body that is JSON and was sent by somebody who has logged in.
pub(super) async fn json(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    plain::check_type(headers)?;
    if is_packed(headers)? {
        return Err(Problem::new(Kind::MediaType, "the body is packed; send it as it is"));
    }
    let refuse = |detail: String| Problem::new(Kind::BadRequest, detail);
    let late = |_| refuse(format!("the body did not arrive within {} s", BODY_DEADLINE.as_secs()));
    let arrived = tokio::time::timeout(BODY_DEADLINE, Limited::new(body, limit).collect()).await;
    match arrived.map_err(late)? {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(Kind::TooLarge, format!("the body is longer than {limit} bytes")))
        }
        Err(error) => Err(refuse(format!("the body did not arrive: {error}"))),
    }
}

/// What a body asks for that is a JSON object.
pub(super) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // By way of an object, since a list would be taken for its fields in their order.
    let object = serde_json::from_slice::<Map<String, Value>>(body);
    object
        .and_then(|object| serde_json::from_value(Value::Object(object)))
        .map_err(|error| Problem::new(Kind::BadRequest, format!("the body is not what is expected: {error}")))
}

/// The media type that a request names, without parameters; empty if it names none.
pub(super) fn media_type(headers: &HeaderMap) -> &str {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.split(';').next().unwrap_or_default().trim()
}

/// The whole body, if it is not longer than `limit` bytes and there is room for it.
async fn read(body: Body, limit: usize, ticket: &mut Ticket) -> Result<Vec<u8>, Refusal> {
    let late =
        || Refusal::Unreadable(format!("the body did not arrive within {} s", BODY_DEADLINE.as_secs()));
    tokio::time::timeout(BODY_DEADLINE, collected(Limited::new(body, limit), limit, ticket))
        .await
        .unwrap_or_else(|_| Err(late()))
}

async fn collected(mut body: Limited<Body>, limit: usize, ticket: &mut Ticket) -> Result<Vec<u8>, Refusal> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let Ok(data) = frame.into_data() else { continue };
                make_room(&mut whole, data.len(), limit, ticket)?;
                whole.extend_from_slice(&data);
            }
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large("", limit).into()),
            Err(error) => return Err(Refusal::Unreadable(format!("the body did not arrive: {error}"))),
        }
    }
    fit(&mut whole, ticket);
    Ok(whole)
}

/// Unpacks a body, which is gone then.
fn unpacked(body: Vec<u8>, limit: usize, ticket: &mut Ticket) -> Result<Vec<u8>, Refusal> {
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(&*body);
    loop {
        // One byte beyond the limit is enough to know.
        let usual = body.len().saturating_mul(USUAL_RATIO).max(FEWEST_AT_ONCE);
        let most = UNPACKED_AT_ONCE.min(usual).min(limit + 1 - unpacked.len());
        make_room(&mut unpacked, most, limit, ticket)?;
        let read = reader.by_ref().take(most as u64).read_to_end(&mut unpacked);
        let read = read.map_err(|error| Refusal::Unreadable(format!("the body is not gzip: {error}")))?;
        if read == 0 {
            break;
        }
        if unpacked.len() > limit {
            return Err(too_large(" when unpacked", limit).into());
        }
    }
    ticket.shrink(body.len() as u64);
    fit(&mut unpacked, ticket);
    Ok(unpacked)
}

/// Makes room in a buffer that has at most one byte more than `limit`, if there is any. It
/// doubles, as one does that grows by itself.
fn make_room(buffer: &mut Vec<u8>, more: usize, limit: usize, ticket: &mut Ticket) -> Result<(), Busy> {
    let (length, before) = (buffer.len() + more, buffer.capacity());
    if length > before {
        let capacity = length.max((2 * before).min(limit + 1));
        // Both are there while one is copied into the other.
        ticket.grow(capacity as u64)?;
        buffer.reserve_exact(capacity - buffer.len());
        ticket.shrink(before as u64);
    }
    Ok(())
}

/// Gives back what a buffer has beyond its length.
fn fit(buffer: &mut Vec<u8>, ticket: &mut Ticket) {
    let before = buffer.capacity();
    buffer.shrink_to_fit();
    ticket.shrink((before - buffer.capacity()) as u64);
}

fn too_large(when: &str, limit: usize) -> Problem {
    let detail = format!(
        "the body is longer than {limit} bytes{when}; send smaller batches, or raise `limits.body_bytes`"
    );
    Problem::new(Kind::TooLarge, detail)
}

/// Whether a body is packed with gzip; in another way it is refused.
pub(super) fn is_packed(headers: &HeaderMap) -> Result<bool, Problem> {
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
