//! The effective configuration, written as a `dockmeter.yml` with the origin of each value.

use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::alerting::clock;
use super::settings::{self, Setting};
use super::upstream::{self, Kind};
use super::value::{show_bytes, show_duration};
use super::{Config, Counted, LogFormat, Objective, Probe, ProbeTarget, Upstream, Whose};
use crate::metrics::catalogue::COLLECTORS;
use crate::tenant::{Dimension, Tenant, UNKNOWN};
use crate::yaml::quoted;

/// The whole page.
pub(super) fn page(config: &Config) -> String {
    let mut page = Page { config, text: String::new(), section: "" };
    page.outside_the_file();
    page.many(&settings::WEB_LISTEN_ADDRESS, config.web.listen_addresses.iter().map(shown));
    page.one(&settings::WEB_SYSTEMD_SOCKET, config.web.systemd_socket);
    let config_file = config.web.config_file.as_deref().unwrap_or(Path::new(""));
    page.one(&settings::WEB_CONFIG_FILE, shown(&config_file.display()));
    page.one(&settings::WEB_MAX_REQUESTS, config.web.max_requests);
    page.many(&settings::WEB_TRUST_NETWORKS, config.web.trust_networks.iter().map(shown));
    page.many(&settings::WEB_ALLOWED_HOSTS, config.web.allowed_hosts.iter().map(shown));
    page.many(&settings::WEB_CORS_ORIGINS, config.web.cors_origins.iter().map(shown));
    page.one(&settings::DOCKER_HOST, shown(&config.docker.host));
    page.one(&settings::DOCKER_TLS_VERIFY, config.docker.tls_verify);
    page.one(&settings::DOCKER_CERT_PATH, shown(&config.docker.cert_path.display()));
    page.one(&settings::CONTAINER_LINGER, show_duration(config.linger));
    page.one(&settings::CONTAINER_PEAK_WINDOW, show_duration(config.peak_window));
    page.one(&settings::CONTAINER_SOURCE, config.container_source.as_str());
    page.many(&settings::CONTAINERS_LABELS, config.container_labels.iter().map(shown));
    page.many(&settings::CONTAINERS_INCLUDE, config.policy.filter.include.iter());
    page.many(&settings::CONTAINERS_EXCLUDE, config.policy.filter.exclude.iter());
    page.one(&settings::SAMPLING_FAST, show_duration(config.sampling_fast));
    page.one(&settings::SAMPLING_FULL, show_duration(config.sampling_full));
    page.one(&settings::SAMPLING_HOST, show_duration(config.host.sample_every));
    page.one(&settings::DISK_INTERVAL, show_duration(config.disk.interval));
    page.one(&settings::DISK_BUDGET, config.disk.budget_percent);
    page.one(&settings::DISK_ENGINE_INTERVAL, show_duration(config.disk.engine_interval));
    page.tenancy();
    page.one(&settings::LIMITS_USERS, config.policy.caps.users);
    page.one(&settings::LIMITS_PROJECTS, config.policy.caps.projects);
    page.one(&settings::LIMITS_TEAMS, config.policy.caps.teams);
    page.one(&settings::LIMITS_SERIES_PER_TENANT, config.ingest.series_per_tenant);
    page.one(&settings::LIMITS_SERIES_TOTAL, config.ingest.series_total);
    page.one(&settings::LIMITS_SERIES_BYTES, show_bytes(config.ingest.series_bytes));
    page.one(&settings::LIMITS_BODY_BYTES, show_bytes(config.ingest.body_bytes));
    page.one(&settings::LIMITS_PENDING_BYTES, show_bytes(config.ingest.pending_bytes));
    page.one(&settings::LIMITS_POINTS_PER_SECOND, config.ingest.points_per_second);
    page.many(&settings::INGEST_LISTEN_ADDRESS, config.ingest.listen_addresses.iter().map(shown));
    page.one(&settings::QUERIES_SLOW, show_duration(config.slow_query));
    page.one(&settings::INSTRUMENTATION_EXEMPLARS, config.ingest.exemplars);
    page.one(&settings::INSTRUMENTATION_NAMES, config.names.word());
    page.many(&settings::AUTH_TOKENS, config.tokens.iter().map(|token| token.entry("sha256:****")));
    let host = &config.host;
    page.many(
        &settings::TEXTFILE_DIRECTORY,
        host.textfile_directories.iter().map(|directory| quoted(&directory.to_string_lossy())),
    );
    page.one(&settings::HOST_PEAK_WINDOW, show_duration(host.peak_window));
    page.one(&settings::FILESYSTEM_MOUNT_POINTS_EXCLUDE, shown(&host.mount_points_exclude));
    page.one(&settings::FILESYSTEM_FS_TYPES_EXCLUDE, shown(&host.fs_types_exclude));
    page.one(&settings::DISKSTATS_DEVICE_EXCLUDE, shown(&host.disks_exclude));
    page.one(&settings::NETDEV_DEVICE_EXCLUDE, shown(&host.devices_exclude));
    page.probes();
    page.databases();
    page.upstream(&upstream::PROMETHEUS, &config.prometheus);
    page.upstream(&upstream::ALERTMANAGER, &config.alertmanager);
    page.grafana();
    page.many(&settings::DISCOVERY_NETWORKS, config.discovery.networks.iter().map(shown));
    let published = config.discovery.published_address.as_deref().unwrap_or_default();
    page.one(&settings::DISCOVERY_PUBLISHED_ADDRESS, quoted(published));
    page.one(&settings::DISCOVERY_MIN_INTERVAL, show_duration(config.discovery.min_interval));
    page.one(&settings::HEALTH_WARNING, config.health.warning_percent);
    page.one(&settings::HEALTH_UNHEALTHY, config.health.unhealthy_percent);
    page.history();
    page.one(&settings::ANOMALIES_ENABLED, config.anomalies.enabled);
    page.one(&settings::ANOMALIES_MEMORY_BYTES, show_bytes(config.anomalies.memory_bytes));
    page.report();
    page.findings();
    page.slo();
    page.one(&settings::SCRAPE_INTERVAL, show_duration(config.scrape.interval));
    page.many(&settings::SCRAPE_TARGETS, config.scrape.targets.iter().map(shown));
    page.cost();
    page.alerting();
    page.one(&settings::LOG_LEVEL, config.log.level.as_str().to_ascii_lowercase());
    let format = match config.log.format {
        LogFormat::Logfmt => "logfmt",
        LogFormat::Json => "json",
    };
    page.one(&settings::LOG_FORMAT, format);
    page.collectors();
    page.text
}

/// A value as a text that YAML reads back.
fn shown(value: &impl Display) -> String {
    quoted(&value.to_string())
}

/// A contact point of Grafana, whose settings may hold a secret anywhere.
fn without_texts(point: &Value) -> Value {
    let mut point = point.clone();
    let settings = point["settings"].as_object_mut().into_iter().flatten();
    for (_, setting) in settings.filter(|(_, setting)| setting.is_string()) {
        *setting = Value::from("****");
    }
    point
}

struct Page<'a> {
    config: &'a Config,
    text: String,
    section: &'static str,
}

impl Page<'_> {
    /// What only flags and environment can say.
    fn outside_the_file(&mut self) {
        let Config { file, paths, token_files, file_tokens, .. } = self.config;
        let file = file.as_ref().map_or("none".to_owned(), |file| file.display().to_string());
        self.line(format_args!("# configuration file: {file}"));
        for (setting, path) in [
            (&settings::PATH_PROCFS, &paths.procfs),
            (&settings::PATH_SYSFS, &paths.sysfs),
            (&settings::PATH_ROOTFS, &paths.rootfs),
        ] {
            let origin = self.config.origin(setting);
            self.line(format_args!("# --{}={}  ({origin})", setting.name(), path.display()));
        }
        let setting = &settings::WEB_TOKEN_FILE;
        for path in token_files {
            let origin = self.config.origin(setting);
            self.line(format_args!("# --{}={}  ({origin})", setting.name(), path.display()));
        }
        for token in file_tokens {
            self.line(format_args!("#   - {}", token.entry("sha256:****")));
        }
    }

    fn tenancy(&mut self) {
        let policy = &self.config.policy;
        for (setting, dimension) in [
            (&settings::TENANCY_USER, Dimension::User),
            (&settings::TENANCY_PROJECT, Dimension::Project),
            (&settings::TENANCY_TEAM, Dimension::Team),
        ] {
            self.many(setting, policy.rules.list(dimension).iter());
        }
        self.one(&settings::TENANCY_IGNORE_IMAGE_LABELS, policy.ignore_image_labels);
        self.one(&settings::TENANCY_STRICT, policy.rules.is_strict());
        self.one(&settings::TENANCY_LIMITS_AS_RESERVATIONS, policy.limits_as_reservations);
    }

    fn probes(&mut self) {
        let origin = self.config.origin(&settings::PROBES);
        let empty = if self.config.probes.is_empty() { " []" } else { "" };
        self.line(format_args!("probes:{empty}  # {origin}"));
        for Probe { name, target, interval, timeout } in &self.config.probes {
            let [interval, timeout] = [*interval, *timeout].map(show_duration);
            let what = match target {
                ProbeTarget::Tcp(authority) => format!("tcp: {}", shown(authority)),
                ProbeTarget::Http(http) => {
                    let status: Vec<String> = http.status.iter().map(ToString::to_string).collect();
                    let ca_file =
                        http.ca_file.as_ref().map(|file| format!(", ca_file: {}", shown(&file.display())));
                    // A query may hold a secret.
                    let masked = if http.path.contains('?') { "?****" } else { "" };
                    let (page, status) = (shown(&format!("{target}{masked}")), status.join(", "));
                    format!("http: {page}, status: [{status}]{}", ca_file.unwrap_or_default())
                }
            };
            self.line(format_args!(
                "  - {{name: {}, {what}, interval: {interval}, timeout: {timeout}}}",
                quoted(name)
            ));
        }
        self.section = "probes";
    }

    fn databases(&mut self) {
        let postgres = &self.config.postgres;
        let origin = self.config.origin(&settings::DATABASES);
        let empty = if postgres.servers.is_empty() { " []" } else { "" };
        self.line(format_args!("databases:{empty}  # {origin}"));
        for server in &postgres.servers {
            let file = |key: &str, path: &Option<PathBuf>| {
                path.as_ref().map_or_else(String::new, |path| format!(", {key}: {}", shown(&path.display())))
            };
            let Tenant { user, project, team } = &server.tenant;
            let whose: String = [("user", user), ("project", project), ("team", team)]
                .into_iter()
                .filter(|(_, value)| value.as_str() != UNKNOWN)
                .map(|(key, value)| format!(", {key}: {}", shown(value)))
                .collect();
            self.line(format_args!(
                "  - {{postgres: {}{}{}{whose}, interval: {}, timeout: {}}}",
                shown(&server.url),
                file("password_file", &server.password_file),
                file("ca_file", &server.ca_file),
                show_duration(server.interval),
                show_duration(server.timeout)
            ));
        }
        let directory = postgres.password_directory.as_deref().unwrap_or(Path::new(""));
        self.one(&settings::POSTGRES_PASSWORD_DIRECTORY, shown(&directory.display()));
        self.one(&settings::POSTGRES_INTERVAL, show_duration(postgres.interval));
        self.one(&settings::POSTGRES_TIMEOUT, show_duration(postgres.timeout));
    }

    fn upstream(&mut self, kind: &'static Kind, upstream: &Upstream) {
        let file = |path: &Option<PathBuf>| {
            quoted(&path.as_ref().map_or_else(String::new, |path| path.display().to_string()))
        };
        self.one(kind.url, quoted(upstream.url.as_deref().unwrap_or_default()));
        self.one(kind.username, quoted(&upstream.username));
        self.one(kind.password_file, file(&upstream.password_file));
        self.one(kind.bearer_token_file, file(&upstream.bearer_token_file));
        self.one(kind.ca_file, file(&upstream.ca_file));
    }

    fn grafana(&mut self) {
        let grafana = &self.config.grafana;
        self.upstream(&upstream::GRAFANA, &grafana.upstream);
        let text = |text: &Option<String>| quoted(text.as_deref().unwrap_or_default());
        self.one(&settings::GRAFANA_PROMETHEUS_URL, text(&grafana.prometheus_url));
        self.one(&settings::GRAFANA_ALERTMANAGER_URL, text(&grafana.alertmanager_url));
        self.one(&settings::GRAFANA_ALERTS, grafana.alerts.as_str());
        let teams = grafana.teams.iter().map(|(name, team)| {
            let members = team.members.as_ref().map(|members| {
                let members: Vec<String> = members.iter().map(shown).collect();
                format!("members: [{}]", members.join(", "))
            });
            format!("{}: {{{}}}", quoted(name), members.unwrap_or_default())
        });
        self.named(&settings::GRAFANA_TEAMS, teams.collect());
        let points = grafana.contact_points.iter();
        let points = points.map(|(name, point)| format!("{}: {}", quoted(name), without_texts(point)));
        self.named(&settings::GRAFANA_CONTACT_POINTS, points.collect());
        let timings = grafana.mute_timings.iter();
        let timings = timings.map(|(name, timing)| format!("{}: {timing}", quoted(name)));
        self.named(&settings::GRAFANA_MUTE_TIMINGS, timings.collect());
        let templates = grafana.templates.iter();
        let templates = templates.map(|(name, text)| format!("{}: {}", quoted(name), quoted(text)));
        self.named(&settings::GRAFANA_TEMPLATES, templates.collect());
        self.many(&settings::GRAFANA_POLICIES, grafana.policies.iter());
        self.one(&settings::GRAFANA_STATE_FILE, shown(&grafana.state_file.display()));
    }

    fn history(&mut self) {
        let history = &self.config.history;
        self.one(&settings::HISTORY_ENABLED, history.enabled);
        let path = history.path.as_deref().unwrap_or(Path::new("")).display().to_string();
        self.one(&settings::HISTORY_PATH, quoted(&path));
        self.line(format_args!("  retention:"));
        let settings = [
            &settings::HISTORY_RETENTION_5S,
            &settings::HISTORY_RETENTION_1M,
            &settings::HISTORY_RETENTION_5M,
            &settings::HISTORY_RETENTION_1H,
        ];
        for (setting, time) in settings.into_iter().zip(history.retention) {
            let step = setting.name().rsplit('.').next().unwrap_or_default();
            let (time, origin) = (show_duration(time), self.config.origin(setting));
            self.line(format_args!("    {step}: {time}  # {origin}"));
        }
        self.one(&settings::HISTORY_MEMORY_BYTES, show_bytes(history.memory_bytes));
        self.one(&settings::HISTORY_DISK_BYTES, show_bytes(history.disk_bytes));
    }

    fn report(&mut self) {
        let report = &self.config.sla_report;
        let folder = report.folder.as_deref().unwrap_or(Path::new("")).display().to_string();
        let zone = report.zone.iana_name().unwrap_or("UTC").to_owned();
        self.section = "report";
        self.line(format_args!("report:\n  sla:"));
        for (key, value, setting) in [
            ("folder", quoted(&folder), &settings::REPORT_SLA_FOLDER),
            ("every", report.every.as_str().to_owned(), &settings::REPORT_SLA_EVERY),
            ("time_zone", quoted(&zone), &settings::REPORT_SLA_TIME_ZONE),
        ] {
            let origin = self.config.origin(setting);
            self.line(format_args!("    {key}: {value}  # {origin}"));
        }
        let weekly = &self.config.weekly_report;
        let zone = weekly.zone.iana_name().unwrap_or("UTC").to_owned();
        self.line(format_args!("  weekly:"));
        for (key, value, setting) in [
            ("day", weekly.day_as_str().to_owned(), &settings::REPORT_WEEKLY_DAY),
            ("time", quoted(&clock(weekly.minute)), &settings::REPORT_WEEKLY_TIME),
            ("time_zone", quoted(&zone), &settings::REPORT_WEEKLY_TIME_ZONE),
        ] {
            let origin = self.config.origin(setting);
            self.line(format_args!("    {key}: {value}  # {origin}"));
        }
    }

    fn findings(&mut self) {
        let interval = self.config.findings;
        self.one(&settings::FINDINGS_ENABLED, interval.is_some().to_string());
        if let Some(interval) = interval {
            self.one(&settings::FINDINGS_INTERVAL, show_duration(interval));
        }
    }

    fn slo(&mut self) {
        let slo = &self.config.slo;
        self.one(&settings::SLO_PERIOD, show_duration(slo.period));
        let whose = |whose: &Whose| -> String {
            let parts = [
                ("user", &whose.user),
                ("project", &whose.project),
                ("team", &whose.team),
                ("service", &whose.service),
            ];
            let given = parts.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
            given.map(|(key, value)| format!(", {key}: {}", quoted(value.as_str()))).collect()
        };
        let (mut objectives, mut custom) = (Vec::new(), Vec::new());
        for Objective { whose: of, promise } in &slo.objectives {
            let (target, of) = (promise.target, whose(of));
            match &promise.of {
                Counted::Ratio { name, total, bad } => custom.push(format!(
                    "{{name: {}, objective: {target}, total: {}, bad: {}{of}}}",
                    quoted(name.as_str()),
                    shown(total),
                    shown(bad)
                )),
                Counted::Latency(threshold) => objectives.push(format!(
                    "{{slo: latency, objective: {target}, threshold: {}{of}}}",
                    show_duration(*threshold)
                )),
                other => objectives.push(format!("{{slo: {}, objective: {target}{of}}}", other.name())),
            }
        }
        self.many(&settings::SLO_OBJECTIVES, objectives.iter());
        self.many(&settings::SLO_CUSTOM, custom.iter());
    }

    fn cost(&mut self) {
        let cost = &self.config.cost;
        self.one(&settings::COST_CURRENCY, quoted(&cost.currency));
        for (setting, price) in [
            (&settings::COST_CPU_CORE_HOUR, cost.cpu_core_hour),
            (&settings::COST_MEMORY_GIB_HOUR, cost.memory_gib_hour),
            (&settings::COST_DISK_GIB_MONTH, cost.disk_gib_month),
            (&settings::COST_NETWORK_RECEIVE_GIB, cost.network_receive_gib),
            (&settings::COST_NETWORK_TRANSMIT_GIB, cost.network_transmit_gib),
            (&settings::COST_MACHINE_HOUR, cost.machine_hour),
        ] {
            self.one(setting, price.map_or_else(|| quoted(""), |price| price.to_string()));
        }
        self.one(&settings::COST_SPREAD, cost.spread.as_str());
    }

    fn alerting(&mut self) {
        let alerting = &self.config.alerting;
        self.one(&settings::ALERTING_PLATFORM_TEAM, quoted(&alerting.platform_team));
        self.one(&settings::ALERTING_NOTIFY_FROM, alerting.notify_from.as_str());
        let receivers = alerting.receivers.iter().map(|(name, receiver)| {
            let configs = serde_json::to_string(&receiver.configs).unwrap_or_default();
            format!("{}: {{alertmanager: {configs}}}", quoted(name))
        });
        self.named(&settings::ALERTING_RECEIVERS, receivers.collect());
        let teams = alerting.teams.iter().map(|(name, team)| {
            let hours = team.quiet_hours.as_ref().map(|hours| format!(", quiet_hours: {hours}"));
            format!("{}: {{receiver: {}{}}}", quoted(name), quoted(&team.receiver), hours.unwrap_or_default())
        });
        self.named(&settings::ALERTING_TEAMS, teams.collect());
        let alerts = alerting.alerts.iter().map(|(name, change)| format!("{}: {change}", quoted(name)));
        self.named(&settings::ALERTING_ALERTS, alerts.collect());
        self.one(&settings::ALERTING_GROUP_WAIT, show_duration(alerting.group_wait));
        self.one(&settings::ALERTING_GROUP_INTERVAL, show_duration(alerting.group_interval));
        self.one(&settings::ALERTING_REPEAT_INTERVAL, show_duration(alerting.repeat_interval));
        self.one(&settings::ALERTING_MINIMUM_EVENTS, alerting.minimum_events);
        let directory = alerting.catalogue_directory.as_deref().unwrap_or(Path::new(""));
        self.one(&settings::ALERTING_CATALOGUE_DIRECTORY, shown(&directory.display()));
        for (setting, path) in [
            (&settings::ALERTING_CHANGES_FILE, &alerting.changes_file),
            (&settings::ALERTING_RULES_OUTPUT, &alerting.rules_output),
        ] {
            self.one(setting, shown(&path.as_deref().unwrap_or(Path::new("")).display()));
        }
        let watchdog = alerting.watchdog_receiver.as_deref().unwrap_or_default();
        self.one(&settings::ALERTING_WATCHDOG_RECEIVER, quoted(watchdog));
        self.one(&settings::ALERTING_GRAFANA_URL, quoted(&alerting.grafana_url));
        self.one(&settings::ALERTING_RUNBOOK_URL, quoted(&alerting.runbook_url));
        self.one(&settings::ALERTING_SMTP_SMARTHOST, quoted(&alerting.smtp.smarthost));
        self.one(&settings::ALERTING_SMTP_FROM, quoted(&alerting.smtp.from));
        self.one(&settings::ALERTING_SMTP_USERNAME, quoted(&alerting.smtp.username));
        self.one(&settings::ALERTING_SMTP_PASSWORD_FILE, quoted(&alerting.smtp.password_file));
        self.one(&settings::ALERTING_SMTP_REQUIRE_TLS, alerting.smtp.require_tls);
    }

    /// Entries by name.
    fn named(&mut self, setting: &'static Setting, entries: Vec<String>) {
        let (key, origin) = (self.key(setting), self.config.origin(setting));
        let empty = if entries.is_empty() { " {}" } else { "" };
        self.line(format_args!("  {key}:{empty}  # {origin}"));
        for entry in entries {
            self.line(format_args!("    {entry}"));
        }
    }

    fn collectors(&mut self) {
        self.line(format_args!("collectors:"));
        for name in COLLECTORS {
            self.line(format_args!("  {name}: {}", self.config.collects(name)));
        }
    }

    fn one(&mut self, setting: &'static Setting, value: impl Display) {
        let (key, origin) = (self.key(setting), self.config.origin(setting));
        self.line(format_args!("  {key}: {value}  # {origin}"));
    }

    fn many(&mut self, setting: &'static Setting, values: impl ExactSizeIterator<Item: Display>) {
        let (key, origin) = (self.key(setting), self.config.origin(setting));
        if values.len() == 0 {
            self.line(format_args!("  {key}: []  # {origin}"));
            return;
        }
        self.line(format_args!("  {key}:  # {origin}"));
        for value in values {
            self.line(format_args!("    - {value}"));
        }
    }

    /// The last part of a setting's key, after the header of its section if that begins here.
    fn key(&mut self, setting: &'static Setting) -> &'static str {
        let (section, key) = setting.name().split_once('.').unwrap_or_default();
        if section != self.section {
            self.section = section;
            self.line(format_args!("{section}:"));
        }
        key
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}
