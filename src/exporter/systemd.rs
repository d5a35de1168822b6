//! What systemd and a service say to each other: sockets that it has bound, and how the service
//! is doing (`sd_listen_fds(3)`, `sd_notify(3)`). Without systemd nothing is said.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use anyhow::{Context as _, bail, ensure};
use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use rustix::time::{ClockId, clock_gettime};

/// The name of a socket unit's descriptors for programs that send metrics.
const INGEST: &str = "ingest";

/// Sockets that listen, as systemd has passed them.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pub(super) tcp: Vec<std::net::TcpListener>,
    pub(super) unix: Vec<std::os::unix::net::UnixListener>,
}

impl Sockets {
    /// Takes those of the environment. It is changed, so that nobody takes them again; no other
    /// thread may run yet.
    ///
    /// # Errors
    /// There are none, or one of them is none that pages can be served over.
    pub(super) fn from_environment() -> anyhow::Result<Self> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<&str> = names.split(':').collect();
        let mut passed = ListenFd::from_env();
        ensure!(
            passed.len() > 0,
            "`--web.systemd-socket` is given and systemd has passed no socket; start the socket unit, or give `--web.listen-address` instead"
        );
        let mut sockets = Sockets::default();
        for index in 0..passed.len() {
            let name = names.get(index).copied().unwrap_or_default();
            ensure!(name != INGEST, "the socket `{INGEST}` of systemd is not in this version");
            let what = || format!("the socket {} of systemd (`{name}`)", index + 1);
            if let Ok(Some(socket)) = passed.take_tcp_listener(index) {
                ensure_listens(&socket).with_context(what)?;
                sockets.tcp.push(socket);
            } else if let Ok(Some(socket)) = passed.take_unix_listener(index) {
                ensure_listens(&socket).with_context(what)?;
                sockets.unix.push(socket);
            } else {
                bail!("{} is no stream socket; use `ListenStream=` in the socket unit", what());
            }
        }
        Ok(sockets)
    }
}

fn ensure_listens(socket: impl AsFd) -> anyhow::Result<()> {
    ensure!(socket_acceptconn(socket)?, "it is a connection and does not listen; use `Accept=no`");
    Ok(())
}

/// Tells systemd how the service is doing, if it wants to know (`Type=notify-reload`).
#[derive(Debug)]
pub(super) struct Notifier(Option<(UnixDatagram, SocketAddr)>);

impl Notifier {
    /// With the socket that systemd has named in the environment, if any.
    pub(super) fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Notifier(None) };
        let socket = Self::to(&name);
        if let Err(error) = &socket {
            tracing::warn!(%error, socket = %name.display(), "systemd cannot be told how the service is doing");
        }
        Notifier(socket.ok())
    }

    fn to(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // Somebody who does not read must not hold the exporter up.
        socket.set_nonblocking(true)?;
        Ok((socket, address))
    }

    /// The exporter serves.
    pub(super) fn ready(&self) {
        self.say("READY=1\nSTATUS=serving\n");
    }

    /// The configuration is being read again; [`Notifier::ready`] says that it has been.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.say(&format!(
            "RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reading the configuration again\n"
        ));
    }

    /// The exporter ends.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=stopping\n");
    }

    fn say(&self, state: &str) {
        let Some((socket, address)) = &self.0 else { return };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), address) {
            tracing::debug!(%error, "systemd was not told how the service is doing");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(receiver: &UnixDatagram) -> String {
        let mut bytes = [0; 200];
        let count = receiver.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    #[test]
    fn states_are_told_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let at_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("dockmeter-test-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        let at_name = UnixDatagram::bind_addr(&abstract_address).unwrap();
        for (receiver, socket) in [(at_path, path.into_os_string()), (at_name, format!("@{name}").into())] {
            let notifier = Notifier(Some(Notifier::to(&socket).unwrap()));
            notifier.ready();
            assert!(told(&receiver).starts_with("READY=1\n"));
            notifier.reloading();
            let reloading = told(&receiver);
            let moment = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
            assert!(moment.parse::<u64>().unwrap() > 0, "{reloading}");
            notifier.stopping();
            assert!(told(&receiver).starts_with("STOPPING=1\n"));
        }
    }

    #[test]
    fn without_systemd_nothing_is_said() {
        Notifier(None).ready();
        let gone = Notifier(Some(Notifier::to("/nowhere/notify".as_ref()).unwrap()));
        gone.ready();
    }
}
