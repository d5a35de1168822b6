//! `GET/POST /api/alerts/silences`, `DELETE /api/alerts/silences/{id}`: what holds alerts back in
//! Alertmanager, for a while.
//!
//! Whose a silence is, its matchers say: one that is bound to a tenant sees only silences that
//! pin that tenant by equality, since another could be about anybody. What is made here has
//! matchers by equality only, so that a slip of a pattern silences nobody else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Context;
use super::alerts::{client, silent};
use super::body;
use super::caller::Caller;
use super::current::Time;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::prometheus::{Alert, Alertmanager, AlertmanagerError, Labels, Matcher, NewSilence, Silence};

/// How many bytes a body may have: some labels and a comment.
const BODY_BYTES: usize = 16 << 10;

/// How long a silence may last, in seconds. A shorter one is over before anybody is told; what is
/// to be silent longer is disabled, or its threshold raised.
const MIN_SECONDS: u64 = 60;
const MAX_SECONDS: u64 = 30 * 86_400;

/// An alert has fewer labels, and names and values are shorter.
const MAX_MATCHERS: usize = 32;
const MAX_TEXT_CHARS: usize = 1024;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Silences {
    timestamp: Time,
    total: usize,
    silences: Vec<Row>,
}

/// One silence that is not over.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    /// `active` or `pending`.
    state: String,
    matchers: Vec<Condition>,
    starts_at: Time,
    ends_at: Time,
    created_by: String,
    comment: String,
}

/// One of its matchers.
#[derive(Debug, Serialize)]
struct Condition {
    name: String,
    value: String,
    is_regex: bool,
    is_equal: bool,
}

impl From<Silence> for Row {
    fn from(silence: Silence) -> Self {
        let condition =
            |Matcher { name, value, is_regex, is_equal }| Condition { name, value, is_regex, is_equal };
        Row {
            id: silence.id,
            state: silence.status.state,
            matchers: silence.matchers.into_iter().map(condition).collect(),
            starts_at: Time(silence.starts_at),
            ends_at: Time(silence.ends_at),
            created_by: silence.created_by,
            comment: silence.comment,
        }
    }
}

/// What is said of a silence beside an alert that it holds back.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    id: String,
    /// `null` where Alertmanager does not tell of it any more.
    ends_at: Option<Time>,
    /// `null` where it is not this tenant's alone, likewise `comment`.
    created_by: Option<String>,
    comment: Option<String>,
}

/// Silences by id, as a request is told of them.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<String, Silence>);

impl Known {
    /// Those that hold back any of these alerts. Alerts count for more than what is said beside
    /// them, so where Alertmanager does not tell of silences there are their ids only.
    pub(super) async fn of(client: &Alertmanager, alerts: &[Alert]) -> Known {
        if alerts.iter().all(|alert| alert.status.silenced_by.is_empty()) {
            return Known::default();
        }
        match client.silences(&[]).await {
            Ok(silences) => {
                Known(silences.into_iter().map(|silence| (silence.id.clone(), silence)).collect())
            }
            Err(error) => {
                tracing::debug!(%error, "Alertmanager does not tell of silences");
                Known::default()
            }
        }
    }

    /// What is said beside an alert.
    pub(super) fn beside(&self, view: &View, alert: &Alert) -> Vec<Held> {
        let held = |id: &String| {
            let silence = self.0.get(id);
            let told = silence.filter(|silence| !view.is_bound() || is_seen(view, silence));
            Held {
                id: id.clone(),
                ends_at: silence.map(|silence| Time(silence.ends_at)),
                created_by: told.map(|silence| silence.created_by.clone()),
                comment: told.map(|silence| silence.comment.clone()),
            }
        };
        alert.status.silenced_by.iter().map(held).collect()
    }
}

/// Whether a silence exists for a request: what it is about is pinned to the tenant.
fn is_seen(view: &View, silence: &Silence) -> bool {
    let pinned = |name: &str| {
        let mut about = silence.matchers.iter().filter(|matcher| matcher.name == name);
        let first = about.next()?;
        let is_pin =
            |matcher: &Matcher| matcher.is_equal && !matcher.is_regex && matcher.value == first.value;
        (is_pin(first) && about.all(is_pin)).then_some(first.value.as_str())
    };
    view.narrowing().admits_named(["user", "project", "team"].map(pinned))
}

/// `GET /api/alerts/silences?user=&project=&team=`
pub(super) async fn list(State(context): State<Arc<Context>>, view: View) -> Result<Json<Silences>, Problem> {
    let answered = client(&context)?.silences(&[]).await;
    let silences = answered.map_err(|error| silent(&view, &error))?;
    let seen = silences.into_iter().filter(|silence| !silence.is_over() && is_seen(&view, silence));
    let mut silences: Vec<Row> = seen.map(Row::from).collect();
    silences.sort_by(|a, b| (a.ends_at.0, &a.id).cmp(&(b.ends_at.0, &b.id)));
    Ok(Json(Silences { timestamp: Time(Timestamp::now()), total: silences.len(), silences }))
}

/// What is to be silenced, how long and what for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    matchers: Option<Labels>,
    fingerprint: Option<String>,
    duration_seconds: u64,
    comment: String,
}

/// Which alerts are meant.
#[derive(Debug, PartialEq)]
enum Meant {
    /// Those with all of these labels.
    Labels(Labels),
    /// The one of this fingerprint.
    Fingerprint(String),
}

impl Wish {
    /// What is meant, if it can be.
    fn checked(self) -> Result<(Meant, Duration, String), Problem> {
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&self.duration_seconds) {
            return Err(refuse(format!(
                "`duration_seconds` is {}; a silence lasts from {MIN_SECONDS} s to {MAX_SECONDS} s (30 days)",
                self.duration_seconds
            )));
        }
        let comment = self.comment.trim();
        if comment.is_empty() {
            return Err(refuse("`comment` is empty; say what the silence is for"));
        }
        short("comment", comment)?;
        let meant = match (self.matchers, self.fingerprint) {
            (Some(labels), None) => Meant::Labels(matched(labels)?),
            (None, Some(fingerprint)) if !fingerprint.is_empty() => Meant::Fingerprint(fingerprint),
            (None, Some(_)) => {
                return Err(refuse("`fingerprint` is empty; `/api/alerts` tells that of each alert"));
            }
            _ => return Err(refuse("a silence has either `matchers` or the `fingerprint` of an alert")),
        };
        Ok((meant, Duration::from_secs(self.duration_seconds), comment.to_owned()))
    }
}

/// Labels that silence something and not everything: each has a value that alerts can have.
fn matched(labels: Labels) -> Result<Labels, Problem> {
    if labels.is_empty() {
        return Err(refuse(
            "`matchers` is empty, which would silence everything; name labels and their values",
        ));
    }
    if labels.len() > MAX_MATCHERS {
        return Err(refuse(format!("`matchers` names {} labels, {MAX_MATCHERS} are enough", labels.len())));
    }
    for (name, value) in &labels {
        if !is_label(name) {
            return Err(refuse(format!("`{}` is not a label's name", name.escape_debug())));
        }
        if value.is_empty() {
            return Err(refuse(format!(
                "`{name}` is empty, which fits every alert without that label; give its value, or leave it out"
            )));
        }
        short(name, value)?;
    }
    Ok(labels)
}

fn short(name: &str, text: &str) -> Result<(), Problem> {
    match text.chars().count() > MAX_TEXT_CHARS {
        true => Err(refuse(format!("`{name}` is longer than {MAX_TEXT_CHARS} characters"))),
        false => Ok(()),
    }
}

fn is_label(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_word)
        && name.starts_with(|c: char| !c.is_ascii_digit())
        && name.len() <= MAX_TEXT_CHARS
}

fn refuse(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::BadRequest, detail)
}

/// What was made.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    id: String,
    starts_at: Time,
    ends_at: Time,
    matchers: Labels,
    created_by: String,
    comment: String,
    /// Alerts that fire now and that it holds back.
    alerts: usize,
}

/// `POST /api/alerts/silences`
pub(super) async fn create(
    State(context): State<Arc<Context>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Problem> {
    let client = client(&context)?;
    let wish: Wish = body::object(&body::json(&headers, body, BODY_BYTES).await?)?;
    let (meant, duration, comment) = wish.checked()?;
    let alerts = client.alerts(&[]).await.map_err(|error| failed(&error))?;
    let labels = match meant {
        Meant::Labels(labels) => labels,
        Meant::Fingerprint(fingerprint) => {
            let alert = alerts.iter().find(|alert| alert.fingerprint == fingerprint);
            let gone = || {
                let detail =
                    format!("no alert with the fingerprint `{}` fires now", fingerprint.escape_debug());
                Problem::new(Kind::NotFound, detail)
            };
            alert.ok_or_else(gone)?.labels.clone()
        }
    };
    let fits = |alert: &&Alert| labels.iter().all(|(name, value)| alert.labels.get(name) == Some(value));
    let held_back = alerts.iter().filter(fits).count();
    let starts_at = Timestamp::now();
    let ends_at =
        SignedDuration::try_from(duration).ok().and_then(|duration| starts_at.checked_add(duration).ok());
    let ends_at = ends_at.ok_or_else(|| refuse("a silence cannot last that long"))?;
    let silence = NewSilence {
        matchers: labels.iter().map(|(name, value)| Matcher::equal(name, value)).collect(),
        starts_at,
        ends_at,
        created_by: caller.name(),
        comment,
    };
    let id = client.silence(&silence).await.map_err(|error| failed(&error))?;
    tracing::info!(silence = id, by = silence.created_by, until = %ends_at, alerts = held_back, "alerts are silenced");
    let location = format!("/api/alerts/silences/{id}");
    let NewSilence { created_by, comment, .. } = silence;
    let (starts_at, ends_at) = (Time(starts_at), Time(ends_at));
    let made = Made { id, starts_at, ends_at, matchers: labels, created_by, comment, alerts: held_back };
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(made)))
}

/// `DELETE /api/alerts/silences/{id}`
pub(super) async fn expire(
    State(context): State<Arc<Context>>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let client = client(&context)?;
    let Path(id) = id.map_err(|error| refuse(error.body_text()))?;
    let silences = client.silences(&[]).await.map_err(|error| failed(&error))?;
    if !silences.iter().any(|silence| silence.id == id && !silence.is_over()) {
        let detail = format!(
            "there is no silence `{}` that is not over; `/api/alerts/silences` lists them",
            id.escape_debug()
        );
        return Err(Problem::new(Kind::NotFound, detail));
    }
    client.expire(&id).await.map_err(|error| failed(&error))?;
    tracing::info!(silence = id, by = caller.name(), "a silence was ended");
    Ok(StatusCode::NO_CONTENT)
}

/// Alertmanager does not do it, or does not answer; who may ask for it is bound to nobody.
fn failed(error: &AlertmanagerError) -> Problem {
    match error {
        AlertmanagerError::Refused { .. } => Problem::new(Kind::Conflict, error.to_string()),
        _ => silent(&View::default(), error),
    }
}

#[cfg(test)]
mod tests;
