//! The shape of `dockmeter.yml`, before anything in it is believed: every value is text with
//! its place. What the text means is decided where flags and environment are, too.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::yaml::{self, Spanned, YamlError};

/// A value with its place.
pub(super) type Text = Spanned<String>;

/// A list with the place where it begins, so that an empty one can be told from none.
pub(super) type List<T> = Option<Spanned<Vec<T>>>;

/// Entries by name, with the place where they begin.
pub(super) type Named<T> = Option<Spanned<BTreeMap<String, Spanned<T>>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) docker: Docker,
    pub(super) containers: Containers,
    pub(super) tenancy: Tenancy,
    pub(super) sampling: Sampling,
    pub(super) disk: Disk,
    pub(super) web: Web,
    pub(super) auth: Auth,
    pub(super) limits: Limits,
    pub(super) log: Log,
    pub(super) host: Host,
    pub(super) collectors: BTreeMap<String, Text>,
    pub(super) probes: List<Spanned<ProbeEntry>>,
    pub(super) prometheus: Upstream,
    pub(super) alertmanager: Upstream,
    pub(super) grafana: Grafana,
    pub(super) discovery: Discovery,
    pub(super) health: Health,
    pub(super) scrape: Scrape,
    pub(super) cost: Cost,
    pub(super) ingest: Ingest,
    pub(super) instrumentation: Instrumentation,
    pub(super) queries: Queries,
    pub(super) databases: List<Spanned<DatabaseEntry>>,
    pub(super) postgres: Postgres,
    pub(super) alerting: Alerting,
    pub(super) slo: Slo,
    pub(super) report: Report,
    pub(super) findings: Findings,
    pub(super) history: History,
    pub(super) anomalies: Anomalies,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct History {
    pub(super) enabled: Option<Text>,
    pub(super) path: Option<Text>,
    pub(super) retention: HistoryRetention,
    pub(super) memory_bytes: Option<Text>,
    pub(super) disk_bytes: Option<Text>,
}

/// What is unusual as it happens.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Anomalies {
    pub(super) enabled: Option<Text>,
    pub(super) memory_bytes: Option<Text>,
}

/// How long each step is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HistoryRetention {
    #[serde(rename = "5s")]
    pub(super) seconds5: Option<Text>,
    #[serde(rename = "1m")]
    pub(super) minute: Option<Text>,
    #[serde(rename = "5m")]
    pub(super) minutes5: Option<Text>,
    #[serde(rename = "1h")]
    pub(super) hour: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Slo {
    pub(super) period: Option<Text>,
    pub(super) objectives: List<Spanned<ObjectiveEntry>>,
    pub(super) custom: List<Spanned<RatioEntry>>,
}

/// An objective of services; what is not named may be any.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectiveEntry {
    pub(super) slo: Text,
    pub(super) objective: Option<Text>,
    pub(super) threshold: Option<Text>,
    pub(super) user: Option<Text>,
    pub(super) project: Option<Text>,
    pub(super) team: Option<Text>,
    pub(super) service: Option<Text>,
}

/// An objective of what a program counts itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RatioEntry {
    pub(super) name: Text,
    pub(super) objective: Option<Text>,
    pub(super) total: Option<Text>,
    pub(super) bad: Option<Text>,
    pub(super) user: Option<Text>,
    pub(super) project: Option<Text>,
    pub(super) team: Option<Text>,
    pub(super) service: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Report {
    pub(super) sla: SlaReport,
    pub(super) weekly: WeeklyReport,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WeeklyReport {
    pub(super) day: Option<Text>,
    pub(super) time: Option<Text>,
    pub(super) time_zone: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Findings {
    pub(super) enabled: Option<Text>,
    pub(super) interval: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SlaReport {
    pub(super) folder: Option<Text>,
    pub(super) every: Option<Text>,
    pub(super) time_zone: Option<Text>,
}

/// One PostgreSQL server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatabaseEntry {
    pub(super) postgres: Text,
    pub(super) password_file: Option<Text>,
    pub(super) ca_file: Option<Text>,
    pub(super) user: Option<Text>,
    pub(super) project: Option<Text>,
    pub(super) team: Option<Text>,
    pub(super) interval: Option<Text>,
    pub(super) timeout: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Postgres {
    pub(super) password_directory: Option<Text>,
    pub(super) interval: Option<Text>,
    pub(super) timeout: Option<Text>,
}

/// One target; exactly one of `tcp` and `http` is to be given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeEntry {
    pub(super) name: Text,
    pub(super) tcp: Option<Text>,
    pub(super) http: Option<Text>,
    pub(super) status: Option<Spanned<Vec<Text>>>,
    pub(super) ca_file: Option<Text>,
    pub(super) interval: Option<Text>,
    pub(super) timeout: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Upstream {
    pub(super) url: Option<Text>,
    pub(super) username: Option<Text>,
    pub(super) password_file: Option<Text>,
    pub(super) bearer_token_file: Option<Text>,
    pub(super) ca_file: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Grafana {
    pub(super) url: Option<Text>,
    pub(super) token_file: Option<Text>,
    pub(super) username: Option<Text>,
    pub(super) password_file: Option<Text>,
    pub(super) ca_file: Option<Text>,
    pub(super) prometheus_url: Option<Text>,
    pub(super) alertmanager_url: Option<Text>,
    pub(super) alerts: Option<Text>,
    pub(super) teams: Named<GrafanaTeamEntry>,
    pub(super) contact_points: Named<serde_json::Value>,
    pub(super) mute_timings: Named<serde_json::Value>,
    pub(super) templates: Named<serde_json::Value>,
    pub(super) policies: List<Spanned<serde_json::Value>>,
    pub(super) state_file: Option<Text>,
}

/// A team of Grafana.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GrafanaTeamEntry {
    pub(super) members: Option<Spanned<Vec<Text>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Scrape {
    pub(super) interval: Option<Text>,
    pub(super) targets: List<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Health {
    pub(super) warning: Option<Text>,
    pub(super) unhealthy: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Discovery {
    pub(super) networks: List<Text>,
    pub(super) published_address: Option<Text>,
    pub(super) min_interval: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Cost {
    pub(super) currency: Option<Text>,
    pub(super) cpu_core_hour: Option<Text>,
    pub(super) memory_gib_hour: Option<Text>,
    pub(super) disk_gib_month: Option<Text>,
    pub(super) network_receive_gib: Option<Text>,
    pub(super) network_transmit_gib: Option<Text>,
    pub(super) machine_hour: Option<Text>,
    pub(super) spread: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Docker {
    pub(super) host: Option<Text>,
    pub(super) tls_verify: Option<Text>,
    pub(super) cert_path: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Containers {
    pub(super) include: List<Spanned<PatternEntry>>,
    pub(super) exclude: List<Spanned<PatternEntry>>,
    pub(super) labels: List<Text>,
    pub(super) linger: Option<Text>,
    pub(super) peak_window: Option<Text>,
    pub(super) source: Option<Text>,
}

/// One entry of `containers.include` and `.exclude`; exactly one key is to be given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PatternEntry {
    pub(super) name: Option<Text>,
    pub(super) image: Option<Text>,
    pub(super) label: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tenancy {
    pub(super) user: List<Spanned<RuleEntry>>,
    pub(super) project: List<Spanned<RuleEntry>>,
    pub(super) team: List<Spanned<RuleEntry>>,
    pub(super) ignore_image_labels: Option<Text>,
    pub(super) strict: Option<Text>,
    pub(super) limits_as_reservations: Option<Text>,
}

/// One rule; exactly one key is to be given, besides `decode`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RuleEntry {
    pub(super) label: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) compose_dir_owner: Option<Text>,
    pub(super) cgroup_user: Option<Text>,
    pub(super) map: Option<MapEntry>,
    pub(super) value: Option<Text>,
    pub(super) default: Option<Text>,
    pub(super) decode: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MapEntry {
    pub(super) from: Text,
    pub(super) file: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sampling {
    pub(super) fast: Option<Text>,
    pub(super) full: Option<Text>,
    pub(super) host: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Disk {
    pub(super) interval: Option<Text>,
    pub(super) budget: Option<Text>,
    pub(super) engine_interval: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Web {
    pub(super) listen_address: List<Text>,
    pub(super) systemd_socket: Option<Text>,
    pub(super) config_file: Option<Text>,
    pub(super) max_requests: Option<Text>,
    pub(super) trust_networks: List<Text>,
    pub(super) allowed_hosts: List<Text>,
    pub(super) cors_origins: List<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Auth {
    pub(super) tokens: List<TokenEntry>,
}

/// A file with tokens alone.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TokenFile {
    pub(super) tokens: List<TokenEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenEntry {
    pub(super) name: Text,
    pub(super) hash: Text,
    pub(super) scopes: Spanned<Vec<Text>>,
    pub(super) user: Option<Text>,
    pub(super) project: Option<Text>,
    pub(super) team: Option<Text>,
    pub(super) delegate: Option<Text>,
    pub(super) expires: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) users: Option<Text>,
    pub(super) projects: Option<Text>,
    pub(super) teams: Option<Text>,
    pub(super) series_per_tenant: Option<Text>,
    pub(super) series_total: Option<Text>,
    pub(super) series_bytes: Option<Text>,
    pub(super) body_bytes: Option<Text>,
    pub(super) pending_bytes: Option<Text>,
    pub(super) points_per_second: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Instrumentation {
    pub(super) names: Option<Text>,
    pub(super) exemplars: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ingest {
    pub(super) listen_address: List<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Queries {
    pub(super) slow: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) level: Option<Text>,
    pub(super) format: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Host {
    pub(super) textfile_directory: List<Text>,
    pub(super) peak_window: Option<Text>,
    pub(super) mount_points_exclude: Option<Text>,
    pub(super) fs_types_exclude: Option<Text>,
    pub(super) diskstats_device_exclude: Option<Text>,
    pub(super) netdev_device_exclude: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Alerting {
    pub(super) platform_team: Option<Text>,
    pub(super) notify_from: Option<Text>,
    pub(super) grafana_url: Option<Text>,
    pub(super) runbook_url: Option<Text>,
    pub(super) group_wait: Option<Text>,
    pub(super) group_interval: Option<Text>,
    pub(super) repeat_interval: Option<Text>,
    pub(super) minimum_events: Option<Text>,
    pub(super) catalogue_directory: Option<Text>,
    pub(super) changes_file: Option<Text>,
    pub(super) rules_output: Option<Text>,
    pub(super) watchdog_receiver: Option<Text>,
    pub(super) smtp_smarthost: Option<Text>,
    pub(super) smtp_from: Option<Text>,
    pub(super) smtp_username: Option<Text>,
    pub(super) smtp_password_file: Option<Text>,
    pub(super) smtp_require_tls: Option<Text>,
    pub(super) receivers: Named<ReceiverEntry>,
    pub(super) teams: Named<TeamEntry>,
    pub(super) alerts: Named<AlertEntry>,
}

/// Where messages go; several at once are all told.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReceiverEntry {
    pub(super) webhook: Option<WebhookEntry>,
    pub(super) email: Option<EmailEntry>,
    pub(super) slack: Option<SlackEntry>,
    pub(super) alertmanager: BTreeMap<String, Spanned<serde_json::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebhookEntry {
    pub(super) url: Option<Text>,
    pub(super) url_file: Option<Text>,
    pub(super) token_file: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmailEntry {
    pub(super) to: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlackEntry {
    pub(super) url_file: Text,
    pub(super) channel: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TeamEntry {
    pub(super) receiver: Text,
    pub(super) quiet_hours: Option<QuietEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuietEntry {
    pub(super) times: Spanned<Vec<Spanned<QuietTimeEntry>>>,
    pub(super) timezone: Option<Text>,
    pub(super) critical: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct QuietTimeEntry {
    pub(super) from: Option<Text>,
    pub(super) to: Option<Text>,
    pub(super) days: Option<Spanned<Vec<Text>>>,
}

/// What is changed about an alert.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlertEntry {
    pub(super) fire: Option<Text>,
    pub(super) clear: Option<Text>,
    pub(super) r#for: Option<Text>,
    pub(super) severity: Option<Text>,
    pub(super) enabled: Option<Text>,
}

/// The file of what was changed of alerts while the exporter ran.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ChangesFile {
    pub(super) alerts: Named<ChangedEntry>,
}

/// The same as [`AlertEntry`], and who changed it when.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ChangedEntry {
    pub(super) fire: Option<Text>,
    pub(super) clear: Option<Text>,
    pub(super) r#for: Option<Text>,
    pub(super) severity: Option<Text>,
    pub(super) enabled: Option<Text>,
    pub(super) by: Option<Text>,
    pub(super) at: Option<Text>,
}

/// Reads a configuration file.
pub(super) fn read(path: &Path) -> Result<File, YamlError> {
    yaml::read(path)
}
