//! What one asks of the history, and what is answered: points and a summary of each figure, made
//! of bins by the same code wherever the bins come from.

use std::fmt::Debug;

use futures_util::future::BoxFuture;

use super::bin::{Bin, Spread};
use super::field::{Counter, Gauge};
use super::measure::{Line, Wanted, Whom};
use super::tier::Step;
use crate::inventory::ContainerId;
use crate::prometheus::QueryError;

/// A figure of a container.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Its name, with its unit.
    pub name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Growth per second, in units of which a counter has so many.
    Rate(Counter, f64),
    /// The growth of one counter by that of another.
    Ratio(Counter, Counter),
    /// Growth.
    Growth(Counter),
    /// A gauge, in units of which it has so many.
    Level(Gauge, f64),
    /// The highest that a gauge was.
    Peak(Gauge),
}

const fn figure(name: &'static str, kind: Kind) -> Figure {
    Figure { name, kind }
}

/// Every figure of a container, in the order of the answer.
pub static FIGURES: [Figure; 20] = [
    figure("cpu_usage_cores", Kind::Rate(Counter::Cpu, 1e6)),
    figure("cpu_limit_cores", Kind::Level(Gauge::CpuLimit, 1e6)),
    figure("cpu_throttled_periods_ratio", Kind::Ratio(Counter::ThrottledPeriods, Counter::Periods)),
    figure("memory_usage_bytes", Kind::Level(Gauge::MemoryUsage, 1.0)),
    figure("memory_working_set_bytes", Kind::Level(Gauge::WorkingSet, 1.0)),
    figure("memory_rss_bytes", Kind::Level(Gauge::Rss, 1.0)),
    figure("memory_cache_bytes", Kind::Level(Gauge::Cache, 1.0)),
    figure("memory_swap_bytes", Kind::Level(Gauge::Swap, 1.0)),
    figure("memory_limit_bytes", Kind::Level(Gauge::MemoryLimit, 1.0)),
    figure("network_receive_bytes_per_second", Kind::Rate(Counter::Receive, 1.0)),
    figure("network_transmit_bytes_per_second", Kind::Rate(Counter::Transmit, 1.0)),
    figure("disk_read_bytes_per_second", Kind::Rate(Counter::Read, 1.0)),
    figure("disk_write_bytes_per_second", Kind::Rate(Counter::Write, 1.0)),
    figure("processes", Kind::Level(Gauge::Processes, 1.0)),
    figure("threads", Kind::Level(Gauge::Threads, 1.0)),
    figure("pressure_cpu_waiting_ratio", Kind::Rate(Counter::CpuWaiting, 1e6)),
    figure("pressure_memory_stalled_ratio", Kind::Rate(Counter::MemoryStalled, 1e6)),
    figure("pressure_io_stalled_ratio", Kind::Rate(Counter::IoStalled, 1e6)),
    figure("oom_kills", Kind::Growth(Counter::OomKills)),
    figure("restarts", Kind::Growth(Counter::Restarts)),
];

/// Figures that a container's own history does not tell, but that are asked of many at once.
pub(super) static FURTHER_FIGURES: [Figure; 3] = [
    figure("memory_working_set_peak_bytes", Kind::Peak(Gauge::WorkingSet)),
    figure("cpu_periods", Kind::Growth(Counter::Periods)),
    figure("cpu_throttled_periods", Kind::Growth(Counter::ThrottledPeriods)),
];

/// The totals of an answer.
const TOTALS: [(&str, Counter); 4] = [
    ("network_receive_bytes", Counter::Receive),
    ("network_transmit_bytes", Counter::Transmit),
    ("disk_read_bytes", Counter::Read),
    ("disk_write_bytes", Counter::Write),
];

impl Figure {
    /// Its value in one step.
    pub fn value(&self, bin: &Bin) -> Option<f64> {
        let grown = |counter: Counter| bin.counters.get(counter as usize).copied().flatten();
        match self.kind {
            Kind::Rate(counter, unit) => {
                let seconds = bin.elapsed_ms as f64 / 1000.0;
                (seconds > 0.0).then_some(grown(counter)? as f64 / unit / seconds)
            }
            Kind::Ratio(part, whole) => {
                let whole = grown(whole).filter(|whole| *whole > 0)?;
                Some(grown(part)? as f64 / whole as f64)
            }
            Kind::Growth(counter) => grown(counter).map(|grown| grown as f64),
            Kind::Level(gauge, unit) => Some(bin.gauges.get(gauge as usize)?.as_ref()?.average() / unit),
            Kind::Peak(gauge) => Some(bin.gauges.get(gauge as usize)?.as_ref()?.max as f64),
        }
    }

    /// Its value for several containers in one step: shares are of all together, everything else
    /// adds up.
    pub(super) fn together(&self, bins: &[&Bin]) -> Option<f64> {
        let Kind::Ratio(part, whole) = self.kind else {
            return bins.iter().filter_map(|bin| self.value(bin)).reduce(|one, other| one + other);
        };
        let grown = |counter: Counter| {
            let grown = bins.iter().filter_map(|bin| bin.counters.get(counter as usize).copied().flatten());
            grown.reduce(u64::saturating_add)
        };
        let whole = grown(whole).filter(|whole| *whole > 0)?;
        Some(grown(part)? as f64 / whole as f64)
    }

    /// The summary of its values in some steps: of a gauge's samples themselves, but for median
    /// and percentiles, which are of the steps' means.
    fn summary(&self, bins: &[Bin]) -> Option<Summary> {
        let values: Vec<f64> = bins.iter().filter_map(|bin| self.value(bin)).collect();
        let of_steps = Summary::of(values)?;
        let Kind::Level(gauge, unit) = self.kind else { return Some(of_steps) };
        let spreads = bins.iter().filter_map(|bin| bin.gauges.get(gauge as usize).copied().flatten());
        let all: Spread = spreads.reduce(Spread::and)?;
        Some(Summary {
            count: all.count,
            sum: all.sum() / unit,
            avg: all.average() / unit,
            min: all.min as f64 / unit,
            max: all.max as f64 / unit,
            stddev: all.deviation() / unit,
            ..of_steps
        })
    }
}

/// Figures over a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many values there are.
    pub count: u64,
    /// All of them together.
    pub sum: f64,
    /// Their mean.
    pub avg: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// The one in the middle.
    pub median: f64,
    /// What 95 of 100 are at most, as Prometheus interpolates it.
    pub p95: f64,
    /// What 99 of 100 are at most.
    pub p99: f64,
    /// Their standard deviation, as of a whole population.
    pub stddev: f64,
}

impl Summary {
    /// Of some values; `None` of none.
    pub fn of(mut values: Vec<f64>) -> Option<Summary> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let count = values.len() as f64;
        let sum: f64 = values.iter().sum();
        let avg = sum / count;
        let variance = values.iter().map(|value| (value - avg).powi(2)).sum::<f64>() / count;
        let quantile = |share: f64| {
            let rank = share * (count - 1.0);
            let (below, above) = (values[rank.floor() as usize], values[rank.ceil() as usize]);
            below + (above - below) * rank.fract()
        };
        Some(Summary {
            count: values.len() as u64,
            sum,
            avg,
            min,
            max,
            median: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            stddev: variance.sqrt(),
        })
    }
}

/// What is asked: figures of a container from a time up to and with another, in milliseconds
/// since 1970.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The container.
    pub container: ContainerId,
    /// Which figures.
    pub figures: Vec<Figure>,
    /// The beginning.
    pub from: i64,
    /// The end.
    pub to: i64,
    /// The step.
    pub step: Step,
}

/// The values of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The end of the step, or the time of the sample; in milliseconds since 1970.
    pub at: i64,
    /// By the figures that were asked for.
    pub values: Vec<Option<f64>>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// By time.
    pub points: Vec<Point>,
    /// By the figures that were asked for; `None` where there is no value.
    pub summaries: Vec<Option<Summary>>,
    /// Bytes over the whole span, by name.
    pub totals: [(&'static str, Option<u64>); 4],
}

impl Answer {
    /// Of the steps' bins.
    pub fn of(figures: &[Figure], bins: &[Bin]) -> Answer {
        let total = |counter: Counter| {
            let grown = |bin: &Bin| bin.counters.get(counter as usize).copied().flatten();
            bins.iter().filter_map(grown).reduce(u64::saturating_add)
        };
        let point = |bin: &Bin| Point {
            at: bin.at,
            values: figures.iter().map(|figure| figure.value(bin)).collect(),
        };
        Answer {
            points: bins.iter().map(point).collect(),
            summaries: figures.iter().map(|figure| figure.summary(bins)).collect(),
            totals: TOTALS.map(|(name, counter)| (name, total(counter))),
        }
    }
}

/// A machine on which containers run.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Who told of it: the `instance` that was scraped.
    pub name: String,
    /// Its cores.
    pub cores: f64,
    /// Its memory.
    pub memory_bytes: f64,
}

/// Somebody who knows what was.
pub trait Query: Debug + Send + Sync {
    /// The word by which an answer says who was asked.
    fn name(&self) -> &'static str;

    /// What happened in each step.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn bins<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>>;

    /// The same with states, restarts and kills, and no more than that where more would cost.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn states<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        self.bins(ask)
    }

    /// A measure of many at once. Nothing is answered of what is not known here.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>>;

    /// From when on steps of a length are kept, in milliseconds since 1970; who asks for an earlier
    /// time is given longer steps. `None` where steps are as long as they are asked for.
    fn kept_since(&self, _step_ms: i64) -> Option<i64> {
        None
    }

    /// The machines that there were at a time, in milliseconds since 1970. None where their sizes are
    /// not kept.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn machines(&self, _at: i64) -> BoxFuture<'_, Result<Vec<Machine>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Who is meant by everything on the host of some containers: here everybody. `None` where
    /// nothing is known of them.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn beside<'a>(&'a self, _: &'a [ContainerId]) -> BoxFuture<'a, Result<Option<Whom>, QueryError>> {
        Box::pin(async { Ok(Some(Whom::default())) })
    }

    /// Points and summaries.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn ask<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Answer, QueryError>> {
        Box::pin(async move { Ok(Answer::of(&ask.figures, &self.bins(ask).await?)) })
    }
}

#[cfg(test)]
mod tests;
