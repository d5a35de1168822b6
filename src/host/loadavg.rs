//! `node_load*`. Source: `/proc/loadavg`.

use super::scan::words;
use super::show;
use crate::metrics::catalogue::host as c;
use crate::metrics::{Sink, Value};
use crate::snapshot::host::Host;

/// The three averages.
pub(super) fn parse(loadavg: &[u8]) -> Option<[f64; 3]> {
    let mut words = words(loadavg);
    let mut next = || {
        let load: f64 = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        load.is_finite().then_some(load)
    };
    Some([next()?, next()?, next()?])
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(loads) = host.loadavg else { return };
    for (metric, load) in [&c::LOAD1, &c::LOAD5, &c::LOAD15].into_iter().zip(loads) {
        show(sink, metric, Some(Value::Float(load)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_averages_or_none() {
        assert_eq!(parse(b"0.42 3.27 12.45 9/246 27098\n"), Some([0.42, 3.27, 12.45]));
        for wrong in [&b""[..], b"0.1 0.2", b"a b c", b"inf 0 0"] {
            assert_eq!(parse(wrong), None);
        }
    }
}
