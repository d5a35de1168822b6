//! Sockets that listen: TCP, and sockets in the file system.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};

use super::access::Peer;
use super::crowd::Client;
use super::wire::Wire;
use crate::config::ListenAddress;
use crate::ingest::{Correspondent, Correspondents};

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on `{address}`: {source}; free it, or choose another with `--web.listen-address`")]
pub struct BindError {
    /// The address.
    pub address: ListenAddress,
    /// What the kernel said.
    pub source: io::Error,
}

/// Sockets that listen, and are not served yet.
#[derive(Debug, Default)]
pub struct Listeners(pub(super) Vec<Listener>);

/// One socket that listens.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Socket,
    address: ListenAddress,
    /// Who finds out which containers connect.
    correspondents: Option<Arc<Correspondents>>,
    /// The file of a socket that was made here.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) peer: Peer,
    pub(super) client: Client,
    /// Whether it comes from this machine, over whatever address.
    pub(super) on_this_machine: bool,
    /// Who that is, where it is of interest.
    pub(super) correspondent: Option<Arc<Correspondent>>,
}

impl Listeners {
    /// Listens on every address, or on none.
    ///
    /// # Errors
    /// The first address that is taken, not this machine's, or not allowed.
    pub async fn bind(addresses: &[ListenAddress]) -> Result<Self, BindError> {
        let mut listeners = Vec::with_capacity(addresses.len());
        for address in addresses {
            let listener = Listener::bind(address).await;
            listeners.push(listener.map_err(|source| BindError { address: address.clone(), source })?);
        }
        Ok(Listeners(listeners))
    }

    /// Takes sockets over that somebody else has bound.
    ///
    /// # Errors
    /// One of them cannot be watched.
    pub fn inherited(
        tcp: Vec<std::net::TcpListener>,
        unix: Vec<std::os::unix::net::UnixListener>,
    ) -> io::Result<Self> {
        let mut listeners = Vec::with_capacity(tcp.len() + unix.len());
        for socket in tcp {
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?.into();
            listeners.push(Listener {
                socket: Socket::Tcp(TcpListener::from_std(socket)?),
                address,
                correspondents: None,
                _file: None,
            });
        }
        for socket in unix {
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            let address = ListenAddress::Unix(address.as_pathname().unwrap_or(Path::new("")).to_owned());
            listeners.push(Listener {
                socket: Socket::Unix(UnixListener::from_std(socket)?),
                address,
                correspondents: None,
                _file: None,
            });
        }
        Ok(Listeners(listeners))
    }

    /// The same with somebody who finds out which containers connect, of whose programs it takes
    /// what they send.
    #[must_use]
    pub fn for_programs(mut self, correspondents: &Arc<Correspondents>) -> Self {
        for listener in &mut self.0 {
            listener.correspondents = Some(correspondents.clone());
        }
        self
    }

    /// Whether programs send what they measure to them.
    pub(super) fn are_for_programs(&self) -> bool {
        self.0.iter().any(|listener| listener.correspondents.is_some())
    }

    /// The addresses listened on, with the actual port where port 0 was asked for.
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.0.iter().map(|listener| listener.address.clone()).collect()
    }
}

impl Listener {
    async fn bind(address: &ListenAddress) -> io::Result<Self> {
        Ok(match address {
            ListenAddress::Tcp(address) => {
                let socket = TcpListener::bind(address).await?;
                let address = socket.local_addr()?.into();
                Listener { socket: Socket::Tcp(socket), address, correspondents: None, _file: None }
            }
            ListenAddress::Unix(path) => {
                remove_if_stale(path)?;
                let socket = UnixListener::bind(path)?;
                let file = SocketFile::new(path)?;
                Listener {
                    socket: Socket::Unix(socket),
                    address: address.clone(),
                    correspondents: None,
                    _file: Some(file),
                }
            }
        })
    }

    /// The next connection. Safe to cancel.
    pub(super) async fn accept(&self) -> io::Result<(Wire, Origin)> {
        match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, address) = socket.accept().await?;
                let ours = stream.local_addr().ok();
                let mut origin = Origin::of_tcp(address, ours);
                if let (Some(correspondents), Some(ours)) = (&self.correspondents, ours) {
                    origin.meet(correspondents.of_address(address, ours));
                }
                Ok((Wire::Tcp(stream), origin))
            }
            Socket::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                let user = stream.peer_cred()?.uid();
                let mut origin = Origin::of_user(user);
                if let Some(correspondents) = &self.correspondents {
                    origin.meet(correspondents.of_socket(&stream));
                }
                Ok((Wire::Unix(stream), origin))
            }
        }
    }
}

impl Origin {
    fn of_tcp(address: SocketAddr, ours: Option<SocketAddr>) -> Self {
        let peer = Peer::new(address.ip());
        let same = |ours: SocketAddr| ours.ip().to_canonical() == address.ip().to_canonical();
        Origin {
            peer,
            client: Client::at(address.ip()),
            on_this_machine: peer.is_loopback() || ours.is_some_and(same),
            correspondent: None,
        }
    }

    /// Whoever the permissions of the socket let in may do what loopback may.
    fn of_user(user: u32) -> Self {
        let peer = Peer::new(std::net::Ipv4Addr::LOCALHOST.into());
        Origin { peer, client: Client::User(user), on_this_machine: true, correspondent: None }
    }

    /// Notes who is at the other end. Users of containers have the same numbers, so those of a
    /// socket are told apart by their container.
    fn meet(&mut self, correspondent: Correspondent) {
        if let (Client::User(_), Some(container)) = (self.client, correspondent.claims()) {
            self.client = Client::Container(container);
        }
        self.correspondent = Some(Arc::new(correspondent));
    }
}

/// Removes a socket that nobody listens on any more, as a process that was killed leaves it.
fn remove_if_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err_and(refused) {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// The file of a socket, removed when dropped if it is still the same.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(SocketFile { path: path.to_owned(), inode: fs::symlink_metadata(path)?.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|data| data.ino() == self.inode) {
            // If it cannot be removed, the next start does.
            let _ = fs::remove_file(&self.path);
        }
    }
}
