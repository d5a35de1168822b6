//! The HTTP side: who asks, what is answered, and how connections are kept in bounds.
//!
//! [`server`] accepts connections, `connection` speaks TLS and HTTP over them, [`entrance`] is
//! the web configuration file in force. [`router`] lists every endpoint and what it needs,
//! [`access`] finds out who asks, `caller` is who that is. Handlers are thin: one pure function
//! each from a snapshot to a page or a JSON value. Nothing here measures anything; numbers come
//! from [`Source`], containers from [`Inventory`].

pub mod access;
mod alerts;
mod analysis;
mod anomalies;
mod api;
mod assets;
mod basic_auth;
mod body;
mod caller;
mod compare;
mod connection;
mod cors;
mod crowd;
mod current;
mod dashboards;
mod discovery;
pub mod entrance;
mod health;
mod history;
mod insights;
mod landing;
mod listen;
mod log_stream;
mod logs;
mod negotiate;
mod openapi;
mod otlp;
mod page;
mod parameter;
mod performance;
mod plain;
mod probe;
mod problem;
mod processes;
mod queries;
mod rate_limit;
mod recommendations;
mod refusals;
pub mod reload;
pub mod router;
mod scrape;
mod seats;
pub mod server;
mod silences;
mod socket;
mod standing;
mod stream;
mod streams;
mod summary;
mod thresholds;
mod tls;
mod trends;
mod view;
mod whoami;
mod wire;

#[cfg(test)]
mod fixture;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};

use crate::collect::Collector;
use crate::ingest::{Correspondent, Correspondents, Found, Receiver, Way};
use crate::inventory::Inventory;
use crate::live::{Hub, LogHub};
use crate::snapshot::{LogSource, ProcessSource, Snapshot, Source};

use crate::config::{Alerting, Discovery};
use crate::grafana::Workshop;
use crate::health::Monitor;
use crate::history::{History, Query};
use crate::prometheus::{Alertmanager, Client};
use crate::report::followup::ledger::Ledger;
use crate::rules::Rulebook;

use access::Access;
use assets::File;
use entrance::Entrance;
use page::PagePool;
use problem::Problem;
use streams::Streams;

pub use recommendations::look_for_recommendations;

/// How long an answer waits for fresh numbers before it takes the last ones, so that a file
/// system or an engine that hangs never fails a request.
const FRESH_DEADLINE: Duration = Duration::from_secs(5);

/// What handlers know of the stack around this program.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Whom alerts are asked of, if one is named.
    pub alertmanager: Option<Alertmanager>,
    /// Who evaluates rules, if one is named.
    pub prometheus: Option<Client>,
    /// How Prometheus reaches containers.
    pub discovery: Discovery,
    /// Who makes dashboards.
    pub dashboards: Option<Workshop>,
    /// Where people open Grafana, if somebody said.
    pub grafana_url: Option<String>,
    /// Where this program reaches it, likewise.
    pub grafana_server: Option<String>,
    /// Who is asked what was, before what is kept here.
    pub history: Option<Arc<dyn Query>>,
}

/// What every handler answers from.
pub struct Context {
    source: Arc<dyn Source>,
    inventory: Arc<Inventory>,
    collectors: Arc<Vec<Box<dyn Collector>>>,
    /// Who lists the processes of a container; `None` where nobody does.
    processes: Option<Arc<dyn ProcessSource>>,
    /// Who reads the logs of a container; `None` where nobody does.
    logs: Option<Arc<dyn LogSource>>,
    /// Replaced as a whole when the configuration is read again.
    access: RwLock<Arc<Access>>,
    entrance: Arc<Entrance>,
    /// Replaced likewise.
    surroundings: RwLock<Arc<Surroundings>>,
    /// Where wishes for a reload go; `None` where nobody grants them.
    reloads: Option<mpsc::Sender<reload::Wish>>,
    /// Who takes what programs send, and how long a body may be; `None` where nobody does.
    programs: Option<(Arc<Receiver>, usize)>,
    /// Who finds out which container a program is in; `None` where nobody does.
    correspondents: Option<Arc<Correspondents>>,
    started_at: Instant,
    /// Who says how everything is; `None` where nobody does.
    monitor: Option<Arc<Monitor>>,
    /// What was; `None` where nobody keeps it.
    history: Option<History>,
    /// Which alerts there are; `None` where nobody knows.
    rulebook: Option<Arc<Rulebook>>,
    /// One permit a request that collects; `None` without a limit.
    requests: Option<Semaphore>,
    pages: Arc<PagePool>,
    /// What the live page consists of; empty in a build without it.
    files: &'static [File],
    /// Who tells what happens; `None` where nobody does.
    hub: Option<Arc<Hub>>,
    /// Who tells what containers write; `None` where nobody does.
    log_hub: Option<Arc<LogHub>>,
    /// Answers that last.
    streams: Streams,
    /// A permit an analysis.
    analyses: Semaphore,
    /// What was recommended before.
    ledger: Arc<Ledger>,
    /// Told when it has to be looked again who may read.
    changes: watch::Sender<()>,
}

impl Context {
    /// A context that was started now. `max_requests` bounds the requests that are answered at
    /// the same time (`--web.max-requests`), 0 is no bound; probes are not counted.
    pub fn new(
        source: Arc<dyn Source>,
        inventory: Arc<Inventory>,
        collectors: Arc<Vec<Box<dyn Collector>>>,
        access: Access,
        max_requests: usize,
    ) -> Self {
        Context {
            source,
            inventory,
            collectors,
            processes: None,
            logs: None,
            access: RwLock::new(Arc::new(access)),
            entrance: Arc::default(),
            surroundings: RwLock::default(),
            reloads: None,
            programs: None,
            correspondents: None,
            monitor: None,
            history: None,
            rulebook: None,
            started_at: Instant::now(),
            requests: (max_requests > 0).then(|| Semaphore::new(max_requests.min(Semaphore::MAX_PERMITS))),
            pages: Arc::default(),
            files: assets::BUILT_IN,
            hub: None,
            log_hub: None,
            streams: Streams::of_this_process(),
            analyses: Semaphore::new(analysis::AT_ONCE),
            ledger: Arc::default(),
            changes: watch::Sender::new(()),
        }
    }

    /// The same with somebody who lists processes.
    #[must_use]
    pub fn with_processes(self, processes: Arc<dyn ProcessSource>) -> Self {
        Context { processes: Some(processes), ..self }
    }

    /// With somebody who reads logs.
    #[must_use]
    pub fn with_logs(self, logs: Arc<dyn LogSource>) -> Self {
        Context { logs: Some(logs), ..self }
    }

    /// With somebody who says how everything is.
    #[must_use]
    pub fn with_monitor(self, monitor: Arc<Monitor>) -> Self {
        Context { monitor: Some(monitor), ..self }
    }

    /// With somebody who knows what was.
    #[must_use]
    pub fn with_history(self, history: Option<History>) -> Self {
        Context { history, ..self }
    }

    /// With what was recommended before.
    #[must_use]
    pub fn with_ledger(self, ledger: Ledger) -> Self {
        Context { ledger: Arc::new(ledger), ..self }
    }

    /// With somebody who knows which alerts there are.
    #[must_use]
    pub fn with_rulebook(self, rulebook: Arc<Rulebook>) -> Self {
        Context { rulebook: Some(rulebook), ..self }
    }

    /// With somebody who tells what happens.
    #[must_use]
    pub fn with_hub(self, hub: Arc<Hub>) -> Self {
        Context { hub: Some(hub), ..self }
    }

    /// With somebody who tells what containers write.
    #[must_use]
    pub fn with_log_hub(self, hub: Arc<LogHub>) -> Self {
        Context { log_hub: Some(hub), ..self }
    }

    /// With somebody who reads the configuration again.
    #[must_use]
    pub fn with_reloads(self, wishes: mpsc::Sender<reload::Wish>) -> Self {
        Context { reloads: Some(wishes), ..self }
    }

    /// With somebody who takes what programs send, in bodies of so many bytes at most.
    #[must_use]
    pub fn with_programs(self, receiver: Arc<Receiver>, body_bytes: usize) -> Self {
        Context { programs: Some((receiver, body_bytes)), ..self }
    }

    /// With somebody who finds out which container a program is in.
    #[must_use]
    pub fn with_correspondents(self, correspondents: Arc<Correspondents>) -> Self {
        Context { correspondents: Some(correspondents), ..self }
    }

    /// Who is at the other end of a connection.
    async fn whose(&self, correspondent: Option<Arc<Correspondent>>) -> Found {
        match (&self.correspondents, correspondent) {
            (Some(correspondents), Some(correspondent)) => correspondents.whose(&correspondent).await,
            _ => Found::Nobody,
        }
    }

    fn count_sender(&self, way: Way) {
        if let Some((receiver, _)) = &self.programs {
            receiver.count_request(way);
        }
    }

    fn programs(&self) -> Result<(Arc<Receiver>, usize), Problem> {
        let nobody = || Problem::new(problem::Kind::Internal, "nobody here takes what programs send");
        self.programs.clone().ok_or_else(nobody)
    }

    /// With the rules of a web configuration file.
    #[must_use]
    pub fn with_entrance(self, entrance: Arc<Entrance>) -> Self {
        Context { entrance, ..self }
    }

    /// Replaces who comes in; requests that are being answered keep the old rules, and streams
    /// look at the new ones.
    pub fn set_access(&self, access: Access) {
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
        self.changes.send_replace(());
    }

    /// Replaces what is known of the stack.
    pub fn set_surroundings(&self, surroundings: Surroundings) {
        *self.surroundings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(surroundings);
    }

    /// Has dashboards made of templates for other alerts from now on.
    fn renew_dashboards(&self, alerting: Alerting) {
        let mut surroundings = self.surroundings.write().unwrap_or_else(PoisonError::into_inner);
        let dashboards = surroundings.dashboards.as_ref().map(|workshop| workshop.renewed(alerting));
        *surroundings = Arc::new(Surroundings { dashboards, ..Surroundings::clone(&surroundings) });
    }

    /// Who is asked of many at once: Prometheus where one is configured, else what is kept here.
    pub fn asked(&self) -> Option<Arc<dyn Query>> {
        let embedded = || self.history.clone().map(|history| Arc::new(history) as Arc<dyn Query>);
        self.surroundings().history.clone().or_else(embedded)
    }

    /// Who knows what was: what is kept here, and a Prometheus where one is configured.
    pub fn sources(&self) -> Vec<Arc<dyn Query>> {
        let embedded = self.history.clone().map(|history| Arc::new(history) as Arc<dyn Query>);
        embedded.into_iter().chain(self.surroundings().history.clone()).collect()
    }

    fn surroundings(&self) -> Arc<Surroundings> {
        self.surroundings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn access(&self) -> Arc<Access> {
        self.access.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Room for one more request, held while it is answered.
    fn request_permit(&self) -> Result<Option<SemaphorePermit<'_>>, Problem> {
        let Some(requests) = &self.requests else { return Ok(None) };
        requests.try_acquire().map(Some).map_err(|_| Problem::too_many_requests())
    }

    /// A fresh snapshot, or the last one where reading takes longer than `deadline`.
    async fn snapshot(&self, deadline: Duration) -> Result<Arc<Snapshot>, Problem> {
        if let Ok(snapshot) = tokio::time::timeout(deadline, self.source.fresh()).await {
            return Ok(snapshot);
        }
        tracing::warn!(?deadline, "reading took too long; answered with the last numbers");
        self.source.latest().ok_or_else(|| Problem::no_numbers(deadline))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("access", &self.access()).finish_non_exhaustive()
    }
}
