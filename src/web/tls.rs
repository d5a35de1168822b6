//! TLS towards clients: from the web configuration file to what rustls wants.
//!
//! Certificates are read here, once each time that the file is read. A client on this machine
//! gets in without the certificate that others must show, so that it can be probed; what it may
//! then ask for is decided with its requests.

mod client;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ServerConnection, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    self, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version,
};

use crate::config::{ClientAuth, ConfigError, Curve, Pem, PemText, TlsServer, TlsVersion};
use client::ClientVerifier;

/// The name of HTTP/2 in the handshake.
pub(super) const ALPN_H2: &[u8] = b"h2";

/// The name of HTTP/1.1 in the handshake.
const ALPN_HTTP11: &[u8] = b"http/1.1";

/// A chain of certificates is some kilobytes; a bundle of authorities some hundred.
const MAX_PEM_BYTES: u64 = 1 << 20;

/// TLS, ready to be spoken.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    /// The same for a client on this machine, which need not show a certificate.
    local: Arc<ServerConfig>,
    client_auth: ClientAuth,
}

/// What a client has shown in the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shown {
    /// No certificate.
    #[default]
    Nothing,
    /// A certificate that nobody has verified.
    Unverified,
    /// A certificate from an authority of ours.
    Verified,
}

impl Tls {
    /// Reads the certificates; `http2` says whether HTTP/2 is offered.
    pub(super) fn new(server: &TlsServer, http2: bool) -> Result<Self, ConfigError> {
        let config = Arc::new(server_config(server, http2, server.client_auth.requires())?);
        let local = match server.client_auth.requires() {
            true => Arc::new(server_config(server, http2, false)?),
            false => config.clone(),
        };
        Ok(Tls { config, local, client_auth: server.client_auth })
    }

    /// What a client is met with.
    pub(super) fn config(&self, on_this_machine: bool) -> Arc<ServerConfig> {
        if on_this_machine { self.local.clone() } else { self.config.clone() }
    }

    /// What everybody has to have shown.
    pub(super) fn demands(&self) -> Shown {
        match self.client_auth {
            ClientAuth::RequireAndVerifyClientCert => Shown::Verified,
            ClientAuth::RequireAnyClientCert => Shown::Unverified,
            _ => Shown::Nothing,
        }
    }

    /// What a client has shown.
    pub(super) fn shown(&self, connection: &ServerConnection) -> Shown {
        match connection.peer_certificates() {
            Some([_, ..]) if self.client_auth.verifies() => Shown::Verified,
            Some([_, ..]) => Shown::Unverified,
            _ => Shown::Nothing,
        }
    }
}

fn server_config(server: &TlsServer, http2: bool, mandatory: bool) -> Result<ServerConfig, ConfigError> {
    let refuse = |error: rustls::Error| {
        let key = &server.key;
        key.origin.refuse(match error {
            rustls::Error::InconsistentKeys(_) => {
                format!("{} is not the key of {}", described(key), described(&server.certificate))
            }
            error => {
                format!("{} and {} cannot be used: {error}", described(&server.certificate), described(key))
            }
        })
    };
    let provider = Arc::new(provider(server));
    let chain = certificates(&server.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&server.key)?).map_err(|_| {
        server.key.origin.refuse(format!("{} holds no private key in PEM format", described(&server.key)))
    })?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(server))
        .map_err(|error| {
            server
                .certificate
                .origin
                .refuse(format!("these versions and cipher suites do not go together: {error}"))
        })?;
    let builder = match server.client_auth {
        ClientAuth::NoClientCert => builder.with_no_client_auth(),
        _ => {
            let authorities = server.client_ca.as_ref().map(|ca| verifier(ca, &provider)).transpose()?;
            let names = server.client_allowed_sans.clone();
            builder.with_client_cert_verifier(Arc::new(ClientVerifier::new(
                authorities,
                names,
                mandatory,
                provider,
            )))
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(refuse)?;
    config.ignore_client_order = server.prefer_server_cipher_suites;
    config.alpn_protocols = match http2 {
        true => vec![ALPN_H2.to_vec(), ALPN_HTTP11.to_vec()],
        false => vec![ALPN_HTTP11.to_vec()],
    };
    Ok(config)
}

/// Verifies clients' certificates against their authorities.
fn verifier(
    ca: &Pem,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, ConfigError> {
    let mut roots = RootCertStore::empty();
    let unusable = |error: &dyn std::fmt::Display| {
        ca.origin.refuse(format!("{} cannot be used: {error}", described(ca)))
    };
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    built.map_err(|error| unusable(&error))
}

/// The provider with no more than the cipher suites and curves that are wanted.
fn provider(server: &TlsServer) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !server.cipher_suites.is_empty() {
        let named: Vec<SupportedCipherSuite> =
            server.cipher_suites.iter().filter_map(|name| cipher_suite(name)).collect();
        // As in Go, those of TLS 1.3 stay where the list speaks of TLS 1.2 only.
        let speaks_of_13 = named.iter().any(|suite| suite.tls13().is_some());
        let rest =
            provider.cipher_suites.iter().copied().filter(|suite| suite.tls13().is_some() && !speaks_of_13);
        provider.cipher_suites = rest.chain(named).collect();
    }
    if !server.curves.is_empty() {
        provider.kx_groups = server
            .curves
            .iter()
            .map(|curve| match curve {
                Curve::P256 => ring::kx_group::SECP256R1,
                Curve::P384 => ring::kx_group::SECP384R1,
                Curve::X25519 => ring::kx_group::X25519,
            })
            .collect();
    }
    provider
}

/// A cipher suite by Go's name, which differs from rustls's in TLS 1.3.
fn cipher_suite(name: &str) -> Option<SupportedCipherSuite> {
    let same = |suite: &SupportedCipherSuite| {
        let rustls_name = format!("{:?}", suite.suite());
        rustls_name == name || rustls_name.strip_prefix("TLS13_") == name.strip_prefix("TLS_")
    };
    ring::ALL_CIPHER_SUITES.iter().copied().find(same)
}

fn versions(server: &TlsServer) -> Vec<&'static SupportedProtocolVersion> {
    let known = [(TlsVersion::Tls13, &version::TLS13), (TlsVersion::Tls12, &version::TLS12)];
    let wanted = server.min_version..=server.max_version;
    known.into_iter().filter(|(version, _)| wanted.contains(version)).map(|(_, known)| known).collect()
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let text = read(pem)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| pem.origin.refuse(format!("{} holds no certificate in PEM format", described(pem))))
}

fn read(pem: &Pem) -> Result<Vec<u8>, ConfigError> {
    let path = match &pem.text {
        PemText::File(path) => path,
        PemText::Inline(text) => return Ok(text.clone().into_bytes()),
    };
    let read = |path: &Path| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_PEM_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read(path).map_err(|error| pem.origin.refuse(format!("could not read {}: {error}", described(pem))))
}

/// A thing in PEM format, as an error names it.
fn described(pem: &Pem) -> String {
    match &pem.text {
        PemText::File(path) => format!("`{}` of `{}`", path.display(), pem.name),
        PemText::Inline(_) => format!("the text of `{}`", pem.name),
    }
}
