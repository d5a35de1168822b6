//! What limits of containers are told from. Of containers that had one name one after another the
//! highest counts: what both had in the step of a deploy neither has needed.

use super::{Meaning, Measure, Of, Taken};

const fn sizing(
    name: &'static str,
    words: &'static str,
    meaning: Meaning,
    taken: Taken,
    expression: &'static str,
) -> Measure {
    Measure { name, words, meaning, least_change: 0.0, expression, of: Of::Container, apart: &[], taken }
}

/// Cores used.
pub static CPU: Measure = sizing(
    "cpu_usage_cores",
    "CPU",
    Meaning::Use,
    Taken::Highest,
    "max by ($) (sum without (cpu) (rate(container_cpu_usage_seconds_total{@}[])))",
);

/// Cores that may be used; those without a limit have none.
pub static CPU_LIMIT: Measure = sizing(
    "cpu_limit_cores",
    "CPU limit",
    Meaning::Use,
    Taken::Highest,
    "max by ($) (last_over_time(container_cpu_limit_cores{@}[]))",
);

/// Periods of the CPU quota.
pub static PERIODS: Measure = sizing(
    "cpu_periods",
    "CPU periods",
    Meaning::Load,
    Taken::Growth,
    "max by ($) (last_over_time(container_cpu_cfs_periods_total{@}[]))",
);

/// Those in which it was used up.
pub static THROTTLED_PERIODS: Measure = sizing(
    "cpu_throttled_periods",
    "CPU periods held back",
    Meaning::Harm,
    Taken::Growth,
    "max by ($) (last_over_time(container_cpu_cfs_throttled_periods_total{@}[]))",
);

/// The highest working set of each step.
pub static MEMORY: Measure = sizing(
    "memory_working_set_peak_bytes",
    "memory at most",
    Meaning::Use,
    Taken::Highest,
    "max by ($) (max_over_time(container_memory_working_set_bytes{@}[]))",
);

/// Memory that may be used; those without a limit have none.
pub static MEMORY_LIMIT: Measure = sizing(
    "memory_limit_bytes",
    "memory limit",
    Meaning::Use,
    Taken::Highest,
    "max by ($) (last_over_time(container_spec_memory_limit_bytes{@}[]) > 0)",
);

/// Kills for want of memory.
pub static KILLS: Measure = sizing(
    "oom_kills",
    "kills for want of memory",
    Meaning::Harm,
    Taken::Growth,
    "max by ($) (last_over_time(container_oom_events_total{@}[]))",
);

/// Restarts by the restart policy.
pub static RESTARTS: Measure = sizing(
    "restarts",
    "restarts",
    Meaning::Harm,
    Taken::Growth,
    "max by ($) (last_over_time(container_restarts_total{@}[]))",
);

/// All of them.
pub static ALL: [&Measure; 8] =
    [&CPU, &CPU_LIMIT, &PERIODS, &THROTTLED_PERIODS, &MEMORY, &MEMORY_LIMIT, &KILLS, &RESTARTS];
