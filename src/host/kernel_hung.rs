//! `node_kernel_hung_tasks_total`. Source: `/proc/sys/kernel/hung_task_detect_count`, a number,
//! since kernel 6.13.

use super::scan::number;
use super::show;
use crate::metrics::catalogue::host as c;
use crate::metrics::{Sink, Value};
use crate::snapshot::host::Host;

/// The number.
pub(super) fn parse(count: &[u8]) -> Option<u64> {
    number(count.trim_ascii_end())
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    show(sink, &c::KERNEL_HUNG_TASKS, host.hung_tasks.map(Value::Int));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_one_number() {
        assert_eq!(parse(b"3\n"), Some(3));
        assert_eq!(parse(b"many\n"), None);
    }
}
