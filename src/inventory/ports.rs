//! What containers publish on the host, and which of them want the same port.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::{Container, ContainerId, Status};

/// Bindings that are kept of one container; `--publish` takes ranges of thousands.
pub const MAX_BINDINGS: usize = 1024;

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The engine's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }

    /// The protocol of an engine's word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().find(|protocol| protocol.as_str() == word)
    }
}

/// A port of a container that is published on a port of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// Port of the host; never 0.
    pub host_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Address of the host; `None` is every address.
    pub host_ip: Option<IpAddr>,
    /// Port of the container.
    pub container_port: u16,
}

impl Binding {
    /// Whether both cannot be bound at once.
    fn excludes(&self, other: &Binding) -> bool {
        let overlap = self.host_ip.is_none() || other.host_ip.is_none() || self.host_ip == other.host_ip;
        overlap && (self.host_port, self.protocol) == (other.host_port, other.protocol)
    }
}

/// What a container publishes; each list ascending, each binding once, at most [`MAX_BINDINGS`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// What is bound (`NetworkSettings.Ports`); of the last run where the container does not run.
    pub bound: Vec<Binding>,
    /// What is asked for (`HostConfig.PortBindings`), as far as the port of the host is named.
    pub configured: Vec<Binding>,
    /// What the image, or who made the container, says that it listens at (`Config.ExposedPorts`).
    pub exposed: Vec<(u16, Protocol)>,
}

impl Ports {
    /// A TCP port that the container listens at, as far as anybody says: one that is published
    /// before one that is only exposed.
    pub fn listens_at(&self) -> Option<u16> {
        let published = self.bound.iter().chain(&self.configured);
        let published = published.map(|binding| (binding.container_port, binding.protocol));
        let mut all = published.chain(self.exposed.iter().copied());
        all.find(|(_, protocol)| *protocol == Protocol::Tcp).map(|(port, _)| port)
    }
}

impl Container {
    /// What it has published now.
    pub fn published(&self) -> &[Binding] {
        let runs = matches!(self.state.status, Status::Running | Status::Paused) && self.removed_at.is_none();
        if runs { &self.ports.bound } else { &[] }
    }

    /// The ports that it has, or that it will want when its restart policy starts it again.
    pub fn claimed(&self) -> &[Binding] {
        let restarts = !matches!(self.restart_policy.as_str(), "" | "no");
        match self.state.status {
            Status::Running | Status::Paused => self.published(),
            Status::Removing | Status::Dead => &[],
            _ if restarts && self.removed_at.is_none() => &self.ports.configured,
            _ => &[],
        }
    }
}

/// For each container that claims a port: how many of its claims another container claims, too.
pub fn conflicts<'a>(containers: impl Iterator<Item = &'a Container>) -> BTreeMap<ContainerId, u64> {
    let mut claims: BTreeMap<(u16, Protocol), Vec<(ContainerId, Binding)>> = BTreeMap::new();
    let mut counted = BTreeMap::new();
    for container in containers {
        for binding in container.claimed() {
            counted.insert(container.id, 0);
            let key = (binding.host_port, binding.protocol);
            claims.entry(key).or_default().push((container.id, *binding));
        }
    }
    for rivals in claims.values().filter(|rivals| rivals.len() > 1) {
        for (id, binding) in rivals {
            let taken = rivals.iter().any(|(other, theirs)| other != id && theirs.excludes(binding));
            if let Some(count) = counted.get_mut(id).filter(|_| taken) {
                *count += 1;
            }
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(host_ip: &str, host_port: u16, protocol: Protocol) -> Binding {
        Binding { host_ip: host_ip.parse().ok(), host_port, protocol, container_port: 80 }
    }

    fn container(number: u8, status: Status, policy: &str, bindings: &[Binding]) -> Container {
        let id = format!("{number:02x}").repeat(32).parse().unwrap();
        let ports = Ports { bound: bindings.to_vec(), configured: bindings.to_vec(), ..Ports::default() };
        Container { ports, restart_policy: policy.into(), ..Container::new(id, status) }
    }

    fn counts(containers: &[Container]) -> Vec<u64> {
        conflicts(containers.iter()).into_values().collect()
    }

    const TCP: Protocol = Protocol::Tcp;

    #[test]
    fn a_published_tcp_port_is_listened_at_before_one_that_is_only_exposed() {
        let exposed = vec![(53, Protocol::Udp), (8080, Protocol::Tcp)];
        let mut ports = Ports { exposed, ..Ports::default() };
        assert_eq!(ports.listens_at(), Some(8080));
        ports.bound = vec![binding("", 8000, Protocol::Tcp)];
        assert_eq!(ports.listens_at(), Some(80));
        assert_eq!(Ports { exposed: vec![(53, Protocol::Udp)], ..Ports::default() }.listens_at(), None);
    }

    #[test]
    fn a_stopped_container_that_will_start_again_claims_its_port() {
        let taken = [binding("", 80, TCP)];
        let runs = container(1, Status::Running, "no", &taken);
        for (status, policy, expected) in [
            (Status::Exited, "unless-stopped", vec![1, 1]),
            (Status::Created, "always", vec![1, 1]),
            (Status::Restarting, "on-failure", vec![1, 1]),
            (Status::Exited, "no", vec![0]),
            (Status::Exited, "", vec![0]),
            (Status::Dead, "always", vec![0]),
        ] {
            let other = container(2, status.clone(), policy, &taken);
            assert_eq!(counts(&[runs.clone(), other]), expected, "{status:?} {policy}");
        }
    }

    #[test]
    fn the_wildcard_excludes_every_address_and_addresses_exclude_themselves() {
        let one = container(1, Status::Running, "no", &[binding("10.0.0.1", 80, TCP)]);
        for (host_ip, port, protocol, taken) in [
            ("", 80, TCP, 1),
            ("10.0.0.1", 80, TCP, 1),
            ("10.0.0.2", 80, TCP, 0),
            ("10.0.0.1", 81, TCP, 0),
            ("", 80, Protocol::Udp, 0),
        ] {
            let other = container(2, Status::Exited, "always", &[binding(host_ip, port, protocol)]);
            assert_eq!(counts(&[one.clone(), other]), [taken, taken], "{host_ip} {port} {protocol:?}");
        }
    }

    #[test]
    fn a_container_is_no_rival_of_itself_and_a_removed_one_of_nobody() {
        let both = [binding("", 80, TCP), binding("10.0.0.1", 80, TCP)];
        let one = container(1, Status::Running, "no", &both);
        let removed_at = Some(jiff::Timestamp::UNIX_EPOCH);
        let gone = Container { removed_at, ..container(2, Status::Exited, "always", &both) };
        assert_eq!(counts(&[one, gone]), [0]);
    }
}
