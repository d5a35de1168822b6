//! `POST /api/metrics/http`, `/api/metrics/db`, `/api/metrics/custom`: plain JSON for programs
//! without OpenTelemetry.
//!
//! Where anything was taken, or there was nothing to take, the answer is 200 with what was not;
//! where nothing of what there was could be taken, 400 with the same list, so that a program
//! that looks at statuses alone sees that it sends nonsense.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::Context;
use super::body::{self, JSON};
use super::caller::Caller;
use super::problem::{Kind, Problem};
use crate::ingest::{MOST_TOLD, Receiver, Records, Taken};

/// Takes requests that HTTP servers have answered.
pub(super) async fn http(
    State(context): State<Arc<Context>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    take(&context, &caller, &headers, body, Records::Http).await
}

/// Takes database calls and pools of connections.
pub(super) async fn database(
    State(context): State<Arc<Context>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    take(&context, &caller, &headers, body, Records::Database).await
}

/// Takes definitions of metrics, and values of them.
pub(super) async fn custom(
    State(context): State<Arc<Context>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    take(&context, &caller, &headers, body, Records::Custom).await
}

async fn take(
    context: &Context,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
    records: Records,
) -> Result<Json<Value>, Problem> {
    check_type(headers)?;
    let origin = caller.origin().clone();
    let of = origin.clone();
    let work = move |receiver: &Arc<Receiver>, body: &[u8]| {
        let taken = receiver.plain(&of, records, body, Instant::now())?;
        let records = taken.accepted + taken.undefined_total + taken.rejected_total;
        Ok((taken, records))
    };
    let taken = body::take(context, &origin, headers, body, work).await?;
    answer(&taken).map(|answer| Json(Value::Object(answer)))
}

/// JSON by name, or a body that names no type.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let media = body::media_type(headers).to_ascii_lowercase();
    if media.is_empty() || media == JSON || media.ends_with("+json") {
        return Ok(());
    }
    let detail = format!("the body is of type `{}`; send `{JSON}`", media.escape_default());
    Err(Problem::new(Kind::MediaType, detail))
}

/// What was taken, and what was not, definitions first.
fn answer(taken: &Taken) -> Result<Map<String, Value>, Problem> {
    let definitions = taken
        .undefined
        .iter()
        .map(|(index, reason)| json!({"index": index, "in": "define", "reason": reason}));
    let records = taken.rejected.iter().map(|(index, reason)| json!({"index": index, "reason": reason}));
    let told: Vec<Value> = definitions.chain(records).take(MOST_TOLD).collect();
    let all = taken.undefined_total + taken.rejected_total;
    let mut answer = Map::new();
    answer.insert("accepted".into(), taken.accepted.into());
    if all > told.len() as u64 {
        answer.insert("rejected_total".into(), all.into());
    }
    answer.insert("rejected".into(), told.into());
    if taken.accepted > 0 || all == 0 {
        return Ok(answer);
    }
    let first = taken.undefined.first().or(taken.rejected.first()).map_or("", |(_, why)| why);
    let detail = format!("nothing was taken; `rejected` says why of each, and of the first: {first}");
    Err(Problem::new(Kind::BadRequest, detail).with(answer))
}

#[cfg(test)]
mod tests;
