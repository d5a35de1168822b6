//! Records of database calls and of pools of connections. One with `pool` is a pool.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Measurement, amount, error_class, needed, owned, said};
use crate::ingest::allowance::Allowance;
use crate::ingest::measure::{DatabaseCall, Pool};
use crate::ingest::metered;
use crate::ingest::otlp::lenient::{Double, Scalar, Text};
use crate::ingest::slow::SlowCalls;
use crate::ingest::store::{By, Refused, Writer};
use crate::sql::{Statement, table_name};

/// What a record is of.
pub(super) enum Database<'a> {
    Call(DatabaseCall<'a>),
    Pool(Pool<'a>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    query: Option<Text<'a>>,
    #[serde(borrow)]
    operation: Option<Text<'a>>,
    #[serde(borrow)]
    table: Option<Text<'a>>,
    #[serde(borrow)]
    system: Option<Text<'a>>,
    duration_seconds: Option<Double>,
    #[serde(borrow)]
    error: Option<Scalar<'a>>,
    #[serde(borrow)]
    pool: Option<Text<'a>>,
    active: Option<Double>,
    idle: Option<Double>,
    max: Option<Double>,
    pending: Option<Double>,
    deadlocks_total: Option<Double>,
}

/// Reads a record.
pub(super) fn read<'a>(raw: &'a str, allowance: &Allowance) -> Result<Database<'a>, String> {
    let record: Record<'_> = metered::read(raw, allowance).map_err(|why| why.to_string())?;
    if record.pool.is_some() {
        return pool(record).map(Database::Pool);
    }
    let seconds = record.duration_seconds;
    let missing = "`duration_seconds` is missing; a pool of connections has `pool` in its place";
    let seconds = amount("duration_seconds", seconds.ok_or(missing)?.0)?;
    let mut call = DatabaseCall {
        system: said(record.system).unwrap_or(Cow::Borrowed("other_sql")),
        operation: said(record.operation),
        table: said(record.table).map(|table| Cow::Owned(table_name(&table))),
        error: record.error.map_or(Ok(None), error_class)?,
        seconds,
        ..DatabaseCall::default()
    };
    if let Some(query) = said(record.query) {
        call.read_statement(&query);
    }
    Ok(Database::Call(call))
}

fn pool(record: Record<'_>) -> Result<Pool<'_>, String> {
    let known = |name, value: Option<Double>| value.map(|value| amount(name, value.0)).transpose();
    let pool = Pool {
        used: known("active", record.active)?,
        idle: known("idle", record.idle)?,
        max: known("max", record.max)?,
        pending: known("pending", record.pending)?,
        deadlocks: known("deadlocks_total", record.deadlocks_total)?,
        name: needed("pool", said(record.pool))?,
    };
    let nothing = Pool { name: pool.name.clone(), ..Pool::default() };
    if pool == nothing {
        return Err("a pool has none of `active`, `idle`, `max`, `pending` and `deadlocks_total`".into());
    }
    Ok(pool)
}

impl Measurement for Database<'_> {
    fn memory(&self) -> usize {
        match self {
            Database::Call(call) => {
                let DatabaseCall { system, operation, table, error, statement, .. } = call;
                let texts = [Some(system), operation.as_ref(), table.as_ref(), error.as_ref()];
                let texts = texts.into_iter().flatten().map(owned).sum::<usize>();
                texts + statement.as_ref().map_or(0, Statement::memory)
            }
            Database::Pool(pool) => owned(&pool.name),
        }
    }

    fn record(&self, writer: &mut Writer<'_>, slow: SlowCalls<'_>) -> Result<(), Refused> {
        match self {
            Database::Call(call) => call.record(By::Program, writer, slow),
            Database::Pool(pool) => pool.record(writer),
        }
    }
}
