//! One measure of one service: what is known of it, and whether it is unusual now.
//!
//! A detector takes 12 kB, so there is none before it could judge, and none of what has never been
//! noticeable: a value that is always below the least change is kept as the time since when. Most
//! of what containers wait for is nothing at all.

use super::STEP_MS;
use super::watch::Room;
use crate::analysis::anomaly::{Anomaly, Detector, LEAST_STEPS, Params};
use crate::history::Measure;

/// Steps in a row that have to be usual before it is said that all is as usual again.
const CALM_STEPS: u32 = 3;

/// Steps that a detector remembers: a week.
const REMEMBERED: i64 = super::LEARNED_MS / STEP_MS;

/// What is tried again of a step that was not told before its end has to have grown so much.
const LATER: f64 = 1.5;

/// What is known.
#[derive(Clone, Debug)]
enum Knowledge {
    /// So few steps that none can be judged, or it is not known yet what was before.
    Young(Vec<(i64, f64)>),
    /// It has been below the least change in all steps between two.
    Quiet { first: i64, last: i64 },
    /// All; `loud` is the last step that was not below the least change.
    Known { detector: Box<Detector>, loud: i64 },
    /// Nothing, since there is no room.
    LeftOut,
}

/// What is unusual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Open {
    /// From when on, in milliseconds since 1970.
    pub(super) since: i64,
    /// How it was last.
    pub(super) anomaly: Anomaly,
    /// Steps since then that were usual.
    calm: u32,
    /// How far off of what is expected is unusual, where that was told of hours and not of a step.
    reach: Option<f64>,
}

impl Open {
    /// How long it was unusual.
    pub(super) fn lasted_ms(&self) -> i64 {
        self.anomaly.at - i64::from(self.calm) * STEP_MS - self.since
    }
}

/// What has become of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Told {
    /// It has become unusual.
    Began(Open),
    /// It is as usual again, and how it is now.
    Ended(Open),
}

/// One measure of one service.
#[derive(Clone, Debug)]
pub(super) struct Series {
    measure: &'static Measure,
    knowledge: Knowledge,
    open: Option<Open>,
    /// It was unusual in a container that is gone: if this one is, too, that is told again.
    goes_on: bool,
    /// What the open step has to have before it may be told early.
    mark: f64,
}

fn params(measure: &Measure) -> Params {
    let params = Params::default();
    Params { step_ms: STEP_MS, least_deviation: measure.least_change / params.threshold, ..params }
}

impl Series {
    /// Nothing is known of it.
    pub(super) fn new(measure: &'static Measure) -> Self {
        let knowledge = Knowledge::Young(Vec::new());
        Series { measure, knowledge, open: None, goes_on: false, mark: f64::INFINITY }
    }

    pub(super) fn measure(&self) -> &'static Measure {
        self.measure
    }

    /// What is unusual of it now.
    pub(super) fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    pub(super) fn is_left_out(&self) -> bool {
        matches!(self.knowledge, Knowledge::LeftOut)
    }

    /// Whether it has a detector.
    #[cfg(test)]
    pub(super) fn is_detecting(&self) -> bool {
        matches!(self.knowledge, Knowledge::Known { .. })
    }

    /// Takes what was before: ends of steps and their values, by time. Nothing of it is told again.
    pub(super) fn learn(&mut self, before: &[(i64, f64)], room: &mut Room) {
        let Knowledge::Young(seen) = &mut self.knowledge else { return };
        let seen = std::mem::take(seen);
        let first = seen.first().map_or(i64::MAX, |(at, _)| *at);
        for (at, value) in before.iter().filter(|(at, _)| *at < first).chain(&seen) {
            self.step(*at, *value, room);
        }
    }

    /// Forgets, to begin anew once there is room.
    pub(super) fn forget(&mut self, room: &mut Room) {
        if matches!(self.knowledge, Knowledge::Known { .. }) {
            room.give_back();
        }
        *self = Series::new(self.measure);
    }

    /// The container that it was measured of is gone; gives what was unusual of it.
    pub(super) fn interrupt(&mut self) -> Option<Told> {
        let open = self.open.take()?;
        self.goes_on = true;
        Some(Told::Ended(open))
    }

    /// Takes the value of a step that is over, by its end.
    pub(super) fn step(&mut self, at: i64, value: f64, room: &mut Room) -> Option<Told> {
        let is_loud = value.abs() >= self.measure.least_change;
        match &mut self.knowledge {
            Knowledge::Young(seen) => {
                seen.push((at, value));
                // What was before is asked for; who does not know it within three hours never will.
                if seen.len() >= LEAST_STEPS {
                    let seen = std::mem::take(seen);
                    self.grow(&seen, room);
                }
                return None;
            }
            Knowledge::LeftOut => return None,
            Knowledge::Quiet { first, last } if !is_loud => {
                // A day in which nothing was measured is no day of quiet.
                *first = if at - *last > 86_400_000 { at } else { (*first).max(at - REMEMBERED * STEP_MS) };
                *last = at;
                return None;
            }
            Knowledge::Quiet { .. } => self.wake(room),
            Knowledge::Known { .. } => {}
        }
        let Knowledge::Known { detector, loud } = &mut self.knowledge else { return None };
        let told = detector.observe(at, value);
        let last = detector.last().filter(|last| last.at == at);
        *loud = if is_loud { at } else { *loud };
        let is_quiet = at - *loud > REMEMBERED * STEP_MS;
        self.mark = detector.most_usual(at + STEP_MS).unwrap_or(f64::INFINITY);
        let turned = self.turn(told, last);
        if is_quiet && self.open.is_none() {
            room.give_back();
            self.quieten(at - REMEMBERED * STEP_MS, at);
        }
        turned
    }

    /// Makes of a list of steps what can judge.
    fn grow(&mut self, seen: &[(i64, f64)], room: &mut Room) {
        let (Some((first, _)), Some((last, _))) = (seen.first(), seen.last()) else { return };
        let loudest = seen.iter().rev().find(|(_, value)| value.abs() >= self.measure.least_change);
        let Some((loud, _)) = loudest else { return self.quieten(*first, *last) };
        if !room.take() {
            self.knowledge = Knowledge::LeftOut;
            return;
        }
        let mut detector = Box::new(Detector::new(params(self.measure)));
        for (at, value) in seen {
            detector.observe(*at, *value);
        }
        self.mark = detector.most_usual(last + STEP_MS).unwrap_or(f64::INFINITY);
        self.knowledge = Knowledge::Known { detector, loud: *loud };
    }

    fn quieten(&mut self, first: i64, last: i64) {
        self.knowledge = Knowledge::Quiet { first, last };
        // Of a series of nothing the least change is the most that is usual.
        self.mark = self.measure.least_change;
    }

    /// Gives a quiet series a detector, which learns the quiet.
    fn wake(&mut self, room: &mut Room) {
        let Knowledge::Quiet { first, last } = self.knowledge else { return };
        if !room.take() {
            self.knowledge = Knowledge::LeftOut;
            return;
        }
        let mut detector = Box::new(Detector::new(params(self.measure)));
        let first = first.max(last - REMEMBERED * STEP_MS);
        for at in (first..=last).step_by(STEP_MS as usize) {
            detector.observe(at, 0.0);
        }
        self.knowledge = Knowledge::Known { detector, loud: last };
    }

    /// Takes how far the open step is: what it will have at least, and has had in so much time.
    pub(super) fn look_ahead(
        &mut self,
        [at, end, elapsed_ms]: [i64; 3],
        [least, value]: [f64; 2],
        room: &mut Room,
    ) -> Option<Told> {
        if self.open.is_some() || least <= self.mark {
            return None;
        }
        // What fails here is not tried again at every sample.
        self.mark = least * LATER;
        if matches!(self.knowledge, Knowledge::Quiet { .. }) {
            self.wake(room);
        }
        let Knowledge::Known { detector, .. } = &mut self.knowledge else { return None };
        let certain = detector.foresee(end, least).filter(|found| found.value > found.high)?;
        let found = detector.foresee(end, value).unwrap_or(certain);
        let anomaly = Anomaly { at, over_ms: elapsed_ms, value, ..found };
        let open = Open { since: at - elapsed_ms, anomaly, calm: 0, reach: None };
        self.goes_on = false;
        self.open = Some(open);
        Some(Told::Began(open))
    }

    /// What becomes of it by a step: what the detector tells of it, and how it was.
    fn turn(&mut self, told: Option<Anomaly>, last: Option<Anomaly>) -> Option<Told> {
        let last = last?;
        let threshold = Params::default().threshold;
        if let Some(open) = &mut self.open {
            let off = (last.value - last.expected).abs();
            let is_calm = open.reach.map_or(last.score < threshold, |reach| off <= reach);
            open.calm = if is_calm { open.calm + 1 } else { 0 };
            if !is_calm && open.reach.is_none() {
                open.anomaly = last;
            }
            if open.calm < CALM_STEPS {
                return None;
            }
            let ended = Open { anomaly: last, ..*open };
            self.open = None;
            return Some(Told::Ended(ended));
        }
        let is_unusual = last.score >= threshold;
        self.goes_on &= is_unusual;
        let anomaly = told.or(self.goes_on.then_some(last))?;
        let is_lasting = anomaly.over_ms > STEP_MS;
        let reach = is_lasting.then_some((anomaly.high - anomaly.low) / 2.0);
        // Hours that are over when they are told are no news.
        if reach.is_some_and(|reach| (last.value - last.expected).abs() <= reach) {
            return None;
        }
        self.goes_on = false;
        let open = Open { since: anomaly.at - anomaly.over_ms, anomaly, calm: 0, reach };
        self.open = Some(open);
        Some(Told::Began(open))
    }
}
