//! Containers that are as they were recommended something, and such that are not.

use super::*;
use crate::inventory::EngineSettings;
use crate::tenant::{LabelValue, Tenant};

fn id(digit: char) -> ContainerId {
    digit.to_string().repeat(64).parse().unwrap()
}

fn found(name: &str, digit: char, user: &str) -> Found {
    Found {
        id: id(digit),
        name: LabelValue::clean(name),
        tenant: Tenant::claimed(Some(user), Some("shop"), Some("core")),
        settings: EngineSettings {
            nano_cpus: 2_000_000_000,
            memory: 1 << 30,
            memory_swap: 1 << 31,
            ..EngineSettings::default()
        },
        status: Status::Running,
        restarts: 0,
        oom_killed: false,
        exit_code: None,
        started_at: None,
    }
}

fn wish(name: &str, user: &str, setting: Setting, from: f64, to: f64) -> Wish {
    Wish {
        id: format!("{}/{name}", setting.name()),
        kind: setting.name().to_owned(),
        scope: Scope { user: Some(user.into()), container: Some(name.into()), ..Scope::default() },
        target: Some(Target { setting, from: Some(from), to }),
        effect: String::new(),
        risk: String::new(),
        expires_at: "2026-10-08T00:00:00Z".parse().unwrap(),
    }
}

fn cpu(name: &str, user: &str) -> Wish {
    wish(name, user, Setting::CpuLimit, 2.0, 0.5)
}

fn known(containers: Vec<Found>) -> Known {
    let working_sets = containers.iter().map(|found| (found.id, 10 << 20)).collect();
    Known { containers, working_sets, unfinished: BTreeMap::new() }
}

fn planned(wishes: &[Wish], known: &Known) -> Plan {
    plan(wishes, known, "2026-10-01T00:00:00Z".parse().unwrap())
}

fn only_reason(plan: &Plan) -> &str {
    assert!(plan.steps.is_empty(), "{plan:?}");
    &plan.left_alone[0].reason
}

#[test]
fn all_that_is_wanted_of_a_container_is_one_step_and_others_are_none() {
    let known = known(vec![found("web", 'a', "ann"), found("db", 'b', "ann")]);
    let memory = wish("web", "ann", Setting::MemoryLimit, (1 << 30) as f64, (1 << 28) as f64);
    let plan = planned(&[cpu("web", "ann"), memory], &known);
    assert_eq!((plan.steps.len(), plan.left_alone.len()), (1, 0));
    let step = &plan.steps[0];
    assert_eq!((step.container.id, step.wishes.len()), (id('a'), 2));
    let cores = (Setting::CpuLimit, Some(2.0), Some(0.5));
    let bytes = (Setting::MemoryLimit, Some((1 << 30) as f64), Some((1 << 28) as f64));
    assert_eq!(step.changes(), [cores, bytes]);
}

#[test]
fn of_two_changes_the_one_that_may_be_made_is_made() {
    let mut known = known(vec![found("web", 'a', "ann")]);
    known.working_sets.insert(id('a'), 1 << 29);
    let memory = wish("web", "ann", Setting::MemoryLimit, (1 << 30) as f64, (1 << 28) as f64);
    let plan = planned(&[memory, cpu("web", "ann")], &known);
    assert_eq!(plan.steps[0].update, EngineUpdate { nano_cpus: Some(500_000_000), ..Default::default() });
    assert_eq!((plan.steps[0].wishes.len(), plan.left_alone.len()), (1, 1));
    assert!(plan.left_alone[0].reason.contains("it uses 512 MiB now"));
}

#[test]
fn what_is_not_what_it_was_is_left_alone_and_said_why() {
    let web = || found("web", 'a', "ann");
    let reason = |wish: Wish, known: Known| only_reason(&planned(&[wish], &known)).to_owned();
    assert!(reason(cpu("db", "ann"), known(vec![web()])).contains("not on this engine"));
    assert_eq!(
        reason(cpu("web", "bob"), known(vec![web()])),
        "changed since: the user of this container is `ann` and not `bob`"
    );
    let stopped = Found { status: Status::Exited, ..web() };
    assert!(reason(cpu("web", "ann"), known(vec![stopped])).contains("it is `exited`"));
    let unfinished = Known { unfinished: [(id('a'), 7)].into(), ..known(vec![web()]) };
    assert!(reason(cpu("web", "ann"), unfinished).contains("undo --id=7"));
    let old = Wish { expires_at: "2026-09-30T00:00:00Z".parse().unwrap(), ..cpu("web", "ann") };
    assert!(reason(old, known(vec![web()])).starts_with("expired at 2026-09-30"));
    let pool = Wish { target: None, kind: "pool_size".into(), ..cpu("web", "ann") };
    assert!(reason(pool, known(vec![web()])).starts_with("by hand"));
}

#[test]
fn a_container_that_is_meant_twice_is_changed_once() {
    let other = Wish {
        scope: Scope { project: Some("shop".into()), ..cpu("web", "ann").scope },
        ..cpu("web", "ann")
    };
    let plan = planned(&[cpu("web", "ann"), other], &known(vec![found("web", 'a', "ann")]));
    assert_eq!((plan.steps.len(), plan.left_alone.len()), (1, 1));
}
