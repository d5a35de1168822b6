//! The same query answered by a Prometheus that scrapes dockmeter.
//!
//! Of steps of 5 s and a minute the raw samples are asked for, and bins are made of them as of
//! samples that are kept here: from the same samples come the same figures. Of longer steps
//! Prometheus is asked for what it can sum up itself: gauges by `*_over_time`, which are the same
//! again, and of counters the last value of each step, so that steps add up to the whole; only
//! where one has begun anew within a step its `increase` is taken. The time between two samples is
//! then that between the ends of the steps, which a scrape may miss by its interval. A container
//! whose labels change has another series from then on; `steps` makes one of both.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::bin::{Before, Bin, Spread, end_of, longer};
use super::codec::Columns;
use super::field::{Counter, Gauge, Sample};
use super::measure::{Line, Wanted, Whom, growth};
use super::query::{Ask, Machine, Query};
use super::tier::Step;
use crate::inventory::{ContainerId, Health, Status};
use crate::prometheus::{Client, QueryError, Series};
use steps::Steps;

mod steps;

/// Somebody waits for the answer.
const DEADLINE: Duration = Duration::from_secs(20);

/// How far before the span it is looked for the sample that the first is compared with, as it is
/// in what is kept here.
const LEAD_MS: i64 = 300_000;

/// Containers by which a host is found: any of them may be too young to be known.
const MOST_ASKED: usize = 20;

/// How long ago one of them may have been seen.
const SEEN_WITHIN: &str = "10m";

/// How long ago a machine's size may have been told.
const MACHINE_WITHIN: &str = "1h";

/// Where a column comes from, and what its unit is in ours.
type Source<T> = (T, &'static str, f64);

const COUNTERS: [Source<Counter>; 13] = [
    (Counter::Cpu, "container_cpu_usage_seconds_total", 1e6),
    (Counter::Periods, "container_cpu_cfs_periods_total", 1.0),
    (Counter::ThrottledPeriods, "container_cpu_cfs_throttled_periods_total", 1.0),
    (Counter::Throttled, "container_cpu_cfs_throttled_seconds_total", 1e6),
    (Counter::Receive, "container_network_receive_bytes_total", 1.0),
    (Counter::Transmit, "container_network_transmit_bytes_total", 1.0),
    (Counter::Read, "container_fs_reads_bytes_total", 1.0),
    (Counter::Write, "container_fs_writes_bytes_total", 1.0),
    (Counter::CpuWaiting, "container_pressure_cpu_waiting_seconds_total", 1e6),
    (Counter::MemoryStalled, "container_pressure_memory_stalled_seconds_total", 1e6),
    (Counter::IoStalled, "container_pressure_io_stalled_seconds_total", 1e6),
    (Counter::OomKills, "container_oom_events_total", 1.0),
    (Counter::Restarts, "container_restarts_total", 1.0),
];

const GAUGES: [Source<Gauge>; 9] = [
    (Gauge::CpuLimit, "container_cpu_limit_cores", 1e6),
    (Gauge::MemoryUsage, "container_memory_usage_bytes", 1.0),
    (Gauge::WorkingSet, "container_memory_working_set_bytes", 1.0),
    (Gauge::Rss, "container_memory_rss", 1.0),
    (Gauge::Cache, "container_memory_cache", 1.0),
    (Gauge::Swap, "container_memory_swap", 1.0),
    (Gauge::MemoryLimit, "container_spec_memory_limit_bytes", 1.0),
    (Gauge::Processes, "container_processes", 1.0),
    (Gauge::Threads, "container_threads", 1.0),
];

/// What a container is, and how its health check finds it: 1 for one value of a label, 0 for others.
const STATE: &str = "container_state";
const HEALTH: &str = "container_health_status";

/// The label that keeps the figures of one query apart.
const FIGURE: &str = "figure";

/// A Prometheus that is asked what was.
#[derive(Debug)]
pub struct Upstream {
    client: Client,
}

impl Upstream {
    /// One that asks once, and not for long.
    pub fn new(client: Client) -> Self {
        Upstream { client: client.within(DEADLINE) }
    }

    /// Bins of raw samples.
    async fn raw(&self, ask: &Ask) -> Result<Vec<Bin>, QueryError> {
        let names: Vec<&str> =
            COUNTERS.iter().map(|source| source.1).chain(GAUGES.iter().map(|source| source.1)).collect();
        let length = ask.step.milliseconds();
        let to = if ask.step == Step::Seconds5 { ask.to } else { end_of(ask.to, length) };
        let from = ask.from.div_euclid(length) * length - LEAD_MS;
        let selector = format!("{{__name__=~\"{}\",{}}}[{}ms]", names.join("|"), whose(ask), to - from);
        let series = self.client.at(&selector, seconds(to)).await?;
        let mut samples = BTreeMap::<i64, Sample>::new();
        let empty = || Sample { counters: vec![None; Counter::COUNT], gauges: vec![None; Gauge::COUNT] };
        for series in of_one_scraper(series) {
            let name = series.labels.get("__name__").map(String::as_str).unwrap_or_default();
            for (time, value) in &series.samples {
                let sample = samples.entry((time * 1000.0).round() as i64).or_insert_with(empty);
                note(sample, name, *value);
            }
        }
        let mut before = Before::default();
        let bins: Vec<Bin> = samples.iter().map(|(at, sample)| before.bin(*at, sample)).collect();
        let length = if ask.step == Step::Seconds5 { 0 } else { length };
        let bins = if length == 0 { bins } else { longer(bins, length) };
        let is_in = |bin: &Bin| bin.at > ask.from && bin.at - length < ask.to + i64::from(length == 0);
        Ok(bins.into_iter().filter(is_in).collect())
    }

    /// Bins of what Prometheus sums up.
    async fn summed(&self, ask: &Ask) -> Result<Vec<Bin>, QueryError> {
        let length = ask.step.milliseconds();
        let (first, last) = (ask.from.div_euclid(length) * length, end_of(ask.to, length));
        let counters: Vec<&str> = COUNTERS.iter().map(|source| source.1).collect();
        let gauges: Vec<&str> = GAUGES.iter().map(|source| source.1).collect();
        let table = |function, names| self.table(ask, function, names, first, last);
        let (values, growth) =
            futures_util::try_join!(table("last_over_time", &counters), table("increase", &counters))?;
        let (count, sum, min, max) = futures_util::try_join!(
            table("count_over_time", &gauges),
            table("sum_over_time", &gauges),
            table("min_over_time", &gauges),
            table("max_over_time", &gauges),
        )?;
        let (deviation, latest) =
            futures_util::try_join!(table("stddev_over_time", &gauges), table("last_over_time", &gauges))?;
        let values = steps::shown(&values);
        let growth = steps::together(&growth);
        let spreads = steps::spreads([&count, &sum, &min, &max, &deviation, &latest], |name| {
            GAUGES.iter().find(|source| source.1 == name).map(|source| source.2)
        });
        let mut bins = Vec::new();
        let mut counted = Counted::new(&values, &growth);
        let mut last_at = None;
        let mut at = first;
        while at <= last {
            let (counters, is_counted) = counted.step(at);
            let mut gauges = vec![None; Gauge::COUNT];
            for (gauge, name, _) in GAUGES {
                let spread = spreads.get(&(at, name.to_owned())).copied();
                gauges[gauge as usize] = spread.filter(|spread| is_said(gauge, spread.max));
            }
            if is_counted || gauges.iter().any(Option::is_some) {
                let elapsed = last_at.replace(at).map_or(0, |before| at - before);
                let elapsed_ms = u64::try_from(elapsed).unwrap_or(0);
                bins.push(Bin { at, elapsed_ms, counters, gauges });
            }
            at += length;
        }
        bins.retain(|bin| bin.at > ask.from);
        Ok(bins)
    }

    /// What a container was at the end of each step, how often it was restarted and killed.
    async fn stated(&self, ask: &Ask) -> Result<Vec<Bin>, QueryError> {
        let length = ask.step.milliseconds();
        let (first, last) = (ask.from.div_euclid(length) * length, end_of(ask.to, length));
        let counters = ["container_oom_events_total", "container_restarts_total"];
        let table = |function, names| self.table(ask, function, names, first, last);
        let (states, values, growth) = futures_util::try_join!(
            table("last_over_time", &[STATE, HEALTH]),
            table("last_over_time", &counters),
            table("increase", &counters),
        )?;
        let [state, health] =
            [(STATE, "state"), (HEALTH, "status")].map(|(name, label)| steps::held(&states, name, label));
        let (values, growth) = (steps::shown(&values), steps::together(&growth));
        let mut counted = Counted::new(&values, &growth);
        let mut bins = Vec::new();
        let mut at = first;
        while at <= last {
            let (counters, _) = counted.step(at);
            if let Some(state) = state.get(&at) {
                let mut gauges = vec![None; Gauge::COUNT];
                let place = Status::KNOWN.iter().position(|status| status.as_str() == *state);
                gauges[Gauge::State as usize] =
                    Some(Spread::one(place.unwrap_or(Status::KNOWN.len()) as u64));
                let place =
                    health.get(&at).and_then(|word| Health::ALL.iter().position(|one| one.as_str() == *word));
                gauges[Gauge::Health as usize] = place.map(|place| Spread::one(place as u64));
                bins.push(Bin { at, elapsed_ms: length as u64, counters, gauges });
            }
            at += length;
        }
        bins.retain(|bin| bin.at > ask.from);
        Ok(bins)
    }

    /// A function over each step of some metrics, series by series.
    async fn table(
        &self,
        ask: &Ask,
        function: &str,
        names: &[&str],
        first: i64,
        last: i64,
    ) -> Result<Vec<steps::Line>, QueryError> {
        let (whose, step) = (whose(ask), ask.step.as_str());
        let part = |name: &&str| {
            format!(
                "label_replace({function}({name}{{{whose}}}[{step}]), \"{FIGURE}\", \"{name}\", \"\", \"\")"
            )
        };
        let query = names.iter().map(part).collect::<Vec<_>>().join(" or ");
        let step = ask.step.milliseconds();
        let series = self.client.range(&query, seconds(first), seconds(last), seconds(step)).await?;
        Ok(of_one_scraper(series).into_iter().map(|series| steps::Line::of(series, FIGURE)).collect())
    }
}

/// Counters step by step.
struct Counted<'t> {
    values: &'t Steps<f64>,
    growth: &'t Steps<f64>,
    before: [Option<f64>; COUNTERS.len()],
}

impl<'t> Counted<'t> {
    fn new(values: &'t Steps<f64>, growth: &'t Steps<f64>) -> Self {
        Counted { values, growth, before: Default::default() }
    }

    /// What each grew in the next step, and whether there was any.
    fn step(&mut self, at: i64) -> (Columns, bool) {
        let of = |table: &Steps<f64>, name: &str| table.get(&(at, name.to_owned())).copied();
        let (mut grown, mut is_counted) = (vec![None; Counter::COUNT], false);
        for ((counter, name, unit), before) in COUNTERS.iter().zip(&mut self.before) {
            let Some(now) = of(self.values, name) else { continue };
            is_counted = true;
            if let Some(before) = before.replace(now) {
                let grew = if now < before { of(self.growth, name).unwrap_or(now) } else { now - before };
                grown[*counter as usize] = Some((grew * unit).round() as u64);
            }
        }
        (grown, is_counted)
    }
}

/// The matcher of a container: its id is in the path of its cgroup, wherever that is.
fn whose(ask: &Ask) -> String {
    format!("id=~\".*{}.*\"", ask.container)
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// Adds a value to what there is at its moment: interfaces and devices are summed.
fn note(sample: &mut Sample, name: &str, value: f64) {
    let add = |column: &mut Option<u64>, unit: f64| {
        *column = Some(column.unwrap_or(0) + (value * unit).round() as u64);
    };
    if let Some((counter, _, unit)) = COUNTERS.iter().find(|source| source.1 == name) {
        add(&mut sample.counters[*counter as usize], *unit);
    }
    if let Some((gauge, _, unit)) = GAUGES.iter().find(|source| source.1 == name)
        && is_said(*gauge, value as u64)
    {
        add(&mut sample.gauges[*gauge as usize], *unit);
    }
}

/// A memory limit of 0 is none.
fn is_said(gauge: Gauge, value: u64) -> bool {
    gauge != Gauge::MemoryLimit || value > 0
}

/// Where several jobs scrape the same dockmeter, the series of the one that has the most.
fn of_one_scraper(series: Vec<Series>) -> Vec<Series> {
    let scraper = |series: &Series| {
        ["job", "instance"].map(|label| series.labels.get(label).cloned().unwrap_or_default())
    };
    let mut samples = BTreeMap::<[String; 2], usize>::new();
    for series in &series {
        *samples.entry(scraper(series)).or_default() += series.samples.len();
    }
    let most = samples.into_iter().max_by_key(|(_, samples)| *samples).map(|(scraper, _)| scraper);
    series.into_iter().filter(|series| Some(scraper(series)) == most).collect()
}

impl Query for Upstream {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        Box::pin(async move {
            let Wanted { measure, whom, by, from, to, step_ms } = wanted;
            let query = measure.promql(whom, *by, &format!("{step_ms}ms"));
            // Growth in the first step is told from what was before it.
            let before = if measure.is_growth() { 0 } else { *step_ms };
            let first = from.div_euclid(*step_ms) * step_ms + before;
            if first > *to {
                return Ok(Vec::new());
            }
            let series = self.client.range(&query, seconds(first), seconds(*to), seconds(*step_ms)).await?;
            let point = |(time, value): &(f64, f64)| ((time * 1000.0).round() as i64, *value);
            let line = |series: Series| {
                let points = series.samples.iter().map(point).filter(|(_, value)| value.is_finite());
                let points: Vec<(i64, f64)> = points.collect();
                let points = if measure.is_growth() { growth(&points) } else { points };
                Line { points, labels: series.labels }
            };
            Ok(series.into_iter().map(line).collect())
        })
    }

    fn machines(&self, at: i64) -> BoxFuture<'_, Result<Vec<Machine>, QueryError>> {
        Box::pin(async move {
            let sizes = async |name: &str| -> Result<BTreeMap<String, f64>, QueryError> {
                let query = format!("max by (instance) (last_over_time({name}[{MACHINE_WITHIN}]))");
                let size = |series: Series| {
                    let instance = series.labels.get("instance").cloned().unwrap_or_default();
                    Some((instance, series.samples.first()?.1))
                };
                Ok(self.client.at(&query, seconds(at)).await?.into_iter().filter_map(size).collect())
            };
            let (cores, memory) =
                futures_util::try_join!(sizes("machine_cpu_cores"), sizes("machine_memory_bytes"))?;
            let machine = |(name, cores): (String, f64)| {
                let memory_bytes = *memory.get(&name)?;
                Some(Machine { name, cores, memory_bytes })
            };
            Ok(cores.into_iter().filter_map(machine).collect())
        })
    }

    fn beside<'a>(
        &'a self,
        containers: &'a [ContainerId],
    ) -> BoxFuture<'a, Result<Option<Whom>, QueryError>> {
        Box::pin(async move {
            let some: Vec<String> = containers.iter().take(MOST_ASKED).map(ToString::to_string).collect();
            if some.is_empty() {
                return Ok(None);
            }
            // Labels hold the path of a cgroup, which has the id in it.
            let query = format!(
                "group by (instance) (last_over_time(container_last_seen{{id=~\".*({}).*\"}}[{SEEN_WITHIN}]))",
                some.join("|")
            );
            let now = jiff::Timestamp::now().as_millisecond();
            let hosts = self.client.at(&query, seconds(now)).await?;
            // Two jobs that scrape one dockmeter by two names tell the same.
            let mut names: Vec<String> =
                hosts.into_iter().filter_map(|mut series| series.labels.remove("instance")).collect();
            names.sort();
            Ok(names.into_iter().next().map(|name| Whom { host: Some(name), ..Whom::default() }))
        })
    }

    fn states<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(self.stated(ask))
    }

    fn bins<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async move {
            match ask.step {
                Step::Seconds5 | Step::Minute => self.raw(ask).await,
                Step::Minutes5 | Step::Hour => self.summed(ask).await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_jobs_that_scrape_one_dockmeter_do_not_make_twice_as_much_of_it() {
        let series = |job: &str, interface: &str, samples: usize| Series {
            labels: [("job", job), ("interface", interface)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            samples: vec![(1.0, 1.0); samples],
        };
        let all = vec![series("a", "eth0", 3), series("b", "eth0", 5), series("b", "eth1", 5)];
        assert_eq!(of_one_scraper(all.clone()), all[1..]);
    }

    #[test]
    fn interfaces_are_summed_and_no_limit_is_none() {
        let mut sample = Sample { counters: vec![None; Counter::COUNT], gauges: vec![None; Gauge::COUNT] };
        for (name, value) in [
            ("container_network_receive_bytes_total", 7.0),
            ("container_network_receive_bytes_total", 5.0),
            ("container_cpu_usage_seconds_total", 0.25),
            ("container_spec_memory_limit_bytes", 0.0),
            ("up", 1.0),
        ] {
            note(&mut sample, name, value);
        }
        assert_eq!(sample.counters[Counter::Receive as usize], Some(12));
        assert_eq!(sample.counters[Counter::Cpu as usize], Some(250_000));
        assert_eq!(sample.gauges, vec![None; Gauge::COUNT]);
    }
}
