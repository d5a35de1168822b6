//! Connections by where they come from, so that one client cannot take the room of all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The connections that are open, by their peer's network.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Connections that one network may have.
    share: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Crowd {
    /// Nobody yet; one network may have `share` connections.
    pub(super) fn new(share: usize) -> Arc<Self> {
        Arc::new(Crowd { share, open: Mutex::default() })
    }

    /// A place for one more connection, or `None` where its network has its share.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let network = network_of(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_default();
        // A network that has its share is counted already, so no empty entry stays behind.
        if *count >= self.share {
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), network })
    }
}

/// The place of one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    network: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.network)),
        }
    }
}

/// What one client can choose its address from: with IPv6 at least a /64.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_gets_its_share_and_no_more() {
        let crowd = Crowd::new(2);
        let first = crowd.admit(ip("10.0.0.1"));
        let second = crowd.admit(ip("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(crowd.admit(ip("10.0.0.1")).is_none());
        assert!(crowd.admit(ip("10.0.0.2")).is_some());
        drop(first);
        assert!(crowd.admit(ip("10.0.0.1")).is_some());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_and_nothing_stays_behind() {
        let crowd = Crowd::new(1);
        let place = crowd.admit(ip("2001:db8::1"));
        assert!(place.is_some());
        assert!(crowd.admit(ip("2001:db8::2")).is_none());
        assert!(crowd.admit(ip("2001:db8:0:1::1")).is_some());
        drop(place);
        assert!(crowd.open.lock().unwrap().is_empty());
    }
}
