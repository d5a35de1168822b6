//! Asking a Prometheus.

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;

use crate::measured::connection::Connection;
use crate::measured::failure;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// The body of an answer to an instant or, with a range, a range query.
pub(crate) fn raw(connection: &mut Connection, query: &str, range: Range) -> io::Result<Vec<u8>> {
    let mut form = String::from("query=");
    form.push_str(&encoded(query));
    let path = match range {
        Range::At(at_s) => {
            if let Some(at_s) = at_s {
                form.push_str(&format!("&time={at_s}"));
            }
            "/api/v1/query"
        }
        Range::Over { from_s, to_s, step_s } => {
            form.push_str(&format!("&start={from_s}&end={to_s}&step={step_s}"));
            "/api/v1/query_range"
        }
    };
    connection.post(path, &[FORM], form.as_bytes())
}

/// When a query is asked for, in seconds of Unix time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Range {
    At(Option<i64>),
    Over { from_s: i64, to_s: i64, step_s: i64 },
}

/// The rows of the answer to an instant query, now.
pub(crate) fn rows(connection: &mut Connection, query: &str) -> io::Result<Vec<Value>> {
    let body = raw(connection, query, Range::At(None))?;
    let mut answer: Value = serde_json::from_slice(&body)?;
    match answer["data"]["result"].take() {
        Value::Array(rows) => Ok(rows),
        _ => Err(failure(format!("`{query}` has no vector: {answer}"))),
    }
}

/// The values of a query, now, by one label.
pub(crate) fn by(connection: &mut Connection, label: &str, query: &str) -> io::Result<BTreeMap<String, f64>> {
    let number = |row: &Value| row["value"][1].as_str()?.parse().ok();
    let rows = rows(connection, query)?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row["metric"][label].as_str().unwrap_or_default().to_owned(), number(row)?)))
        .collect())
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
