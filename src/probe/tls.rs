//! TLS towards targets: certificates have to come from an authority of the system, or from
//! those of a file, and nothing else is ever accepted.
//!
//! The system's are found where OpenSSL looks, `SSL_CERT_FILE` and `SSL_CERT_DIR` included.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Reads the authorities; to be called where waiting for a disk does no harm.
pub(super) fn client_config(ca_file: Option<&Path>) -> io::Result<Arc<ClientConfig>> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(authorities(ca_file)?)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The authorities of a file (PEM), else the system's.
///
/// # Errors
/// There is none.
pub(crate) fn authorities(ca_file: Option<&Path>) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(file) => {
            let unusable = |what: String| io::Error::other(format!("`{}`: {what}", file.display()));
            let text = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
            let found: Result<Vec<CertificateDer<'static>>, _> =
                CertificateDer::pem_slice_iter(&text).collect();
            roots.add_parsable_certificates(found.unwrap_or_default());
            if roots.is_empty() {
                return Err(unusable("it holds no certificate in PEM format".into()));
            }
        }
        None => {
            let native = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(native.certs);
            if roots.is_empty() {
                let why = native.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
                return Err(io::Error::other(format!(
                    "the system has no certificates of authorities{why}; install them (`ca-certificates`), or name some by `ca_file`"
                )));
            }
        }
    }
    Ok(roots)
}
