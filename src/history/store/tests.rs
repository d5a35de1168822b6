//! Steps are exactly what a naive reading of all samples makes of them, and memory has a bound.

use proptest::prelude::*;

use super::*;
use crate::history::bin::Spread;

const KEY: Key = Key::System;

fn container() -> Key {
    Key::Container("ab".repeat(32).parse().unwrap())
}

fn retention(hours: [u64; 4]) -> Retention {
    Retention(hours.map(|hours| std::time::Duration::from_secs(hours * 3600)))
}

/// A counter in the first column and a gauge in the first column, the others absent.
fn sample(key: Key, counter: Option<u64>, gauge: Option<u64>) -> Sample {
    let mut sample = Sample { counters: vec![None; key.counters()], gauges: vec![None; key.gauges()] };
    sample.counters[0] = counter;
    sample.gauges[0] = gauge;
    sample
}

type Samples = Vec<(i64, Option<u64>, Option<u64>)>;

/// Samples some seconds apart, now and then with a gap of hours.
fn samples() -> impl Strategy<Value = Samples> {
    let apart = prop_oneof![9 => 1..20_000_i64, 1 => 1..20_000_000_i64];
    let counter = proptest::option::weighted(0.9, prop_oneof![0..1_000_u64, any::<u64>()]);
    let gauge = proptest::option::weighted(0.9, prop_oneof![0..100_u64, 0..1_u64 << 52]);
    proptest::collection::vec((apart, counter, gauge), 1..300).prop_map(|steps| {
        let mut at = 1_700_000_000_000;
        let later = |(apart, counter, gauge)| {
            at += apart;
            (at, counter, gauge)
        };
        steps.into_iter().map(later).collect()
    })
}

fn filled(samples: &Samples) -> Store {
    let (mut store, mut rows) = (Store::new(retention([24 * 365; 4]), usize::MAX), Vec::new());
    for (at, counter, gauge) in samples {
        store.append(*at, container(), None, &sample(container(), *counter, *gauge), &mut rows);
        store.close(*at, &mut rows);
    }
    store
}

/// End of a step, time passed, growth, and of the gauge count, min, max, last, mean and deviation.
#[derive(Debug, Default, PartialEq)]
struct Naive {
    elapsed: i64,
    growth: Option<u64>,
    values: Vec<u64>,
}

fn naive(samples: &Samples, step: i64) -> BTreeMap<i64, Naive> {
    let mut steps = BTreeMap::<i64, Naive>::new();
    let (mut last_at, mut last_counter) = (None, None);
    for (at, counter, gauge) in samples {
        let end = (*at + step - 1) / step * step;
        let one = steps.entry(end).or_default();
        one.elapsed += at - last_at.unwrap_or(*at);
        last_at = Some(*at);
        if let Some(now) = *counter
            && let Some(before) = last_counter.replace(now)
        {
            let growth = if now < before { now } else { now - before };
            one.growth = Some(one.growth.unwrap_or(0).saturating_add(growth));
        }
        one.values.extend(gauge);
    }
    steps
}

fn check(bins: &[Bin], naive: &BTreeMap<i64, Naive>) {
    assert_eq!(bins.iter().map(|bin| bin.at).collect::<Vec<_>>(), naive.keys().copied().collect::<Vec<_>>());
    for (bin, one) in bins.iter().zip(naive.values()) {
        assert_eq!(bin.elapsed_ms as i64, one.elapsed);
        assert_eq!(bin.counters[0], one.growth);
        let Some(Spread { count, min, max, last, above, squares }) = bin.gauges[0] else {
            assert!(one.values.is_empty());
            continue;
        };
        let lowest = *one.values.iter().min().unwrap();
        let over = |value: &u64| u128::from(value - lowest);
        let expected = Spread {
            count: one.values.len() as u64,
            min: lowest,
            max: *one.values.iter().max().unwrap(),
            last: *one.values.last().unwrap(),
            above: one.values.iter().map(over).sum(),
            squares: one.values.iter().map(|value| over(value).pow(2)).sum(),
        };
        assert_eq!(Spread { count, min, max, last, above, squares }, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_step_is_what_its_samples_make(samples in samples()) {
        let store = filled(&samples);
        for step in [Step::Minute, Step::Minutes5, Step::Hour] {
            let bins = store.span(container(), step, 0, i64::MAX / 4).unwrap().bins();
            check(&bins, &naive(&samples, step.milliseconds()));
        }
    }

    #[test]
    fn what_is_not_over_is_made_anew_of_the_rows(samples in samples()) {
        let mut store = filled(&samples);
        let ask = |store: &Store, step| store.span(container(), step, 0, i64::MAX / 4).unwrap().bins();
        let before = Step::ALL.map(|step| ask(&store, step));
        let mut rows = Vec::new();
        store.rebuild(&mut rows);
        prop_assert!(rows.is_empty(), "nothing was over that had not been closed");
        prop_assert_eq!(before, Step::ALL.map(|step| ask(&store, step)));
        // And it goes on as if nothing had been.
        let mut more = samples.clone();
        let last = samples.last().unwrap().0;
        for n in 1..50 {
            more.push((last + n * 5_000, Some(n as u64), Some(7)));
            let sample = sample(container(), Some(n as u64), Some(7));
            store.append(last + n * 5_000, container(), None, &sample, &mut rows);
            store.close(last + n * 5_000, &mut rows);
        }
        check(&ask(&store, Step::Minute), &naive(&more, 60_000));
    }
}

#[test]
fn the_finest_step_has_rates_from_its_first_sample_on_if_there_was_one_before() {
    let samples: Samples = (0..100).map(|n| (n * 5_000, Some(n as u64 * 10), Some(1))).collect();
    let store = filled(&samples);
    let bins = store.span(container(), Step::Seconds5, 100_000, 110_000).unwrap().bins();
    let seen: Vec<_> = bins.iter().map(|bin| (bin.at, bin.elapsed_ms, bin.counters[0])).collect();
    assert_eq!(
        seen,
        [(105_000, 5_000, Some(10)), (110_000, 5_000, Some(10))],
        "after from, up to and with to"
    );
}

#[test]
fn old_rows_go_step_by_step_and_a_series_without_rows_goes_with_them() {
    let mut store = filled(&(0..3_000).map(|n| (n * 5_000, Some(n as u64), Some(1))).collect());
    store.retention = retention([1, 2, 3, 4]);
    let end = 3_000 * 5_000;
    store.expire(end);
    let oldest = |step| store.span(container(), step, 0, i64::MAX / 4).unwrap().bins()[0].at;
    assert!(oldest(Step::Seconds5) >= end - 3_600_000 - 120 * 5_000);
    assert!(oldest(Step::Minute) >= end - 2 * 3_600_000 - 120 * 60_000);
    assert_eq!(oldest(Step::Hour), 3_600_000);
    store.expire(end + 30 * 3_600_000);
    assert_eq!(store.len(), 0);
}

#[test]
fn memory_is_bounded_and_the_newest_stays() {
    let (mut store, mut rows) = (Store::new(retention([24; 4]), 400_000), Vec::new());
    let mut noise = 1_u64;
    for n in 0..20_000_i64 {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        for key in [KEY, container()] {
            let mut sample = Sample { counters: vec![Some(noise >> 20); key.counters()], gauges: Vec::new() };
            sample.gauges = vec![Some(noise >> 30); key.gauges()];
            store.append(n * 5_000, key, None, &sample, &mut rows);
        }
        store.close(n * 5_000, &mut rows);
        rows.clear();
        store.bound();
        let taken: usize = store.subjects.values().map(Subject::memory).sum();
        assert!(taken <= 400_000 && taken == store.memory(), "{taken}");
    }
    assert!(store.forgotten > 0);
    assert_eq!(store.newest(), Some(19_999 * 5_000));
    assert_eq!(store.steps(KEY).len(), 4, "of every step something is left");
}

#[test]
fn series_that_are_gone_make_room() {
    let (mut store, mut rows) = (Store::new(retention([24; 4]), 100_000), Vec::new());
    for n in 0..50_u32 {
        let key = Key::Container(format!("{n:064x}").parse().unwrap());
        store.append(i64::from(n) * 5_000, key, None, &sample(key, Some(1), None), &mut rows);
        store.bound();
        assert!(store.memory() <= 100_000);
        assert!(store.subjects.contains_key(&key));
    }
}
