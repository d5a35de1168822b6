//! Bodies of what programs send: read within a deadline and a bound, unpacked within the same
//! bound, and worked on where nobody else waits.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::Context;
use super::problem::{Kind, Problem};
use crate::ingest::intake::{Busy, Ticket};
use crate::ingest::{Origin, Receiver, Unreadable};

/// How long a client may take to send a body.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// So much of a packed body is unpacked before it is asked whether there is room for more.
const UNPACKED_AT_ONCE: u64 = 256 << 10;

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
        let body = if packed { unpacked(&body, limit, &mut ticket)? } else { body };
        ticket.read(body.len(), Instant::now())?;
        let done = work(&receiver, &body);
        let (done, points) = done.map_err(|why| Refusal::Unreadable(why.to_string()))?;
        ticket.worked(points, body.len(), Instant::now());
        Ok(done)
    });
    work.await.map_err(|_| Problem::new(Kind::Internal, "the request could not be worked on to its end"))?
}

/// The media type that a request names, without parameters; empty if it names none.
pub(super) fn media_type(headers: &HeaderMap) -> &str {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.split(';').next().unwrap_or_default().trim()
}

/// The whole body, if it is not longer than `limit` bytes and there is room for it.
async fn read(body: Body, limit: usize, ticket: &mut Ticket) -> Result<Bytes, Refusal> {
    let late =
        || Refusal::Unreadable(format!("the body did not arrive within {} s", BODY_DEADLINE.as_secs()));
    tokio::time::timeout(BODY_DEADLINE, collected(Limited::new(body, limit), limit, ticket))
        .await
        .unwrap_or_else(|_| Err(late()))
}

async fn collected(mut body: Limited<Body>, limit: usize, ticket: &mut Ticket) -> Result<Bytes, Refusal> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let Ok(data) = frame.into_data() else { continue };
                ticket.grow(data.len() as u64)?;
                whole.extend_from_slice(&data);
            }
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large("", limit).into()),
            Err(error) => return Err(Refusal::Unreadable(format!("the body did not arrive: {error}"))),
        }
    }
    Ok(whole.into())
}

fn unpacked(body: &[u8], limit: usize, ticket: &mut Ticket) -> Result<Bytes, Refusal> {
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(body);
    loop {
        // One byte beyond the limit is enough to know.
        let most = UNPACKED_AT_ONCE.min((limit + 1 - unpacked.len()) as u64);
        let read = reader.by_ref().take(most).read_to_end(&mut unpacked);
        let read = read.map_err(|error| Refusal::Unreadable(format!("the body is not gzip: {error}")))?;
        if read == 0 {
            return Ok(unpacked.into());
        }
        if unpacked.len() > limit {
            return Err(too_large(" when unpacked", limit).into());
        }
        ticket.grow(read as u64)?;
    }
}

fn too_large(when: &str, limit: usize) -> Problem {
    let detail = format!(
        "the body is longer than {limit} bytes{when}; send smaller batches, or raise `limits.body_bytes`"
    );
    Problem::new(Kind::TooLarge, detail)
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
