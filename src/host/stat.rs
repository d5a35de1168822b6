//! What the kernel counts as a whole: interrupts, context switches, forks, threads that run
//! or wait, and when it was started. Source: `/proc/stat`.

use super::scan::{lines, number, words};
use super::show;
use crate::metrics::catalogue::host as c;
use crate::metrics::{Sink, Value};
use crate::snapshot::host::{Host, KernelStat};

/// The counts of a `/proc/stat`; `None` where there is none of them.
pub(super) fn parse(stat: &[u8]) -> Option<KernelStat> {
    let mut counts = KernelStat::default();
    for line in lines(stat) {
        let mut words = words(line);
        let field = match words.next() {
            Some(b"intr") => &mut counts.interrupts,
            Some(b"ctxt") => &mut counts.context_switches,
            Some(b"btime") => &mut counts.boot_time_s,
            Some(b"processes") => &mut counts.forks,
            Some(b"procs_running") => &mut counts.running,
            Some(b"procs_blocked") => &mut counts.blocked,
            _ => continue,
        };
        *field = words.next().and_then(number);
    }
    (counts != KernelStat::default()).then_some(counts)
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(stat) = &host.stat else { return };
    for (metric, value) in [
        (&c::CONTEXT_SWITCHES, stat.context_switches),
        (&c::INTERRUPTS, stat.interrupts),
        (&c::FORKS, stat.forks),
        (&c::BOOT_TIME, stat.boot_time_s),
        (&c::PROCS_RUNNING, stat.running),
        (&c::PROCS_BLOCKED, stat.blocked),
    ] {
        show(sink, metric, value.map(Value::Int));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_of_interrupts_is_their_sum() {
        let text = b"cpu  1 2 3\nintr 77 5 0 0\nctxt 8\nbtime 1700000000\nprocesses 9\nprocs_running 2\nprocs_blocked 0\nsoftirq 1 2\n";
        let expected = KernelStat {
            interrupts: Some(77),
            context_switches: Some(8),
            forks: Some(9),
            boot_time_s: Some(1_700_000_000),
            running: Some(2),
            blocked: Some(0),
        };
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse(b"cpu 1 2\n"), None);
    }
}
