//! What is asked of a server, as data: each part is a statement whose first columns are labels
//! and whose others are values of families.
//!
//! Invariants: a part that fails costs its own families; `NULL` is no value, so that what a
//! server does not have is absent; every statement bounds its rows, in an order that does not
//! change from one reading to the next; names are of `pg_catalog`, the only schema that is
//! searched.

use crate::metrics::Metric;
use crate::metrics::catalogue::postgres as c;

/// What is asked of a server at once.
#[derive(Debug)]
pub(super) struct Part {
    /// Its name in logs and in `dockmeter_postgres_part_failures_total`.
    pub(super) name: &'static str,
    /// The first major version that understands it.
    pub(super) since: u32,
    /// The first that does not any more.
    pub(super) until: u32,
    /// Whether it shows something only to those who may see all statistics; to others it would
    /// show too little.
    pub(super) needs_all: bool,
    /// Whether it is dear, and what it says changes slowly.
    pub(super) slow: bool,
    /// The statement.
    pub(super) sql: &'static str,
    /// The labels in its first columns.
    pub(super) labels: &'static [&'static str],
    /// The families in the others.
    pub(super) metrics: &'static [&'static Metric],
}

/// What most parts are.
const USUAL: Part = Part {
    name: "",
    since: 0,
    until: u32::MAX,
    needs_all: false,
    slow: false,
    sql: "",
    labels: &[],
    metrics: &[],
};

/// The databases of which series are shown, the one we are connected to first.
macro_rules! databases {
    () => {
        "(SELECT oid, datname, datconnlimit, datallowconn, datfrozenxid, datminmxid FROM pg_database \
          ORDER BY datname <> current_database(), oid LIMIT 100) d"
    };
}

/// Where the write-ahead log is.
macro_rules! wal_end {
    () => {
        "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END"
    };
}

/// How long ago something was, in seconds.
macro_rules! age {
    ($moment:literal) => {
        concat!("EXTRACT(EPOCH FROM clock_timestamp() - ", $moment, ")")
    };
}

/// Everything but the statistics of statements, in the order in which it is asked: what is quick
/// first, so that what is not delays nothing.
pub(super) static PARTS: &[Part] = &[
    Part {
        name: "server",
        sql: "SELECT EXTRACT(EPOCH FROM pg_postmaster_start_time())",
        metrics: &[&c::START_TIME],
        ..USUAL
    },
    Part {
        name: "version",
        sql: "SELECT current_setting('server_version_num')::int / 10000 || '.' || \
              current_setting('server_version_num')::int % 10000 || '.0', version(), 1",
        labels: &["short_version", "version"],
        metrics: &[&c::STATIC],
        ..USUAL
    },
    Part {
        name: "settings",
        sql: "SELECT current_setting('max_connections'), current_setting('superuser_reserved_connections'), \
              pg_size_bytes(current_setting('shared_buffers')), pg_size_bytes(current_setting('work_mem')), \
              pg_size_bytes(current_setting('maintenance_work_mem')), \
              pg_size_bytes(current_setting('effective_cache_size')), \
              pg_size_bytes(current_setting('max_wal_size')), current_setting('random_page_cost'), \
              current_setting('seq_page_cost'), current_setting('max_worker_processes'), \
              current_setting('max_parallel_workers')",
        metrics: &[
            &c::SETTINGS_MAX_CONNECTIONS,
            &c::SETTINGS_SUPERUSER_RESERVED,
            &c::SETTINGS_SHARED_BUFFERS,
            &c::SETTINGS_WORK_MEM,
            &c::SETTINGS_MAINTENANCE_WORK_MEM,
            &c::SETTINGS_EFFECTIVE_CACHE_SIZE,
            &c::SETTINGS_MAX_WAL_SIZE,
            &c::SETTINGS_RANDOM_PAGE_COST,
            &c::SETTINGS_SEQ_PAGE_COST,
            &c::SETTINGS_MAX_WORKER_PROCESSES,
            &c::SETTINGS_MAX_PARALLEL_WORKERS,
        ],
        ..USUAL
    },
    Part {
        name: "activity",
        needs_all: true,
        // A state that nobody is in is 0, so that an alert for it has something to look at.
        sql: concat!(
            "SELECT d.datname, s.state, COALESCE(a.wait_event_type, ''), COALESCE(a.count, 0), COALESCE(a.oldest, 0) \
             FROM (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'), \
             ('fastpath function call'), ('disabled')) s (state) CROSS JOIN ",
            databases!(),
            " LEFT JOIN (SELECT datid, state, wait_event_type, count(*) AS count, max(",
            age!("xact_start"),
            ") AS oldest FROM pg_stat_activity WHERE pid <> pg_backend_pid() GROUP BY 1, 2, 3) a \
             ON a.datid = d.oid AND a.state = s.state ORDER BY d.oid, 2, 3"
        ),
        labels: &["datname", "state", "wait_event_type"],
        metrics: &[&c::ACTIVITY_COUNT, &c::ACTIVITY_MAX_TX],
        ..USUAL
    },
    Part {
        name: "long_transactions",
        needs_all: true,
        sql: concat!(
            "SELECT count(*), COALESCE(max(",
            age!("xact_start"),
            "), 0) FROM pg_stat_activity WHERE state IS DISTINCT FROM 'idle' \
             AND query NOT LIKE 'autovacuum:%' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
        ),
        metrics: &[&c::LONG_TRANSACTIONS, &c::LONG_TRANSACTIONS_OLDEST],
        ..USUAL
    },
    Part {
        name: "locks",
        sql: concat!(
            "SELECT d.datname, m.mode, COALESCE(l.count, 0) FROM (VALUES ('accesssharelock'), \
             ('rowsharelock'), ('rowexclusivelock'), ('shareupdateexclusivelock'), ('sharelock'), \
             ('sharerowexclusivelock'), ('exclusivelock'), ('accessexclusivelock'), ('sireadlock')) m (mode) \
             CROSS JOIN ",
            databases!(),
            " LEFT JOIN (SELECT database, lower(mode) AS mode, count(*) AS count FROM pg_locks \
             WHERE database IS NOT NULL GROUP BY 1, 2) l ON l.database = d.oid AND l.mode = m.mode \
             ORDER BY d.oid, 2"
        ),
        labels: &["datname", "mode"],
        metrics: &[&c::LOCKS_COUNT],
        ..USUAL
    },
    Part {
        name: "lock_waits",
        // A lock on a transaction belongs to no database, who waits for it does.
        sql: concat!(
            "SELECT d.datname, count(DISTINCT w.pid), COALESCE(max(",
            age!("w.waitstart"),
            "), 0) FROM ",
            databases!(),
            " LEFT JOIN (SELECT a.datid, l.pid, l.waitstart FROM pg_locks l JOIN pg_stat_activity a \
             ON a.pid = l.pid WHERE NOT l.granted) w ON w.datid = d.oid GROUP BY d.oid, d.datname ORDER BY d.oid"
        ),
        labels: &["datname"],
        metrics: &[&c::LOCK_WAITERS, &c::LOCK_WAIT_LONGEST],
        ..USUAL
    },
    Part {
        name: "databases",
        sql: concat!(
            "SELECT s.datid, s.datname, s.numbackends, s.xact_commit, s.xact_rollback, s.blks_read, s.blks_hit, \
             s.tup_returned, s.tup_fetched, s.tup_inserted, s.tup_updated, s.tup_deleted, s.conflicts, \
             s.temp_files, s.temp_bytes, s.deadlocks, s.blk_read_time, s.blk_write_time, \
             EXTRACT(EPOCH FROM s.stats_reset), s.active_time / 1000 FROM pg_stat_database s JOIN ",
            databases!(),
            " ON d.oid = s.datid ORDER BY 1"
        ),
        labels: &["datid", "datname"],
        metrics: &[
            &c::STAT_DATABASE_NUMBACKENDS,
            &c::STAT_DATABASE_XACT_COMMIT,
            &c::STAT_DATABASE_XACT_ROLLBACK,
            &c::STAT_DATABASE_BLKS_READ,
            &c::STAT_DATABASE_BLKS_HIT,
            &c::STAT_DATABASE_TUP_RETURNED,
            &c::STAT_DATABASE_TUP_FETCHED,
            &c::STAT_DATABASE_TUP_INSERTED,
            &c::STAT_DATABASE_TUP_UPDATED,
            &c::STAT_DATABASE_TUP_DELETED,
            &c::STAT_DATABASE_CONFLICTS,
            &c::STAT_DATABASE_TEMP_FILES,
            &c::STAT_DATABASE_TEMP_BYTES,
            &c::STAT_DATABASE_DEADLOCKS,
            &c::STAT_DATABASE_BLK_READ_TIME,
            &c::STAT_DATABASE_BLK_WRITE_TIME,
            &c::STAT_DATABASE_STATS_RESET,
            &c::STAT_DATABASE_ACTIVE_TIME,
        ],
        ..USUAL
    },
    Part {
        name: "wraparound",
        sql: concat!(
            "SELECT d.datname, age(d.datfrozenxid), mxid_age(d.datminmxid) FROM ",
            databases!(),
            " WHERE d.datallowconn ORDER BY d.oid"
        ),
        labels: &["datname"],
        metrics: &[&c::WRAPAROUND_XID, &c::WRAPAROUND_MXID],
        ..USUAL
    },
    Part {
        name: "connection_limits",
        sql: concat!("SELECT d.datname, d.datconnlimit FROM ", databases!(), " ORDER BY d.oid"),
        labels: &["datname"],
        metrics: &[&c::DATABASE_CONNECTION_LIMIT],
        ..USUAL
    },
    Part {
        name: "bgwriter",
        until: 17,
        sql: "SELECT checkpoints_timed, checkpoints_req, checkpoint_write_time, checkpoint_sync_time, \
              buffers_checkpoint, buffers_backend, buffers_backend_fsync, buffers_clean, maxwritten_clean, \
              buffers_alloc, EXTRACT(EPOCH FROM stats_reset) FROM pg_stat_bgwriter",
        metrics: &[
            &c::BGWRITER_CHECKPOINTS_TIMED,
            &c::BGWRITER_CHECKPOINTS_REQ,
            &c::BGWRITER_CHECKPOINT_WRITE_TIME,
            &c::BGWRITER_CHECKPOINT_SYNC_TIME,
            &c::BGWRITER_BUFFERS_CHECKPOINT,
            &c::BGWRITER_BUFFERS_BACKEND,
            &c::BGWRITER_BUFFERS_BACKEND_FSYNC,
            &c::BGWRITER_BUFFERS_CLEAN,
            &c::BGWRITER_MAXWRITTEN_CLEAN,
            &c::BGWRITER_BUFFERS_ALLOC,
            &c::BGWRITER_STATS_RESET,
        ],
        ..USUAL
    },
    Part {
        name: "bgwriter",
        since: 17,
        sql: "SELECT buffers_clean, maxwritten_clean, buffers_alloc, EXTRACT(EPOCH FROM stats_reset) \
              FROM pg_stat_bgwriter",
        metrics: &[
            &c::BGWRITER_BUFFERS_CLEAN,
            &c::BGWRITER_MAXWRITTEN_CLEAN,
            &c::BGWRITER_BUFFERS_ALLOC,
            &c::BGWRITER_STATS_RESET,
        ],
        ..USUAL
    },
    Part {
        name: "checkpointer",
        since: 17,
        sql: "SELECT num_timed, num_requested, restartpoints_timed, restartpoints_req, restartpoints_done, \
              write_time, sync_time, buffers_written, EXTRACT(EPOCH FROM stats_reset) FROM pg_stat_checkpointer",
        metrics: &[
            &c::CHECKPOINTER_NUM_TIMED,
            &c::CHECKPOINTER_NUM_REQUESTED,
            &c::CHECKPOINTER_RESTARTPOINTS_TIMED,
            &c::CHECKPOINTER_RESTARTPOINTS_REQ,
            &c::CHECKPOINTER_RESTARTPOINTS_DONE,
            &c::CHECKPOINTER_WRITE_TIME,
            &c::CHECKPOINTER_SYNC_TIME,
            &c::CHECKPOINTER_BUFFERS_WRITTEN,
            &c::CHECKPOINTER_STATS_RESET,
        ],
        ..USUAL
    },
    Part {
        name: "archiver",
        sql: "SELECT archived_count, failed_count FROM pg_stat_archiver",
        metrics: &[&c::ARCHIVED, &c::ARCHIVE_FAILED],
        ..USUAL
    },
    Part {
        name: "replication",
        sql: concat!(
            "SELECT CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() \
             THEN 0 ELSE GREATEST(0, ",
            age!("pg_last_xact_replay_timestamp()"),
            ") END, pg_is_in_recovery()::int, CASE WHEN pg_is_in_recovery() THEN GREATEST(0, ",
            age!("pg_last_xact_replay_timestamp()"),
            ") END"
        ),
        metrics: &[&c::REPLICATION_LAG, &c::REPLICATION_IS_REPLICA, &c::REPLICATION_LAST_REPLAY],
        ..USUAL
    },
    Part {
        name: "standbys",
        needs_all: true,
        sql: concat!(
            "SELECT COALESCE(r.application_name, ''), COALESCE(host(r.client_addr), ''), \
             COALESCE(s.slot_name, ''), COALESCE(r.state, ''), max(pg_wal_lsn_diff(",
            wal_end!(),
            ", r.replay_lsn)) FROM pg_stat_replication r LEFT JOIN pg_replication_slots s \
             ON s.active_pid = r.pid GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT 100"
        ),
        labels: &["application_name", "client_addr", "slot_name", "state"],
        metrics: &[&c::STAT_REPLICATION_DIFF],
        ..USUAL
    },
    Part {
        name: "slots",
        sql: concat!(
            "SELECT slot_name, COALESCE(database, ''), active::int, pg_wal_lsn_diff(",
            wal_end!(),
            ", restart_lsn) FROM pg_replication_slots ORDER BY 1 LIMIT 100"
        ),
        labels: &["slot_name", "database"],
        metrics: &[&c::SLOTS_ACTIVE, &c::SLOTS_DIFF],
        ..USUAL
    },
    Part {
        name: "slot_limits",
        sql: "SELECT slot_name, slot_type, safe_wal_size FROM pg_replication_slots ORDER BY 1 LIMIT 100",
        labels: &["slot_name", "slot_type"],
        metrics: &[&c::SLOTS_SAFE],
        ..USUAL
    },
    Part {
        name: "wal",
        slow: true,
        sql: "SELECT count(*), sum(size) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
        metrics: &[&c::WAL_SEGMENTS, &c::WAL_SIZE],
        ..USUAL
    },
    Part {
        name: "tables",
        slow: true,
        sql: "SELECT current_database(), schemaname, relname, seq_scan, seq_tup_read, idx_scan, idx_tup_fetch, \
              n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd, n_live_tup, n_dead_tup, n_mod_since_analyze, \
              EXTRACT(EPOCH FROM last_vacuum), EXTRACT(EPOCH FROM last_autovacuum), \
              EXTRACT(EPOCH FROM last_analyze), EXTRACT(EPOCH FROM last_autoanalyze), vacuum_count, \
              autovacuum_count, analyze_count, autoanalyze_count FROM pg_stat_user_tables ORDER BY relid LIMIT 300",
        labels: &["datname", "schemaname", "relname"],
        metrics: &[
            &c::TABLES_SEQ_SCAN,
            &c::TABLES_SEQ_TUP_READ,
            &c::TABLES_IDX_SCAN,
            &c::TABLES_IDX_TUP_FETCH,
            &c::TABLES_N_TUP_INS,
            &c::TABLES_N_TUP_UPD,
            &c::TABLES_N_TUP_DEL,
            &c::TABLES_N_TUP_HOT_UPD,
            &c::TABLES_N_LIVE_TUP,
            &c::TABLES_N_DEAD_TUP,
            &c::TABLES_N_MOD_SINCE_ANALYZE,
            &c::TABLES_LAST_VACUUM,
            &c::TABLES_LAST_AUTOVACUUM,
            &c::TABLES_LAST_ANALYZE,
            &c::TABLES_LAST_AUTOANALYZE,
            &c::TABLES_VACUUM_COUNT,
            &c::TABLES_AUTOVACUUM_COUNT,
            &c::TABLES_ANALYZE_COUNT,
            &c::TABLES_AUTOANALYZE_COUNT,
        ],
        ..USUAL
    },
    Part {
        name: "sizes",
        slow: true,
        // Of the others the server would tell by an error.
        sql: concat!(
            "SELECT d.datname, pg_database_size(d.oid) FROM ",
            databases!(),
            " WHERE has_database_privilege(d.oid, 'CONNECT') OR \
             pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') ORDER BY d.oid"
        ),
        labels: &["datname"],
        metrics: &[&c::DATABASE_SIZE],
        ..USUAL
    },
];

/// The statistics of statements, whose statement is put together in `statements`.
pub(super) static STATEMENTS: Part = Part {
    name: "statements",
    needs_all: true,
    labels: &["usename", "datname", "queryid"],
    metrics: &[
        &c::STATEMENTS_CALLS,
        &c::STATEMENTS_SECONDS,
        &c::STATEMENTS_ROWS,
        &c::STATEMENTS_BLOCK_READ_SECONDS,
        &c::STATEMENTS_BLOCK_WRITE_SECONDS,
    ],
    ..USUAL
};

/// Their texts.
pub(super) static TEXTS: Part = Part {
    name: "statement_texts",
    needs_all: true,
    labels: &["queryid", "query"],
    metrics: &[&c::STATEMENTS_QUERY_ID],
    ..USUAL
};

/// Statements that were slow, which are no series: their question is in `slow`.
pub(super) static SLOW_STATEMENTS: Part = Part { name: "slow_statements", needs_all: true, ..USUAL };

/// Every part there is; its place in here is where a reading has what came of it.
pub(super) fn all() -> impl Iterator<Item = &'static Part> {
    PARTS.iter().chain([&STATEMENTS, &TEXTS, &SLOW_STATEMENTS])
}

/// How many these are.
pub(super) const COUNT: usize = PARTS.len() + 3;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::catalogue::postgres::FAMILIES;

    #[test]
    fn what_a_part_shows_has_the_labels_that_the_catalogue_says() {
        assert_eq!(all().count(), COUNT);
        for part in all() {
            for metric in part.metrics {
                assert_eq!(
                    metric.own_labels.split_first(),
                    Some((&"server", part.labels)),
                    "{}",
                    metric.name
                );
            }
        }
    }

    #[test]
    fn every_family_of_the_server_is_shown_by_one_part_of_a_version() {
        for version in 14..=18 {
            let mut seen = BTreeSet::new();
            for part in all().filter(|part| (part.since..part.until).contains(&version)) {
                for metric in part.metrics {
                    assert!(seen.insert(metric.name), "{} twice in {version}", metric.name);
                }
            }
        }
        let shown: BTreeSet<&str> = all().flat_map(|part| part.metrics).map(|metric| metric.name).collect();
        let ours = |name: &str| name == "pg_up" || name.starts_with("dockmeter_postgres_read_");
        for metric in FAMILIES {
            let of_a_part = shown.contains(metric.name);
            let of_the_board = ours(metric.name)
                || [
                    "dockmeter_postgres_last_read_timestamp_seconds",
                    "dockmeter_postgres_part_failures_total",
                ]
                .contains(&metric.name);
            assert!(of_a_part != of_the_board, "{}", metric.name);
        }
    }
}
