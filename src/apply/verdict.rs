//! Whether a container fares worse with other limits than it did in as long a time before.

use serde::Serialize;

use super::limits::value;
use super::wish::Setting;
use crate::analysis::words::percent;
use crate::inventory::EngineSettings;

/// Held back in fewer periods than this share a container is not throttled: the share from which on
/// its limit is never lowered, and raised.
const THROTTLED: f64 = 0.05;

/// The share has to rise by this much: what is held back differs from minute to minute.
const LEAST_RISE: f64 = 0.05;

/// Fewer periods say nothing: a container that is idle runs in few.
const LEAST_PERIODS: u64 = 20;

/// After so many, half a minute of work, throttling is believed before the watch is over; a start
/// after a change may be held back for some seconds.
const SURE_PERIODS: u64 = 300;

/// What happened to a container in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Signs {
    /// Periods of its CPU quota in which it ran.
    pub periods: u64,
    /// Those in which the quota was used up.
    pub throttled_periods: u64,
    /// Kills for want of memory.
    pub oom_kills: u64,
    /// Restarts by the restart policy.
    pub restarts: u64,
}

impl Signs {
    /// The share of periods in which it was held back; 0 where that says nothing.
    pub fn throttled(&self) -> f64 {
        if self.periods < LEAST_PERIODS { 0.0 } else { self.throttled_periods as f64 / self.periods as f64 }
    }
}

/// Which limits are higher than before: what is then worse was not brought by them, and the lower
/// ones would not help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raised {
    /// That of cores.
    pub cpu: bool,
    /// That of memory.
    pub memory: bool,
}

impl Raised {
    /// Of settings before and after.
    pub fn of(before: &EngineSettings, after: &EngineSettings) -> Raised {
        let is_higher = |setting| {
            let limit = |settings| value(settings, setting).unwrap_or(f64::INFINITY);
            limit(after) > limit(before)
        };
        Raised { cpu: is_higher(Setting::CpuLimit), memory: is_higher(Setting::MemoryLimit) }
    }
}

/// Why the old limits are to be set again; `None` while nothing has risen. `is_over`: whether the
/// watch has lasted as long as the time before.
pub fn worse(before: &Signs, after: &Signs, raised: Raised, is_over: bool) -> Option<String> {
    if after.restarts > before.restarts {
        return Some(rise("restarts", before.restarts, after.restarts));
    }
    if after.oom_kills > before.oom_kills && !raised.memory {
        return Some(rise("kills for want of memory", before.oom_kills, after.oom_kills));
    }
    let (was, is) = (before.throttled(), after.throttled());
    let is_told = is_over || after.periods >= SURE_PERIODS;
    if is_told && !raised.cpu && is > THROTTLED && is >= was + LEAST_RISE {
        return Some(format!(
            "it is held back in {} of its periods, before in {}",
            percent(is),
            percent(was)
        ));
    }
    None
}

fn rise(what: &str, before: u64, after: u64) -> String {
    format!("{what}: {after}, in as long a time before {before}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(periods: u64, throttled_periods: u64, oom_kills: u64, restarts: u64) -> Signs {
        Signs { periods, throttled_periods, oom_kills, restarts }
    }

    const QUIET: Signs = Signs { periods: 0, throttled_periods: 0, oom_kills: 0, restarts: 0 };

    fn is_worse(before: Signs, after: Signs) -> bool {
        worse(&before, &after, Raised::default(), true).is_some()
    }

    #[test]
    fn what_is_as_it_was_is_not_worse() {
        for sign in [QUIET, signs(3000, 900, 0, 0), signs(100, 0, 2, 1)] {
            assert!(!is_worse(sign, sign), "{sign:?}");
        }
        assert!(!is_worse(signs(3000, 900, 2, 1), QUIET), "better is not worse");
    }

    #[test]
    fn a_kill_or_a_restart_more_is_told_at_once() {
        let told = |after| worse(&QUIET, &after, Raised::default(), false);
        assert_eq!(
            told(signs(0, 0, 1, 0)).as_deref(),
            Some("kills for want of memory: 1, in as long a time before 0")
        );
        assert_eq!(told(signs(0, 0, 1, 2)).as_deref(), Some("restarts: 2, in as long a time before 0"));
        assert!(!is_worse(signs(0, 0, 2, 2), signs(0, 0, 2, 2)));
    }

    #[test]
    fn throttling_counts_from_a_share_and_a_rise_on() {
        for (before, after, expected) in [
            (signs(0, 0, 0, 0), signs(100, 6, 0, 0), true),
            (signs(0, 0, 0, 0), signs(100, 5, 0, 0), false),
            (signs(100, 40, 0, 0), signs(100, 44, 0, 0), false),
            (signs(100, 40, 0, 0), signs(100, 46, 0, 0), true),
            // What has hardly run says nothing.
            (signs(0, 0, 0, 0), signs(19, 19, 0, 0), false),
        ] {
            assert_eq!(is_worse(before, after), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn the_first_seconds_after_a_change_are_no_verdict() {
        let early = |after| worse(&QUIET, &after, Raised::default(), false).is_some();
        assert!(!early(signs(299, 299, 0, 0)));
        assert!(early(signs(300, 300, 0, 0)));
    }

    #[test]
    fn a_higher_limit_is_not_blamed_for_what_a_lower_one_would_make_worse() {
        let raised = Raised { cpu: true, memory: true };
        let after = signs(1000, 900, 3, 0);
        assert_eq!(worse(&QUIET, &after, raised, true), None);
        assert!(worse(&QUIET, &signs(0, 0, 0, 1), raised, true).is_some(), "a restart may be its doing");
        assert!(worse(&QUIET, &after, Raised { memory: false, ..raised }, true).is_some());
        let settings = |nano_cpus, memory| EngineSettings { nano_cpus, memory, ..EngineSettings::default() };
        assert_eq!(Raised::of(&settings(1, 5), &settings(2, 4)), Raised { cpu: true, memory: false });
        assert_eq!(Raised::of(&settings(0, 0), &settings(2, 4)), Raised::default(), "first ones are lower");
    }
}
