//! The families of PostgreSQL servers, under postgres_exporter's names, and the few that it
//! has not.
//!
//! Names, types and units are those of its version 0.20, its own labels too, but that
//! its `user` is `usename` here and `pg_stat_activity_*` has fewer. Several of its counters do not
//! end with `_total`, and some durations are in milliseconds.

use super::{Kind, Labels, Metric, Owner, Unit};

/// Every family of PostgreSQL servers.
pub static FAMILIES: &[&Metric] = DECLARED;

/// Their collector.
pub static COLLECTORS: &[&str] = COLLECTORS_HERE;

metrics! {
    "postgres" {
        UP "pg_up" Gauge None Tenant ["server"] PostgresExporter
            "the last reading" "1 if the last reading of the server succeeded, else 0; absent before the first.";
        LAST_READ "dockmeter_postgres_last_read_timestamp_seconds" Gauge Seconds Tenant ["server"] Dockmeter
            "the clock at the reading" "When the server was last read, in seconds since 1970; absent before that.";
        READ_DURATION "dockmeter_postgres_read_duration_seconds" Gauge Seconds Tenant ["server"] Dockmeter
            "the clock" "How long the last reading of the server took; absent while the server is down.";
        READ_FAILURES "dockmeter_postgres_read_failures_total" Counter None Tenant ["server", "reason"] Dockmeter
            "the attempts" "Readings that failed: at `resolve`, `connect`, `tls`, `password`, `refused`, `full` (no connection left), `lost`, `timeout` or `answer`.";
        PART_FAILURES "dockmeter_postgres_part_failures_total" Counter None Tenant ["server", "part", "reason"] Dockmeter
            "SQLSTATE of the answer" "Parts of readings that are missing, for want of a `right` or an `extension`, by a `timeout`, or by an `error`; the rest was read.";
        STATIC "pg_static" Untyped None Tenant ["server", "short_version", "version"] PostgresExporter
            "server_version, version()" "What runs there; always 1.";
        START_TIME "pg_postmaster_start_time_seconds" Gauge Seconds Tenant ["server"] PostgresExporter
            "pg_postmaster_start_time()" "When the server was started, in seconds since 1970.";
        SETTINGS_MAX_CONNECTIONS "pg_settings_max_connections" Gauge None Tenant ["server"] PostgresExporter
            "pg_settings max_connections" "Connections that the server takes at most.";
        SETTINGS_SUPERUSER_RESERVED "pg_settings_superuser_reserved_connections" Gauge None Tenant ["server"] PostgresExporter
            "pg_settings superuser_reserved_connections" "Of these, what is kept for superusers.";
        SETTINGS_SHARED_BUFFERS "pg_settings_shared_buffers_bytes" Gauge Bytes Tenant ["server"] PostgresExporter
            "pg_settings shared_buffers" "Memory of the server that all connections share.";
        SETTINGS_WORK_MEM "pg_settings_work_mem_bytes" Gauge Bytes Tenant ["server"] PostgresExporter
            "pg_settings work_mem" "Memory that one sort or hash may take before it goes to disk.";
        SETTINGS_MAINTENANCE_WORK_MEM "pg_settings_maintenance_work_mem_bytes" Gauge Bytes Tenant ["server"] PostgresExporter
            "pg_settings maintenance_work_mem" "Memory that a vacuum or the making of an index may take.";
        SETTINGS_EFFECTIVE_CACHE_SIZE "pg_settings_effective_cache_size_bytes" Gauge Bytes Tenant ["server"] PostgresExporter
            "pg_settings effective_cache_size" "Memory for caches that the planner reckons with.";
        SETTINGS_MAX_WAL_SIZE "pg_settings_max_wal_size_bytes" Gauge Bytes Tenant ["server"] PostgresExporter
            "pg_settings max_wal_size" "Size of the write-ahead log that brings about a checkpoint.";
        SETTINGS_RANDOM_PAGE_COST "pg_settings_random_page_cost" Gauge None Tenant ["server"] PostgresExporter
            "pg_settings random_page_cost" "What the planner takes a page read at random to cost.";
        SETTINGS_SEQ_PAGE_COST "pg_settings_seq_page_cost" Gauge None Tenant ["server"] PostgresExporter
            "pg_settings seq_page_cost" "What the planner takes a page read in order to cost.";
        SETTINGS_MAX_WORKER_PROCESSES "pg_settings_max_worker_processes" Gauge None Tenant ["server"] PostgresExporter
            "pg_settings max_worker_processes" "Background processes that the server has at most.";
        SETTINGS_MAX_PARALLEL_WORKERS "pg_settings_max_parallel_workers" Gauge None Tenant ["server"] PostgresExporter
            "pg_settings max_parallel_workers" "Of these, what parallel queries may use.";
        ACTIVITY_COUNT "pg_stat_activity_count" Gauge None Tenant ["server", "datname", "state", "wait_event_type"] PostgresExporter
            "pg_stat_activity" "Connections by database, state and kind of wait; what waits for a lock has the `wait_event_type` `Lock`.";
        ACTIVITY_MAX_TX "pg_stat_activity_max_tx_duration" Gauge Seconds Tenant ["server", "datname", "state", "wait_event_type"] PostgresExporter
            "pg_stat_activity xact_start" "Age of the oldest transaction of these connections, in seconds; 0 without one.";
        LONG_TRANSACTIONS "pg_long_running_transactions" Gauge None Tenant ["server"] PostgresExporter
            "pg_stat_activity" "Transactions that are open, of vacuum none.";
        LONG_TRANSACTIONS_OLDEST "pg_long_running_transactions_oldest_timestamp_seconds" Gauge Seconds Tenant ["server"] PostgresExporter
            "pg_stat_activity xact_start" "Age of the oldest of these in seconds, in spite of the name; 0 without one.";
        LOCKS_COUNT "pg_locks_count" Gauge None Tenant ["server", "datname", "mode"] PostgresExporter
            "pg_locks" "Locks that are held or waited for.";
        LOCK_WAITERS "dockmeter_postgres_lock_waiters" Gauge None Tenant ["server", "datname"] Dockmeter
            "pg_locks granted" "Connections that wait for a lock.";
        LOCK_WAIT_LONGEST "dockmeter_postgres_lock_wait_longest_seconds" Gauge Seconds Tenant ["server", "datname"] Dockmeter
            "pg_locks waitstart" "How long the longest of them has waited; 0 without one.";
        STAT_DATABASE_NUMBACKENDS "pg_stat_database_numbackends" Gauge None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database numbackends" "Connections to the database.";
        STAT_DATABASE_XACT_COMMIT "pg_stat_database_xact_commit" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database xact_commit" "Transactions that were committed.";
        STAT_DATABASE_XACT_ROLLBACK "pg_stat_database_xact_rollback" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database xact_rollback" "Transactions that were rolled back.";
        STAT_DATABASE_BLKS_READ "pg_stat_database_blks_read" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database blks_read" "Blocks that were read from disk or the page cache.";
        STAT_DATABASE_BLKS_HIT "pg_stat_database_blks_hit" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database blks_hit" "Blocks that were found in the server's own memory.";
        STAT_DATABASE_TUP_RETURNED "pg_stat_database_tup_returned" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database tup_returned" "Rows that scans have gone through.";
        STAT_DATABASE_TUP_FETCHED "pg_stat_database_tup_fetched" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database tup_fetched" "Rows that index scans have fetched.";
        STAT_DATABASE_TUP_INSERTED "pg_stat_database_tup_inserted" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database tup_inserted" "Rows that were inserted.";
        STAT_DATABASE_TUP_UPDATED "pg_stat_database_tup_updated" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database tup_updated" "Rows that were updated.";
        STAT_DATABASE_TUP_DELETED "pg_stat_database_tup_deleted" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database tup_deleted" "Rows that were deleted.";
        STAT_DATABASE_CONFLICTS "pg_stat_database_conflicts" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database conflicts" "Queries that were cancelled for the sake of recovery; on standbys only.";
        STAT_DATABASE_TEMP_FILES "pg_stat_database_temp_files" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database temp_files" "Temporary files that queries have made.";
        STAT_DATABASE_TEMP_BYTES "pg_stat_database_temp_bytes" Counter Bytes Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database temp_bytes" "Bytes that were written to temporary files.";
        STAT_DATABASE_DEADLOCKS "pg_stat_database_deadlocks" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database deadlocks" "Deadlocks.";
        STAT_DATABASE_BLK_READ_TIME "pg_stat_database_blk_read_time" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database blk_read_time" "Time for reading blocks, in milliseconds; 0 unless `track_io_timing` is on.";
        STAT_DATABASE_BLK_WRITE_TIME "pg_stat_database_blk_write_time" Counter None Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database blk_write_time" "Time for writing blocks, in milliseconds; 0 unless `track_io_timing` is on.";
        STAT_DATABASE_STATS_RESET "pg_stat_database_stats_reset" Counter Seconds Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database stats_reset" "When these statistics were last reset, in seconds since 1970; absent if never.";
        STAT_DATABASE_ACTIVE_TIME "pg_stat_database_active_time_seconds_total" Counter Seconds Tenant ["server", "datid", "datname"] PostgresExporter
            "pg_stat_database active_time" "Time that connections have spent on statements.";
        DATABASE_CONNECTION_LIMIT "pg_database_connection_limit" Gauge None Tenant ["server", "datname"] PostgresExporter
            "pg_database datconnlimit" "Connections that the database takes at most; -1 without a limit.";
        DATABASE_SIZE "pg_database_size_bytes" Gauge Bytes Tenant ["server", "datname"] PostgresExporter
            "pg_database_size()" "What the database takes on disk.";
        WRAPAROUND_XID "pg_database_wraparound_age_datfrozenxid_seconds" Gauge None Tenant ["server", "datname"] PostgresExporter
            "pg_database age(datfrozenxid)" "Transactions since the oldest one that is not frozen, in spite of the name; at two thousand million the server stops.";
        WRAPAROUND_MXID "pg_database_wraparound_age_datminmxid_seconds" Gauge None Tenant ["server", "datname"] PostgresExporter
            "pg_database mxid_age(datminmxid)" "The same of multixacts.";
        TABLES_SEQ_SCAN "pg_stat_user_tables_seq_scan" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables seq_scan" "Scans of the whole table.";
        TABLES_SEQ_TUP_READ "pg_stat_user_tables_seq_tup_read" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables seq_tup_read" "Rows that these have read.";
        TABLES_IDX_SCAN "pg_stat_user_tables_idx_scan" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables idx_scan" "Scans of its indexes; absent without an index.";
        TABLES_IDX_TUP_FETCH "pg_stat_user_tables_idx_tup_fetch" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables idx_tup_fetch" "Rows that these have fetched; absent without an index.";
        TABLES_N_TUP_INS "pg_stat_user_tables_n_tup_ins" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables n_tup_ins" "Rows that were inserted.";
        TABLES_N_TUP_UPD "pg_stat_user_tables_n_tup_upd" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables n_tup_upd" "Rows that were updated.";
        TABLES_N_TUP_DEL "pg_stat_user_tables_n_tup_del" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables n_tup_del" "Rows that were deleted.";
        TABLES_N_TUP_HOT_UPD "pg_stat_user_tables_n_tup_hot_upd" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables n_tup_hot_upd" "Of the updates, those that left the indexes alone.";
        TABLES_N_LIVE_TUP "pg_stat_user_tables_n_live_tup" Gauge None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables n_live_tup" "Rows, as estimated.";
        TABLES_N_DEAD_TUP "pg_stat_user_tables_n_dead_tup" Gauge None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables n_dead_tup" "Dead rows that a vacuum would remove, as estimated.";
        TABLES_N_MOD_SINCE_ANALYZE "pg_stat_user_tables_n_mod_since_analyze" Gauge None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables n_mod_since_analyze" "Rows that have changed since the table was last analysed, as estimated.";
        TABLES_LAST_VACUUM "pg_stat_user_tables_last_vacuum" Gauge Seconds Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables last_vacuum" "When it was last vacuumed by hand, in seconds since 1970; absent if never.";
        TABLES_LAST_AUTOVACUUM "pg_stat_user_tables_last_autovacuum" Gauge Seconds Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables last_autovacuum" "When it was last vacuumed by itself, likewise.";
        TABLES_LAST_ANALYZE "pg_stat_user_tables_last_analyze" Gauge Seconds Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables last_analyze" "When it was last analysed by hand, likewise.";
        TABLES_LAST_AUTOANALYZE "pg_stat_user_tables_last_autoanalyze" Gauge Seconds Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables last_autoanalyze" "When it was last analysed by itself, likewise.";
        TABLES_VACUUM_COUNT "pg_stat_user_tables_vacuum_count" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables vacuum_count" "Vacuums by hand.";
        TABLES_AUTOVACUUM_COUNT "pg_stat_user_tables_autovacuum_count" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables autovacuum_count" "Vacuums by itself.";
        TABLES_ANALYZE_COUNT "pg_stat_user_tables_analyze_count" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables analyze_count" "Analyses by hand.";
        TABLES_AUTOANALYZE_COUNT "pg_stat_user_tables_autoanalyze_count" Counter None Tenant ["server", "datname", "schemaname", "relname"] PostgresExporter
            "pg_stat_user_tables autoanalyze_count" "Analyses by itself.";
        BGWRITER_CHECKPOINTS_TIMED "pg_stat_bgwriter_checkpoints_timed_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter checkpoints_timed" "Checkpoints that were due; before version 17.";
        BGWRITER_CHECKPOINTS_REQ "pg_stat_bgwriter_checkpoints_req_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter checkpoints_req" "Checkpoints that were asked for, or that much writing brought about; before version 17.";
        BGWRITER_CHECKPOINT_WRITE_TIME "pg_stat_bgwriter_checkpoint_write_time_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter checkpoint_write_time" "Time for writing in checkpoints, in milliseconds; before version 17.";
        BGWRITER_CHECKPOINT_SYNC_TIME "pg_stat_bgwriter_checkpoint_sync_time_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter checkpoint_sync_time" "Time for syncing in checkpoints, in milliseconds; before version 17.";
        BGWRITER_BUFFERS_CHECKPOINT "pg_stat_bgwriter_buffers_checkpoint_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter buffers_checkpoint" "Buffers that checkpoints have written; before version 17.";
        BGWRITER_BUFFERS_BACKEND "pg_stat_bgwriter_buffers_backend_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter buffers_backend" "Buffers that connections had to write themselves; before version 17.";
        BGWRITER_BUFFERS_BACKEND_FSYNC "pg_stat_bgwriter_buffers_backend_fsync_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter buffers_backend_fsync" "Syncs that connections had to do themselves; before version 17.";
        BGWRITER_BUFFERS_CLEAN "pg_stat_bgwriter_buffers_clean_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter buffers_clean" "Buffers that the background writer has written.";
        BGWRITER_MAXWRITTEN_CLEAN "pg_stat_bgwriter_maxwritten_clean_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter maxwritten_clean" "Times that it stopped because it had written enough for one round.";
        BGWRITER_BUFFERS_ALLOC "pg_stat_bgwriter_buffers_alloc_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter buffers_alloc" "Buffers that were allocated.";
        BGWRITER_STATS_RESET "pg_stat_bgwriter_stats_reset_total" Counter Seconds Tenant ["server"] PostgresExporter
            "pg_stat_bgwriter stats_reset" "When these statistics were last reset, in seconds since 1970.";
        CHECKPOINTER_NUM_TIMED "pg_stat_checkpointer_num_timed_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_checkpointer num_timed" "Checkpoints that were due; since version 17, as all of these.";
        CHECKPOINTER_NUM_REQUESTED "pg_stat_checkpointer_num_requested_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_checkpointer num_requested" "Checkpoints that were asked for, or that much writing brought about.";
        CHECKPOINTER_RESTARTPOINTS_TIMED "pg_stat_checkpointer_restartpoints_timed_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_checkpointer restartpoints_timed" "Restartpoints of a standby that were due.";
        CHECKPOINTER_RESTARTPOINTS_REQ "pg_stat_checkpointer_restartpoints_req_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_checkpointer restartpoints_req" "Restartpoints of a standby that were asked for.";
        CHECKPOINTER_RESTARTPOINTS_DONE "pg_stat_checkpointer_restartpoints_done_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_checkpointer restartpoints_done" "Restartpoints of a standby that were performed.";
        CHECKPOINTER_WRITE_TIME "pg_stat_checkpointer_write_time_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_checkpointer write_time" "Time for writing, in milliseconds.";
        CHECKPOINTER_SYNC_TIME "pg_stat_checkpointer_sync_time_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_checkpointer sync_time" "Time for syncing, in milliseconds.";
        CHECKPOINTER_BUFFERS_WRITTEN "pg_stat_checkpointer_buffers_written_total" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_checkpointer buffers_written" "Buffers that were written.";
        CHECKPOINTER_STATS_RESET "pg_stat_checkpointer_stats_reset_total" Counter Seconds Tenant ["server"] PostgresExporter
            "pg_stat_checkpointer stats_reset" "When these statistics were last reset, in seconds since 1970.";
        ARCHIVED "pg_stat_archiver_archived_count" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_archiver archived_count" "Files of the write-ahead log that were archived.";
        ARCHIVE_FAILED "pg_stat_archiver_failed_count" Counter None Tenant ["server"] PostgresExporter
            "pg_stat_archiver failed_count" "Failed attempts at that.";
        WAL_SEGMENTS "pg_wal_segments" Gauge None Tenant ["server"] PostgresExporter
            "pg_ls_waldir()" "Files of the write-ahead log.";
        WAL_SIZE "pg_wal_size_bytes" Gauge Bytes Tenant ["server"] PostgresExporter
            "pg_ls_waldir()" "What they take.";
        REPLICATION_LAG "pg_replication_lag_seconds" Gauge Seconds Tenant ["server"] PostgresExporter
            "pg_last_xact_replay_timestamp()" "How far a standby is behind; 0 when it has applied all that it received, and on a primary.";
        REPLICATION_IS_REPLICA "pg_replication_is_replica" Gauge None Tenant ["server"] PostgresExporter
            "pg_is_in_recovery()" "1 for a standby, 0 for a primary.";
        REPLICATION_LAST_REPLAY "pg_replication_last_replay_seconds" Gauge Seconds Tenant ["server"] PostgresExporter
            "pg_last_xact_replay_timestamp()" "How long ago the transaction was committed that a standby has applied last; absent on a primary.";
        STAT_REPLICATION_DIFF "pg_stat_replication_pg_wal_lsn_diff" Gauge Bytes Tenant ["server", "application_name", "client_addr", "slot_name", "state"] PostgresExporter
            "pg_stat_replication replay_lsn" "Bytes of the write-ahead log that a standby has not applied yet; of the first hundred.";
        SLOTS_ACTIVE "pg_replication_slots_active" Gauge None Tenant ["server", "slot_name", "database"] PostgresExporter
            "pg_replication_slots active" "1 if the slot has a reader, else 0; `database` is empty of physical ones.";
        SLOTS_DIFF "pg_replication_slots_pg_wal_lsn_diff" Gauge Bytes Tenant ["server", "slot_name", "database"] PostgresExporter
            "pg_replication_slots restart_lsn" "Bytes of the write-ahead log that are kept for the slot.";
        SLOTS_SAFE "pg_replication_slots_safe_wal_size_bytes" Gauge Bytes Tenant ["server", "slot_name", "slot_type"] PostgresExporter
            "pg_replication_slots safe_wal_size" "Bytes that can be written before the slot may lose what it needs; absent without a limit.";
        STATEMENTS_CALLS "pg_stat_statements_calls_total" Counter None Tenant ["server", "usename", "datname", "queryid"] PostgresExporter
            "pg_stat_statements calls" "Times that the statement was executed.";
        STATEMENTS_SECONDS "pg_stat_statements_seconds_total" Counter Seconds Tenant ["server", "usename", "datname", "queryid"] PostgresExporter
            "pg_stat_statements total_exec_time" "Time that its executions took.";
        STATEMENTS_ROWS "pg_stat_statements_rows_total" Counter None Tenant ["server", "usename", "datname", "queryid"] PostgresExporter
            "pg_stat_statements rows" "Rows that it returned or changed.";
        STATEMENTS_BLOCK_READ_SECONDS "pg_stat_statements_block_read_seconds_total" Counter Seconds Tenant ["server", "usename", "datname", "queryid"] PostgresExporter
            "pg_stat_statements shared_blk_read_time, before version 17 blk_read_time" "Time for reading blocks; 0 unless `track_io_timing` is on.";
        STATEMENTS_BLOCK_WRITE_SECONDS "pg_stat_statements_block_write_seconds_total" Counter Seconds Tenant ["server", "usename", "datname", "queryid"] PostgresExporter
            "pg_stat_statements shared_blk_write_time, before version 17 blk_write_time" "Time for writing blocks; 0 unless `track_io_timing` is on.";
        STATEMENTS_QUERY_ID "pg_stat_statements_query_id" Counter None Tenant ["server", "queryid", "query"] PostgresExporter
            "pg_stat_statements query" "The text of a statement without its literals; always 1.";
    }
}
