//! From the sources to a validated configuration.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{self, File};
use super::layers::{Given, Layers, Origin};
use super::settings::{self, COLLECTOR_FLAG, Setting};
use super::tenancy;
use super::tokens;
use super::value;
use super::variables;
use super::{
    Config, ConfigError, ContainerSource, Disk, Host, Ingest, ListenAddress, Log, LogFormat, Naming, Sources,
    Web, alerting, anomalies, cost, database, discovery, docker, folder_of, grafana, health, history, probe,
    report, scrape, slo, upstream,
};
use crate::metrics::catalogue::{COLLECTORS, host as of_host};
use crate::paths::Paths;
use crate::yaml::one_of;

/// The most requests that may be answered at once; each may hold a page of some megabytes.
const MAX_REQUESTS: usize = 10_000;

/// The most distinct values a cap may allow; each is kept in memory and has series.
const MAX_CAP: usize = 100_000;

/// The most Docker labels on every series; a page grows with each.
const MAX_EXPOSED_LABELS: usize = 32;

/// Below a second a removed container would be gone before any scrape, and reading
/// everything would cost more than it tells.
const SECOND: Duration = Duration::from_secs(1);

/// Removed containers cost series as live ones do.
const MAX_LINGER: Duration = Duration::from_secs(3600);

/// Beyond a minute the totals of short containers would be guesses.
const MAX_SAMPLING: Duration = Duration::from_secs(60);

/// More often than this, reading would cost more than it tells.
const MIN_FAST_SAMPLING: Duration = Duration::from_millis(100);

/// What is sampled less often is nothing that a full read would not show.
const MAX_FAST_SAMPLING: Duration = Duration::from_secs(5);

/// More often, the kernel's own ticks of 10 ms would be told and not the use of cores; less
/// often, a burst would be levelled out.
const HOST_SAMPLING: RangeInclusive<Duration> = Duration::from_millis(250)..=Duration::from_secs(10);

/// Peaks of a shorter window would be lost between two scrapes of most scrapers.
const MIN_PEAK_WINDOW: Duration = Duration::from_secs(10);

/// What lies on disk changes slowly, and looking costs; after a day a figure is no figure.
const DISK_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(86_400);

/// In percent; above half a core the walker would be a load of its own.
const DISK_BUDGET: RangeInclusive<f64> = 0.1..=50.0;

/// The engine reads every file it has to answer.
const ENGINE_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(7 * 86_400);

/// How many series programs may send.
const MILLISECOND: Duration = Duration::from_millis(1);
const MAX_SLOW_QUERY: Duration = Duration::from_secs(3600);
const SERIES: RangeInclusive<usize> = 1..=10_000_000;

/// Bounds of the memory that series, or requests, may take.
const MEMORY_BYTES: RangeInclusive<usize> = 1 << 20..=64 << 30;

/// How long a request of theirs may be, in bytes.
const BODY_BYTES: RangeInclusive<usize> = 64 << 10..=64 << 20;

/// Puts everything together.
pub(super) fn config(sources: Sources) -> Result<Config, ConfigError> {
    let unknown_variables = variables::check(&sources.env)?;
    let path = file_to_read(&sources)?;
    let file = path.as_deref().map(file::read).transpose()?.unwrap_or_default();
    let named = path.as_deref().unwrap_or(Path::new(""));
    let mut layers = Layers::new(&sources, named);
    let layers = &mut layers;
    let sampling_full = layers.one(&settings::SAMPLING_FULL, file.sampling.full.as_ref(), |text| {
        value::duration(text, SECOND..=MAX_SAMPLING)
    })?;
    let prometheus = upstream::upstream(layers, &upstream::PROMETHEUS, &file.prometheus)?;
    let alertmanager = upstream::upstream(layers, &upstream::ALERTMANAGER, &file.alertmanager)?;
    let tokens = tokens::tokens(layers, &file)?;
    let (token_files, file_tokens) = tokens::of_files(layers, &tokens)?;
    let config = Config {
        paths: paths(layers, &sources)?,
        docker: docker::docker(layers, &file, &sources)?,
        container_source: layers.one(
            &settings::CONTAINER_SOURCE,
            file.containers.source.as_ref(),
            |text| value::word(text, &ContainerSource::WORDS),
        )?,
        container_labels: container_labels(layers, &file)?,
        linger: layers.one(&settings::CONTAINER_LINGER, file.containers.linger.as_ref(), |text| {
            value::duration(text, SECOND..=MAX_LINGER)
        })?,
        policy: tenancy::policy(layers, &file, folder_of(named), 1..=MAX_CAP)?,
        peak_window: layers.one(
            &settings::CONTAINER_PEAK_WINDOW,
            file.containers.peak_window.as_ref(),
            |text| value::duration(text, MIN_PEAK_WINDOW..=MAX_LINGER),
        )?,
        sampling_fast: sampling_fast(layers, &file, sampling_full)?,
        sampling_full,
        disk: disk(layers, &file.disk)?,
        web: web(layers, &file.web)?,
        tokens,
        token_files,
        file_tokens,
        ingest: ingest(layers, &file)?,
        slo: slo::slo(layers, &file.slo)?,
        slow_query: layers.one(&settings::QUERIES_SLOW, file.queries.slow.as_ref(), |text| {
            value::duration(text, MILLISECOND..=MAX_SLOW_QUERY)
        })?,
        names: layers.one(&settings::INSTRUMENTATION_NAMES, file.instrumentation.names.as_ref(), |text| {
            value::word(text, &Naming::ALL)
        })?,
        host: host(layers, &file)?,
        probes: probe::probes(layers, &file, folder_of(named))?,
        disabled_collectors: disabled_collectors(layers, &file)?,
        log: log(layers, &file.log)?,
        sla_report: report::sla(layers, &file.report.sla, &prometheus)?,
        weekly_report: report::weekly(layers, &file.report.weekly)?,
        findings: report::findings(layers, &file.findings)?,
        grafana: grafana::grafana(layers, &file.grafana, &prometheus, &alertmanager)?,
        prometheus,
        alertmanager,
        discovery: discovery::discovery(layers, &file.discovery)?,
        health: health::health(layers, &file.health)?,
        history: history::history(layers, &file.history)?,
        anomalies: anomalies::anomalies(layers, &file.anomalies)?,
        scrape: scrape::scrape(layers, &file.scrape)?,
        cost: cost::cost(layers, &file.cost)?,
        alerting: alerting::alerting(layers, &file)?,
        postgres: database::postgres(layers, &file, folder_of(named))?,
        origins: std::mem::take(&mut layers.origins),
        file: path.clone(),
        sources: sources.clone(),
        unknown_variables,
    };
    Ok(config)
}

/// The file that was named, else the default one if it exists.
fn file_to_read(sources: &Sources) -> Result<Option<PathBuf>, ConfigError> {
    let named =
        Layers::new(sources, Path::new("")).one(&settings::CONFIG_FILE, None, |text| Ok(text.to_owned()))?;
    if !named.is_empty() {
        return Ok(Some(named.into()));
    }
    // One that may not be looked at is not absent: reading it then says why.
    Ok(sources.default_file.clone().filter(|path| path.try_exists().unwrap_or(true)))
}

/// How often the fast files are sampled; a full read brings fast samples along.
fn sampling_fast(layers: &mut Layers<'_>, file: &File, full: Duration) -> Result<Duration, ConfigError> {
    layers.one(&settings::SAMPLING_FAST, file.sampling.fast.as_ref(), |text| {
        let fast = value::duration(text, MIN_FAST_SAMPLING..=MAX_FAST_SAMPLING)?;
        if fast > full {
            let full = value::show_duration(full);
            return Err(format!("`{text}` is longer than `sampling.full`, which is {full}; lower it"));
        }
        Ok(fast)
    })
}

/// Where the host's file systems are seen. What is not given lies below a root that is, or
/// below the place at which containers have the host's, if they are there.
fn paths(layers: &mut Layers<'_>, sources: &Sources) -> Result<Paths, ConfigError> {
    let mut paths = Paths {
        procfs: directory(layers, &settings::PATH_PROCFS)?,
        sysfs: directory(layers, &settings::PATH_SYSFS)?,
        rootfs: directory(layers, &settings::PATH_ROOTFS)?,
    };
    let given = |setting: &Setting| {
        layers.origins.get(setting.name()).is_some_and(|origin| *origin != Origin::Default)
    };
    let [procfs, sysfs, rootfs] =
        [&settings::PATH_PROCFS, &settings::PATH_SYSFS, &settings::PATH_ROOTFS].map(given);
    let root = match (rootfs, procfs || sysfs) {
        (true, _) => Some(&paths.rootfs),
        (false, false) => sources.host_root.as_ref(),
        (false, true) => None,
    };
    let Some(below) = root.and_then(|root| Paths::below(root)) else { return Ok(paths) };
    if !procfs {
        paths.procfs = below.procfs;
    }
    if !sysfs {
        paths.sysfs = below.sysfs;
    }
    paths.rootfs = below.rootfs;
    Ok(paths)
}

fn directory(layers: &mut Layers<'_>, setting: &'static Setting) -> Result<PathBuf, ConfigError> {
    layers.one(setting, None, absolute)
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    match Path::new(text) {
        path if path.is_absolute() => Ok(path.to_owned()),
        _ => Err(format!("`{text}` is not an absolute path")),
    }
}

/// The allow-list of Docker labels; no two may become the same label of a series.
fn container_labels(layers: &mut Layers<'_>, file: &File) -> Result<Vec<String>, ConfigError> {
    let mut names = BTreeSet::new();
    layers.many(&settings::CONTAINERS_LABELS, &file.containers.labels, |given| {
        given.parse(|key| {
            if key.is_empty() || key.len() > crate::tenant::MAX_LABEL_BYTES {
                return Err(format!("`{key}` is not the key of a Docker label"));
            }
            let name = key.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            if !names.insert(name.clone()) {
                return Err(format!("`{key}` would be a second `container_label_{name}`; keep one"));
            }
            if names.len() > MAX_EXPOSED_LABELS {
                return Err(format!("more than {MAX_EXPOSED_LABELS} labels on every series; take some out"));
            }
            Ok(key.to_owned())
        })
    })
}

fn disk(layers: &mut Layers<'_>, file: &file::Disk) -> Result<Disk, ConfigError> {
    Ok(Disk {
        interval: layers.one(&settings::DISK_INTERVAL, file.interval.as_ref(), |text| {
            value::duration(text, DISK_INTERVAL)
        })?,
        budget_percent: layers
            .one(&settings::DISK_BUDGET, file.budget.as_ref(), |text| value::number(text, DISK_BUDGET))?,
        engine_interval: layers.one(
            &settings::DISK_ENGINE_INTERVAL,
            file.engine_interval.as_ref(),
            |text| value::duration(text, ENGINE_INTERVAL),
        )?,
    })
}

fn ingest(layers: &mut Layers<'_>, file: &File) -> Result<Ingest, ConfigError> {
    let limits = &file.limits;
    Ok(Ingest {
        listen_addresses: layers.many(
            &settings::INGEST_LISTEN_ADDRESS,
            &file.ingest.listen_address,
            listen_address,
        )?,
        series_per_tenant: layers.one(
            &settings::LIMITS_SERIES_PER_TENANT,
            limits.series_per_tenant.as_ref(),
            |text| value::count(text, SERIES),
        )?,
        series_total: layers.one(&settings::LIMITS_SERIES_TOTAL, limits.series_total.as_ref(), |text| {
            value::count(text, SERIES)
        })?,
        series_bytes: layers.one(&settings::LIMITS_SERIES_BYTES, limits.series_bytes.as_ref(), |text| {
            value::bytes(text, MEMORY_BYTES)
        })?,
        body_bytes: layers.one(&settings::LIMITS_BODY_BYTES, limits.body_bytes.as_ref(), |text| {
            value::bytes(text, BODY_BYTES)
        })?,
        exemplars: layers.one(
            &settings::INSTRUMENTATION_EXEMPLARS,
            file.instrumentation.exemplars.as_ref(),
            value::boolean,
        )?,
        pending_bytes: layers.one(
            &settings::LIMITS_PENDING_BYTES,
            limits.pending_bytes.as_ref(),
            |text| value::bytes(text, MEMORY_BYTES),
        )?,
        points_per_second: layers.one(
            &settings::LIMITS_POINTS_PER_SECOND,
            limits.points_per_second.as_ref(),
            |text| value::count(text, SERIES),
        )?,
    })
}

fn listen_address(given: &Given) -> Result<ListenAddress, ConfigError> {
    given.parse(|text| text.parse().map_err(|error: super::InvalidListenAddress| error.to_string()))
}

fn web(layers: &mut Layers<'_>, file: &file::Web) -> Result<Web, ConfigError> {
    let listen_addresses =
        layers.many(&settings::WEB_LISTEN_ADDRESS, &file.listen_address, listen_address)?;
    if listen_addresses.is_empty() {
        let origin = layers.origins.get(settings::WEB_LISTEN_ADDRESS.name()).cloned().unwrap_or_default();
        return Err(
            origin.refuse("an exporter without an address cannot be read; give one, or leave the key out")
        );
    }
    Ok(Web {
        listen_addresses,
        systemd_socket: layers.one(
            &settings::WEB_SYSTEMD_SOCKET,
            file.systemd_socket.as_ref(),
            value::boolean,
        )?,
        config_file: config_file(layers, file)?,
        max_requests: layers.one(&settings::WEB_MAX_REQUESTS, file.max_requests.as_ref(), |text| {
            value::count(text, 1..=MAX_REQUESTS)
        })?,
        trust_networks: layers.many(&settings::WEB_TRUST_NETWORKS, &file.trust_networks, |given| {
            given.parse(|text| text.parse().map_err(|error: super::InvalidNetwork| error.to_string()))
        })?,
        allowed_hosts: layers.many(&settings::WEB_ALLOWED_HOSTS, &file.allowed_hosts, |given| {
            given.parse(|text| match text {
                "" => Err("an empty name is no host".to_owned()),
                text if text.contains(['/', ' ', ':']) => {
                    Err(format!("`{text}` is not the name of a host; leave scheme and port out"))
                }
                text => Ok(text.to_owned()),
            })
        })?,
        cors_origins: layers
            .many(&settings::WEB_CORS_ORIGINS, &file.cors_origins, |given| given.parse(value::origin))?,
    })
}

/// A path in the file is meant from the file's folder.
fn config_file(layers: &mut Layers<'_>, file: &file::Web) -> Result<Option<PathBuf>, ConfigError> {
    let setting = &settings::WEB_CONFIG_FILE;
    let named = layers.one(setting, file.config_file.as_ref(), |text| Ok(PathBuf::from(text)))?;
    let named = Some(named).filter(|path| !path.as_os_str().is_empty());
    Ok(match (named, layers.origins.get(setting.name())) {
        (Some(named), Some(Origin::File { path, .. })) => Some(folder_of(path).join(named)),
        (named, _) => named,
    })
}

fn host(layers: &mut Layers<'_>, file: &File) -> Result<Host, ConfigError> {
    let sample_every = layers.one(&settings::SAMPLING_HOST, file.sampling.host.as_ref(), |text| {
        value::duration(text, HOST_SAMPLING)
    })?;
    let file = &file.host;
    Ok(Host {
        sample_every,
        peak_window: layers.one(&settings::HOST_PEAK_WINDOW, file.peak_window.as_ref(), |text| {
            value::duration(text, MIN_PEAK_WINDOW..=MAX_LINGER)
        })?,
        textfile_directories: layers.many(
            &settings::TEXTFILE_DIRECTORY,
            &file.textfile_directory,
            |given| given.parse(absolute),
        )?,
        mount_points_exclude: layers.one(
            &settings::FILESYSTEM_MOUNT_POINTS_EXCLUDE,
            file.mount_points_exclude.as_ref(),
            value::regex,
        )?,
        fs_types_exclude: layers.one(
            &settings::FILESYSTEM_FS_TYPES_EXCLUDE,
            file.fs_types_exclude.as_ref(),
            value::regex,
        )?,
        disks_exclude: layers.one(
            &settings::DISKSTATS_DEVICE_EXCLUDE,
            file.diskstats_device_exclude.as_ref(),
            value::regex,
        )?,
        devices_exclude: layers.one(
            &settings::NETDEV_DEVICE_EXCLUDE,
            file.netdev_device_exclude.as_ref(),
            value::regex,
        )?,
    })
}

/// Every collector is on unless a flag, a variable or the file switches it off, but for those
/// that have to be asked for; one of the host, where nothing is said of it, is as the whole group.
fn disabled_collectors(layers: &Layers<'_>, file: &File) -> Result<BTreeSet<&'static str>, ConfigError> {
    let known = |name: &str| name == of_host::GROUP || COLLECTORS.contains(&name);
    if let Some((name, text)) = file.collectors.iter().find(|(name, _)| !known(name)) {
        let names = [&[of_host::GROUP], COLLECTORS].concat();
        let message = format!("there is no collector `{name}`, expected {}", one_of(&names));
        return Err(layers.place(text.referenced).refuse(message));
    }
    let said = |name: &str| {
        let in_file = || file.collectors.get(name).map(|text| layers.given(text));
        let given = layers.switch(&format!("{COLLECTOR_FLAG}{name}")).or_else(in_file);
        given.map(|given| given.parse(value::boolean)).transpose()
    };
    let host = said(of_host::GROUP)?.unwrap_or(true);
    let mut disabled = BTreeSet::new();
    for name in COLLECTORS.iter().copied() {
        let default = !of_host::OPT_IN.contains(&name) && (host || !of_host::COLLECTORS.contains(&name));
        if !said(name)?.unwrap_or(default) {
            disabled.insert(name);
        }
    }
    Ok(disabled)
}

fn log(layers: &mut Layers<'_>, file: &file::Log) -> Result<Log, ConfigError> {
    use tracing::Level;
    let levels =
        [("error", Level::ERROR), ("warn", Level::WARN), ("info", Level::INFO), ("debug", Level::DEBUG)];
    let formats = [("logfmt", LogFormat::Logfmt), ("json", LogFormat::Json)];
    Ok(Log {
        level: layers.one(&settings::LOG_LEVEL, file.level.as_ref(), |text| value::word(text, &levels))?,
        format: layers
            .one(&settings::LOG_FORMAT, file.format.as_ref(), |text| value::word(text, &formats))?,
    })
}
