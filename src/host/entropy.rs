//! `node_entropy_*`. Sources: `/proc/sys/kernel/random/entropy_avail` and `poolsize`, a number
//! each.

use super::scan::number;
use super::show;
use crate::metrics::catalogue::host as c;
use crate::metrics::{Sink, Value};
use crate::snapshot::host::Host;

/// The number.
pub(super) fn parse(bits: &[u8]) -> Option<u64> {
    number(bits.trim_ascii_end())
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(entropy) = host.entropy else { return };
    show(sink, &c::ENTROPY_AVAILABLE, Some(Value::Int(entropy.available_bits)));
    show(sink, &c::ENTROPY_POOL_SIZE, entropy.pool_size_bits.map(Value::Int));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_number() {
        assert_eq!(parse(b"256\n"), Some(256));
        assert_eq!(parse(b"256 1\n"), None);
        assert_eq!(parse(b""), None);
    }
}
