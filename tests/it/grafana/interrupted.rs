//! Whatever state a Grafana is in, and wherever a run was cut off, one more run ends in the same
//! state, in which nothing is left to do.

use std::collections::BTreeMap;
use std::time::Duration;

use dockmeter::config::{Config, Sources, Upstream};
use dockmeter::grafana::{
    Bundle, Dashboard, Grafana, MARK, Options, Progress, RuleGroup, State, Wanted, apply, known_members,
    make_plan, wanted,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::standin::{Cut, Manners, Standin};
use super::world::{Who, World};
use super::{CONFIGURATION, dashboards};

/// Nothing here passes by itself, so there is nothing to wait for.
const PAUSE: Duration = Duration::from_millis(1);

struct Bed {
    standin: Standin,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Bed {
    fn new() -> Self {
        Bed {
            standin: Standin::start(Manners::default()),
            folder: tempfile::tempdir().unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    fn config(&self, text: &str) -> Config {
        let file = self.folder.path().join("dockmeter.yml");
        std::fs::write(&file, text).unwrap();
        Sources { default_file: Some(file), ..Sources::default() }.load().unwrap()
    }

    fn grafana(&self) -> Grafana {
        let upstream = Upstream { url: Some(self.standin.url()), ..Upstream::default() };
        Grafana::new(&upstream).unwrap().pausing(PAUSE)
    }

    fn wanted(&self, text: &str) -> Vec<Wanted> {
        let config = self.config(text);
        let mut wanted = wanted(&config, &bundle()).unwrap();
        self.runtime.block_on(known_members(&self.grafana(), &mut wanted)).unwrap();
        wanted
    }

    fn state(&self) -> State {
        State::read(&self.folder.path().join("state.json"), &self.standin.url()).unwrap()
    }

    /// Applies to the end; what is blocked is left alone.
    fn apply(&self, wanted: &[Wanted]) {
        let outcome = self
            .runtime
            .block_on(apply(&self.grafana(), wanted, &mut self.state(), Options::default(), &mut |_| {}))
            .unwrap();
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
    }

    /// What is left to do, and what is blocked.
    fn left(&self, wanted: &[Wanted]) -> (Vec<String>, usize) {
        let (grafana, state) = (self.grafana(), self.state());
        let plan =
            self.runtime.block_on(make_plan(&grafana, wanted, &state, Options::default(), &mut |_| {}));
        let plan = plan.unwrap();
        let actions = plan.actions.iter().map(|action| format!("{action:?}")).collect();
        (actions, plan.blocked.len())
    }
}

pub(super) fn bundle() -> Bundle {
    let dashboards =
        dashboards().map(|json| Dashboard { uid: json["uid"].as_str().unwrap().to_owned(), json }).into();
    let rule = |uid: &str| {
        json!({
            "uid": uid, "title": uid, "condition": "A", "noDataState": "OK", "execErrState": "OK", "for": "5m",
            "labels": {MARK.0: MARK.1},
            "notification_settings": {"receiver": "dockmeter-alertmanager"},
            "data": [{"refId": "A", "datasourceUid": "dockmeter-prometheus", "relativeTimeRange": {"from": 300, "to": 0},
                "model": {"expr": "up == 0", "refId": "A", "instant": true}}],
        })
    };
    let group = |folder: &str, name: &str, rules: Vec<Value>| RuleGroup {
        folder: folder.to_owned(),
        name: name.to_owned(),
        interval_seconds: 60,
        rules,
    };
    let rule_groups = vec![
        group("dockmeter-platform", "hosts", vec![rule("dockmeter-a"), rule("dockmeter-b")]),
        group("dockmeter-team-core", "containers", vec![rule("dockmeter-c")]),
    ];
    Bundle { dashboards, rule_groups }
}

/// What can be compared of two worlds: versions and numbers grow with every try.
fn essence(world: &World) -> Value {
    let names = |id: &u64| world.teams.get(id).map(|team| team.name.clone()).unwrap_or_default();
    let who = |who: &Who| match who {
        Who::Team(id) => format!("team {}", names(id)),
        other => format!("{other:?}"),
    };
    let without = |value: &Value, gone: &[&str]| {
        let mut value = value.clone();
        gone.iter().for_each(|name| drop(value.as_object_mut().map(|fields| fields.remove(*name))));
        value
    };
    json!({
        "teams": world.teams.values().map(|team| json!([team.name, team.members])).collect::<Vec<_>>(),
        "folders": world.folders.iter().map(|(uid, folder)| json!([uid, folder.title, folder.parent,
            folder.rights.iter().map(|(one, level)| json!([who(one), level])).collect::<Vec<_>>()])).collect::<Vec<_>>(),
        "sources": world.sources.values().map(|source| without(source, &["id", "version"])).collect::<Vec<_>>(),
        "dashboards": world.dashboards.iter().map(|(uid, one)| json!([uid, one.folder, one.json])).collect::<Vec<_>>(),
        "templates": world.templates, "timings": world.timings, "points": world.points, "tree": world.tree,
        "groups": world.groups.iter().map(|(key, group)| json!([key.0, key.1, group.interval,
            group.rules.iter().map(|rule| without(rule, &["id", "updated"])).collect::<Vec<_>>()])).collect::<Vec<_>>(),
    })
}

/// Applies until the line is cut at a write, then once more; and so for every write.
fn cut_at_every_write(cut: Cut) {
    let reference = Bed::new();
    let wanted = reference.wanted(CONFIGURATION);
    reference.apply(&wanted);
    let writes = reference.standin.calls().iter().filter(|call| call.method != "GET").count();
    let expected = reference.standin.with(|world| essence(world));
    assert!(writes > 20, "{writes}");
    for at in 0..writes {
        let bed = Bed::new();
        bed.standin.behave(Manners { cut: Some((at, cut)), ..Manners::default() });
        let (grafana, mut state) = (bed.grafana(), bed.state());
        let tell = &mut |_: Progress<'_>| {};
        bed.runtime.block_on(async {
            tokio::select! {
                outcome = apply(&grafana, &wanted, &mut state, Options::default(), tell) => {
                    panic!("it was not cut at write {at}: {outcome:?}")
                }
                () = bed.standin.cut() => {}
            }
        });
        bed.standin.behave(Manners::default());
        bed.apply(&wanted);
        assert_eq!(bed.standin.with(|world| essence(world)), expected, "cut at write {at}");
        assert_eq!(bed.left(&wanted), (Vec::new(), 0), "cut at write {at}");
        // What was made before the cut is known as ours, so all of it goes.
        bed.apply(&[]);
        let left = bed.standin.with(|world| essence(world));
        assert_eq!(left["teams"], json!([]), "cut at write {at}");
        assert_eq!(left["folders"], json!([]), "cut at write {at}");
    }
}

#[test]
fn a_run_that_was_cut_before_any_write_is_finished_by_the_next() {
    cut_at_every_write(Cut::Before);
}

#[test]
fn a_run_that_was_cut_after_any_write_is_finished_by_the_next() {
    cut_at_every_write(Cut::After);
}

#[test]
fn a_destroy_that_was_cut_is_finished_by_the_next() {
    let whole = Bed::new();
    let wanted = whole.wanted(CONFIGURATION);
    whole.apply(&wanted);
    whole.standin.calls();
    whole.apply(&[]);
    let writes = whole.standin.calls().iter().filter(|call| call.method != "GET").count();
    for at in 0..writes {
        let cut = if at % 2 == 0 { Cut::Before } else { Cut::After };
        let bed = Bed::new();
        bed.apply(&wanted);
        bed.standin.behave(Manners { cut: Some((at, cut)), ..Manners::default() });
        let (grafana, mut state) = (bed.grafana(), bed.state());
        let tell = &mut |_: Progress<'_>| {};
        bed.runtime.block_on(async {
            tokio::select! {
                outcome = apply(&grafana, &[], &mut state, Options::default(), tell) => {
                    panic!("it was not cut at write {at}: {outcome:?}")
                }
                () = bed.standin.cut() => {}
            }
        });
        bed.standin.behave(Manners::default());
        bed.apply(&[]);
        assert_eq!(bed.left(&[]), (Vec::new(), 0), "cut at write {at}");
        assert!(
            bed.standin.with(|world| world.folders.is_empty() && world.teams.is_empty()),
            "cut at write {at}"
        );
    }
}

/// What somebody may have done.
#[derive(Clone, Debug)]
enum Deed {
    RenameFolder(usize),
    MoveFolder(usize),
    RemoveFolder(usize),
    Grant(usize, u64),
    EditDashboard(usize),
    MoveDashboard(usize),
    RemoveDashboard(usize),
    Untag(usize),
    StrangersDashboard(bool),
    EditSource(usize),
    RemoveSource(usize),
    EditRule(usize),
    EditInterval(usize),
    RemoveGroup(usize),
    StrangersRule,
    EditPoint(usize),
    EditTemplate(usize),
    RemoveTiming,
    Tree(bool),
    LeaveTeam(usize),
    RemoveTeam(usize),
    LockSource(usize),
    LoseState,
    Configure,
}

fn deed() -> impl Strategy<Value = Deed> {
    let at = 0..6_usize;
    prop_oneof![
        at.clone().prop_map(Deed::RenameFolder),
        at.clone().prop_map(Deed::MoveFolder),
        at.clone().prop_map(Deed::RemoveFolder),
        (at.clone(), prop::sample::select(vec![1, 2, 4])).prop_map(|(at, level)| Deed::Grant(at, level)),
        at.clone().prop_map(Deed::EditDashboard),
        at.clone().prop_map(Deed::MoveDashboard),
        at.clone().prop_map(Deed::RemoveDashboard),
        at.clone().prop_map(Deed::Untag),
        any::<bool>().prop_map(Deed::StrangersDashboard),
        at.clone().prop_map(Deed::EditSource),
        at.clone().prop_map(Deed::RemoveSource),
        at.clone().prop_map(Deed::EditRule),
        at.clone().prop_map(Deed::EditInterval),
        at.clone().prop_map(Deed::RemoveGroup),
        Just(Deed::StrangersRule),
        at.clone().prop_map(Deed::EditPoint),
        at.clone().prop_map(Deed::EditTemplate),
        Just(Deed::RemoveTiming),
        any::<bool>().prop_map(Deed::Tree),
        at.clone().prop_map(Deed::LeaveTeam),
        at.clone().prop_map(Deed::RemoveTeam),
        at.prop_map(Deed::LockSource),
        Just(Deed::LoseState),
        Just(Deed::Configure),
    ]
}

/// Changes one of a map's values, if there is any.
fn change<K: Ord, V>(map: &mut BTreeMap<K, V>, at: usize, change: impl FnOnce(&mut V)) {
    let count = map.len().max(1);
    if let Some(value) = map.values_mut().nth(at % count) {
        change(value);
    }
}

/// Removes one of them.
fn remove<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, at: usize) -> Option<K> {
    let key = map.keys().nth(at % map.len().max(1)).cloned()?;
    map.remove(&key);
    Some(key)
}

impl Deed {
    fn done(&self, world: &mut World) {
        match self {
            Deed::RenameFolder(at) => {
                change(&mut world.folders, *at, |folder| folder.title = "theirs".to_owned())
            }
            Deed::MoveFolder(at) => {
                change(&mut world.folders, *at, |folder| folder.parent = "elsewhere".to_owned())
            }
            Deed::RemoveFolder(at) => {
                if let Some(uid) = remove(&mut world.folders, *at) {
                    world.dashboards.retain(|_, one| one.folder != uid);
                    world.groups.retain(|(folder, _), _| *folder != uid);
                }
            }
            Deed::Grant(at, level) => change(&mut world.folders, *at, |folder| {
                folder.rights.insert(Who::Role("Viewer".to_owned()), *level);
            }),
            Deed::EditDashboard(at) => change(&mut world.dashboards, *at, |one| {
                one.json["description"] = json!("mine");
                one.version += 1;
            }),
            Deed::MoveDashboard(at) => change(&mut world.dashboards, *at, |one| one.folder = String::new()),
            Deed::RemoveDashboard(at) => drop(remove(&mut world.dashboards, *at)),
            Deed::Untag(at) => change(&mut world.dashboards, *at, |one| one.json["tags"] = json!(["theirs"])),
            Deed::StrangersDashboard(tagged) => {
                if let Some(mut theirs) = world.dashboards.values().next().cloned() {
                    theirs.json["uid"] = json!("theirs");
                    theirs.json["tags"] = if *tagged { json!(["dockmeter"]) } else { json!([]) };
                    theirs.folder = String::new();
                    world.dashboards.insert("theirs".to_owned(), theirs);
                }
            }
            Deed::EditSource(at) => {
                change(&mut world.sources, *at, |one| one["jsonData"]["timeInterval"] = json!("1h"))
            }
            Deed::RemoveSource(at) => drop(remove(&mut world.sources, *at)),
            Deed::EditRule(at) => change(&mut world.groups, *at, |group| {
                group.rules.iter_mut().take(1).for_each(|rule| rule["for"] = json!("1h"));
            }),
            Deed::EditInterval(at) => change(&mut world.groups, *at, |group| group.interval = 120),
            Deed::RemoveGroup(at) => drop(remove(&mut world.groups, *at)),
            Deed::StrangersRule => {
                let theirs = json!({"uid": "theirs", "title": "theirs", "data": [], "provenance": "", "orgID": 1,
                    "folderUID": "elsewhere", "ruleGroup": "theirs", "condition": "A", "noDataState": "OK",
                    "execErrState": "OK", "for": "0s"});
                let group = super::world::Group { interval: 60, rules: vec![theirs] };
                world.groups.insert(("elsewhere".to_owned(), "theirs".to_owned()), group);
            }
            Deed::EditPoint(at) => {
                change(&mut world.points, *at, |one| one["disableResolveMessage"] = json!(true))
            }
            Deed::EditTemplate(at) => {
                change(&mut world.templates, *at, |one| one["template"] = json!("theirs"))
            }
            Deed::RemoveTiming => {
                // Only what no branch names can be removed.
                world.tree["routes"] = json!([]);
                world.timings.clear();
            }
            Deed::Tree(keep) => {
                let theirs = json!({"receiver": "empty", "object_matchers": [["a", "=", "b"]]});
                let mut routes = vec![theirs];
                if *keep {
                    routes.extend(world.tree["routes"].as_array().cloned().unwrap_or_default());
                }
                world.tree["routes"] = Value::Array(routes);
            }
            Deed::LeaveTeam(at) => change(&mut world.teams, *at, |team| team.members.clear()),
            Deed::RemoveTeam(at) => {
                if let Some(id) = remove(&mut world.teams, *at) {
                    for folder in world.folders.values_mut() {
                        folder.rights.remove(&Who::Team(id));
                    }
                }
            }
            Deed::LockSource(at) => change(&mut world.sources, *at, |one| one["readOnly"] = json!(true)),
            Deed::LoseState | Deed::Configure => {}
        }
    }
}

/// What is somebody else's.
fn strangers(world: &World) -> Value {
    let routes = world.tree["routes"].as_array().cloned().unwrap_or_default();
    let theirs: Vec<Value> = routes
        .into_iter()
        .filter(|route| !route["object_matchers"].to_string().contains("managed_by"))
        .collect();
    json!([
        world.dashboards.get("theirs").map(|one| one.json.clone()),
        world.groups.get(&("elsewhere".to_owned(), "theirs".to_owned())).map(|group| group.rules.clone()),
        theirs,
    ])
}

#[test]
fn from_any_state_one_run_leaves_nothing_to_do_and_what_is_anothers_as_it_was() {
    let config = ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let strategy = prop::collection::vec(prop::collection::vec(deed(), 0..8), 1..3);
    let held = runner.run(&strategy, |rounds| {
        let bed = Bed::new();
        let mut configuration = CONFIGURATION.to_owned();
        let mut wanted = bed.wanted(&configuration);
        bed.apply(&wanted);
        for deeds in &rounds {
            bed.standin.with(|world| deeds.iter().for_each(|deed| deed.done(world)));
            if deeds.iter().any(|deed| matches!(deed, Deed::LoseState)) {
                let _ = std::fs::remove_file(bed.folder.path().join("state.json"));
            }
            if deeds.iter().any(|deed| matches!(deed, Deed::Configure)) {
                configuration = configuration.replace("http://ops", "http://other");
                wanted = bed.wanted(&configuration);
            }
            let before = bed.standin.with(|world| strangers(world));
            bed.apply(&wanted);
            let (left, _) = bed.left(&wanted);
            prop_assert_eq!(left, Vec::<String>::new());
            prop_assert_eq!(bed.standin.with(|world| strangers(world)), before);
        }
        bed.apply(&[]);
        let (left, _) = bed.left(&[]);
        prop_assert_eq!(left, Vec::<String>::new());
        Ok(())
    });
    held.unwrap();
}
