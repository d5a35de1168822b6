//! The HTTP side of a question: connections, TLS, credentials, deadlines, and patience with a
//! server that is busy. What is asked, and what an answer means, is known by the clients.

use std::fs;
use std::future::Future;
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

use crate::config::Upstream;

/// What is larger is asked for in smaller parts.
pub(crate) const BODY_LIMIT: usize = 64 << 20;

/// Pauses before a server that is away or busy is asked again.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// The most that is repeated of a server's words.
const MESSAGE_CHARS: usize = 300;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A file of credentials or certificates is of no use.
    File(PathBuf, String),
    /// No connection, or it broke.
    Unreachable(String),
    /// The deadline is over.
    Late,
    /// The answer is larger than [`BODY_LIMIT`].
    TooLarge,
}

/// The way to one server.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    authorization: Option<HeaderValue>,
    deadline: Duration,
    patient: bool,
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) method: Method,
    /// What stands behind the server's address, `/` first.
    pub(crate) path: String,
    /// The type of the body; empty without one.
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl Connection {
    /// Reads the files that the configuration names; nothing is asked yet. `url` is its address,
    /// and an answer that takes longer than `deadline` does not come.
    pub(crate) fn new(config: &Upstream, url: String, deadline: Duration) -> Result<Connection, Fault> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(config.ca_file.as_deref(), &url)?)
            .https_or_http()
            .enable_http1()
            .build();
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Ok(Connection { http, url, authorization: authorization(config)?, deadline, patient: true })
    }

    /// The same for somebody who will not wait: asks once, and no longer than `deadline`.
    pub(crate) fn within(self, deadline: Duration) -> Connection {
        Connection { deadline, patient: false, ..self }
    }

    /// The address that is asked.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks once: status and body of whatever is answered.
    pub(crate) async fn ask(&self, question: Question) -> Result<(StatusCode, Bytes), Fault> {
        self.ask_with(question, &[]).await
    }

    /// The same with further headers.
    pub(crate) async fn ask_with(
        &self,
        question: Question,
        headers: &[(&'static str, &'static str)],
    ) -> Result<(StatusCode, Bytes), Fault> {
        let Question { method, path, content_type, body } = question;
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !content_type.is_empty() {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body)).map_err(|error| Fault::Unreachable(error.to_string()))?;
        let answered = timeout(self.deadline, async {
            let response = self.http.request(request).await;
            let response = response.map_err(|error| Fault::Unreachable(innermost(&error)))?;
            let status = response.status();
            match Limited::new(response.into_body(), BODY_LIMIT).collect().await {
                Ok(body) => Ok((status, body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => Err(Fault::TooLarge),
                Err(error) => Err(Fault::Unreachable(innermost(error.as_ref()))),
            }
        });
        answered.await.map_err(|_| Fault::Late)?
    }

    /// Asks until something else comes than an error that may pass, or patience is over.
    pub(crate) async fn patiently<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        ask: impl Fn() -> F,
        may_pass: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        for pause in PAUSES.iter().filter(|_| self.patient) {
            match ask().await {
                Err(error) if may_pass(&error) => tokio::time::sleep(*pause).await,
                answer => return answer,
            }
        }
        ask().await
    }
}

/// Whether a server, or a proxy before it, may answer otherwise a little later.
pub(crate) fn busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// What is repeated of a server's words.
pub(crate) fn shortened(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS).collect()
}

fn authorization(config: &Upstream) -> Result<Option<HeaderValue>, Fault> {
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
fn secret(path: &Path) -> Result<String, Fault> {
    let text = fs::read_to_string(path).map_err(|error| unusable(path, error.to_string()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn unusable(path: &Path, reason: String) -> Fault {
    Fault::File(path.to_owned(), reason)
}

/// TLS with the named authorities, else those of the system.
fn tls(ca_file: Option<&Path>, url: &str) -> Result<ClientConfig, Fault> {
    let unreachable = |reason: String| Fault::Unreachable(reason);
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

pub(crate) fn form_encoded(text: &str) -> String {
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
