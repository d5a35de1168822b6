//! The HTTP side of queries.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};

use super::Series;
use super::answer::{self, Answer};
use super::connection::{BODY_LIMIT, Connection, Fault, Question, busy, form_encoded, shortened};
use crate::config::Upstream;

/// A query over a day of many series takes a small Prometheus some seconds; its own limit is
/// two minutes.
const DEADLINE: Duration = Duration::from_secs(125);

/// What a Prometheus says that takes no wishes.
const NO_LIFECYCLE: &str = "Lifecycle API is not enabled";

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Nobody said where Prometheus is.
    #[error(
        "no Prometheus is named; `--prometheus.url=http://127.0.0.1:9090`, or `prometheus: {{url: …}}` in the configuration, does so"
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
    /// No connection, or it broke.
    #[error(
        "`{url}` could not be reached: {reason}; is Prometheus running there? `--prometheus.url` names it"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// It took too long.
    #[error("`{url}` did not answer a query in time; it is overloaded, or the period too long")]
    Late {
        /// The address.
        url: String,
    },
    /// It does not let us in.
    #[error(
        "`{url}` does not let us in ({status}); `--prometheus.username` with `--prometheus.password-file`, or `--prometheus.bearer-token-file`, give credentials"
    )]
    Forbidden {
        /// The address.
        url: String,
        /// Its answer.
        status: StatusCode,
    },
    /// What answers is something else.
    #[error(
        "what answers at `{url}` is no Prometheus ({status}); the address is that of its page, without `/api`"
    )]
    Stranger {
        /// The address.
        url: String,
        /// Its answer.
        status: StatusCode,
    },
    /// It refused the query.
    #[error("`{url}` refused the query `{query}`: {message}")]
    Refused {
        /// The address.
        url: String,
        /// The query.
        query: String,
        /// Its words.
        message: String,
    },
    /// The query touches more than it allows, or its answer is larger than is read here.
    #[error(
        "the query `{query}` is too much for `{url}`: {message}; a shorter period, or a higher `--query.max-samples` there, would help"
    )]
    TooMuch {
        /// The address.
        url: String,
        /// The query.
        query: String,
        /// What the limit is.
        message: String,
    },
}

impl QueryError {
    /// Whether the same question about less might be answered.
    pub fn is_too_much(&self) -> bool {
        matches!(self, QueryError::TooMuch { .. })
    }

    fn of(fault: Fault, url: String, query: &str) -> QueryError {
        match fault {
            Fault::File(path, reason) => QueryError::File { path, reason },
            Fault::Unreachable(reason) => QueryError::Unreachable { url, reason },
            Fault::Late => QueryError::Late { url },
            Fault::TooLarge => QueryError::TooMuch {
                url,
                query: query.to_owned(),
                message: format!("the answer is larger than {BODY_LIMIT} bytes"),
            },
        }
    }

    fn may_pass(&self) -> bool {
        matches!(self, QueryError::Unreachable { .. } | QueryError::Late { .. })
    }
}

/// Why a Prometheus has not read its files again.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It was started without taking such a wish.
    #[error("`{url}` takes no wish for a reload; start it with `--web.enable-lifecycle`, or send it SIGHUP")]
    NotTaken {
        /// The address.
        url: String,
    },
    /// Something in its files is wrong; the old ones stay in force.
    #[error("`{url}` refuses its files, and the old ones stay in force: {message}")]
    Refused {
        /// The address.
        url: String,
        /// Its words.
        message: String,
    },
    /// It does not answer, or not as a Prometheus does.
    #[error(transparent)]
    Silent(#[from] QueryError),
}

/// A Prometheus.
#[derive(Clone, Debug)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// Reads the files that the configuration names; nothing is asked yet.
    ///
    /// # Errors
    /// No address is configured, or a file cannot be read.
    pub fn new(config: &Upstream) -> Result<Client, QueryError> {
        let url = config.url.clone().ok_or(QueryError::Unnamed)?;
        let connection =
            Connection::new(config, url.clone(), DEADLINE).map_err(|fault| QueryError::of(fault, url, ""))?;
        Ok(Client { connection })
    }

    /// The same for somebody who will not wait: asks once, and no longer than `deadline`.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Client {
        Client { connection: self.connection.within(deadline) }
    }

    /// The address that is asked.
    pub fn url(&self) -> &str {
        self.connection.url()
    }

    /// The answer to a query at one moment. A selector of a range (`metric[1h]`) gives all raw
    /// samples in it.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn at(&self, query: &str, time: f64) -> Result<Vec<Series>, QueryError> {
        self.ask("query", query, &[("time", seconds(time))]).await
    }

    /// The answer to a query at `start`, and every `step` until `end`; at most
    /// [`super::MAX_POINTS`] steps.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn range(
        &self,
        query: &str,
        start: f64,
        end: f64,
        step: f64,
    ) -> Result<Vec<Series>, QueryError> {
        let parameters = [("start", seconds(start)), ("end", seconds(end)), ("step", seconds(step))];
        self.ask("query_range", query, &parameters).await
    }

    /// Has it read its configuration and rules again, which only one does that was started with
    /// `--web.enable-lifecycle`.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub async fn reload(&self) -> Result<(), ReloadError> {
        let question = Question {
            method: Method::POST,
            path: "/-/reload".to_owned(),
            content_type: "",
            body: Bytes::new(),
        };
        let url = self.url().to_owned();
        let answered = self.connection.ask(question).await;
        let (status, body) = answered.map_err(|fault| QueryError::of(fault, url.clone(), ""))?;
        let words = shortened(String::from_utf8_lossy(&body).trim());
        Err(match status {
            _ if status.is_success() => return Ok(()),
            StatusCode::FORBIDDEN if words.contains(NO_LIFECYCLE) => ReloadError::NotTaken { url },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => QueryError::Forbidden { url, status }.into(),
            StatusCode::INTERNAL_SERVER_ERROR => ReloadError::Refused { url, message: words },
            _ if busy(status) => {
                QueryError::Unreachable { url, reason: format!("it answered {status}") }.into()
            }
            _ => QueryError::Stranger { url, status }.into(),
        })
    }

    async fn ask(
        &self,
        endpoint: &str,
        query: &str,
        parameters: &[(&str, String)],
    ) -> Result<Vec<Series>, QueryError> {
        let mut form = format!("query={}", form_encoded(query));
        for (name, value) in parameters {
            form.push_str(&format!("&{name}={}", form_encoded(value)));
        }
        let question = Question {
            method: Method::POST,
            path: format!("/api/v1/{endpoint}"),
            content_type: "application/x-www-form-urlencoded",
            body: Bytes::from(form),
        };
        let ask = || self.ask_once(query, question.clone());
        self.connection.patiently(ask, QueryError::may_pass).await
    }

    async fn ask_once(&self, query: &str, question: Question) -> Result<Vec<Series>, QueryError> {
        let answered = self.connection.ask(question).await;
        let (status, body) = answered.map_err(|fault| QueryError::of(fault, self.url().to_owned(), query))?;
        self.understood(query, status, &body)
    }

    fn understood(&self, query: &str, status: StatusCode, body: &[u8]) -> Result<Vec<Series>, QueryError> {
        let url = self.url().to_owned();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(QueryError::Forbidden { url, status });
        }
        match answer::read(body) {
            Some(Answer::Series(series)) if status.is_success() => Ok(series),
            Some(Answer::Refused(message)) => {
                let message = shortened(&message);
                if message.contains("too many samples") || message.contains("maximum resolution") {
                    return Err(self.too_much(query, &message));
                }
                if message.contains("timed out") {
                    return Err(QueryError::Late { url });
                }
                if busy(status) {
                    return Err(QueryError::Unreachable { url, reason: message });
                }
                Err(QueryError::Refused { url, query: query.to_owned(), message })
            }
            _ if busy(status) => {
                Err(QueryError::Unreachable { url, reason: format!("it answered {status}") })
            }
            _ => Err(QueryError::Stranger { url, status }),
        }
    }

    fn too_much(&self, query: &str, message: &str) -> QueryError {
        QueryError::TooMuch {
            url: self.url().to_owned(),
            query: query.to_owned(),
            message: message.to_owned(),
        }
    }
}

/// A time or a step with milliseconds, which is what Prometheus stores.
fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}
