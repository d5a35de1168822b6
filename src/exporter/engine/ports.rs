//! What containers publish on the host, and which of them want the same port.

use std::net::IpAddr;

use crate::collect::{CollectError, Collector};
use crate::inventory::conflicts;
use crate::metrics::{Sink, Value, catalogue as c};
use crate::snapshot::Snapshot;

/// Published ports of a container that have a series each; ranges of thousands would drown a
/// page, and whoever publishes one knows.
const MAX_SHOWN: usize = 64;

/// `dockmeter_docker_published_ports` and what belongs to it.
#[derive(Debug)]
pub struct PortsCollector;

impl Collector for PortsCollector {
    fn name(&self) -> &'static str {
        "docker_ports"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        sink.family(&c::DOCKER_PUBLISHED_PORTS);
        for reading in &snapshot.containers {
            let published = reading.container.published();
            if !published.is_empty() {
                sink.sample(&reading.labels, &[], Value::Int(published.len() as u64));
            }
        }
        sink.family(&c::DOCKER_PUBLISHED_PORT_INFO);
        for reading in &snapshot.containers {
            for binding in reading.container.published().iter().take(MAX_SHOWN) {
                let labels = [
                    ("host_ip", &*binding.host_ip.as_ref().map_or_else(|| "*".to_owned(), IpAddr::to_string)),
                    ("host_port", &*binding.host_port.to_string()),
                    ("container_port", &*binding.container_port.to_string()),
                    ("protocol", binding.protocol.as_str()),
                ];
                sink.sample(&reading.labels, &labels, Value::Int(1));
            }
        }
        sink.family(&c::DOCKER_PORT_CONFLICTS);
        let counts = conflicts(snapshot.containers.iter().map(|reading| &*reading.container));
        for reading in &snapshot.containers {
            if let Some(count) = counts.get(&reading.container.id) {
                sink.sample(&reading.labels, &[], Value::Int(*count));
            }
        }
        Ok(())
    }
}
