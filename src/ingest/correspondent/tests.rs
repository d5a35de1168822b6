//! What is found by address and by process, without an engine.

use super::*;
use crate::inventory::{Engine, Network, State, Status};
use crate::tenant::Tenant;

const OURS: &str = "172.17.0.1:4318";

fn id(digit: char) -> ContainerId {
    digit.to_string().repeat(64).parse().unwrap()
}

/// A running container at an address, of a tenant, whose process is this one.
fn container(digit: char, address: &str, user: &str, mode: &str) -> Container {
    let state = State { pid: Some(std::process::id()), ..State::new(Status::Running) };
    let addresses = address.parse().into_iter().collect();
    let network = Network { mode: mode.into(), addresses, ..Network::default() };
    let tenant = Tenant::claimed(Some(user), None, None);
    Container { state, network, tenant, ..Container::new(id(digit), Status::Running) }
}

fn inventory(connected: bool, containers: Vec<Container>) -> Arc<Inventory> {
    let inventory = Inventory::default();
    inventory.update(|snapshot| {
        snapshot.engine = Arc::new(Engine { connected, ..Engine::default() });
        snapshot.containers.extend(containers.into_iter().map(|one| (one.id, Arc::new(one))));
    });
    Arc::new(inventory)
}

fn at(correspondents: &Correspondents, address: &str) -> Correspondent {
    correspondents.of_address(address.parse().unwrap(), OURS.parse().unwrap())
}

async fn found(correspondents: &Correspondents, address: &str) -> &'static str {
    match correspondents.whose(&at(correspondents, address)).await {
        Found::Container(..) => "container",
        Found::Nobody => "nobody",
        Found::NotYet => "not yet",
        Found::OutOfSight => "out of sight",
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_the_host_is_nobodys_at_once() {
    let known = inventory(true, vec![container('a', "172.17.0.1", "ann", "bridge")]);
    let correspondents = Correspondents::new(known, Paths::default(), true);
    let began = Instant::now();
    for address in ["127.0.0.1:5", "[::1]:5", "172.17.0.1:5", "[::ffff:172.17.0.1]:5"] {
        assert_eq!(found(&correspondents, address).await, "nobody", "{address}");
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_waited_for_once() {
    let correspondents = Correspondents::new(inventory(true, vec![]), Paths::default(), true);
    let began = Instant::now();
    assert_eq!(found(&correspondents, "172.17.0.9:5").await, "nobody");
    let waited = began.elapsed();
    assert!(waited >= PATIENCE, "{waited:?}");
    assert_eq!(found(&correspondents, "172.17.0.9:6").await, "nobody");
    assert_eq!(began.elapsed(), waited);
    tokio::time::advance(STRANGE_FOR).await;
    assert_eq!(found(&correspondents, "172.17.0.9:7").await, "nobody");
    assert!(began.elapsed() >= STRANGE_FOR + PATIENCE + PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_a_container_that_cannot_be_known_or_proved_now() {
    let away = Correspondents::new(inventory(false, vec![]), Paths::default(), true);
    assert_eq!(found(&away, "172.17.0.9:5").await, "not yet");
    // This process has the address by the inventory, but neither the cgroup nor the connection.
    let known = inventory(true, vec![container('a', "172.17.0.2", "ann", "bridge")]);
    let unproved = Correspondents::new(known.clone(), Paths::default(), true);
    assert_eq!(found(&unproved, "172.17.0.2:5").await, "out of sight");
    let elsewhere = Correspondents::new(known, Paths::default(), false);
    assert_eq!(found(&elsewhere, "172.17.0.2:5").await, "nobody", "an address of another machine's engine");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_the_containers_who_has_the_address_is_not_taken_for_its() {
    let root = tempfile::tempdir().unwrap();
    let process = root.path().join(std::process::id().to_string());
    std::fs::create_dir(&process).unwrap();
    std::fs::write(process.join("cgroup"), format!("0::/docker/{}\n", id('a'))).unwrap();
    std::os::unix::fs::symlink(Paths::own_proc("net"), process.join("net")).unwrap();
    let paths = Paths { procfs: root.path().into(), ..Paths::default() };
    let known = inventory(true, vec![container('a', "172.17.0.2", "ann", "bridge")]);
    let correspondents = Correspondents::new(known, paths, true);
    assert_eq!(found(&correspondents, "172.17.0.2:5").await, "nobody");
}

#[tokio::test(start_paused = true)]
async fn a_process_outside_of_containers_is_nobodys() {
    let correspondents = Correspondents::new(inventory(true, vec![]), Paths::default(), true);
    let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let correspondent = correspondents.of_socket(&ours);
    assert!(correspondent.claims().is_none());
    // Where this test itself runs in a container, that one is unknown here, and nobody's, too.
    assert!(matches!(correspondents.whose(&correspondent).await, Found::Nobody));
}

#[test]
fn containers_that_share_a_network_are_told_by_their_tenants() {
    let one = container('a', "172.17.0.2", "ann", "bridge");
    let shares = format!("container:{}", id('a'));
    for (user, shared) in [("ann", false), ("bob", true)] {
        let known = inventory(true, vec![one.clone(), container('b', "", user, &shares)]);
        assert_eq!(is_shared_with_others(&known.snapshot(), &one), shared, "{user}");
    }
}
