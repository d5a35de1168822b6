//! Networks in CIDR notation.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses, as `10.0.0.0/8` or `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is no network.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a network such as `10.0.0.0/8`, `192.168.1.7` or `fd00::/8`, with no bits set behind the prefix"
)]
pub struct InvalidNetwork(String);

impl Network {
    /// Whether an address is in the network. An IPv4 address that arrives as IPv6
    /// (`::ffff:10.0.0.1`) is taken for what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own_bits, width) = bits(self.address);
        let (bits, other_width) = bits(address.to_canonical());
        width == other_width && (own_bits ^ bits) & !host_mask(width, self.prefix) == 0
    }
}

/// An address as a number, and its width in bits.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (Ipv6Addr::to_bits(v6), 128),
    }
}

/// The bits behind the prefix, and all that the width does not use.
fn host_mask(width: u8, prefix: u8) -> u128 {
    1u128.checked_shl(u32::from(width - prefix)).map_or(u128::MAX, |bit| bit - 1)
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
            let address: IpAddr = address.parse().ok()?;
            let (bits, width) = bits(address);
            let prefix = prefix.map_or(Some(width), |prefix| prefix.parse().ok())?;
            (prefix <= width && bits & host_mask(width, prefix) == 0).then_some(Network { address, prefix })
        };
        parse().ok_or_else(|| InvalidNetwork(text.to_owned()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_contains_its_addresses_only() {
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(contains("192.168.1.7", "192.168.1.7"));
        assert!(!contains("192.168.1.7", "192.168.1.6"));
        assert!(contains("0.0.0.0/0", "8.8.8.8"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "fe80::1"));
        assert!(contains("fd00::/8", "fdff::1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.1/8", "fd00::/129", "host/8", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_network_holds_exactly_the_addresses_with_its_first_bits(base: u32, ip: u32, prefix in 0u8..=32) {
            let network = Network { address: IpAddr::V4(base.into()), prefix };
            let same = (0..prefix).all(|bit| (base ^ ip) >> (31 - bit) & 1 == 0);
            prop_assert_eq!(network.contains(IpAddr::V4(ip.into())), same);
        }

        #[test]
        fn a_network_is_shown_as_it_is_read(address in any::<IpAddr>(), prefix in 0u8..=128) {
            let text = format!("{address}/{prefix}");
            if let Ok(network) = text.parse::<Network>() {
                prop_assert_eq!(network.to_string(), text);
                prop_assert!(network.contains(address) || address != address.to_canonical());
            }
        }
    }
}
