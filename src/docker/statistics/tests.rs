//! Who is asked about, how often, and what a slow or clumsy engine costs.

use serde_json::json;

use super::super::fake::{Engine, Reply};
use super::*;

const EVERY: Duration = Duration::from_secs(5);

fn id(number: u8) -> ContainerId {
    format!("{number:02x}").repeat(32).parse().unwrap()
}

fn path(version: &str, number: u8) -> String {
    format!("/v{version}/containers/{}/stats", id(number))
}

/// Statistics that were read at a second, with as many nanoseconds of CPU time.
fn told(second: u8) -> Reply {
    let json = json!({"read": format!("2026-01-01T00:00:{second:02}Z"), "cpu_stats": {"cpu_usage": {"total_usage": second}}});
    Reply::Body(200, json.to_string())
}

/// A poller with the engine's client; the clock of tokio stands still.
struct Asked {
    statistics: Arc<EngineStatistics>,
    clients: watch::Sender<Option<Client>>,
    described: watch::Sender<Described>,
    task: tokio::task::JoinHandle<()>,
}

impl Asked {
    async fn new(engine: &Engine) -> Self {
        let (client, _) = Client::connect(engine.endpoint(), Arc::default()).await.unwrap();
        let (clients, receiver) = watch::channel(Some(client));
        let statistics = EngineStatistics::new(Box::new(|_, _| None));
        let described = watch::Sender::new(Described::Not);
        let task = tokio::spawn(statistics.clone().run(receiver, described.subscribe(), EVERY));
        Asked { statistics, clients, described, task }
    }

    fn describe(&self, info: &str) {
        let info = crate::docker::types::read_info(info.as_bytes()).unwrap();
        self.described.send_replace(Described::By(info));
    }

    fn want(&self, numbers: &[u8]) {
        self.statistics.want(numbers.iter().map(|number| id(*number)).collect());
    }

    fn cpu(&self, number: u8) -> Option<u64> {
        Some(self.statistics.latest(&id(number))?.stats.cpu?.usage_ns)
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(600), waiting).await.expect("it holds at last");
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn asked(engine: &Engine, what: &str) -> usize {
    engine.asked().iter().filter(|path| path.contains(what)).count()
}

#[tokio::test(start_paused = true)]
async fn only_who_is_wanted_is_asked_about_at_once_and_then_every_interval() {
    let engine = Engine::start();
    for number in [1, 2] {
        engine.reply(&path("1.51", number), told(10));
    }
    let asking = Asked::new(&engine).await;
    asking.describe(r#"{"NCPU":4,"MemTotal":1024}"#);
    tokio::time::sleep(3 * EVERY).await;
    assert_eq!(engine.asked(), ["/version"], "nobody is wanted, so nothing is asked");
    asking.want(&[1]);
    asking.until(|asking| asking.cpu(1) == Some(10)).await;
    assert_eq!(asking.statistics.machine().and_then(|machine| machine.cpu_cores), Some(4));
    assert!(engine.asked().contains(&format!("{}?stream=false&one-shot=true", path("1.51", 1))));
    engine.reply(&path("1.51", 1), told(20));
    asking.until(|asking| asking.cpu(1) == Some(20)).await;
    assert_eq!(asked(&engine, &path("1.51", 2)), 0);
    asking.want(&[2]);
    asking.until(|asking| asking.cpu(2) == Some(10)).await;
    assert_eq!(asking.cpu(1), None, "what is not wanted any more is forgotten");
}

#[tokio::test(start_paused = true)]
async fn an_engine_before_1_41_is_not_asked_for_one_shot() {
    let engine = Engine::start();
    engine.reply("/version", Reply::Body(200, r#"{"Version":"19.03","ApiVersion":"1.40"}"#.into()));
    engine.reply(&path("1.40", 1), told(10));
    let asking = Asked::new(&engine).await;
    asking.want(&[1]);
    asking.until(|asking| asking.cpu(1) == Some(10)).await;
    assert!(engine.asked().contains(&format!("{}?stream=false", path("1.40", 1))));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_hangs_or_fails_does_not_keep_the_others_waiting_for_ever() {
    let engine = Engine::start();
    engine.reply(&path("1.51", 1), Reply::Nothing);
    engine.reply(&path("1.51", 2), Reply::Body(500, "{}".into()));
    engine.reply(&path("1.51", 3), told(10));
    let asking = Asked::new(&engine).await;
    asking.want(&[1, 2, 3]);
    asking.until(|asking| asking.cpu(3) == Some(10)).await;
    asking.until(|asking| asking.statistics.failures() >= 2).await;
    engine.reply(&path("1.51", 3), told(20));
    asking.until(|asking| asking.cpu(3) == Some(20)).await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_gone_or_stopped_is_no_failure() {
    let engine = Engine::start();
    engine.reply(&path("1.51", 1), Reply::Body(200, r#"{"read":"0001-01-01T00:00:00Z"}"#.into()));
    engine.reply(&path("1.51", 3), told(10));
    let asking = Asked::new(&engine).await;
    // Nothing is said of the second: 404.
    asking.want(&[1, 2, 3]);
    asking.until(|asking| asking.cpu(3) == Some(10)).await;
    tokio::time::sleep(2 * EVERY).await;
    assert_eq!(asking.statistics.failures(), 0);
    assert_eq!(asking.cpu(1), None);
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_containers_have_no_cgroups_is_not_believed() {
    let engine = Engine::start();
    engine.reply(&path("1.51", 1), told(10));
    let asking = Asked::new(&engine).await;
    asking.describe(r#"{"NCPU":4,"CgroupDriver":"none"}"#);
    asking.until(|asking| asking.statistics.machine().is_some()).await;
    asking.want(&[1]);
    tokio::time::sleep(3 * EVERY).await;
    assert_eq!((asking.cpu(1), asked(&engine, "/stats")), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_while_the_engine_is_away() {
    let engine = Engine::start();
    engine.reply(&path("1.51", 1), told(10));
    let asking = Asked::new(&engine).await;
    let client = asking.clients.send_replace(None);
    asking.want(&[1]);
    tokio::time::sleep(3 * EVERY).await;
    assert_eq!(asked(&engine, "/stats"), 0);
    asking.clients.send_replace(client);
    asking.until(|asking| asking.cpu(1) == Some(10)).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_before_it_is_known_whether_the_engine_can_be_believed() {
    let engine = Engine::start();
    engine.reply(&path("1.51", 1), told(10));
    let asking = Asked::new(&engine).await;
    asking.described.send_replace(Described::NotYet);
    asking.want(&[1]);
    tokio::time::sleep(3 * EVERY).await;
    assert_eq!(asked(&engine, "/stats"), 0);
    asking.described.send_replace(Described::Not);
    asking.until(|asking| asking.cpu(1) == Some(10)).await;
}

#[test]
fn the_time_between_two_reads_is_by_the_engines_clock() {
    let read = |second| Timestamp::from_second(second).unwrap();
    let now = Instant::now();
    let second = Duration::from_secs(1);
    assert_eq!(moment_of(read(100), None, now, now + second), now + second, "the first: when it arrived");
    let before = Some((read(100), now));
    let asked = now + 5 * second;
    assert_eq!(moment_of(read(105), before, asked, asked + second / 10), now + 5 * second);
    for set in [read(50), read(4000)] {
        assert_eq!(moment_of(set, before, asked, asked + second), asked + second, "its clock was set");
    }
}
