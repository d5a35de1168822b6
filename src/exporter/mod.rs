//! Where the program is put together: the list of collectors, start, reload and stop.

mod analyses;
mod engine;
mod evaluator;
mod healthcheck;
mod history;
mod own;
mod processes;
#[cfg(feature = "prometheus-registry")]
pub mod registry;
mod reloads;
mod serve;
mod sla;
mod systemd;

use std::sync::Arc;

use jiff::Timestamp;

use crate::collect::Collector;
use crate::container::collectors;
use crate::disk::collectors::{ContainerDiskCollector, DockerDiskCollector};
use crate::findings::{self, FindingsCollector};
use crate::health::{HealthCollector, Monitor};
use crate::history::History;
use crate::host;
use crate::host::machine::MachineCollector;
use crate::ingest::{Programs, Receiver};
use crate::postgres::{self, PostgresCollector};
use crate::probe::{self, ProbeCollector};
use crate::slo::{Objectives, SloCollector};
use crate::tenant::Resolver;

pub use engine::{EngineCollector, PortsCollector};
pub use evaluator::Evaluator;
pub use healthcheck::healthcheck;
pub use own::OwnCollector;
pub use reloads::Reloads;
pub use serve::serve;
pub use sla::SlaReporter;

/// What collectors show that is not in the snapshot; by default there is nothing of it.
#[derive(Default)]
pub struct Shown {
    /// Attributes the exporter's containers, if it attributes any itself.
    pub resolver: Option<Arc<Resolver>>,
    /// Tells of its configuration, if it has any.
    pub reloads: Option<Arc<Reloads>>,
    /// Who evaluates tenants' alerts.
    pub evaluator: Evaluator,
    /// What came of probes.
    pub probes: probe::Board,
    /// What programs have sent.
    pub programs: Arc<Receiver>,
    /// What PostgreSQL servers have said.
    pub servers: postgres::Board,
    /// Keeps what verdicts are made of.
    pub health: Option<Arc<Monitor>>,
    /// What is promised.
    pub objectives: Arc<Objectives>,
    /// What was, if it is kept.
    pub history: Option<History>,
    /// What holds requests up.
    pub findings: findings::Board,
}

/// Every collector there is, in the order of the page. `started_at` is the start of the process.
pub fn collectors(started_at: Timestamp, shown: Shown) -> Vec<Box<dyn Collector>> {
    let Shown {
        resolver,
        reloads,
        evaluator,
        probes,
        programs,
        servers,
        health,
        objectives,
        history,
        findings,
    } = shown;
    let mut all = collectors::all();
    all.push(Box::new(ContainerDiskCollector));
    all.push(Box::new(MachineCollector));
    all.push(Box::new(EngineCollector));
    all.push(Box::new(PortsCollector));
    all.push(Box::new(DockerDiskCollector));
    all.push(Box::new(ProbeCollector::new(probes)));
    all.push(Box::new(Programs::new(programs)));
    all.push(Box::new(HealthCollector::new(health)));
    all.push(Box::new(SloCollector::new(objectives)));
    all.push(Box::new(FindingsCollector::new(findings)));
    all.push(Box::new(OwnCollector::new(started_at, resolver, reloads, evaluator).with_history(history)));
    all.push(Box::new(PostgresCollector::new(servers)));
    all.extend(host::collectors::all());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue;

    #[test]
    fn the_list_names_the_collectors_of_the_catalogue() {
        let all = collectors(Timestamp::UNIX_EPOCH, Shown::default());
        let names: Vec<&str> = all.iter().map(|one| one.name()).collect();
        assert_eq!(names, catalogue::COLLECTORS);
    }
}
