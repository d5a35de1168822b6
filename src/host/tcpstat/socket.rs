//! A netlink socket in the host's network, wherever this process is.
//!
//! A dump tells of the network that its socket was made in. Whether that is the host's is read
//! off the file `net/dev` of the host's first process: the kernel has one file for each network,
//! with a number of its own, and shows it without privilege.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::diag::{self, Family, Progress, Tally};
use crate::host::file::ReadError;
use crate::paths::Paths;

/// The kernel answers at once; what takes longer is broken.
const DEADLINE: Duration = Duration::from_secs(5);

/// The kernel fills no more than this at once.
const LARGEST_DATAGRAM: usize = 32 << 10;

/// Why there is no socket in the host's network.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSocket {
    #[error("`{}` is that of the container that dockmeter is in; mount the host's and name it with `--path.procfs`", .0.display())]
    OfAContainer(PathBuf),
    #[error("whose network this is cannot be told, since `{}` cannot be looked at: {source}", .path.display())]
    Unknown { path: PathBuf, source: io::Error },
    #[error(
        "dockmeter is in a network of its own and may not enter the host's by `{}`: {source}; run it in the host's network, or give it the capabilities SYS_ADMIN and SYS_PTRACE", .path.display()
    )]
    Elsewhere { path: PathBuf, source: io::Error },
    #[error("the kernel gives no socket of `NETLINK_SOCK_DIAG`: {0}")]
    Refused(io::Error),
}

/// A socket that the kernel answers on.
#[derive(Debug)]
pub(super) struct DiagSocket(OwnedFd);

impl DiagSocket {
    /// A socket in the host's network.
    pub(super) fn open(paths: &Paths) -> Result<Self, NoSocket> {
        if paths.proc_is_a_containers() {
            return Err(NoSocket::OfAContainer(paths.procfs.clone()));
        }
        let number = |path: PathBuf| match std::fs::metadata(&path) {
            Ok(about) => Ok(about.ino()),
            Err(source) => Err(NoSocket::Unknown { path, source }),
        };
        if number(paths.proc("1/net/dev"))? == number(Paths::own_proc("net/dev"))? {
            return socket().map(DiagSocket).map_err(|error| NoSocket::Refused(error.into()));
        }
        let path = paths.proc("1/ns/net");
        let entered = path.clone();
        // A thread that has moved elsewhere is of no other use.
        let there = std::thread::Builder::new().name("tcpstat-ns".into()).spawn(move || {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let network = rustix::fs::open(&entered, flags, Mode::empty())?;
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            socket()
        });
        let made = there.and_then(|thread| match thread.join() {
            Ok(made) => made.map_err(io::Error::from),
            Err(_) => Err(io::Error::other("the thread that was to enter it has ended")),
        });
        made.map(DiagSocket).map_err(|source| NoSocket::Elsewhere { path, source })
    }

    /// Adds every TCP socket of a family to the sums. After an error the socket may hold the
    /// rest of an answer and is of no more use.
    pub(super) fn dump(
        &self,
        family: Family,
        buffer: &mut Vec<u8>,
        tally: &mut Tally,
    ) -> Result<(), ReadError> {
        let failed = |call| move |error: Errno| ReadError::Call { call, source: error.into() };
        buffer.resize(LARGEST_DATAGRAM, 0);
        rustix::net::send(&self.0, &diag::request(family), SendFlags::empty())
            .map_err(failed("send to NETLINK_SOCK_DIAG"))?;
        loop {
            let (length, whole) = match rustix::net::recv(&self.0, &mut buffer[..], RecvFlags::TRUNC) {
                Err(Errno::INTR) => continue,
                other => other.map_err(failed("recv from NETLINK_SOCK_DIAG"))?,
            };
            if whole > length {
                let source = io::Error::other(diag::DumpError::Malformed);
                return Err(ReadError::Call { call: "recv from NETLINK_SOCK_DIAG", source });
            }
            match tally.add(&buffer[..length]) {
                Ok(Progress::More) => {}
                Ok(Progress::Done) => return Ok(()),
                Err(error) => {
                    return Err(ReadError::Call { call: "sock_diag", source: io::Error::other(error) });
                }
            }
        }
    }
}

fn socket() -> Result<OwnedFd, Errno> {
    let kind = SocketType::RAW;
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        kind,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(DEADLINE))?;
    Ok(socket)
}
