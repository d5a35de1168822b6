//! The whole watcher against a small engine on a socket.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::super::fake::{Engine, Reply};
use super::*;
use crate::inventory::{Container, ContainerId, EngineInfo, Operation, Performed, Snapshot, Status};
use crate::tenant::{EngineResources, Facts, Resources, Tenant};

/// Rules for tests: the label `team`, unless it is the image's; `renamed` changes them.
#[derive(Default)]
struct Rules {
    renamed: AtomicBool,
}

impl Attribution for Rules {
    fn tenant(&self, facts: &Facts<'_>) -> Tenant {
        let team = facts.labels.get("team");
        let team = team.filter(|_| facts.image_labels.is_none_or(|labels| labels.get("team") != team));
        let user = facts.cgroup.filter(|text| text.contains("user-1000")).map(|_| "ann");
        let project = self.renamed.load(Ordering::Relaxed).then_some("new");
        Tenant::claimed(user, project, team.map(String::as_str))
    }

    fn reserved(&self, _: &Facts<'_>, engine: &EngineResources) -> Resources {
        engine.reservations
    }

    fn observes(&self, facts: &Facts<'_>, _: &str) -> bool {
        let name = facts.name;
        name != "hidden"
    }
}

fn id(number: u8) -> ContainerId {
    format!("{number:02x}").repeat(32).parse().unwrap()
}

fn listed(engine: &Engine, containers: &[(u8, &str)]) {
    let summary = |(number, name): &(u8, &str)| {
        let id = id(*number).to_string();
        json!({"Id": id, "Names": [format!("/{name}")], "ImageID": "sha256:bb", "State": "running"})
    };
    let list: Vec<_> = containers.iter().map(summary).collect();
    engine.reply("/v1.51/containers/json", Reply::Body(200, json!(list).to_string()));
}

fn running(engine: &Engine, number: u8, name: &str, pid: u32) {
    let inspect = json!({
        "Name": format!("/{name}"), "Image": "sha256:bb",
        "State": {"Status": "running", "Pid": pid, "StartedAt": "2026-01-01T00:00:00Z"},
        "Config": {"Image": "bb", "Labels": {"team": "core"}},
    });
    engine.reply(&format!("/v1.51/containers/{}/json", id(number)), Reply::Body(200, inspect.to_string()));
}

fn image(engine: &Engine, labels: serde_json::Value) {
    engine.reply(
        "/v1.51/images/sha256:bb/json",
        Reply::Body(200, json!({"Config": {"Labels": labels}}).to_string()),
    );
}

fn event(number: u8, action: &str) -> Vec<u8> {
    let event = json!({"Type": "container", "Action": action, "time": 1_800_000_000,
        "Actor": {"ID": id(number).to_string(), "Attributes": {"name": "one", "image": "bb", "exitCode": "3"}}});
    format!("{event}\n").into_bytes()
}

/// A watcher, its inventory, and a way to wait for a change of it.
struct Watched {
    inventory: Arc<Inventory>,
    watcher: Watcher,
    cancel: CancellationToken,
    changed: watch::Receiver<()>,
}

impl Watched {
    fn new(engine: &Engine, rules: Arc<Rules>, paths: Paths) -> Self {
        let host = engine.endpoint();
        Watched::with(config::Docker { host, ..config::Docker::default() }, rules, paths)
    }

    fn with(engine: config::Docker, rules: Arc<Rules>, paths: Paths) -> Self {
        let inventory = Arc::new(Inventory::default());
        let (sender, changed) = watch::channel(());
        inventory.on_change(Box::new(move || sender.send_replace(())));
        let options = Options { engine, ..Options::default() };
        let cancel = CancellationToken::new();
        let watcher = Watcher::spawn(options, inventory.clone(), rules, paths, cancel.clone());
        Watched { inventory, watcher, cancel, changed }
    }

    fn plain(engine: &Engine) -> Self {
        Watched::new(engine, Arc::default(), Paths { procfs: "/nowhere".into(), ..Paths::default() })
    }

    /// Every team that a container ever had.
    fn watch_team(&self, number: u8) -> Arc<Mutex<BTreeSet<String>>> {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let (inventory, teams) = (Arc::downgrade(&self.inventory), seen.clone());
        self.inventory.on_change(Box::new(move || {
            let snapshot = inventory.upgrade().map(|inventory| inventory.snapshot());
            let team = snapshot.as_ref().and_then(|snapshot| team(snapshot, number));
            teams.lock().unwrap().extend(team.map(str::to_owned));
        }));
        seen
    }

    async fn until(&mut self, fits: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let waiting = async {
            loop {
                let snapshot = self.inventory.snapshot();
                if fits(&snapshot) {
                    return snapshot;
                }
                self.changed.changed().await.unwrap();
            }
        };
        let result = tokio::time::timeout(Duration::from_secs(3600), waiting).await;
        result.unwrap_or_else(|_| panic!("this never came to be: {:?}", self.inventory))
    }
}

fn container(snapshot: &Snapshot, number: u8) -> Option<&Container> {
    snapshot.containers.get(&id(number)).map(Arc::as_ref)
}

fn team(snapshot: &Snapshot, number: u8) -> Option<&str> {
    container(snapshot, number).map(|container| container.tenant.team.as_str())
}

#[tokio::test(start_paused = true)]
async fn containers_are_known_from_the_list_and_from_events() {
    let engine = Engine::start();
    listed(&engine, &[(1, "one")]);
    running(&engine, 1, "one", 7);
    running(&engine, 2, "two", 8);
    image(&engine, json!({}));
    let mut watched = Watched::plain(&engine);
    watched.until(|snapshot| snapshot.engine.connected && team(snapshot, 1) == Some("core")).await;
    engine.send(&event(2, "start"));
    engine.send(&event(1, "die"));
    let snapshot = watched.until(|snapshot| team(snapshot, 2) == Some("core")).await;
    assert_eq!(container(&snapshot, 2).unwrap().state.pid, Some(8));
    let snapshot = watched.until(|snapshot| container(snapshot, 1).unwrap().state.pid.is_none()).await;
    let state = &container(&snapshot, 1).unwrap().state;
    assert_eq!((&state.status, state.exit_code), (&Status::Exited, Some(3)));
    assert_eq!(snapshot.engine.version.as_deref(), Some("Docker Engine 28.5.2"));
    let (hits, misses) = watched.inventory.lookups.totals();
    assert_eq!((hits, misses), (1, 3), "a death; two containers and an image");
}

#[tokio::test(start_paused = true)]
async fn a_label_of_the_image_is_never_believed_not_even_for_a_moment() {
    let engine = Engine::start();
    listed(&engine, &[(1, "one")]);
    running(&engine, 1, "one", 7);
    image(&engine, json!({"team": "core"}));
    let mut watched = Watched::plain(&engine);
    let seen = watched.watch_team(1);
    let asked = || engine.asked().iter().any(|path| path.contains("/images/"));
    watched.until(|snapshot| asked() && container(snapshot, 1).is_some()).await;
    engine.send(&event(1, "destroy"));
    watched.until(|snapshot| snapshot.containers.is_empty() && snapshot.engine.ever_connected).await;
    assert_eq!(*seen.lock().unwrap(), BTreeSet::from(["unknown".to_owned()]));
}

/// An event at a time of its own.
fn event_at(number: u8, action: &str, milliseconds: i64) -> Vec<u8> {
    let event = json!({"Type": "container", "Action": action, "timeNano": milliseconds * 1_000_000,
        "Actor": {"ID": id(number).to_string(), "Attributes": {"name": "one", "image": "bb", "signal": "15"}}});
    format!("{event}\n").into_bytes()
}

#[tokio::test(start_paused = true)]
async fn work_is_attributed_to_whom_the_container_is_and_never_by_a_label_of_the_image() {
    for (labels, team) in [(json!({}), Some("core")), (json!({"team": "core"}), None)] {
        let engine = Engine::start();
        listed(&engine, &[(1, "one"), (2, "hidden")]);
        running(&engine, 1, "one", 7);
        running(&engine, 2, "hidden", 8);
        image(&engine, labels);
        let mut watched = Watched::plain(&engine);
        watched.until(|snapshot| container(snapshot, 1).is_some()).await;
        for number in [1, 2] {
            engine.send(&event_at(number, "kill", 1_800_000_001_000));
            engine.send(&event_at(number, "stop", 1_800_000_003_500));
        }
        engine.send(&event_at(1, "die", 1_800_000_003_600));
        let over = |one: &Container| one.tenant_known && one.state.status == Status::Exited;
        watched.until(|snapshot| container(snapshot, 1).is_some_and(over)).await;
        let tenant = Tenant::claimed(None, None, team);
        let stop = Performed { tenant, operation: Operation::Stop, took: Duration::from_millis(2_500) };
        assert_eq!(watched.inventory.operations.take(), [stop], "and what is not observed is left out");
    }
}

#[tokio::test(start_paused = true)]
async fn containers_that_are_not_observed_are_not_in_the_inventory() {
    let engine = Engine::start();
    listed(&engine, &[(1, "hidden"), (2, "two")]);
    running(&engine, 1, "hidden", 7);
    running(&engine, 2, "two", 8);
    let mut watched = Watched::plain(&engine);
    let snapshot = watched.until(|snapshot| container(snapshot, 2).is_some()).await;
    assert!(container(&snapshot, 1).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_cgroup_of_the_init_is_read_once_and_rules_can_be_asked_again() {
    let proc = tempfile::tempdir().unwrap();
    std::fs::create_dir(proc.path().join("7")).unwrap();
    let cgroup = format!("0::/user.slice/user-1000.slice/docker-{}.scope\n", id(1));
    std::fs::write(proc.path().join("7/cgroup"), cgroup).unwrap();
    let engine = Engine::start();
    listed(&engine, &[(1, "one")]);
    running(&engine, 1, "one", 7);
    image(&engine, json!({}));
    let rules = Arc::new(Rules::default());
    let paths = Paths { procfs: proc.path().into(), ..Paths::default() };
    let mut watched = Watched::new(&engine, rules.clone(), paths);
    let user = |snapshot: &Snapshot| container(snapshot, 1).map(|one| one.tenant.user.to_string());
    watched.until(|snapshot| user(snapshot).as_deref() == Some("ann")).await;
    std::fs::remove_dir_all(proc.path().join("7")).unwrap();
    rules.renamed.store(true, Ordering::Relaxed);
    watched.watcher.reattribute();
    let project = |snapshot: &Snapshot| container(snapshot, 1).map(|one| one.tenant.project.to_string());
    let snapshot = watched.until(|snapshot| project(snapshot).as_deref() == Some("new")).await;
    assert_eq!(user(&snapshot).as_deref(), Some("ann"));
    watched.watcher.attribute_by(Arc::new(Rules::default()));
    watched.until(|snapshot| project(snapshot).as_deref() == Some("unknown")).await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_comes_later_goes_away_and_comes_back_is_waited_for() {
    let mut engine = Engine::start();
    engine.stop();
    let mut watched = Watched::plain(&engine);
    watched.until(|snapshot| snapshot.engine.last_error.is_some()).await;
    assert!(!watched.inventory.snapshot().engine.ever_connected);
    listed(&engine, &[(1, "one")]);
    running(&engine, 1, "one", 7);
    engine.restart();
    watched.until(|snapshot| container(snapshot, 1).is_some()).await;
    engine.stop();
    let snapshot = watched.until(|snapshot| !snapshot.engine.connected).await;
    assert!(container(&snapshot, 1).is_some_and(|one| one.state.is_live()), "what is known is served on");
    running(&engine, 1, "one", 9);
    engine.restart();
    watched.until(|snapshot| snapshot.engine.connected).await;
    watched.until(|snapshot| container(snapshot, 1).is_some_and(|one| one.state.pid == Some(9))).await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_or_talks_nonsense_is_lost_and_found_again() {
    let engine = Engine::start();
    let mut watched = Watched::plain(&engine);
    watched.until(|snapshot| snapshot.engine.connected).await;
    for (reply, error) in [
        (Reply::Nothing, "no full answer within"),
        (Reply::Raw(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), "invalid HTTP"),
        (Reply::Body(200, "[".into()), "could not be understood"),
    ] {
        engine.reply("/version", reply.clone());
        engine.reply("/_ping", reply);
        let said = |snapshot: &Snapshot| {
            snapshot.engine.last_error.as_ref().is_some_and(|text| text.contains(error))
        };
        let snapshot = watched.until(said).await;
        assert!(!snapshot.engine.connected && snapshot.engine.ever_connected);
    }
    engine.reply("/version", Reply::Body(200, r#"{"ApiVersion":"1.51"}"#.into()));
    engine.reply("/_ping", Reply::Body(200, "OK".into()));
    watched.until(|snapshot| snapshot.engine.connected).await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_container_lingers_and_then_leaves() {
    let engine = Engine::start();
    listed(&engine, &[(1, "one")]);
    running(&engine, 1, "one", 7);
    let mut watched = Watched::plain(&engine);
    watched.until(|snapshot| container(snapshot, 1).is_some()).await;
    let before = Instant::now();
    engine.send(&event(1, "destroy"));
    watched.until(|snapshot| container(snapshot, 1).is_some_and(|one| one.removed_at.is_some())).await;
    watched.until(|snapshot| snapshot.containers.is_empty()).await;
    assert!(before.elapsed() >= DEFAULT_LINGER);
}

#[tokio::test(start_paused = true)]
async fn the_engine_describes_itself_once_a_connection() {
    let mut engine = Engine::start();
    let info = |root: &str| json!({"DockerRootDir": root, "Driver": "overlay2"}).to_string();
    engine.reply("/v1.51/info", Reply::Body(200, info("/srv/docker")));
    let mut watched = Watched::plain(&engine);
    let root = |snapshot: &Snapshot| snapshot.storage.data_root.clone();
    let snapshot = watched.until(|snapshot| root(snapshot).as_deref() == Some("/srv/docker")).await;
    assert_eq!(snapshot.facts.info.as_ref().unwrap().storage_driver.as_str(), "overlay2");
    watched.until(|snapshot| snapshot.engine.connected).await;
    let asked = |what: &str| engine.asked().iter().filter(|path| path.contains(what)).count();
    assert!(asked("/info") <= asked("/version"), "{:?}", engine.asked());
    engine.stop();
    watched.until(|snapshot| !snapshot.engine.connected).await;
    engine.reply("/v1.51/info", Reply::Body(500, "{}".into()));
    engine.restart();
    watched.until(|snapshot| snapshot.engine.connected).await;
    engine.reply("/v1.51/info", Reply::Body(200, info("/moved")));
    watched.until(|snapshot| root(snapshot).as_deref() == Some("/moved")).await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_does_not_describe_itself_is_known_to_have_been_asked() {
    let engine = Engine::start();
    engine.reply("/v1.51/info", Reply::Body(403, "{}".into()));
    let mut watched = Watched::plain(&engine);
    let snapshot = watched.until(|snapshot| snapshot.facts.info.is_some()).await;
    assert_eq!(snapshot.facts.info, Some(EngineInfo::default()));
}

#[tokio::test(start_paused = true)]
async fn events_are_counted_by_type_and_action_and_only_those_of_containers_change_them() {
    let engine = Engine::start();
    listed(&engine, &[(1, "one")]);
    running(&engine, 1, "one", 7);
    let mut watched = Watched::plain(&engine);
    watched.until(|snapshot| container(snapshot, 1).is_some()).await;
    for (kind, action) in
        [("image", "pull"), ("volume", "create"), ("volume", "create"), ("plugin", "enable")]
    {
        engine
            .send(format!("{}\n", json!({"Type": kind, "Action": action, "Actor": {"ID": "x"}})).as_bytes());
    }
    engine.send(&event(1, "die"));
    watched.until(|snapshot| container(snapshot, 1).unwrap().state.pid.is_none()).await;
    let totals = watched.inventory.activity.totals();
    let seen: Vec<_> =
        crate::inventory::EVENTS.iter().zip(totals.events).filter(|(_, count)| *count > 0).collect();
    let expected = [
        (&("container", "die"), 1),
        (&("image", "pull"), 1),
        (&("volume", "create"), 2),
        (&("other", "other"), 1),
    ];
    assert_eq!(seen, expected);
    assert!(totals.calls.iter().any(|(call, totals)| call.as_str() == "inspect" && totals.answered == 1));
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_the_task() {
    let engine = Engine::start();
    let watched = Watched::plain(&engine);
    watched.cancel.cancel();
    watched.watcher.into_task().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn where_nobody_said_where_the_engine_is_another_socket_will_do() {
    let engine = Engine::start();
    listed(&engine, &[(1, "one")]);
    running(&engine, 1, "one", 7);
    let Endpoint::Unix(socket) = engine.endpoint() else { unreachable!("the small engine has a socket") };
    let docker = config::Docker {
        host: Endpoint::Unix("/no/such/docker.sock".into()),
        elsewhere: vec!["/no/such/rootless.sock".into(), socket],
        ..config::Docker::default()
    };
    let paths = Paths { procfs: "/nowhere".into(), ..Paths::default() };
    let mut watched = Watched::with(docker, Arc::default(), paths);
    watched.until(|snapshot| container(snapshot, 1).is_some()).await;
}
