//! What the engine says of its storage, asked in a task of its own: where it keeps everything,
//! once a connection, and how much that is, now and then.
//!
//! The second question makes the engine look at every file it has, which takes it minutes on a
//! large host. So it is never asked because somebody scrapes, never twice at once, and not
//! again before the interval is over, however the last time ended.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{CallError, Client};
use super::socket::Connector;
use crate::config::Docker;
use crate::inventory::{EngineStorage, Inventory};

/// How soon a question about the data root that failed is asked again.
const RETRY: Duration = Duration::from_secs(60);

/// Which engine is asked, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How the engine is reached.
    pub engine: Docker,
    /// How often it is asked what is in use; `None` is never.
    pub usage_every: Option<Duration>,
}

/// The task.
#[derive(Debug)]
pub struct StorageWatch {
    options: Options,
    inventory: Arc<Inventory>,
    /// When the engine may be asked what is in use; outlives connections.
    usage_at: Instant,
    /// Whether the last answer was a failure, so that a row of them is told once.
    failing: bool,
}

impl StorageWatch {
    /// Starts to ask; must be called within a tokio runtime. `cancel` ends the task.
    pub fn spawn(options: Options, inventory: Arc<Inventory>, cancel: CancellationToken) {
        let changed = Arc::new(Notify::new());
        let told = Arc::downgrade(&changed);
        inventory.on_change(Box::new(move || {
            if let Some(changed) = told.upgrade() {
                changed.notify_one();
            }
        }));
        let watch = StorageWatch { options, inventory, usage_at: Instant::now(), failing: false };
        tokio::spawn(async move { cancel.run_until_cancelled(watch.run(&changed)).await });
    }

    /// Asks for as long as the watcher is connected, so that an engine that is away or hangs
    /// is not asked twice.
    async fn run(mut self, changed: &Notify) {
        let inventory = self.inventory.clone();
        let connected = async |wanted| {
            while inventory.snapshot().engine.connected != wanted {
                changed.notified().await;
            }
        };
        loop {
            connected(true).await;
            tokio::select! {
                () = connected(false) => {}
                never = self.ask() => match never {},
            }
        }
    }

    async fn ask(&mut self) -> Infallible {
        let client = loop {
            match Client::connect(Connector::to(&self.options.engine)).await {
                Ok((client, _)) => break client,
                Err(error) => self.failed(&error),
            }
            tokio::time::sleep(RETRY).await;
        };
        // A path of another machine means nothing here.
        let mut data_root_at = self.options.engine.host.is_local().then(Instant::now);
        loop {
            let usage_at = self.options.usage_every.map(|_| self.usage_at);
            match data_root_at.into_iter().chain(usage_at).min() {
                Some(next) => tokio::time::sleep_until(next).await,
                None => return std::future::pending().await,
            }
            let now = Instant::now();
            if data_root_at.is_some_and(|at| at <= now) {
                let answer = client.data_root().await;
                data_root_at = answer.is_err().then(|| now + RETRY);
                self.take(answer, |storage, data_root| storage.data_root = data_root);
            } else if let Some(every) = self.options.usage_every {
                self.usage_at = now + every;
                let answer = client.usage(Timestamp::now()).await;
                self.take(answer, |storage, usage| storage.usage = Some(usage));
            }
        }
    }

    fn take<T>(&mut self, answer: Result<T, CallError>, put: impl FnOnce(&mut EngineStorage, T)) {
        match answer {
            Ok(answer) => {
                self.failing = false;
                self.note(|storage| put(storage, answer));
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &CallError) {
        match std::mem::replace(&mut self.failing, true) {
            false => {
                tracing::warn!(%error, "the engine does not say where it keeps its files or what they take; it is asked again")
            }
            true => tracing::debug!(%error, "the engine still does not say what its files take"),
        }
    }

    fn note(&self, change: impl FnOnce(&mut EngineStorage)) {
        let before = self.inventory.snapshot().storage.clone();
        let mut after = EngineStorage::clone(&before);
        change(&mut after);
        if after != *before {
            self.inventory.update(|snapshot| snapshot.storage = Arc::new(after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Engine, Reply};
    use super::*;
    use crate::inventory;

    fn connected(inventory: &Inventory, connected: bool) {
        inventory.update(|snapshot| {
            snapshot.engine = Arc::new(inventory::Engine { connected, ..inventory::Engine::default() });
        });
    }

    async fn storage(inventory: &Inventory, wanted: impl Fn(&EngineStorage) -> bool) -> Arc<EngineStorage> {
        loop {
            let storage = inventory.snapshot().storage.clone();
            if wanted(&storage) {
                return storage;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn options(engine: &Engine, usage_every: Option<Duration>) -> Options {
        Options { engine: Docker { host: engine.endpoint(), ..Docker::default() }, usage_every }
    }

    #[tokio::test]
    async fn the_data_root_is_asked_once_a_connection_and_the_usage_once_an_interval() {
        let engine = Engine::start();
        engine.reply("/v1.51/info", Reply::Body(200, r#"{"DockerRootDir":"/srv/docker"}"#.into()));
        engine.reply("/v1.51/system/df", Reply::Body(200, r#"{"LayersSize":7,"Images":[]}"#.into()));
        let inventory = Arc::new(Inventory::default());
        let hour = Some(Duration::from_secs(3600));
        StorageWatch::spawn(options(&engine, hour), inventory.clone(), CancellationToken::new());
        connected(&inventory, true);
        let known = storage(&inventory, |storage| storage.usage.is_some()).await;
        assert_eq!(known.data_root.as_deref(), Some("/srv/docker"));
        assert_eq!(known.usage.unwrap().images.bytes, Some(7));
        connected(&inventory, false);
        engine.reply("/v1.51/info", Reply::Body(200, r#"{"DockerRootDir":"/moved"}"#.into()));
        // The task has to see the loss before it sees the next connection.
        tokio::time::sleep(Duration::from_millis(50)).await;
        connected(&inventory, true);
        storage(&inventory, |storage| storage.data_root.as_deref() == Some("/moved")).await;
        let asked = engine.asked();
        assert_eq!(asked.iter().filter(|path| path.contains("/system/df")).count(), 1, "{asked:?}");
    }

    #[tokio::test]
    async fn usage_is_never_asked_if_nobody_wants_it() {
        let engine = Engine::start();
        engine.reply("/v1.51/info", Reply::Body(200, r#"{"DockerRootDir":"/srv/docker"}"#.into()));
        let inventory = Arc::new(Inventory::default());
        StorageWatch::spawn(options(&engine, None), inventory.clone(), CancellationToken::new());
        connected(&inventory, true);
        storage(&inventory, |storage| storage.data_root.is_some()).await;
        assert!(engine.asked().iter().all(|path| !path.contains("/system/df")));
    }
}
