//! Statements that an index would help.
//!
//! Which columns an index needs is read off the statement's text, which has no values in it; the
//! plan of the server, not this, says whether it is used.

use super::super::finding::{Scope, Severity, Window};
use super::super::recommendation::{
    Action, Answer, Confidence, Effect, Effort, Kind, NotEnoughData, Recommendation, Verify, expiry, id,
};
use super::super::words::{quoted, seconds, selector};
use super::evidence;

/// A call this long is slow (Sentry's detector of slow queries).
pub const SLOW_SECONDS: f64 = 0.5;

/// Called so often a day it is worth somebody's time (Sentry's).
pub const LEAST_CALLS_A_DAY: f64 = 100.0;

/// A shorter time says little of a day, in hours.
const LEAST_HOURS: f64 = 1.0;

/// Of so many rows a call an index saves little: reading them is the work.
const MANY_ROWS: f64 = 1_000.0;

/// Of all time one statement of so many seconds a second keeps a connection half busy.
const BUSY: f64 = 0.5;

/// An index of more columns is rarely used whole.
const MOST_COLUMNS: usize = 3;

/// What is known of a statement.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whose it is.
    pub scope: Scope,
    /// `queryid`, or the fingerprint where programs tell of it.
    pub query_id: String,
    /// The server and the database in it, where it is a server that tells.
    pub place: Option<[String; 2]>,
    /// Its text without values: `pg_stat_statements_query_id{query}`, or of `/api/queries/slow`.
    pub text: String,
    /// The tables it names.
    pub tables: Vec<String>,
    /// How much `pg_stat_statements_calls_total` grew.
    pub calls: f64,
    /// How much `pg_stat_statements_seconds_total` grew.
    pub total_seconds: f64,
    /// How much `pg_stat_statements_rows_total` grew, where that is known.
    pub rows: Option<f64>,
    /// The time in which they grew.
    pub window: Window,
}

impl Facts {
    /// What tells it from other statements of a tenant: two servers may give the same number.
    pub fn subject(&self) -> String {
        match &self.place {
            Some([server, database]) => format!("{server}/{database}/{}", self.query_id),
            None => self.query_id.clone(),
        }
    }
}

/// What to do about a statement that is slow and called often.
pub fn recommend(facts: &Facts) -> Option<Answer> {
    let days = facts.window.days();
    let mean = facts.total_seconds / facts.calls;
    if !mean.is_finite() || mean < SLOW_SECONDS || !reads(&facts.text) {
        return None;
    }
    if days * 24.0 < LEAST_HOURS {
        let missing = format!("{:.1} of {LEAST_HOURS:.0} h of `pg_stat_statements_calls_total`", days * 24.0);
        let none = NotEnoughData::new(Kind::QueryIndex, &facts.scope, Some(&facts.subject()), vec![missing]);
        return Some(Answer::NotEnoughData(none));
    }
    (facts.calls / days >= LEAST_CALLS_A_DAY).then(|| made(facts, mean).into())
}

fn made(facts: &Facts, mean: f64) -> Recommendation {
    let busy = facts.total_seconds / (facts.window.days() * 86_400.0);
    let rows = facts.rows.map(|rows| rows / facts.calls).filter(|rows| rows.is_finite());
    let has_many_rows = rows.is_some_and(|rows| rows > MANY_ROWS);
    let table = facts.tables.first().map_or("its table", String::as_str);
    let columns = if facts.tables.len() == 1 { filtered(&facts.text) } else { Vec::new() };
    let index = (!columns.is_empty() && !has_many_rows)
        .then(|| format!("CREATE INDEX CONCURRENTLY ON {table} ({});", columns.join(", ")));
    let what = match (&index, has_many_rows) {
        (_, true) => "read fewer rows at once".to_owned(),
        (Some(_), _) => format!("see whether an index on {table} ({}) helps", columns.join(", ")),
        (None, _) => "see by its plan which index it lacks".to_owned(),
    };
    let mut steps = vec![format!("run `EXPLAIN (ANALYZE, BUFFERS)` with usual values on: {}", facts.text)];
    if has_many_rows {
        steps.push("add `LIMIT` and page by the key, or let the database add up what is counted".to_owned());
    } else {
        steps.push(format!("if the plan shows `Seq Scan on {table}` that drops most rows, make the index"));
    }
    steps.push("run it again and keep the index only if the plan uses it".to_owned());
    let mut numbers = vec![
        ("calls", facts.calls),
        ("mean_seconds", mean),
        ("total_seconds", facts.total_seconds),
        ("target_seconds", SLOW_SECONDS),
        ("saved_seconds", facts.calls * (mean - SLOW_SECONDS)),
    ];
    numbers.extend(rows.map(|rows| ("rows_per_call", rows)));
    let (window, calls) = (facts.window, facts.calls as usize);
    let place = facts.place.as_ref().map_or_else(String::new, |[server, database]| {
        format!(",server=\"{}\",datname=\"{}\"", quoted(server), quoted(database))
    });
    let labels = format!("{}{place},queryid=\"{}\"", selector(&facts.scope), quoted(&facts.query_id));
    let labels = labels.trim_start_matches(',');
    Recommendation {
        id: id(Kind::QueryIndex, &facts.scope, Some(&facts.subject())),
        kind: Kind::QueryIndex,
        severity: if busy >= BUSY { Severity::High } else { Severity::Medium },
        scope: facts.scope.clone(),
        sentence: format!(
            "a statement on {table}{} takes {} on average and was called {:.0} times: {what}",
            facts.place.as_ref().map_or_else(String::new, |[server, database]| {
                format!(" (database `{database}` of `{server}`)")
            }),
            seconds(mean),
            facts.calls,
        ),
        evidence: vec![
            evidence(
                "increase(pg_stat_statements_seconds_total) / increase(pg_stat_statements_calls_total)",
                mean,
                Some(SLOW_SECONDS),
                window,
                calls,
            ),
            evidence(
                "increase(pg_stat_statements_calls_total)",
                facts.calls,
                Some(LEAST_CALLS_A_DAY * window.days()),
                window,
                calls,
            ),
        ],
        change: None,
        action: Action {
            steps,
            place: index.is_some().then(|| "the database, by a migration of its schema".to_owned()),
            lines: Vec::new(),
            command: index,
        },
        effect: Effect::new(
            format!(
                "saves at least {} of database time in {}",
                seconds(facts.calls * (mean - SLOW_SECONDS)),
                seconds(window.days() * 86_400.0)
            ),
            "saved_seconds = calls * (mean_seconds - target_seconds)",
            numbers,
        ),
        effort: if has_many_rows { Effort::High } else { Effort::Medium },
        confidence: Confidence::of(window.days(), 1, 1.0),
        risk: "an index takes disk and makes every write to the table a little slower".to_owned(),
        verify: Verify {
            promql: format!(
                "sum(increase(pg_stat_statements_seconds_total{{{labels}}}[1d])) / sum(increase(pg_stat_statements_calls_total{{{labels}}}[1d]))"
            ),
            expect: format!("under {SLOW_SECONDS}"),
        },
        expires_at_ms: expiry(window),
    }
}

/// Whether a statement looks for rows.
fn reads(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    matches!(first.as_str(), "select" | "update" | "delete" | "with")
}

/// The columns that a statement's first `WHERE` compares, those by equality first: only then an
/// index is used for the others, too.
fn filtered(text: &str) -> Vec<String> {
    let words = words(text);
    let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
    let Some(start) = words.iter().position(|word| is(word, "where")) else { return Vec::new() };
    let ends = ["group", "order", "limit", "having", "union", "returning", "offset", "for", "or", "select"];
    let (mut equal, mut ranged) = (Vec::new(), Vec::new());
    let clause = words.iter().skip(start + 1);
    let clause: Vec<&str> =
        clause.map(String::as_str).take_while(|word| !ends.iter().any(|end| is(word, end))).collect();
    // What follows an OR cannot be served by one index, and neither can what stands before it.
    if words.iter().skip(start + 1).any(|word| is(word, "or")) {
        return Vec::new();
    }
    for pair in clause.windows(2) {
        let [column, operator] = pair else { continue };
        let is_column = column.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && !["and", "not", "between", "in", "is", "like"].iter().any(|keyword| is(column, keyword));
        if !is_column {
            continue;
        }
        let name = column.rsplit('.').next().unwrap_or(column).to_owned();
        match operator.to_ascii_lowercase().as_str() {
            "=" | "in" => equal.push(name),
            "<" | ">" | "<=" | ">=" | "between" => ranged.push(name),
            _ => {}
        }
    }
    // After the first range no further column narrows anything.
    let mut columns: Vec<String> = Vec::new();
    for column in equal.into_iter().chain(ranged.into_iter().take(1)) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns.truncate(MOST_COLUMNS);
    columns
}

/// Names, operators and everything else, apart.
fn words(text: &str) -> Vec<String> {
    let kind = |c: char| match c {
        c if c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '"') => 0,
        '<' | '>' | '=' | '!' => 1,
        c if c.is_whitespace() => 2,
        _ => 3,
    };
    let mut words: Vec<String> = Vec::new();
    let mut last = 2;
    for c in text.chars() {
        let this = kind(c);
        match words.last_mut() {
            Some(word) if this == last && this < 2 => word.push(c),
            _ if this != 2 => words.push(c.to_string()),
            _ => {}
        }
        last = this;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_by_equality_come_before_one_range() {
        let of = |text: &str| filtered(text).join(" ");
        assert_eq!(
            of("SELECT * FROM orders WHERE orders.created_at > $1 AND user_id = $2"),
            "user_id created_at"
        );
        assert_eq!(of("select id from orders where state in ($1, $2) order by created_at"), "state");
        assert_eq!(of("UPDATE t SET a=$1 WHERE b=$2 AND c<>$3 AND d BETWEEN $4 AND $5"), "b d");
        assert_eq!(of("SELECT * FROM t WHERE a = ? OR b = ?"), "");
        assert_eq!(of("SELECT * FROM t"), "");
        assert_eq!(of(""), "");
        assert_eq!(of("WHERE"), "");
    }

    #[test]
    fn only_what_looks_for_rows_is_helped_by_an_index() {
        assert!(reads(" select 1"));
        assert!(!reads("INSERT INTO t VALUES ($1)"));
        assert!(!reads(""));
    }
}
