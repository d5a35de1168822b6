//! How much a service does with its cores: requests served per core-second, against the best week
//! that it has had itself. Services are too different to be compared with each other.

use serde::Serialize;

use super::finding::{Scope, Window};
use super::words::{called, percent, short};

/// Below this it is low (the first users' rule).
pub const LOW: f64 = 0.6;

/// From this on it is as it should be (the first users' goal).
pub const GOAL: f64 = 0.8;

/// Of fewer requests in a week, one in ten minutes, none is told.
const LEAST_REQUESTS: f64 = 1_000.0;

/// A service that uses less, a hundredth of a core, is idle: then what it does in the background
/// is all that would be measured.
const IDLE_CORES: f64 = 0.01;

/// A week counts if this share of it was seen.
const LEAST_COVERAGE: f64 = 0.5;

/// One week has nothing to be held against.
const LEAST_WEEKS: usize = 2;

/// A week of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Week {
    /// Which.
    pub window: Window,
    /// How much `http_requests_total` grew, without those that failed (`status_code=~"5.."`).
    pub served_requests: f64,
    /// How much `container_cpu_usage_seconds_total` of its containers grew.
    pub core_seconds: f64,
    /// The share of the week in which both were seen.
    pub coverage_ratio: f64,
}

impl Week {
    /// What it served by what that took, if enough was seen to tell.
    fn per_core_second(&self) -> Option<f64> {
        let is_seen = self.coverage_ratio >= LEAST_COVERAGE && self.served_requests >= LEAST_REQUESTS;
        let value = self.served_requests / self.core_seconds;
        (is_seen && !self.is_idle() && value.is_finite()).then_some(value)
    }

    fn is_idle(&self) -> bool {
        let seconds = self.window.days() * 86_400.0 * self.coverage_ratio;
        // What is not a number has not been seen to work either.
        !(seconds > 0.0 && self.core_seconds / seconds >= IDLE_CORES)
    }
}

/// How efficient a service is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Efficiency {
    /// Whose it is; `service` is its name.
    pub scope: Scope,
    /// What that means.
    #[serde(flatten)]
    pub standing: Standing,
    /// In plain words.
    pub sentence: String,
}

/// What is said of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// It hardly works, and nothing is told of it.
    Idle,
    /// Too little was seen.
    NotEnoughData {
        /// What is missing, one thing each.
        missing: Vec<String>,
    },
    /// Below [`LOW`].
    Low(Yield),
    /// Between that and [`GOAL`].
    Fair(Yield),
    /// At the goal.
    Good(Yield),
}

/// This week and the best one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Yield {
    /// Of this week.
    pub requests_per_core_second: f64,
    /// Of the best week, which may be this one.
    pub best_requests_per_core_second: f64,
    /// The one by the other, at most 1.
    pub ratio: f64,
    /// The best week.
    pub best: Window,
    /// Weeks that were looked at.
    pub weeks: usize,
}

/// How efficient a service was in its last week. `weeks` are by time.
pub fn efficiency(scope: &Scope, weeks: &[Week]) -> Efficiency {
    let standing = standing(weeks);
    let sentence = sentence(scope, &standing);
    Efficiency { scope: scope.clone(), standing, sentence }
}

fn standing(weeks: &[Week]) -> Standing {
    let Some(last) = weeks.last() else {
        return Standing::NotEnoughData { missing: vec![format!("0 of {LEAST_WEEKS} weeks")] };
    };
    let usable: Vec<(Window, f64)> =
        weeks.iter().filter_map(|week| Some((week.window, week.per_core_second()?))).collect();
    if last.coverage_ratio >= LEAST_COVERAGE && last.is_idle() {
        return Standing::Idle;
    }
    let best = usable.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1));
    match (last.per_core_second(), best) {
        (Some(now), Some((best, most))) if usable.len() >= LEAST_WEEKS => {
            let ratio = now / most;
            let found = Yield {
                requests_per_core_second: now,
                best_requests_per_core_second: most,
                ratio,
                best,
                weeks: usable.len(),
            };
            match ratio {
                ratio if ratio < LOW => Standing::Low(found),
                ratio if ratio < GOAL => Standing::Fair(found),
                _ => Standing::Good(found),
            }
        }
        _ => Standing::NotEnoughData { missing: missing(last, usable.len()) },
    }
}

fn missing(last: &Week, usable: usize) -> Vec<String> {
    let mut missing = Vec::new();
    if last.coverage_ratio < LEAST_COVERAGE {
        let seen = percent(last.coverage_ratio);
        missing.push(format!("{seen} of {} of the last week", percent(LEAST_COVERAGE)));
    }
    if last.served_requests < LEAST_REQUESTS {
        missing.push(format!("{:.0} of {LEAST_REQUESTS:.0} requests in the last week", last.served_requests));
    }
    if usable < LEAST_WEEKS {
        missing.push(format!("{usable} of {LEAST_WEEKS} weeks with requests and use"));
    }
    missing
}

fn sentence(scope: &Scope, standing: &Standing) -> String {
    let who = called(scope);
    let of = |found: &Yield| {
        format!(
            "{who} has served {} requests with a second of a core, {} of the {} of its best week",
            short(found.requests_per_core_second),
            percent(found.ratio),
            short(found.best_requests_per_core_second)
        )
    };
    match standing {
        Standing::Idle => format!("{who} was idle"),
        Standing::NotEnoughData { missing } => format!("not enough data: {}", missing.join("; ")),
        Standing::Low(found) => {
            format!(
                "{}: compare with that week by `dockmeter report compare` to see what takes more now",
                of(found)
            )
        }
        Standing::Fair(found) | Standing::Good(found) => of(found),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WEEK_MS: i64 = 7 * 86_400_000;

    fn week(number: i64, served_requests: f64, core_seconds: f64) -> Week {
        let window = Window { from: number * WEEK_MS, to: (number + 1) * WEEK_MS };
        Week { window, served_requests, core_seconds, coverage_ratio: 1.0 }
    }

    fn api() -> Scope {
        Scope { service: Some("api".into()), ..Scope::default() }
    }

    #[test]
    fn half_of_what_its_best_week_did_is_low() {
        let found = efficiency(&api(), &[week(0, 2e6, 1e4), week(1, 1.5e6, 1e4), week(2, 1e6, 1e4)]);
        let Standing::Low(of) = &found.standing else { panic!("{found:?}") };
        assert_eq!((of.ratio, of.best.from, of.weeks), (0.5, 0, 3));
        assert_eq!(
            found.sentence,
            "service `api` has served 100 requests with a second of a core, 50 % of the 200 of its best week: compare with that week by `dockmeter report compare` to see what takes more now"
        );
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!((json["standing"].as_str(), json["ratio"].as_f64()), (Some("low"), Some(0.5)));
    }

    #[test]
    fn from_the_goal_on_it_is_good_and_between_it_is_fair() {
        let of = |last: f64| efficiency(&api(), &[week(0, 1e6, 1e4), week(1, last, 1e4)]).standing;
        assert!(matches!(of(8e5), Standing::Good(_)));
        assert!(matches!(of(2e6), Standing::Good(Yield { ratio: 1.0, .. })));
        assert!(matches!(of(7e5), Standing::Fair(_)));
    }

    #[test]
    fn an_idle_service_is_not_told_of() {
        // A thousandth of a core.
        assert_eq!(efficiency(&api(), &[week(0, 1e6, 1e4), week(1, 50.0, 600.0)]).standing, Standing::Idle);
        assert_eq!(efficiency(&api(), &[week(0, 1e6, 1e4), week(1, 0.0, 0.0)]).standing, Standing::Idle);
    }

    #[test]
    fn too_little_says_what_is_missing() {
        let missing = |weeks: &[Week]| match efficiency(&api(), weeks).standing {
            Standing::NotEnoughData { missing } => missing,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(&[]), ["0 of 2 weeks"]);
        assert_eq!(missing(&[week(0, 1e6, 1e4)]), ["1 of 2 weeks with requests and use"]);
        assert_eq!(
            missing(&[week(0, 1e6, 1e4), week(1, 1e6, 1e4), week(2, 10.0, 1e4)]),
            ["10 of 1000 requests in the last week"]
        );
        let cut = Week { coverage_ratio: 0.2, ..week(2, 1e6, 1e4) };
        assert_eq!(missing(&[week(0, 1e6, 1e4), week(1, 1e6, 1e4), cut]), ["20 % of 50 % of the last week"]);
    }

    proptest! {
        #[test]
        fn a_ratio_is_never_above_one_nor_nothing(
            weeks in proptest::collection::vec((0.0..1e7, prop_oneof![0.0..1e6, Just(f64::NAN)], 0.0..1.0), 0..6),
        ) {
            let weeks: Vec<Week> = weeks
                .into_iter()
                .enumerate()
                .map(|(number, (requests, cores, coverage_ratio))| Week { coverage_ratio, ..week(number as i64, requests, cores) })
                .collect();
            let found = efficiency(&api(), &weeks);
            if let Standing::Low(of) | Standing::Fair(of) | Standing::Good(of) = found.standing {
                prop_assert!(of.ratio > 0.0 && of.ratio <= 1.0);
            }
        }
    }
}
