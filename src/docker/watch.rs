//! Drives the state machine: performs its calls, follows the event stream, keeps the time,
//! and lets the directory put what changed into the inventory.
//!
//! Everything runs in one task. Calls in flight are futures that it owns, so dropping them
//! is all it takes to forget an engine that hangs.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{CallError, Client, Greeting};
use super::directory::Directory;
use super::events::EventStream;
use super::folders::{self, Folders};
use super::logs::EngineLogs;
use super::objects::{self, Kind, Objects, Touched};
use super::socket::Connector;
use super::statistics::EngineStatistics;
use super::storage;
use super::sync::{Action, Input, Moment, Notice, Reconciler};
use super::top::EngineProcesses;
use super::types::{Answer, Heard, Info};
use crate::config::{self, Endpoint};
use crate::inventory::{Inventory, SilentEnds};
use crate::paths::Paths;
use crate::tenant::Attribution;

/// How long a removed container stays in the inventory, unless told otherwise: two scrapes
/// at Prometheus's usual intervals see its last values.
pub const DEFAULT_LINGER: Duration = Duration::from_secs(60);

/// How soon an engine that does not describe itself is asked for it again.
const DESCRIBED_RETRY: Duration = Duration::from_secs(60);

/// What the present engine has said of itself (`GET /info`), asked once a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Described {
    /// It has not answered.
    #[default]
    NotYet,
    /// It did not say.
    Not,
    /// This.
    By(Info),
}

/// Which engine is watched, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How the engine is reached.
    pub engine: config::Docker,
    /// How long a removed container stays in the inventory.
    pub linger: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { engine: config::Docker::default(), linger: DEFAULT_LINGER }
    }
}

/// The task that keeps an inventory true.
pub struct Watcher {
    task: JoinHandle<()>,
    attribution: watch::Sender<Arc<dyn Attribution>>,
    inventory: Arc<Inventory>,
    told: Told,
    cancel: CancellationToken,
}

/// What the task tells others that ask the engine.
#[derive(Clone)]
struct Told {
    clients: watch::Receiver<Option<Client>>,
    described: watch::Receiver<Described>,
    touched: watch::Receiver<Touched>,
    used_images: watch::Receiver<BTreeSet<String>>,
}

impl Watcher {
    /// Starts to watch; must be called within a tokio runtime. An engine that is absent,
    /// restarts or hangs is waited for; `cancel` ends the task.
    pub fn spawn(
        options: Options,
        inventory: Arc<Inventory>,
        attribution: Arc<dyn Attribution>,
        paths: Paths,
        cancel: CancellationToken,
    ) -> Watcher {
        let here = options.engine.host.is_local();
        let directory = Directory::new(inventory.clone(), attribution.clone(), paths.clone(), here);
        let (sender, receiver) = watch::channel(attribution);
        let driver = Driver::new(options, inventory.clone(), directory, receiver, paths);
        let (told, stop) = (driver.told(), cancel.clone());
        let task = tokio::spawn(async move {
            stop.run_until_cancelled(driver.run()).await;
        });
        Watcher { task, attribution: sender, inventory, told, cancel }
    }

    /// Has the engine asked for statistics, once an interval for each wanted container.
    pub fn feed(&self, statistics: Arc<EngineStatistics>, every: Duration) {
        let Told { clients, described, .. } = self.told.clone();
        self.beside(statistics.run(clients, described, every));
    }

    /// Has the engine asked how much is in use, once an interval.
    pub fn ask_usage(&self, every: Duration) {
        self.beside(storage::ask_usage(self.inventory.clone(), self.told.clients.clone(), every));
    }

    /// Has images, networks and volumes listed when they have changed.
    pub fn list_objects(&self) {
        let Told { clients, touched, used_images, .. } = self.told.clone();
        self.beside(Objects::new(self.inventory.clone(), clients, touched, used_images).run());
    }

    fn beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        tokio::spawn(async move { cancel.run_until_cancelled(task).await });
    }

    /// Who asks the engine for the processes of containers.
    pub fn processes(&self) -> EngineProcesses {
        EngineProcesses::new(self.told.clients.clone())
    }

    /// Who reads logs of containers.
    pub fn logs(&self) -> EngineLogs {
        EngineLogs::new(self.told.clients.clone())
    }

    /// Asks the same rules again about every known container, because what they read (a map
    /// file, say) has changed.
    pub fn reattribute(&self) {
        self.attribution.send_modify(|_| {});
    }

    /// Asks other rules from now on, and about every known container.
    pub fn attribute_by(&self, attribution: Arc<dyn Attribution>) {
        self.attribution.send_replace(attribution);
    }

    /// The task, to wait for after it was cancelled.
    pub fn into_task(self) -> JoinHandle<()> {
        self.task
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("task", &self.task).finish_non_exhaustive()
    }
}

/// How a call ended.
enum Outcome {
    Connected(Result<Box<(Client, Greeting)>, CallError>),
    Subscribed(Result<EventStream, CallError>),
    Described(Result<Box<Info>, CallError>),
    Other(Input),
}

/// Everything the task owns.
struct Driver {
    options: Options,
    /// Where the engine was looked for last.
    endpoint: Endpoint,
    inventory: Arc<Inventory>,
    directory: Directory,
    attribution: watch::Receiver<Arc<dyn Attribution>>,
    doubts: watch::Receiver<SilentEnds>,
    reconciler: Reconciler,
    started: Instant,
    /// The present pool, for this task and for others.
    client: watch::Sender<Option<Client>>,
    described: watch::Sender<Described>,
    /// When an engine that did not describe itself is asked again.
    describe_at: Option<Instant>,
    touched: watch::Sender<Touched>,
    used_images: watch::Sender<BTreeSet<String>>,
    stream: Option<EventStream>,
    /// The engine's folders, where they can be watched.
    folders: Option<Folders>,
    paths: Paths,
    /// What is to be handed in before anything else is waited for.
    waiting: VecDeque<Input>,
    calls: FuturesUnordered<BoxFuture<'static, Outcome>>,
}

impl Driver {
    fn new(
        options: Options,
        inventory: Arc<Inventory>,
        directory: Directory,
        attribution: watch::Receiver<Arc<dyn Attribution>>,
        paths: Paths,
    ) -> Self {
        let started = Instant::now();
        let reconciler = Reconciler::new(options.linger, moment(started));
        // Only the latest counts: what is still in doubt is said again.
        let (sender, doubts) = watch::channel(SilentEnds::new());
        inventory.on_doubt(Box::new(move |ended| drop(sender.send_replace(ended))));
        Driver {
            endpoint: options.engine.host.clone(),
            options,
            inventory,
            directory,
            attribution,
            doubts,
            reconciler,
            started,
            client: watch::Sender::new(None),
            described: watch::Sender::new(Described::NotYet),
            describe_at: None,
            touched: watch::Sender::new(Touched::default()),
            used_images: watch::Sender::new(BTreeSet::new()),
            stream: None,
            folders: None,
            paths,
            waiting: VecDeque::new(),
            calls: FuturesUnordered::new(),
        }
    }

    fn told(&self) -> Told {
        Told {
            clients: self.client.subscribe(),
            described: self.described.subscribe(),
            touched: self.touched.subscribe(),
            used_images: self.used_images.subscribe(),
        }
    }

    async fn run(mut self) {
        let mut input = Input::Tick;
        loop {
            for action in self.reconciler.handle(input, moment(self.started)) {
                self.perform(action);
            }
            self.publish();
            input = match self.waiting.pop_front() {
                Some(input) => input,
                None => self.next_input().await,
            };
        }
    }

    /// Waits for whatever comes first.
    async fn next_input(&mut self) -> Input {
        let wakes_at = self.reconciler.wakes_at().map(|uptime| self.started + uptime);
        tokio::select! {
            Some(outcome) = self.calls.next(), if !self.calls.is_empty() => self.taken_in(outcome),
            told = next_event(&mut self.stream), if self.stream.is_some() => {
                // What the engine wrote before it told of an event comes before the event.
                self.listen();
                let input = self.heard(told);
                self.waiting.push_back(input);
                self.waiting.pop_front().unwrap_or(Input::Tick)
            }
            () = readable(&self.folders) => {
                self.listen();
                self.waiting.pop_front().unwrap_or(Input::Tick)
            }
            Ok(()) = self.attribution.changed() => {
                let attribution = self.attribution.borrow_and_update().clone();
                self.directory.attribute_by(attribution);
                self.directory.publish(&self.reconciler, self.reconciler.ids(), false);
                Input::Tick
            }
            Ok(()) = self.doubts.changed() => Input::Doubted(self.doubts.borrow_and_update().clone()),
            () = at(self.describe_at) => {
                self.ask_description();
                Input::Tick
            }
            () = at(wakes_at) => Input::Tick,
        }
    }

    /// Counts what the stream says and notes what lists it makes stale.
    fn heard(&mut self, told: Result<Heard, Input>) -> Input {
        let heard = match told {
            Ok(heard) => heard,
            Err(input) => return input,
        };
        self.inventory.activity.count_event(heard.number);
        for kind in Kind::touched_by(heard.words()) {
            self.touched.send_modify(|touched| touched[*kind as usize] += 1);
        }
        heard.event.map_or(Input::OtherEvent, Input::Event)
    }

    fn taken_in(&mut self, outcome: Outcome) -> Input {
        match outcome {
            Outcome::Connected(Ok(connected)) => {
                let (client, greeting) = *connected;
                self.client.send_replace(Some(client));
                self.ask_description();
                Input::Connected(Ok(greeting))
            }
            Outcome::Described(described) => {
                self.take_description(described);
                Input::Tick
            }
            Outcome::Connected(Err(error)) => Input::Connected(Err(error.to_string())),
            Outcome::Subscribed(Ok(stream)) => {
                self.stream = Some(stream);
                Input::Subscribed(Ok(()))
            }
            Outcome::Subscribed(Err(error)) => Input::Subscribed(Err(error.to_string())),
            Outcome::Other(input) => input,
        }
    }

    fn ask_description(&mut self) {
        self.describe_at = None;
        self.call(|client| async move { Outcome::Described(client.info().await.map(Box::new)) }.boxed());
    }

    /// Takes what the engine says of itself. A path of another machine means nothing here.
    fn take_description(&mut self, described: Result<Box<Info>, CallError>) {
        let info = match described {
            Ok(info) => *info,
            Err(error) => {
                let forbidden = error.is_forbidden();
                if self.described.send_replace(Described::Not) == Described::NotYet {
                    tracing::warn!(%error, "the engine does not say where it keeps its files and how it works; what needs that is missing");
                }
                objects::note(&self.inventory, |facts| {
                    facts.info.get_or_insert_default();
                });
                self.describe_at = (!forbidden).then(|| Instant::now() + DESCRIBED_RETRY);
                return;
            }
        };
        if matches!(self.endpoint, Endpoint::Unix(_))
            && let Some(path) = &info.data_root
        {
            self.watch_folders(path);
        }
        let here = self.options.engine.host.is_local();
        storage::note(&self.inventory, |storage| {
            storage.data_root = info.data_root.clone().filter(|_| here);
        });
        objects::note(&self.inventory, |facts| facts.info = Some(info.engine.clone()));
        self.described.send_replace(Described::By(info));
    }

    fn watch_folders(&mut self, data_root: &str) {
        match Folders::of(&self.paths.root(data_root)) {
            Ok(mut folders) => {
                for id in self.reconciler.ids() {
                    folders.follow(id, self.reconciler.rests(&id));
                }
                self.folders = Some(folders);
            }
            Err(error) => {
                tracing::debug!(data_root, %error, "the engine's folders cannot be watched; starts and removals are measured where events suffice");
            }
        }
    }

    /// Queues what has been written into the engine's folders.
    fn listen(&mut self) {
        let heard = self.folders.as_mut().map(Folders::read).unwrap_or_default();
        self.waiting.extend(heard.into_iter().map(|heard| match heard {
            folders::Heard::Wrote(id, written) => Input::Wrote(id, written),
            folders::Heard::Missed => Input::MissedWriting,
        }));
    }

    fn publish(&mut self) {
        let changes = self.reconciler.take_changes();
        if let Some(folders) = &mut self.folders {
            for id in &changes.containers {
                folders.follow(*id, self.reconciler.rests(id));
            }
        }
        if !changes.containers.is_empty() {
            self.note_used_images();
        }
        self.directory.note_work(changes.work);
        (0..changes.hits).for_each(|_| self.inventory.lookups.count_hit());
        self.directory.publish(&self.reconciler, changes.containers, changes.engine);
    }

    /// Says which images containers were made from, those that are not looked at included.
    fn note_used_images(&self) {
        let used: BTreeSet<&str> = self.reconciler.image_ids().map(objects::bare_id).collect();
        self.used_images.send_if_modified(|known| {
            let differs = !known.iter().map(String::as_str).eq(used.iter().copied());
            if differs {
                *known = used.iter().map(|id| (*id).to_owned()).collect();
            }
            differs
        });
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Connect => {
                let connecting = Client::connect(self.connector(), self.inventory.activity.clone());
                self.calls
                    .push(connecting.map(|connected| Outcome::Connected(connected.map(Box::new))).boxed());
            }
            Action::Disconnect => {
                self.calls.clear();
                self.stream = None;
                self.client.send_replace(None);
                self.described.send_replace(Described::NotYet);
                self.describe_at = None;
                self.folders = None;
                self.waiting.clear();
            }
            Action::Tell(notice) => self.tell(notice),
            Action::Subscribe { since } => {
                self.call(|client| async move { Outcome::Subscribed(client.events(since).await) }.boxed());
            }
            Action::List => {
                self.call(|client| {
                    async move { Outcome::Other(Input::Listed(said(client.list().await))) }.boxed()
                });
            }
            Action::Ping => {
                self.call(|client| {
                    async move { Outcome::Other(Input::Pinged(said(client.ping().await))) }.boxed()
                });
            }
            Action::Inspect(id) => {
                self.inventory.lookups.count_miss();
                self.call(move |client| {
                    async move {
                        Outcome::Other(Input::Inspected(id, answer(client.inspect(id).await.map(Box::new))))
                    }
                    .boxed()
                });
            }
            Action::InspectImage(key) => {
                self.inventory.lookups.count_miss();
                self.call(move |client| {
                    async move {
                        let labels = answer(client.image_labels(&key).await);
                        Outcome::Other(Input::ImageInspected(key, labels))
                    }
                    .boxed()
                });
            }
        }
    }

    fn connector(&mut self) -> Connector {
        let connector = Connector::to(&self.options.engine);
        if connector.endpoint != self.endpoint {
            let (usual, endpoint) = (&self.options.engine.host, &connector.endpoint);
            tracing::info!(%usual, %endpoint, "the engine's usual socket does not exist and another one does");
            self.endpoint = endpoint.clone();
        }
        connector
    }

    /// Starts a call over the present pool; the machine makes none before there is one.
    fn call(&mut self, make: impl FnOnce(Client) -> BoxFuture<'static, Outcome>) {
        if let Some(client) = self.client.borrow().clone() {
            self.calls.push(make(client));
        }
    }

    fn tell(&self, notice: Notice) {
        let engine = self.reconciler.engine();
        let endpoint = &self.endpoint;
        match notice {
            Notice::Lost { error } => {
                tracing::warn!(%endpoint, error, "the engine is out of reach; what is known is served on, and it is tried again");
            }
            Notice::StillLost { error, retry_in } => {
                tracing::debug!(%endpoint, error, ?retry_in, "the engine is still out of reach");
            }
            Notice::Connected { after } => {
                let (version, api_version) = (engine.version.as_deref(), engine.api_version.as_deref());
                let lost_seconds = after.map(|after| after.as_secs_f64());
                tracing::info!(%endpoint, version, api_version, lost_seconds, "the engine is connected");
            }
        }
    }
}

fn moment(started: Instant) -> Moment {
    Moment { uptime: started.elapsed(), wall: Timestamp::now() }
}

/// Waits for a moment, for ever where there is none.
pub(super) async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

async fn readable(folders: &Option<Folders>) {
    match folders {
        Some(folders) => folders.readable().await,
        None => std::future::pending().await,
    }
}

async fn next_event(stream: &mut Option<EventStream>) -> Result<Heard, Input> {
    let Some(open) = stream else { return std::future::pending().await };
    match open.next().await {
        Ok(Ok(heard)) => Ok(heard),
        Ok(Err(error)) => {
            tracing::debug!(%error, "an event could not be understood; the list will be read again");
            Err(Input::UnreadableEvent)
        }
        Err(error) => {
            *stream = None;
            Err(Input::StreamEnded(error.to_string()))
        }
    }
}

fn answer<T>(result: Result<T, CallError>) -> Answer<T> {
    match result {
        Ok(found) => Answer::Found(found),
        Err(error) if error.is_gone() => Answer::Gone,
        Err(error) => {
            tracing::debug!(%error, "a call to the engine failed; it will be made again");
            Answer::Failed
        }
    }
}

fn said<T>(result: Result<T, CallError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
