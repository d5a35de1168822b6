//! `node_timex_*`: how the clock is kept. Source: `adjtimex(2)`, which only reads when it is
//! told to change nothing, and needs no privilege then.

use rtime_clock::adjtime;

use super::file::ReadError;
use super::show;
use crate::metrics::catalogue::host as c;
use crate::metrics::{Sink, Value};
use crate::snapshot::host::{Host, Timex};

/// What the kernel answers while the clock is not held to a reliable one (`TIME_ERROR`).
const NOT_SYNCHRONISED: i32 = 5;

/// The flag by which offset and jitter are in nanoseconds instead of microseconds (`STA_NANO`).
const STA_NANO: i32 = 0x2000;

/// The kernel's unit of frequency in a second: parts of 65536 per million.
const SCALED_PPM: f64 = 65_536e6;

pub(super) fn read() -> Result<Option<Timex>, ReadError> {
    let mut raw = adjtime::Timex::new();
    let state = adjtime::adjtimex(&mut raw).map_err(|source| ReadError::Call { call: "adjtimex", source })?;
    let raw = raw.0;
    let to_ns = if raw.status & STA_NANO != 0 { 1 } else { 1_000 };
    Ok(Some(Timex {
        synchronised: state != NOT_SYNCHRONISED,
        status: raw.status.into(),
        offset_ns: raw.offset.saturating_mul(to_ns),
        frequency: raw.freq,
        maxerror_us: raw.maxerror,
        esterror_us: raw.esterror,
        constant: raw.constant,
        tick_us: raw.tick,
        pps_frequency: raw.ppsfreq,
        pps_jitter_ns: raw.jitter.saturating_mul(to_ns),
        pps_shift: raw.shift.into(),
        pps_stability: raw.stabil,
        pps_counts: [raw.jitcnt, raw.calcnt, raw.errcnt, raw.stbcnt],
        tai_offset_s: raw.tai.into(),
    }))
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(timex) = &host.timex else { return };
    let [jitter, calibration, error, stability] = timex.pps_counts;
    let microseconds = |value: i64| value as f64 / 1e6;
    let nanoseconds = |value: i64| value as f64 / 1e9;
    for (metric, value) in [
        (&c::TIMEX_SYNC_STATUS, f64::from(timex.synchronised)),
        (&c::TIMEX_OFFSET, nanoseconds(timex.offset_ns)),
        (&c::TIMEX_FREQUENCY, 1.0 + timex.frequency as f64 / SCALED_PPM),
        (&c::TIMEX_MAXERROR, microseconds(timex.maxerror_us)),
        (&c::TIMEX_ESTERROR, microseconds(timex.esterror_us)),
        (&c::TIMEX_STATUS, timex.status as f64),
        (&c::TIMEX_CONSTANT, timex.constant as f64),
        (&c::TIMEX_TICK, microseconds(timex.tick_us)),
        (&c::TIMEX_PPS_FREQUENCY, timex.pps_frequency as f64 / SCALED_PPM),
        (&c::TIMEX_PPS_JITTER_SECONDS, nanoseconds(timex.pps_jitter_ns)),
        (&c::TIMEX_PPS_SHIFT, timex.pps_shift as f64),
        (&c::TIMEX_PPS_STABILITY, timex.pps_stability as f64 / SCALED_PPM),
        (&c::TIMEX_PPS_JITTER, jitter as f64),
        (&c::TIMEX_PPS_CALIBRATION, calibration as f64),
        (&c::TIMEX_PPS_ERROR, error as f64),
        (&c::TIMEX_PPS_STABILITY_EXCEEDED, stability as f64),
        (&c::TIMEX_TAI, timex.tai_offset_s as f64),
    ] {
        show(sink, metric, Some(Value::Float(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_can_be_asked_without_a_privilege() {
        let timex = read().unwrap().unwrap();
        // A tick is 10 ms, and can be made a tenth longer or shorter.
        assert!((9_000..=11_000).contains(&timex.tick_us), "{timex:?}");
        assert!(timex.maxerror_us >= 0, "{timex:?}");
    }
}
