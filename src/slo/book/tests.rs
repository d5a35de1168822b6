//! Which promises hold, for whom, and what is refused.

use super::*;
use crate::config::{Target, Whose};
use crate::inventory::Status;

fn id(digit: &str) -> ContainerId {
    digit.repeat(64).parse().unwrap()
}

fn value(text: &str) -> LabelValue {
    LabelValue::clean(text)
}

fn shop(user: &str) -> Tenant {
    Tenant::claimed(Some(user), Some("shop"), Some("core"))
}

fn container(digit: &str, user: &str, labels: &[(&str, &str)]) -> Container {
    let mut container = Container::new(id(digit), Status::Running);
    container.name = value(&format!("c{digit}"));
    container.tenant = shop(user);
    container.restart_policy = "always".to_owned();
    container.labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    container
}

fn snapshot(containers: &[Container]) -> Snapshot {
    let containers = containers.iter().map(|one| (one.id, Arc::new(one.clone())));
    Snapshot { containers: containers.collect(), ..Snapshot::default() }
}

fn promise(of: Counted, percent: &str) -> Promise {
    Promise { target: Target::percent(percent).unwrap(), of }
}

fn objective(whose: Whose, of: Counted, percent: &str) -> Objective {
    Objective { whose, promise: promise(of, percent) }
}

/// What holds: user, service, name, percent.
fn held(book: &Book) -> Vec<(String, String, String, String)> {
    let held = book.held().map(|one| {
        let Key { tenant, service, slo } = one.key;
        let text = |value: &LabelValue| value.as_str().to_owned();
        (text(&tenant.user), text(service), text(slo), one.promise.target.to_string())
    });
    held.collect()
}

fn row(user: &str, service: &str, slo: &str, percent: &str) -> (String, String, String, String) {
    (user.to_owned(), service.to_owned(), slo.to_owned(), percent.to_owned())
}

#[test]
fn a_container_s_labels_are_for_the_services_of_its_programs_and_nobody_else_s() {
    let mut book = Book::default();
    let labels = [("dockmeter.slo.availability", "99.9")];
    book.see(&snapshot(&[container("1", "ann", &labels)]), Duration::ZERO);
    assert_eq!(held(&book), [], "nobody knows what it serves");
    assert_eq!(book.tallies(&shop("ann"), &value("api"), Some(id("1"))).len(), 1);
    assert_eq!(held(&book), [row("ann", "api", "availability", "99.9")]);
    // Another replica of the service, which has no label, is of the same key.
    assert_eq!(book.tallies(&shop("ann"), &value("api"), Some(id("2"))).len(), 1);
    // A program in the container that sends for somebody else makes no promise in that name.
    assert_eq!(book.tallies(&shop("bob"), &value("api"), Some(id("1"))).len(), 0);
    assert_eq!(book.tallies(&shop("ann"), &value("other"), None).len(), 0);
    book.see(&snapshot(&[]), Duration::ZERO);
    assert_eq!(held(&book), []);
}

#[test]
fn programs_without_a_name_have_that_of_compose_or_of_their_container() {
    let mut book = Book::default();
    let label = ("dockmeter.slo.availability", "99.9");
    let compose = container("1", "ann", &[label, ("com.docker.compose.service", "web")]);
    book.see(&snapshot(&[compose, container("2", "ann", &[label])]), Duration::ZERO);
    for digit in ["1", "2"] {
        assert_eq!(book.tallies(&shop("ann"), &value(""), Some(id(digit))).len(), 1);
    }
    let expected = ["c2", "web"].map(|service| row("ann", service, "availability", "99.9"));
    assert_eq!(held(&book), expected);
}

#[test]
fn the_configuration_means_whom_it_names() {
    let mut book = Book::default();
    let project = Whose { project: Some(value("shop")), ..Whose::default() };
    let only = Whose {
        user: Some(value("eve")),
        project: Some(value("bank")),
        team: Some(value("core")),
        service: Some(value("pay")),
    };
    book.configure(vec![
        objective(project, Counted::Availability, "99"),
        objective(only, Counted::Latency(Duration::from_millis(500)), "95"),
    ]);
    assert_eq!(held(&book), [row("eve", "pay", "latency", "95")], "there from the beginning");
    let bank = Tenant::claimed(Some("eve"), Some("bank"), Some("core"));
    assert_eq!(book.tallies(&shop("ann"), &value("api"), None).len(), 1);
    assert_eq!(book.tallies(&bank, &value("web"), None).len(), 0);
    assert_eq!(held(&book).len(), 2);
}

#[test]
fn of_two_that_disagree_the_stricter_holds_and_that_is_counted() {
    let mut book = Book::default();
    let slow = Counted::Latency(Duration::from_secs(1));
    let fast = Counted::Latency(Duration::from_millis(100));
    book.configure(vec![
        objective(Whose::default(), Counted::Availability, "99"),
        objective(Whose::default(), slow, "95"),
        objective(Whose::default(), fast.clone(), "95"),
    ]);
    let labels = [("dockmeter.slo.availability", "99.9"), ("dockmeter.slo.latency", "95")];
    let labels = [&labels[..], &[("dockmeter.slo.latency.threshold", "1s")]].concat();
    book.see(&snapshot(&[container("1", "ann", &labels)]), Duration::ZERO);
    book.tallies(&shop("ann"), &value("api"), Some(id("1")));
    let of = |book: &Book, name: &str| {
        let found = book.held().find(|one| one.key.slo.as_str() == name).unwrap();
        (found.promise.clone(), found.conflicts)
    };
    assert_eq!(of(&book, "availability"), (promise(Counted::Availability, "99.9"), 1));
    assert_eq!(of(&book, "latency"), (promise(fast, "95"), 1));
    book.see(&snapshot(&[]), Duration::ZERO);
    assert_eq!(of(&book, "availability"), (promise(Counted::Availability, "99"), 1));
    book.see(&snapshot(&[container("3", "ann", &labels)]), Duration::ZERO);
    book.tallies(&shop("ann"), &value("api"), Some(id("3")));
    assert_eq!(of(&book, "availability").1, 2, "they disagree anew");
}

#[test]
fn seconds_of_containers_are_added_up_by_service() {
    let mut book = Book::default();
    let labels = [("dockmeter.slo.uptime", "99.5"), ("com.docker.compose.service", "web")];
    let (mut one, two) = (container("1", "ann", &labels), container("2", "ann", &labels));
    let no_label = container("3", "ann", &[("com.docker.compose.service", "web")]);
    let see = |book: &mut Book, containers: &[Container], second| {
        book.see(&snapshot(containers), Duration::from_secs(second));
    };
    see(&mut book, &[one.clone(), two.clone(), no_label.clone()], 0);
    one.state.status = Status::Exited;
    see(&mut book, &[one.clone(), two.clone(), no_label], 100);
    see(&mut book, &[one, two.clone()], 110);
    see(&mut book, &[two], 150);
    let held: Vec<_> = book.held().collect();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].events, Events { all: 2.0 * 100.0 + 2.0 * 10.0 + 40.0, bad: 10.0 });
    let now = book.containers(Duration::from_secs(150));
    assert_eq!(now.into_values().collect::<Vec<_>>(), [Now { expected: 1, down: 0, gone: 0 }]);
}

#[test]
fn the_configuration_promises_uptime_of_what_the_engine_keeps_up() {
    let mut book = Book::default();
    book.configure(vec![objective(Whose::default(), Counted::Uptime, "99")]);
    let kept = container("1", "ann", &[]);
    let mut once = container("2", "ann", &[]);
    once.restart_policy = "no".to_owned();
    book.see(&snapshot(&[kept.clone(), once.clone()]), Duration::ZERO);
    book.see(&snapshot(&[kept, once]), Duration::from_secs(7));
    assert_eq!(held(&book), [row("ann", "c1", "uptime", "99")]);
    assert_eq!(book.held().next().unwrap().events, Events { all: 7.0, bad: 0.0 });
    assert!(book.refused().is_empty(), "nobody asked for more");
}

#[test]
fn counters_go_on_when_a_promise_comes_back() {
    let mut book = Book::default();
    let labels = [("dockmeter.slo.availability", "99.9")];
    book.see(&snapshot(&[container("1", "ann", &labels)]), Duration::ZERO);
    let tally = book.tallies(&shop("ann"), &value("api"), Some(id("1"))).remove(0);
    tally.add(Events { all: 10.0, bad: 1.0 });
    book.see(&snapshot(&[]), Duration::ZERO);
    book.see(&snapshot(&[container("2", "ann", &labels)]), Duration::ZERO);
    let again = book.tallies(&shop("ann"), &value("api"), Some(id("2")));
    assert_eq!(again[0].events(), Events { all: 10.0, bad: 1.0 });
    // Who is away for longer begins anew, as a counter that nobody has seen for long.
    book.see(&snapshot(&[]), Duration::from_secs(10));
    book.see(&snapshot(&[]), KEPT + Duration::from_secs(11));
    book.see(&snapshot(&[container("3", "ann", &labels)]), KEPT * 2);
    let anew = book.tallies(&shop("ann"), &value("api"), Some(id("3")));
    assert_eq!(anew[0].events(), Events::default());
}

#[test]
fn what_is_refused_is_counted_once_and_the_rest_holds() {
    let mut book = Book::default();
    let labels = [("dockmeter.slo.availability", "100"), ("dockmeter.slo.uptime", "99")];
    for second in 0..3 {
        let mut container = container("1", "ann", &labels);
        container.state.run = second;
        book.see(&snapshot(&[container]), Duration::from_secs(second));
    }
    assert_eq!(held(&book), [row("ann", "c1", "uptime", "99")]);
    assert_eq!(*book.refused(), BTreeMap::from([((shop("ann"), "target"), 1)]));
}

#[test]
fn one_tenant_s_promises_are_bounded() {
    let mut book = Book::default();
    book.configure(vec![objective(Whose::default(), Counted::Availability, "99")]);
    for number in 0..MOST_OF_TENANT + 3 {
        book.tallies(&shop("ann"), &value(&format!("s{number:05}")), None);
    }
    book.tallies(&shop("bob"), &value("api"), None);
    assert_eq!(book.held().count(), MOST_OF_TENANT + 1);
    assert_eq!(book.refused()[&(shop("ann"), "limit")], 3);
}
