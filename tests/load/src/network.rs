//! Datagrams of known size and number, and requests over a connection that is kept.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::{Answer, Outcome};

/// Neither side waits longer for the other.
const SILENCE: Duration = Duration::from_secs(60);

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

/// A connection.
pub(crate) trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

/// Connects to `ADDRESS:PORT` or `unix:PATH`.
pub(crate) fn connect(address: &str) -> Result<Box<dyn Wire>, Box<dyn std::error::Error>> {
    if let Some(path) = address.strip_prefix("unix:") {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(SILENCE))?;
        return Ok(Box::new(stream));
    }
    let address: SocketAddr = address.parse()?;
    let stream = TcpStream::connect_timeout(&address, SILENCE)?;
    stream.set_read_timeout(Some(SILENCE))?;
    Ok(Box::new(stream))
}

/// Sends a request as it is and waits for its answer, of which the length has to be said; that
/// many times.
pub(crate) fn exchange(wire: &mut dyn Wire, request: &[u8], times: u32) -> Outcome {
    for _ in 1..times {
        exchange_once(wire, request)?;
    }
    exchange_once(wire, request)
}

fn exchange_once(wire: &mut dyn Wire, request: &[u8]) -> Outcome {
    wire.write_all(request)?;
    let mut answer = BufReader::new(wire);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("this is no answer: `{}`", line.trim()))?;
    let mut length = 0;
    loop {
        line.clear();
        answer.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    Ok(Answer::default().number("status", status).text("body", &String::from_utf8_lossy(&body)))
}
