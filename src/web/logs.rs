//! The log lines of one container: `GET /api/containers/{id}/logs`.
//!
//! Logs hold what programs did not mean for everybody, so the route needs a login, also on
//! loopback.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use regex::bytes::RegexBuilder;
use serde::Serialize;

use super::Context;
use super::api::named;
use super::current::Time;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::inventory::{Container, ContainerId};
use crate::snapshot::{LogError, LogFilter, LogLine, LogQuery};

/// Lines that are shown if nothing is said.
const TAIL: usize = 100;

/// The most that are shown.
const MOST: usize = 10_000;

/// Bytes of an expression.
const MOST_GREP: usize = 1_000;

/// Bytes that an expression may become; it then takes time in proportion to the text.
const GREP_SIZE: usize = 1 << 20;

/// One line as JSON.
#[derive(Serialize)]
struct Row<'a> {
    container_id: ContainerId,
    name: &'a str,
    stream: &'static str,
    timestamp: Option<Time>,
    line: &'a str,
}

impl From<&LogError> for Problem {
    fn from(error: &LogError) -> Self {
        let kind = match error {
            LogError::Gone => Kind::NotFound,
            LogError::OutOfReach(_) => Kind::OutOfReach,
            LogError::Busy => Kind::Unavailable,
        };
        Problem::new(kind, error.to_string())
    }
}

/// `GET /api/containers/{id}/logs?tail=100&since=&grep=&format=text,json`
pub(super) async fn logs(
    State(context): State<Arc<Context>>,
    view: View,
    key: Result<Path<String>, PathRejection>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (query, json) = asked(&query, &headers, Timestamp::now())?;
    let container = named(&context, &view, key)?;
    let nobody = || LogError::OutOfReach("nobody reads logs here".to_owned());
    let logs = context.logs.as_ref().ok_or_else(|| Problem::from(&nobody()))?;
    let lines = logs.lines(&container, query).await;
    let lines = lines.map_err(|error| Problem::from(&error))?;
    let (body, content_type) = match json {
        true => (as_json(&container, &lines), "application/x-ndjson"),
        false => (as_text(&lines), "text/plain; charset=utf-8"),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn as_text(lines: &[LogLine]) -> String {
    let mut text = String::with_capacity(lines.iter().map(|line| line.line.len() + 1).sum());
    for line in lines {
        text.push_str(&line.line);
        text.push('\n');
    }
    text
}

fn as_json(container: &Container, lines: &[LogLine]) -> String {
    let mut text = String::new();
    for LogLine { stream, timestamp, line } in lines {
        let (container_id, name) = (container.id, container.name.as_str());
        let row = Row { container_id, name, stream: stream.as_str(), timestamp: timestamp.map(Time), line };
        // A `String` takes everything, and a row is text and numbers.
        let _ = writeln!(text, "{}", serde_json::to_string(&row).unwrap_or_default());
    }
    text
}

/// What the parameters ask for, and whether as JSON; of one that is given twice the first counts.
fn asked(
    query: &[(String, String)],
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(LogQuery, bool), Problem> {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let refuse = |detail: String| Problem::new(Kind::BadRequest, detail);
    let tail = value("tail").map_or(Ok(TAIL), |text| {
        let tail = text.parse().ok().filter(|tail| (1..=MOST).contains(tail));
        tail.ok_or_else(|| refuse(format!("`tail` is a whole number from 1 to {MOST}")))
    })?;
    let since = value("since").filter(|text| !text.is_empty()).map(|text| moment(text, now));
    let json = match value("format") {
        None => wants_json(headers),
        Some("text") => false,
        Some("json") => true,
        Some(_) => return Err(refuse("`format` is `text` or `json`".to_owned())),
    };
    let wanted = value("grep").filter(|text| !text.is_empty()).map(filter).transpose()?;
    Ok((LogQuery { tail, since: since.transpose()?, wanted }, json))
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(','));
    types.any(|one| {
        let named = one.split(';').next().unwrap_or(one).trim().to_ascii_lowercase();
        matches!(named.as_str(), "application/x-ndjson" | "application/jsonl" | "application/json")
    })
}

/// A time, seconds since 1970, or how long ago.
pub(super) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let detail = "`since` is a time as `2026-01-01T00:00:00Z`, seconds since 1970, or how long ago as `10m`";
    parse_moment(text, now).ok_or_else(|| Problem::new(Kind::BadRequest, detail))
}

fn parse_moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        let whole = SignedDuration::try_from_secs_f64(seconds).ok()?;
        return Timestamp::UNIX_EPOCH.checked_add(whole).ok();
    }
    let mut ago = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let count: u64 = rest[..digits].parse().ok()?;
        let letters = rest[digits..].find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len() - digits);
        let unit = match &rest[digits..digits + letters] {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        ago = ago.checked_add(Duration::from_secs(count.checked_mul(unit)?))?;
        rest = &rest[digits + letters..];
    }
    now.checked_sub(ago).ok()
}

/// An expression as a filter. Bytes, not characters: `(?i)` and classes are those of ASCII.
pub(super) fn filter(text: &str) -> Result<LogFilter, Problem> {
    let refuse =
        |why: String| Problem::new(Kind::BadRequest, format!("`grep` is no regular expression: {why}"));
    if text.len() > MOST_GREP {
        return Err(refuse(format!("it is longer than {MOST_GREP} bytes")));
    }
    let expression =
        RegexBuilder::new(text).unicode(false).size_limit(GREP_SIZE).dfa_size_limit(GREP_SIZE).build();
    let expression = expression.map_err(|error| refuse(error.to_string()))?;
    Ok(Arc::new(move |line: &str| expression.is_match(line.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fixture::{self, request, send};

    const PATH: &str = "/api/containers/shop-api-1/logs";

    /// Asks from loopback with a token of the fixture, whose containers write three lines.
    async fn ask(token: &str, path: &str) -> fixture::Answer {
        let login = [("authorization", &*format!("Bearer {token}"))];
        send(&fixture::context(), "127.0.0.1", request(path, &login)).await
    }

    #[tokio::test]
    async fn lines_come_as_they_were_written_and_need_a_login_also_on_loopback() {
        let without = fixture::get(&fixture::context(), PATH, &[]).await;
        assert!(without.problem(401).contains("loopback included"));
        let answer = ask("secret", PATH).await;
        assert_eq!(answer.text(), "GET /\nGET /favicon.ico\nout of luck\n");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(
            ask("bound", "/api/containers/shop-db-1/logs").await.problem(404),
            "no container `shop-db-1`"
        );
    }

    #[tokio::test]
    async fn lines_are_json_for_who_asks_for_it() {
        let answer = ask("secret", &format!("{PATH}?format=json&tail=1")).await;
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
        let row: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
        let expected = serde_json::json!({
            "container_id": "3f".repeat(32), "name": "shop-api-1", "stream": "stderr",
            "timestamp": "2026-01-01T00:00:02Z", "line": "out of luck",
        });
        assert_eq!(row, expected);
        let headers =
            [("authorization", "Bearer secret"), ("accept", "text/html, application/x-ndjson;q=0.9")];
        let answer = send(&fixture::context(), "127.0.0.1", request(PATH, &headers)).await;
        assert_eq!(answer.text().lines().count(), 3);
    }

    #[tokio::test]
    async fn what_is_looked_for_is_an_expression_of_bounded_cost() {
        assert_eq!(ask("secret", &format!("{PATH}?grep=^get%20/f.*(?-i:ico)$")).await.text(), "");
        assert_eq!(ask("secret", &format!("{PATH}?grep=(?i)^get%20/f")).await.text(), "GET /favicon.ico\n");
        for (grep, why) in [("(", "unclosed group"), ("a{1000}{1000}", "size limit")] {
            let problem = ask("secret", &format!("{PATH}?grep={grep}")).await.problem(400);
            assert!(
                problem.starts_with("`grep` is no regular expression") && problem.contains(why),
                "{problem}"
            );
        }
        let long = "x".repeat(MOST_GREP + 1);
        assert!(
            ask("secret", &format!("{PATH}?grep={long}")).await.problem(400).contains("longer than 1000")
        );
    }

    #[tokio::test]
    async fn a_wrong_parameter_says_what_is_right_and_a_log_out_of_reach_why() {
        for tail in ["0", "10001", "all", ""] {
            let problem = ask("secret", &format!("{PATH}?tail={tail}")).await.problem(400);
            assert_eq!(problem, "`tail` is a whole number from 1 to 10000");
        }
        assert!(ask("secret", &format!("{PATH}?since=yesterday")).await.problem(400).contains("`since` is"));
        assert!(ask("secret", &format!("{PATH}?format=xml")).await.problem(400).contains("`text` or `json`"));
        assert_eq!(ask("secret", "/api/containers/shop-db-1/logs").await.problem(501), "no such driver");
        assert!(ask("secret", "/api/containers/old-1/logs").await.problem(404).contains("has removed"));
    }

    #[test]
    fn a_moment_is_a_time_or_seconds_or_how_long_ago() {
        let now: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
        let at = |text: &str| parse_moment(text, now).map(|at| at.to_string());
        assert_eq!(at("2026-01-01T00:00:00+01:00").as_deref(), Some("2025-12-31T23:00:00Z"));
        assert_eq!(at("1767225600").as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(at("1767225600.5").as_deref(), Some("2026-01-01T00:00:00.5Z"));
        assert_eq!(at("1h30m").as_deref(), Some("2025-12-31T23:30:00Z"));
        assert_eq!(at("90s").as_deref(), Some("2026-01-01T00:58:30Z"));
        for wrong in ["", "m", "5", "5x", "1h30", "-5m", "99999999999999999999d", "nan", "1e300"] {
            let seconds = wrong == "5";
            assert_eq!(parse_moment(wrong, now).is_some(), seconds || wrong.is_empty(), "{wrong}");
        }
    }
}
