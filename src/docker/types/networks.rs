//! Addresses of a container, as `NetworkSettings.Networks` writes them: an endpoint a network,
//! with empty texts where there is none.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::lenient;

/// Addresses that are kept of one container; it may be attached to any number of networks.
const MAX_ADDRESSES: usize = 256;

#[derive(Default, Deserialize)]
#[serde(default)]
struct EndpointJson {
    #[serde(rename = "IPAddress", deserialize_with = "lenient")]
    ipv4: Option<String>,
    #[serde(rename = "GlobalIPv6Address", deserialize_with = "lenient")]
    ipv6: Option<String>,
}

/// The addresses of all endpoints by the names of their networks, ascending.
pub(super) fn by_name(networks: BTreeMap<String, Value>) -> Vec<(String, IpAddr)> {
    let endpoints = networks
        .into_iter()
        .filter_map(|(name, one)| Some((name, serde_json::from_value::<EndpointJson>(one).ok()?)));
    let mut attached: Vec<(String, IpAddr)> = endpoints
        .flat_map(|(name, EndpointJson { ipv4, ipv6 })| {
            let texts = [ipv4, ipv6].into_iter().flatten();
            texts.filter_map(move |text| Some((name.clone(), text.parse().ok()?)))
        })
        .collect();
    attached.retain(|(_, address)| !address.is_unspecified());
    attached.sort_unstable();
    attached.truncate(MAX_ADDRESSES);
    attached
}

/// All addresses, ascending, each once.
pub(in crate::docker) fn addresses(attached: &[(String, IpAddr)]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = attached.iter().map(|(_, address)| *address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(networks: Value) -> Vec<String> {
        let addresses = addresses(&by_name(serde_json::from_value(networks).unwrap()));
        addresses.into_iter().map(|address| address.to_string()).collect()
    }

    #[test]
    fn every_network_gives_its_addresses() {
        let networks = json!({
            "bridge": {"IPAddress": "172.17.0.5", "GlobalIPv6Address": ""},
            "shop_default": {"IPAddress": "172.20.0.2", "GlobalIPv6Address": "fd00::2"},
        });
        assert_eq!(read(networks.clone()), ["172.17.0.5", "172.20.0.2", "fd00::2"]);
        let attached = by_name(serde_json::from_value(networks).unwrap());
        let shown: Vec<String> = attached.iter().map(|(name, address)| format!("{name} {address}")).collect();
        assert_eq!(shown, ["bridge 172.17.0.5", "shop_default 172.20.0.2", "shop_default fd00::2"]);
    }

    #[test]
    fn what_is_no_address_is_none() {
        let networks = json!({
            "host": {"IPAddress": "", "GlobalIPv6Address": ""},
            "none": null,
            "odd": {"IPAddress": 7},
            "stopped": {"IPAddress": "0.0.0.0", "GlobalIPv6Address": "::"},
            "wrong": {"IPAddress": "172.17.0.5/16"},
        });
        assert!(read(networks).is_empty());
        let many = (0..300)
            .map(|n| (n.to_string(), json!({"IPAddress": format!("10.1.{}.{}", n / 250, n % 250 + 1)})));
        assert_eq!(by_name(many.collect()).len(), MAX_ADDRESSES);
    }
}
