//! How well promises were kept: budgets, and the times in which they were spent too fast.
//!
//! Shares are decimals, so that one bad event in ten is exactly what 90 % allows.

use std::collections::VecDeque;

use rust_decimal::prelude::ToPrimitive as _;
use rust_decimal::{Decimal, RoundingStrategy};

/// A ratio is looked at over so many minutes.
pub const WINDOW_MINUTES: usize = 5;

/// Breaches that are no further apart than this are one, in seconds.
const MERGED_SECONDS: i64 = 300;

const SECONDS_PER_MINUTE: i64 = 60;

/// Breaches that are told one by one; the rest is counted.
const MOST_BREACHES: usize = 1_000;

/// What was promised, and what came of it in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The share of good events that was promised, between 0 and 1.
    pub objective: Decimal,
    /// Valid events.
    pub events: Decimal,
    /// The bad ones among them.
    pub bad: Decimal,
    /// The length of the period in seconds.
    pub seconds: i64,
}

/// What may be bad, what was, and what is left: less than nothing where the promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// All of it.
    pub total: Decimal,
    /// What is spent.
    pub used: Decimal,
    /// What is not.
    pub left: Decimal,
}

impl Standing {
    /// The share of events that may be bad.
    fn allowed(&self) -> Decimal {
        Decimal::ONE - self.objective
    }

    /// The share of good events, if there were any events.
    pub fn indicator(&self) -> Option<Decimal> {
        let bad = self.bad.checked_div(self.events)?;
        Some((Decimal::ONE - bad).max(Decimal::ZERO))
    }

    /// Whether the promise was kept; with no events nothing was broken.
    pub fn is_met(&self) -> bool {
        self.bad <= self.events * self.allowed()
    }

    /// The budget in events.
    pub fn in_events(&self) -> Budget {
        let total = self.events * self.allowed();
        Budget { total, used: self.bad, left: total - self.bad }
    }

    /// The share of the budget that is spent.
    pub fn spent(&self) -> Decimal {
        self.bad.checked_div(self.events * self.allowed()).unwrap_or_default()
    }

    /// The budget in minutes of complete failure at the period's even load.
    pub fn in_minutes(&self) -> Budget {
        let total = Decimal::from(self.seconds) / Decimal::from(SECONDS_PER_MINUTE) * self.allowed();
        let used = total * self.spent();
        Budget { total, used, left: total - used }
    }
}

/// A share in percent with so many decimals, never more than it is.
pub fn percent(share: Decimal, decimals: u32) -> Decimal {
    (share * Decimal::ONE_HUNDRED).round_dp_with_strategy(decimals, RoundingStrategy::ToZero).normalize()
}

/// A number that Prometheus holds, as the decimal that it was written as.
pub fn decimal(number: f64) -> Decimal {
    let shortest = number.to_string();
    Decimal::from_str_exact(&shortest).or_else(|_| Decimal::try_from(number)).unwrap_or_default()
}

/// A time in which events were bad more often than the objective allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// Its beginning, seconds since 1970.
    pub start: i64,
    /// Its end.
    pub end: i64,
    /// The highest share of bad events within five minutes, as a multiple of what is allowed.
    pub worst_burn: f64,
    /// Bad events in it, those of the five minutes that showed it first included.
    pub bad: f64,
}

impl Breach {
    /// How long it was.
    pub fn minutes(&self) -> i64 {
        (self.end - self.start) / SECONDS_PER_MINUTE
    }

    /// Which share of the whole budget it took.
    pub fn share(&self, standing: &Standing) -> Decimal {
        decimal(self.bad).checked_div(standing.in_events().total).unwrap_or_default()
    }
}

/// One minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Minute {
    /// Its end, seconds since 1970.
    pub end: i64,
    /// Events in it.
    pub events: f64,
    /// The bad ones among them.
    pub bad: f64,
    /// The share that may be bad.
    pub allowed: f64,
}

/// Finds breaches in minutes that come one after the other.
#[derive(Clone, Debug, Default)]
pub struct Breaches {
    window: VecDeque<Minute>,
    found: Vec<Breach>,
    /// Breaches beyond those that are kept.
    more: usize,
}

impl Breaches {
    /// Takes the next minute.
    pub fn push(&mut self, minute: Minute) {
        self.window.push_back(minute);
        let began = minute.end - (WINDOW_MINUTES as i64) * SECONDS_PER_MINUTE;
        while self.window.front().is_some_and(|first| first.end <= began) {
            self.window.pop_front();
        }
        let events: f64 = self.window.iter().map(|minute| minute.events).sum();
        let bad: f64 = self.window.iter().map(|minute| minute.bad).sum();
        let allowed = events * minute.allowed;
        // Sums of decimals are not exact.
        if bad <= allowed * (1.0 + 1e-9) || events <= 0.0 {
            return;
        }
        let burn = bad / allowed;
        let start = minute.end - SECONDS_PER_MINUTE;
        let is_full = self.found.len() == MOST_BREACHES;
        match self.found.last_mut().filter(|last| start - last.end <= MERGED_SECONDS) {
            Some(last) => {
                let since = self.window.iter().filter(|minute| minute.end > last.end);
                last.bad += since.map(|minute| minute.bad).sum::<f64>();
                (last.end, last.worst_burn) = (minute.end, last.worst_burn.max(burn));
            }
            None if is_full => self.more += 1,
            None => self.found.push(Breach { start, end: minute.end, worst_burn: burn, bad }),
        }
    }

    /// What was found, in time.
    pub fn found(&self) -> &[Breach] {
        &self.found
    }

    /// How many minutes of breaches there were beyond those.
    pub fn more(&self) -> usize {
        self.more
    }
}

/// A decimal for programs.
pub fn float(number: Decimal) -> f64 {
    number.to_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn standing(objective: &str, events: &str, bad: &str) -> Standing {
        Standing { objective: of(objective), events: of(events), bad: of(bad), seconds: 30 * 86_400 }
    }

    #[test]
    fn a_promise_is_kept_up_to_its_last_event() {
        assert!(standing("0.9", "10", "1").is_met(), "exactly what is allowed");
        assert!(!standing("0.9", "10", "1.001").is_met());
        assert!(standing("0.999", "0", "0").is_met());
        assert_eq!(standing("0.999", "0", "0").indicator(), None);
        assert_eq!(decimal(0.999), of("0.999"));
    }

    #[test]
    fn a_budget_in_minutes_is_a_share_of_the_period() {
        // 30 days of 99.9 % are 43.2 minutes; 3 of 10 allowed events are 30 % of them.
        let minutes = standing("0.999", "10000", "3").in_minutes();
        assert_eq!([minutes.total, minutes.used, minutes.left], [of("43.2"), of("12.96"), of("30.24")]);
        let events = standing("0.999", "10000", "13").in_events();
        assert_eq!([events.total, events.used, events.left], [of("10"), of("13"), of("-3")]);
        assert_eq!(percent(of("0.99999999"), 4), of("99.9999"), "not all before it is all");
    }

    fn breaches(minutes: &[(f64, f64)]) -> Breaches {
        let mut breaches = Breaches::default();
        for (place, (events, bad)) in (1..).zip(minutes) {
            breaches.push(Minute { end: place * 60, events: *events, bad: *bad, allowed: 0.1 });
        }
        breaches
    }

    #[test]
    fn a_breach_lasts_as_long_as_five_minutes_hold_too_much() {
        let good = (10.0, 0.0);
        let minutes = [&[good; 10][..], &[(10.0, 10.0); 2], &[good; 20]].concat();
        let breaches = breaches(&minutes);
        // 10 of 50 are too much from the minute on in which they come; the last five minutes with
        // more than 5 bad ones end with the sixteenth.
        let expected = Breach { start: 600, end: 960, worst_burn: 4.0, bad: 20.0 };
        assert_eq!(breaches.found(), [expected]);
        assert_eq!(expected.minutes(), 6);
        let standing = standing("0.9", "320", "20");
        assert_eq!(expected.share(&standing), of("0.625"));
    }

    #[test]
    fn breaches_that_are_close_are_one() {
        let (good, bad) = ((10.0, 0.0), (10.0, 10.0));
        let apart = |minutes: usize| {
            let all = [&[bad][..], &vec![good; minutes], &[bad], &[good; 10]].concat();
            breaches(&all).found().to_vec()
        };
        // The first ends after five minutes, so the next begins `minutes - 4` later.
        assert_eq!(apart(9).len(), 1);
        assert_eq!(apart(9)[0].bad, 20.0);
        assert_eq!(apart(10).len(), 2);
    }

    #[test]
    fn what_has_no_events_is_no_breach() {
        assert_eq!(breaches(&[(0.0, 0.0); 20]).found(), []);
        assert_eq!(breaches(&[(1000.0, 100.0); 20]).found(), [], "exactly what is allowed");
    }

    proptest! {
        #[test]
        fn no_bad_event_is_in_two_breaches(bad in proptest::collection::vec(0..20_u32, 0..200)) {
            let minutes: Vec<_> = bad.iter().map(|bad| (20.0, f64::from(*bad))).collect();
            let breaches = breaches(&minutes);
            let inside: f64 = breaches.found().iter().map(|breach| breach.bad).sum();
            prop_assert!(inside <= f64::from(bad.iter().sum::<u32>()) + 1e-6);
            for pair in breaches.found().windows(2) {
                prop_assert!(pair[1].start - pair[0].end > MERGED_SECONDS);
            }
        }
    }
}
