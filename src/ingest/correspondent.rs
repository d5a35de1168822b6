//! Which container is at the other end of a connection.
//!
//! | how it came | what tells | what proves it |
//! |---|---|---|
//! | a socket in the file system | the peer's process (`SO_PEERCRED`) and its cgroup | a pidfd: it was that process to the end ([`process`]) |
//! | TCP from a network of the engine | the peer's address, by the inventory | the connection is among those of the container's own network namespace ([`socket`]) |
//!
//! An address alone is never believed: it may have been another container's a moment ago, and
//! events take their time. A connection's container is found once and stays, since nobody else
//! can speak over it; its tenant is looked up at each request. What no container has is nobody's.

mod process;
mod socket;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::inventory::{Container, ContainerId, Inventory, Snapshot};
use crate::paths::Paths;
use process::Process;
use socket::Proof;

/// How long a connection waits for the inventory to know who it is: a container that has just
/// been started may be quicker than the engine's event.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks, however often the inventory changes.
const PAUSE: Duration = Duration::from_millis(20);

/// Who was nobody is not waited for again, unless it was silent for so long.
const STRANGE_FOR: Duration = Duration::from_secs(60);

/// Strangers that are remembered, and how long their names may be.
const MOST_STRANGERS: usize = 1024;
const LONGEST_STRANGER: usize = 1024;

/// Tables of sockets that are read at once, and for how many times as long as that took none is
/// read: a container with many sockets that connects without end takes a quarter of a core.
const PROOFS_AT_ONCE: usize = 1;
const REST: u32 = 3;

/// By what it is known who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The credentials of a socket in the file system.
    Socket,
    /// A token.
    Token,
    /// The address on a network of the engine.
    Address,
    /// Nothing.
    Unattributed,
}

impl Way {
    /// Each of them once.
    pub const ALL: [Way; 4] = [Way::Socket, Way::Token, Way::Address, Way::Unattributed];

    /// The word of the label `origin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Way::Socket => "socket",
            Way::Token => "token",
            Way::Address => "address",
            Way::Unattributed => "unattributed",
        }
    }
}

/// The other end of one connection.
#[derive(Debug)]
pub struct Correspondent {
    end: End,
    /// Its container, once it is known.
    container: OnceLock<ContainerId>,
}

#[derive(Debug)]
enum End {
    /// A process, and whose it was as far as was known when the connection was accepted.
    Process { process: Process, likely: Option<ContainerId> },
    Address {
        theirs: SocketAddr,
        ours: SocketAddr,
        /// Who was known to have the address when the connection was accepted.
        before: Vec<ContainerId>,
    },
}

/// What came of the question.
#[derive(Clone, Debug)]
pub enum Found {
    /// It is this container, of a tenant that is known.
    Container(Arc<Container>, Way),
    /// It is no container that is known here.
    Nobody,
    /// It cannot be told now, and perhaps a moment later.
    NotYet,
    /// It has the address of a container, and whether it is that one cannot be seen from here.
    OutOfSight,
}

/// Finds out who correspondents are.
pub struct Correspondents {
    inventory: Arc<Inventory>,
    paths: Paths,
    /// Whether the engine's containers are this machine's.
    here: bool,
    changes: watch::Sender<()>,
    /// Addresses and cgroups that were nobody's, and when they were last seen.
    strangers: Mutex<HashMap<String, Instant>>,
    proofs: Arc<Semaphore>,
}

impl fmt::Debug for Correspondents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Correspondents").field("here", &self.here).finish_non_exhaustive()
    }
}

/// What one look at the inventory comes to.
enum Look {
    Container(Arc<Container>),
    Nobody,
    Unknown,
    OutOfSight,
}

impl Correspondents {
    /// Over the containers of an inventory, which are `here` if the engine is on this machine;
    /// `paths` is where the host's processes are seen.
    pub fn new(inventory: Arc<Inventory>, paths: Paths, here: bool) -> Self {
        let changes = watch::Sender::new(());
        let told = changes.clone();
        inventory.on_change(Box::new(move || told.send_replace(())));
        Correspondents {
            inventory,
            paths,
            here,
            changes,
            strangers: Mutex::default(),
            proofs: Arc::new(Semaphore::new(PROOFS_AT_ONCE)),
        }
    }

    /// The other end of a socket in the file system; to be called as soon as it is accepted.
    pub fn of_socket(&self, socket: impl AsFd) -> Correspondent {
        let process = Process::at(socket.as_fd());
        let likely = match process.look(&self.inventory.snapshot()) {
            Look::Container(container) if self.here => Some(container.id),
            _ => None,
        };
        Correspondent { end: End::Process { process, likely }, container: OnceLock::new() }
    }

    /// The other end of a TCP connection; to be called as soon as it is accepted.
    pub fn of_address(&self, theirs: SocketAddr, ours: SocketAddr) -> Correspondent {
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let (theirs, ours) = (plain(theirs), plain(ours));
        let snapshot = self.inventory.snapshot();
        let before = holders(&snapshot, theirs.ip()).map(|container| container.id).collect();
        Correspondent { end: End::Address { theirs, ours, before }, container: OnceLock::new() }
    }

    /// Who a correspondent is; waits for a container that may not be known yet.
    pub async fn whose(&self, correspondent: &Correspondent) -> Found {
        let way = match correspondent.end {
            End::Process { .. } => Way::Socket,
            End::Address { .. } => Way::Address,
        };
        let started = Instant::now();
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let look = self.look(correspondent).await;
            match look {
                Look::Container(container) => {
                    let id = *correspondent.container.get_or_init(|| container.id);
                    // Its labels may be its image's, until the image is known.
                    if container.tenant_known && container.id == id {
                        return Found::Container(container, way);
                    }
                }
                Look::Nobody => return Found::Nobody,
                Look::OutOfSight => return Found::OutOfSight,
                Look::Unknown if self.is_stranger(correspondent) => break,
                Look::Unknown => {}
            }
            let rest = PATIENCE.saturating_sub(started.elapsed());
            if rest.is_zero() {
                break;
            }
            let _ = tokio::time::timeout(rest, changes.changed()).await;
            tokio::time::sleep(PAUSE).await;
        }
        let is_away = !self.inventory.snapshot().engine.connected;
        if correspondent.container.get().is_some() || correspondent.is_unsure() || is_away {
            return Found::NotYet;
        }
        self.note_stranger(correspondent);
        Found::Nobody
    }

    async fn look(&self, correspondent: &Correspondent) -> Look {
        let snapshot = self.inventory.snapshot();
        if let Some(id) = correspondent.container.get() {
            return snapshot.containers.get(id).map_or(Look::Unknown, |known| Look::Container(known.clone()));
        }
        if !self.here {
            return Look::Nobody;
        }
        match &correspondent.end {
            End::Process { process, .. } => process.look(&snapshot),
            End::Address { theirs, ours, before } => self.look_up(&snapshot, *theirs, *ours, before).await,
        }
    }

    /// The container of an address, if the connection is one of its own.
    async fn look_up(
        &self,
        snapshot: &Snapshot,
        theirs: SocketAddr,
        ours: SocketAddr,
        before: &[ContainerId],
    ) -> Look {
        if theirs.ip().is_loopback() || theirs.ip() == ours.ip() {
            // From the host itself, or through a port that it publishes.
            return Look::Nobody;
        }
        let mut look = Look::Unknown;
        for container in holders(snapshot, theirs.ip()) {
            match self.proof(container, theirs, ours).await {
                // Others use its network and are somebody else's.
                Proof::Its if is_shared_with_others(snapshot, container) => return Look::Nobody,
                Proof::Its => return Look::Container(container.clone()),
                Proof::TooMany if before == [container.id] => return Look::Container(container.clone()),
                Proof::OutOfSight => look = Look::OutOfSight,
                Proof::TooMany | Proof::NotIts => {}
            }
        }
        look
    }

    async fn proof(&self, container: &Container, theirs: SocketAddr, ours: SocketAddr) -> Proof {
        let Some(pid) = container.state.pid else { return Proof::NotIts };
        let Ok(permit) = self.proofs.clone().acquire_owned().await else { return Proof::NotIts };
        let (folder, id) = (self.paths.process(pid), container.id);
        let read = tokio::task::spawn_blocking(move || {
            let began = std::time::Instant::now();
            (socket::proof(&folder, id, theirs, ours), began.elapsed())
        });
        let Ok((proof, took)) = read.await else { return Proof::NotIts };
        tokio::spawn(async move {
            tokio::time::sleep(took * REST).await;
            drop(permit);
        });
        proof
    }

    /// Whether it was nobody a moment ago.
    fn is_stranger(&self, correspondent: &Correspondent) -> bool {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let seen = correspondent.name().and_then(|name| strangers.get_mut(&name));
        seen.map(|seen| std::mem::replace(seen, now))
            .is_some_and(|seen| now.duration_since(seen) < STRANGE_FOR)
    }

    fn note_stranger(&self, correspondent: &Correspondent) {
        let Some(name) = correspondent.name().filter(|name| name.len() <= LONGEST_STRANGER) else { return };
        let now = Instant::now();
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if strangers.len() >= MOST_STRANGERS {
            strangers.retain(|_, seen| now.duration_since(*seen) < STRANGE_FOR);
        }
        if strangers.len() < MOST_STRANGERS {
            strangers.insert(name, now);
        }
    }
}

impl Correspondent {
    /// Whose connections it counts among: the container that its process is in, or that had its
    /// address when the connection was accepted.
    pub fn claims(&self) -> Option<ContainerId> {
        match &self.end {
            End::Process { likely, .. } => *likely,
            End::Address { before, .. } => before.first().copied(),
        }
    }

    /// What it is remembered by.
    fn name(&self) -> Option<String> {
        match &self.end {
            End::Address { theirs, .. } => Some(theirs.ip().to_string()),
            End::Process { process, .. } => process.cgroup().map(str::to_owned),
        }
    }

    /// Whether another connection of the same program may tell more.
    fn is_unsure(&self) -> bool {
        matches!(self.end, End::Process { process: Process::TooYoung, .. })
    }
}

/// The containers that have an address while they run.
fn holders(snapshot: &Snapshot, address: IpAddr) -> impl Iterator<Item = &Arc<Container>> {
    snapshot
        .containers
        .values()
        .filter(move |one| one.state.is_live() && one.network.addresses.contains(&address))
}

/// Whether a container of another tenant has been started in this one's network.
fn is_shared_with_others(snapshot: &Snapshot, container: &Container) -> bool {
    let own = format!("container:{}", container.id);
    let mut sharing =
        snapshot.containers.values().filter(|one| one.state.is_live() && one.network.mode == own);
    sharing.any(|one| one.tenant != container.tenant)
}

#[cfg(test)]
mod tests;
