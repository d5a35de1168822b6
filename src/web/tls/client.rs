//! Certificates of clients: who verifies them, and for whom they have to be.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
};

use crate::config::SubjectName;

/// Looks at clients' certificates.
pub(super) struct ClientVerifier {
    /// Verifies where they come from; any will do if `None`.
    authorities: Option<Arc<dyn ClientCertVerifier>>,
    /// For whom they have to be; for anybody if empty.
    names: Vec<SubjectName>,
    mandatory: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientVerifier {
    pub(super) fn new(
        authorities: Option<Arc<dyn ClientCertVerifier>>,
        names: Vec<SubjectName>,
        mandatory: bool,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        ClientVerifier { authorities, names, mandatory, provider }
    }

    fn is_for_one_of_us(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if self.names.is_empty() {
            return Ok(());
        }
        let malformed = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let certificate = webpki::EndEntityCert::try_from(certificate).map_err(malformed)?;
        let is_for = |name: &SubjectName| match name {
            SubjectName::Dns(name) => certificate.valid_dns_names().any(|other| other == name),
            SubjectName::Uri(uri) => certificate.valid_uri_names().any(|other| other == uri),
            SubjectName::Ip(ip) => {
                certificate.verify_is_valid_for_subject_name(&ServerName::IpAddress((*ip).into())).is_ok()
            }
        };
        match self.names.iter().any(is_for) {
            true => Ok(()),
            false => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }
}

impl fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientVerifier").field("names", &self.names).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authorities.as_ref().map_or(&[], |authorities| authorities.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(authorities) = &self.authorities {
            authorities.verify_client_cert(certificate, intermediates, now)?;
        }
        self.is_for_one_of_us(certificate).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
