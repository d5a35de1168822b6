//! Simulated hosts: whatever the pattern of scrapes, gaps and restarts is, the total is what was
//! counted between the first and the last scrape that count, less what nobody saw before a
//! restart.

use proptest::prelude::*;

use super::*;

/// A second of a host: how much was counted, whether it was scraped, whether dockmeter restarted.
#[derive(Clone, Copy, Debug)]
struct Second {
    used: u16,
    scraped: bool,
    restarts: bool,
}

/// What Prometheus holds, and the truth.
#[derive(Debug, Default)]
struct Held {
    /// Time and start of every scrape.
    starts: Vec<(f64, f64)>,
    values: Vec<(f64, f64)>,
    /// Counted by then and not lost in a restart without a scrape.
    seen: Vec<(f64, f64)>,
    /// What restarts have lost, because nobody scraped in time.
    lost: f64,
}

/// The host's counter appears with its first use.
fn held(seconds: &[Second]) -> Held {
    let mut held = Held::default();
    let (mut start, mut value, mut unseen, mut seen) = (-1000.0, None::<f64>, 0.0, 0.0);
    for (time, second) in seconds.iter().enumerate() {
        let time = time as f64;
        if second.restarts {
            held.lost += unseen;
            (start, value, unseen) = (time, None, 0.0);
        }
        if second.used > 0 {
            *value.get_or_insert(0.0) += f64::from(second.used);
            unseen += f64::from(second.used);
        }
        if second.scraped {
            seen += std::mem::take(&mut unseen);
            held.starts.push((time, start));
            held.values.extend(value.map(|value| (time, value)));
            held.seen.push((time, seen));
        }
    }
    held
}

fn within(samples: &[(f64, f64)], from: f64, to: f64) -> Vec<(f64, f64)> {
    samples.iter().copied().filter(|(time, _)| *time > from && *time <= to).collect()
}

fn target() -> Target {
    [("instance".to_owned(), "a:1".to_owned())].into()
}

/// Takes a period in windows, as a report does.
fn total(held: &Held, from: f64, to: f64, width: f64) -> f64 {
    let mut ledger = Ledger::new(from, to);
    if let Some((at, start)) = held.starts.iter().rfind(|(time, _)| *time <= from) {
        let value = held.values.iter().find(|(time, _)| time == at).map(|(_, value)| ((), *value));
        ledger.begin(&target(), Some(*start), value);
    }
    let mut begin = from;
    while begin < to {
        let end = (begin + width).min(to);
        let (starts, values) = (within(&held.starts, begin, end), within(&held.values, begin, end));
        begin = end;
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else { continue };
        let low = starts.iter().map(|(_, start)| *start).fold(f64::INFINITY, f64::min);
        let high = starts.iter().map(|(_, start)| *start).fold(f64::NEG_INFINITY, f64::max);
        let window = Window {
            starts: Some((low, high)),
            scraped_at: (end - last.0 <= 20.0).then_some(last.0),
            resets: values.windows(2).any(|pair| pair[1].1 < pair[0].1),
        };
        assert!(first.0 <= last.0);
        if ledger.wants_samples(&target(), &window) {
            ledger.take_samples(&target(), &starts, [((), values)]);
        } else {
            let ends = values.first().zip(values.last()).map(|(first, last)| ((), (first.1, last.1)));
            ledger.take_summary(&target(), &window, ends);
        }
    }
    ledger.totals().map(|(_, (), total)| total).sum()
}

fn seconds() -> impl Strategy<Value = Vec<Second>> {
    let second = (
        prop_oneof![3 => Just(0_u16), 2 => 1..100_u16],
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.03),
    )
        .prop_map(|(used, scraped, restarts)| Second { used, scraped, restarts });
    prop::collection::vec(second, 1..300)
}

/// What was seen by the last scrape at or before a time.
fn seen_by(held: &Held, time: f64) -> Option<f64> {
    held.seen.iter().rfind(|(at, _)| *at <= time).map(|(_, seen)| *seen)
}

proptest! {
    #[test]
    fn the_total_is_what_was_counted_between_two_scrapes(
        seconds in seconds(), from in 0_u16..300, length in 1_u16..300, width in 1_u16..100,
    ) {
        let held = held(&seconds);
        let (from, to) = (f64::from(from), f64::from(from) + f64::from(length));
        let first_start = held.starts.iter().find(|(time, _)| *time > from).map(|(_, start)| *start);
        // Without a scrape before, what the first one has counts if the program began later.
        let before = seen_by(&held, from).or_else(|| match first_start {
            Some(start) if start >= from => Some(0.0),
            _ => held.seen.iter().find(|(time, _)| *time > from).map(|(_, seen)| *seen),
        });
        let truth = seen_by(&held, to).filter(|_| first_start.is_some()).map_or(0.0, |seen| seen - before.unwrap_or(0.0));
        prop_assert_eq!(total(&held, from, to, f64::from(width)), truth.max(0.0));
    }

    #[test]
    fn periods_that_follow_each_other_sum_to_the_whole(
        seconds in seconds(), cut in 1_u16..299, width in 1_u16..100,
    ) {
        let held = held(&seconds);
        let (cut, width) = (f64::from(cut), f64::from(width));
        prop_assume!(seen_by(&held, cut).is_some());
        let whole = total(&held, 0.0, 400.0, width);
        prop_assert_eq!(total(&held, 0.0, cut, width) + total(&held, cut, 400.0, width), whole);
    }

    #[test]
    fn only_what_no_scrape_saw_before_a_restart_is_lost(seconds in seconds()) {
        let held = held(&seconds);
        let used: f64 = seconds.iter().map(|second| f64::from(second.used)).sum();
        let unseen: f64 = used - held.lost - held.seen.last().map_or(0.0, |(_, seen)| *seen);
        prop_assert!(unseen >= 0.0);
    }
}

#[test]
fn a_restart_is_seen_although_the_counter_has_overtaken_itself() {
    let mut ledger = Ledger::new(0.0, 100.0);
    ledger.begin(&target(), Some(-50.0), [((), 5.0)]);
    let window = Window { starts: Some((40.0, 40.0)), scraped_at: Some(60.0), resets: false };
    assert!(ledger.wants_samples(&target(), &window));
    ledger.take_samples(&target(), &[(60.0, 40.0)], [((), vec![(60.0, 7.0)])]);
    assert_eq!(ledger.totals().next().unwrap().2, 7.0, "not the 2 that are between the values");
}

#[test]
fn time_without_dockmeter_is_not_covered_and_time_without_prometheus_is() {
    let coverage = |samples: &[(f64, f64)]| {
        let mut ledger = Ledger::<()>::new(0.0, 1000.0);
        ledger.begin(&target(), Some(-50.0), []);
        ledger.take_samples(&target(), samples, []);
        ledger.coverage(5000.0)[0].1
    };
    assert_eq!(coverage(&[(100.0, -50.0), (1000.0, -50.0)]), 1.0, "Prometheus was away");
    assert_eq!(coverage(&[(100.0, -50.0), (1000.0, 600.0)]), 0.5, "dockmeter was away from 100 to 600");
    assert_eq!(coverage(&[(400.0, -50.0)]), 0.4, "dockmeter went away for good");
}
