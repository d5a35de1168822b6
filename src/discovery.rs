//! Which containers Prometheus is to scrape, and whose what it finds there is.
//!
//! A container opts in by labels. Whoever starts a container chooses its labels, so these name
//! no host and no tenant: the address is always the container's own, or a port that it has
//! published itself, and the tenancy labels are those of its other series.
//!
//! Pure: from the inventory to [`Target`]s and what is wrong with labels. Source of the shape:
//! Prometheus' documentation of `http_sd_config` and of the labels `__*__`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, show_duration};
use crate::inventory::{Container, Protocol, Snapshot, Status};
use crate::tenant::LabelValue;

/// The port of the container at which it exposes metrics; who has this label opts in.
pub const PORT_LABEL: &str = "dockmeter.scrape.port";

/// The path, `/metrics` if nothing is said; what stands behind a `?` are parameters.
pub const PATH_LABEL: &str = "dockmeter.scrape.path";

/// `http` or `https`; `http` if nothing is said.
pub const SCHEME_LABEL: &str = "dockmeter.scrape.scheme";

/// How often; as the scrape job says if nothing is said.
pub const INTERVAL_LABEL: &str = "dockmeter.scrape.interval";

/// The network whose address is taken, where the container is in several.
pub const NETWORK_LABEL: &str = "dockmeter.scrape.network";

/// What its series are called by (`service`); its name in Compose, else its own, if nothing is said.
pub const SERVICE_LABEL: &str = "dockmeter.scrape.service";

const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// Longer ones would leave Prometheus' view of the container stale in between.
const LONGEST_INTERVAL: Duration = Duration::from_secs(240);

/// A scrape may not take longer than its interval, nor than Prometheus waits by default.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The most of a path.
const LONGEST_PATH: usize = 512;

/// One container that is scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The container.
    pub container: Arc<Container>,
    /// `HOST:PORT`.
    pub address: String,
    /// The labels that Prometheus is given: how to scrape, whose it is, and what relabelling
    /// may want to know.
    pub labels: BTreeMap<String, String>,
}

/// A container that opts in and cannot be found, or not as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The container.
    pub container: Arc<Container>,
    /// What is wrong and what to do, as a sentence without the container's name.
    pub message: String,
}

/// The targets by the containers' names, and what is wrong with others.
pub fn targets(config: &config::Discovery, snapshot: &Snapshot) -> (Vec<Target>, Vec<Mistake>) {
    let mut containers: Vec<&Arc<Container>> =
        snapshot.containers.values().filter(|container| opts_in(container)).collect();
    containers.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let (mut targets, mut mistakes) = (Vec::new(), Vec::new());
    for container in containers {
        match target(config, snapshot, container) {
            Ok(target) => targets.push(target),
            Err(message) => mistakes.push(Mistake { container: container.clone(), message }),
        }
    }
    (targets, mistakes)
}

/// Whether a container says so, runs, and is known well enough to say whose it is.
fn opts_in(container: &Container) -> bool {
    container.labels.get(PORT_LABEL).is_some_and(|port| !port.is_empty())
        && container.state.status == Status::Running
        && container.removed_at.is_none()
        && container.tenant_known
}

fn target(
    config: &config::Discovery,
    snapshot: &Snapshot,
    container: &Arc<Container>,
) -> Result<Target, String> {
    let said = |key: &str| container.labels.get(key).map(String::as_str).filter(|value| !value.is_empty());
    let port = said(PORT_LABEL).and_then(|port| port.parse().ok()).filter(|port: &u16| *port > 0);
    let port = port.ok_or_else(|| format!("`{PORT_LABEL}` is not a port from 1 to 65535"))?;
    let (address, network) = match &config.published_address {
        Some(host) => (published(host, port, container)?, None),
        None => {
            let (network, ip) = reached(config, snapshot, container, said(NETWORK_LABEL))?;
            (authority(ip, port), Some(network))
        }
    };
    let mut labels = whose(container);
    let mut set = |name: &str, value: String| drop(labels.insert(name.to_owned(), value));
    set("service", service(container, said(SERVICE_LABEL)));
    let scheme = said(SCHEME_LABEL).unwrap_or("http").to_ascii_lowercase();
    if !["http", "https"].contains(&scheme.as_str()) {
        return Err(format!("`{SCHEME_LABEL}` is neither `http` nor `https`"));
    }
    set("__scheme__", scheme);
    let (path, parameters) = path(said(PATH_LABEL).unwrap_or("/metrics"))?;
    set("__metrics_path__", path);
    for (name, value) in parameters {
        set(&format!("__param_{name}"), value);
    }
    if let Some(text) = said(INTERVAL_LABEL) {
        let asked = config::duration(text, Duration::from_millis(1)..=LONGEST_INTERVAL);
        let interval =
            asked.map_err(|error| format!("`{INTERVAL_LABEL}`: {error}"))?.max(config.min_interval);
        set("__scrape_interval__", show_duration(interval));
        // The job's own timeout may be longer than this interval, which Prometheus refuses.
        set("__scrape_timeout__", show_duration(interval.min(LONGEST_TIMEOUT)));
    }
    set("__meta_dockmeter_container_id", container.id.to_string());
    set("__meta_dockmeter_container_name", container.name.as_str().to_owned());
    set("__meta_dockmeter_container_image", container.image.as_str().to_owned());
    if let Some(network) = network {
        set("__meta_dockmeter_network", network);
    }
    Ok(Target { container: container.clone(), address, labels })
}

/// The labels that say whose a container's series are.
fn whose(container: &Container) -> BTreeMap<String, String> {
    let tenant = &container.tenant;
    let labels = [("user", &tenant.user), ("project", &tenant.project), ("team", &tenant.team)];
    let mut labels: BTreeMap<String, String> =
        labels.into_iter().map(|(name, value)| (name.to_owned(), value.as_str().to_owned())).collect();
    labels.insert("service_instance".to_owned(), container.id.short());
    labels
}

fn service(container: &Container, said: Option<&str>) -> String {
    let compose =
        || container.labels.get(COMPOSE_SERVICE).map(String::as_str).filter(|name| !name.is_empty());
    let named = said.or_else(compose).map(LabelValue::clean);
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| container.name.clone()).as_str().to_owned()
}

/// The network and the address at which Prometheus reaches a container.
fn reached(
    config: &config::Discovery,
    snapshot: &Snapshot,
    container: &Arc<Container>,
    wanted: Option<&str>,
) -> Result<(String, IpAddr), String> {
    let attached = &namespace_of(snapshot, container)?.network.networks;
    let on = |name: &str| {
        // IPv4 first, as it sorts.
        attached.iter().find(|(network, _)| network == name).cloned()
    };
    if let Some(wanted) = wanted {
        return on(wanted).ok_or_else(|| {
            format!("it has no address in the network `{wanted}` that `{NETWORK_LABEL}` names")
        });
    }
    if attached.is_empty() {
        return Err("it has no address of its own; attach it to a network that Prometheus is in".to_owned());
    }
    if config.networks.is_empty() {
        return Ok(attached[0].clone());
    }
    config.networks.iter().find_map(|name| on(name)).ok_or_else(|| {
        "it is in none of the networks of `discovery.networks`; attach it to one of them".to_owned()
    })
}

/// Whose network a container is in: its own, or another container's of the same tenant.
fn namespace_of<'s>(
    snapshot: &'s Snapshot,
    container: &'s Arc<Container>,
) -> Result<&'s Arc<Container>, String> {
    match container.network.mode.as_str() {
        // Which of the host's ports are this container's cannot be told from its labels.
        "host" => Err(
            "it is in the host's network, where a port may be anybody's; attach it to a network of its own"
                .to_owned(),
        ),
        mode => match mode.strip_prefix("container:") {
            None => Ok(container),
            Some(key) => {
                let other =
                    snapshot.find(key, |other| other.tenant == container.tenant && other.tenant_known);
                let other = other.ok().filter(|other| other.state.is_live() && other.network.mode != "host");
                other.ok_or_else(|| {
                    "it is in the network of a container of somebody else, or of one that is gone".to_owned()
                })
            }
        },
    }
}

/// Where a container publishes a port, for somebody on another machine.
fn published(host: &str, port: u16, container: &Container) -> Result<String, String> {
    let beyond = |ip: &Option<IpAddr>| ip.is_none_or(|ip| !ip.is_loopback() || host.parse() == Ok(ip));
    let found = container.published().iter().find(|binding| {
        binding.protocol == Protocol::Tcp && binding.container_port == port && beyond(&binding.host_ip)
    });
    let binding = found.ok_or_else(|| {
        format!("it does not publish its port {port} on the host, where Prometheus would find it (`--publish {port}`)")
    })?;
    Ok(match host.parse::<IpAddr>() {
        Ok(ip) => authority(ip, binding.host_port),
        Err(_) => format!("{host}:{}", binding.host_port),
    })
}

fn authority(ip: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(ip, port).to_string()
}

/// A path and its parameters; of one that is given twice, the first counts, as a label has one value.
fn path(text: &str) -> Result<(String, Vec<(String, String)>), String> {
    let wrong = |what: &str| Err(format!("`{PATH_LABEL}` {what}"));
    if !text.starts_with('/') {
        return wrong("does not begin with `/`");
    }
    if text.len() > LONGEST_PATH || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        return wrong("is no path");
    }
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let mut parameters: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return wrong("has a parameter whose name no label can hold: letters, digits and `_`");
        }
        if parameters.iter().all(|(known, _)| *known != name) {
            parameters.push((name.into_owned(), value.into_owned()));
        }
    }
    Ok((path.to_owned(), parameters))
}

#[cfg(test)]
mod tests;
