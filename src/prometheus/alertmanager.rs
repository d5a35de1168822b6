//! Asks an Alertmanager over its API v2: what fires, how it is grouped, which silences there
//! are; sends it alerts, and makes and ends silences. Source: Alertmanager's
//! `api/v2/openapi.yaml`.
//!
//! What it does not say is empty: older ones know fewer fields, newer ones more.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Labels;
use super::connection::{BODY_LIMIT, Connection, Fault, Question, busy, form_encoded, shortened};
use crate::config::Upstream;

/// It answers from memory; what takes longer is stuck.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why an Alertmanager did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum AlertmanagerError {
    /// Nobody said where it is.
    #[error(
        "no Alertmanager is named; `--alertmanager.url=http://127.0.0.1:9093`, or `alertmanager: {{url: …}}` in the configuration, does so"
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
        "`{url}` could not be reached: {reason}; is Alertmanager running there? `--alertmanager.url` names it"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// It took too long.
    #[error("`{url}` did not answer in time; it is overloaded, or stuck")]
    Late {
        /// The address.
        url: String,
    },
    /// It does not let us in.
    #[error(
        "`{url}` does not let us in ({status}); `--alertmanager.username` with `--alertmanager.password-file`, or `--alertmanager.bearer-token-file`, give credentials"
    )]
    Forbidden {
        /// The address.
        url: String,
        /// Its answer.
        status: StatusCode,
    },
    /// What answers is something else.
    #[error(
        "what answers at `{url}` is no Alertmanager with the API v2 ({status}); the address is that of its page, without `/api`"
    )]
    Stranger {
        /// The address.
        url: String,
        /// Its answer.
        status: StatusCode,
    },
    /// It refused what it was sent.
    #[error("`{url}` refused what it was sent: {message}")]
    Refused {
        /// The address.
        url: String,
        /// Its words.
        message: String,
    },
    /// Its answer is larger than is read here.
    #[error("the answer of `{url}` is larger than {BODY_LIMIT} bytes")]
    TooMuch {
        /// The address.
        url: String,
    },
}

impl AlertmanagerError {
    fn of(fault: Fault, url: String) -> AlertmanagerError {
        match fault {
            Fault::File(path, reason) => AlertmanagerError::File { path, reason },
            Fault::Unreachable(reason) => AlertmanagerError::Unreachable { url, reason },
            Fault::Late => AlertmanagerError::Late { url },
            Fault::TooLarge => AlertmanagerError::TooMuch { url },
        }
    }

    fn may_pass(&self) -> bool {
        matches!(self, AlertmanagerError::Unreachable { .. } | AlertmanagerError::Late { .. })
    }
}

/// An alert that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What it is told apart by; its name is `alertname`.
    #[serde(default)]
    pub labels: Labels,
    /// What it says.
    #[serde(default)]
    pub annotations: Labels,
    /// Since when it fires.
    #[serde(deserialize_with = "timestamp")]
    pub starts_at: Timestamp,
    /// When it ends if nobody says again that it fires.
    #[serde(default, deserialize_with = "some_timestamp")]
    pub ends_at: Option<Timestamp>,
    /// When somebody last said that it fires.
    #[serde(default, deserialize_with = "some_timestamp")]
    pub updated_at: Option<Timestamp>,
    /// The same for the same labels.
    #[serde(default)]
    pub fingerprint: String,
    /// The rule's page; empty if who sent it named none.
    #[serde(default, rename = "generatorURL")]
    pub generator_url: String,
    /// Who is told.
    #[serde(default)]
    pub receivers: Vec<Receiver>,
    /// Whether and why it is held back.
    pub status: AlertStatus,
}

/// Who is told of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Receiver {
    /// Its name in Alertmanager's configuration.
    pub name: String,
}

/// Whether an alert is held back, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatus {
    /// Whether.
    pub state: AlertState,
    /// Ids of silences.
    #[serde(default)]
    pub silenced_by: Vec<String>,
    /// Fingerprints of other alerts.
    #[serde(default)]
    pub inhibited_by: Vec<String>,
    /// Names of time intervals; Alertmanager tells them since 0.28.
    #[serde(default)]
    pub muted_by: Vec<String>,
}

/// Where an alert is on its way to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Somebody is told.
    Active,
    /// Held back by a silence, another alert or the time of day.
    Suppressed,
    /// Not looked at yet.
    Unprocessed,
}

impl AlertState {
    /// Every state, in the order of urgency.
    pub const ALL: [AlertState; 3] = [AlertState::Active, AlertState::Suppressed, AlertState::Unprocessed];

    /// Alertmanager's word.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Active => "active",
            AlertState::Suppressed => "suppressed",
            AlertState::Unprocessed => "unprocessed",
        }
    }
}

/// Alerts that somebody is told of together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Group {
    /// What they have in common.
    #[serde(default)]
    pub labels: Labels,
    /// Who is told.
    pub receiver: Receiver,
    /// The alerts.
    pub alerts: Vec<Alert>,
}

/// A silence, over or not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// Which alerts it is for: those that fit all of these.
    pub matchers: Vec<Matcher>,
    /// Who made it.
    #[serde(default)]
    pub created_by: String,
    /// What for.
    #[serde(default)]
    pub comment: String,
    /// When it begins.
    #[serde(deserialize_with = "timestamp")]
    pub starts_at: Timestamp,
    /// When it ends.
    #[serde(deserialize_with = "timestamp")]
    pub ends_at: Timestamp,
    /// Whether it is in force.
    pub status: SilenceStatus,
}

impl Silence {
    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.status.state == "expired"
    }
}

/// Whether a silence is in force.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SilenceStatus {
    /// `active`, `pending` or `expired`.
    pub state: String,
}

/// One condition on labels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// Its value, or a regular expression for it.
    pub value: String,
    /// Whether it is one.
    pub is_regex: bool,
    /// Whether it has to fit, rather than not to.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

impl Matcher {
    /// That a label has this value.
    pub fn equal(name: &str, value: &str) -> Matcher {
        Matcher { name: name.to_owned(), value: value.to_owned(), is_regex: false, is_equal: true }
    }
}

/// A silence to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSilence {
    /// Which alerts it is for: those that fit all of these.
    pub matchers: Vec<Matcher>,
    /// When it begins.
    #[serde(serialize_with = "rfc3339")]
    pub starts_at: Timestamp,
    /// When it ends.
    #[serde(serialize_with = "rfc3339")]
    pub ends_at: Timestamp,
    /// Who makes it.
    pub created_by: String,
    /// What for.
    pub comment: String,
}

/// An alert to be sent. One with the labels of another is the same alert, told again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAlert {
    /// What it is told apart by; its name is `alertname`.
    pub labels: Labels,
    /// What it says.
    pub annotations: Labels,
    /// Since when it fires; now, if nobody says.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_rfc3339")]
    pub starts_at: Option<Timestamp>,
    /// When it ends; Alertmanager's `resolve_timeout` from now, if nobody says.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_rfc3339")]
    pub ends_at: Option<Timestamp>,
    /// A page that says more; none if empty.
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
}

/// An Alertmanager.
#[derive(Clone, Debug)]
pub struct Alertmanager {
    connection: Connection,
}

impl Alertmanager {
    /// Reads the files that the configuration names; nothing is asked yet.
    ///
    /// # Errors
    /// No address is configured, or a file cannot be read.
    pub fn new(config: &Upstream) -> Result<Alertmanager, AlertmanagerError> {
        let url = config.url.clone().ok_or(AlertmanagerError::Unnamed)?;
        let connection = Connection::new(config, url.clone(), DEADLINE)
            .map_err(|fault| AlertmanagerError::of(fault, url))?;
        Ok(Alertmanager { connection })
    }

    /// The same for somebody who will not wait: asks once, and no longer than `deadline`.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Alertmanager {
        Alertmanager { connection: self.connection.within(deadline) }
    }

    /// The address that is asked.
    pub fn url(&self) -> &str {
        self.connection.url()
    }

    /// Alerts that have not ended and fit all matchers, such as `team="core"`, held back or not.
    ///
    /// # Errors
    /// See [`AlertmanagerError`].
    pub async fn alerts(&self, matchers: &[String]) -> Result<Vec<Alert>, AlertmanagerError> {
        self.read(&format!("/api/v2/alerts{}", filter(matchers))).await
    }

    /// The same, as somebody is told of them.
    ///
    /// # Errors
    /// See [`AlertmanagerError`].
    pub async fn groups(&self, matchers: &[String]) -> Result<Vec<Group>, AlertmanagerError> {
        self.read(&format!("/api/v2/alerts/groups{}", filter(matchers))).await
    }

    /// Silences with all of these matchers, those that are over for a while too.
    ///
    /// # Errors
    /// See [`AlertmanagerError`].
    pub async fn silences(&self, matchers: &[String]) -> Result<Vec<Silence>, AlertmanagerError> {
        self.read(&format!("/api/v2/silences{}", filter(matchers))).await
    }

    /// Sends alerts. Doing so twice is as doing it once.
    ///
    /// # Errors
    /// See [`AlertmanagerError`].
    pub async fn post(&self, alerts: &[NewAlert]) -> Result<(), AlertmanagerError> {
        let question = self.sending("/api/v2/alerts", alerts)?;
        self.ask(question).await.map(drop)
    }

    /// Makes a silence; its id. Asked once only, since asking twice would make two.
    ///
    /// # Errors
    /// See [`AlertmanagerError`].
    pub async fn silence(&self, silence: &NewSilence) -> Result<String, AlertmanagerError> {
        #[derive(Deserialize)]
        struct Made {
            #[serde(rename = "silenceID")]
            id: String,
        }
        let question = self.sending("/api/v2/silences", silence)?;
        let (status, body) = self.ask_once(question).await?;
        let stranger = |_| AlertmanagerError::Stranger { url: self.url().to_owned(), status };
        serde_json::from_slice::<Made>(&body).map(|made| made.id).map_err(stranger)
    }

    /// Ends a silence that is not over.
    ///
    /// # Errors
    /// See [`AlertmanagerError`].
    pub async fn expire(&self, id: &str) -> Result<(), AlertmanagerError> {
        let path = format!("/api/v2/silence/{}", form_encoded(id));
        let question = Question { method: Method::DELETE, ..self.question(&path) };
        self.ask_once(question).await.map(drop)
    }

    /// Whether it is there and ready.
    ///
    /// # Errors
    /// See [`AlertmanagerError`].
    pub async fn ready(&self) -> Result<(), AlertmanagerError> {
        self.ask(self.question("/-/ready")).await.map(drop)
    }

    fn question(&self, path: &str) -> Question {
        Question { method: Method::GET, path: path.to_owned(), content_type: "", body: Bytes::new() }
    }

    fn sending<T: Serialize + ?Sized>(&self, path: &str, what: &T) -> Result<Question, AlertmanagerError> {
        let refused = |message: String| AlertmanagerError::Refused { url: self.url().to_owned(), message };
        let body = serde_json::to_vec(what).map_err(|error| refused(error.to_string()))?;
        Ok(Question {
            method: Method::POST,
            path: path.to_owned(),
            content_type: "application/json",
            body: body.into(),
        })
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, AlertmanagerError> {
        let (status, body) = self.ask(self.question(path)).await?;
        let stranger = |_| AlertmanagerError::Stranger { url: self.url().to_owned(), status };
        serde_json::from_slice(&body).map_err(stranger)
    }

    async fn ask(&self, question: Question) -> Result<(StatusCode, Bytes), AlertmanagerError> {
        let ask = || self.ask_once(question.clone());
        self.connection.patiently(ask, AlertmanagerError::may_pass).await
    }

    async fn ask_once(&self, question: Question) -> Result<(StatusCode, Bytes), AlertmanagerError> {
        let answered = self.connection.ask(question).await;
        let url = self.url().to_owned();
        let (status, body) = match answered {
            Ok(answered) => answered,
            Err(fault) => return Err(AlertmanagerError::of(fault, url)),
        };
        match status {
            _ if status.is_success() => Ok((status, body)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(AlertmanagerError::Forbidden { url, status })
            }
            _ if busy(status) => {
                Err(AlertmanagerError::Unreachable { url, reason: format!("it answered {status}") })
            }
            StatusCode::BAD_REQUEST
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::INTERNAL_SERVER_ERROR => {
                Err(AlertmanagerError::Refused { url, message: words(&body) })
            }
            _ => Err(AlertmanagerError::Stranger { url, status }),
        }
    }
}

/// What a refusal says: a text, or an object with a message.
fn words(body: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Text(String),
        Object { message: String },
    }
    match serde_json::from_slice(body) {
        Ok(Words::Text(message) | Words::Object { message }) => shortened(&message),
        Err(_) => shortened(&String::from_utf8_lossy(body)),
    }
}

fn filter(matchers: &[String]) -> String {
    let mut text = String::new();
    for matcher in matchers {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str("filter=");
        text.push_str(&form_encoded(matcher));
    }
    text
}

fn yes() -> bool {
    true
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

fn some_timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    timestamp(deserializer).map(Some)
}

fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn some_rfc3339<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
