//! When lists are asked for, and what is made of them; the clock of tokio stands still.

use super::super::fake::{Engine, Reply};
use super::*;

const IMAGES: &str = r#"[{"Id":"sha256:aa","Created":1700000000,"RepoTags":["shop:1"]},
    {"Id":"sha256:bb","Created":1600000000,"RepoTags":[]}]"#;

const NETWORKS: &str = r#"[{"Id":"1","Name":"bridge","Driver":"bridge"},
    {"Id":"2","Name":"shop","Driver":"bridge"}]"#;

/// The task with an engine's client, and what it listens to.
struct Listing {
    engine: Engine,
    inventory: Arc<Inventory>,
    clients: watch::Sender<Option<Client>>,
    touched: watch::Sender<Touched>,
    used: watch::Sender<BTreeSet<String>>,
}

impl Listing {
    async fn start() -> Self {
        let engine = Engine::start();
        engine.reply("/v1.51/images/json", Reply::Body(200, IMAGES.into()));
        engine.reply("/v1.51/networks", Reply::Body(200, NETWORKS.into()));
        engine.reply(
            "/v1.51/volumes",
            Reply::Body(200, r#"{"Volumes":[{"Name":"a","Driver":"local"}]}"#.into()),
        );
        let (client, _) = Client::connect(engine.endpoint(), Arc::default()).await.unwrap();
        let (clients, touched) = (watch::Sender::new(Some(client)), watch::Sender::new(Touched::default()));
        let used = watch::Sender::new(BTreeSet::new());
        let inventory = Arc::new(Inventory::default());
        let task =
            Objects::new(inventory.clone(), clients.subscribe(), touched.subscribe(), used.subscribe());
        tokio::spawn(task.run());
        Listing { engine, inventory, clients, touched, used }
    }

    fn asked(&self, path: &str) -> usize {
        self.engine.asked().iter().filter(|asked| asked.ends_with(path)).count()
    }

    fn touch(&self, words: (&str, &str)) {
        for kind in Kind::touched_by(words) {
            self.touched.send_modify(|touched| touched[*kind as usize] += 1);
        }
    }

    async fn until(&self, holds: impl Fn(&EngineFacts) -> bool) {
        let waiting = async {
            while !holds(&self.inventory.snapshot().facts) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(7 * 86_400), waiting).await;
        waited
            .unwrap_or_else(|_| panic!("{:?} of {:?}", self.inventory.snapshot().facts, self.engine.asked()));
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_listed_once_and_again_only_when_something_happens() {
    let listing = Listing::start().await;
    listing.until(|facts| facts.volumes.is_some()).await;
    let facts = listing.inventory.snapshot().facts.clone();
    let images = facts.images.as_ref().unwrap();
    assert_eq!((images.count, images.dangling, images.unused, images.unused_created.len()), (2, 1, 2, 2));
    assert!(images.unused_created[0] < images.unused_created[1]);
    assert_eq!(facts.networks.as_ref().unwrap().unused, Some(1), "of two, one cannot be removed");
    assert_eq!(facts.volumes.as_ref().unwrap().unused, Some(1));
    tokio::time::sleep(SAFETY / 2).await;
    assert_eq!((listing.asked("/images/json"), listing.asked("/networks")), (1, 1));
    for _ in 0..100 {
        listing.touch(("image", "pull"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(LEAST * 2).await;
    let asked = (listing.asked("/images/json"), listing.asked("/networks"));
    assert_eq!(asked, (3, 1), "of ten seconds of pulls the beginning is listed, and the end");
    tokio::time::sleep(SAFETY).await;
    assert_eq!((listing.asked("/images/json"), listing.asked("/networks")), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn a_container_takes_its_image_out_of_the_unused_ones_without_a_call() {
    let listing = Listing::start().await;
    listing.until(|facts| facts.images.is_some()).await;
    listing.used.send_replace(BTreeSet::from(["bb".to_owned()]));
    listing.until(|facts| facts.images.as_ref().is_some_and(|images| images.unused == 1)).await;
    assert_eq!(listing.asked("/images/json"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_proxy_forbids_is_absent_and_not_asked_for_until_the_next_connection() {
    let listing = Listing::start().await;
    listing.until(|facts| facts.volumes.is_some()).await;
    listing.engine.reply("/v1.51/images/json", Reply::Body(403, "forbidden".into()));
    listing.touch(("image", "delete"));
    listing.until(|facts| facts.images.is_none()).await;
    let asked = listing.asked("/images/json");
    listing.touch(("image", "pull"));
    tokio::time::sleep(SAFETY * 3).await;
    assert_eq!(listing.asked("/images/json"), asked);
    assert!(listing.inventory.snapshot().facts.networks.is_some(), "the others are listed on");
    listing.engine.reply("/v1.51/images/json", Reply::Body(200, IMAGES.into()));
    listing.clients.send_modify(|_| {});
    listing.until(|facts| facts.images.is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_fails_for_a_while_is_asked_again_and_what_was_known_stays() {
    let listing = Listing::start().await;
    listing.until(|facts| facts.volumes.is_some()).await;
    listing.engine.reply("/v1.51/volumes", Reply::Body(500, "{}".into()));
    listing.touch(("container", "destroy"));
    tokio::time::sleep(LEAST * 2).await;
    assert!(listing.inventory.snapshot().facts.volumes.is_some());
    listing.engine.reply("/v1.51/volumes", Reply::Body(200, r#"{"Volumes":null}"#.into()));
    listing.until(|facts| facts.volumes.as_ref().is_some_and(|volumes| volumes.count.is_empty())).await;
}

#[test]
fn an_event_touches_what_it_changes_and_mounts_change_nothing() {
    for (words, kind) in [
        (("image", "pull"), &[Kind::Images][..]),
        (("network", "connect"), &[Kind::Networks]),
        (("volume", "create"), &[Kind::Volumes]),
        (("container", "destroy"), &[Kind::Networks, Kind::Volumes]),
        (("volume", "mount"), &[]),
        (("container", "start"), &[]),
    ] {
        assert_eq!(Kind::touched_by(words), kind, "{words:?}");
    }
}

#[test]
fn between_two_lists_there_is_a_least_time_and_the_earliest_wish_stands() {
    let start = Instant::now();
    let mut plan = Plan::default();
    plan.touched(start);
    assert_eq!(plan.due, None, "nothing is asked of nobody");
    plan.begin(start);
    plan.answered(start);
    plan.touched(start + QUIET);
    assert_eq!(plan.due, Some(start + LEAST));
    plan.touched(start + LEAST + QUIET);
    assert_eq!(plan.due, Some(start + LEAST));
}
