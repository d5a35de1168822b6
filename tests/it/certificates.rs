//! Certificates of an engine and its client, and the port where the engine asks for them.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair,
};

/// Reaches this machine and is no loopback address, so that an engine there is another
/// machine's for all that its address tells.
const ANY: &str = "0.0.0.0";

/// A folder with the files of both sides.
pub(crate) struct Certificates {
    folder: PathBuf,
    port: u16,
}

impl Certificates {
    /// Makes an authority, and what it signs for an engine on this machine and for its client.
    pub(crate) fn make(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A name of its own, by which OpenSSL tells it from what it signs and from others.
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, folder.display().to_string());
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let (client, server) = (folder.join("client"), folder.join("server"));
        for (side, usage) in
            [(&client, ExtendedKeyUsagePurpose::ClientAuth), (&server, ExtendedKeyUsagePurpose::ServerAuth)]
        {
            let names = ["localhost", "127.0.0.1", ANY].map(str::to_owned);
            let mut params = CertificateParams::new(names).expect("names");
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &authority).expect("a certificate");
            fs::create_dir_all(side).expect("a folder");
            let files = [
                ("ca.pem", authority.pem()),
                ("cert.pem", certificate.pem()),
                ("key.pem", key.serialize_pem()),
            ];
            for (name, text) in files {
                fs::write(side.join(name), text).expect("a file");
            }
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Certificates { folder: folder.to_owned(), port: free.expect("a free port").port() }
    }

    /// The flags with which dockerd listens on the port.
    pub(crate) fn engine_flags(&self) -> Vec<String> {
        let file = |name: &str| self.folder.join("server").join(name).display().to_string();
        vec![
            format!("--host=tcp://{ANY}:{}", self.port),
            "--tlsverify".into(),
            format!("--tlscacert={}", file("ca.pem")),
            format!("--tlscert={}", file("cert.pem")),
            format!("--tlskey={}", file("key.pem")),
        ]
    }

    /// The flags with which dockmeter goes there, as to this machine.
    pub(crate) fn flags(&self) -> [String; 3] {
        self.flags_to("127.0.0.1")
    }

    /// The same as to another machine.
    pub(crate) fn flags_from_afar(&self) -> [String; 3] {
        self.flags_to(ANY)
    }

    fn flags_to(&self, host: &str) -> [String; 3] {
        [
            format!("--docker.host=tcp://{host}:{}", self.port),
            "--docker.tls-verify=true".into(),
            format!("--docker.cert-path={}", self.folder.join("client").display()),
        ]
    }
}
