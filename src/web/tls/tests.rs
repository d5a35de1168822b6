//! TLS over real connections on loopback: who gets in, by which version, and with what shown.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::web::access::Access;
use crate::web::entrance::{Entrance, Looked, Prepared};
use crate::web::fixture;
use crate::web::router::router;
use crate::web::server::{Listeners, Options, serve};

const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate with its key, in PEM format.
struct Identity {
    certificate: String,
    key: String,
}

/// A folder with an authority, a server's certificate from it, and a running server.
struct World {
    folder: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
    entrance: Arc<Entrance>,
    address: SocketAddr,
    cancel: CancellationToken,
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn identity(authority: &CertifiedIssuer<'static, KeyPair>, names: &[&str], uri: Option<&str>) -> Identity {
    let mut params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.subject_alt_names.extend(uri.map(|uri| SanType::URI(uri.try_into().unwrap())));
    let key = KeyPair::generate().unwrap();
    Identity { certificate: params.signed_by(&key, authority).unwrap().pem(), key: key.serialize_pem() }
}

impl World {
    /// A server with these keys of `tls_server_config` beside its certificate and key.
    async fn new(keys: &str) -> Self {
        Self::with(keys, "", Options::default(), Access::default()).await
    }

    async fn with(keys: &str, rest: &str, options: Options, access: Access) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority();
        let server = identity(&authority, &["localhost", "127.0.0.1"], None);
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", &authority.pem());
        write("cert.pem", &server.certificate);
        write("key.pem", &server.key);
        write(
            "web.yml",
            &format!("tls_server_config: {{cert_file: cert.pem, key_file: key.pem{keys}}}\n{rest}"),
        );
        let prepared = Prepared::read(Some(&folder.path().join("web.yml"))).unwrap();
        let entrance = Arc::new(Entrance::new(prepared, [7; 32]));
        let context = Arc::into_inner(fixture::context()).unwrap().with_entrance(entrance.clone());
        context.set_access(access);
        let listeners = Listeners::bind(&["0.0.0.0:0".parse().unwrap()]).await.unwrap();
        let port = listeners.addresses()[0].tcp().unwrap().port();
        let cancel = CancellationToken::new();
        let routes = vec![(listeners, router(Arc::new(context)))];
        tokio::spawn(serve(routes, options, entrance.clone(), cancel.clone()));
        World { folder, authority, entrance, address: SocketAddr::new([127, 0, 0, 1].into(), port), cancel }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        roots
    }

    /// A client that shows nothing.
    fn anonymous(
        &self,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let builder =
            ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(versions);
        builder.unwrap().with_root_certificates(self.roots()).with_no_client_auth()
    }

    fn client(&self, identity: Option<&Identity>) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots());
        match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        }
    }

    /// The end of a handshake from an address of this machine.
    async fn connect(
        &self,
        config: ClientConfig,
        from: &str,
    ) -> io::Result<TlsStream<tokio::net::TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0))?;
        let stream = socket.connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// The answer to `GET`, head and body; what went wrong is an error of TLS.
    async fn get(&self, config: ClientConfig, path: &str, header: &str) -> io::Result<String> {
        let mut stream = self.connect(config, "127.0.0.1").await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await??;
        Ok(String::from_utf8(answer).unwrap())
    }

    async fn status(&self, config: ClientConfig, path: &str) -> u16 {
        let answer = self.get(config, path, "").await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[tokio::test]
async fn pages_come_over_both_versions_of_tls() {
    let world = World::new("").await;
    for version in [&version::TLS12, &version::TLS13] {
        let config = world.anonymous(ring::default_provider(), &[version]);
        assert_eq!(world.status(config, "/metrics").await, 200);
    }
}

#[tokio::test]
async fn versions_cipher_suites_and_curves_are_as_configured() {
    fn kind(connection: &ClientConnection) -> (Option<ProtocolVersion>, String) {
        let suite = connection.negotiated_cipher_suite().unwrap().suite();
        (connection.protocol_version(), format!("{suite:?}"))
    }
    let negotiated = async |keys: &str| {
        let world = World::new(keys).await;
        let stream = world.connect(world.client(None), "127.0.0.1").await.unwrap();
        kind(stream.get_ref().1)
    };
    let (version, _) = negotiated(", max_version: TLS12").await;
    assert_eq!(version, Some(ProtocolVersion::TLSv1_2));
    let name = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
    let (_, suite) = negotiated(&format!(", max_version: TLS12, cipher_suites: [{name}]")).await;
    assert_eq!(suite, name);
    let (version, suite) = negotiated(&format!(", cipher_suites: [{name}]")).await;
    assert_eq!(version, Some(ProtocolVersion::TLSv1_3), "a list for TLS 1.2 leaves 1.3 as it is, as in Go");
    assert!(suite.starts_with("TLS13_"), "{suite}");
    let (_, suite) = negotiated(", cipher_suites: [TLS_CHACHA20_POLY1305_SHA256]").await;
    assert_eq!(suite, "TLS13_CHACHA20_POLY1305_SHA256");
    let world = World::new(", curve_preferences: [CurveP384]").await;
    let mut provider = ring::default_provider();
    provider.kx_groups = vec![ring::kx_group::X25519];
    let config = world.anonymous(provider, &[&version::TLS13]);
    assert!(world.connect(config, "127.0.0.1").await.is_err(), "there is no common curve");
    assert!(world.connect(world.client(None), "127.0.0.1").await.is_ok());
}

#[test]
fn every_name_of_a_cipher_suite_is_one_of_rustls() {
    for name in crate::config::CIPHER_SUITES {
        assert!(cipher_suite(name).is_some(), "{name}");
    }
    assert_eq!(crate::config::CIPHER_SUITES.len(), ring::ALL_CIPHER_SUITES.len());
}

#[tokio::test]
async fn http_2_is_offered_and_can_be_switched_off() {
    for (rest, alpn) in [("", "h2"), ("http_server_config: {http2: false}", "http/1.1")] {
        let world = World::with("", rest, Options::default(), Access::default()).await;
        let mut config = world.client(None);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = world.connect(config, "127.0.0.1").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(alpn.as_bytes()));
        if alpn != "h2" {
            continue;
        }
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (mut send, connection) = handshake.await.unwrap();
        let driven = tokio::spawn(connection);
        for path in ["/-/healthy", "/metrics"] {
            let request = hyper::Request::get(format!("https://localhost{path}")).body(Empty::<Bytes>::new());
            let response = send.send_request(request.unwrap()).await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());
        }
        drop(send);
        driven.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_idle_connection_of_http_2_is_ended() {
    let options = Options { header_deadline: Duration::from_millis(300), ..Options::default() };
    let world = World::with("", "", options, Access::default()).await;
    let mut config = world.client(None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = world.connect(config, "127.0.0.1").await.unwrap();
    let handshake = hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(stream),
    );
    let (_held, connection) = handshake.await.unwrap();
    tokio::time::timeout(PATIENCE, connection).await.expect("it is kept for ever").unwrap();
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_given_up() {
    let options = Options { header_deadline: Duration::from_millis(50), ..Options::default() };
    let world = World::with("", "", options, Access::default()).await;
    for begun in [&[][..], &[0x16, 3, 1]] {
        let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        let read =
            tokio::time::timeout(PATIENCE, stream.read(&mut [0; 64])).await.expect("it is kept for ever");
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}

#[tokio::test]
async fn plain_http_is_told_that_this_is_https() {
    let world = World::new("").await;
    let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("Client sent an HTTP request to an HTTPS server.\n"), "{answer}");
}

#[tokio::test]
async fn a_certificate_from_our_authority_is_a_login_and_another_is_not_let_in() {
    let world = World::new(", client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem").await;
    let ours = identity(&world.authority, &["prometheus"], None);
    let foreign = identity(&authority(), &["prometheus"], None);
    assert_eq!(world.status(world.client(None), "/metrics").await, 200, "loopback needs none");
    assert_eq!(world.status(world.client(Some(&ours)), "/metrics").await, 200);
    assert!(world.get(world.client(Some(&foreign)), "/metrics", "").await.is_err());
}

#[tokio::test]
async fn without_the_certificate_that_is_demanded_only_this_machine_s_probes_are_answered() {
    for policy in ["RequireAnyClientCert", "RequireAndVerifyClientCert"] {
        let ca = if policy.contains("Verify") { ", client_ca_file: ca.pem" } else { "" };
        let world = World::new(&format!(", client_auth_type: {policy}{ca}")).await;
        let tls = world.entrance.rules().tls.clone().unwrap();
        assert!(!Arc::ptr_eq(&tls.config(true), &tls.config(false)), "others end at the handshake");
        assert_eq!(world.status(world.client(None), "/-/healthy").await, 200, "{policy}");
        let refused = world.get(world.client(None), "/metrics", "").await.unwrap();
        assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
        assert!(refused.contains("every client has to show a certificate"), "{refused}");
        let ours = identity(&world.authority, &["prometheus"], None);
        assert_eq!(world.status(world.client(Some(&ours)), "/metrics").await, 200, "{policy}");
        let foreign = identity(&authority(), &["prometheus"], None);
        let foreign = world.get(world.client(Some(&foreign)), "/metrics", "").await;
        assert_eq!(foreign.is_ok(), policy == "RequireAnyClientCert", "{foreign:?}");
    }
}

#[tokio::test]
async fn from_elsewhere_a_handshake_without_the_demanded_certificate_fails() {
    let world = World::new(", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem").await;
    let strict = world.entrance.rules().tls.clone().unwrap().config(false);
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(tokio_rustls::TlsAcceptor::from(strict).accept(far));
    let name = ServerName::try_from("localhost").unwrap();
    let client = TlsConnector::from(Arc::new(world.client(None))).connect(name, near);
    let (client, server) = tokio::join!(client, server);
    drop(client);
    let error = server.unwrap().unwrap_err().to_string();
    assert!(error.contains("no certificates"), "{error}");
}

#[tokio::test]
async fn a_client_s_certificate_has_to_be_for_an_allowed_name() {
    let names = "prometheus.example.org, 10.9.8.7, 'spiffe://example.org/prometheus'";
    let keys = format!(
        ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [{names}]"
    );
    let world = World::new(&keys).await;
    for (names, uri, allowed) in [
        (&["prometheus.example.org"][..], None, true),
        (&["other.example.org", "10.9.8.7"], None, true),
        (&[], Some("spiffe://example.org/prometheus"), true),
        (&["other.example.org"], None, false),
        (&["10.9.8.6"], None, false),
        (&["sub.prometheus.example.org"], Some("spiffe://example.org/other"), false),
        (&[], None, false),
    ] {
        let identity = identity(&world.authority, names, uri);
        let answer = world.get(world.client(Some(&identity)), "/metrics", "").await;
        assert_eq!(answer.is_ok(), allowed, "{names:?} {uri:?}: {answer:?}");
    }
}

#[tokio::test]
async fn users_log_in_and_this_machine_has_to_as_well() {
    let hash = bcrypt::hash("secret", 4).unwrap();
    let trusting = Access::new(
        vec!["127.0.0.2/32".parse().unwrap()],
        vec![fixture::token("t", &[crate::config::Scope::Read])],
        vec![],
    );
    let rest = format!("basic_auth_users: {{ann: '{hash}'}}");
    let world = World::with(
        ", client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem",
        &rest,
        Options::default(),
        trusting,
    )
    .await;
    let get = |header: &'static str| world.get(world.client(None), "/metrics", header);
    let refused = get("").await.unwrap().to_ascii_lowercase();
    assert!(refused.starts_with("http/1.1 401"), "{refused}");
    assert!(refused.contains("www-authenticate: basic realm=\"dockmeter\""), "{refused}");
    // ann:secret, ann:secrets, eve:secret
    for (header, status) in [
        ("authorization: Basic YW5uOnNlY3JldA==\r\n", "200"),
        ("authorization: Basic YW5uOnNlY3JldHM=\r\n", "401"),
        ("authorization: Basic ZXZlOnNlY3JldA==\r\n", "401"),
        ("authorization: Bearer wrong\r\n", "401"),
        ("authorization: Bearer t\r\n", "200"),
    ] {
        let answer = get(header).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{header}: {answer}");
    }
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(world.status(world.client(None), path).await, 200, "{path}");
    }
    let ours = identity(&world.authority, &["prometheus"], None);
    assert_eq!(world.status(world.client(Some(&ours)), "/metrics").await, 200, "a certificate is a login");
    let mut trusted = world.connect(world.client(None), "127.0.0.2").await.unwrap();
    trusted.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    trusted.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "a trusted network needs no login: {answer}");
}

#[tokio::test]
async fn a_renewed_certificate_counts_for_the_next_connection() {
    let world = World::new("").await;
    let shown = async || {
        let stream = world.connect(world.client(None), "127.0.0.1").await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown().await;
    let renewed = identity(&world.authority, &["localhost"], None);
    std::fs::write(world.path("cert.pem"), &renewed.certificate).unwrap();
    let half = world.entrance.look();
    assert!(
        matches!(&half, Looked::Refused(error) if error.to_string().contains("is not the key of")),
        "{half:?}"
    );
    assert_eq!(shown().await, first, "half a pair keeps the old in force");
    std::fs::write(world.path("key.pem"), &renewed.key).unwrap();
    assert!(matches!(world.entrance.look(), Looked::Changed));
    assert_ne!(shown().await, first);
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority();
    let (one, two) = (identity(&authority, &["a"], None), identity(&authority, &["b"], None));
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("one.pem"), &one.certificate).unwrap();
    std::fs::write(path("one.key"), &one.key).unwrap();
    std::fs::write(path("two.key"), &two.key).unwrap();
    std::fs::write(path("junk"), "junk").unwrap();
    let refused = |keys: &str| {
        std::fs::write(path("web.yml"), format!("tls_server_config:\n{keys}\n")).unwrap();
        let error = Prepared::read(Some(&path("web.yml"))).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.path().display()), "")
    };
    for (keys, message) in [
        (
            "  cert_file: none.pem\n  key_file: one.key",
            "web.yml:2:14: could not read `none.pem` of `cert_file`: No such file or directory (os error 2)",
        ),
        (
            "  cert_file: junk\n  key_file: one.key",
            "web.yml:2:14: `junk` of `cert_file` holds no certificate in PEM format",
        ),
        (
            "  cert_file: one.pem\n  key_file: junk",
            "web.yml:3:13: `junk` of `key_file` holds no private key in PEM format",
        ),
        (
            "  cert_file: one.pem\n  key_file: two.key",
            "web.yml:3:13: `two.key` of `key_file` is not the key of `one.pem` of `cert_file`",
        ),
        (
            "  cert_file: one.pem\n  key_file: one.key\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca: junk",
            "web.yml:5:14: the text of `client_ca` holds no certificate in PEM format",
        ),
    ] {
        assert_eq!(refused(keys), message);
    }
}
