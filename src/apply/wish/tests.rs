//! Files of recommendations, good and bad, and what is chosen of them.

use super::*;
use crate::tenant::Dimension;

fn file(scope: &str, change: &str) -> String {
    format!(
        r#"{{"recommendations":[{{"id":"x","kind":"cpu_limit","scope":{scope},"change":{change},"expires_at":"2026-10-01T00:00:00Z"}}]}}"#
    )
}

const SCOPE: &str = r#"{"user":"ann","container":"web"}"#;

#[test]
fn what_the_report_writes_is_read() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/rightsize.json");
    let wishes = read(&std::fs::read_to_string(golden).unwrap()).unwrap();
    let told = |wish: &Wish| Some((wish.scope.container.clone()?, wish.target?));
    let told: Vec<_> = wishes.iter().filter_map(told).collect();
    let mebibytes = |count: f64| count * 1_048_576.0;
    let (killed, throttled) = ("killed".to_owned(), "throttled".to_owned());
    let memory = Target { setting: Setting::MemoryLimit, from: Some(mebibytes(100.0)), to: mebibytes(128.0) };
    let cpu = Target { setting: Setting::CpuLimit, from: Some(0.5), to: 0.7 };
    assert_eq!(told, [(killed, memory), (throttled, cpu)]);
    assert!(wishes.iter().all(|wish| !wish.effect.is_empty() && wish.expires_at > Timestamp::UNIX_EPOCH));
}

#[test]
fn a_file_that_makes_no_sense_is_refused_with_the_place() {
    let reason = |text: &str| read(text).unwrap_err().to_string();
    assert!(reason("[]").contains("this is not what `dockmeter report rightsize --format=json`"));
    assert!(reason("{").contains("line 1 column 1"));
    for (change, expected) in [
        (r#"{"setting":"cpu_limit"}"#, "recommendations[0]: `change.to_cores` is missing"),
        (r#"{"setting":"cpu_limit","to_cores":0}"#, "`change.to_cores` has to be above 0"),
        (r#"{"setting":"cpu_limit","to_cores":1e30}"#, "no more than any machine has"),
        (r#"{"setting":"cpu_limit","from_cores":-1,"to_cores":1}"#, "`change.from_cores` has to be above 0"),
    ] {
        assert!(reason(&file(SCOPE, change)).contains(expected), "{change}");
    }
    let cpu = r#"{"setting":"cpu_limit","to_cores":1}"#;
    assert!(reason(&file("{}", cpu)).contains("does not say which container"));
    let forever = file(SCOPE, cpu).replace("2026-10-01T00:00:00Z", "soon");
    assert!(reason(&forever).contains("`soon` is not a time"));
    let memory = reason(&file(SCOPE, r#"{"setting":"memory_limit","to_bytes":1e9}"#));
    assert!(memory.contains("`kind` is `cpu_limit`, and `change.setting` is `memory_limit`"), "{memory}");
    let without = file(SCOPE, cpu).replace(r#","expires_at":"2026-10-01T00:00:00Z""#, "");
    assert!(reason(&without).contains("expires_at"));
    let one = file(SCOPE, cpu);
    let (head, rest) = one.split_once('[').unwrap();
    let entry = rest.strip_suffix("]}").unwrap();
    let twice = reason(&format!("{head}[{entry},{entry}]}}"));
    assert!(twice.starts_with("recommendations[1]: recommendations[0] is about the same"), "{twice}");
}

#[test]
fn what_is_no_setting_of_a_container_is_read_and_has_no_target() {
    let pool = file(SCOPE, r#"{"setting":"pool_size","to_connections":5}"#);
    assert_eq!(read(&pool).unwrap()[0].target, None);
    let none = read(&file("{}", "null")).unwrap();
    assert_eq!((none.len(), none[0].target), (1, None));
}

#[test]
fn only_what_is_chosen_is_chosen() {
    let wish = &read(&file(SCOPE, r#"{"setting":"cpu_limit","to_cores":1}"#)).unwrap()[0];
    let all = Selection::default();
    assert!(all.chooses(wish) && !all.is_said());
    let of = |user: &str| Selection {
        tenants: Narrowing::default().to(Dimension::User, [user.to_owned()]),
        ..Selection::default()
    };
    assert!(of("ann").chooses(wish) && !of("bob").chooses(wish) && of("bob").is_said());
    let named = |name: &str| Selection { containers: [name.to_owned()].into(), ..Selection::default() };
    assert!(named("web").chooses(wish) && !named("we").chooses(wish));
    let set = |setting| Selection { settings: [setting].into(), ..Selection::default() };
    assert!(set(Setting::CpuLimit).chooses(wish) && !set(Setting::MemoryLimit).chooses(wish));
    let both = Selection { containers: named("web").containers, ..of("bob") };
    assert!(!both.chooses(wish), "every part has to fit");
    let wishes = [wish.clone()];
    let missing = named("db");
    assert_eq!(missing.unheard(&wishes).collect::<Vec<_>>(), ["db"]);
    // What names no user is of nobody who is chosen by one.
    let nobody = Wish { scope: Scope::default(), ..wish.clone() };
    assert!(!of("ann").chooses(&nobody));
}
