//! The detector: expects each step by the days before it, and speaks up where it is far off.
//!
//! What is expected is the median of the same time on the last seven days, give or take fifteen
//! minutes (or of the same day last week, where that is nearer), moved by what the last two days
//! were off of it. How far off is unusual is told by the last two days, too, and by how much that
//! time of day differs from day to day. A second track does the same with three hours' median, and
//! finds what is too little for a step but lasts. Neither tells the same twice: a score has to be well
//! above all of the last two days.
//!
//! That refractory rule is what spares most false alarms. Unlike the bands of Grafana's rules for
//! Prometheus it keeps zeros, so that a drop to nothing is found.

use super::super::finding::Window;
use super::joined::Joined;
use super::past::{Expected, Past};
use super::record::Records;
use super::residuals::{Residuals, Usual};
use super::{Anomaly, DAY_MS, Params};

const STEPS_MS: (i64, i64) = (1_000, 3 * 3_600_000);

/// Steps that have to be known before any is judged: three hours of five minutes.
pub const LEAST_STEPS: usize = 36;

/// Days of residuals, which tell how far off is usual.
const RESIDUAL_DAYS: usize = 2;

/// What the second track joins, and the fewest steps that are.
const LASTING_MS: i64 = 3 * 3_600_000;
const LEAST_LASTING: usize = 6;

/// Medians the second track has to know before it judges: eighteen hours.
const LEAST_LASTING_KNOWN: usize = 12;

/// What the spread from day to day of a single step counts for the median of hours.
const LASTING_SPREAD: f64 = 0.3;

/// The share of what is expected that the deviation is at least.
const LEAST_SHARE: f64 = 0.001;

/// The highest score; what was always the same and is not any more has no other bound.
const MOST_SCORE: f64 = 1_000.0;

/// Times beyond this are mistakes, and could not be counted in steps.
const LATEST_MS: u64 = 1 << 53;

/// Watches one series.
#[derive(Clone, Debug)]
pub struct Detector {
    params: Params,
    joined: Joined,
    /// The step that samples belong to now, or the last one that did.
    step: Option<i64>,
    is_open: bool,
    past: Past,
    residuals: Residuals,
    records: Records,
    lasting: Lasting,
    last: Option<Anomaly>,
    lately: Lately,
}

impl Detector {
    /// Knows nothing yet.
    pub fn new(params: Params) -> Detector {
        let step_ms = params.step_ms.clamp(STEPS_MS.0, STEPS_MS.1);
        let params = Params { step_ms, ..params };
        let day = (DAY_MS / step_ms) as usize;
        let memory = params.memory_ms / step_ms;
        Detector {
            params,
            joined: Joined::new(),
            step: None,
            is_open: false,
            past: Past::new(day),
            residuals: Residuals::new(RESIDUAL_DAYS * day),
            records: Records::new(memory),
            lasting: Lasting::new(day, step_ms, memory),
            last: None,
            lately: Lately::default(),
        }
    }

    /// Takes a sample, and tells of the step that it completes or follows, if that is an anomaly.
    /// What is not a finite number is left out, as is what comes too late for its step; but after a
    /// clock that went back by more than a day it begins anew.
    pub fn observe(&mut self, at: i64, value: f64) -> Option<Anomaly> {
        let value = value as f32;
        if !value.is_finite() || at.unsigned_abs() > LATEST_MS {
            return None;
        }
        let step = (at - 1).div_euclid(self.params.step_ms);
        let mut found = None;
        match self.step {
            Some(open) if step == open && self.is_open => {}
            Some(last) if step <= last && (last - step) * self.params.step_ms > DAY_MS => {
                *self = Detector::new(self.params);
            }
            Some(last) if step <= last => return None,
            _ => found = self.finish(),
        }
        (self.step, self.is_open) = (Some(step), true);
        self.joined.add(value);
        let is_full = at == self.end_of(step);
        // One call tells of one step; if that was the one before, this one waits for the next sample.
        if is_full && found.is_none() { self.finish() } else { found }
    }

    /// Completes the step that is open.
    pub fn finish(&mut self) -> Option<Anomaly> {
        let step = self.step.filter(|_| std::mem::take(&mut self.is_open))?;
        let value = self.joined.take()?;
        let told = self.judge(step, value);
        self.past.keep(step, value as f32);
        told
    }

    /// How the last step was, anomaly or not; `None` while too little is known.
    pub fn last(&self) -> Option<Anomaly> {
        self.last
    }

    /// What would be told of the step of a time if it had this value; nothing is remembered. By it a
    /// step that is certain to be unusual need not be waited for.
    pub fn foresee(&mut self, at: i64, value: f64) -> Option<Anomaly> {
        // As it would be kept.
        let value = f64::from(value as f32);
        let step = self.unseen(at).filter(|_| value.is_finite())?;
        let (before, usual) = self.expects(step)?;
        let scored = self.scored(step, value, before.nearest(value), usual, before.spread);
        let is_told = scored.score >= self.params.threshold
            && self.records.would_be_broken_by(step, scored.score as f32);
        is_told.then_some(scored)
    }

    /// The most that the step of a time may have without being unusual; `None` while too little is
    /// known.
    pub fn most_usual(&mut self, at: i64) -> Option<f64> {
        let step = self.unseen(at)?;
        let (before, usual) = self.expects(step)?;
        let nearest = before.last_week.map_or(before.value, |last_week| before.value.max(last_week));
        Some(self.scored(step, nearest, nearest, usual, before.spread).high)
    }

    /// The step of a time, if it comes after all that are known.
    fn unseen(&self, at: i64) -> Option<i64> {
        let step = at.saturating_sub(1).div_euclid(self.params.step_ms);
        self.step.is_none_or(|last| step > last).then_some(step)
    }

    /// What a step is expected to be, and how far off is usual.
    fn expects(&mut self, step: i64) -> Option<(Expected, Usual)> {
        let before = self.past.expected(step)?;
        let usual = self.residuals.usual().filter(|_| self.past.known() >= LEAST_STEPS)?;
        Some((before, usual))
    }

    /// Whether most of the last steps up to a time were anomalies, told or not; `None` where none of
    /// them could be judged. At most 64 steps are remembered.
    pub fn is_unusual(&self, steps: u32, until: i64) -> Option<bool> {
        let now = until.div_euclid(self.params.step_ms) - 1;
        let (judged, unusual) = self.lately.counts(now, steps);
        (judged > 0).then_some(2 * unusual > judged)
    }

    /// What it takes of memory.
    pub fn bytes(&self) -> usize {
        size_of::<Detector>() + self.past.bytes() + self.residuals.bytes() + self.lasting.known.bytes()
    }

    fn end_of(&self, step: i64) -> i64 {
        (step + 1) * self.params.step_ms
    }

    /// Scores a step by all before it, and remembers how far off it was.
    fn judge(&mut self, step: i64, value: f64) -> Option<Anomaly> {
        let before = self.past.expected(step)?;
        let usual = self.residuals.usual().filter(|_| self.past.known() >= LEAST_STEPS);
        let nearest = before.nearest(value);
        self.residuals.add(value - nearest);
        self.last = usual.map(|usual| self.scored(step, value, nearest, usual, before.spread));
        let is_unusual = self.last.is_some_and(|last| last.score >= self.params.threshold);
        self.lately.add(step, self.last.is_some(), is_unusual);
        let lasting = self.judge_lasting(step, nearest, &before);
        let is_told = |last: &Anomaly| is_unusual && self.records.is_broken_by(step, last.score as f32);
        self.last.filter(is_told).or(lasting)
    }

    /// Scores the last hours, at the end of each half of them.
    fn judge_lasting(&mut self, step: i64, nearest: f64, before: &Expected) -> Option<Anomaly> {
        let (off, usual) = self.lasting.next(&self.residuals)?;
        let spread = LASTING_SPREAD * before.spread;
        let scored = self.scored(step, nearest + off, nearest, usual?, spread);
        let scored = Anomaly { over_ms: self.lasting.steps as i64 * self.params.step_ms, ..scored };
        let is_told = scored.score >= self.params.threshold
            && self.lasting.records.is_broken_by(step, scored.score as f32);
        is_told.then_some(scored)
    }

    fn scored(&self, step: i64, value: f64, nearest: f64, usual: Usual, spread: f64) -> Anomaly {
        let expected = nearest + usual.centre;
        let floor = (LEAST_SHARE * expected.abs()).max(self.params.least_deviation).max(f64::MIN_POSITIVE);
        let deviation = usual.deviation.max(spread).max(floor);
        let reach = self.params.threshold * deviation;
        let score = ((value - expected).abs() / deviation).min(MOST_SCORE);
        let (samples, first) = (self.past.known(), self.past.first());
        let window = Window { from: self.end_of(first - 1), to: self.end_of(step) };
        let (low, high) = (expected - reach, expected + reach);
        let (at, over_ms) = (self.end_of(step), self.params.step_ms);
        Anomaly { at, over_ms, value, expected, low, high, score, samples, window }
    }
}

/// The second track: the medians of hours.
#[derive(Clone, Debug)]
struct Lasting {
    known: Residuals,
    records: Records,
    /// Steps that are joined.
    steps: usize,
    /// Steps since the last time.
    since: usize,
}

impl Lasting {
    fn new(day: usize, step_ms: i64, memory: i64) -> Lasting {
        let steps = ((LASTING_MS / step_ms) as usize).max(LEAST_LASTING);
        let known = Residuals::new(RESIDUAL_DAYS * day / (steps / 2));
        Lasting { known, records: Records::new(memory), steps, since: 0 }
    }

    /// Every half of the hours: how far they are off, and how far that usually is.
    fn next(&mut self, residuals: &Residuals) -> Option<(f64, Option<Usual>)> {
        self.since += 1;
        if self.since < self.steps / 2 || residuals.known() < self.steps {
            return None;
        }
        self.since = 0;
        let off = residuals.recent(self.steps)?;
        let usual = self.known.usual().filter(|_| self.known.known() >= LEAST_LASTING_KNOWN);
        self.known.add(off);
        Some((off, usual))
    }
}

/// The last 64 steps, a bit each, the last one lowest.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    step: i64,
    judged: u64,
    unusual: u64,
}

impl Lately {
    fn add(&mut self, step: i64, is_judged: bool, is_unusual: bool) {
        let later = u32::try_from(step - self.step).unwrap_or(u32::MAX);
        let shifted = |bits: u64| bits.checked_shl(later).unwrap_or(0);
        self.judged = shifted(self.judged) | u64::from(is_judged);
        self.unusual = shifted(self.unusual) | u64::from(is_unusual);
        self.step = step;
    }

    /// How many of the last steps up to one were judged, and how many unusual.
    fn counts(&self, now: i64, steps: u32) -> (u32, u32) {
        let ago = (now - self.step).max(0);
        let wanted = i64::from(steps.min(64)) - ago;
        let mask = match u32::try_from(wanted) {
            Ok(0) | Err(_) => 0,
            Ok(wanted) => u64::MAX >> (64 - wanted.min(64)),
        };
        ((self.judged & mask).count_ones(), (self.unusual & mask).count_ones())
    }
}
