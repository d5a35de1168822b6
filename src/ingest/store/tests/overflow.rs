//! More series than there is room for: what they count is in one, and each thing once.

use super::classic::page_of;
use super::*;
use proptest::prelude::*;

fn tight() -> (Store, Instant) {
    let limits = Limits { series_per_tenant: 4, series_per_metric: 2, metrics_per_tenant: 100, ..LIMITS };
    (Store::new(limits), Instant::now())
}

/// Sends a value of a counter's series.
fn send(
    store: &Store,
    n: usize,
    value: f64,
    temporality: Temporality,
    times: (u64, u64),
    now: Instant,
) -> Result<(), Refused> {
    let name = "store_test_overflow_total";
    store.record(&sender("ann", "api"), None, now, |writer| {
        let stream = writer.stream(name, || Ok((name.to_owned(), Kind::Counter, String::new())))?;
        let sent = [Attribute::text("n", n.to_string())];
        writer.point(stream, &sent, Update::Sum(value, temporality), times)
    })?
}

fn values(store: &Store) -> Vec<f64> {
    let page = page_of(store, Naming::Classic);
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn sums_since_the_start_are_added_up_exactly_while_they_are_remembered() {
    let (store, now) = tight();
    let at = |n, value, times| send(&store, n, value, Temporality::Cumulative, times, now);
    for n in 0..6 {
        at(n, 10.0, (1, 2)).unwrap();
    }
    assert_eq!(values(&store), [10.0, 10.0, 40.0]);
    at(5, 15.0, (1, 3)).unwrap();
    at(5, 15.0, (1, 3)).unwrap();
    assert_eq!(values(&store)[2], 45.0, "sent again, it counts once");
    at(5, 2.0, (4, 5)).unwrap();
    assert_eq!(values(&store)[2], 47.0, "begun anew");
    let refused = at(6, 10.0, (1, 2)).unwrap_err();
    assert_eq!((refused.reason(), values(&store)[2]), ("overflow", 47.0));
    assert!(refused.to_string().contains("differences"), "{refused}");
}

#[test]
fn differences_are_added_up_however_many_series_there_are() {
    let (store, now) = tight();
    for n in 0..1_000 {
        send(&store, n, 1.0, Temporality::Delta, (1, 2), now).unwrap();
    }
    assert_eq!(values(&store), [1.0, 1.0, 998.0]);
    assert_eq!(store.series(), 2);
}

#[test]
fn the_last_value_of_what_is_too_much_says_nothing() {
    let (store, now) = tight();
    let name = "store_test_overflow_gauge";
    let mut refused = 0;
    for n in 0..5 {
        let taken = store.record(&sender("ann", "api"), None, now, |writer| {
            let stream = writer.stream(name, || Ok((name.to_owned(), Kind::Gauge, String::new()))).unwrap();
            writer.point(stream, &[Attribute::text("n", n.to_string())], Update::Last(1.0), (0, 0))
        });
        refused += usize::from(taken.unwrap().is_err());
    }
    assert_eq!(refused, 3);
}

#[test]
fn a_sender_cannot_write_into_what_is_too_much() {
    let (store, now) = tight();
    count(&store, &sender("ann", "api"), "store_test_forged_total", &[("overflow", "true".to_owned())], now)
        .unwrap();
    assert!(page_of(&store, Naming::Classic).contains(r#"exported_overflow="true"} 1"#));
}

#[test]
fn memory_is_bounded_and_given_back() {
    let limits =
        Limits { series_per_tenant: 10_000, series_per_metric: 10_000, series_total: 10_000, ..LIMITS };
    let store = Store::new(Limits { bytes: 80_000, ..limits });
    let now = Instant::now();
    for n in 0..1_000 {
        let long = [("long", format!("{n}{}", "x".repeat(100)))];
        count(&store, &sender("ann", "api"), "store_test_memory_total", &long, now).unwrap();
    }
    assert!(store.series() < 100, "{}", store.series());
    assert!(store.bytes() <= 20_000 + 4_000, "a tenant has a quarter, and the overflow: {}", store.bytes());
    assert!(store.dropped().any(|(full, _)| full == Full::Memory));
    count(&store, &sender("bob", "api"), "store_test_memory_total", &number(1), now).unwrap();
    assert!(page(&Arc::new(store)).contains(r#"user="bob",project="shop",team="unknown",n="1"} 1"#));
}

#[test]
fn all_that_was_taken_is_given_back() {
    let (store, now) = tight();
    for n in 0..6 {
        send(&store, n, 10.0, Temporality::Cumulative, (1, 2), now).unwrap();
    }
    store.expire(now + Duration::from_secs(100_000));
    assert_eq!((store.series(), store.bytes()), (0, 0));
    send(&store, 1, 10.0, Temporality::Cumulative, (1, 2), now).unwrap();
    assert_eq!(values(&store), [10.0]);
}

proptest! {
    /// Whatever order series come in: what all lines tell together is what was taken, once.
    #[test]
    fn every_measurement_that_is_taken_counts_once(
        sends in proptest::collection::vec((0_usize..9, 0_u64..5, any::<bool>()), 1..80)
    ) {
        let (store, now) = tight();
        let mut told = [0_u64; 9];
        let mut refused = [false; 9];
        let mut expected = 0;
        for (clock, (n, more, again)) in (2..).zip(sends) {
            told[n] += more;
            for _ in 0..=usize::from(again) {
                let taken = send(&store, n, told[n] as f64, Temporality::Cumulative, (1, clock), now);
                refused[n] = taken.is_err();
            }
            expected += if refused[n] { 0 } else { more };
            prop_assert_eq!(values(&store).iter().sum::<f64>(), expected as f64);
        }
    }
}
