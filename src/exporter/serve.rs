//! The running exporter: start, reload and stop.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Ingest, Origin, Postgres, Probe, settings};
use crate::container::cgroup::Groups;
use crate::container::device::Devices;
use crate::container::observed::ExposedLabels;
use crate::container::parse::DeviceNumber;
use crate::container::sampler;
use crate::container::thread::SamplerThread;
use crate::dashboards::Shelf;
use crate::disk::thread::DiskThread;
use crate::disk::{self, Board};
use crate::docker::{self, EngineStatistics, Watcher};
use crate::findings;
use crate::grafana::{self, Door, Workshop};
use crate::health::{Monitor, Wanted};
use crate::history::{Query, Recorder, Upstream};
use crate::host;
use crate::ingest::intake::Pace;
use crate::ingest::{Correspondents, Receiver};
use crate::inventory::{Container, Inventory};
use crate::live::{Hub, LogHub, Steps};
use crate::metrics::catalogue;
use crate::paths::Paths;
use crate::postgres::{self, Servers};
use crate::probe::{self, Probes};
use crate::prometheus::{Alertmanager, Client};
use crate::rules::Rulebook;
use crate::slo::Objectives;
use crate::sql::slow::SlowQueries;
use crate::tenant::Resolver;
use crate::web::access::Access;
use crate::web::entrance::{Entrance, Looked, Prepared};
use crate::web::reload::{self, Wish};
use crate::web::server::{self, Listeners};
use crate::web::{Context, Surroundings, look_for_recommendations, router};

use super::processes::Processes;
use super::systemd::{Notifier, Sockets};
use super::{Evaluator, Reloads, Shown, SlaReporter, analyses, history};

/// Threads that serve the network; reading has a thread of its own.
const WORKER_THREADS: usize = 2;

/// How often map files are looked at for a change: one `stat` each.
const MAP_FILES_EVERY: Duration = Duration::from_secs(5);

/// How often the web configuration file and its certificates are looked at: one `stat` each.
const WEB_FILES_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked which series of programs are idle.
const IDLE_LOOKED_AT_EVERY: Duration = Duration::from_secs(30);

/// How often it is looked which of them are of containers that are gone.
const GONE_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// How often it is looked whether the sampler's thread is still there.
const SAMPLER_LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// Runs the exporter until it is told to stop by SIGINT or SIGTERM.
///
/// # Errors
/// Something needed at the start is not to be had: an address, a map file, the mount table.
pub fn serve(config: Config) -> anyhow::Result<()> {
    // Before there is a second thread.
    let sockets = config.web.systemd_socket.then(Sockets::from_environment).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .thread_name("web")
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    runtime.block_on(Exporter::start(config, sockets))?;
    // A call to the host that hangs must not keep a stopped exporter alive.
    runtime.shutdown_background();
    Ok(())
}

/// Everything that runs.
struct Exporter {
    config: Config,
    resolver: Arc<Resolver>,
    watcher: Watcher,
    context: Arc<Context>,
    entrance: Arc<Entrance>,
    reloads: Arc<Reloads>,
    notifier: Notifier,
    sampler: Arc<SamplerThread>,
    probes: Probes,
    servers: Servers,
    programs: Arc<Receiver>,
    monitor: Arc<Monitor>,
    objectives: Arc<Objectives>,
    rulebook: Arc<Rulebook>,
}

/// What a reload has read.
type Read = (Config, Prepared, Surroundings, Wanted);

impl Exporter {
    async fn start(config: Config, sockets: Option<Sockets>) -> anyhow::Result<()> {
        let started_at = Timestamp::now();
        let cancel = CancellationToken::new();
        if config.paths != Paths::default() {
            let Paths { procfs, sysfs, rootfs } = &config.paths;
            tracing::info!(procfs = %procfs.display(), sysfs = %sysfs.display(), rootfs = %rootfs.display(), "the host's file systems are seen elsewhere");
        }
        let entrance = Prepared::read(config.web.config_file.as_deref())?;
        let entrance = Arc::new(Entrance::new(entrance, random()?));
        let listeners = match sockets {
            Some(Sockets { tcp, unix }) => {
                Listeners::inherited(tcp, unix).context("could not use systemd's sockets")?
            }
            None => Listeners::bind(&config.web.listen_addresses).await?,
        };
        let ingest_listeners = Listeners::bind(&config.ingest.listen_addresses).await?;
        let notifier = Notifier::from_environment();
        let resolver = Arc::new(Resolver::new(config.policy.clone(), config.paths.clone())?);
        // Only now: a map file that hangs must not keep the process from ending by a signal.
        let signals = Signals::new().context("could not listen for signals")?;
        let inventory = Arc::new(Inventory::default());
        // Paths that another machine's engine names mean nothing here.
        let measures_disks = config.collects("container_disk") && config.docker.host.is_local();
        let board = measures_disks.then(Board::default);
        let statistics = statistics(&config);
        let sampler = SamplerThread::start(
            sampler_options(&config, started_at, statistics.clone(), board.clone()),
            inventory.clone(),
            config.sampling_full,
        )
        .context("could not start to read containers")?;
        let walker = board.map(|board| DiskThread::start(disk_options(&config), inventory.clone(), board));
        let _walker = walker.transpose().context("could not start to measure disks")?;
        let watcher = Watcher::spawn(
            docker::Options { engine: config.docker.clone(), linger: config.linger },
            inventory.clone(),
            resolver.clone(),
            config.paths.clone(),
            cancel.clone(),
        );
        watcher.feed(statistics, config.sampling_full);
        if config.collects("docker_disk") {
            watcher.ask_usage(config.disk.engine_interval);
        }
        if config.collects("docker") {
            watcher.list_objects();
        }
        let reloads = Arc::new(Reloads::new(started_at));
        let (probed, said) = (probe::Board::default(), postgres::Board::default());
        let (attributing, reloading) = (Some(resolver.clone()), Some(reloads.clone()));
        let receiver = receiver(&config);
        let refused = reloads.clone();
        let monitor = Arc::new(Monitor::new(
            inventory.clone(),
            receiver.clone(),
            Box::new(move || !refused.last().0),
            judged(&config)?,
        ));
        let objectives = Arc::new(Objectives::new(inventory.clone(), config.slo.objectives.clone()));
        receiver.watched_by(objectives.clone());
        follow_objectives(&objectives, &inventory, &cancel);
        let Config { sla_report, prometheus, alertmanager, alerting, .. } = &config;
        let reporter = SlaReporter::new(sla_report, prometheus, alertmanager, &alerting.platform_team);
        if let Some(reporter) = reporter {
            reporter.start(cancel.clone()).context("could not start to write reports")?;
        }
        let recorder = history::start(&config.history, monitor.clone())?;
        recorder.iter().for_each(|recorder| sampler.followed_by(recorder.audience()));
        let kept = recorder.as_ref().map(Recorder::history);
        let sampler = Arc::new(sampler);
        let hub = hub(&config, &inventory, &sampler, &cancel);
        let findings = findings::Board::beside(hub.board());
        let mut collectors = super::collectors(
            started_at,
            Shown {
                resolver: attributing,
                reloads: reloading,
                evaluator: evaluator(&config, &cancel)?,
                probes: probed.clone(),
                programs: receiver.clone(),
                servers: said.clone(),
                health: Some(monitor.clone()),
                objectives: objectives.clone(),
                history: kept.clone(),
                findings: findings.clone(),
            },
        );
        collectors.retain(|collector| config.collects(collector.name()));
        let around = surroundings(&config)?;
        tokio::spawn(cancel.clone().run_until_cancelled_owned(monitor.clone().watch(sampler.clone())));
        let here = config.docker.host.is_local();
        let correspondents = Arc::new(Correspondents::new(inventory.clone(), config.paths.clone(), here));
        let ingest_listeners = ingest_listeners.for_programs(&correspondents);
        let context = Context::new(
            sampler.clone(),
            inventory.clone(),
            Arc::new(collectors),
            access(&config),
            config.web.max_requests,
        );
        let context = context.with_processes(Arc::new(Processes::new(&config, watcher.processes())));
        let logs = Arc::new(watcher.logs());
        let most_logs = LogHub::most_of_this_process();
        let context = context.with_log_hub(LogHub::new(logs.clone(), inventory.clone(), most_logs));
        let context = context.with_logs(logs);
        let (wishes, wished) = reload::wishes();
        let context = context.with_programs(receiver.clone(), config.ingest.body_bytes);
        let context = context.with_correspondents(correspondents);
        let rulebook = Arc::new(Rulebook::new(config.clone()));
        let context = context.with_rulebook(rulebook.clone());
        let context = context.with_monitor(monitor.clone()).with_history(kept).with_hub(hub.clone());
        context.set_surroundings(around);
        let context = context.with_ledger(history::ledger(&config.history));
        let context = Arc::new(context.with_entrance(entrance.clone()).with_reloads(wishes));
        let looking = look_for_recommendations(context.clone());
        tokio::spawn(cancel.clone().run_until_cancelled_owned(looking));
        analyses::detect(&config.anomalies, &context, &hub, &sampler)?;
        analyses::look(&config, &context, &inventory, findings, &cancel);
        for address in listeners.addresses() {
            tracing::info!(%address, tls = entrance.speaks_tls(), docker = %config.docker.host, version = env!("CARGO_PKG_VERSION"), "listening");
        }
        for address in ingest_listeners.addresses() {
            tracing::info!(%address, tls = entrance.speaks_tls(), "listening for programs");
        }
        tokio::spawn(cancel.clone().run_until_cancelled_owned(forget(
            receiver.clone(),
            inventory.clone(),
            config.linger,
        )));
        let serving = server::serve(
            vec![
                (listeners, router::router(context.clone())),
                (ingest_listeners, router::ingest_router(context.clone())),
            ],
            server::Options::of_this_process(),
            entrance.clone(),
            cancel.clone(),
        );
        let probes = Probes::start(probed, wanted_probes(&config));
        let servers =
            Servers::start(said, &wanted_servers(&config), &inventory, receiver.slow_queries().clone());
        notifier.ready();
        let mut exporter = Exporter {
            config,
            resolver,
            watcher,
            context,
            entrance,
            reloads,
            notifier,
            sampler,
            probes,
            servers,
            programs: receiver,
            monitor,
            objectives,
            rulebook,
        };
        let ((), end) = tokio::join!(serving, exporter.attend(signals, wished, &cancel));
        let Exporter { watcher, .. } = exporter;
        // Has written everything when it is gone.
        drop(recorder);
        // The task was cancelled; that it ended is all there is to know.
        let _ = watcher.into_task().await;
        tracing::info!("stopped");
        end
    }

    /// Reacts to signals and to changes of map files until it is time to stop. A file system
    /// that hangs delays what is read from it, never the stop.
    ///
    /// # Errors
    /// Reading has ended by itself: better no exporter than one that serves the past.
    async fn attend(
        &mut self,
        signals: Signals,
        wished: mpsc::Receiver<Wish>,
        cancel: &CancellationToken,
    ) -> anyhow::Result<()> {
        let Signals { mut interrupt, mut terminate, hangup } = signals;
        let sampler = self.sampler.clone();
        let end = tokio::select! {
            _ = interrupt.recv() => Ok("SIGINT"),
            _ = terminate.recv() => Ok("SIGTERM"),
            () = ended(&sampler) => Err(anyhow::anyhow!("the sampler's thread has ended; its last words are above")),
            never = self.follow_files(hangup, wished) => match never {},
        };
        if let Ok(signal) = end {
            tracing::info!(signal, "stopping");
        }
        self.notifier.stopping();
        cancel.cancel();
        end.map(drop)
    }

    /// Reads the configuration again at SIGHUP and when somebody wishes, and map files and certificates when they have
    /// changed; never ends.
    async fn follow_files(&mut self, mut hangup: Signal, mut wished: mpsc::Receiver<Wish>) -> Infallible {
        let mut map_files = tokio::time::interval(MAP_FILES_EVERY);
        map_files.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut web_files = tokio::time::interval(WEB_FILES_EVERY);
        web_files.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // What came of it is in the log.
                _ = hangup.recv() => drop(self.reload().await),
                Some(wish) = wished.recv() => {
                    let outcome = self.reload().await;
                    // Who wished it need not wait for it.
                    let _ = wish.send(outcome.map_err(|error| format!("{error:#}")));
                }
                _ = map_files.tick() => self.refresh_maps().await,
                _ = web_files.tick() => self.refresh_entrance().await,
            }
        }
    }

    /// Reads the configuration again; a broken one is refused and the old one stays.
    async fn reload(&mut self) -> anyhow::Result<()> {
        self.notifier.reloading();
        let outcome = self.read_again().await;
        // Serving on with the old one is being ready, too.
        self.notifier.ready();
        outcome
    }

    async fn read_again(&mut self) -> anyhow::Result<()> {
        let (config, resolver) = (self.config.clone(), self.resolver.clone());
        let read = tokio::task::spawn_blocking(move || -> anyhow::Result<Read> {
            let next = config.reload()?;
            let entrance = Prepared::read(next.web.config_file.as_deref())?;
            let (surroundings, judged) = (surroundings(&next)?, judged(&next)?);
            resolver.replace(next.policy.clone())?;
            Ok((next, entrance, surroundings, judged))
        });
        let (next, entrance, surroundings, judged) =
            match read.await.context("the reading was broken off").flatten() {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, "the new configuration is refused; the old one stays in force");
                    self.reloads.reloaded(false, Timestamp::now());
                    return Err(error);
                }
            };
        self.context.set_access(access(&next));
        self.context.set_surroundings(surroundings);
        self.monitor.replace(judged);
        self.rulebook.replace(next.clone());
        self.entrance.install(entrance);
        self.watcher.reattribute();
        self.probes.replace(wanted_probes(&next));
        self.servers.replace(&wanted_servers(&next));
        self.programs.name_by(next.names);
        self.programs.slow_queries().set_bound(next.slow_query);
        self.objectives.configure(next.slo.objectives.clone());
        for setting in needs_restart(&self.config, &next) {
            tracing::warn!(setting, "the new value takes effect only after a restart");
        }
        self.config = next;
        self.reloads.reloaded(true, Timestamp::now());
        tracing::info!("configuration read again");
        Ok(())
    }

    /// Takes renewed certificates and users.
    async fn refresh_entrance(&self) {
        let entrance = self.entrance.clone();
        match tokio::task::spawn_blocking(move || entrance.look()).await {
            Ok(Looked::Changed) => {
                self.reloads.entrance_changed(true, Timestamp::now());
                tracing::info!("the web configuration file or a certificate has changed and is in force")
            }
            Ok(Looked::Refused(error)) => {
                self.reloads.entrance_changed(false, Timestamp::now());
                tracing::error!(%error, "the new web configuration is refused; the old one stays in force");
            }
            Ok(Looked::Waits(door)) => {
                self.reloads.entrance_changed(false, Timestamp::now());
                tracing::warn!(
                    change = door,
                    "the new web configuration waits for a reload, since it lets more people in"
                );
            }
            Ok(Looked::Same) | Err(_) => {}
        }
    }

    async fn refresh_maps(&self) {
        let resolver = self.resolver.clone();
        let changed = tokio::task::spawn_blocking(move || resolver.reload()).await;
        if matches!(changed, Ok(true)) {
            tracing::info!("a map file has changed; containers are attributed again");
            self.watcher.reattribute();
        }
    }
}

/// Takes what programs send.
fn receiver(config: &Config) -> Arc<Receiver> {
    let Ingest { series_per_tenant, series_total, series_bytes, .. } = config.ingest;
    let receiver = Receiver::new(series_per_tenant as u64, series_total as u64, series_bytes as u64);
    let receiver = receiver.at(Pace {
        pending_bytes: config.ingest.pending_bytes as u64,
        points_per_second: config.ingest.points_per_second as u64,
    });
    receiver.name_by(config.names);
    let receiver = receiver.with_slow_queries(Arc::new(SlowQueries::new(config.slow_query)));
    Arc::new(if config.ingest.exemplars { receiver.with_exemplars() } else { receiver })
}

/// How many times as long as a look at all containers nobody looks again: a twentieth of a core is
/// enough.
const REST: u32 = 19;

/// Has objectives look at the inventory at every change, in a task of its own.
fn follow_objectives(objectives: &Arc<Objectives>, inventory: &Inventory, cancel: &CancellationToken) {
    let changed = Arc::new(Notify::new());
    let tell = changed.clone();
    inventory.on_change(Box::new(move || tell.notify_one()));
    let objectives = objectives.clone();
    tokio::spawn(cancel.clone().run_until_cancelled_owned(async move {
        loop {
            changed.notified().await;
            let began = Instant::now();
            objectives.look();
            // Where there are thousands, as many changes come together.
            tokio::time::sleep(began.elapsed() * REST).await;
        }
    }));
}

/// Who tells readers of streams what the sampler and the inventory tell, for as long as nobody
/// cancels.
fn hub(
    config: &Config,
    inventory: &Arc<Inventory>,
    sampler: &SamplerThread,
    cancel: &CancellationToken,
) -> Arc<Hub> {
    let samples = config.collects("container_cpu") || config.collects("container_memory");
    let fast = if samples { config.sampling_fast } else { config.sampling_full };
    let hub = Hub::of(inventory, Steps { fast, full: config.sampling_full });
    hub.follow(inventory);
    sampler.followed_by(hub.clone());
    tokio::spawn(cancel.clone().run_until_cancelled_owned(hub.clone().run()));
    hub
}

/// Who evaluates tenants' alerts, watched for as long as nobody cancels.
fn evaluator(config: &Config, cancel: &CancellationToken) -> anyhow::Result<Evaluator> {
    let evaluator = Evaluator::default();
    if config.grafana.upstream.url.is_none() {
        return Ok(evaluator);
    }
    if let Some(evaluation) = grafana::evaluation(config)? {
        let watch = evaluator.clone().watch(Door::new(config.grafana.upstream.clone()), evaluation);
        tokio::spawn(cancel.clone().run_until_cancelled_owned(watch));
    }
    Ok(evaluator)
}

/// Removes series that programs send no more, or whose container is gone; never ends.
async fn forget(receiver: Arc<Receiver>, inventory: Arc<Inventory>, linger: Duration) {
    let mut idle = tokio::time::interval(IDLE_LOOKED_AT_EVERY);
    idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut gone = tokio::time::interval(GONE_LOOKED_AT_EVERY);
    gone.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            now = idle.tick() => receiver.expire(now.into_std()),
            _ = gone.tick() => {
                let (snapshot, now) = (inventory.snapshot(), Timestamp::now());
                receiver.forget(&|id| {
                    snapshot.containers.get(id).is_none_or(|container| is_gone(container, now, linger))
                });
            }
        }
    }
}

/// Whether what a container's programs have sent is shown no more: as long after its end as a
/// removed container is.
fn is_gone(container: &Container, now: Timestamp, linger: Duration) -> bool {
    let ended_long_ago =
        |end: Timestamp| now.duration_since(end) > linger.try_into().unwrap_or(SignedDuration::MAX);
    !container.state.is_live() && container.state.finished_at.is_none_or(ended_long_ago)
}

/// Waits for the end of the sampler's thread, which only a panic brings about.
async fn ended(sampler: &SamplerThread) {
    let mut look = tokio::time::interval(SAMPLER_LOOKED_AT_EVERY);
    while sampler.is_running() {
        look.tick().await;
    }
}

/// The settings that differ and are looked at only at the start.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let settings = [
        ("web.listen_address", old.web.listen_addresses != new.web.listen_addresses),
        ("web.systemd_socket", old.web.systemd_socket != new.web.systemd_socket),
        ("web.max_requests", old.web.max_requests != new.web.max_requests),
        ("docker", old.docker != new.docker),
        ("containers.source", old.container_source != new.container_source),
        ("containers.labels", old.container_labels != new.container_labels),
        ("containers.linger", old.linger != new.linger),
        ("containers.peak_window", old.peak_window != new.peak_window),
        ("sampling.fast", old.sampling_fast != new.sampling_fast),
        ("disk", old.disk != new.disk),
        ("sampling.full", old.sampling_full != new.sampling_full),
        ("ingest", old.ingest != new.ingest),
        ("host", old.host != new.host),
        ("collectors", old.disabled_collectors != new.disabled_collectors),
        ("report", old.sla_report != new.sla_report || old.weekly_report != new.weekly_report),
        ("findings", old.findings != new.findings),
        ("history", old.history != new.history),
        ("anomalies", old.anomalies != new.anomalies),
        ("log", old.log != new.log),
    ];
    settings.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}

fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let count = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .context("could not get random bytes from the kernel")?;
    anyhow::ensure!(count == bytes.len(), "the kernel gave too few random bytes; try again");
    Ok(bytes)
}

/// Which PostgreSQL servers are read: none where nobody would see what they say.
fn wanted_servers(config: &Config) -> Postgres {
    let mut wanted = config.postgres.clone();
    if !config.collects("postgres") {
        wanted.servers.clear();
        wanted.password_directory = None;
    }
    wanted
}

/// What is probed: nothing where nobody would see what came of it.
fn wanted_probes(config: &Config) -> &[Probe] {
    if config.collects("probe") { &config.probes } else { &[] }
}

/// What handlers know of the stack. Credentials are read here, at the start and at a reload.
fn surroundings(config: &Config) -> anyhow::Result<Surroundings> {
    let named = config.alertmanager.url.is_some();
    Ok(Surroundings {
        alertmanager: named.then(|| Alertmanager::new(&config.alertmanager)).transpose()?,
        prometheus: client(config)?,
        discovery: config.discovery.clone(),
        dashboards: Some(workshop(config)),
        grafana_url: (*config.origin(&settings::ALERTING_GRAFANA_URL) != Origin::Default)
            .then(|| config.alerting.grafana_url.trim_end_matches('/').to_owned())
            .filter(|url| !url.is_empty()),
        grafana_server: config.grafana.upstream.url.clone(),
        history: client(config)?.map(|client| Arc::new(Upstream::new(client)) as Arc<dyn Query>),
    })
}

/// Who is asked what was, if a Prometheus is named.
fn client(config: &Config) -> anyhow::Result<Option<Client>> {
    let named = config.prometheus.url.is_some();
    Ok(named.then(|| Client::new(&config.prometheus)).transpose()?)
}

/// Somebody waits for what is done in Grafana: how long it is given when it is busy.
const BUSY_PAUSE: Duration = Duration::from_millis(200);

/// Who makes dashboards. Templates are read when they are first wanted.
fn workshop(config: &Config) -> Workshop {
    let shelf = Arc::new(Shelf::new(config.alerting.clone(), config.slo.period));
    let upstream = &config.grafana.upstream;
    let grafana = upstream.url.is_some().then(|| Door::new(upstream.clone()).pausing(BUSY_PAUSE));
    Workshop::new(shelf, grafana, &config.alerting.grafana_url)
}

/// How everything is judged, and who is asked for that. Credentials are read here, likewise.
fn judged(config: &Config) -> anyhow::Result<Wanted> {
    let [prometheus, alertmanager] =
        [&config.prometheus, &config.alertmanager].map(|upstream| upstream.url.is_some().then_some(upstream));
    Ok(Wanted {
        thresholds: config.health,
        prometheus: prometheus.map(Client::new).transpose()?,
        alertmanager: alertmanager.map(Alertmanager::new).transpose()?,
        discovery: config.discovery.clone(),
    })
}

fn access(config: &Config) -> Access {
    let web = &config.web;
    let tokens = config.tokens.iter().chain(&config.file_tokens).cloned().collect();
    Access::new(web.trust_networks.clone(), tokens, web.allowed_hosts.clone())
        .with_origins(web.cors_origins.clone())
}

/// Asks the engine where the kernel's files do not tell; the block devices of this machine have
/// names here.
fn statistics(config: &Config) -> Arc<EngineStatistics> {
    let remote = !config.docker.host.is_local();
    let mut devices = Devices::new(config.paths.clone());
    let here = move |major, minor| devices.name(DeviceNumber { major, minor });
    let elsewhere = |major, minor| Some(Arc::from(format!("/dev/block/{major}:{minor}")));
    EngineStatistics::new(if remote { Box::new(elsewhere) } else { Box::new(here) })
}

fn sampler_options(
    config: &Config,
    started_at: Timestamp,
    statistics: Arc<EngineStatistics>,
    disk: Option<Board>,
) -> sampler::Options {
    sampler::Options {
        paths: config.paths.clone(),
        groups: Groups {
            cpu: config.collects("container_cpu") || config.collects("tenant"),
            memory: config.collects("container_memory") || config.collects("tenant"),
            io: config.collects("container_io"),
            network: config.collects("container_network") || config.collects("tenant"),
            pressure: config.collects("container_pressure"),
            processes: config.collects("container_processes"),
            fast: config.collects("container_cpu") || config.collects("container_memory"),
        },
        exposed: ExposedLabels::new(config.container_labels.iter().map(String::as_str)),
        linger: config.linger,
        fast: config.sampling_fast,
        peak_window: config.peak_window,
        disk,
        started_at,
        statistics: Some(sampler::Elsewhere {
            statistics,
            source: config.container_source,
            remote: !config.docker.host.is_local(),
        }),
        host: host_options(config),
        bill: config.collects("tenant"),
    }
}

fn disk_options(config: &Config) -> disk::Options {
    disk::Options {
        paths: config.paths.clone(),
        interval: config.disk.interval,
        budget: config.disk.budget_percent / 100.0,
    }
}

/// What is read of the host; nothing where all its collectors are off.
fn host_options(config: &Config) -> Option<host::Options> {
    let collectors: BTreeSet<&'static str> =
        catalogue::host::COLLECTORS.iter().copied().filter(|name| config.collects(name)).collect();
    let options = config.host.clone();
    (!collectors.is_empty()).then(|| host::Options {
        collectors,
        mount_points_exclude: options.mount_points_exclude,
        fs_types_exclude: options.fs_types_exclude,
        disks_exclude: options.disks_exclude,
        devices_exclude: options.devices_exclude,
        textfile_directories: options.textfile_directories,
        sample_every: options.sample_every,
        peak_window: options.peak_window,
    })
}

/// The signals that are listened for.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}
