//! Readers of containers whose logs are written by hand. Time is the tests' own.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::unfold;
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::inventory::{Container, State, Status};
use crate::snapshot::{LogError, LogFlow, LogLine, LogQuery, LogStream};
use crate::tenant::{LabelValue, Narrowing};

/// Logs, and the answers that follow them.
#[derive(Default)]
struct Scripted {
    logs: Mutex<HashMap<ContainerId, Vec<LogLine>>>,
    answers: Mutex<Vec<(ContainerId, UnboundedSender<LogLine>)>>,
    /// How often somebody began to follow.
    begun: AtomicUsize,
}

impl Scripted {
    /// A line of a second; a container's lines are numbered by it.
    fn write(&self, id: ContainerId, second: i64) {
        let line = LogLine {
            stream: LogStream::Stdout,
            timestamp: Timestamp::from_second(second).ok(),
            line: second.to_string(),
        };
        self.logs.lock().unwrap().entry(id).or_default().push(line.clone());
        for (_, answer) in self.answers.lock().unwrap().iter().filter(|(of, _)| *of == id) {
            let _ = answer.send(line.clone());
        }
    }

    /// Ends every answer about a container.
    fn end(&self, id: ContainerId) {
        self.answers.lock().unwrap().retain(|(of, _)| *of != id);
    }

    fn followed(&self) -> usize {
        self.answers.lock().unwrap().iter().filter(|(_, answer)| !answer.is_closed()).count()
    }
}

impl LogSource for Scripted {
    fn lines<'s>(
        &'s self,
        container: &'s Container,
        query: LogQuery,
    ) -> BoxFuture<'s, Result<Vec<LogLine>, LogError>> {
        if container.name.as_str() == "mute" {
            let why = LogError::OutOfReach("no such driver".to_owned());
            return Box::pin(std::future::ready(Err(why)));
        }
        let mut lines = self.logs.lock().unwrap().get(&container.id).cloned().unwrap_or_default();
        lines.retain(|line| query.since.is_none_or(|since| line.timestamp >= Some(since)));
        lines.retain(|line| query.wanted.as_ref().is_none_or(|wanted| wanted(&line.line)));
        lines.drain(..lines.len().saturating_sub(query.tail));
        Box::pin(std::future::ready(Ok(lines)))
    }

    fn follow(&self, id: ContainerId, since: Option<Timestamp>) -> BoxFuture<'_, Result<LogFlow, LogError>> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let (sender, answer): (_, UnboundedReceiver<LogLine>) = unbounded_channel();
        for line in self.logs.lock().unwrap().get(&id).into_iter().flatten() {
            if line.timestamp >= since {
                let _ = sender.send(line.clone());
            }
        }
        self.answers.lock().unwrap().push((id, sender));
        let flow: LogFlow = Box::pin(unfold(answer, |mut answer| async {
            let line = answer.recv().await?;
            Some((Ok(vec![line]), answer))
        }));
        Box::pin(std::future::ready(Ok(flow)))
    }
}

struct Host {
    source: Arc<Scripted>,
    inventory: Arc<Inventory>,
    hub: Arc<LogHub>,
}

fn id(digits: &str) -> ContainerId {
    digits.repeat(32).parse().unwrap()
}

/// A container that runs.
fn container(digits: &str, name: &str) -> Container {
    let started_at = Timestamp::from_second(1).ok();
    let state = State { pid: Some(7), started_at, run: 1, ..State::new(Status::Running) };
    let nobody = Container::new(id(digits), Status::Running);
    Container { name: LabelValue::clean(name), state, ..nobody }
}

impl Host {
    /// With containers `a` and `b` that run, and room for so many.
    fn with_room(most: usize) -> Self {
        let (source, inventory) = (Arc::<Scripted>::default(), Arc::<Inventory>::default());
        let hub = LogHub::new(source.clone(), inventory.clone(), most);
        let host = Host { source, inventory, hub };
        host.change(container("aa", "a"));
        host.change(container("bb", "b"));
        host
    }

    fn change(&self, container: Container) {
        self.inventory.update(|snapshot| {
            snapshot.containers.insert(container.id, Arc::new(container));
        });
    }

    fn reader(&self, wish: LogWish) -> LogReader {
        self.hub.enter(Selection::of(Narrowing::default()), wish)
    }

    fn tail(&self, tail: usize) -> LogReader {
        self.reader(LogWish { tail, ..LogWish::default() })
    }
}

/// What comes until nothing more does, in words: `+a` and `-a` for who joins and goes, `a5` for a
/// line, `!` for what is wrong.
async fn told(reader: &mut LogReader) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(message) = tokio::time::timeout(Duration::from_secs(2), reader.next()).await {
        match message {
            LogMessage::Joined(container) => told.push(format!("+{}", container.name)),
            LogMessage::Gone(container) => told.push(format!("-{}", container.name)),
            LogMessage::Missed(_, lines) => told.push(format!("missed {lines}")),
            LogMessage::Failed(container, error) => told.push(format!("!{}: {error}", container.name)),
            LogMessage::NoRoom(container) => told.push(format!("!{}: no room", container.name)),
            LogMessage::Lines(rows) => {
                let rows: Vec<serde_json::Value> = serde_json::from_str(&format!("[{rows}]")).unwrap();
                let line = |row: &serde_json::Value| {
                    format!("{}{}", row["name"].as_str().unwrap(), row["line"].as_str().unwrap())
                };
                told.extend(rows.iter().map(line));
            }
        }
    }
    told
}

#[tokio::test(start_paused = true)]
async fn readers_share_what_is_followed_and_each_has_the_lines_before_it_once() {
    let host = Host::with_room(9);
    (1..=5).for_each(|second| host.source.write(id("aa"), second));
    let mut first = host.tail(2);
    assert_eq!(told(&mut first).await, ["+a", "a4", "a5", "+b"]);
    host.source.write(id("aa"), 6);
    host.source.write(id("bb"), 7);
    assert_eq!(told(&mut first).await, ["a6", "b7"]);
    let odd: crate::snapshot::LogFilter = Arc::new(|line| line.ends_with(['1', '3', '5', '7', '9']));
    let mut second = host.reader(LogWish { tail: 2, since: None, wanted: Some(odd) });
    assert_eq!(told(&mut second).await, ["+a", "a3", "a5", "+b", "b7"]);
    (8..=9).for_each(|second| host.source.write(id("aa"), second));
    assert_eq!(told(&mut second).await, ["a9"]);
    assert_eq!(told(&mut first).await, ["a8", "a9"]);
    assert_eq!(told(&mut host.tail(0)).await, ["+a", "+b"]);
    assert_eq!((host.source.begun.load(Ordering::Relaxed), host.source.followed()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_cut_and_a_restart_say_nothing_twice_and_leave_out_nothing() {
    let host = Host::with_room(9);
    host.source.write(id("aa"), 1);
    let mut reader = host.tail(10);
    assert_eq!(told(&mut reader).await, ["+a", "a1", "+b"]);
    host.source.end(id("aa"));
    (2..=3).for_each(|second| host.source.write(id("aa"), second));
    assert_eq!(told(&mut reader).await, ["a2", "a3"]);
    // It ends, with last words, and is started again.
    let mut ended = container("aa", "a");
    ended.state = State { pid: None, finished_at: Timestamp::from_second(4).ok(), ..ended.state };
    host.source.end(id("aa"));
    host.source.write(id("aa"), 4);
    host.change(ended.clone());
    tokio::time::sleep(Duration::from_secs(1)).await;
    host.source.end(id("aa"));
    assert_eq!(told(&mut reader).await, ["a4"]);
    let begun = host.source.begun.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(host.source.begun.load(Ordering::Relaxed), begun, "nothing is asked while it rests");
    ended.state = State { pid: Some(8), run: 2, ..ended.state };
    host.source.write(id("aa"), 5);
    host.change(ended);
    assert_eq!(told(&mut reader).await, ["a5"]);
    host.source.write(id("aa"), 6);
    assert_eq!(told(&mut reader).await, ["a6"]);
}

#[tokio::test(start_paused = true)]
async fn containers_that_come_are_joined_and_those_that_go_are_told_of() {
    let host = Host::with_room(9);
    let mut reader = host.tail(0);
    assert_eq!(told(&mut reader).await, ["+a", "+b"]);
    // What it wrote before anybody could look is shown, but not what an earlier run wrote.
    (1..=4).for_each(|second| host.source.write(id("cc"), second));
    let mut new = container("cc", "c");
    new.state.finished_at = Timestamp::from_second(3).ok();
    host.change(new.clone());
    assert_eq!(told(&mut reader).await, ["+c", "c3", "c4"]);
    host.source.write(id("cc"), 5);
    new.removed_at = Timestamp::from_second(6).ok();
    host.change(new);
    assert_eq!(told(&mut reader).await, ["c5", "-c"]);
    // One that never ran is nobody's concern.
    let mut created = container("dd", "d");
    created.state = State::new(Status::Created);
    host.change(created);
    assert!(told(&mut reader).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_what_it_has_missed_and_another_has_all() {
    let host = Host::with_room(9);
    let (mut slow, mut quick) = (host.tail(0), host.tail(0));
    for reader in [&mut slow, &mut quick] {
        assert_eq!(told(reader).await, ["+a", "+b"]);
    }
    let mut all = Vec::new();
    for thousand in 0..10 {
        (0..1000).for_each(|second| host.source.write(id("aa"), thousand * 1000 + second));
        all.extend(told(&mut quick).await);
    }
    host.source.write(id("bb"), 1);
    assert_eq!(all.len(), 10_000);
    let late = told(&mut slow).await;
    let missed: usize = late[0].strip_prefix("missed ").unwrap().parse().unwrap();
    assert_eq!((missed + late.len() - 2, late.last().unwrap().as_str()), (10_000, "b1"));
    assert_eq!(late[1..late.len() - 1], all[missed..]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_is_followed_no_more_and_room_is_bounded() {
    let host = Host::with_room(1);
    let mut reader = host.tail(0);
    assert_eq!(told(&mut reader).await, ["!b: no room", "+a"]);
    assert_eq!(host.source.followed(), 1);
    host.change(Container { removed_at: Timestamp::from_second(9).ok(), ..container("aa", "a") });
    assert_eq!(told(&mut reader).await, ["-a"]);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(told(&mut reader).await, ["+b"], "there is room by now");
    drop(reader);
    tokio::time::sleep(LINGER / 2).await;
    assert_eq!(host.source.followed(), 1);
    tokio::time::sleep(LINGER).await;
    assert_eq!(host.source.followed(), 0);
    assert!(host.hub.known().followed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_is_told_of_once() {
    let host = Host::with_room(9);
    host.change(container("cc", "mute"));
    let mut reader = host.tail(5);
    assert_eq!(told(&mut reader).await, ["+a", "+b", "!mute: no such driver"]);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(told(&mut reader).await.is_empty());
    assert!(reader.next().now_or_never().is_none());
}
