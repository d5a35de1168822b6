//! What services do with their cores: out of what rules record each hour
//! (`alerting/aggregates_1h.yml`), since weeks of what is scraped are too much to ask for.

use super::{Meaning, Measure, Of, Taken};

const fn hourly(
    name: &'static str,
    words: &'static str,
    meaning: Meaning,
    expression: &'static str,
) -> Measure {
    Measure {
        name,
        words,
        meaning,
        least_change: 0.0,
        expression,
        of: Of::Service,
        apart: &[],
        taken: Taken::Together,
    }
}

/// Requests that were answered without failing in each step, of programs whose container is known.
pub static SERVED: Measure = hourly(
    "served_requests",
    "requests answered",
    Meaning::Load,
    "sum by ($) (sum_over_time(program:served_requests:per_second1h{@}[]) * 3600)",
);

/// What their containers used of cores in it, in seconds.
pub static CORE_SECONDS: Measure = hourly(
    "service_core_seconds",
    "CPU",
    Meaning::Use,
    "sum by ($) (sum_over_time(program:cpu_usage:cores1h{@}[]) * 3600)",
);

/// How many hours of it both are known of.
pub static HOURS: Measure = hourly(
    "service_hours",
    "hours that are known",
    Meaning::Load,
    "max by ($) (count_over_time(program:cpu_usage:cores1h{@}[]))",
);

/// All of them.
pub static ALL: [&Measure; 3] = [&SERVED, &CORE_SECONDS, &HOURS];
