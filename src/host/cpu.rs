//! `node_cpu_*`: what each core has spent its time on.
//!
//! Source: the `cpuN` lines of `/proc/stat`. Idle and I/O wait of the kernel fall now and then
//! by a little; a counter that is smaller than before is held, as node_exporter does, unless
//! the core was taken out and put back, which idle falling by seconds tells.

use super::scan::{lines, number, words};
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::snapshot::host::{CpuTime, Host};

/// The modes in the order of the file; the last two are already in the first two.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// Where guests' time stands, and the mode it is shown as.
const GUEST: [(usize, &str); 2] = [(8, "user"), (9, "nice")];

/// Where idle time stands.
const IDLE: usize = 3;

/// Idle that falls by so much belongs to a core that was put back.
const PUT_BACK_NS: u64 = 3_000_000_000;

/// The cores of a `/proc/stat`; `None` where there is none. `tick_ns` is the length of a tick.
pub(super) fn parse(stat: &[u8], tick_ns: u64) -> Option<Vec<CpuTime>> {
    let cpus: Vec<CpuTime> = lines(stat).filter_map(|line| core(line, tick_ns)).collect();
    (!cpus.is_empty()).then_some(cpus)
}

/// A line `cpu0 123 …`; older kernels have fewer columns.
fn core(line: &[u8], tick_ns: u64) -> Option<CpuTime> {
    let mut words = words(line.strip_prefix(b"cpu")?);
    // The line of all cores together has no number.
    if line.get(3) == Some(&b' ') {
        return None;
    }
    let cpu = u32::try_from(number(words.next()?)?).ok()?;
    let mut modes_ns = [0; 10];
    for (mode, word) in modes_ns.iter_mut().zip(words) {
        *mode = number(word)?.saturating_mul(tick_ns);
    }
    Some(CpuTime { cpu, modes_ns })
}

/// Holds counters that fall. `before` is what was shown last.
pub(super) fn hold(before: &[CpuTime], now: &mut [CpuTime]) {
    for core in now {
        let Some(shown) = before.iter().find(|shown| shown.cpu == core.cpu) else { continue };
        if shown.modes_ns[IDLE].saturating_sub(core.modes_ns[IDLE]) >= PUT_BACK_NS {
            continue;
        }
        for (value, shown) in core.modes_ns.iter_mut().zip(shown.modes_ns) {
            *value = shown.max(*value);
        }
    }
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(cpus) = &host.cpu else { return };
    let plain = LabelBlock::default();
    let names: Vec<String> = cpus.iter().map(|core| core.cpu.to_string()).collect();
    sink.family(&c::CPU_SECONDS);
    for (core, name) in cpus.iter().zip(&names) {
        for (mode, ns) in MODES.iter().zip(core.modes_ns) {
            sink.sample(&plain, &[("cpu", name), ("mode", mode)], Value::Nanos(ns));
        }
    }
    sink.family(&c::CPU_GUEST_SECONDS);
    for (core, name) in cpus.iter().zip(&names) {
        for (column, mode) in GUEST {
            sink.sample(&plain, &[("cpu", name), ("mode", mode)], Value::Nanos(core.modes_ns[column]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAT: &[u8] = b"cpu  20 0 0 0 0 0 0 0 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu11 1 2 3 4\nintr 5 1 1\n";

    #[test]
    fn each_core_is_read_and_their_sum_is_not() {
        let cpus = parse(STAT, 10).unwrap();
        assert_eq!(cpus[0], CpuTime { cpu: 0, modes_ns: [10, 20, 30, 40, 50, 60, 70, 80, 90, 100] });
        assert_eq!(cpus[1], CpuTime { cpu: 11, modes_ns: [10, 20, 30, 40, 0, 0, 0, 0, 0, 0] });
        assert_eq!(cpus.len(), 2);
        assert_eq!(parse(b"intr 5\n", 10), None);
    }

    #[test]
    fn a_counter_never_falls_unless_its_core_was_taken_out() {
        let core = |idle: u64, iowait: u64| {
            let mut modes_ns = [0; 10];
            (modes_ns[IDLE], modes_ns[4]) = (idle, iowait);
            CpuTime { cpu: 0, modes_ns }
        };
        let shown = [core(10_000_000_000, 500)];
        let mut now = [core(9_990_000_000, 400)];
        hold(&shown, &mut now);
        assert_eq!(now, shown);
        let mut put_back = [core(1_000, 10)];
        hold(&shown, &mut put_back);
        assert_eq!(put_back, [core(1_000, 10)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_cores_or_nothing(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&text, 10_000_000);
            parse(&[b"cpu1 ", &text[..]].concat(), 10_000_000);
        }
    }
}
