//! The thread that watches. Readings are handed over without waiting: where it is busy, a moment is
//! left out, which the next one makes good.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::learn::{Sources, ask, ready, rest};
use super::watch::{Learned, Service, Watch};
use crate::live::Hub;
use crate::snapshot::{Audience, Snapshot};

/// Messages on their way: readings of a quarter of a minute, and what was learned.
const WAITING: usize = 4;

enum Message {
    Read(Arc<Snapshot>),
    Learned(Service, Box<Learned>),
}

/// Hands full readings over; never waits.
struct Sink(Sender<Message>);

impl Audience for Sink {
    fn published(&self, snapshot: &Arc<Snapshot>) {
        // What is left out is in the counters of the next.
        let _ = self.0.try_send(Message::Read(snapshot.clone()));
    }
}

/// Starts to watch, with detectors of so many bytes, and tells a hub. Learns in a task of the runtime
/// that this is called in. It ends when who is returned is gone.
///
/// # Errors
/// There is no thread to be had.
pub fn start(bytes: usize, sources: Sources, hub: Arc<Hub>) -> io::Result<Arc<dyn Audience>> {
    let (send, receive) = channel(WAITING);
    // One at a time: who is asked for is taken from the watch when there is time for it.
    let (want, wanted) = channel(1);
    tokio::spawn(learn(sources, wanted, send.downgrade()));
    let run = move || watch(Watch::new(bytes), receive, &want, &hub);
    thread::Builder::new().name("anomalies".to_owned()).spawn(run)?;
    Ok(Arc::new(Sink(send)))
}

fn watch(mut watch: Watch, mut receive: Receiver<Message>, want: &Sender<Service>, hub: &Hub) {
    let board = hub.board();
    while let Some(message) = receive.blocking_recv() {
        match message {
            Message::Read(snapshot) => {
                let turned = watch.take(&snapshot);
                // Before it is told, so that who comes now misses nothing.
                if let Some((now, left_out)) = watch.changed() {
                    board.put(now, left_out);
                }
                if !turned.is_empty() {
                    hub.turned(turned);
                }
            }
            Message::Learned(service, learned) => {
                watch.learn(&service, &learned);
                if let Some((now, left_out)) = watch.changed() {
                    board.put(now, left_out);
                }
            }
        }
        if let Ok(place) = want.try_reserve()
            && let Some(service) = watch.wanted()
        {
            place.send(service);
        }
    }
}

/// Asks for what was before, service by service.
async fn learn(
    sources: Sources,
    mut wanted: Receiver<Service>,
    send: tokio::sync::mpsc::WeakSender<Message>,
) {
    let now = || jiff::Timestamp::now().as_millisecond();
    ready(&sources(), now).await;
    while let Some(service) = wanted.recv().await {
        let (learned, taken) = ask(&sources(), &service, now()).await;
        let Some(send) = send.upgrade() else { return };
        if send.send(Message::Learned(service, Box::new(learned))).await.is_err() {
            return;
        }
        drop(send);
        tokio::time::sleep(rest(taken)).await;
    }
}
