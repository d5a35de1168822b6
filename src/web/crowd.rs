//! Clients, and how much of a thing each of them holds, so that one cannot take the room of
//! all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::inventory::ContainerId;

/// Who holds something, as far as one can tell clients apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// An address, or a network of which a client can choose its address: with IPv6 at least
    /// a /64.
    Network(IpAddr),
    /// A user of this machine, over a socket in the file system.
    User(u32),
    /// A container, over such a socket.
    Container(ContainerId),
}

impl Client {
    /// The client at an address.
    pub(super) fn at(peer: IpAddr) -> Self {
        Client::Network(match peer.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
            }
            other => other,
        })
    }
}

/// What is held, by client.
#[derive(Debug)]
pub(super) struct Crowd {
    /// What one client may hold.
    share: usize,
    held: Mutex<HashMap<Client, usize>>,
}

impl Crowd {
    /// Nobody yet; one client may hold `share`.
    pub(super) fn new(share: usize) -> Arc<Self> {
        Arc::new(Crowd { share, held: Mutex::default() })
    }

    /// A place for one more, or `None` where the client has its share.
    pub(super) fn admit(self: &Arc<Self>, client: Client) -> Option<Place> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(client).or_default();
        // A client that has its share is counted already, so no empty entry stays behind.
        if *count >= self.share {
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), client })
    }
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    client: Client,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.crowd.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Client {
        Client::at(text.parse().unwrap())
    }

    #[test]
    fn a_client_gets_its_share_and_no_more() {
        let crowd = Crowd::new(2);
        let first = crowd.admit(at("10.0.0.1"));
        let second = crowd.admit(at("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(crowd.admit(at("10.0.0.1")).is_none());
        assert!(crowd.admit(at("10.0.0.2")).is_some());
        assert!(crowd.admit(Client::User(0)).is_some());
        drop(first);
        assert!(crowd.admit(at("10.0.0.1")).is_some());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_and_nothing_stays_behind() {
        let crowd = Crowd::new(1);
        let place = crowd.admit(at("2001:db8::1"));
        assert!(place.is_some());
        assert!(crowd.admit(at("2001:db8::2")).is_none());
        assert!(crowd.admit(at("2001:db8:0:1::1")).is_some());
        drop(place);
        assert!(crowd.held.lock().unwrap().is_empty());
    }
}
