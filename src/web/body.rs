//! Bodies of what programs send: read within a deadline and a bound, unpacked within the same
//! bound, and worked on where nobody else waits.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::Context;
use super::problem::{Kind, Problem};
use crate::ingest::{Receiver, Unreadable};

/// How long a client may take to send a body.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

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

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unreadable(why) => Problem::new(Kind::BadRequest, why),
            Refusal::Problem(problem) => problem,
        }
    }
}

/// Hands the whole body, unpacked, to `work`.
pub(super) async fn take<T: Send + 'static>(
    context: &Context,
    headers: &HeaderMap,
    body: Body,
    work: impl FnOnce(&Arc<Receiver>, &[u8]) -> Result<T, Unreadable> + Send + 'static,
) -> Result<T, Refusal> {
    let (receiver, limit) = context.programs()?;
    let packed = is_packed(headers)?;
    let body = read(body, limit).await?;
    // Unpacking and reading a large body would keep a thread from serving others.
    let work = tokio::task::spawn_blocking(move || {
        let body = if packed { unpacked(&body, limit)? } else { body };
        work(&receiver, &body).map_err(|why| Refusal::Unreadable(why.to_string()))
    });
    work.await.map_err(|_| Problem::new(Kind::Internal, "the request could not be worked on to its end"))?
}

/// The media type that a request names, without parameters; empty if it names none.
pub(super) fn media_type(headers: &HeaderMap) -> &str {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.split(';').next().unwrap_or_default().trim()
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
