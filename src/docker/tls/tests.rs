//! Connections to a small engine behind TLS: what is verified, and what is said of each mistake.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::config::Endpoint;
use crate::docker::client::{CallError, Client};
use crate::docker::fake;
use crate::docker::socket::Connector;

/// An authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name, for servers and clients.
    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// What the server side needs: its certificate, and the authority of its clients.
fn server(signed: &Signed, clients: &Authority) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(clients.0.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let chain = vec![CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    let builder = builder.unwrap().with_client_cert_verifier(verifier.build().unwrap());
    builder.with_single_cert(chain, key).unwrap()
}

/// A folder with the three files.
struct Certificates(TempDir);

impl Certificates {
    fn new(authority: &Authority, client: &Signed) -> Self {
        let folder = Certificates(tempfile::tempdir().unwrap());
        folder.write("ca.pem", &authority.0.pem());
        folder.write("cert.pem", &client.certificate);
        folder.write("key.pem", &client.key);
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn files(&self) -> TlsFiles {
        TlsFiles { ca: self.path("ca.pem"), certificate: self.path("cert.pem"), key: self.path("key.pem") }
    }
}

/// The usual case: one authority signs an engine at `localhost` and its client.
fn usual() -> (Authority, fake::TlsEngine, Certificates) {
    let authority = Authority::new();
    let engine = fake::TlsEngine::start(server(&authority.sign("localhost", |_| {}), &authority));
    let certificates = Certificates::new(&authority, &authority.sign("client", |_| {}));
    (authority, engine, certificates)
}

async fn connect(port: u16, tls: Option<TlsFiles>) -> Result<Client, CallError> {
    let endpoint = Endpoint::Tcp(format!("localhost:{port}"));
    Client::connect(Connector { endpoint, tls }, Default::default()).await.map(|(client, _)| client)
}

async fn refusal(port: u16, tls: Option<TlsFiles>) -> String {
    let error = connect(port, tls).await.unwrap_err();
    assert!(matches!(error, CallError::Tls { .. }), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn calls_and_events_share_connections_behind_tls() {
    let (_authority, engine, certificates) = usual();
    let client = connect(engine.port(), Some(certificates.files())).await.unwrap();
    for _ in 0..10 {
        client.list().await.unwrap();
    }
    assert_eq!(engine.connections(), 1);
    let mut stream = client.events(None).await.unwrap();
    engine.send(b"{\"Type\":\"container\",\"Action\":\"top\",\"Actor\":{}}\n");
    assert!(stream.next().await.unwrap().unwrap().event.is_none(), "an event that is not asked about");
}

#[tokio::test]
async fn an_engine_of_another_authority_is_refused() {
    let (_authority, engine, certificates) = usual();
    certificates.write("ca.pem", &Authority::new().0.pem());
    let error = refusal(engine.port(), Some(certificates.files())).await;
    assert!(error.contains("does not come from an authority in `ca.pem`"), "{error}");
}

#[tokio::test]
async fn an_expired_certificate_and_one_for_another_name_are_refused() {
    let authority = Authority::new();
    let client = authority.sign("client", |_| {});
    let expired = authority.sign("localhost", |params| params.not_after = date_time_ymd(2001, 1, 1));
    for (signed, words) in [
        (expired, "has expired"),
        (authority.sign("engine.example.com", |_| {}), "not for `localhost` but for"),
    ] {
        let engine = fake::TlsEngine::start(server(&signed, &authority));
        let certificates = Certificates::new(&authority, &client);
        let error = refusal(engine.port(), Some(certificates.files())).await;
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_client_that_the_engine_does_not_trust_is_told_so() {
    let (_authority, engine, certificates) = usual();
    let stranger = Authority::new().sign("client", |_| {});
    certificates.write("cert.pem", &stranger.certificate);
    certificates.write("key.pem", &stranger.key);
    let error = refusal(engine.port(), Some(certificates.files())).await;
    assert!(error.contains("an authority that the engine trusts"), "{error}");
    fs::remove_file(certificates.path("cert.pem")).unwrap();
    fs::remove_file(certificates.path("key.pem")).unwrap();
    let error = refusal(engine.port(), Some(certificates.files())).await;
    assert!(error.contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn certificates_that_were_renewed_count_with_the_next_connection() {
    let (authority, engine, certificates) = usual();
    let right = fs::read_to_string(certificates.path("ca.pem")).unwrap();
    certificates.write("ca.pem", &Authority::new().0.pem());
    let files = certificates.files();
    refusal(engine.port(), Some(files.clone())).await;
    certificates.write("ca.pem", &right);
    let renewed = authority.sign("client", |_| {});
    certificates.write("cert.pem", &renewed.certificate);
    certificates.write("key.pem", &renewed.key);
    connect(engine.port(), Some(files)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_missing_or_no_certificate_is_named() {
    let (_authority, engine, certificates) = usual();
    for (name, change, words) in [
        ("ca.pem", None, "could not read"),
        ("ca.pem", Some("what"), "holds no certificate"),
        ("key.pem", Some("what"), "holds no private key"),
        ("key.pem", None, "is not; a certificate and its key belong together"),
        ("cert.pem", None, "is not; a certificate and its key belong together"),
    ] {
        let kept = fs::read_to_string(certificates.path(name)).unwrap();
        match change {
            Some(text) => certificates.write(name, text),
            None => fs::remove_file(certificates.path(name)).unwrap(),
        }
        let error = refusal(engine.port(), Some(certificates.files())).await;
        let path = certificates.path(name);
        assert!(error.contains(words) && error.contains(&path.display().to_string()), "{error}");
        certificates.write(name, &kept);
    }
}

#[tokio::test]
async fn a_key_of_another_certificate_cannot_be_used() {
    let (authority, engine, certificates) = usual();
    certificates.write("key.pem", &authority.sign("other", |_| {}).key);
    let error = refusal(engine.port(), Some(certificates.files())).await;
    assert!(error.contains("cert.pem` cannot be used"), "{error}");
}

#[tokio::test]
async fn tls_where_none_is_spoken_says_so() {
    let (_authority, _engine, certificates) = usual();
    let plain = fake::PlainPort::start("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    let error = refusal(plain.port(), Some(certificates.files())).await;
    assert!(error.contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn no_tls_where_it_is_spoken_says_so() {
    let words = "Client sent an HTTP request to an HTTPS server.\n";
    let answer = format!("HTTP/1.0 400 Bad Request\r\n\r\n{words}");
    let engine = fake::PlainPort::start(&answer);
    let error = refusal(engine.port(), None).await;
    assert!(error.contains("the engine speaks TLS there"), "{error}");
}

#[test]
fn a_file_of_keys_is_no_file_of_certificates() {
    let key = Authority::new().sign("a", |_| {}).key;
    assert!(certificates(Path::new("ca.pem"), key.as_bytes()).is_err());
}
