//! Which statements are shown of a server, and what it is asked for that.
//!
//! A list of the dearest statements changes from one reading to the next, and a counter that
//! comes and goes tells nothing. So a statement that was among the [`DEAREST`] once stays, up to
//! [`MOST`]; then only one that nobody has executed for [`IDLE`] makes room for another.
//!
//! Source: the extension `pg_stat_statements`, which keeps texts in a file: they are asked for
//! once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::series::Row;
use crate::sql::{Dialect, sanitise};
use crate::tenant::LabelValue;

/// How many of the dearest statements are shown, as postgres_exporter does.
const DEAREST: usize = 100;

/// How many stay once they were among them.
const MOST: usize = 200;

/// How long nobody may have executed a statement that makes room.
const IDLE: Duration = Duration::from_secs(3600);

/// How many rows are asked for: a statement has one for each role and database.
const ROWS: usize = 400;

/// How much of a text is asked for; what is shown of it is less.
const TEXT_CHARACTERS: usize = 8192;

/// Where a row has the database's name, the statement's number, its executions and their time.
const QUERY_ID: usize = 2;
const CALLS: usize = 3;
const SECONDS: usize = 4;

/// The extension as a database has it. Its version stays behind the server's until somebody
/// updates it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    /// Where it is, quoted.
    pub(super) schema: String,
    /// Which columns it has.
    pub(super) version: (u32, u32),
}

/// The first version that tells planning and execution apart, which PostgreSQL 13 brought.
pub(super) const OLDEST: (u32, u32) = (1, 8);

/// What is known of a statement that is shown.
#[derive(Clone, Debug)]
struct Statement {
    /// Executions, over all roles and databases.
    calls: u64,
    /// When these became more.
    called: Instant,
    text: Text,
}

/// The text of a statement, without its literals.
#[derive(Clone, Debug)]
enum Text {
    NotAsked,
    Unknown,
    Known(LabelValue),
}

/// The statements that are shown, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Statements(BTreeMap<i64, Statement>);

impl Statements {
    /// Asks for the statements that are shown, then for the dearest ones.
    pub(super) fn question(&self, extension: &Extension) -> String {
        let Extension { schema, version } = extension;
        let [read, write] = match version {
            (1, 11..) => ["shared_blk_read_time", "shared_blk_write_time"],
            _ => ["blk_read_time", "blk_write_time"],
        };
        format!(
            "SELECT pg_get_userbyid(s.userid), d.datname, s.queryid, sum(s.calls), \
             sum(s.total_exec_time) / 1000, sum(s.rows), sum(s.{read}) / 1000, sum(s.{write}) / 1000 \
             FROM {schema}.pg_stat_statements(false) s JOIN pg_database d ON d.oid = s.dbid \
             WHERE s.queryid IS NOT NULL GROUP BY 1, 2, 3 \
             ORDER BY s.queryid = ANY({}) DESC, 5 DESC LIMIT {ROWS}",
            array(self.0.keys())
        )
    }

    /// Takes the answer, and answers the rows to show.
    pub(super) fn choose(&mut self, rows: Vec<Row>, now: Instant) -> Vec<Row> {
        let mut calls: BTreeMap<i64, u64> = BTreeMap::new();
        let mut dearest: Vec<(f64, i64)> = Vec::new();
        for row in &rows {
            let Some(id) = number(row, QUERY_ID) else { continue };
            *calls.entry(id).or_default() += number::<u64>(row, CALLS).unwrap_or(0);
            dearest.push((number(row, SECONDS).unwrap_or(0.0), id));
        }
        // What the server has forgotten is gone.
        self.0.retain(|id, _| calls.contains_key(id));
        for (id, statement) in &mut self.0 {
            let calls = calls.get(id).copied().unwrap_or(0);
            if calls != statement.calls {
                (statement.calls, statement.called) = (calls, now);
            }
        }
        dearest.sort_by(|one, other| other.0.total_cmp(&one.0));
        let mut seen = BTreeSet::new();
        dearest.retain(|(_, id)| seen.insert(*id));
        for (_, id) in dearest.iter().take(DEAREST) {
            if !self.0.contains_key(id) && self.has_room(now) {
                let calls = calls.get(id).copied().unwrap_or(0);
                self.0.insert(*id, Statement { calls, called: now, text: Text::NotAsked });
            }
        }
        let shown = |row: &Row| number(row, QUERY_ID).is_some_and(|id: i64| self.0.contains_key(&id));
        rows.into_iter().filter(shown).collect()
    }

    /// Whether another statement can be shown, after the idlest has made room if it has to.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.0.len() < MOST {
            return true;
        }
        let idlest = self.0.iter().min_by_key(|(_, statement)| statement.called);
        let idlest = idlest.filter(|(_, statement)| now.duration_since(statement.called) >= IDLE);
        let idlest = idlest.map(|(id, _)| *id);
        idlest.is_some_and(|id| self.0.remove(&id).is_some())
    }

    /// Asks for the texts that have not been asked for; `None` if there is none.
    pub(super) fn question_for_texts(&self, extension: &Extension) -> Option<String> {
        let unasked = self.0.iter().filter(|(_, statement)| matches!(statement.text, Text::NotAsked));
        let mut unasked = unasked.map(|(id, _)| id).peekable();
        unasked.peek()?;
        Some(question_for_texts(extension, unasked))
    }

    /// Takes the answer.
    pub(super) fn take_texts(&mut self, rows: &[Row]) {
        for (id, text) in rows.iter().filter_map(text) {
            if let Some(statement) = self.0.get_mut(&id) {
                let text = sanitise(text, Dialect::PostgreSql).text;
                statement.text = Text::Known(LabelValue::clean(&text));
            }
        }
        for statement in self.0.values_mut().filter(|statement| matches!(statement.text, Text::NotAsked)) {
            statement.text = Text::Unknown;
        }
    }

    /// The texts as rows.
    pub(super) fn texts(&self) -> Vec<Row> {
        let known = self.0.iter().filter_map(|(id, statement)| match &statement.text {
            Text::Known(text) if !text.is_empty() => Some((id, text)),
            _ => None,
        });
        known
            .map(|(id, text)| {
                vec![Some(id.to_string()), Some(text.as_str().to_owned()), Some("1".to_owned())]
            })
            .collect()
    }
}

/// Asks for texts by the statements' numbers.
pub(super) fn question_for_texts<'a>(extension: &Extension, ids: impl Iterator<Item = &'a i64>) -> String {
    format!(
        "SELECT DISTINCT ON (queryid) queryid, left(query, {TEXT_CHARACTERS}) FROM {}.pg_stat_statements \
         WHERE queryid = ANY({}) ORDER BY queryid, query = '<insufficient privilege>'",
        extension.schema,
        array(ids)
    )
}

/// The number and the text in a row of the answer, if there is one that may be seen.
pub(super) fn text(row: &Row) -> Option<(i64, &str)> {
    let text = row.get(1)?.as_deref().filter(|text| *text != "<insufficient privilege>")?;
    Some((number(row, 0)?, text))
}

/// A number in a row.
pub(super) fn number<T: std::str::FromStr>(row: &Row, column: usize) -> Option<T> {
    row.get(column)?.as_deref()?.parse().ok()
}

/// Numbers as SQL has them.
fn array<'a>(numbers: impl Iterator<Item = &'a i64>) -> String {
    let numbers: Vec<String> = numbers.map(i64::to_string).collect();
    format!("'{{{}}}'::bigint[]", numbers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, calls: u64, seconds: f64) -> Row {
        let texts = ["ann", "app", &id.to_string(), &calls.to_string(), &seconds.to_string(), "0", "0", "0"];
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    fn extension(minor: u32) -> Extension {
        Extension { schema: "public".to_owned(), version: (1, minor) }
    }

    #[test]
    fn columns_are_those_of_the_extension_whatever_the_server() {
        let statements = Statements::default();
        for minor in 8..=12 {
            assert_eq!(
                statements.question(&extension(minor)).contains("s.shared_blk_read_time"),
                minor >= 11
            );
        }
    }

    fn ids(rows: &[Row]) -> Vec<i64> {
        rows.iter().filter_map(|row| number(row, QUERY_ID)).collect()
    }

    #[test]
    fn a_statement_that_was_among_the_dearest_once_stays() {
        let mut statements = Statements::default();
        let now = Instant::now();
        let cheap = row(-7, 1, 0.001);
        assert_eq!(ids(&statements.choose(vec![cheap.clone()], now)), [-7]);
        assert!(statements.question(&extension(10)).contains("ANY('{-7}'::bigint[])"));
        let dear: Vec<Row> = (0..150).map(|id| row(id, 1, 10.0)).chain([cheap]).collect();
        let shown = ids(&statements.choose(dear, now));
        assert_eq!(shown.len(), DEAREST + 1);
        assert!(shown.contains(&-7));
    }

    #[test]
    fn beyond_the_bound_only_what_is_idle_makes_room() {
        let mut statements = Statements::default();
        let now = Instant::now();
        // The later, the dearer.
        let batch = |range: std::ops::Range<i64>, calls| {
            range.map(move |id| row(id, calls, id as f64)).collect::<Vec<_>>()
        };
        statements.choose(batch(0..100, 1), now);
        statements.choose(batch(0..200, 1), now);
        let mut all = batch(0..200, 1);
        let newcomer = row(999, 1, 999.0);
        all.push(newcomer.clone());
        assert!(!ids(&statements.choose(all.clone(), now)).contains(&999));
        let later = now + IDLE;
        let mut busy = batch(1..200, 2);
        busy.extend([row(0, 1, 0.0), newcomer]);
        let shown = ids(&statements.choose(busy, later));
        assert!(shown.contains(&999) && !shown.contains(&0), "{shown:?}");
        assert_eq!(shown.len(), MOST);
    }

    #[test]
    fn what_the_server_has_forgotten_is_gone() {
        let mut statements = Statements::default();
        let now = Instant::now();
        statements.choose(vec![row(1, 1, 1.0), row(2, 1, 1.0)], now);
        statements.choose(vec![row(2, 1, 1.0)], now);
        assert_eq!(statements.0.keys().copied().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_text_is_asked_for_once_and_shown_without_its_literals() {
        let mut statements = Statements::default();
        statements.choose(vec![row(1, 1, 1.0), row(2, 1, 1.0)], Instant::now());
        assert!(statements.question_for_texts(&extension(10)).unwrap().contains("'{1,2}'"));
        let text = |id: &str, text: &str| vec![Some(id.to_owned()), Some(text.to_owned())];
        let answer = [text("1", "SELECT 'secret'"), text("2", "<insufficient privilege>")];
        statements.take_texts(&answer);
        let shown: Vec<_> = statements.texts().into_iter().map(|row| row[1].clone().unwrap()).collect();
        assert_eq!(shown, ["SELECT ?"]);
        assert_eq!(statements.question_for_texts(&extension(10)), None);
    }
}
