//! The places of streams: answers that last, each over a connection of its own.
//!
//! A stream gives the place of its connection back to those who ask and go, and takes one among
//! the streams. Neither kind can take the room of the other.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::{HeaderValue, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::Line;
use super::crowd::{Client, Crowd, Place};
use super::problem::{Kind, Problem};

/// Streams at once: a wall of screens in every room. Each costs a descriptor and some kilobytes.
const MOST: usize = 4_096;

/// Streams of one client; half, so that one behind whom many come cannot keep out everybody else.
const SHARE: usize = MOST / 2;

/// Which streams there are.
#[derive(Debug)]
pub(super) struct Streams {
    room: Arc<Semaphore>,
    most: usize,
    crowd: Arc<Crowd>,
}

/// The place of one; given back when dropped.
#[derive(Debug)]
pub(super) struct StreamPlace {
    _place: Place,
    _permit: OwnedSemaphorePermit,
}

impl Streams {
    /// As many as this process has descriptors for: a quarter of them.
    pub(super) fn of_this_process() -> Self {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        let most = limit.map_or(MOST, |limit| MOST.min((limit / 4).max(1)));
        Streams::new(most, SHARE.min(most.div_ceil(2)))
    }

    /// At most so many, and so many of one client.
    pub(super) fn new(most: usize, share: usize) -> Self {
        Streams { room: Arc::new(Semaphore::new(most)), most, crowd: Crowd::new(share) }
    }

    /// A place for one more.
    ///
    /// # Errors
    /// There is none, or the client has its share.
    pub(super) fn enter(&self, client: Client) -> Result<StreamPlace, Problem> {
        let full = |whose: &str| {
            let detail = format!(
                "{whose} of the {} streams that there may be at once are taken; close some, or try again later",
                self.most
            );
            Problem::new(Kind::Unavailable, detail)
        };
        let place = self.crowd.admit(client).ok_or_else(|| full("your share"))?;
        let permit = self.room.clone().try_acquire_owned().map_err(|_| full("all"))?;
        Ok(StreamPlace { _place: place, _permit: permit })
    }
}

/// Makes the connection of a request the stream's own: over HTTP/1.1 nothing else is asked over it
/// any more. Over HTTP/2 others are, and it keeps its place.
pub(super) fn take_over(line: &Line, headers: &mut HeaderMap) {
    if !line.http2 {
        leave_seat(line);
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Gives the place among those back who ask and go, for a connection that speaks HTTP no more.
pub(super) fn leave_seat(line: &Line) {
    line.seat.release();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_share_and_all_have_their_bound() {
        let streams = Streams::new(3, 2);
        let at = |last| Client::at(std::net::Ipv4Addr::new(10, 0, 0, last).into());
        let held: Vec<_> = [1, 1].into_iter().map(|last| streams.enter(at(last)).unwrap()).collect();
        assert!(streams.enter(at(1)).unwrap_err().parts().1.starts_with("your share of the 3 streams"));
        let _other = streams.enter(at(2)).unwrap();
        assert!(streams.enter(at(3)).unwrap_err().parts().1.starts_with("all of the 3 streams"));
        drop(held);
        assert!(streams.enter(at(3)).is_ok());
    }
}
