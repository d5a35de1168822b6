//! `dockmeter healthcheck`: asks the exporter of the same configuration whether it answers.
//!
//! The certificate that is shown is not verified: the question holds no secret, goes to an
//! address of this machine, and a certificate that has expired must not make an orchestrator
//! kill an exporter that works. No login is needed, nor a client's certificate, which an
//! exporter does not ask its own machine for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::config::{Config, ListenAddress, WebFile};

/// More of an answer is not read; ours are a line.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// Asks for a page of a running exporter, at the first address that it listens on.
///
/// # Errors
/// It cannot be reached, does not answer within `timeout`, or answers with anything but 200.
pub fn healthcheck(config: &Config, path: &str, timeout: Duration) -> anyhow::Result<()> {
    ensure!(
        !config.web.systemd_socket,
        "with `--web.systemd-socket` the address is in the socket unit; give it with `--web.systemd-socket=false --web.listen-address=…`"
    );
    let address = config.web.listen_addresses.first().context("there is no address to ask")?;
    let tls = match &config.web.config_file {
        Some(file) => WebFile::read(file)?.tls.is_some(),
        None => false,
    };
    let url = match tls {
        true => format!("https://{address}{path}"),
        false => format!("http://{address}{path}"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = runtime.context("could not start the runtime")?.block_on(async {
        let asked = tokio::time::timeout(timeout, ask(address, tls, path)).await;
        asked.unwrap_or_else(|_| bail!("no answer within {timeout:?}"))
    });
    asked.with_context(|| format!("`{url}`"))
}

async fn ask(address: &ListenAddress, tls: bool, path: &str) -> anyhow::Result<()> {
    let answer = match address {
        ListenAddress::Tcp(address) => {
            let to = reachable(*address)?;
            let stream = TcpStream::connect(to).await.context("is dockmeter running?")?;
            speak(stream, tls, &to.to_string(), path).await?
        }
        ListenAddress::Unix(socket) => {
            let stream = UnixStream::connect(socket).await.context("is dockmeter running?")?;
            speak(stream, tls, "localhost", path).await?
        }
    };
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status == "200", "it answers {status}: {}", body.trim());
    Ok(())
}

/// Where a client on this machine reaches what listens on an address.
fn reachable(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    ensure!(
        address.port() != 0,
        "the port was chosen by the kernel; give the one that is listened on with `--web.listen-address`"
    );
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, address.port()))
}

async fn speak<S>(stream: S, tls: bool, host: &str, path: &str) -> anyhow::Result<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !tls {
        return Ok(exchange(stream, host, path).await?);
    }
    let name = ServerName::try_from("localhost")?;
    let connector = TlsConnector::from(Arc::new(client_config()?));
    let stream = connector.connect(name, stream).await.context("TLS failed")?;
    Ok(exchange(stream, host, path).await?)
}

async fn exchange<S>(mut stream: S, host: &str, path: &str) -> io::Result<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn client_config() -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let any = Arc::new(AnyCertificate(provider.clone()));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth())
}

/// Takes any certificate whose key the server has.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_machine_is_reached_over_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:10417", "127.0.0.1:10417"),
            ("[::]:10417", "[::1]:10417"),
            ("10.0.0.7:10417", "10.0.0.7:10417"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()).unwrap().to_string(), asked);
        }
        let unknown = reachable("127.0.0.1:0".parse().unwrap()).unwrap_err().to_string();
        assert!(unknown.contains("--web.listen-address"), "{unknown}");
    }
}
