//! What is remembered, for how long, and what becomes of files that cannot be read.

use super::*;
use crate::analysis::finding::{Severity, Window};
use crate::analysis::recommendation::{Action, Confidence, Effect, Effort};

const DAY_MS: i64 = 86_400_000;

fn said(user: &str, kind: Kind, change: Option<Change>) -> Recommendation {
    let scope = Scope { user: Some(user.to_owned()), container: Some("api".into()), ..Scope::default() };
    Recommendation {
        id: crate::analysis::recommendation::id(kind, &scope, None),
        kind,
        severity: Severity::High,
        scope,
        sentence: "raise it".into(),
        evidence: vec![Evidence {
            metric: "m".into(),
            value: 3.0,
            threshold: Some(2.0),
            window: Window { from: 0, to: 1 },
            samples: 1,
        }],
        change,
        action: Action::default(),
        effect: Effect::new("", "", []),
        effort: Effort::Low,
        confidence: Confidence::certain(),
        risk: String::new(),
        verify: Verify { promql: "up".into(), expect: "1".into() },
        expires_at_ms: 0,
    }
}

fn limit(from: f64, to: f64) -> Recommendation {
    let change = Change::CpuLimit { from_cores: Some(from), to_cores: to };
    said("ann", Kind::CpuLimit, Some(change))
}

#[test]
fn what_was_said_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    Ledger::open(Some(folder.path())).remember(&[limit(0.5, 0.8)], 7);
    let again = Ledger::open(Some(folder.path())).entries(8);
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].recommended_at_ms, again[0].change), (7, limit(0.5, 0.8).change));
    assert_eq!(again[0].evidence, limit(0.5, 0.8).evidence);
}

#[test]
fn each_is_remembered_once_until_its_setting_has_changed_and_more_is_said() {
    let ledger = Ledger::default();
    for (found, many) in [
        (limit(0.5, 0.8), 1),
        // A little more was used since, and the setting is as it was.
        (limit(0.5, 0.95), 1),
        // It was applied, and the same is said in another way.
        (limit(0.7, 0.79), 1),
        // It was applied, and is too little.
        (limit(0.8, 1.2), 2),
        (limit(0.8, 1.2), 2),
    ] {
        ledger.remember(std::slice::from_ref(&found), 0);
        let is_more = ledger.entries(0).len();
        assert_eq!(is_more, many, "{:?}", found.change);
    }
}

#[test]
fn what_was_over_for_days_is_another_when_it_comes_back() {
    let ledger = Ledger::default();
    let slow = said("ann", Kind::ResponseTime, None);
    for day in 0..4 {
        ledger.remember(std::slice::from_ref(&slow), day * DAY_MS);
    }
    assert_eq!(ledger.entries(4 * DAY_MS).len(), 1, "it was said every day");
    ledger.remember(&[slow], 9 * DAY_MS);
    assert_eq!(ledger.entries(9 * DAY_MS).len(), 2);
}

#[test]
fn what_is_old_goes_and_nobody_pushes_out_what_is_another_s() {
    let ledger = Ledger::default();
    ledger.remember(&[limit(0.5, 0.8)], 0);
    assert_eq!(ledger.entries(35 * DAY_MS).len(), 1);
    assert!(ledger.entries(35 * DAY_MS + 1).is_empty());

    let mut entries = Vec::new();
    note(&mut entries, &said("bob", Kind::CpuLimit, None), 0);
    for kind in [Kind::CpuLimit, Kind::MemoryLimit, Kind::HealthCheck, Kind::RestartPolicy] {
        note(&mut entries, &said("ann", kind, None), 0);
    }
    bound(&mut entries, 3);
    let left: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(left, ["cpu_limit/bob////api", "cpu_limit/ann////api", "memory_limit/ann////api"]);
}

#[test]
fn a_file_that_cannot_be_read_is_put_aside_and_begun_anew() {
    for text in ["", "no JSON", "{\"version\": 1}", "{\"version\": 9, \"recommendations\": []}"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        assert!(read(folder.path()).is_err(), "{text}");
        let ledger = Ledger::open(Some(folder.path()));
        assert!(ledger.entries(0).is_empty(), "{text}");
        assert_eq!(fs::read_to_string(folder.path().join(BROKEN)).unwrap(), text);
        ledger.remember(&[limit(0.5, 0.8)], 0);
        assert_eq!(read(folder.path()).unwrap().len(), 1, "{text}");
    }
}

#[test]
fn what_cannot_be_written_is_kept_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no-folder");
    fs::write(&file, "").unwrap();
    let ledger = Ledger::open(Some(&file));
    ledger.remember(&[limit(0.5, 0.8)], 0);
    assert_eq!(ledger.entries(0).len(), 1);
}
