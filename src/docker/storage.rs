//! Asks the engine how much is in use (`GET /system/df`), in a task of its own, now and then.
//!
//! The question makes the engine look at every file it has, which takes it minutes on a large
//! host. So it is never asked because somebody scrapes, never twice at once, and not again
//! before the interval is over, however the last time ended.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::client::Client;
use crate::inventory::{EngineStorage, Inventory};

/// Asks over whatever client there is, for as long as there is a watcher.
pub(super) async fn ask_usage(
    inventory: Arc<Inventory>,
    mut clients: watch::Receiver<Option<Client>>,
    every: Duration,
) {
    // Outlives connections.
    let mut due = Instant::now();
    // A row of failures is told once.
    let mut failing = false;
    clients.mark_changed();
    loop {
        let client = clients.borrow_and_update().clone();
        let Some(client) = client else {
            match clients.changed().await {
                Ok(()) => continue,
                Err(_) => return,
            }
        };
        let usage = async {
            tokio::time::sleep_until(due).await;
            due = Instant::now() + every;
            client.usage(Timestamp::now()).await
        };
        let answer = tokio::select! {
            // One that came meanwhile is to be asked instead.
            biased;
            changed = clients.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            answer = usage => answer,
        };
        match answer {
            Ok(usage) => {
                failing = false;
                note(&inventory, |storage| storage.usage = Some(usage));
            }
            Err(error) if !std::mem::replace(&mut failing, true) => {
                tracing::warn!(%error, "the engine does not say what its files take; it is asked again");
            }
            Err(error) => tracing::debug!(%error, "the engine still does not say what its files take"),
        }
    }
}

/// Changes what is known of the engine's storage.
pub(super) fn note(inventory: &Inventory, change: impl FnOnce(&mut EngineStorage)) {
    inventory.update(|snapshot| change(Arc::make_mut(&mut snapshot.storage)));
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Engine, Reply};
    use super::*;

    async fn until(holds: impl Fn() -> bool) {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn the_usage_is_asked_once_an_interval_however_often_connections_are_made() {
        let engine = Engine::start();
        engine.reply("/v1.51/system/df", Reply::Body(200, r#"{"LayersSize":7,"Images":[]}"#.into()));
        let (client, _) = Client::connect(engine.endpoint(), Arc::default()).await.unwrap();
        let (clients, receiver) = watch::channel(None);
        let inventory = Arc::new(Inventory::default());
        let asking = tokio::spawn(ask_usage(inventory.clone(), receiver, Duration::from_secs(3600)));
        clients.send_replace(Some(client.clone()));
        until(|| inventory.snapshot().storage.usage.is_some()).await;
        assert_eq!(inventory.snapshot().storage.usage.unwrap().images.bytes, Some(7));
        clients.send_replace(None);
        clients.send_replace(Some(client));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let asked = engine.asked();
        assert_eq!(asked.iter().filter(|path| path.contains("/system/df")).count(), 1, "{asked:?}");
        drop(clients);
        asking.await.unwrap();
    }
}
