//! How much of something is unusual at once: the share of its series whose last steps were
//! anomalies. One of a host's thousand series is off at any time; a tenth of a project's is news.

use std::collections::BTreeMap;

use super::Detector;

/// Steps that are looked at.
pub const LAST_STEPS: u32 = 3;

/// How many series are unusual, of how many that can be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Those most of whose last steps were anomalies.
    pub unusual: usize,
    /// All of which enough is known.
    pub series: usize,
}

impl Rate {
    /// Adds a series; one that cannot be judged, since it is young or has ended, does not count.
    pub fn add(&mut self, is_unusual: Option<bool>) {
        self.series += usize::from(is_unusual.is_some());
        self.unusual += usize::from(is_unusual == Some(true));
    }

    /// The share of them, from 0 to 1; `None` where there are none.
    pub fn share(self) -> Option<f64> {
        (self.series > 0).then(|| self.unusual as f64 / self.series as f64)
    }
}

/// The rate of each group of series (a container's, a project's, the host's) at a time.
pub fn rates<'a, K: Ord>(series: impl IntoIterator<Item = (K, &'a Detector)>, now: i64) -> BTreeMap<K, Rate> {
    let mut rates: BTreeMap<K, Rate> = BTreeMap::new();
    for (group, detector) in series {
        rates.entry(group).or_default().add(detector.is_unusual(LAST_STEPS, now));
    }
    rates
}
