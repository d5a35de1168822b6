//! The HTTP side of queries.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Series;
use super::answer::{self, Answer};
use crate::config::Prometheus;

/// A query over a day of many series takes a small Prometheus some seconds; its own limit is
/// two minutes.
const DEADLINE: Duration = Duration::from_secs(125);

/// What is larger is asked for in smaller parts.
const BODY_LIMIT: usize = 64 << 20;

/// Pauses before a server that is away or busy is asked again.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// The most that is repeated of a server's words.
const MESSAGE_CHARS: usize = 300;

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
    #[error("`{url}` did not answer a query within {} s; it is overloaded, or the period too long", DEADLINE.as_secs())]
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

    fn may_pass(&self) -> bool {
        matches!(self, QueryError::Unreachable { .. } | QueryError::Late { .. })
    }
}

/// A Prometheus.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// Reads the files that the configuration names; nothing is asked yet.
    ///
    /// # Errors
    /// No address is configured, or a file cannot be read.
    pub fn new(config: &Prometheus) -> Result<Client, QueryError> {
        let url = config.url.clone().ok_or(QueryError::Unnamed)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(config.ca_file.as_deref(), &url)?)
            .https_or_http()
            .enable_http1()
            .build();
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Ok(Client { http, url, authorization: authorization(config)? })
    }

    /// The address that is asked.
    pub fn url(&self) -> &str {
        &self.url
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
        let form = Bytes::from(form);
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.ask_once(endpoint, query, form.clone()).await {
                Err(error) if error.may_pass() => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
                answer => return answer,
            }
        }
    }

    async fn ask_once(&self, endpoint: &str, query: &str, form: Bytes) -> Result<Vec<Series>, QueryError> {
        let unreachable = |reason: String| QueryError::Unreachable { url: self.url.clone(), reason };
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/api/v1/{endpoint}", self.url))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(form)).map_err(|error| unreachable(error.to_string()))?;
        let answered = timeout(DEADLINE, async {
            let response =
                self.http.request(request).await.map_err(|error| unreachable(innermost(&error)))?;
            let status = response.status();
            match Limited::new(response.into_body(), BODY_LIMIT).collect().await {
                Ok(body) => Ok((status, body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => {
                    Err(self.too_much(query, &format!("the answer is larger than {BODY_LIMIT} bytes")))
                }
                Err(error) => Err(unreachable(innermost(error.as_ref()))),
            }
        });
        let (status, body) = answered.await.map_err(|_| QueryError::Late { url: self.url.clone() })??;
        self.understood(query, status, &body)
    }

    fn understood(&self, query: &str, status: StatusCode, body: &[u8]) -> Result<Vec<Series>, QueryError> {
        let url = self.url.clone();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(QueryError::Forbidden { url, status });
        }
        match answer::read(body) {
            Some(Answer::Series(series)) if status.is_success() => Ok(series),
            Some(Answer::Refused(message)) => {
                let message: String = message.chars().take(MESSAGE_CHARS).collect();
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
        QueryError::TooMuch { url: self.url.clone(), query: query.to_owned(), message: message.to_owned() }
    }
}

/// Whether a server, or a proxy before it, may answer otherwise a little later.
fn busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn authorization(config: &Prometheus) -> Result<Option<HeaderValue>, QueryError> {
    let (file, text) = match (&config.password_file, &config.bearer_token_file) {
        (Some(file), _) => {
            (file, format!("Basic {}", base64(format!("{}:{}", config.username, secret(file)?).as_bytes())))
        }
        (None, Some(file)) => (file, format!("Bearer {}", secret(file)?)),
        (None, None) => return Ok(None),
    };
    let mut header = HeaderValue::try_from(text)
        .map_err(|_| unusable(file, "what it holds cannot be sent: it is more than one line".to_owned()))?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// The text of a file without the line end that editors add.
fn secret(path: &Path) -> Result<String, QueryError> {
    let text = fs::read_to_string(path).map_err(|error| unusable(path, error.to_string()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn unusable(path: &Path, reason: String) -> QueryError {
    QueryError::File { path: path.to_owned(), reason }
}

/// TLS with the named authorities, else those of the system.
fn tls(ca_file: Option<&Path>, url: &str) -> Result<ClientConfig, QueryError> {
    let unreachable = |reason: String| QueryError::Unreachable { url: url.to_owned(), reason };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unreachable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        let pem = fs::read(path).map_err(|error| unusable(path, error.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let added = certificate.map_err(|error| error.to_string());
            let added = added.and_then(|one| roots.add(one).map_err(|error| error.to_string()));
            added.map_err(|reason| unusable(path, reason))?;
        }
        if roots.is_empty() {
            return Err(unusable(path, "it holds no certificate in PEM format".to_owned()));
        }
    } else if url.starts_with("https://") {
        let builder =
            builder.with_native_roots().map_err(|error: io::Error| unreachable(error.to_string()))?;
        return Ok(builder.with_no_client_auth());
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The innermost error is the system's own; those around it only say "client error".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// A time or a step with milliseconds, which is what Prometheus stores.
fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}

fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Base64 with padding (RFC 4648), for the one header that wants it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0_u32, |word, (index, byte)| word | u32::from(*byte) << (16 - 8 * index));
        let digit = |index: usize| match index <= chunk.len() {
            true => char::from(DIGITS[(word >> (18 - 6 * index)) as usize & 63]),
            false => '=',
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }
}
