//! Made-up series of containers with known anomalies, and how well a detector finds them.
//!
//! Each kind is a load that operators know. What belongs to it (a nightly job, a restart, a weekend,
//! a burst) is no anomaly; what is done to it at labelled times is. All constants of the detector
//! were chosen on these.

use super::super::finding::Window;
use super::super::series::Series;
use super::super::simulation::Random;
use super::{Anomaly, DAY_MS};

/// A time at which a day and a week begin (a Monday).
const START_MS: i64 = 1_799_020_800_000;

/// Days without an anomaly at the beginning.
const QUIET_DAYS: f64 = 4.0;

/// An alert so long after an anomaly's end still belongs to it.
const GRACE_MS: i64 = 30 * 60_000;

/// What the load of a series is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It rises by day and falls by night.
    Daily,
    /// As daily, and less than half of it at weekends.
    Weekly,
    /// It wanders around a level.
    Wandering,
    /// It is low, with frequent bursts of any size.
    Bursts,
    /// It does nothing, but for some minutes now and then.
    Idle,
    /// It does nothing, but for a job of an hour every night.
    NightlyJob,
    /// Memory that grows until a restart.
    Restarts,
    /// Memory that grows without end.
    Drifting,
    /// Traffic by day, and none by night.
    ZeroByNight,
    /// It is always the same.
    Flat,
    /// It is always zero.
    Zero,
}

/// All kinds.
pub const KINDS: [Kind; 11] = [
    Kind::Daily,
    Kind::Weekly,
    Kind::Wandering,
    Kind::Bursts,
    Kind::Idle,
    Kind::NightlyJob,
    Kind::Restarts,
    Kind::Drifting,
    Kind::ZeroByNight,
    Kind::Flat,
    Kind::Zero,
];

/// A series and what is true of it.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The values.
    pub series: Series,
    /// When it is not as usual.
    pub anomalies: Vec<Window>,
    /// How long it is, in days.
    pub days: f64,
}

/// What is done to a load.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Less than half an hour of much more.
    Spike,
    /// Hours of more.
    More,
    /// Hours of less.
    Less,
    /// Hours of nothing.
    Nothing,
    /// It grows for hours.
    Climb,
}

impl Event {
    fn of(kind: Kind) -> &'static [Event] {
        use Event::{Climb, Less, More, Nothing, Spike};
        match kind {
            Kind::Daily | Kind::Weekly | Kind::Wandering => &[Spike, More, Less, Nothing, Climb],
            Kind::ZeroByNight | Kind::Flat => &[Spike, More, Nothing, Climb],
            Kind::Bursts | Kind::NightlyJob | Kind::Restarts | Kind::Drifting => &[More, Climb],
            Kind::Idle => &[More],
            Kind::Zero => &[],
        }
    }

    fn hours(self, random: &mut Random) -> f64 {
        match self {
            Event::Spike => 0.25 + 0.25 * random.uniform(),
            Event::More | Event::Less => 3.0 + 9.0 * random.uniform(),
            Event::Nothing => 0.5 + 3.0 * random.uniform(),
            Event::Climb => 6.0 + 6.0 * random.uniform(),
        }
    }

    /// What becomes of a value, at a share of the event's length; `typical` is a value of the load
    /// when it has something to do.
    fn done_to(self, value: f64, typical: f64, share: f64, size: f64) -> f64 {
        match self {
            Event::Spike => value + 2.0 * size * typical,
            Event::More => value + size * typical,
            Event::Less => value * (1.0 - size.min(0.9)),
            Event::Nothing => 0.0,
            Event::Climb => value + 1.5 * size * share * typical,
        }
    }
}

/// The day's course, from 0 at night to 1.
fn course(days: f64) -> f64 {
    0.5 - 0.5 * (std::f64::consts::TAU * (days - 0.15)).cos()
}

/// A load without anomalies, by step.
fn load(kind: Kind, days: &[f64], random: &mut Random) -> Vec<f64> {
    let count = days.len();
    let noise = 0.03 + 0.07 * random.uniform();
    let repeated = random.repeating(count, 0.9);
    let around = |of: f64, place: usize| of * (1.0 + noise * repeated[place]).max(0.0);
    let step = days.get(1).map_or(1.0, |second| second - days[0]);
    let mut value = 0.0;
    let mut left = 0.0;
    let next = |(place, day): (usize, &f64)| match kind {
        Kind::Daily => around(20.0 + 80.0 * course(*day), place),
        Kind::Weekly => {
            let is_weekend = day.rem_euclid(7.0) >= 5.0;
            around((20.0 + 80.0 * course(*day)) * if is_weekend { 0.4 } else { 1.0 }, place)
        }
        Kind::Wandering => around(100.0, place),
        Kind::Bursts => {
            if left <= 0.0 && random.uniform() < 12.0 * step {
                (value, left) = ((0.8 * random.normal()).exp(), 0.04 * random.uniform());
            }
            left -= step;
            around(20.0, place) + if left > 0.0 { 20.0 * value } else { 0.0 } + random.uniform()
        }
        Kind::Idle => {
            if left <= 0.0 && random.uniform() < 0.7 * step {
                (value, left) = (10.0 + 20.0 * random.uniform(), 0.02 * random.uniform());
            }
            left -= step;
            if left > 0.0 { value } else { 0.0 }
        }
        Kind::NightlyJob => {
            let midnight = (day.floor() / step) as usize;
            let late = 0.003 * repeated.get(midnight).copied().unwrap_or_default();
            let is_running = (0.1..0.14).contains(&(day.fract() - late));
            around(if is_running { 90.0 } else { 2.0 }, place)
        }
        Kind::Restarts => {
            if random.uniform() < 0.15 * step {
                value = 0.0;
            }
            value += step;
            100.0 + 12.0 * value + 10.0 * noise * repeated[place]
        }
        Kind::Drifting => 100.0 + 8.0 * day + 10.0 * noise * repeated[place],
        Kind::ZeroByNight => around((120.0 * course(*day) - 40.0).max(0.0), place).round(),
        Kind::Flat => 64.0,
        Kind::Zero => 0.0,
    };
    days.iter().enumerate().map(next).collect()
}

/// A series of a kind, with an anomaly about every fifth day after the first four.
pub fn simulate(kind: Kind, seed: u64, days: f64, step_ms: i64) -> Simulated {
    let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(kind as u64));
    let count = (days * DAY_MS as f64 / step_ms as f64) as i64;
    let times: Vec<i64> = (1..=count).map(|step| START_MS + step * step_ms).collect();
    let in_days: Vec<f64> = times.iter().map(|at| (at - START_MS) as f64 / DAY_MS as f64).collect();
    let mut values = load(kind, &in_days, &mut random);
    let mut busy = values.clone();
    busy.sort_by(f64::total_cmp);
    let typical = busy.get(busy.len() * 9 / 10).copied().unwrap_or_default().max(20.0);
    let mut anomalies = Vec::new();
    let mut next = QUIET_DAYS + 2.0 * random.uniform();
    let events = Event::of(kind);
    while next + 1.0 < days && !events.is_empty() {
        let event = events[(random.uniform() * events.len() as f64) as usize];
        // What can only be missed by day happens by day.
        let begin = if kind == Kind::ZeroByNight { next.floor() + 0.5 + 0.1 * next.fract() } else { next };
        let length = event.hours(&mut random) / 24.0;
        let size = 0.5 + 1.5 * random.uniform();
        for (value, day) in values.iter_mut().zip(&in_days) {
            let share = (day - begin) / length;
            if (0.0..1.0).contains(&share) {
                *value = event.done_to(*value, typical, share, size);
            }
        }
        let at = |day: f64| START_MS + (day * DAY_MS as f64) as i64;
        anomalies.push(Window { from: at(begin), to: at(begin + length) + GRACE_MS });
        next += 4.0 + 2.0 * random.uniform();
    }
    Simulated { series: Series::new(times.into_iter().zip(values)), anomalies, days }
}

/// How well anomalies were found.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Anomalies there were.
    pub anomalies: usize,
    /// Those that were found.
    pub found: usize,
    /// How long after its beginning each of them was, in milliseconds.
    pub delays: Vec<i64>,
    /// Alerts at other times.
    pub false_alarms: usize,
    /// How long was watched, in days of a series.
    pub days: f64,
}

impl Score {
    /// Adds what was told of a series.
    pub fn add(&mut self, simulated: &Simulated, told: &[Anomaly]) {
        let is_in = |window: &Window, at: i64| at > window.from && at <= window.to;
        self.anomalies += simulated.anomalies.len();
        self.days += simulated.days;
        for window in &simulated.anomalies {
            let Some(first) = told.iter().find(|told| is_in(window, told.at)) else { continue };
            self.found += 1;
            self.delays.push(first.at - window.from);
        }
        let is_false = |told: &&Anomaly| !simulated.anomalies.iter().any(|window| is_in(window, told.at));
        self.false_alarms += told.iter().filter(is_false).count();
    }

    /// The share of the anomalies that were found.
    pub fn share(&self) -> f64 {
        self.found as f64 / self.anomalies.max(1) as f64
    }

    /// False alarms by series and day.
    pub fn false_alarms_a_day(&self) -> f64 {
        if self.days > 0.0 { self.false_alarms as f64 / self.days } else { 0.0 }
    }

    /// The median delay in minutes; `None` where nothing was found.
    pub fn delay_minutes(&self) -> Option<f64> {
        let minutes: Vec<f64> = self.delays.iter().map(|delay| *delay as f64 / 60_000.0).collect();
        super::super::statistics::order::median(&minutes)
    }
}
