//! Counters over a period, out of Prometheus.
//!
//! A month of raw samples would be gigabytes. So a period is taken in windows: the server says of
//! each what every counter's first and last values are, and only of those in which something
//! began or restarted ([`Ledger::wants_samples`]) all samples are asked for. What is held at once
//! is a few windows, whatever the period.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::period::Period;
use crate::analysis::counter::{Ledger, Target, Window};
use crate::prometheus::{Client, Labels, QueryError, Series, selector};

/// Windows that are asked for at once.
const AT_ONCE: usize = 24;

/// A window may be divided down to this many seconds where it is too much for the server.
const MIN_WIDTH: f64 = 60.0;

/// When the program that counts was started, of targets that are dockmeter.
const STARTED: &str = "process_start_time_seconds";

/// How long before a period a last scrape is looked for.
const BEFORE: &str = "1d";

/// Which counters are meant.
#[derive(Clone, Copy, Debug)]
pub struct Counters<K> {
    /// Their names.
    pub families: &'static [&'static str],
    /// What a series of a family counts, by its labels; `None` is not meant.
    pub key: fn(&str, &Labels) -> Option<K>,
    /// The labels that are of a series; all others say who was scraped.
    pub own_labels: &'static [&'static str],
}

impl<K> Counters<K> {
    /// The labels that say who was scraped.
    pub fn target(&self, labels: &Labels) -> Target {
        let own = |name: &str| name == "__name__" || self.own_labels.contains(&name);
        let of_target = labels.iter().filter(|(name, _)| !own(name));
        of_target.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// A few windows side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: f64,
    pub(super) width: f64,
    pub(super) count: usize,
}

impl Stretch {
    pub(super) fn end(&self) -> f64 {
        self.from + self.width * self.count as f64
    }

    /// The same time in smaller questions; `None` if it cannot be divided.
    pub(super) fn halves(self) -> Option<[Stretch; 2]> {
        let Stretch { from, width, count } = self;
        if count == 1 {
            let width = width / 2.0;
            let half = |from| Stretch { from, width, count: 1 };
            return (width >= MIN_WIDTH).then(|| [half(from), half(from + width)]);
        }
        let first = Stretch { count: count / 2, ..self };
        Some([first, Stretch { from: first.end(), width, count: count - first.count }])
    }
}

/// The windows of a period: whole ones, and what is left.
fn stretches(from: f64, to: f64) -> Vec<Stretch> {
    let width: f64 = match to - from {
        length if length >= 86_400.0 => 3600.0,
        length if length >= 3600.0 => 300.0,
        _ => 60.0,
    };
    let whole = ((to - from) / width).floor() as usize;
    let starts = (0..whole).step_by(AT_ONCE);
    let mut all: Vec<Stretch> = starts
        .map(|first| Stretch { from: from + width * first as f64, width, count: AT_ONCE.min(whole - first) })
        .collect();
    let rest = from + width * whole as f64;
    if to - rest >= 0.001 {
        all.push(Stretch { from: rest, width: to - rest, count: 1 });
    }
    all
}

/// What one target's windows say.
type Windows<K> = Vec<BTreeMap<Target, (Window, BTreeMap<K, (f64, f64)>)>>;

/// A time in seconds since 1970.
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

/// Adds up what was counted in a period, as far as it is over.
///
/// # Errors
/// Prometheus does not answer.
pub async fn ledger<K: Ord + Clone>(
    client: &Client,
    counters: &Counters<K>,
    period: Period,
    now: Timestamp,
    progress: &mut dyn FnMut(f64),
) -> Result<Ledger<K>, QueryError> {
    let from = seconds(period.from);
    let to = seconds(period.to).min(seconds(now));
    let mut ledger = Ledger::new(from, to);
    begin(client, counters, &mut ledger, from).await?;
    let mut waiting = stretches(from, to);
    waiting.reverse();
    while let Some(stretch) = waiting.pop() {
        match windows(client, counters, stretch).await {
            Ok(windows) => {
                take(client, counters, &mut ledger, stretch, windows).await?;
                progress((stretch.end() - from) / (to - from));
            }
            Err(error) if error.is_too_much() => match stretch.halves() {
                Some([first, second]) => waiting.extend([second, first]),
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(ledger)
}

/// What the counters were at the beginning: as last scraped, if that is not long ago.
async fn begin<K: Ord + Clone>(
    client: &Client,
    counters: &Counters<K>,
    ledger: &mut Ledger<K>,
    from: f64,
) -> Result<(), QueryError> {
    let fresh = client.at(&of_dockmeter(STARTED, "dockmeter_build_info"), from).await?;
    let long_ago = of_dockmeter(
        &format!("last_over_time({STARTED}[{BEFORE}])"),
        &format!("last_over_time(dockmeter_build_info[{BEFORE}])"),
    );
    let mut starts: BTreeMap<Target, (f64, bool)> = BTreeMap::new();
    for (series, is_fresh) in
        client.at(&long_ago, from).await?.iter().map(|s| (s, false)).chain(fresh.iter().map(|s| (s, true)))
    {
        if let Some((_, start)) = series.samples.first() {
            starts.insert(counters.target(&series.labels), (*start, is_fresh));
        }
    }
    let mut values: BTreeMap<Target, BTreeMap<K, f64>> = BTreeMap::new();
    for family in counters.families {
        for (query, is_fresh) in
            [(format!("last_over_time({family}[{BEFORE}])"), false), ((*family).to_owned(), true)]
        {
            // Where a target was scraped just now, what was scraped before says less.
            if !is_fresh && starts.values().all(|(_, fresh)| *fresh) {
                continue;
            }
            for series in client.at(&query, from).await? {
                let target = counters.target(&series.labels);
                let wanted = starts.get(&target).is_none_or(|(_, fresh)| *fresh == is_fresh);
                if let (true, Some(key), Some((_, value))) =
                    (wanted, (counters.key)(family, &series.labels), series.samples.first())
                {
                    values.entry(target).or_default().insert(key, *value);
                }
            }
        }
    }
    for (target, (start, _)) in starts {
        ledger.begin(&target, Some(start), values.remove(&target).unwrap_or_default());
    }
    for (target, values) in values {
        ledger.begin(&target, None, values);
    }
    Ok(())
}

/// An expression about a process, for those that are dockmeter.
fn of_dockmeter(expression: &str, dockmeter: &str) -> String {
    format!("{expression} and on (job, instance) {dockmeter}")
}

/// Asks about a few windows.
async fn windows<K: Ord + Clone>(
    client: &Client,
    counters: &Counters<K>,
    stretch: Stretch,
) -> Result<Windows<K>, QueryError> {
    let Stretch { from, width, count } = stretch;
    let range = format!("[{}ms]", (width * 1000.0).round());
    let ask = async |query: String| client.range(&query, from + width, stretch.end(), width).await;
    let place = |time: f64| (((time - from) / width).round() as usize).saturating_sub(1).min(count - 1);
    let mut windows: Windows<K> = vec![BTreeMap::new(); count];
    let build = format!("last_over_time(dockmeter_build_info{range})");
    for series in ask(of_dockmeter(&format!("min_over_time({STARTED}{range})"), &build)).await? {
        for (time, low) in &series.samples {
            let window = &mut windows[place(*time)].entry(counters.target(&series.labels)).or_default().0;
            window.starts = Some((*low, *low));
        }
    }
    for series in ask(of_dockmeter(&format!("max_over_time({STARTED}{range})"), &build)).await? {
        for (time, high) in &series.samples {
            let window = &mut windows[place(*time)].entry(counters.target(&series.labels)).or_default().0;
            window.starts = window.starts.map(|(low, _)| (low, *high));
        }
    }
    for series in ask(of_dockmeter(&format!("timestamp({STARTED})"), "dockmeter_build_info")).await? {
        for (time, scraped_at) in &series.samples {
            // Of a narrow window a scrape before it is no scrape in it.
            let end = from + width * (place(*time) + 1) as f64;
            if *scraped_at > end - width
                && let Some((window, _)) = windows[place(*time)].get_mut(&counters.target(&series.labels))
            {
                window.scraped_at = Some(*scraped_at);
            }
        }
    }
    for family in counters.families {
        let mut lasts: Windows<K> = vec![BTreeMap::new(); count];
        for series in ask(format!("last_over_time({family}{range})")).await? {
            let Some(key) = (counters.key)(family, &series.labels) else { continue };
            for (time, last) in &series.samples {
                let of_target =
                    &mut lasts[place(*time)].entry(counters.target(&series.labels)).or_default().1;
                of_target.insert(key.clone(), (*last, *last));
            }
        }
        for series in ask(format!("min_over_time({family}{range})")).await? {
            let Some(key) = (counters.key)(family, &series.labels) else { continue };
            for (time, first) in &series.samples {
                let of_target = lasts[place(*time)].get_mut(&counters.target(&series.labels));
                if let Some(values) = of_target.and_then(|(_, values)| values.get_mut(&key)) {
                    values.0 = *first;
                }
            }
        }
        for series in ask(format!("resets({family}{range}) > 0")).await? {
            for (time, _) in &series.samples {
                lasts[place(*time)].entry(counters.target(&series.labels)).or_default().0.resets = true;
            }
        }
        for (windows, lasts) in windows.iter_mut().zip(lasts) {
            for (target, (window, values)) in lasts {
                let known = windows.entry(target).or_default();
                known.0.resets |= window.resets;
                known.1.extend(values);
            }
        }
    }
    Ok(windows)
}

/// Adds windows up, asking for samples where these are needed.
async fn take<K: Ord + Clone>(
    client: &Client,
    counters: &Counters<K>,
    ledger: &mut Ledger<K>,
    stretch: Stretch,
    windows: Windows<K>,
) -> Result<(), QueryError> {
    for (index, targets) in windows.into_iter().enumerate() {
        let from = stretch.from + stretch.width * index as f64;
        for (target, (window, values)) in targets {
            if !ledger.wants_samples(&target, &window) {
                ledger.take_summary(&target, &window, values);
                continue;
            }
            let labels = || target.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let (mut starts, mut all) = (Vec::new(), BTreeMap::new());
            for series in samples(client, &selector(STARTED, labels()), from, stretch.width).await? {
                starts = series.samples;
            }
            for family in counters.families {
                for series in samples(client, &selector(family, labels()), from, stretch.width).await? {
                    if let Some(key) = (counters.key)(family, &series.labels) {
                        all.insert(key, series.samples);
                    }
                }
            }
            ledger.take_samples(&target, &starts, all);
        }
    }
    Ok(())
}

/// All samples after a moment and up to `width` seconds later.
pub(super) async fn samples(
    client: &Client,
    selector: &str,
    from: f64,
    width: f64,
) -> Result<Vec<Series>, QueryError> {
    let mut found: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    let mut waiting = vec![(from, width)];
    while let Some((from, width)) = waiting.pop() {
        let query = format!("{selector}[{}ms]", (width * 1000.0).round());
        match client.at(&query, from + width).await {
            Ok(series) => {
                for Series { labels, samples } in series {
                    // Before version 3 the beginning of a range is part of it.
                    let samples = samples.into_iter().filter(|(time, _)| *time > from);
                    found.entry(labels).or_default().extend(samples);
                }
            }
            Err(error) if error.is_too_much() && width >= 2.0 * MIN_WIDTH => {
                let half = width / 2.0;
                waiting.extend([(from + half, half), (from, half)]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found.into_iter().map(|(labels, samples)| Series { labels, samples }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_tile_a_period_exactly_and_can_be_divided() {
        for (from, to) in [(0.0, 2_592_000.0), (10.0, 100.5), (5.0, 86_405.25), (0.0, 3601.0)] {
            let mut waiting = stretches(from, to);
            assert!(waiting.iter().all(|stretch| stretch.count <= AT_ONCE));
            for round in 0..3 {
                let mut at = from;
                for stretch in &waiting {
                    assert!((stretch.from - at).abs() < 1e-6, "round {round}: {stretch:?}");
                    at = stretch.end();
                }
                assert!((at - to).abs() < 1e-6);
                waiting = waiting.into_iter().flat_map(|s| s.halves().map_or(vec![s], Vec::from)).collect();
            }
        }
    }
}
