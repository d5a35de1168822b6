//! The task of one server: it reads, shows what came of it, and waits.
//!
//! Invariants: a server has one connection at most, and one attempt at a time; what is quick is
//! shown before what may not be is asked for; a server that does not answer is asked ever less
//! often, up to [`LONGEST_PAUSE`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::Target;
use super::board::{Missing, Reason, Record};
use super::parts::{self, PARTS, Part, SLOW_STATEMENTS, STATEMENTS, TEXTS};
use super::series::{Row, Series, series};
use super::session::{Failure, Lookup, Session, Unanswered};
use super::slow::{self, Looks, Slow};
use super::statements::{Extension, OLDEST, Statements};
use crate::sql::slow::{Caller, SlowQueries, Source};
use crate::tenant::LabelValue;

/// The pause after a first failure; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause, so that a server that is back is seen soon, unless it is read less often.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long what is dear and changes slowly is left alone.
const SLOWLY: Duration = Duration::from_secs(60);

/// What is asked first: the major version, whether we may see everything, and where
/// `pg_stat_statements` is, and of which version.
const FACTS: &str = "SELECT current_setting('server_version_num')::int / 10000, \
                     pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')::int, \
                     e.schema, e.version FROM (VALUES (1)) v LEFT JOIN \
                     (SELECT quote_ident(n.nspname) AS schema, x.extversion AS version FROM pg_extension x \
                     JOIN pg_namespace n ON n.oid = x.extnamespace WHERE x.extname = 'pg_stat_statements') e \
                     ON true";

/// What a server says of itself.
#[derive(Debug)]
struct Facts {
    version: u32,
    sees_all: bool,
    statements: Option<Extension>,
}

/// A server that is read.
#[derive(Debug)]
struct Reader {
    target: Target,
    record: Arc<Record>,
    slow: Arc<SlowQueries>,
    session: Option<Session>,
    lookup: Lookup,
    statements: Statements,
    looks: Looks,
    /// When the slow parts were read, on this connection.
    slow_at: Option<Instant>,
    /// What was logged, so that it is logged once.
    told: BTreeSet<(&'static str, Missing)>,
}

/// Reads a server for ever.
pub(super) async fn attend(target: Target, record: Arc<Record>, slow: Arc<SlowQueries>, first: Duration) {
    sleep(first).await;
    let server = target.server.clone();
    let interval = target.interval;
    let mut reader = Reader {
        target,
        record,
        slow,
        session: None,
        lookup: None,
        statements: Statements::default(),
        looks: Looks::default(),
        slow_at: None,
        told: BTreeSet::new(),
    };
    let mut down: Option<Reason> = None;
    let mut failures = 0_u32;
    loop {
        let began = Instant::now();
        match reader.read().await {
            Ok(()) => {
                if down.take().is_some() {
                    tracing::info!(server, "the PostgreSQL server is read again");
                }
                failures = 0;
                sleep(interval.saturating_sub(began.elapsed())).await;
            }
            Err(Failure { reason, message }) => {
                reader.session = None;
                reader.slow_at = None;
                reader.record.failed(reason);
                if down != Some(reason) {
                    let reason = reason.as_str();
                    tracing::warn!(server, reason, error = message, "the PostgreSQL server cannot be read");
                }
                down = Some(reason);
                sleep(pause(failures, interval)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// The pause after so many failures before this one.
fn pause(failures: u32, interval: Duration) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE.max(interval))
}

impl Reader {
    async fn read(&mut self) -> Result<(), Failure> {
        let (began, deadline) = (Instant::now(), self.target.timeout);
        let late =
            |what: &str| Failure::new(Reason::Timeout, format!("{what} within {} ms", deadline.as_millis()));
        let facts = timeout(deadline, self.read_quick()).await.map_err(|_| late("no reading"))??;
        {
            let mut state = self.record.state();
            state.up = Some(true);
            state.read_at = Some(Timestamp::now());
            state.took = Some(began.elapsed());
        }
        if self.slow_at.is_none_or(|at| at.elapsed() >= SLOWLY) {
            self.slow_at = Some(Instant::now());
            timeout(deadline, self.read_slow(&facts)).await.map_err(|_| late("no sizes and tables"))??;
        }
        Ok(())
    }

    async fn read_quick(&mut self) -> Result<Facts, Failure> {
        if self.session.is_none() {
            self.session = Some(Session::open(&self.target, &mut self.lookup).await?);
        }
        let facts = self.facts().await?;
        for part in PARTS.iter().filter(|part| !part.slow) {
            self.read_part(part, &facts).await?;
        }
        self.read_statements(&facts).await?;
        Ok(facts)
    }

    async fn read_slow(&mut self, facts: &Facts) -> Result<(), Failure> {
        for part in PARTS.iter().filter(|part| part.slow) {
            self.read_part(part, facts).await?;
        }
        Ok(())
    }

    async fn facts(&mut self) -> Result<Facts, Failure> {
        let unclear = |what: &str| Failure::new(Reason::Answer, format!("its version is unclear: {what}"));
        let rows = match self.ask(FACTS).await? {
            Ok(rows) => rows,
            Err((_, message)) => return Err(unclear(&message)),
        };
        let mut row = rows.into_iter().next().unwrap_or_default().into_iter();
        let mut next = || row.next().flatten();
        let version = next().and_then(|text| text.parse().ok()).ok_or_else(|| unclear("it is no number"))?;
        let sees_all = next().as_deref() == Some("1");
        let statements = next().zip(next()).map(|(schema, version)| {
            let (major, minor) = version.split_once('.').unwrap_or((&version, ""));
            let version = (major.parse().unwrap_or(0), minor.parse().unwrap_or(0));
            Extension { schema, version }
        });
        Ok(Facts { version, sees_all, statements })
    }

    /// Asks over the connection; within the answer, what the server refused.
    async fn ask(&self, sql: &str) -> Result<Result<Vec<Row>, (Missing, String)>, Failure> {
        let lost = || Failure::new(Reason::Lost, "there is no connection");
        let session = self.session.as_ref().ok_or_else(lost)?;
        match session.ask(sql).await {
            Ok(rows) => Ok(Ok(rows)),
            Err(Unanswered::Refused(missing, message)) => Ok(Err((missing, message))),
            Err(Unanswered::Broken(failure)) => Err(failure),
        }
    }

    async fn read_part(&mut self, part: &'static Part, facts: &Facts) -> Result<(), Failure> {
        if !(part.since..part.until).contains(&facts.version) {
            return Ok(());
        }
        if part.needs_all && !facts.sees_all {
            self.without_right(part);
            return Ok(());
        }
        match self.ask(part.sql).await? {
            Ok(rows) => self.show(part, &rows),
            Err((missing, message)) => self.miss(part, missing, &message),
        }
        Ok(())
    }

    async fn read_statements(&mut self, facts: &Facts) -> Result<(), Failure> {
        let Some(extension) = &facts.statements else {
            let message = "the extension is not in this database: `CREATE EXTENSION pg_stat_statements`";
            self.miss(&STATEMENTS, Missing::Extension, message);
            return Ok(());
        };
        if extension.version < OLDEST {
            let message =
                "the extension is older than the server: `ALTER EXTENSION pg_stat_statements UPDATE`";
            self.miss(&STATEMENTS, Missing::Extension, message);
            return Ok(());
        }
        if !facts.sees_all {
            self.without_right(&STATEMENTS);
            return Ok(());
        }
        match self.ask(&self.statements.question(extension)).await? {
            Ok(rows) => {
                let rows = self.statements.choose(rows, Instant::now());
                self.show(&STATEMENTS, &rows);
            }
            Err((missing, message)) => {
                self.miss(&STATEMENTS, missing, &message);
                return Ok(());
            }
        }
        if let Some(question) = self.statements.question_for_texts(extension) {
            match self.ask(&question).await? {
                Ok(rows) => self.statements.take_texts(&rows),
                Err((missing, message)) => self.miss(&TEXTS, missing, &message),
            }
        }
        self.show(&TEXTS, &self.statements.texts());
        self.look_for_slow(extension).await
    }

    /// Lists what was slow since the last look.
    async fn look_for_slow(&mut self, extension: &Extension) -> Result<(), Failure> {
        let bound = self.slow.bound();
        let slow = match self.ask(&slow::question(extension, bound)).await? {
            Ok(rows) => self.looks.take(&rows, bound),
            Err((missing, message)) => {
                self.miss(&SLOW_STATEMENTS, missing, &message);
                return Ok(());
            }
        };
        if let Some(question) = self.looks.question_for_texts(extension, &slow) {
            match self.ask(&question).await? {
                Ok(rows) => self.looks.take_texts(&slow, &rows),
                Err((missing, message)) => self.miss(&SLOW_STATEMENTS, missing, &message),
            }
        }
        self.list(&slow);
        Ok(())
    }

    fn list(&self, slow: &[Slow]) {
        let (tenant, now) = (&self.target.tenant, Timestamp::now());
        let server = LabelValue::clean(&self.target.server);
        for Slow { id, database, calls } in slow {
            let Some(statement) = self.looks.statement(*id) else { continue };
            let source = Source::Server { server: server.clone(), database: database.clone() };
            let caller = Caller { sender: tenant, tenant, source: &source, system: "postgresql" };
            self.slow.note(caller, statement, *calls, now);
        }
    }

    fn without_right(&mut self, part: &'static Part) {
        let message = format!("`{}` may not see it: `GRANT pg_monitor TO …`", self.target.url.user);
        self.miss(part, Missing::Right, &message);
    }

    fn show(&mut self, part: &'static Part, rows: &[Row]) {
        self.told.retain(|(name, _)| *name != part.name);
        self.put(part, series(part, &self.record.labels, rows));
    }

    fn miss(&mut self, part: &'static Part, missing: Missing, message: &str) {
        self.put(part, Vec::new());
        *self.record.state().missing.entry((part.name, missing)).or_default() += 1;
        if self.told.insert((part.name, missing)) {
            let (server, part, reason) = (self.target.server.as_str(), part.name, missing.as_str());
            tracing::warn!(
                server,
                part,
                reason,
                error = message,
                "a part of what a PostgreSQL server says is missing"
            );
        }
    }

    fn put(&self, part: &'static Part, series: Vec<Series>) {
        if let Some(place) = parts::all().position(|other| std::ptr::eq(other, part)) {
            self.record.state().parts[place] = series;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_quarter_of_a_minute_or_the_interval() {
        let seconds = |failures, interval| pause(failures, Duration::from_secs(interval)).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 40].map(|failures| seconds(failures, 5)), [1, 2, 4, 8, 15, 15]);
        assert_eq!(seconds(40, 600), 600);
    }
}
