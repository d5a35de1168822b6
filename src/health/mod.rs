//! How everything is: engine, containers, images, networks, volumes, host, the stack around
//! dockmeter and dockmeter itself, each with reasons and what to do next.
//!
//! - [`Facts`]: plain numbers of one moment, put together by [`Monitor`].
//! - `verdict`: the pure function from facts to a [`Report`].
//! - `trend`: what a single snapshot does not tell, such as how busy the host was lately.
//! - `memory`: since when reasons hold that do not know it themselves.
//! - [`HealthCollector`]: the same as metrics.

mod collector;
mod facts;
mod kind;
mod memory;
mod monitor;
mod trend;
mod verdict;

use jiff::Timestamp;

use crate::inventory::ContainerId;
use crate::tenant::{LabelValue, Tenant};

pub use collector::HealthCollector;
pub use facts::{ContainerFacts, DiskFacts, EngineFacts, Facts, HostFacts, Objects, OwnFacts, ServerFacts};
pub use kind::Kind;
pub use monitor::{Monitor, ReloadRefused, Wanted};
pub use verdict::report;

/// How something is, the better first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing to do.
    #[default]
    Healthy,
    /// Somebody should look at it.
    Warning,
    /// Something does not work, or will not for long.
    Unhealthy,
}

impl Status {
    /// Every status, the better first.
    pub const ALL: [Status; 3] = [Status::Healthy, Status::Warning, Status::Unhealthy];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Healthy => "healthy",
            Status::Warning => "warning",
            Status::Unhealthy => "unhealthy",
        }
    }
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Domain {
    /// The engine.
    Engine,
    /// Containers.
    Containers,
    /// Images.
    Images,
    /// Networks and published ports.
    Networks,
    /// Volumes.
    Volumes,
    /// The machine.
    Host,
    /// Prometheus and Alertmanager.
    Stack,
    /// dockmeter itself.
    Dockmeter,
}

impl Domain {
    /// Every domain, in the order of a report.
    pub const ALL: [Domain; 8] = [
        Domain::Engine,
        Domain::Containers,
        Domain::Images,
        Domain::Networks,
        Domain::Volumes,
        Domain::Host,
        Domain::Stack,
        Domain::Dockmeter,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Domain::Engine => "engine",
            Domain::Containers => "containers",
            Domain::Images => "images",
            Domain::Networks => "networks",
            Domain::Volumes => "volumes",
            Domain::Host => "host",
            Domain::Stack => "stack",
            Domain::Dockmeter => "dockmeter",
        }
    }
}

/// Whom a reason is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The container.
    pub id: ContainerId,
    /// Its name.
    pub name: LabelValue,
    /// Whose it is.
    pub tenant: Tenant,
}

/// Why something is not healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// How bad it is; never healthy.
    pub status: Status,
    /// Since when it holds. The verdict knows it where the trouble itself has a moment; a report
    /// of [`Monitor`] always does.
    pub since: Option<Timestamp>,
    /// What is the matter, as a sentence without its full stop.
    pub detail: String,
    /// What to do next, likewise.
    pub next_step: String,
    /// The container that it is about, if it is about one.
    pub about: Option<About>,
    /// What else it is about, where a domain has several of a kind: a mountpoint, a collector.
    pub subject: Option<String>,
}

/// How one domain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is judged.
    pub domain: Domain,
    /// In a few words.
    pub summary: String,
    /// Why it is not healthy; the gravest first, of these the newest once [`Monitor`] has dated them.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// The worst of its reasons.
    pub fn status(&self) -> Status {
        self.reasons.iter().map(|reason| reason.status).max().unwrap_or_default()
    }
}

/// How everything is of which anything is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By domain; one of which nothing is known is not among them.
    pub verdicts: Vec<Verdict>,
}

impl Report {
    /// The worst of its domains.
    pub fn status(&self) -> Status {
        self.verdicts.iter().map(Verdict::status).max().unwrap_or_default()
    }

    /// How many reasons there are, whether they are warnings or worse.
    pub fn warning_count(&self) -> usize {
        self.verdicts.iter().map(|verdict| verdict.reasons.len()).sum()
    }
}
