//! TLS with a server, as its `sslmode` says it: whether at all, and what is looked at.
//!
//! Source: PostgreSQL's documentation, "SSL Session Encryption": the client asks by a message of
//! eight bytes and gets one byte back.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::config::SslMode;
use crate::probe::authorities;

/// The client's question.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A connection, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Reads the authorities, where some are needed; to be called where waiting for a disk does no
/// harm.
pub(super) fn client_config(mode: SslMode, ca_file: Option<&Path>) -> io::Result<Option<Arc<ClientConfig>>> {
    let provider = Arc::new(ring::default_provider());
    let trusted = || -> io::Result<Arc<WebPkiServerVerifier>> {
        let roots = Arc::new(authorities(ca_file)?);
        WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build().map_err(io::Error::other)
    };
    let verifier: Arc<dyn ServerCertVerifier> = match mode {
        SslMode::Disable => return Ok(None),
        SslMode::Prefer | SslMode::Require => Arc::new(Lenient { provider: provider.clone(), trusted: None }),
        SslMode::VerifyCa => Arc::new(Lenient { provider: provider.clone(), trusted: Some(trusted()?) }),
        SslMode::VerifyFull => trusted()?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        // What `require` and `verify-ca` mean: the traffic is encrypted, and who is at the other
        // end is not, or not fully, looked at.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Some(Arc::new(config)))
}

/// Speaks TLS over a new connection, if its mode wants that and the server can.
pub(super) async fn negotiate<S: Stream + 'static>(
    mut stream: S,
    mode: SslMode,
    config: Option<&Arc<ClientConfig>>,
    host: &str,
) -> io::Result<Box<dyn Stream>> {
    let Some(config) = config else { return Ok(Box::new(stream)) };
    stream.write_all(&SSL_REQUEST).await?;
    // One byte and no more: what follows a yes belongs to TLS.
    match stream.read_u8().await? {
        b'S' => {}
        b'N' if mode == SslMode::Prefer => return Ok(Box::new(stream)),
        b'N' => {
            return Err(io::Error::other(format!(
                "the server speaks no TLS, and `{}` wants it",
                mode.as_str()
            )));
        }
        _ => return Err(io::Error::other("that is no answer of a PostgreSQL server")),
    }
    let name = match ServerName::try_from(host.to_owned()) {
        Ok(name) => name,
        // Names of containers may be none of the net; where nobody looks at it, that does no harm.
        Err(_) if !mode.verifies() => ServerName::from(Ipv4Addr::UNSPECIFIED),
        Err(error) => return Err(io::Error::other(error)),
    };
    Ok(Box::new(TlsConnector::from(config.clone()).connect(name, stream).await?))
}

/// Looks at less than rustls does: at no certificate, or at all of it but the name.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    trusted: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        match trusted.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // The name is looked at last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
