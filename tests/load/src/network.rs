//! Datagrams of known size and number.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::{Answer, Outcome};

/// Neither side waits longer for the other.
const SILENCE: Duration = Duration::from_secs(20);

/// After this many datagrams the sender waits until the receiver has them all, and says so with
/// a datagram of one byte: no queue on the way overflows, however slow the machine.
const BATCH: u64 = 16;

/// Receives datagrams until that many have come.
pub(crate) fn receive(port: u16, count: u64) -> Outcome {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    socket.set_read_timeout(Some(SILENCE))?;
    let mut buffer = [0; 65536];
    let (mut datagrams, mut bytes, mut replies) = (0, 0, 0);
    while datagrams < count {
        let (length, from) = socket.recv_from(&mut buffer)?;
        datagrams += 1;
        bytes += length as u64;
        if datagrams % BATCH == 0 {
            replies += socket.send_to(&[0], from)? as u64;
        }
    }
    Ok(Answer::default().number("datagrams", datagrams).number("bytes", bytes).number("replies", replies))
}

/// Sends datagrams.
pub(crate) fn send(to: SocketAddr, count: u64, bytes: usize) -> Outcome {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(SILENCE))?;
    let payload = vec![0x5a; bytes];
    for number in 1..=count {
        socket.send_to(&payload, to)?;
        if number % BATCH == 0 {
            socket.recv(&mut [0])?;
        }
    }
    Ok(Answer::default().number("datagrams", count).number("bytes", count * bytes as u64))
}
