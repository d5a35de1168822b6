//! Flags, environment and `dockmeter.yml` to one validated [`Config`].
//!
//! - [`settings`]: every setting, declared once as data;
//! - [`Sources`]: what was said where, kept so that it can be read again on a reload;
//! - [`Config`]: what is in force; nothing in it has to be checked again.
//!
//! Invariants: a flag stands before the environment, the environment before the file, the
//! file before the default, value by value; whatever is refused is one line that names the
//! flag, the variable, or file, line and column.

mod alerting;
mod anomalies;
mod build;
mod cost;
mod database;
mod discovery;
mod docker;
mod endpoint;
mod file;
mod grafana;
mod health;
mod history;
mod layers;
mod listen;
mod naming;
mod network;
mod password;
mod probe;
mod reference;
mod report;
mod scrape;
pub mod settings;
mod show;
mod slo;
mod tenancy;
mod token;
mod tokens;
mod upstream;
mod value;
mod variables;
mod web_file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use alerting::{
    AlertChange, AlertChanges, AlertWish, Alerting, Changed, NOBODY, QuietHours, QuietTime, Receiver,
    Severity, Smtp, Team, clock,
};
pub use anomalies::Anomalies;
pub use cost::{Cost, Spread};
pub use database::{DatabaseUrl, Postgres, PostgresServer, SslMode};
pub use discovery::Discovery;
pub use docker::{Docker, TlsFiles};
pub use endpoint::{Endpoint, EndpointError};
pub use grafana::{Grafana, GrafanaAlerts, GrafanaTeam};
pub use health::Health;
pub use history::History;
pub use layers::Origin;
pub use listen::{InvalidListenAddress, ListenAddress};
pub use naming::Naming;
pub use network::{InvalidNetwork, Network};
pub use password::{InvalidPasswordHash, PasswordHash};
pub use probe::{Authority, HttpTarget, Probe, ProbeTarget, StatusRange};
pub use reference::reference;
pub use report::{Every, SlaReport, Weekly};
pub use scrape::Scrape;
pub use slo::{Counted, Objective, Promise, Selector, Slo, Target, Whose, threshold};
pub use token::{InvalidTokenHash, Scope, Scopes, TOKEN_BYTES, Token, TokenHash, token_of};
pub use tokens::TokenRequest;
pub use upstream::Upstream;
pub use value::{duration, show_duration, time_zone};

#[cfg(test)]
pub(crate) use web_file::CIPHER_SUITES;
pub use web_file::{ClientAuth, Curve, Pem, PemText, RateLimit, SubjectName, TlsServer, TlsVersion, WebFile};

use crate::paths::Paths;
use crate::tenant::Policy;
use crate::yaml::YamlError;

/// The file that is read if none is named and this one exists.
pub const DEFAULT_FILE: &str = "/etc/dockmeter/dockmeter.yml";

/// Everything that is configured, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Where the host's file systems are seen.
    pub paths: Paths,
    /// The engine.
    pub docker: Docker,
    /// Where the numbers of containers come from.
    pub container_source: ContainerSource,
    /// Docker labels that every series of a container carries.
    pub container_labels: Vec<String>,
    /// How long a removed container's last values stay.
    pub linger: Duration,
    /// How containers are attributed, and which are looked at.
    pub policy: Policy,
    /// How far the peaks of fast samples look back.
    pub peak_window: Duration,
    /// How often CPU and memory use are sampled; not longer than `sampling_full`.
    pub sampling_fast: Duration,
    /// How often everything is read between scrapes.
    pub sampling_full: Duration,
    /// How what lies on disk is measured.
    pub disk: Disk,
    /// Where and how pages are served.
    pub web: Web,
    /// Tokens of the configuration file, and what each of them allows.
    pub tokens: Vec<Token>,
    /// Files with more of them.
    pub token_files: Vec<PathBuf>,
    /// The tokens of those files.
    pub file_tokens: Vec<Token>,
    /// What is left out of the host's numbers, and where text files lie.
    pub host: Host,
    /// What is probed.
    pub probes: Vec<Probe>,
    /// Collectors that are switched off, by their names in the catalogue.
    pub disabled_collectors: BTreeSet<&'static str>,
    /// What is logged and how.
    pub log: Log,
    /// Where reports come from.
    pub prometheus: Upstream,
    /// Where alerts go.
    pub alertmanager: Upstream,
    /// Where dashboards go, and what else is to be there.
    pub grafana: Grafana,
    /// How Prometheus reaches containers that expose metrics.
    pub discovery: Discovery,
    /// From when on something is a warning, or unhealthy.
    pub health: Health,
    /// What the history keeps, and where.
    pub history: History,
    /// Whether what is unusual is told as it happens.
    pub anomalies: Anomalies,
    /// What Prometheus is told to scrape.
    pub scrape: Scrape,
    /// What resources cost.
    pub cost: Cost,
    /// What programs may send, and where.
    pub ingest: Ingest,
    /// Which PostgreSQL servers are read.
    pub postgres: Postgres,
    /// Who is told of what.
    pub alerting: Alerting,
    /// The report on promises that is written by itself.
    pub sla_report: SlaReport,
    /// When teams are told what was found in a week.
    pub weekly_report: Weekly,
    /// How often it is looked for what holds requests up; `None` for never.
    pub findings: Option<Duration>,
    /// What is promised of services.
    pub slo: Slo,
    /// From when on a database call is slow.
    pub slow_query: Duration,
    /// Under which names the metrics that dashboards know are shown.
    pub names: Naming,
    /// Where the value of each setting comes from, by [`settings::Setting::name`].
    origins: BTreeMap<&'static str, Origin>,
    sources: Sources,
    /// Variables that look like ours and are not, each in a sentence.
    pub unknown_variables: Vec<String>,
}

/// How what lies on disk is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disk {
    /// How long a tree is left alone after it was measured.
    pub interval: Duration,
    /// How much of all time may go into it, in percent.
    pub budget_percent: f64,
    /// How often the engine is asked.
    pub engine_interval: Duration,
}

/// Where and how pages are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Addresses to listen on; at least one.
    pub listen_addresses: Vec<ListenAddress>,
    /// Whether systemd's sockets are listened on, and no address.
    pub systemd_socket: bool,
    /// The file with TLS and users, if there is one.
    pub config_file: Option<PathBuf>,
    /// Requests that are answered at once.
    pub max_requests: usize,
    /// Networks that read without a token.
    pub trust_networks: Vec<Network>,
    /// Further names under which pages are asked for.
    pub allowed_hosts: Vec<String>,
    /// Origins of other servers' pages that may read.
    pub cors_origins: Vec<String>,
}

/// Where programs send what they measure, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingest {
    /// Addresses at which nothing else is served.
    pub listen_addresses: Vec<ListenAddress>,
    /// Series of one tenant.
    pub series_per_tenant: usize,
    /// Series of all.
    pub series_total: usize,
    /// Memory of all series, in bytes.
    pub series_bytes: usize,
    /// Length of a body, packed and unpacked, in bytes.
    pub body_bytes: usize,
    /// Whether exemplars are kept.
    pub exemplars: bool,
    /// Memory of requests that are being read, in bytes.
    pub pending_bytes: usize,
    /// Points of one tenant per second.
    pub points_per_second: usize,
}

/// Where the numbers of containers come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerSource {
    /// The kernel's files where they can be found, else the engine's statistics.
    #[default]
    Auto,
    /// The kernel's files only.
    Cgroup,
    /// The engine's statistics only.
    Api,
}

impl ContainerSource {
    const WORDS: [(&'static str, ContainerSource); 3] =
        [("auto", ContainerSource::Auto), ("cgroup", ContainerSource::Cgroup), ("api", ContainerSource::Api)];

    /// The word of the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            ContainerSource::Auto => "auto",
            ContainerSource::Cgroup => "cgroup",
            ContainerSource::Api => "api",
        }
    }
}

/// What is left out of the host's numbers, where text files lie, and how peaks are sampled.
#[derive(Clone, Debug)]
pub struct Host {
    /// Directories of text files.
    pub textfile_directories: Vec<PathBuf>,
    /// Time between two samples for peaks.
    pub sample_every: Duration,
    /// How far peaks look back.
    pub peak_window: Duration,
    /// Mount points that are left out.
    pub mount_points_exclude: regex::Regex,
    /// Types of file systems that are left out.
    pub fs_types_exclude: regex::Regex,
    /// Block devices that are left out.
    pub disks_exclude: regex::Regex,
    /// Network devices that are left out.
    pub devices_exclude: regex::Regex,
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        let patterns = |host: &Host| {
            let Host { mount_points_exclude, fs_types_exclude, disks_exclude, devices_exclude, .. } = host;
            [mount_points_exclude, fs_types_exclude, disks_exclude, devices_exclude]
                .map(|pattern| pattern.as_str().to_owned())
        };
        let rest = |host: &Host| (host.textfile_directories.clone(), host.sample_every, host.peak_window);
        rest(self) == rest(other) && patterns(self) == patterns(other)
    }
}

/// What is logged and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is logged.
    pub level: tracing::Level,
    /// The shape of a line.
    pub format: LogFormat,
}

/// The shape of a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `ts=… level=info msg="…" key=value`
    Logfmt,
    /// One JSON object.
    Json,
}

/// What flags and environment say, and where a file is looked for.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The values of each flag that was given, by its name without dashes; a collector's
    /// switch is `collector.NAME` with `true` or `false`.
    pub flags: BTreeMap<String, Vec<String>>,
    /// Environment variables; those that are not ours do no harm. An empty one counts as unset.
    pub env: BTreeMap<String, String>,
    /// The file that is read if none is named and this one exists.
    pub default_file: Option<PathBuf>,
    /// Where the host's file systems are looked for if no path is given: the place at which
    /// containers mount them.
    pub host_root: Option<PathBuf>,
}

/// Why there is no configuration: always one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read, or its shape is wrong.
    #[error(transparent)]
    File(#[from] YamlError),
    /// A value is impossible.
    #[error("{origin}: {message}")]
    Value {
        /// Where the value comes from.
        origin: Origin,
        /// What is wrong with it.
        message: String,
    },
}

impl Sources {
    /// Reads the file and puts everything together.
    ///
    /// # Errors
    /// The file cannot be read, or something in it, in a flag or in a variable is refused.
    pub fn load(self) -> Result<Config, ConfigError> {
        build::config(self)
    }
}

impl Config {
    /// Reads the file again, as on SIGHUP; flags and environment stay as they were.
    ///
    /// # Errors
    /// As [`Sources::load`]; this configuration then stays in force.
    pub fn reload(&self) -> Result<Config, ConfigError> {
        self.sources.clone().load()
    }

    /// Whether a collector of the catalogue is switched on.
    pub fn collects(&self, collector: &str) -> bool {
        !self.disabled_collectors.contains(collector)
    }

    /// Where the value of a setting comes from.
    pub fn origin(&self, setting: &settings::Setting) -> &Origin {
        self.origins.get(setting.name()).unwrap_or(&Origin::Default)
    }

    /// The effective configuration as a `dockmeter.yml` that says where each value comes
    /// from; hashes of tokens are masked.
    pub fn show(&self) -> String {
        show::page(self)
    }
}

/// The folder that relative paths of a file are meant from.
fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

#[cfg(test)]
mod tests;
