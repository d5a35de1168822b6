//! Whether a TCP connection is one of a container's own: whether its other end is among the
//! sockets of the container's network namespace.
//!
//! Source: `/proc/PID/net/tcp` and `tcp6`: a line a socket with both addresses in hexadecimal
//! digits, words of 32 bits in the machine's order. A program that uses IPv6 sockets for IPv4
//! has its connections in `tcp6`.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;

use memchr::memmem;
use rustix::fs::{Mode, OFlags, openat};

use crate::inventory::ContainerId;

/// Bytes of a table that are read, of some 7,000 sockets: a container that opens more must not
/// keep a thread busy.
const LONGEST_TABLE: u64 = 1 << 20;

/// A line of `/proc/PID/cgroup` per hierarchy, each with a path: far less than this.
const CGROUP_LIMIT: u64 = 64 << 10;

/// What a container's sockets prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The connection is the container's.
    Its,
    /// It is not, or not any more.
    NotIts,
    /// There are too many sockets to look at.
    TooMany,
    /// The container's process, or its sockets, cannot be seen from here.
    OutOfSight,
}

/// Looks for a connection from `theirs` to `ours` in the namespace of a container's process, whose
/// `folder` is `/proc/PID`. Blocks for the time of reading.
pub(super) fn proof(folder: &Path, id: ContainerId, theirs: SocketAddr, ours: SocketAddr) -> Proof {
    // Held, so that everything is read of one process.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(process) = rustix::fs::open(folder, flags, Mode::empty()) else { return Proof::OutOfSight };
    match read(&process, "cgroup", CGROUP_LIMIT) {
        Ok(cgroup) if memmem::find(&cgroup, id.to_string().as_bytes()).is_some() => {}
        // Another process has its id, or it is one of another machine's.
        _ => return Proof::OutOfSight,
    }
    let mut proof = Proof::NotIts;
    for (table, line) in lines(theirs, ours) {
        match read(&process, table, LONGEST_TABLE + 1) {
            Ok(sockets) if memmem::find(&sockets, line.as_bytes()).is_some() => return Proof::Its,
            Ok(sockets) if sockets.len() as u64 > LONGEST_TABLE => proof = Proof::TooMany,
            Ok(_) => {}
            // Without IPv6 there is no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return Proof::OutOfSight,
        }
    }
    proof
}

fn read(process: impl AsFd, name: &str, limit: u64) -> io::Result<Vec<u8>> {
    let file = openat(process, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Vec::new();
    File::from(file).take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What stands in which table where the connection is. There the peer's end is the near one.
fn lines(near: SocketAddr, far: SocketAddr) -> Vec<(&'static str, String)> {
    let line = |one: String, other: String| format!(" {one}:{:04X} {other}:{:04X} ", near.port(), far.port());
    let mut lines = Vec::new();
    if let (IpAddr::V4(near), IpAddr::V4(far)) = (near.ip(), far.ip()) {
        lines.push(("net/tcp", line(digits(&near.octets()), digits(&far.octets()))));
    }
    let wide = |address: SocketAddr| match address.ip() {
        IpAddr::V4(address) => digits(&address.to_ipv6_mapped().octets()),
        IpAddr::V6(address) => digits(&address.octets()),
    };
    lines.push(("net/tcp6", line(wide(near), wide(far))));
    lines
}

fn digits(octets: &[u8]) -> String {
    let words = octets.as_chunks::<4>().0.iter();
    words.map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::Paths;
    use std::net::{TcpListener, TcpStream};

    /// This process as if it were the init of a container: a folder that shows its sockets, and a
    /// cgroup that names the container.
    fn folder(id: ContainerId) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cgroup"), format!("0::/docker/{id}\n")).unwrap();
        std::os::unix::fs::symlink(Paths::own_proc("net"), folder.path().join("net")).unwrap();
        folder
    }

    fn id() -> ContainerId {
        "7".repeat(64).parse().unwrap()
    }

    #[test]
    fn a_connection_is_found_in_the_table_of_its_namespace_while_it_is_there() {
        let folder = folder(id());
        // `[::]` takes IPv4, too; then the other end is an IPv4 socket.
        for address in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            let to = if address == "[::1]:0" { format!("[::1]:{port}") } else { format!("127.0.0.1:{port}") };
            let near = TcpStream::connect(to).unwrap();
            let (theirs, ours) = (near.local_addr().unwrap(), near.peer_addr().unwrap());
            assert_eq!(proof(folder.path(), id(), theirs, ours), Proof::Its, "{address}");
            let other = SocketAddr::new(theirs.ip(), theirs.port() ^ 1);
            assert_eq!(proof(folder.path(), id(), other, SocketAddr::new(ours.ip(), 1)), Proof::NotIts);
        }
    }

    #[test]
    fn a_process_of_another_container_proves_nothing() {
        let folder = folder("8".repeat(64).parse().unwrap());
        let address = "127.0.0.1:1".parse().unwrap();
        assert_eq!(proof(folder.path(), id(), address, address), Proof::OutOfSight);
        assert_eq!(proof(Path::new("nowhere"), id(), address, address), Proof::OutOfSight);
    }

    #[test]
    fn addresses_are_written_as_the_kernel_writes_them() {
        let lines = lines("172.17.0.2:40000".parse().unwrap(), "172.17.0.1:4318".parse().unwrap());
        if cfg!(target_endian = "little") {
            assert_eq!(lines[0], ("net/tcp", " 020011AC:9C40 010011AC:10DE ".to_owned()));
            let wide = " 0000000000000000FFFF0000020011AC:9C40 0000000000000000FFFF0000010011AC:10DE ";
            assert_eq!(lines[1], ("net/tcp6", wide.to_owned()));
        }
    }
}
