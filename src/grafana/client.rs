//! Calls of Grafana's HTTP API: what is asked, what an answer's status means, and patience.
//!
//! Only reads are asked again by themselves. What becomes of a write that failed is decided by
//! whoever reads the object again (`apply.rs`), since it may have arrived all the same. A
//! refused login is never tried twice: Grafana locks users out after five.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use crate::config::Upstream;
use crate::prometheus::connection::{Connection, Fault, Question, busy, shortened};

/// Grafana saves a large dashboard on a slow disk in some seconds.
const DEADLINE: Duration = Duration::from_secs(30);

/// The pause before a server that is busy is asked again; the next one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// How often a busy server is asked again.
const PATIENCE: u32 = 4;

/// How often the alerting of an organisation that has just been made is asked for, with a pause
/// of [`STARTING`] times [`PAUSE`]: two minutes.
const STARTING_PATIENCE: u32 = 60;

/// See [`STARTING_PATIENCE`].
const STARTING: u32 = 4;

/// The same where the answer more likely means that a right is missing.
const FORBIDDEN_PATIENCE: u32 = 3;

/// What answers without a login as soon as Grafana is up, and so is its database.
const HEALTH: &str = "/api/health";

/// How often a Grafana that starts is looked for.
const LOOKED_FOR_EVERY: Duration = Duration::from_secs(1);

/// Keeps what is written editable for others.
pub(super) const NO_PROVENANCE: (&str, &str) = ("X-Disable-Provenance", "true");

/// Why a call was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub enum GrafanaError {
    /// Nobody said where Grafana is.
    #[error(
        "no Grafana is named; `--grafana.url=http://127.0.0.1:3000`, or `grafana: {{url: …}}` in the configuration, does so"
    )]
    Unnamed,
    /// A file of credentials or certificates is of no use.
    #[error("could not read `{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or it broke, or the server is busy.
    #[error("`{call}` at `{url}` failed: {reason}; is Grafana running there? `--grafana.url` names it")]
    Unreachable {
        /// Method and path.
        call: String,
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The login was refused.
    #[error(
        "`{url}` refused the login; `grafana.token_file`, or `grafana.username` with `grafana.password_file`, give credentials. It was not tried again, since Grafana locks users out"
    )]
    Unauthorised {
        /// The address.
        url: String,
    },
    /// The login is good, and not for this.
    #[error("`{call}` was forbidden: {message}; the token or user needs the role Admin in its organisation")]
    Forbidden {
        /// Method and path.
        call: String,
        /// Grafana's words.
        message: String,
    },
    /// There is no such object.
    #[error("`{call}`: there is none: {message}")]
    Missing {
        /// Method and path.
        call: String,
        /// Grafana's words.
        message: String,
    },
    /// Somebody else wrote in between, or the object is in use, or there is one already.
    #[error("`{call}` was in conflict: {message}")]
    Conflict {
        /// Method and path.
        call: String,
        /// Grafana's words.
        message: String,
    },
    /// Anything else.
    #[error("`{call}` was refused ({status}): {message}")]
    Refused {
        /// Method and path.
        call: String,
        /// The status.
        status: StatusCode,
        /// Grafana's words.
        message: String,
    },
    /// What answers is something else.
    #[error(
        "what answers `{call}` at `{url}` is no Grafana ({status}); the address is that of its page, without `/api`"
    )]
    Stranger {
        /// Method and path.
        call: String,
        /// The address.
        url: String,
        /// Its answer.
        status: StatusCode,
    },
}

impl GrafanaError {
    /// Whether the object should be read again, and what is to be done thought over.
    pub(super) fn is_worth_another_look(&self) -> bool {
        match self {
            GrafanaError::Conflict { .. } | GrafanaError::Unreachable { .. } => true,
            GrafanaError::Refused { status, .. } => status.is_server_error(),
            GrafanaError::Missing { .. } => true,
            _ => false,
        }
    }

    /// Whether nothing else would be answered either.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            GrafanaError::Unnamed
                | GrafanaError::File { .. }
                | GrafanaError::Unauthorised { .. }
                | GrafanaError::Unreachable { .. }
                | GrafanaError::Stranger { .. }
        )
    }
}

/// How many calls were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// That only read.
    pub reads: usize,
    /// That wrote.
    pub writes: usize,
}

/// A Grafana.
#[derive(Clone, Debug)]
pub struct Grafana {
    connection: Connection,
    pause: Duration,
    reads: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    /// Whether the login was refused: Grafana locks out who tries again.
    refused: Arc<AtomicBool>,
}

impl Grafana {
    /// Reads the files that the configuration names; nothing is asked yet.
    ///
    /// # Errors
    /// No address is configured, or a file cannot be read.
    pub fn new(config: &Upstream) -> Result<Grafana, GrafanaError> {
        let url = config.url.clone().ok_or(GrafanaError::Unnamed)?;
        let connection =
            Connection::new(config, url.clone(), DEADLINE).map_err(|fault| failed(fault, "connect", &url))?;
        Ok(Grafana {
            connection,
            pause: PAUSE,
            reads: Arc::default(),
            writes: Arc::default(),
            refused: Arc::default(),
        })
    }

    /// The same as soon as Grafana is up and the files are there, which may take as long as
    /// `patience`. `tell` is told what is waited for, once for each reason. Nobody logs in.
    ///
    /// # Errors
    /// What was the matter last, or what waiting does not mend.
    pub async fn started(
        config: &Upstream,
        patience: Duration,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Grafana, GrafanaError> {
        let begun = Instant::now();
        let mut told = String::new();
        loop {
            let answer = match Grafana::new(config) {
                Ok(grafana) => grafana.once(Method::GET, HEALTH, None, &[]).await.map(|_| grafana),
                Err(error) => Err(error),
            };
            match answer {
                Err(error @ (GrafanaError::Unreachable { .. } | GrafanaError::File { .. }))
                    if begun.elapsed() < patience =>
                {
                    let reason = error.to_string();
                    if reason != told {
                        tell(&reason);
                        told = reason;
                    }
                    tokio::time::sleep(LOOKED_FOR_EVERY).await;
                }
                answer => return answer,
            }
        }
    }

    /// The same with another pause before something is tried again.
    #[must_use]
    pub fn pausing(self, pause: Duration) -> Grafana {
        Grafana { pause, ..self }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        self.connection.url()
    }

    /// The calls so far.
    pub fn calls(&self) -> Calls {
        Calls { reads: self.reads.load(Ordering::Relaxed), writes: self.writes.load(Ordering::Relaxed) }
    }

    /// Waits before try number `attempt` (from 0) of something that may pass.
    pub(super) async fn pause(&self, attempt: u32) {
        tokio::time::sleep(self.pause * 2_u32.saturating_pow(attempt.min(PATIENCE))).await;
    }

    /// Reads, with patience for a server that is busy.
    pub(super) async fn get(&self, path: &str) -> Result<Value, GrafanaError> {
        let mut attempt = 0;
        loop {
            match self.once(Method::GET, path, None, &[]).await {
                Err(GrafanaError::Unreachable { .. }) if attempt < PATIENCE => self.pause(attempt).await,
                answer => return answer,
            }
            attempt += 1;
        }
    }

    /// Reads what may not be there.
    pub(super) async fn find(&self, path: &str) -> Result<Option<Value>, GrafanaError> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(GrafanaError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a list of alerting, which a new organisation has only after a while.
    pub(super) async fn get_alerting(&self, path: &str) -> Result<Value, GrafanaError> {
        let mut attempt = 0;
        loop {
            let answer = self.get(path).await;
            let patience = match &answer {
                Err(GrafanaError::Missing { .. }) => STARTING_PATIENCE,
                Err(GrafanaError::Refused { status, .. }) if status.is_server_error() => STARTING_PATIENCE,
                Err(GrafanaError::Forbidden { .. }) => FORBIDDEN_PATIENCE,
                _ => return answer,
            };
            if attempt == patience {
                return answer;
            }
            tokio::time::sleep(self.pause * STARTING).await;
            attempt += 1;
        }
    }

    /// Writes, once.
    pub(super) async fn write(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, GrafanaError> {
        self.once(method, path, body, &[]).await
    }

    /// Calls once, and not at all after a login was refused.
    pub(super) async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Value, GrafanaError> {
        if self.refused.load(Ordering::Relaxed) {
            return Err(GrafanaError::Unauthorised { url: self.url().to_owned() });
        }
        let counter = if method == Method::GET { &self.reads } else { &self.writes };
        counter.fetch_add(1, Ordering::Relaxed);
        let call = format!("{method} {path}");
        let question = Question {
            method,
            path: path.to_owned(),
            content_type: if body.is_some() { "application/json" } else { "" },
            body: body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
        };
        let answered = self.connection.ask_with(question, headers).await;
        let (status, body) = answered.map_err(|fault| failed(fault, &call, self.url()))?;
        self.refused.fetch_or(status == StatusCode::UNAUTHORIZED, Ordering::Relaxed);
        self.understood(call, status, &body)
    }

    fn understood(&self, call: String, status: StatusCode, body: &[u8]) -> Result<Value, GrafanaError> {
        let url = self.url().to_owned();
        let read = match body.iter().all(u8::is_ascii_whitespace) {
            true => Some(Value::Null),
            false => serde_json::from_slice::<Value>(body).ok(),
        };
        let message = || {
            let said = read.as_ref().and_then(|body| body["message"].as_str());
            shortened(said.unwrap_or("no reason was given"))
        };
        match status {
            StatusCode::UNAUTHORIZED => Err(GrafanaError::Unauthorised { url }),
            StatusCode::FORBIDDEN => Err(GrafanaError::Forbidden { call, message: message() }),
            StatusCode::NOT_FOUND => match read {
                Some(_) => Err(GrafanaError::Missing { call, message: message() }),
                None => Err(GrafanaError::Stranger { call, url, status }),
            },
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
                Err(GrafanaError::Conflict { call, message: message() })
            }
            status if busy(status) => {
                Err(GrafanaError::Unreachable { call, url, reason: format!("it answered {status}") })
            }
            status if status.is_success() => read.ok_or(GrafanaError::Stranger { call, url, status }),
            status => Err(GrafanaError::Refused { message: message(), call, status }),
        }
    }
}

fn failed(fault: Fault, call: &str, url: &str) -> GrafanaError {
    let reason = match fault {
        Fault::File(path, reason) => return GrafanaError::File { path, reason },
        Fault::Unreachable(reason) => reason,
        Fault::Late => format!("no answer within {} s", DEADLINE.as_secs()),
        Fault::TooLarge => "the answer is too large".to_owned(),
    };
    GrafanaError::Unreachable { call: call.to_owned(), url: url.to_owned(), reason }
}
