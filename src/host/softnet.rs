//! `node_softnet_*`: processing of packets by core. Source: `/proc/1/net/softnet_stat`, one
//! line of hexadecimal columns for each core that is online.

use super::scan::{hexadecimal, lines, words};
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::snapshot::host::{Host, Softnet};

/// The columns that are shown, and their families.
static COLUMNS: [(usize, &Metric); 7] = [
    (0, &c::SOFTNET_PROCESSED),
    (1, &c::SOFTNET_DROPPED),
    (2, &c::SOFTNET_SQUEEZED),
    (8, &c::SOFTNET_COLLISION),
    (9, &c::SOFTNET_RPS),
    (10, &c::SOFTNET_FLOW_LIMIT),
    (11, &c::SOFTNET_BACKLOG),
];

/// Where newer kernels write the number of the core.
const CPU: usize = 12;

/// Every kernel has as many columns.
const LEAST_COLUMNS: usize = 9;

/// The cores.
pub(super) fn parse(softnet_stat: &[u8]) -> Option<Vec<Softnet>> {
    let mut cpus = Vec::new();
    for (index, line) in lines(softnet_stat).enumerate() {
        let columns = words(line).map(hexadecimal).collect::<Option<Vec<u64>>>()?;
        if columns.len() < LEAST_COLUMNS {
            return None;
        }
        let cpu = columns.get(CPU).copied().unwrap_or(index as u64);
        let counts = COLUMNS.map(|(column, _)| columns.get(column).copied().unwrap_or(0));
        cpus.push(Softnet { cpu: u32::try_from(cpu).ok()?, counts });
    }
    Some(cpus)
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(cpus) = &host.softnet else { return };
    let plain = LabelBlock::default();
    let names: Vec<String> = cpus.iter().map(|one| one.cpu.to_string()).collect();
    for (index, (_, metric)) in COLUMNS.iter().enumerate() {
        sink.family(metric);
        for (cpu, name) in cpus.iter().zip(&names) {
            sink.sample(&plain, &[("cpu", name)], Value::Int(cpu.counts[index]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_has_its_number_or_that_of_its_line() {
        let text = b"0000000a 1 2 0 0 0 0 0 3 4 5 6 00000007 0 0\n0000000b 1 2 0 0 0 0 0 3\n";
        let cpus = parse(text).unwrap();
        assert_eq!(cpus[0], Softnet { cpu: 7, counts: [10, 1, 2, 3, 4, 5, 6] });
        assert_eq!(cpus[1], Softnet { cpu: 1, counts: [11, 1, 2, 3, 0, 0, 0] });
        assert_eq!(parse(b"1 2 3\n"), None);
    }
}
