//! Who lists the processes of a container: the kernel, asked outside of the async workers, and
//! the engine where the kernel cannot be asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::container::processes;
use crate::docker::EngineProcesses;
use crate::inventory::Container;
use crate::paths::Paths;
use crate::snapshot::{ProcessError, ProcessList, ProcessQuery, ProcessSource};

/// Lists that are read at the same time. The kernel may keep a reader waiting for a process
/// that hangs, and threads that wait so must not become many.
const AT_ONCE: usize = 4;

/// How long a list may take; thousands of processes are read in a fraction of a second.
const DEADLINE: Duration = Duration::from_secs(5);

/// Reads processes of containers.
#[derive(Debug)]
pub(super) struct Processes {
    paths: Paths,
    /// Whether the engine's process ids are of this machine.
    local: bool,
    room: Arc<Semaphore>,
    engine: EngineProcesses,
}

impl Processes {
    pub(super) fn new(config: &Config, engine: EngineProcesses) -> Self {
        Processes {
            paths: config.paths.clone(),
            local: config.docker.host.is_local(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            engine,
        }
    }

    async fn read(&self, container: &Container, query: ProcessQuery) -> Result<ProcessList, ProcessError> {
        let Some(init) = container.state.pid.filter(|_| container.state.is_live()) else {
            return Ok(ProcessList::default());
        };
        if !self.local {
            return self.engine.list(container, query).await;
        }
        match self.of_kernel(container, init, query).await {
            Err(ProcessError::OutOfReach(here)) => {
                let of_engine = self.engine.list(container, query).await;
                of_engine
                    .map_err(|there| ProcessError::OutOfReach(format!("{here}; and of the engine: {there}")))
            }
            read => read,
        }
    }

    async fn of_kernel(
        &self,
        container: &Container,
        init: u32,
        query: ProcessQuery,
    ) -> Result<ProcessList, ProcessError> {
        let reading = async {
            // Held by the thread itself: one that hangs goes on taking its place.
            let place = self.room.clone().acquire_owned().await;
            let (paths, id) = (self.paths.clone(), container.id);
            let read = move || {
                let _place = place;
                processes::list(&paths, id, init, query)
            };
            tokio::task::spawn_blocking(read).await
        };
        match tokio::time::timeout(DEADLINE, reading).await {
            Ok(Ok(list)) => list,
            Ok(Err(error)) => Err(ProcessError::OutOfReach(format!("reading its processes failed: {error}"))),
            Err(_) => Err(ProcessError::Busy),
        }
    }
}

impl ProcessSource for Processes {
    fn list<'s>(
        &'s self,
        container: &'s Container,
        query: ProcessQuery,
    ) -> BoxFuture<'s, Result<ProcessList, ProcessError>> {
        Box::pin(self.read(container, query))
    }
}
