//! Senders within their bounds and beyond them, over time.

use super::*;
use crate::ingest::collector::show;
use crate::ingest::otlp::model::{Attribute, Temporality};
use crate::metrics::Kind;
use crate::metrics::text::{Dialect, TextEncoder};
use crate::metrics::{Family, Sink as _};
use crate::tenant::LabelValue;
use std::time::Duration;

mod classic;
mod overflow;

const LIMITS: Limits = Limits {
    senders_per_tenant: 2,
    metrics_per_tenant: 3,
    series_per_tenant: 10,
    series_per_metric: 5,
    series_total: 15,
    bytes: 1 << 20,
    idle: Duration::from_secs(300),
};

fn sender(user: &str, service: &str) -> Sender {
    Sender {
        tenant: Tenant::claimed(Some(user), Some("shop"), None),
        service: LabelValue::clean(service),
        instance: LabelValue::clean("1"),
    }
}

/// Adds one to a counter; the names of a test are its own, since names are the process's.
fn count(
    store: &Store,
    sender: &Sender,
    name: &str,
    attributes: &[(&'static str, String)],
    now: Instant,
) -> Result<(), Refused> {
    let attributes: Vec<_> = attributes.iter().map(|(key, value)| Attribute::text(*key, value)).collect();
    store.record(sender, None, now, |writer| {
        let stream = writer.stream(name, || Ok((name.to_owned(), Kind::Counter, "Help.".to_owned())))?;
        writer.point(stream, &attributes, Update::Sum(1.0, Temporality::Delta), (0, 0))
    })?
}

fn page(store: &Arc<Store>) -> String {
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    store.walk(Naming::Classic, &mut |visit| match visit {
        Visit::Family(family) => encoder.open(Family::Foreign(family.clone())),
        Visit::Series(labels, value) => show(&mut encoder, labels, value),
    });
    String::from_utf8(encoder.finish()).unwrap()
}

fn store() -> (Arc<Store>, Instant) {
    (Arc::new(Store::new(LIMITS)), Instant::now())
}

#[test]
fn what_senders_count_stands_on_the_page_by_family_and_tenant() {
    let (store, now) = store();
    let route = |route: &str| [("route", route.to_owned())];
    for (user, path) in [("bob", "/b"), ("ann", "/a"), ("ann", "/a")] {
        count(&store, &sender(user, "api"), "store_test_page_total", &route(path), now).unwrap();
    }
    let expected = [
        "# HELP store_test_page_total Help.",
        "# TYPE store_test_page_total counter",
        r#"store_test_page_total{service="api",service_instance="1",user="ann",project="shop",team="unknown",route="/a"} 2"#,
        r#"store_test_page_total{service="api",service_instance="1",user="bob",project="shop",team="unknown",route="/b"} 1"#,
    ];
    assert_eq!(page(&store).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn attributes_in_another_order_are_the_same_series() {
    let (store, now) = store();
    let (a, b) = (("a", "1".to_owned()), ("b", "2".to_owned()));
    let ann = sender("ann", "api");
    for attributes in [[a.clone(), b.clone()], [b, a]] {
        count(&store, &ann, "store_test_order_total", &attributes, now).unwrap();
    }
    assert!(page(&store).ends_with("a=\"1\",b=\"2\"} 2\n"));
    assert_eq!(store.series(), 1);
}

fn number(n: usize) -> [(&'static str, String); 1] {
    [("n", n.to_string())]
}

#[test]
fn a_tenant_that_sends_too_much_hurts_itself_alone() {
    let (store, now) = store();
    let (ann, bob) = (sender("ann", "api"), sender("bob", "api"));
    let of = |sender: &Sender, name: &str, n| count(&store, sender, name, &number(n), now);
    for n in 0..5 {
        of(&ann, "store_test_a_total", n).unwrap();
        of(&ann, "store_test_b_total", n).unwrap();
    }
    of(&ann, "store_test_a_total", 5).unwrap();
    of(&ann, "store_test_a_total", 6).unwrap();
    of(&ann, "store_test_c_total", 0).unwrap();
    let refused = of(&ann, "store_test_d_total", 0).unwrap_err().to_string();
    assert!(refused.contains("metrics of this tenant"), "{refused}");
    of(&ann, "store_test_a_total", 4).unwrap();
    for n in 0..5 {
        of(&bob, "store_test_a_total", n).unwrap();
    }
    of(&bob, "store_test_b_total", 0).unwrap();
    let page = page(&store);
    let overflow = |metric: &str, user: &str, count| {
        let labels =
            format!(r#"service="api",service_instance="1",user="{user}",project="shop",team="unknown""#);
        let line = format!("{metric}{{{labels},overflow=\"true\"}} {count}\n");
        assert!(page.contains(&line), "{line} is not in {page}");
    };
    overflow("store_test_a_total", "ann", 2);
    overflow("store_test_c_total", "ann", 1);
    overflow("store_test_b_total", "bob", 1);
    assert!(!page.contains(r#"user="bob",project="shop",team="unknown",overflow="true"} 2"#));
    let dropped: Vec<u64> = store.dropped().map(|(_, series)| series).collect();
    assert_eq!(dropped, [2, 1, 1, 0], "of the metric, the tenant, all, and for memory");
}

#[test]
fn a_tenant_has_so_many_programs_at_a_time() {
    let (store, now) = store();
    let from = |user: &str, service: &str, now| {
        count(&store, &sender(user, service), "store_test_senders_total", &[], now)
    };
    from("ann", "one", now).unwrap();
    from("ann", "two", now).unwrap();
    assert!(from("ann", "three", now).unwrap_err().to_string().contains("programs of this tenant"));
    from("bob", "one", now).unwrap();
    let later = now + Duration::from_secs(100_000);
    store.expire(later);
    from("ann", "three", later).unwrap();
}

#[test]
fn a_program_that_comes_seldom_is_known_again_and_waited_for() {
    let (store, start) = store();
    let ann = sender("ann", "api");
    let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
    for at in [0, 10] {
        store.expire(minutes(at));
        count(&store, &ann, "store_test_seldom_total", &[], minutes(at)).unwrap();
    }
    store.expire(minutes(39));
    assert_eq!(store.series(), 1, "three times ten minutes are not over");
    store.expire(minutes(41));
    assert_eq!(store.series(), 0);
}

#[test]
fn what_nobody_sends_any_more_goes_and_makes_room() {
    let (store, start) = store();
    let ann = sender("ann", "api");
    for n in 0..5 {
        count(&store, &ann, "store_test_idle_total", &number(n), start).unwrap();
    }
    let later = start + Duration::from_secs(200);
    count(&store, &ann, "store_test_idle_total", &number(3), later).unwrap();
    store.expire(start + Duration::from_secs(400));
    assert_eq!(store.series(), 5, "a sender that comes every 200 s is waited for 600 s");
    let much_later = start + Duration::from_secs(700);
    store.expire(much_later);
    assert_eq!(store.series(), 1);
    count(&store, &ann, "store_test_idle_total", &number(3), much_later).unwrap();
    count(&store, &ann, "store_test_idle_total", &number(4), much_later).unwrap();
    let page = page(&store);
    assert!(page.contains("n=\"3\"} 3") && page.contains("n=\"4\"} 1"), "{page}");
    store.expire(much_later + Duration::from_secs(10_000));
    assert_eq!((store.series(), lock(&store.senders).len(), lock(&store.budgets).len()), (0, 0, 0));
}

#[test]
fn a_series_that_its_sender_ends_is_gone_at_once() {
    let (store, now) = store();
    let ann = sender("ann", "api");
    for n in 0..3 {
        count(&store, &ann, "store_test_end_total", &number(n), now).unwrap();
    }
    let ended = store.record(&ann, None, now, |writer| {
        let stream = writer.stream("store_test_end_total", || unreachable!()).unwrap();
        writer.end(stream, &[Attribute::text("n", "0")]);
    });
    ended.unwrap();
    count(&store, &ann, "store_test_end_total", &number(2), now).unwrap();
    let page = page(&store);
    assert!(
        !page.contains("n=\"0\"") && page.contains("n=\"1\"} 1") && page.contains("n=\"2\"} 2"),
        "{page}"
    );
    assert_eq!(store.series(), 2);
}

#[test]
fn series_go_with_the_container_that_they_came_from_last() {
    let (store, now) = store();
    let container = |digit: &str| -> ContainerId { digit.repeat(64).parse().unwrap() };
    let (first, second) = (container("1"), container("2"));
    let name = "store_test_container_total";
    let is_shown = |user: &str| {
        page(&store).contains(&format!("{name}{{service=\"api\",service_instance=\"1\",user=\"{user}\""))
    };
    for (user, within) in [("ann", Some(first)), ("bob", Some(second)), ("eve", None)] {
        count(&store, &sender(user, "api"), name, &[], now).unwrap();
        store.record(&sender(user, "api"), within, now, |_| ()).unwrap();
    }
    store.forget(&|id| *id == first);
    assert_eq!([is_shown("ann"), is_shown("bob"), is_shown("eve")], [false, true, true]);
    assert_eq!(store.series(), 2, "there is room again");
    // A program that goes on in another container keeps what it has.
    store.record(&sender("bob", "api"), Some(first), now, |_| ()).unwrap();
    store.forget(&|id| *id == second);
    assert!(is_shown("bob"));
}

#[test]
fn a_program_is_shown_with_the_container_that_it_runs_in_as_long_as_it_has_series() {
    let (store, now) = store();
    let id: ContainerId = "a".repeat(64).parse().unwrap();
    let labels = r#"service="api",service_instance="1",user="ann",project="shop",team="unknown""#;
    let programs = |at| {
        let mut found = Vec::new();
        store.programs(at, &mut |shown, container| {
            assert_eq!(String::from_utf8_lossy(shown.rendered()), labels);
            found.push(container);
        });
        found
    };
    count(&store, &sender("ann", "api"), "store_test_home_total", &[], now).unwrap();
    assert_eq!(programs(now), [None]);
    store.record(&sender("ann", "api"), Some(id), now, |writer| writer.runs_in(Some(id))).unwrap();
    assert_eq!(programs(now), [Some(id)]);
    store.expire(now + LIMITS.idle * 2);
    assert_eq!(programs(now), []);
}
