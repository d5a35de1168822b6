//! PostgreSQL servers: what they say of themselves, under postgres_exporter's names.
//!
//! - [`Servers`]: a task for each server, and the change of servers on a reload and with the
//!   containers; `found` says which there are.
//! - `attend`: the task; `session` is its connection, `guard` and `tls` are what that goes through.
//! - `parts`: what is asked, as data; `statements`: which statements are shown; `slow`: which were
//!   slow.
//! - [`Board`]: what came of it; [`PostgresCollector`] shows the board.
//!
//! Invariants: nothing is asked inside a scrape; a server has one connection at most, and a
//! deadline stands over everything that is asked; what a server does not say any more is gone
//! from the page; nothing that it says becomes a label without being made safe, and no text of a
//! statement with its literals.

mod attend;
mod board;
mod collector;
mod found;
mod guard;
mod parts;
mod series;
mod session;
mod slow;
mod statements;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::{DatabaseUrl, Postgres};
use crate::inventory::Inventory;
use crate::sql::slow::SlowQueries;
use crate::tenant::Tenant;

pub use board::{Board, Reason};
pub use collector::PostgresCollector;
pub use found::{DATABASE_LABEL, LABEL, PASSWORD_FILE_LABEL, PORT_LABEL, USER_LABEL};

/// Containers may come and go all the time; which servers there are is looked at this often.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(500);

/// Within this time servers that are new at once are asked for the first time.
const SPREAD: Duration = Duration::from_secs(1);

/// A server as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    /// Host and port, as the label `server` has them.
    server: String,
    url: DatabaseUrl,
    /// Where it is, if that is known without looking its name up.
    addresses: Option<Vec<IpAddr>>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    tenant: Tenant,
    interval: Duration,
    timeout: Duration,
    /// Whether the configuration names it, and not a container itself.
    is_named: bool,
}

/// Everything that reads servers. Dropping it closes all connections.
#[derive(Debug)]
pub struct Servers {
    config: watch::Sender<Postgres>,
    task: JoinHandle<Infallible>,
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Servers {
    /// Begins to read; to be called within a runtime.
    /// Statements that were slow go into the list.
    pub fn start(
        board: Board,
        config: &Postgres,
        inventory: &Arc<Inventory>,
        slow: Arc<SlowQueries>,
    ) -> Self {
        let (sender, receiver) = watch::channel(config.clone());
        let changed = Arc::new(Notify::new());
        let notify = changed.clone();
        inventory.on_change(Box::new(move || notify.notify_one()));
        let running = Running { board, slow, tasks: BTreeMap::new(), told: BTreeSet::new() };
        let task = tokio::spawn(running.follow(receiver, inventory.clone(), changed));
        Servers { config: sender, task }
    }

    /// Reads these from now on. A server that has not changed goes on as it was; of one that has,
    /// everything begins anew.
    pub fn replace(&self, config: &Postgres) {
        self.config.send_replace(config.clone());
    }
}

/// A task that ends with the value.
#[derive(Debug)]
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The servers that are read.
#[derive(Debug)]
struct Running {
    board: Board,
    slow: Arc<SlowQueries>,
    tasks: BTreeMap<String, (Target, Aborted)>,
    /// What was logged of labels, so that it is logged once.
    told: BTreeSet<String>,
}

impl Running {
    /// Follows configuration and containers for ever.
    async fn follow(
        mut self,
        mut config: watch::Receiver<Postgres>,
        inventory: Arc<Inventory>,
        changed: Arc<Notify>,
    ) -> Infallible {
        loop {
            let wanted = config.borrow_and_update().clone();
            let (targets, problems) = found::targets(&wanted, &inventory.snapshot());
            for problem in &problems {
                if !self.told.contains(problem) {
                    tracing::warn!(problem, "a PostgreSQL server in a container is not read");
                }
            }
            self.told = problems.into_iter().collect();
            self.replace(targets);
            tokio::time::sleep(LOOK_AT_MOST_EVERY).await;
            tokio::select! {
                () = changed.notified() => {}
                Ok(()) = config.changed() => {}
            }
        }
    }

    fn replace(&mut self, targets: Vec<Target>) {
        self.tasks.retain(|_, (target, task)| !task.0.is_finished() && targets.contains(target));
        self.board.retain(|server| self.tasks.contains_key(server));
        let new: Vec<Target> =
            targets.into_iter().filter(|target| !self.tasks.contains_key(&target.server)).collect();
        let count = new.len().max(1) as f64;
        for (index, target) in new.into_iter().enumerate() {
            let record = self.board.add(&target.server, &target.tenant);
            let first = SPREAD.mul_f64(index as f64 / count);
            let task = tokio::spawn(attend::attend(target.clone(), record, self.slow.clone(), first));
            self.tasks.insert(target.server.clone(), (target, Aborted(task)));
        }
    }
}
