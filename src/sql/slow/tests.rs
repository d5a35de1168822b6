//! Who keeps which statements in the list, and what is added up.

use super::*;
use crate::sql::{Dialect, sanitise};

fn tenant(user: &str) -> Tenant {
    Tenant::claimed(Some(user), None, None)
}

fn program() -> Source {
    Source::Program { service: LabelValue::clean("shop") }
}

fn server(address: &str) -> Source {
    Source::Server { server: LabelValue::clean(address), database: LabelValue::clean("app") }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// Notes a statement of a user who sends it himself.
fn note(list: &SlowQueries, user: &str, text: &str, seconds: f64, now: i64) -> bool {
    let (tenant, source) = (tenant(user), program());
    let caller = Caller { sender: &tenant, tenant: &tenant, source: &source, system: "postgresql" };
    list.note(caller, &sanitise(text, Dialect::PostgreSql), Calls::one(seconds), at(now))
}

fn texts(list: &SlowQueries, user: &str) -> Vec<String> {
    let user = tenant(user);
    list.list(|tenant| *tenant == user, at(0)).into_iter().map(|query| query.text).collect()
}

/// A name made of letters for a number, since digits are not told apart.
fn name(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

#[test]
fn calls_that_differ_in_values_only_are_one_statement() {
    let list = SlowQueries::default();
    assert!(note(&list, "ann", "SELECT * FROM t WHERE id = 1", 1.5, 0));
    assert!(note(&list, "ann", "select * from t where id = 22", 1.0, 7));
    assert!(!note(&list, "ann", "SELECT * FROM t WHERE id = 3", 0.999, 8), "not slow");
    assert!(!note(&list, "ann", "SELECT * FROM t WHERE id = 3", f64::NAN, 8));
    assert!(!note(&list, "ann", "SELECT * FROM t WHERE id = 3", f64::INFINITY, 8));
    let told = list.list(|_| true, at(9));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].text, "SELECT * FROM t WHERE id = ?");
    assert_eq!(told[0].calls, Calls { count: 2, total: 2.5, max: 1.5, last: 1.0 });
    assert_eq!((told[0].first_seen, told[0].last_seen), (at(0), at(7)));
}

#[test]
fn nobody_pushes_out_what_another_has_sent() {
    let list = SlowQueries::default();
    note(&list, "ann", "SELECT * FROM hers", 1.0, 0);
    for number in 0..MOST_OF_ONE * 3 {
        note(&list, "bob", &format!("SELECT * FROM t_{}", name(number)), 1000.0, 0);
    }
    assert_eq!(texts(&list, "bob").len(), MOST_OF_ONE);
    for number in 0..MOST / MOST_OF_ONE * 2 {
        for table in 0..MOST_OF_ONE {
            note(&list, &format!("u{number}"), &format!("SELECT * FROM t_{}", name(table)), 1000.0, 0);
        }
    }
    assert_eq!(list.list(|_| true, at(0)).len(), MOST);
    assert_eq!(texts(&list, "ann"), ["SELECT * FROM hers"]);
    let last = texts(&list, &format!("u{}", MOST / MOST_OF_ONE * 2 - 1)).len();
    assert!(last >= MOST_OF_ONE / 3, "who comes last has a fair share, too: {last}");
}

#[test]
fn users_whom_a_delegate_names_share_what_the_delegate_has() {
    let list = SlowQueries::default();
    let (sender, source) = (tenant("shop"), program());
    for number in 0..MOST_OF_ONE * 2 {
        let user = tenant(&format!("u{number}"));
        let caller = Caller { sender: &sender, tenant: &user, source: &source, system: "mysql" };
        list.note(caller, &sanitise("SELECT 1", Dialect::MySql), Calls::one(2.0), at(0));
    }
    assert_eq!(list.list(|_| true, at(0)).len(), MOST_OF_ONE);
}

#[test]
fn what_has_taken_least_goes_first_and_what_is_old_before_that() {
    let list = SlowQueries::default();
    note(&list, "ann", "SELECT * FROM old", 1e6, 0);
    let later = KEPT.as_secs() + 1;
    note(&list, "ann", "SELECT * FROM dear", 500.0, later);
    for number in 0..MOST_OF_ONE {
        note(&list, "ann", &format!("SELECT * FROM t_{}", name(number)), 2.0, later);
    }
    let told = list.list(|_| true, at(later));
    assert_eq!(told.len(), MOST_OF_ONE);
    assert!(told.iter().any(|query| query.text.ends_with("dear")));
    assert!(told.iter().all(|query| !query.text.ends_with("old")));
}

#[test]
fn a_long_text_is_cut() {
    let list = SlowQueries::default();
    let columns: Vec<String> = (0..900).map(name).collect();
    note(&list, "ann", &format!("SELECT {} FROM t", columns.join(", ")), 2.0, 0);
    let text = texts(&list, "ann").remove(0);
    assert!(text.len() <= LONGEST_TEXT + '…'.len_utf8() && text.ends_with('…'), "{}", text.len());
}

#[test]
fn a_server_has_a_share_of_its_own() {
    let list = SlowQueries::default();
    let [program, server] = [program(), server("db:5432")];
    for (source, tables) in [(&server, 0..2), (&program, 0..MOST_OF_ONE * 2)] {
        for table in tables {
            let text = format!("SELECT * FROM t_{}", name(table));
            let ann = tenant("ann");
            let caller = Caller { sender: &ann, tenant: &ann, source, system: "postgresql" };
            list.note(caller, &sanitise(&text, Dialect::PostgreSql), Calls::one(2.0), at(0));
        }
    }
    let of = |source: &Source| list.list(|_| true, at(0)).iter().filter(|one| one.source == *source).count();
    assert_eq!((of(&server), of(&program)), (2, MOST_OF_ONE));
}

#[test]
fn what_is_slow_can_change_and_what_is_not_any_more_goes() {
    let list = SlowQueries::default();
    note(&list, "ann", "SELECT * FROM quick", 1.5, 0);
    note(&list, "ann", "SELECT * FROM slow", 3.0, 0);
    list.set_bound(Duration::from_secs(2));
    assert_eq!(list.bound(), Duration::from_secs(2));
    assert_eq!(texts(&list, "ann"), ["SELECT * FROM slow"]);
    assert!(!note(&list, "ann", "SELECT * FROM quick", 1.5, 0));
    list.set_bound(Duration::from_millis(1));
    assert!(note(&list, "ann", "SELECT * FROM quick", 0.001, 0));
}
