//! The counters of the bill over a period, out of Prometheus.
//!
//! A month of raw samples would be gigabytes. So a period is taken in windows: the server says of
//! each what every counter's first and last values are, and only of those in which something
//! began or restarted ([`Ledger::wants_samples`]) all samples are asked for. What is held at once
//! is a few windows, whatever the period.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::super::period::Period;
use super::CostError;
use crate::analysis::cost::{Dimension, Resource, Usage};
use crate::analysis::counter::{Ledger, Target, Window};
use crate::metrics::catalogue as c;
use crate::prometheus::{Client, Labels, QueryError, Series, selector};

/// Windows that are asked for at once.
const AT_ONCE: usize = 24;

/// A window may be divided down to this many seconds where it is too much for the server.
const MIN_WIDTH: f64 = 60.0;

/// When the program that counts was started, of targets that are dockmeter.
const STARTED: &str = "process_start_time_seconds";

/// How long before a period a last scrape is looked for.
const BEFORE: &str = "1d";

/// A series of a target: what is counted, and of whom.
type Key = (Resource, [String; 3]);

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// By tenant and host.
    pub usages: Vec<Usage>,
    /// Hours that were measured, by instance.
    pub hours: BTreeMap<String, Decimal>,
    /// The share of the period that was measured, by instance.
    pub coverage: Vec<(String, f64)>,
}

/// The families, and what their counters count.
fn families() -> [&'static str; 4] {
    [c::TENANT_CPU.name, c::TENANT_MEMORY.name, c::TENANT_DISK.name, c::TENANT_NETWORK.name]
}

/// A few windows side by side.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: f64,
    width: f64,
    count: usize,
}

impl Stretch {
    fn end(&self) -> f64 {
        self.from + self.width * self.count as f64
    }

    /// The same time in smaller questions; `None` if it cannot be divided.
    fn halves(self) -> Option<[Stretch; 2]> {
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
type Windows = Vec<BTreeMap<Target, (Window, BTreeMap<Key, (f64, f64)>)>>;

/// Adds up what tenants used in a period.
///
/// # Errors
/// Prometheus does not answer, or holds nothing of the period.
pub async fn gather(
    client: &Client,
    period: Period,
    now: Timestamp,
    progress: &mut dyn FnMut(f64),
) -> Result<Gathered, CostError> {
    let seconds = |time: Timestamp| time.as_millisecond() as f64 / 1000.0;
    let (from, now) = (seconds(period.from), seconds(now));
    let to = seconds(period.to).min(now);
    let mut ledger = Ledger::new(from, to);
    begin(client, &mut ledger, from).await?;
    let mut waiting = stretches(from, to);
    waiting.reverse();
    while let Some(stretch) = waiting.pop() {
        match windows(client, stretch).await {
            Ok(windows) => {
                take(client, &mut ledger, stretch, windows).await?;
                progress((stretch.end() - from) / (to - from));
            }
            Err(error) if error.is_too_much() => match stretch.halves() {
                Some([first, second]) => waiting.extend([second, first]),
                None => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    let gathered = summed(&ledger, now, to - from);
    if gathered.usages.is_empty() {
        let (url, held) = (client.url().to_owned(), held(client, now).await?);
        return Err(CostError::Nothing { url, period, held });
    }
    Ok(gathered)
}

/// What the counters were at the beginning: as last scraped, if that is not long ago.
async fn begin(client: &Client, ledger: &mut Ledger<Key>, from: f64) -> Result<(), QueryError> {
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
            starts.insert(target(&series.labels), (*start, is_fresh));
        }
    }
    let mut values: BTreeMap<Target, BTreeMap<Key, f64>> = BTreeMap::new();
    for family in families() {
        for (query, is_fresh) in
            [(format!("last_over_time({family}[{BEFORE}])"), false), (family.to_owned(), true)]
        {
            // Where a target was scraped just now, what was scraped before says less.
            if !is_fresh && starts.values().all(|(_, fresh)| *fresh) {
                continue;
            }
            for series in client.at(&query, from).await? {
                let target = target(&series.labels);
                let wanted = starts.get(&target).is_none_or(|(_, fresh)| *fresh == is_fresh);
                if let (true, Some(key), Some((_, value))) =
                    (wanted, key(family, &series.labels), series.samples.first())
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

/// The labels that say who was scraped.
fn target(labels: &Labels) -> Target {
    let of_series = ["__name__", "user", "project", "team", "direction"];
    let own = labels.iter().filter(|(name, _)| !of_series.contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn key(family: &str, labels: &Labels) -> Option<Key> {
    let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
    let resource = match labels.get("direction").map(String::as_str) {
        _ if family == c::TENANT_CPU.name => Resource::Cpu,
        _ if family == c::TENANT_MEMORY.name => Resource::Memory,
        _ if family == c::TENANT_DISK.name => Resource::Disk,
        Some("receive") => Resource::Receive,
        Some("transmit") => Resource::Transmit,
        _ => return None,
    };
    Some((resource, [label("user"), label("project"), label("team")]))
}

/// Asks about a few windows.
async fn windows(client: &Client, stretch: Stretch) -> Result<Windows, QueryError> {
    let Stretch { from, width, count } = stretch;
    let range = format!("[{}ms]", (width * 1000.0).round());
    let ask = async |query: String| client.range(&query, from + width, stretch.end(), width).await;
    let place = |time: f64| (((time - from) / width).round() as usize).saturating_sub(1).min(count - 1);
    let mut windows: Windows = vec![BTreeMap::new(); count];
    let build = format!("last_over_time(dockmeter_build_info{range})");
    for series in ask(of_dockmeter(&format!("min_over_time({STARTED}{range})"), &build)).await? {
        for (time, low) in &series.samples {
            let window = &mut windows[place(*time)].entry(target(&series.labels)).or_default().0;
            window.starts = Some((*low, *low));
        }
    }
    for series in ask(of_dockmeter(&format!("max_over_time({STARTED}{range})"), &build)).await? {
        for (time, high) in &series.samples {
            let window = &mut windows[place(*time)].entry(target(&series.labels)).or_default().0;
            window.starts = window.starts.map(|(low, _)| (low, *high));
        }
    }
    for series in ask(of_dockmeter(&format!("timestamp({STARTED})"), "dockmeter_build_info")).await? {
        for (time, scraped_at) in &series.samples {
            // Of a narrow window a scrape before it is no scrape in it.
            let end = from + width * (place(*time) + 1) as f64;
            if *scraped_at > end - width
                && let Some((window, _)) = windows[place(*time)].get_mut(&target(&series.labels))
            {
                window.scraped_at = Some(*scraped_at);
            }
        }
    }
    for family in families() {
        let mut lasts: Windows = vec![BTreeMap::new(); count];
        for series in ask(format!("last_over_time({family}{range})")).await? {
            let Some(key) = key(family, &series.labels) else { continue };
            for (time, last) in &series.samples {
                let of_target = &mut lasts[place(*time)].entry(target(&series.labels)).or_default().1;
                of_target.insert(key.clone(), (*last, *last));
            }
        }
        for series in ask(format!("min_over_time({family}{range})")).await? {
            let Some(key) = key(family, &series.labels) else { continue };
            for (time, first) in &series.samples {
                let of_target = lasts[place(*time)].get_mut(&target(&series.labels));
                if let Some(values) = of_target.and_then(|(_, values)| values.get_mut(&key)) {
                    values.0 = *first;
                }
            }
        }
        for series in ask(format!("resets({family}{range}) > 0")).await? {
            for (time, _) in &series.samples {
                lasts[place(*time)].entry(target(&series.labels)).or_default().0.resets = true;
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
async fn take(
    client: &Client,
    ledger: &mut Ledger<Key>,
    stretch: Stretch,
    windows: Windows,
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
            for family in families() {
                for series in samples(client, &selector(family, labels()), from, stretch.width).await? {
                    if let Some(key) = key(family, &series.labels) {
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
async fn samples(client: &Client, selector: &str, from: f64, width: f64) -> Result<Vec<Series>, QueryError> {
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

/// Who was scraped, as a person calls it.
fn instance(target: &Target) -> String {
    target.get("instance").cloned().unwrap_or_default()
}

fn summed(ledger: &Ledger<Key>, now: f64, length: f64) -> Gathered {
    let mut counted: BTreeMap<(String, [String; 3]), [f64; 5]> = BTreeMap::new();
    for (target, (resource, tenant), total) in ledger.totals() {
        let amounts = counted.entry((instance(target), tenant.clone())).or_default();
        amounts[*resource as usize] += total;
    }
    let usages = counted.into_iter().map(|((instance, [user, project, team]), counted)| {
        let labels = Dimension::ALL.into_iter().zip([user, project, team, instance]).collect();
        Usage::new(labels, counted)
    });
    let mut gathered = Gathered { usages: usages.collect(), ..Gathered::default() };
    for (target, share) in ledger.coverage(now) {
        let hours = Decimal::try_from(share * length / 3600.0).unwrap_or_default();
        *gathered.hours.entry(instance(target)).or_default() += hours;
        gathered.coverage.push((instance(target), share));
    }
    gathered
}

/// What Prometheus holds instead, in words.
async fn held(client: &Client, now: f64) -> Result<String, QueryError> {
    const DAY: f64 = 86_400.0;
    const YEARS: f64 = 5.0 * 365.0;
    let query = format!("count(last_over_time({}[1d]))", c::TENANT_CPU.name);
    let days = client.range(&query, now - YEARS * DAY, now, DAY).await?;
    let date = |time: f64| {
        Timestamp::from_second(time as i64)
            .map(|time| time.strftime("%Y-%m-%d").to_string())
            .unwrap_or_default()
    };
    Ok(match days.first().map(|series| series.samples.as_slice()) {
        Some([(first, _), .., (last, _)]) => {
            format!("it holds them from about {} to {}", date(first - DAY), date(*last))
        }
        Some([(only, _)]) => format!("it holds them of the day before {}", date(*only)),
        _ => "it holds none at all: is it the one that scrapes dockmeter?".to_owned(),
    })
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

    #[test]
    fn what_says_who_was_scraped_is_all_but_whose_it_is() {
        let labels =
            [("__name__", "m"), ("job", "d"), ("instance", "a:1"), ("user", "ann"), ("direction", "receive")];
        let labels: Labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let target = target(&labels);
        assert_eq!(target.keys().collect::<Vec<_>>(), ["instance", "job"]);
        assert_eq!(key(c::TENANT_NETWORK.name, &labels).unwrap().0, Resource::Receive);
    }
}
