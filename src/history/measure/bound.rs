//! What fills up: file systems of hosts, and the error budgets of objectives.

use super::{Meaning, Measure, Of, Taken};

/// File systems that are in memory fill nothing.
const fn disk(name: &'static str, words: &'static str, expression: &'static str) -> Measure {
    Measure {
        name,
        words,
        meaning: Meaning::Use,
        least_change: 100e6,
        expression,
        of: Of::Host,
        apart: &["mountpoint"],
        taken: Taken::Together,
    }
}

/// What of a file system is not available.
pub static DISK_USED: Measure = disk(
    "host_disk_used_bytes",
    "disk space",
    "max by ($) (avg_over_time(node_filesystem_size_bytes{@,fstype!~\"tmpfs|ramfs\"}[]) - avg_over_time(node_filesystem_avail_bytes{@,fstype!~\"tmpfs|ramfs\"}[]))",
);

/// Its size.
pub static DISK_SIZE: Measure = disk(
    "host_disk_size_bytes",
    "size of the disk",
    "max by ($) (last_over_time(node_filesystem_size_bytes{@,fstype!~\"tmpfs|ramfs\"}[]))",
);

/// The share of an objective's error budget that is gone.
pub static BUDGET_SPENT: Measure = Measure {
    name: "error_budget_spent_ratio",
    words: "error budget that is gone",
    meaning: Meaning::Harm,
    least_change: 0.01,
    expression: "max by ($) (1 - avg_over_time(slo:period_error_budget_remaining:ratio{@}[]))",
    of: Of::Service,
    apart: &["slo"],
    taken: Taken::Together,
};

/// All of them.
pub static ALL: [&Measure; 3] = [&DISK_USED, &DISK_SIZE, &BUDGET_SPENT];
