//! How much counters have counted in a period.
//!
//! A function like PromQL's `increase` extrapolates to the edges of its window and loses the
//! first sample of a new series. Here nothing is extrapolated:
//! - a period counts from the last sample at or before its beginning to the last one at or
//!   before its end, so that periods that follow each other sum to the whole;
//! - a counter begins at zero when its program starts, and a series that appears while the
//!   program is known appears with what it has counted since zero;
//! - a counter has restarted where it fell, or where the program's start time has changed, even
//!   if by then it has counted to more than before;
//! - while Prometheus did not scrape, the counters went on, and the next sample has it all; while
//!   the program did not run, nothing was counted, and that is told as [`Ledger::coverage`].
//!
//! A period is taken in windows, one after the other. Of a quiet one the first and the last
//! value of each counter suffice; of any other [`Ledger::wants_samples`] asks for all samples.

use std::collections::BTreeMap;

/// Who is scraped: what labels a target of Prometheus has.
pub type Target = BTreeMap<String, String>;

/// A sample is trusted to speak for what comes after it for this long, in seconds, as in
/// Prometheus itself.
pub const LOOKBACK: f64 = 300.0;

/// A target over one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Lowest and highest start time of the program, seconds since 1970; `None` if it does not
    /// tell.
    pub starts: Option<(f64, f64)>,
    /// When it was last scraped, if that was within [`LOOKBACK`] of the window's end.
    pub scraped_at: Option<f64>,
    /// Whether any counter fell.
    pub resets: bool,
}

/// Counts of one kind, `K` names a series of a target.
#[derive(Clone, Debug)]
pub struct Ledger<K> {
    from: f64,
    to: f64,
    targets: BTreeMap<Target, Known>,
    counters: BTreeMap<(Target, K), Counter>,
}

/// What is known of a target.
#[derive(Clone, Debug, Default)]
struct Known {
    start: Option<f64>,
    /// When it was last scraped.
    until: f64,
    covered: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    /// The last value, and the start of the program at that time.
    last: Option<(f64, Option<f64>)>,
    total: f64,
}

impl Counter {
    /// Takes a sample; `from_zero` says what the first one of all counts from.
    fn take(&mut self, value: f64, start: Option<f64>, from_zero: bool) {
        self.total += match self.last {
            Some((last, known)) if value >= last && !differ(known, start) => value - last,
            // It restarted, or was born.
            Some(_) => value,
            None if from_zero => value,
            None => 0.0,
        };
        self.last = Some((value, start));
    }
}

/// Whether two start times are known and not the same.
fn differ(one: Option<f64>, other: Option<f64>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

impl<K: Ord + Clone> Ledger<K> {
    /// An empty one for a period, in seconds since 1970.
    pub fn new(from: f64, to: f64) -> Self {
        Ledger { from, to, targets: BTreeMap::new(), counters: BTreeMap::new() }
    }

    /// A target was scraped last at or before the beginning of the period, with these values.
    pub fn begin(&mut self, target: &Target, start: Option<f64>, values: impl IntoIterator<Item = (K, f64)>) {
        self.targets.insert(target.clone(), Known { start, until: self.from, covered: 0.0 });
        for (key, value) in values {
            let counter = Counter { last: Some((value, start)), total: 0.0 };
            self.counters.insert((target.clone(), key), counter);
        }
    }

    /// Whether first and last values do not suffice for a window.
    pub fn wants_samples(&self, target: &Target, window: &Window) -> bool {
        let Some(known) = self.targets.get(target) else { return true };
        let restarted =
            window.starts.is_some_and(|(low, high)| low != high || differ(known.start, Some(low)));
        restarted || window.resets || window.scraped_at.is_none()
    }

    /// Takes a quiet window: first and last value of each counter.
    pub fn take_summary(
        &mut self,
        target: &Target,
        window: &Window,
        values: impl IntoIterator<Item = (K, (f64, f64))>,
    ) {
        let Some(known) = self.targets.get_mut(target) else { return };
        let start = window.starts.map(|(low, _)| low).or(known.start);
        known.start = start;
        if let Some(scraped_at) = window.scraped_at {
            known.covered += (scraped_at - known.until).max(0.0);
            known.until = known.until.max(scraped_at);
        }
        for (key, (first, last)) in values {
            let counter = self.counters.entry((target.clone(), key)).or_default();
            counter.take(first, start, true);
            counter.take(last, start, true);
        }
    }

    /// Takes all samples of a window: the start times that the program told, and the values of
    /// each counter, each with its time.
    pub fn take_samples(
        &mut self,
        target: &Target,
        starts: &[(f64, f64)],
        values: impl IntoIterator<Item = (K, Vec<(f64, f64)>)>,
    ) {
        let values: Vec<(K, Vec<(f64, f64)>)> = values.into_iter().collect();
        let times = starts.iter().chain(values.iter().flat_map(|(_, samples)| samples));
        let Some(first_at) = times.clone().map(|(time, _)| *time).min_by(f64::total_cmp) else { return };
        let last_at = times.map(|(time, _)| *time).max_by(f64::total_cmp).unwrap_or(first_at);
        let seen_before = self.targets.contains_key(target);
        let before = self.targets.get(target).and_then(|known| known.start);
        // All series of a scrape have one time, so each sample's start is exactly known.
        let start_at = |time: f64| {
            let later = starts.partition_point(|(at, _)| *at <= time);
            starts[..later].last().map(|(_, start)| *start).or(before)
        };
        for (key, samples) in values {
            let counter = self.counters.entry((target.clone(), key)).or_default();
            for (time, value) in samples {
                let start = start_at(time);
                let from_zero =
                    seen_before || time > first_at || start.is_some_and(|start| start >= self.from);
                counter.take(value, start, from_zero);
            }
        }
        self.cover(target, starts, first_at, last_at);
    }

    /// Counts the time in which a target's counters went on.
    fn cover(&mut self, target: &Target, starts: &[(f64, f64)], first_at: f64, last_at: f64) {
        let from = self.from;
        let known = self.targets.entry(target.clone()).or_insert_with(|| {
            // Before its first scrape it counts from its start, if that is within the period.
            let start = starts.first().map(|(_, start)| *start).filter(|start| *start >= from);
            Known {
                start: starts.first().map(|(_, start)| *start),
                until: start.unwrap_or(first_at),
                covered: 0.0,
            }
        });
        for (time, start) in starts {
            let begun = if differ(known.start, Some(*start)) { start.max(known.until) } else { known.until };
            known.covered += (time - begun).max(0.0);
            (known.until, known.start) = (known.until.max(*time), Some(*start));
        }
        if starts.is_empty() {
            known.covered += (last_at - known.until).max(0.0);
            known.until = known.until.max(last_at);
        }
    }

    /// Totals by target and series.
    pub fn totals(&self) -> impl Iterator<Item = (&Target, &K, f64)> {
        self.counters.iter().map(|((target, key), counter)| (target, key, counter.total))
    }

    /// For each target the share of the period in which its counters went on, 0 to 1. What comes
    /// after `now` does not count.
    pub fn coverage(&self, now: f64) -> Vec<(&Target, f64)> {
        let end = self.to.min(now);
        let length = (end - self.from).max(1.0);
        let share = |known: &Known| {
            let rest = end - known.until;
            let rest = if rest <= LOOKBACK { rest.max(0.0) } else { 0.0 };
            ((known.covered + rest) / length).clamp(0.0, 1.0)
        };
        self.targets.iter().map(|(target, known)| (target, share(known))).collect()
    }
}

#[cfg(test)]
mod tests;
