//! Decisions from what is wanted, there and noted.

use serde_json::{Value, json};

use super::*;

fn folder(title: &str) -> Wanted {
    Wanted {
        key: Key::new(Kind::Folder, "dockmeter-platform"),
        title: title.to_owned(),
        body: json!({"title": title, "parent": ""}),
        secrets: None,
    }
}

fn found(wanted: &Wanted, body: Value) -> Found {
    Found {
        key: wanted.key.clone(),
        title: wanted.title.clone(),
        body,
        handle: Value::Null,
        marked: true,
        locked: None,
        saved: Saved { by: "ann".to_owned(), at: "2026-01-01T00:00:00Z".to_owned() },
    }
}

fn verb(decision: &Decision) -> Option<Verb> {
    match decision {
        Decision::Act(action) => Some(action.verb),
        _ => None,
    }
}

#[test]
fn what_is_missing_is_made_what_is_unwanted_and_ours_goes_what_is_anothers_stays() {
    let (wanted, state) = (folder("dockmeter"), State::unsaved());
    let there = found(&wanted, wanted.body.clone());
    let decide = |wanted, found| decide(&there.key, wanted, found, &state, false);
    assert_eq!(verb(&decide(Some(&wanted), None)), Some(Verb::Create));
    assert_eq!(decide(Some(&wanted), Some(&there)), Decision::Nothing(true));
    assert_eq!(verb(&decide(None, Some(&there))), Some(Verb::Delete));
    let anothers = Found { marked: false, ..there.clone() };
    assert_eq!(decide(None, Some(&anothers)), Decision::Nothing(false));
}

#[test]
fn what_is_anothers_or_locked_is_not_changed() {
    let (wanted, state) = (folder("dockmeter"), State::unsaved());
    let other = found(&wanted, json!({"title": "theirs"}));
    let anothers = Found { marked: false, ..other.clone() };
    assert!(matches!(decide(&other.key, Some(&wanted), Some(&anothers), &state, false), Decision::Block(_)));
    assert_eq!(verb(&decide(&other.key, Some(&wanted), Some(&anothers), &state, true)), Some(Verb::Update));
    let locked = Found { locked: Some("a file".to_owned()), ..other };
    for wanted in [Some(&wanted), None] {
        let decided = decide(&locked.key, wanted, Some(&locked), &state, true);
        assert!(matches!(&decided, Decision::Block(blocked) if blocked.reason == "a file"), "{decided:?}");
    }
}

#[test]
fn a_locked_data_source_is_as_good_as_ours_if_it_is_of_the_same_use() {
    let source =
        |body: Value| Wanted { key: Key::new(Kind::DataSource, "dockmeter-prometheus"), body, ..folder("x") };
    let wanted = source(json!({
        "name": "dockmeter Prometheus", "type": "prometheus", "access": "proxy", "url": "http://p:9090",
        "jsonData": {"httpMethod": "POST", "timeInterval": "5s"},
    }));
    let decided = |body: Value| {
        let locked = Found { locked: Some("a file".to_owned()), ..found(&wanted, body) };
        decide(&wanted.key, Some(&wanted), Some(&locked), &State::unsaved(), false)
    };
    let theirs =
        json!({"name": "Prometheus", "type": "prometheus", "access": "proxy", "url": "http://p:9090/"});
    assert_eq!(decided(theirs.clone()), Decision::Nothing(false));
    assert_eq!(decided(wanted.body.clone()), Decision::Nothing(false), "the same in all is not ours either");
    let unwanted = Found { locked: Some("a file".to_owned()), ..found(&wanted, theirs.clone()) };
    assert_eq!(
        decide(&wanted.key, None, Some(&unwanted), &State::unsaved(), false),
        Decision::Nothing(false)
    );
    let mut with_login = theirs.clone();
    with_login["basicAuth"] = json!(true);
    assert_eq!(decided(with_login), Decision::Nothing(false));
    for (field, other) in [("url", json!("http://q:9090")), ("type", json!("loki"))] {
        let mut body = theirs.clone();
        body[field] = other;
        let reason = format!("a file, which has another `{field}`");
        assert!(matches!(decided(body), Decision::Block(blocked) if blocked.reason == reason), "{field}");
    }
}

#[test]
fn a_change_made_in_grafana_is_told_from_one_made_here() {
    let wanted = folder("dockmeter");
    let mut state = State::unsaved();
    let there = found(&wanted, wanted.body.clone());
    state.note(&wanted.key, state.fingerprint(&sent(&wanted)), state.fingerprint(&shown(&there)));
    let cause = |wanted: &Wanted, found: &Found| match decide(
        &wanted.key,
        Some(wanted),
        Some(found),
        &state,
        false,
    ) {
        Decision::Act(action) => Some(action.cause),
        _ => None,
    };
    assert_eq!(cause(&folder("renamed"), &there), Some(Cause::Wanted));
    let drifted = found(&wanted, json!({"title": "mine"}));
    assert_eq!(cause(&wanted, &drifted), Some(Cause::Drift(drifted.saved.clone())));
}

#[test]
fn what_grafana_makes_of_our_words_is_settled_once_it_was_seen() {
    let wanted = Wanted { body: json!({"title": "dockmeter", "url": "HTTP://A"}), ..folder("dockmeter") };
    let there = found(&wanted, json!({"title": "dockmeter", "url": "http://a"}));
    let mut state = State::unsaved();
    assert_eq!(verb(&decide(&wanted.key, Some(&wanted), Some(&there), &state, false)), Some(Verb::Update));
    state.note(&wanted.key, state.fingerprint(&sent(&wanted)), state.fingerprint(&shown(&there)));
    assert_eq!(decide(&wanted.key, Some(&wanted), Some(&there), &state, false), Decision::Nothing(true));
}

#[test]
fn another_secret_is_sent_although_none_is_shown() {
    let secret = |password: &str| Wanted { secrets: Some(json!({"password": password})), ..folder("x") };
    let there = found(&folder("x"), json!({"title": "x"}));
    let mut state = State::unsaved();
    let verb_of =
        |wanted: &Wanted, state: &State| verb(&decide(&wanted.key, Some(wanted), Some(&there), state, false));
    assert_eq!(verb_of(&secret("a"), &state), Some(Verb::Update));
    state.note(&there.key, state.fingerprint(&sent(&secret("a"))), state.fingerprint(&shown(&there)));
    assert_eq!(verb_of(&secret("a"), &state), None);
    assert_eq!(verb_of(&secret("b"), &state), Some(Verb::Update));
}

#[test]
fn things_are_made_in_order_and_removed_in_reverse() {
    let of = |kind: Kind, id: &str| Wanted { key: Key::new(kind, id), ..folder("x") };
    let wanted = [of(Kind::RuleGroup, "f/g"), of(Kind::Folder, "f"), of(Kind::ContactPoint, "c")];
    let live: Live = [of(Kind::Folder, "old"), of(Kind::RuleGroup, "old/g"), of(Kind::Dashboard, "d")]
        .iter()
        .map(|one| (one.key.clone(), found(one, json!({}))))
        .collect();
    let plan = plan(&wanted, &live, &State::unsaved(), false);
    let kinds: Vec<(Verb, Kind)> = plan.actions.iter().map(|action| (action.verb, action.key.kind)).collect();
    let expected = [
        (Verb::Create, Kind::Folder),
        (Verb::Create, Kind::ContactPoint),
        (Verb::Create, Kind::RuleGroup),
        (Verb::Delete, Kind::RuleGroup),
        (Verb::Delete, Kind::Dashboard),
        (Verb::Delete, Kind::Folder),
    ];
    assert_eq!(kinds, expected);
}
