//! TLS towards an engine at `tcp://`: both sides show certificates, and both are verified.
//!
//! The files are read for each new connection, so that renewed certificates count from then
//! on; connections are few, since they are kept.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::config::TlsFiles;

/// Why there is no connection, in words for the user.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error(
        "could not read `{}`: {source}; `--docker.cert-path` or `DOCKER_CERT_PATH` names the folder of `ca.pem`, `cert.pem` and `key.pem`",
        .file.display()
    )]
    Read { file: PathBuf, source: io::Error },
    #[error("`{}` holds no {what} in PEM format", .file.display())]
    Pem { file: PathBuf, what: &'static str },
    #[error("`{}` is there and `{}` is not; a certificate and its key belong together", .there.display(), .missing.display())]
    Half { there: PathBuf, missing: PathBuf },
    #[error("`{}` cannot be used ({reason})", .file.display())]
    Unusable { file: PathBuf, reason: rustls::Error },
    #[error("`{0}` is not the name of a host")]
    Name(String),
    #[error("{}", explained(.0))]
    Tls(rustls::Error),
}

/// Speaks TLS over a connection.
pub(super) async fn connect(
    stream: TcpStream,
    host: &str,
    files: &TlsFiles,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| io::Error::other(TlsError::Name(host.to_owned())))?;
    let config = client_config(files).await.map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn client_config(files: &TlsFiles) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca, &read(&files.ca).await?)? {
        let added = roots.add(certificate);
        added.map_err(|reason| TlsError::Unusable { file: files.ca.clone(), reason })?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Tls)?
        .with_root_certificates(roots);
    let absent = |error: &TlsError| matches!(error, TlsError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound);
    let half = |there: &Path, missing: &Path| {
        Err(TlsError::Half { there: there.to_owned(), missing: missing.to_owned() })
    };
    match (read(&files.certificate).await, read(&files.key).await) {
        // An engine may be content without; one that is not says so.
        (Err(certificate), Err(key)) if absent(&certificate) && absent(&key) => {
            Ok(builder.with_no_client_auth())
        }
        (Ok(_), Err(key)) if absent(&key) => half(&files.certificate, &files.key),
        (Err(certificate), Ok(_)) if absent(&certificate) => half(&files.key, &files.certificate),
        (certificate, key) => {
            let chain = certificates(&files.certificate, &certificate?)?;
            let key = PrivateKeyDer::from_pem_slice(&key?)
                .map_err(|_| TlsError::Pem { file: files.key.clone(), what: "private key" })?;
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|reason| TlsError::Unusable { file: files.certificate.clone(), reason })
        }
    }
}

async fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let path = file.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    let read = read.map_err(io::Error::other).flatten();
    read.map_err(|source| TlsError::Read { file: file.to_owned(), source })
}

fn certificates(file: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| TlsError::Pem { file: file.to_owned(), what: "certificate" })
}

/// What an error on a connection means, if TLS is behind it.
pub(super) fn explanation(error: &(dyn Error + 'static)) -> Option<String> {
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    match inner.downcast_ref::<rustls::Error>() {
        Some(error) => Some(explained(error)),
        None => inner.downcast_ref::<TlsError>().map(ToString::to_string),
    }
}

fn explained(error: &rustls::Error) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    match error {
        InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "the engine's certificate does not come from an authority in `ca.pem`".into()
        }
        InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the engine's certificate has expired, or the clock of this machine is wrong".into()
        }
        InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "the engine's certificate is not valid yet, or the clock of this machine is wrong".into()
        }
        InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => format!(
            "the engine's certificate is not for `{}` but for {}; ask for it under that name",
            expected.to_str(),
            presented.join(", ")
        ),
        InvalidMessage(_) => "what listens there does not speak TLS; the port of TLS is usually 2376, and \
                              without `DOCKER_TLS_VERIFY` and `--docker.tls-verify` none is spoken"
            .into(),
        AlertReceived(alert) => format!(
            "the engine ended TLS ({alert:?}); `cert.pem` has to come from an authority that the engine trusts"
        ),
        other => format!("TLS failed: {other}"),
    }
}

#[cfg(test)]
mod tests;
