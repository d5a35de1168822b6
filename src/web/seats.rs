//! The places of connections: so many at once, and so many of one client.
//!
//! Programs keep the connections open over which they send, mostly idle. Where idle connections
//! give way, one that comes when there is no room takes the place of one over which nothing is
//! asked: of its own client's if that has its share, else of the client that holds most. So
//! nobody who holds many keeps one out who wants a first, and who is closed dials again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::connection::Activity;
use super::crowd::Client;

/// Bounds of connections, and who has them.
#[derive(Debug)]
pub(super) struct Seats {
    /// At once.
    most: usize,
    /// Of one client.
    share: usize,
    /// Whether idle connections give way.
    idle_gives_way: bool,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next_id: u64,
    connections: HashMap<u64, Connection>,
}

/// A connection that has a place.
#[derive(Debug)]
struct Connection {
    client: Client,
    activity: Arc<Activity>,
    /// How it is ended; not known at its very beginning.
    end: Option<AbortHandle>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    pub(super) id: u64,
}

/// A place that may be given back before its connection ends, since something that lasts has
/// taken the connection over.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldSeat(Arc<Mutex<Option<Seat>>>);

impl HeldSeat {
    pub(super) fn new(seat: Seat) -> Self {
        HeldSeat(Arc::new(Mutex::new(Some(seat))))
    }

    /// Gives it back.
    pub(super) fn release(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Seats {
    /// All free.
    pub(super) fn new(most: usize, share: usize, idle_gives_way: bool) -> Arc<Self> {
        Arc::new(Seats { most, share, idle_gives_way, taken: Mutex::default() })
    }

    /// A place for a connection of a client, if there is one or one can be made.
    pub(super) fn take(self: &Arc<Self>, client: Client, activity: Arc<Activity>) -> Option<Seat> {
        let mut taken = self.taken();
        let of_client = taken.connections.values().filter(|other| other.client == client).count();
        if of_client >= self.share {
            self.make_room(&mut taken, Some(client))?;
        } else if taken.connections.len() >= self.most {
            self.make_room(&mut taken, None)?;
        }
        taken.next_id += 1;
        let id = taken.next_id;
        taken.connections.insert(id, Connection { client, activity, end: None });
        Some(Seat { seats: self.clone(), id })
    }

    /// Notes how the connection of a place is ended.
    pub(super) fn holds(&self, id: u64, end: AbortHandle) {
        if let Some(connection) = self.taken().connections.get_mut(&id) {
            connection.end = Some(end);
        }
    }

    /// Ends the idle connection that is worth least, of one client or of all.
    fn make_room(&self, taken: &mut Taken, only: Option<Client>) -> Option<()> {
        if !self.idle_gives_way {
            return None;
        }
        let mut held: HashMap<Client, usize> = HashMap::new();
        for connection in taken.connections.values() {
            *held.entry(connection.client).or_default() += 1;
        }
        let worth = |(id, connection): (&u64, &Connection)| {
            let idle_since: Instant = connection.activity.idle_since()?;
            let end = connection.end.clone()?;
            let considered = only.is_none_or(|client| client == connection.client);
            let held = held.get(&connection.client).copied().unwrap_or_default();
            considered.then_some(((std::cmp::Reverse(held), idle_since), *id, end))
        };
        let idle = taken.connections.iter().filter_map(worth);
        let (_, id, end) = idle.min_by_key(|(worth, id, _)| (*worth, *id))?;
        taken.connections.remove(&id);
        end.abort();
        Some(())
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().connections.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> Client {
        Client::at(std::net::Ipv4Addr::new(10, 0, 0, last).into())
    }

    /// A connection that lasts until it is ended.
    async fn connect(
        seats: &Arc<Seats>,
        client: Client,
    ) -> Option<(tokio::task::JoinHandle<()>, Arc<Activity>)> {
        let activity = Arc::<Activity>::default();
        let seat = seats.take(client, activity.clone())?;
        let id = seat.id;
        let running = tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(seat);
        });
        seats.holds(id, running.abort_handle());
        // Each is idle for longer than those that follow.
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
        Some((running, activity))
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_its_share_gives_up_what_was_idle_for_longest() {
        let seats = Seats::new(10, 2, true);
        let (first, _) = connect(&seats, at(1)).await.unwrap();
        let (second, busy) = connect(&seats, at(1)).await.unwrap();
        let (other, _) = connect(&seats, at(2)).await.unwrap();
        let (third, _) = connect(&seats, at(1)).await.unwrap();
        assert!(first.await.unwrap_err().is_cancelled());
        let answering = crate::web::connection::Answering::new(busy);
        let fourth = connect(&seats, at(1)).await;
        assert!(third.await.unwrap_err().is_cancelled(), "the older one answers");
        assert!(fourth.is_some() && !second.is_finished() && !other.is_finished());
        drop(answering);
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_most_gives_way_to_who_has_none() {
        let seats = Seats::new(3, 2, true);
        let (alone, _) = connect(&seats, at(2)).await.unwrap();
        let (first, _) = connect(&seats, at(1)).await.unwrap();
        let (second, _) = connect(&seats, at(1)).await.unwrap();
        let (newcomer, _) = connect(&seats, at(3)).await.unwrap();
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(!alone.is_finished() && !second.is_finished() && !newcomer.is_finished());
        assert_eq!(seats.taken().connections.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_gives_way_there_is_no_room() {
        let seats = Seats::new(2, 1, false);
        let (first, _) = connect(&seats, at(1)).await.unwrap();
        assert!(connect(&seats, at(1)).await.is_none());
        let _second = connect(&seats, at(2)).await.unwrap();
        assert!(connect(&seats, at(3)).await.is_none());
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(connect(&seats, at(3)).await.is_some());
        // Those that answer do not give way either.
        let seats = Seats::new(1, 1, true);
        let (_running, busy) = connect(&seats, at(1)).await.unwrap();
        let answering = crate::web::connection::Answering::new(busy);
        assert!(connect(&seats, at(1)).await.is_none() && connect(&seats, at(2)).await.is_none());
        drop(answering);
        assert!(connect(&seats, at(2)).await.is_some());
    }
}
