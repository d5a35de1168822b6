//! What is promised of services, and how well it is kept.
//!
//! Promises come from the configuration and from labels of containers (`labels`). For each of
//! them two counters are kept: valid events, and the bad ones among them. Requests and counters
//! of programs are counted where they are received, by tallies that `book` hands out; the
//! seconds in which containers are up are counted here (`uptime`), from the inventory.
//! `objectives` is what runs; `collector` shows it.

mod book;
mod collector;
mod labels;
mod objectives;
mod uptime;

pub use collector::SloCollector;
pub use objectives::Objectives;

use crate::inventory::Container;
use crate::tenant::{LabelValue, Tenant};

/// The label by which Compose names a container's service.
const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// What a promise is about: a service of a tenant, and what is counted of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    tenant: Tenant,
    service: LabelValue,
    /// `availability`, `latency`, `uptime`, or a name of one's own.
    slo: LabelValue,
}

/// The service of a container whose programs do not say which they are: that of Compose, else
/// the container's name.
fn service_of(container: &Container) -> LabelValue {
    let compose = container.labels.get(COMPOSE_SERVICE).map(|service| LabelValue::clean(service));
    compose.filter(|service| !service.is_empty()).unwrap_or_else(|| container.name.clone())
}
