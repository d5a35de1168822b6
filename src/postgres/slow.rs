//! Which statements were slow between two looks at `pg_stat_statements`.
//!
//! The server only adds up, so what counts is what is new since the last look, and the first look
//! is where counting begins. A statement is slow if its new calls took as long as the bound in the
//! mean, or if one of them did: the longest call ever has become longer, or the sum of squares
//! says that one was. Of the latter only that call is told.
//!
//! Invariant: nothing is told twice, and nothing that was before the first look; where it cannot
//! be known how many calls are new, fewer are told.
//!
//! Source: the extension `pg_stat_statements`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::series::Row;
use super::statements::{Extension, number, question_for_texts, text};
use crate::sql::slow::Calls;
use crate::sql::{Dialect, Statement, sanitise};
use crate::tenant::LabelValue;

/// How many statements are looked at, of those that were ever slow: the ones that took most time.
const MOST: usize = 1000;

/// How many of them are told of one look, which is what the list holds of a server.
const MOST_SLOW: usize = 100;

/// How many texts are kept, so that they are not asked for again.
const MOST_TEXTS: usize = 200;

/// The server's clock and its start, in seconds since 1970; in every row, and in one at least.
const CLOCK: usize = 0;
const STARTED: usize = 1;

/// What tells rows apart (role, database, top level, number of the statement), the database's
/// name, and what was counted.
const ROLE: usize = 2;
const DATABASE: usize = 3;
const TOP_LEVEL: usize = 4;
const QUERY_ID: usize = 5;
const DATABASE_NAME: usize = 6;
const CALLS: usize = 7;
const TOTAL: usize = 8;
const LONGEST: usize = 9;
const SQUARES: usize = 10;
const SHORTEST: usize = 11;
const SINCE: usize = 12;

/// A row of the extension: a statement under a role and in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    role: u32,
    database: u32,
    top_level: bool,
    id: i64,
}

/// What the server has counted of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Counts {
    calls: u64,
    /// Seconds of all calls.
    total: f64,
    /// Seconds of the longest.
    longest: f64,
    /// The sum of the squares of all calls' seconds.
    squares: f64,
    /// Seconds of the shortest since counting began; `None` where that may have been reset alone.
    shortest: Option<f64>,
    /// When counting began at the earliest, in seconds since 1970.
    since: Option<f64>,
}

/// What was seen at once.
#[derive(Debug)]
struct Look {
    bound: Duration,
    /// The server's clock a little before, and its start, in seconds since 1970.
    clock: f64,
    started: f64,
    /// Whether there was room for all statements that were ever slow.
    whole: bool,
    counts: BTreeMap<Key, Counts>,
}

/// A statement that was slow.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slow {
    /// Its number.
    pub(super) id: i64,
    pub(super) database: LabelValue,
    /// Slow calls, as far as they are known.
    pub(super) calls: Calls,
}

/// The last look, and the texts of statements that were slow.
#[derive(Debug, Default)]
pub(super) struct Looks {
    last: Option<Look>,
    /// `None` where the server has no text, or none that may be seen.
    texts: BTreeMap<i64, Option<Statement>>,
}

/// Asks for the statements that have ever been slow.
pub(super) fn question(extension: &Extension, bound: Duration) -> String {
    let Extension { schema, version } = extension;
    let top_level = if *version >= (1, 9) { "s.toplevel::int" } else { "1" };
    // Of a single statement since 1.11, of all together since 1.9. The shortest call can be
    // reset alone since 1.11.
    let since = match version {
        (1, 11..) => "s.stats_since".to_owned(),
        (1, 9..) => format!("(SELECT stats_reset FROM {schema}.pg_stat_statements_info)"),
        _ => "NULL::timestamptz".to_owned(),
    };
    let shortest = if *version >= (1, 11) { "NULL" } else { "s.min_exec_time / 1000" };
    let milliseconds = bound.as_secs_f64() * 1000.0;
    format!(
        "SELECT n.clock, n.started, s.* FROM (SELECT EXTRACT(EPOCH FROM clock_timestamp()) AS clock, \
         EXTRACT(EPOCH FROM pg_postmaster_start_time()) AS started) n LEFT JOIN LATERAL \
         (SELECT s.userid, s.dbid, {top_level}, s.queryid, d.datname, s.calls, s.total_exec_time / 1000, \
         s.max_exec_time / 1000, s.calls * (s.stddev_exec_time ^ 2 + s.mean_exec_time ^ 2) / 1000000, \
         {shortest}, EXTRACT(EPOCH FROM {since}) \
         FROM {schema}.pg_stat_statements(false) s JOIN pg_database d ON d.oid = s.dbid \
         WHERE s.queryid IS NOT NULL AND s.max_exec_time >= {milliseconds} \
         ORDER BY s.total_exec_time DESC LIMIT {MOST}) s ON true"
    )
}

impl Looks {
    /// Takes the answer, and says what was slow since the last one.
    pub(super) fn take(&mut self, rows: &[Row], bound: Duration) -> Vec<Slow> {
        let Some(look) = look(rows, bound) else { return Vec::new() };
        let last = self.last.take().filter(|last| last.bound == bound && !is_another(last, &look));
        let mut slow: Vec<Slow> = last.iter().flat_map(|last| between(last, &look, rows)).collect();
        slow.sort_by(|one, other| other.calls.total.total_cmp(&one.calls.total));
        slow.truncate(MOST_SLOW);
        self.keep_texts(&slow);
        self.last = Some(look);
        slow
    }

    /// Makes room for the texts of what is slow now.
    fn keep_texts(&mut self, slow: &[Slow]) {
        let unknown = slow.iter().filter(|one| !self.texts.contains_key(&one.id)).count();
        if self.texts.len() + unknown > MOST_TEXTS {
            self.texts.retain(|id, _| slow.iter().any(|one| one.id == *id));
        }
    }

    /// Asks for the texts that are not known; `None` if all of them are.
    pub(super) fn question_for_texts(&self, extension: &Extension, slow: &[Slow]) -> Option<String> {
        let mut unknown: Vec<&i64> = slow.iter().map(|one| &one.id).collect();
        unknown.retain(|id| !self.texts.contains_key(id));
        (!unknown.is_empty()).then(|| question_for_texts(extension, unknown.into_iter()))
    }

    /// Takes the texts of statements that were slow.
    pub(super) fn take_texts(&mut self, slow: &[Slow], rows: &[Row]) {
        for one in slow {
            self.texts.entry(one.id).or_default();
        }
        for (id, text) in rows.iter().filter_map(text) {
            if let Some(known) = self.texts.get_mut(&id) {
                *known = Some(sanitise(text, Dialect::PostgreSql));
            }
        }
    }

    /// A statement, if its text is known.
    pub(super) fn statement(&self, id: i64) -> Option<&Statement> {
        self.texts.get(&id)?.as_ref()
    }
}

/// What an answer says.
fn look(rows: &[Row], bound: Duration) -> Option<Look> {
    let first = rows.first()?;
    let (clock, started) = (number(first, CLOCK)?, number(first, STARTED)?);
    let counts: BTreeMap<Key, Counts> =
        rows.iter().filter_map(|row| Some((key(row)?, counts(row)?))).collect();
    Some(Look { bound, clock, started, whole: rows.len() < MOST, counts })
}

fn key(row: &Row) -> Option<Key> {
    Some(Key {
        role: number(row, ROLE)?,
        database: number(row, DATABASE)?,
        top_level: number::<u8>(row, TOP_LEVEL)? != 0,
        id: number(row, QUERY_ID)?,
    })
}

fn counts(row: &Row) -> Option<Counts> {
    Some(Counts {
        calls: number(row, CALLS)?,
        total: number(row, TOTAL)?,
        longest: number(row, LONGEST)?,
        squares: number(row, SQUARES)?,
        shortest: number(row, SHORTEST),
        since: number(row, SINCE),
    })
}

/// Whether another server has answered: it ran at the last look already, but not from when the
/// last one did.
fn is_another(last: &Look, look: &Look) -> bool {
    last.started != look.started && look.started <= last.clock
}

/// What was slow between two looks.
fn between<'a>(last: &'a Look, look: &'a Look, rows: &'a [Row]) -> impl Iterator<Item = Slow> + 'a {
    let restarted = look.started > last.clock;
    rows.iter().filter_map(move |row| {
        let key = key(row)?;
        let new = new_calls(last, look.counts.get(&key)?, last.counts.get(&key), restarted)?;
        let database = row.get(DATABASE_NAME)?.as_deref().unwrap_or_default();
        Some(Slow { id: key.id, database: LabelValue::clean(database), calls: slow_calls(new, look.bound)? })
    })
}

/// Calls that are new since the last look, and what the longest of them took at least.
#[derive(Clone, Copy, Debug)]
struct New {
    /// `None` if there are more than one, and nobody knows how many.
    all: Option<(u64, f64)>,
    longest: f64,
}

/// What is new of a statement, if that can be known.
fn new_calls(last: &Look, now: &Counts, before: Option<&Counts>, restarted: bool) -> Option<New> {
    let all = New { all: Some((now.calls, now.total)), longest: now.longest };
    let began_since = now.since.is_some_and(|since| since > last.clock);
    match before {
        Some(before) if before.since == now.since => {
            match before.calls <= now.calls && before.total <= now.total {
                true => more(before, now),
                // It was reset alone, or pushed out and taken in again.
                false => Some(all),
            }
        }
        _ if began_since => Some(all),
        // The statistics were lost with the server.
        Some(_) => restarted.then_some(all),
        // It was never slow at the last look, or not there.
        None if !last.whole => None,
        None => match now.shortest.is_some_and(|shortest| shortest >= last.bound.as_secs_f64()) {
            true => Some(all),
            false => Some(New { all: None, longest: now.longest }),
        },
    }
}

/// What came to what was counted before.
fn more(before: &Counts, now: &Counts) -> Option<New> {
    let (calls, total) = (now.calls - before.calls, now.total - before.total);
    let longest = match now.longest != before.longest {
        true => now.longest,
        // No call took longer than this, and all their squares together are at most it times
        // all their seconds.
        false => ((now.squares - before.squares) / total).min(total).min(now.longest),
    };
    (calls > 0 && total > 0.0).then_some(New { all: Some((calls, total)), longest })
}

/// The calls of which it is known that they were slow.
fn slow_calls(New { all, longest }: New, bound: Duration) -> Option<Calls> {
    let bound = bound.as_secs_f64();
    match all.map(|(count, total)| (count, total, total / count as f64)) {
        Some((count, total, mean)) if mean >= bound => {
            Some(Calls { count, total, max: longest.max(mean), last: mean })
        }
        _ => (longest >= bound).then(|| Calls::one(longest)),
    }
}

#[cfg(test)]
mod tests;
