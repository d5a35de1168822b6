//! What else advice is told from, beside what [`insight`](super::insight) has.

use super::Measure;
use super::insight::{pool, service};

/// Connections of a pool that are in use, of the busiest replica.
pub static POOL_ACTIVE: Measure = pool(
    "db_connections_active",
    "max by ($) (avg_over_time(db_connections_active{@}[])) or max by ($) (sum without (db_client_connection_state) (avg_over_time(db_client_connection_count{@,db_client_connection_state=\"used\"}[])))",
);

/// Connections that it may have.
pub static POOL_MOST: Measure = pool(
    "db_connections_max",
    "max by ($) (last_over_time(db_connections_max{@}[])) or max by ($) (last_over_time(db_client_connection_max{@}[]))",
);

/// Seconds that calls of databases take, each second.
pub static DATABASE_SECONDS: Measure = service(
    "db_query_seconds_per_second",
    "sum by ($) (rate(db_query_duration_seconds_sum{@}[])) or sum by ($) (rate(db_client_operation_duration_seconds_sum{@}[]))",
);
