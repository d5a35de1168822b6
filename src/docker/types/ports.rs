//! Published ports, as `NetworkSettings.Ports` and `HostConfig.PortBindings` write them:
//! `{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}`, `null` for a port that is only
//! exposed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::lenient;
use crate::inventory::{Binding, MAX_BINDINGS, Protocol};

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BindingJson {
    #[serde(deserialize_with = "lenient")]
    host_ip: Option<String>,
    #[serde(deserialize_with = "lenient")]
    host_port: Option<String>,
}

/// The bindings, each once. One without a single port of the host (`""`, `0`, or a range that
/// the engine may choose from) is none. The wildcards of IPv4 and IPv6 are one.
pub(super) fn bindings(ports: BTreeMap<String, Value>) -> Vec<Binding> {
    let mut bindings: Vec<Binding> = Vec::new();
    for (port, hosts) in ports {
        let Some((container_port, protocol)) = of_container(&port) else { continue };
        let Value::Array(hosts) = hosts else { continue };
        bindings.extend(hosts.into_iter().filter_map(|host| binding(host, container_port, protocol)));
    }
    bindings.sort_unstable();
    bindings.dedup();
    bindings.truncate(MAX_BINDINGS);
    bindings
}

/// The ports that an image or somebody says that it listens at (`Config.ExposedPorts`), ascending.
pub(super) fn exposed(ports: &BTreeMap<String, Value>) -> Vec<(u16, Protocol)> {
    let mut exposed: Vec<(u16, Protocol)> = ports.keys().filter_map(|port| of_container(port)).collect();
    exposed.sort_unstable();
    exposed.dedup();
    exposed.truncate(MAX_BINDINGS);
    exposed
}

/// A port of a container, as `80/tcp`.
fn of_container(port: &str) -> Option<(u16, Protocol)> {
    let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    Some((number.parse().ok()?, Protocol::from_word(protocol)?))
}

fn binding(host: Value, container_port: u16, protocol: Protocol) -> Option<Binding> {
    let BindingJson { host_ip, host_port } = serde_json::from_value(host).ok()?;
    let host_port = host_port?.parse().ok().filter(|port| *port > 0)?;
    let host_ip = match host_ip.as_deref().unwrap_or_default() {
        "" => None,
        text => Some(text.parse::<IpAddr>().ok()?).filter(|ip| !ip.is_unspecified()),
    };
    Some(Binding { host_port, protocol, host_ip, container_port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(json: Value) -> Vec<(Option<String>, u16, &'static str, u16)> {
        let bindings = bindings(serde_json::from_value(json).unwrap()).into_iter();
        bindings
            .map(|b| (b.host_ip.map(|ip| ip.to_string()), b.host_port, b.protocol.as_str(), b.container_port))
            .collect()
    }

    #[test]
    fn both_wildcards_are_one_and_an_address_is_kept() {
        let ports = json!({
            "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
            "443/tcp": null,
        });
        assert_eq!(read(ports), [(Some("127.0.0.1".into()), 53, "udp", 53), (None, 8080, "tcp", 80)]);
    }

    #[test]
    fn what_names_no_port_of_the_host_is_no_binding() {
        for host in
            [json!({"HostPort": ""}), json!({"HostPort": "0"}), json!({"HostPort": "8000-8010"}), json!(7)]
        {
            assert!(read(json!({"80/tcp": [host]})).is_empty());
        }
        assert!(read(json!({"x/tcp": [{"HostPort": "1"}], "80/icmp": [{"HostPort": "1"}]})).is_empty());
    }

    #[test]
    fn what_is_exposed_is_ascending_and_what_is_no_port_is_left_out() {
        let ports = json!({"8080/tcp": {}, "53/udp": {}, "80": {}, "x/tcp": {}, "8000-8010/tcp": {}});
        let exposed = exposed(&serde_json::from_value(ports).unwrap());
        assert_eq!(exposed, [(53, Protocol::Udp), (80, Protocol::Tcp), (8080, Protocol::Tcp)]);
    }

    #[test]
    fn a_range_of_thousands_is_cut() {
        let ports = (1..3000).map(|port| (format!("{port}/tcp"), json!([{"HostPort": port.to_string()}])));
        assert_eq!(bindings(ports.collect()).len(), MAX_BINDINGS);
    }
}
