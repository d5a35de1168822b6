//! `node_pressure_*`: time lost to want of a resource. Source: `/proc/pressure/*`.

use super::scan::{lines, number, words};
use super::show;
use crate::metrics::catalogue::host as c;
use crate::metrics::{Sink, Value};
use crate::snapshot::host::Host;

/// Totals of the lines `some` and `full`, in nanoseconds; `irq` has only the second, and
/// older kernels have only the first for `cpu`.
pub(super) fn parse(pressure: &[u8]) -> Option<(Option<u64>, Option<u64>)> {
    let (mut some, mut full) = (None, None);
    for line in lines(pressure) {
        let mut words = words(line);
        let total = match words.next()? {
            b"some" => &mut some,
            b"full" => &mut full,
            _ => continue,
        };
        let microseconds = number(words.find_map(|word| word.strip_prefix(b"total="))?)?;
        *total = Some(microseconds.checked_mul(1_000)?);
    }
    (some.is_some() || full.is_some()).then_some((some, full))
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(pressure) = &host.pressure else { return };
    for (metric, ns) in [
        (&c::PRESSURE_CPU_WAITING, pressure.cpu_waiting_ns),
        (&c::PRESSURE_IO_WAITING, pressure.io_waiting_ns),
        (&c::PRESSURE_IO_STALLED, pressure.io_stalled_ns),
        (&c::PRESSURE_MEMORY_WAITING, pressure.memory_waiting_ns),
        (&c::PRESSURE_MEMORY_STALLED, pressure.memory_stalled_ns),
        (&c::PRESSURE_IRQ_STALLED, pressure.irq_stalled_ns),
    ] {
        show(sink, metric, ns.map(Value::Nanos));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn totals_are_microseconds() {
        let both = b"some avg10=2.55 avg60=5.81 avg300=14.47 total=33\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n";
        assert_eq!(parse(both), Some((Some(33_000), Some(4_000))));
        assert_eq!(parse(b"full avg10=0 avg60=0 avg300=0 total=5\n"), Some((None, Some(5_000))));
        for wrong in [&b""[..], b"some avg10=0\n", b"some total=x\n"] {
            assert_eq!(parse(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_totals_or_nothing(text in proptest::collection::vec(any::<u8>(), 0..100)) {
            parse(&text);
        }
    }
}
