//! `node_tcp_connection_states` and `dockmeter_tcp_rtt_seconds`: the TCP sockets of the host's
//! network, over IPv4 and IPv6.
//!
//! Source: dumps of `NETLINK_SOCK_DIAG`, many times cheaper than `/proc/net/tcp`. A dump walks
//! over the kernel's whole table of sockets, so it is taken without hurry: once a second at
//! most, and for no more than 2 % of one core.
//!
//! A round-trip time is the kernel's own smoothed one. A reading observes each established
//! connection once from which an acknowledgement has come since the reading before, so that
//! connections that lie idle do not count; those between two ends on this machine stand apart.

mod diag;
mod socket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::unhurried::Unhurried;
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::paths::Paths;
use crate::snapshot::host::{Host, TcpSockets};
use diag::{Family, Tally};
use socket::DiagSocket;

/// The least time between two readings, and how far back the first one looks.
const LEAST: Duration = Duration::from_secs(1);

/// What a reading says: nothing where the host's network is out of reach, or why it failed.
pub(super) type Answer = Result<Option<Arc<TcpSockets>>, Arc<str>>;

/// What reads all sockets.
pub(super) fn reader(paths: &Paths) -> Unhurried<Answer> {
    let mut reader =
        Reader { paths: paths.clone(), socket: None, out_of_reach: false, buffer: Vec::new(), last: None };
    Unhurried::new("tcpstat", LEAST, move || reader.read(Instant::now()))
}

struct Reader {
    paths: Paths,
    socket: Option<DiagSocket>,
    /// The host's network cannot be reached, which has been said and does not change.
    out_of_reach: bool,
    buffer: Vec<u8>,
    last: Option<(Instant, Arc<TcpSockets>)>,
}

impl Reader {
    fn read(&mut self, now: Instant) -> Answer {
        if self.out_of_reach {
            return Ok(None);
        }
        let socket = match self.socket.take().map_or_else(|| DiagSocket::open(&self.paths), Ok) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(%error, "the collector `tcpstat` shows nothing");
                self.out_of_reach = true;
                return Ok(None);
            }
        };
        let (since, before) = match &self.last {
            Some((at, sockets)) => (now.saturating_duration_since(*at), sockets.clone()),
            None => (LEAST, Arc::default()),
        };
        let mut tally = Tally::new(&before, since);
        for family in [Family::V4, Family::V6] {
            let dumped = socket.dump(family, &mut self.buffer, &mut tally);
            dumped.map_err(|error| Arc::from(error.to_string()))?;
        }
        self.socket = Some(socket);
        let sockets = Arc::new(tally.finish());
        self.last = Some((now, sockets.clone()));
        Ok(Some(sockets))
    }
}

/// The labels of the two histograms.
const PEERS: [&str; 2] = ["local", "remote"];

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(sockets) = &host.tcp else { return };
    let plain = LabelBlock::default();
    sink.family(&c::TCP_STATES);
    for (state, count) in TcpSockets::STATES.iter().zip(sockets.states).filter(|(name, _)| !name.is_empty()) {
        sink.sample(&plain, &[("state", state)], Value::Int(count));
    }
    for (state, bytes) in
        [("rx_queued_bytes", sockets.rx_queued_bytes), ("tx_queued_bytes", sockets.tx_queued_bytes)]
    {
        sink.sample(&plain, &[("state", state)], Value::Int(bytes));
    }
    sink.family(&c::TCP_RTT);
    for (peer, rtt) in PEERS.iter().zip(&sockets.rtt) {
        sink.histogram(&plain, &[("peer", peer)], rtt.view());
    }
}

#[cfg(test)]
pub(super) use diag::tests::example;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_of_this_machine_is_counted_and_observed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _server = listener.accept().unwrap();
        let mut reader = Reader {
            paths: Paths::default(),
            socket: None,
            out_of_reach: false,
            buffer: Vec::new(),
            last: None,
        };
        let first = reader.read(Instant::now()).unwrap().expect("the host's network is within reach");
        assert!(first.states[1] >= 2 && first.states[10] >= 1, "{first:?}");
        assert!(reader.socket.is_some(), "the socket is kept");
        let second = reader.read(Instant::now()).unwrap().unwrap();
        assert!(second.rtt[0].count() >= first.rtt[0].count());
    }
}
