//! `node_schedstat_*`: how long tasks ran and waited on each core. Source: `/proc/schedstat`,
//! whose `cpuN` lines end with running time and waiting time in nanoseconds and the number of
//! time slices; kernels without `CONFIG_SCHEDSTATS` have no such file.

use super::scan::{lines, number, words};
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::snapshot::host::{CpuSchedule, Host};

/// Words before the running time.
const BEFORE: usize = 6;

/// From a core to a value of it.
type ShownAs = fn(&CpuSchedule) -> Value;

/// The cores; `None` where there is none.
pub(super) fn parse(schedstat: &[u8]) -> Option<Vec<CpuSchedule>> {
    let mut cpus = Vec::new();
    for line in lines(schedstat) {
        let Some(line) = line.strip_prefix(b"cpu") else { continue };
        let mut words = words(line);
        let cpu = u32::try_from(number(words.next()?)?).ok()?;
        let mut values = words.skip(BEFORE).map(number);
        let mut next = || values.next().flatten();
        cpus.push(CpuSchedule { cpu, running_ns: next()?, waiting_ns: next()?, timeslices: next()? });
    }
    (!cpus.is_empty()).then_some(cpus)
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let cpus = host.schedstat.as_deref().unwrap_or_default();
    let names: Vec<String> = cpus.iter().map(|one| one.cpu.to_string()).collect();
    let columns: [(_, ShownAs); 3] = [
        (&c::SCHEDSTAT_RUNNING, |one| Value::Nanos(one.running_ns)),
        (&c::SCHEDSTAT_WAITING, |one| Value::Nanos(one.waiting_ns)),
        (&c::SCHEDSTAT_TIMESLICES, |one| Value::Int(one.timeslices)),
    ];
    for (metric, value) in columns {
        sink.family(metric);
        for (cpu, name) in cpus.iter().zip(&names) {
            sink.sample(&LabelBlock::default(), &[("cpu", name)], value(cpu));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_core_ends_with_running_waiting_and_slices_and_domains_are_passed_over() {
        let text = b"version 15\ntimestamp 4294934561\ncpu0 0 0 1 2 3 4 2045936778163 343796328169 4767485306\ndomain0 00000003 1 2 3\ncpu1 0 0 0 0 0 0 5 6 7\n";
        let cpus = parse(text).unwrap();
        let first = CpuSchedule {
            cpu: 0,
            running_ns: 2_045_936_778_163,
            waiting_ns: 343_796_328_169,
            timeslices: 4_767_485_306,
        };
        assert_eq!(cpus, [first, CpuSchedule { cpu: 1, running_ns: 5, waiting_ns: 6, timeslices: 7 }]);
        assert_eq!(parse(b"version 15\n"), None);
        assert_eq!(parse(b"cpu0 1 2 3\n"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_cores_or_nothing(text in "((cpu|domain)?[0-9 ]{0,30}\n?){0,6}") {
            parse(text.as_bytes());
        }
    }
}
