//! What the requests, database calls and bodies of a program come to now.
//!
//! Counters say how much there was since the beginning. Whoever wants to know how much there is
//! now needs what was added lately: for each metric of which that is asked, what came in the
//! last minute is kept in steps of ten seconds. A program that sends less often than once a
//! minute is taken by what its last request covers. Nothing is read again for it, and what a
//! metric keeps is bounded.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::value::{Stored, Update};
use crate::ingest::otlp::model::{Attribute, Temporality};

/// How far back "now" reaches.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// What comes within this time is added up.
const STEP: Duration = Duration::from_secs(10);

/// Steps that are kept: a window of them, and the ones that are being filled and left.
const MOST_STEPS: usize = 8;

/// A request of a program that comes seldom is believed to cover so much at most.
const MOST_COVERED: Duration = Duration::from_secs(3600);

/// Bounds over which durations are kept, in seconds: those of requests and of calls.
const BOUNDS: [f64; 16] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0];

/// Statuses from here on are failures.
const SERVER_ERROR: i64 = 500;

/// What a metric is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Durations of requests.
    Requests,
    /// Sizes of the bodies of requests.
    Received,
    /// Sizes of the bodies of answers.
    Sent,
    /// Durations of database calls.
    Calls,
}

impl Role {
    /// What a family of this name is asked for, if it is.
    pub(super) fn of(family: &str) -> Option<Self> {
        match family {
            "http_server_request_duration_seconds" | "http_request_duration_seconds" => Some(Role::Requests),
            "http_server_request_body_size_bytes" | "http_request_size_bytes" => Some(Role::Received),
            "http_server_response_body_size_bytes" | "http_response_size_bytes" => Some(Role::Sent),
            "db_client_operation_duration_seconds" | "db_query_duration_seconds" => Some(Role::Calls),
            _ => None,
        }
    }
}

/// Values of a distribution, added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Load {
    pub(crate) count: u64,
    /// How many of them are of what has failed.
    pub(crate) failed: u64,
    /// In the distribution's unit.
    pub(crate) sum: f64,
    buckets: [u64; BOUNDS.len() + 1],
}

impl Load {
    /// All values of a series. A bucket whose bounds are others is taken by its upper one.
    pub(super) fn of(stored: &Stored) -> Self {
        let mut load = Load::default();
        let mut fill = |bounds: &[f64], counts: &[u64]| {
            let upper = bounds.iter().copied().chain([f64::INFINITY]);
            for (upper, count) in upper.zip(counts) {
                load.buckets[BOUNDS.partition_point(|bound| *bound < upper)] += count;
            }
        };
        match stored {
            Stored::Buckets(kept) => {
                fill(&kept.bounds, &kept.counts);
                (load.count, load.sum) = (kept.count, kept.sum.unwrap_or(0.0));
            }
            Stored::Exponential(kept) => {
                let (bounds, counts) = kept.classic();
                fill(&bounds, &counts);
                (load.count, load.sum) = (kept.count, kept.sum.unwrap_or(0.0));
            }
            Stored::Number(_) | Stored::Quantiles(_) => {}
        }
        load
    }

    /// What has come since `before`; all of it where the series has begun anew.
    pub(super) fn since(self, before: &Load) -> Load {
        if self.count < before.count || self.sum < before.sum {
            return self;
        }
        let mut since = self;
        since.count -= before.count;
        since.sum -= before.sum;
        for (bucket, earlier) in since.buckets.iter_mut().zip(before.buckets) {
            *bucket = bucket.saturating_sub(earlier);
        }
        since
    }

    /// The same of a series whose values are of what has failed.
    pub(super) fn failed(self, failed: bool) -> Load {
        Load { failed: if failed { self.count } else { 0 }, ..self }
    }

    pub(crate) fn add(&mut self, other: &Load) {
        self.count += other.count;
        self.failed += other.failed;
        self.sum += other.sum;
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
    }

    /// The mean of the values.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Below which value a share of all values is, within their bucket as Prometheus' own
    /// `histogram_quantile` guesses it; the last bound is as far as it goes.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let total: u64 = self.buckets.iter().sum();
        let rank = share * total as f64;
        let mut below = 0.0;
        for (place, count) in self.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if below + count >= rank {
                let Some(upper) = BOUNDS.get(place) else { return BOUNDS.last().copied() };
                let lower = if place == 0 { 0.0 } else { BOUNDS[place - 1] };
                return Some(lower + (upper - lower) * ((rank - below) / count));
            }
            below += count;
        }
        None
    }
}

/// Whether the attributes of a series are those of what has failed.
pub(super) fn has_failed(attributes: &[Attribute<'_>]) -> bool {
    attributes.iter().any(|attribute| match &*attribute.key {
        "error.type" => !attribute.value.as_text().is_empty(),
        "http.response.status_code" | "http.status_code" | "status_code" | "status" => {
            attribute.value.as_text().parse().is_ok_and(|status: i64| status >= SERVER_ERROR)
        }
        _ => false,
    })
}

/// How much time the difference that a point makes has taken, by the sender's clock, if it says
/// that. `before` is when the point before was taken, 0 if there was none.
pub(super) fn covered(update: &Update<'_>, (start_ns, time_ns): (u64, u64), before: u64) -> Option<Duration> {
    let since = match update {
        // It has happened just now.
        Update::Observe(..) => return Some(Duration::ZERO),
        Update::Buckets(_, Temporality::Delta) | Update::Exponential(_, Temporality::Delta) => start_ns,
        _ => before,
    };
    let length = time_ns.checked_sub(since).filter(|_| since > 0)?;
    Some(Duration::from_nanos(length).min(MOST_COVERED))
}

/// What has come of a metric lately.
#[derive(Debug, Default)]
pub(super) struct Traffic(VecDeque<Step>);

#[derive(Debug)]
struct Step {
    begun: Instant,
    /// How much time it speaks for, where that is more than a moment.
    covers: Duration,
    load: Load,
}

impl Step {
    fn is_over(&self, now: Instant) -> bool {
        // One that covers the time between two requests stands until the next has surely come.
        now.saturating_duration_since(self.begun) > WINDOW.max(self.covers * 3 / 2)
    }
}

impl Traffic {
    /// Takes what has come, which speaks for the time that it covers.
    pub(super) fn add(&mut self, load: &Load, covers: Duration, now: Instant) {
        match self.0.back_mut().filter(|last| now.saturating_duration_since(last.begun) < STEP) {
            Some(last) => {
                last.load.add(load);
                last.covers = last.covers.max(covers);
            }
            None => self.0.push_back(Step { begun: now, covers, load: load.clone() }),
        }
        while self.0.len() > MOST_STEPS || self.0.front().is_some_and(|first| first.is_over(now)) {
            self.0.pop_front();
        }
    }

    /// What there is now, and the time that it is of, which is never shorter than the window.
    pub(super) fn now(&self, now: Instant) -> (Load, Duration) {
        let mut all = Load::default();
        let mut covered = Duration::ZERO;
        for step in self.0.iter().filter(|step| !step.is_over(now)) {
            all.add(&step.load);
            covered += step.covers;
        }
        (all, covered.max(WINDOW))
    }
}

#[cfg(test)]
mod tests;
