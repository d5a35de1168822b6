//! Changes limits of containers: the one place that changes anything of the engine's.
//!
//! Source: `POST /containers/{id}/update`. The connections of [`Client`] can only ask; those for
//! changes are made here. `dockmeter rightsize` uses this, and the exporter does not.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::client::{CallError, Client};
use super::socket::Connector;
use super::statistics::DeviceNames;
use super::types::{Details, read_error};
use crate::config::{Docker, Endpoint};
use crate::inventory::{ContainerId, EngineSettings, EngineUpdate, Status};
use crate::paths::Paths;
use crate::tenant::{Attribution, Facts, LabelValue, Tenant};

/// The engine takes back memory before it answers, for which the kernel may have to write it out.
const UPDATE_DEADLINE: Duration = Duration::from_secs(30);

/// What an engine answers to a change.
const ANSWER_LIMIT: usize = 1 << 20;

/// A container that no engine has.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Why something could not be asked or changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The socket may not be opened.
    #[error(
        "`{0}`: this user may not open the engine's socket; run this as root or as a member of the socket's group"
    )]
    Socket(Endpoint),
    /// A call was not answered.
    #[error(transparent)]
    Asked(#[from] Unanswered),
    /// Somebody between us and the engine, or the engine itself, does not let changes through.
    #[error(
        "`{call}` on `{endpoint}`: refused with {status}: {message}; changes are let through neither by a proxy that only reads nor where an authorization plugin forbids them: name the engine's own socket with `--docker.host`, or ask whoever runs it"
    )]
    Forbidden {
        /// The call.
        call: String,
        /// Where.
        endpoint: Endpoint,
        /// The status.
        status: u16,
        /// What was said.
        message: String,
    },
    /// The engine refused a change.
    #[error("`{call}` on `{endpoint}`: the engine answered {status}: {message}")]
    Refused {
        /// The call.
        call: String,
        /// Where.
        endpoint: Endpoint,
        /// The status.
        status: u16,
        /// What was said.
        message: String,
    },
    /// A change was asked for, and what came of it is not known.
    #[error("`{call}` on `{endpoint}`: {reason}; whether it was done is not known")]
    Unknown {
        /// The call.
        call: String,
        /// Where.
        endpoint: Endpoint,
        /// What went wrong.
        reason: String,
    },
}

/// A question that was not answered.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unanswered(CallError);

impl From<CallError> for UpdateError {
    fn from(error: CallError) -> Self {
        UpdateError::Asked(Unanswered(error))
    }
}

/// A container as the engine has it now.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: LabelValue,
    /// Whose it is.
    pub tenant: Tenant,
    /// What it may use and has reserved.
    pub settings: EngineSettings,
    /// What it is doing.
    pub status: Status,
    /// Restarts by its restart policy.
    pub restarts: u64,
    /// Whether the engine saw it out of memory in this run, or in the last one.
    pub oom_killed: bool,
    /// The exit status of the last run.
    pub exit_code: Option<i64>,
    /// When this run began.
    pub started_at: Option<Timestamp>,
}

/// What a container has used; counters are those of its cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Periods of the CPU quota.
    pub periods: u64,
    /// Those in which it was used up.
    pub throttled: u64,
    /// Memory that cannot simply be given up.
    pub working_set: Option<u64>,
}

/// The call that a change is, as people read it.
pub fn call(id: ContainerId, update: &EngineUpdate) -> String {
    format!("POST /containers/{}/update {}", id.short(), body(update))
}

fn body(update: &EngineUpdate) -> Value {
    let EngineUpdate { nano_cpus, cpu_quota, memory, memory_swap, memory_reservation } = update;
    let fields = [
        ("NanoCpus", nano_cpus),
        ("CpuQuota", cpu_quota),
        ("Memory", memory),
        ("MemorySwap", memory_swap),
        ("MemoryReservation", memory_reservation),
    ];
    let named = |(name, value): (&str, &Option<i64>)| Some((name.to_owned(), Value::from((*value)?)));
    Value::Object(fields.into_iter().filter_map(named).collect::<Map<_, _>>())
}

/// An engine whose containers can be changed.
pub struct Updater {
    client: Client,
    http: legacy::Client<Connector, Full<Bytes>>,
    endpoint: Endpoint,
    attribution: Arc<dyn Attribution>,
    paths: Paths,
    names: Mutex<DeviceNames>,
    /// How far the engine's clock is before ours.
    ahead: SignedDuration,
}

impl std::fmt::Debug for Updater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Updater").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Updater {
    /// Connects to an engine; `attribution` says whose its containers are.
    ///
    /// # Errors
    /// It cannot be reached, or its socket may not be opened.
    pub async fn connect(
        engine: &Docker,
        attribution: Arc<dyn Attribution>,
        paths: Paths,
    ) -> Result<Updater, UpdateError> {
        let connector = Connector::to(engine);
        let endpoint = connector.endpoint.clone();
        if let Endpoint::Unix(path) = &endpoint {
            let wanted = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
            if rustix::fs::access(path, wanted) == Err(rustix::io::Errno::ACCESS) {
                return Err(UpdateError::Socket(endpoint));
            }
        }
        // A connection each: what was sent over one that the engine had closed would be in doubt.
        let http =
            legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector.clone());
        let (client, greeting) = Client::connect(connector, Arc::default()).await?;
        // The header counts whole seconds.
        let ahead = greeting.clock.map(|clock| clock.duration_since(Timestamp::now()));
        let ahead = ahead.filter(|ahead| ahead.unsigned_abs() > Duration::from_secs(2)).unwrap_or_default();
        let names: DeviceNames = Box::new(|_, _| None);
        Ok(Updater { client, http, endpoint, attribution, paths, names: Mutex::new(names), ahead })
    }

    /// Where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The time by the engine's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(self.ahead).unwrap_or_else(|_| Timestamp::now())
    }

    /// Every container that dockmeter looks at and that `wanted` names.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn containers(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<Found>, UpdateError> {
        let mut found = Vec::new();
        for listed in self.client.list().await?.containers {
            // A name that is not in the list is in the description.
            if listed.name.as_deref().is_none_or(|name| wanted(LabelValue::clean(name).as_str())) {
                let container = self.find(listed.id).await?;
                found.extend(container.filter(|container| wanted(container.name.as_str())));
            }
        }
        Ok(found)
    }

    /// A container; `None` if there is none any more, or dockmeter does not look at it.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn find(&self, id: ContainerId) -> Result<Option<Found>, UpdateError> {
        let details = match self.client.inspect(id).await {
            Err(error) if error.is_gone() => return Ok(None),
            details => details?,
        };
        let image_labels = match &details.image_id {
            // Without them every label counts, as in the exporter.
            Some(image) => self.client.image_labels(image).await.ok(),
            None => None,
        };
        let empty = Default::default();
        let name = LabelValue::clean(details.name.as_deref().unwrap_or_default());
        let cgroup = self.cgroup(id, &details);
        let facts = Facts {
            name: name.as_str(),
            labels: details.labels.as_ref().unwrap_or(&empty),
            image_labels: image_labels.as_ref(),
            cgroup: cgroup.as_deref(),
            here: self.endpoint.is_local(),
        };
        if !self.attribution.observes(&facts, details.image.as_deref().unwrap_or_default()) {
            return Ok(None);
        }
        Ok(Some(Found {
            id,
            tenant: self.attribution.tenant(&facts),
            name: name.clone(),
            settings: details.settings,
            status: details.status.unwrap_or(Status::Dead),
            restarts: details.restart_count.unwrap_or(0),
            oom_killed: details.oom_killed.unwrap_or(false),
            exit_code: details.exit_code,
            started_at: details.started_at,
        }))
    }

    /// The cgroup of its first process, by which rules may tell whose it is.
    fn cgroup(&self, id: ContainerId, details: &Details) -> Option<String> {
        let pid = details.pid.filter(|pid| *pid > 0 && self.endpoint.is_local())?;
        let text = fs::read_to_string(self.paths.process(pid).join("cgroup")).ok()?;
        text.contains(&id.to_string()).then_some(text)
    }

    /// What a container uses; `None` if it does not run.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn usage(&self, id: ContainerId) -> Result<Option<Usage>, UpdateError> {
        let sample = match self.client.statistics(id, None, &self.names).await {
            Err(error) if error.is_gone() || error.is_conflict() => return Ok(None),
            sample => sample?,
        };
        Ok(sample.map(|sample| {
            let throttling = sample.stats.throttling.unwrap_or_default();
            Usage {
                periods: throttling.periods,
                throttled: throttling.throttled_periods,
                working_set: sample.stats.memory.map(|memory| memory.working_set),
            }
        }))
    }

    /// How often processes of a container were killed for want of memory in a time of the engine's
    /// clock.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn kills(
        &self,
        id: ContainerId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<u64, UpdateError> {
        Ok(self.client.kills(id, since, until).await?)
    }

    /// Whether changes are let through at all, asked by one of a container that does not exist.
    ///
    /// # Errors
    /// They are not, or nobody answers.
    pub async fn may_change(&self) -> Result<(), UpdateError> {
        match self.post(NOBODY, &EngineUpdate::default()).await {
            Err(UpdateError::Refused { status: 404, .. }) => Ok(()),
            other => other,
        }
    }

    /// Changes a container.
    ///
    /// # Errors
    /// The engine, or somebody before it, refuses; or what came of it is not known.
    pub async fn update(&self, id: ContainerId, update: &EngineUpdate) -> Result<(), UpdateError> {
        self.post(&id.to_string(), update).await
    }

    async fn post(&self, id: &str, update: &EngineUpdate) -> Result<(), UpdateError> {
        let path = format!("{}/containers/{id}/update", self.client.prefix());
        let call = || format!("POST {path}");
        let unknown =
            |reason: String| UpdateError::Unknown { call: call(), endpoint: self.endpoint.clone(), reason };
        let uri = self.client.uri(&path).map_err(|error| unknown(error.to_string()))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body(update).to_string()))
            .map_err(|error| unknown(error.to_string()))?;
        let answer = timeout(UPDATE_DEADLINE, async {
            let (head, body) =
                self.http.request(request).await.map_err(|error| innermost(&error))?.into_parts();
            let body = Limited::new(body, ANSWER_LIMIT).collect().await;
            Ok::<_, String>((head.status, body.map_err(|error| innermost(error.as_ref()))?.to_bytes()))
        });
        let late = |_| unknown(format!("no full answer within {} s", UPDATE_DEADLINE.as_secs()));
        let (status, body) = answer.await.map_err(late)?.map_err(unknown)?;
        if status.is_success() {
            return Ok(());
        }
        let message = read_error(&body).unwrap_or_else(|| "without a reason".to_owned());
        let (call, endpoint, code) = (call(), self.endpoint.clone(), status.as_u16());
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => {
                UpdateError::Forbidden { call, endpoint, status: code, message }
            }
            _ => UpdateError::Refused { call, endpoint, status: code, message },
        })
    }
}

/// What the system said; errors around it only say "client error".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests;
