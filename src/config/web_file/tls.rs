//! `tls_server_config`: certificates, clients' certificates, versions, cipher suites, curves.
//!
//! rustls speaks TLS 1.2 and 1.3 with authenticated encryption and forward secrecy only; what
//! Go's TLS has beyond that is refused by name.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::file::{List, Text};
use crate::config::layers::{Layers, Origin};
use crate::config::{ConfigError, value};
use crate::yaml::{Spanned, one_of};

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsServer {
    /// Our certificate and those that it comes from.
    pub certificate: Pem,
    /// Its private key.
    pub key: Pem,
    /// What is asked of clients.
    pub client_auth: ClientAuth,
    /// The authorities of clients' certificates, where they are verified.
    pub client_ca: Option<Pem>,
    /// A client's certificate has to be for one of these, if there are any.
    pub client_allowed_sans: Vec<SubjectName>,
    /// The lowest version that is spoken.
    pub min_version: TlsVersion,
    /// The highest version that is spoken; not lower than `min_version`.
    pub max_version: TlsVersion,
    /// Cipher suites by their names, the most preferred first; those of rustls if empty.
    pub cipher_suites: Vec<&'static str>,
    /// Curves, the most preferred first; those of rustls if empty.
    pub curves: Vec<Curve>,
    /// Whether our order of cipher suites counts and not the client's.
    pub prefer_server_cipher_suites: bool,
}

impl TlsServer {
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let pems = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        pems.into_iter().flatten().filter_map(|pem| match &pem.text {
            PemText::File(path) => Some(path),
            PemText::Inline(_) => None,
        })
    }
}

/// Something in PEM format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pem {
    /// Where it is named, for errors.
    pub origin: Origin,
    /// The key that names it.
    pub name: &'static str,
    /// Where it is.
    pub text: PemText,
}

/// Where something in PEM format is.
#[derive(Clone, PartialEq, Eq)]
pub enum PemText {
    /// In a file.
    File(PathBuf),
    /// In the configuration itself.
    Inline(String),
}

impl fmt::Debug for PemText {
    /// Logs show no keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PemText::File(path) => path.fmt(f),
            PemText::Inline(_) => f.write_str("inline"),
        }
    }
}

/// What is asked of clients, as Go's `crypto/tls` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nothing.
    #[default]
    NoClientCert,
    /// A certificate, which may be absent and is not verified.
    RequestClientCert,
    /// A certificate, which is not verified.
    RequireAnyClientCert,
    /// A certificate, which may be absent and is verified.
    VerifyClientCertIfGiven,
    /// A certificate, which is verified.
    RequireAndVerifyClientCert,
}

impl ClientAuth {
    /// `RequireClientCert` is an old name that exporters still take.
    const WORDS: [(&'static str, ClientAuth); 6] = [
        ("NoClientCert", ClientAuth::NoClientCert),
        ("RequestClientCert", ClientAuth::RequestClientCert),
        ("RequireAnyClientCert", ClientAuth::RequireAnyClientCert),
        ("RequireClientCert", ClientAuth::RequireAnyClientCert),
        ("VerifyClientCertIfGiven", ClientAuth::VerifyClientCertIfGiven),
        ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerifyClientCert),
    ];

    /// Whether certificates are verified.
    pub fn verifies(self) -> bool {
        matches!(self, ClientAuth::VerifyClientCertIfGiven | ClientAuth::RequireAndVerifyClientCert)
    }

    /// Whether nobody comes in without a certificate.
    pub fn requires(self) -> bool {
        matches!(self, ClientAuth::RequireAnyClientCert | ClientAuth::RequireAndVerifyClientCert)
    }
}

/// A name of a client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectName {
    /// The name of a host.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// A URI, as SPIFFE has them.
    Uri(String),
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A curve of the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// Curve25519.
    X25519,
}

/// The cipher suites that rustls has, under Go's names.
pub(crate) const CIPHER_SUITES: [&str; 9] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Shape {
    cert: Option<Text>,
    key: Option<Text>,
    client_ca: Option<Text>,
    cert_file: Option<Text>,
    key_file: Option<Text>,
    client_ca_file: Option<Text>,
    client_auth_type: Option<Text>,
    client_allowed_sans: List<Text>,
    min_version: Option<Text>,
    max_version: Option<Text>,
    cipher_suites: List<Text>,
    curve_preferences: List<Text>,
    prefer_server_cipher_suites: Option<Text>,
}

impl Shape {
    fn says_nothing(&self) -> bool {
        let Shape { cert, key, client_ca, cert_file, key_file, client_ca_file, client_auth_type, .. } = self;
        let texts = [cert, key, client_ca, cert_file, key_file, client_ca_file, client_auth_type];
        let more = [&self.min_version, &self.max_version, &self.prefer_server_cipher_suites];
        let lists = [&self.client_allowed_sans, &self.cipher_suites, &self.curve_preferences];
        texts.into_iter().chain(more).all(|text| said(text.as_ref()).is_none())
            && lists.into_iter().flatten().all(|list| list.value.is_empty())
    }
}

/// A text that says something; the format takes an empty one for none.
fn said(text: Option<&Text>) -> Option<&Text> {
    text.filter(|text| !text.value.is_empty())
}

/// How TLS is spoken; not at all if the section says nothing.
pub(super) fn server(
    places: &Layers<'_>,
    section: &Spanned<Shape>,
    folder: &Path,
) -> Result<Option<TlsServer>, ConfigError> {
    let shape = &section.value;
    if shape.says_nothing() {
        return Ok(None);
    }
    let here = places.place(section.referenced);
    let pem = |file, inline, names| pem(places, folder, file, inline, names);
    let certificate = pem(&shape.cert_file, &shape.cert, ["cert_file", "cert"])?;
    let certificate =
        certificate.ok_or_else(|| here.refuse("TLS needs a certificate; name it with `cert_file`"))?;
    let key = pem(&shape.key_file, &shape.key, ["key_file", "key"])?;
    let key = key.ok_or_else(|| here.refuse("TLS needs the certificate's key; name it with `key_file`"))?;
    let client_ca = pem(&shape.client_ca_file, &shape.client_ca, ["client_ca_file", "client_ca"])?;
    let parsed = |text: &Option<Text>, parse: fn(&str) -> Result<TlsVersion, String>| {
        said(text.as_ref()).map(|text| places.given(text).parse(parse)).transpose()
    };
    let min_version = parsed(&shape.min_version, version)?.unwrap_or(TlsVersion::Tls12);
    let max_version = parsed(&shape.max_version, version)?.unwrap_or(TlsVersion::Tls13);
    if min_version > max_version {
        return Err(here.refuse("`min_version` is above `max_version`; no version of TLS is between them"));
    }
    let prefer = said(shape.prefer_server_cipher_suites.as_ref());
    let prefer = prefer.map(|text| places.given(text).parse(value::boolean)).transpose()?;
    Ok(Some(TlsServer {
        certificate,
        key,
        client_auth: client_auth(places, shape, client_ca.as_ref())?,
        client_ca,
        client_allowed_sans: list(places, &shape.client_allowed_sans, subject_name)?,
        min_version,
        max_version,
        cipher_suites: list(places, &shape.cipher_suites, cipher_suite)?,
        curves: list(places, &shape.curve_preferences, curve)?,
        prefer_server_cipher_suites: prefer.unwrap_or(true),
    }))
}

/// What is in PEM format in a file or in the text itself, not in both.
fn pem(
    places: &Layers<'_>,
    folder: &Path,
    file: &Option<Text>,
    inline: &Option<Text>,
    [file_name, inline_name]: [&'static str; 2],
) -> Result<Option<Pem>, ConfigError> {
    let found =
        |text: &Text, name, pem| Ok(Some(Pem { origin: places.place(text.referenced), name, text: pem }));
    match (said(file.as_ref()), said(inline.as_ref())) {
        (None, None) => Ok(None),
        (Some(path), None) => found(path, file_name, PemText::File(folder.join(&path.value))),
        (None, Some(text)) => found(text, inline_name, PemText::Inline(text.value.clone())),
        (Some(_), Some(text)) => Err(places
            .place(text.referenced)
            .refuse(format!("`{inline_name}` and `{file_name}` say the same; give one of them"))),
    }
}

fn client_auth(places: &Layers<'_>, shape: &Shape, ca: Option<&Pem>) -> Result<ClientAuth, ConfigError> {
    let text = said(shape.client_auth_type.as_ref());
    let auth = text.map(|text| places.given(text).parse(|text| value::word(text, &ClientAuth::WORDS)));
    let auth = auth.transpose()?.unwrap_or_default();
    let origin = text.map(|text| places.place(text.referenced)).unwrap_or_default();
    match (auth, ca) {
        (ClientAuth::NoClientCert, Some(ca)) => Err(ca.origin.refuse(format!(
            "`{}` has no effect with `NoClientCert`; give `client_auth_type: RequireAndVerifyClientCert`",
            ca.name
        ))),
        (auth, Some(ca)) if !auth.verifies() => Err(ca.origin.refuse(format!(
            "`{}` has no effect: this `client_auth_type` does not verify certificates",
            ca.name
        ))),
        (auth, None) if auth.verifies() => Err(origin.refuse(
            "certificates of clients are not verified against the machine's own authorities; \
             name those of the clients with `client_ca_file`",
        )),
        (ClientAuth::NoClientCert, None) => match &shape.client_allowed_sans {
            Some(sans) if !sans.value.is_empty() => Err(places.place(sans.referenced).refuse(
                "`client_allowed_sans` has no effect without a `client_auth_type` that asks for certificates",
            )),
            _ => Ok(auth),
        },
        _ => Ok(auth),
    }
}

fn list<T>(
    places: &Layers<'_>,
    list: &List<Text>,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, ConfigError> {
    let texts = list.iter().flat_map(|list| &list.value);
    texts.map(|text| places.given(text).parse(parse)).collect()
}

fn version(text: &str) -> Result<TlsVersion, String> {
    match text {
        "TLS10" | "TLS11" => {
            Err(format!("`{text}` is broken and not spoken here; the lowest version is `TLS12`"))
        }
        other => value::word(other, &[("TLS12", TlsVersion::Tls12), ("TLS13", TlsVersion::Tls13)]),
    }
}

fn cipher_suite(text: &str) -> Result<&'static str, String> {
    CIPHER_SUITES.into_iter().find(|name| *name == text).ok_or_else(|| {
        let old =
            text.starts_with("TLS_") && ["_CBC_", "TLS_RSA_", "_RC4_"].iter().any(|part| text.contains(part));
        let why = if old {
            "is not spoken here, as it lacks forward secrecy or authenticated encryption"
        } else {
            "is no cipher suite"
        };
        format!("`{text}` {why}; expected {}", one_of(&CIPHER_SUITES))
    })
}

fn curve(text: &str) -> Result<Curve, String> {
    match text {
        "CurveP521" => Err("`CurveP521` is not spoken here; use `CurveP384`".to_owned()),
        other => value::word(
            other,
            &[("CurveP256", Curve::P256), ("CurveP384", Curve::P384), ("X25519", Curve::X25519)],
        ),
    }
}

fn subject_name(text: &str) -> Result<SubjectName, String> {
    if let Ok(address) = text.parse() {
        return Ok(SubjectName::Ip(address));
    }
    match text {
        "" => Err("an empty name is in no certificate".to_owned()),
        uri if uri.contains(':') => Ok(SubjectName::Uri(uri.to_owned())),
        mail if mail.contains('@') => Err(format!(
            "`{mail}` is an e-mail address, by which certificates are not compared here; use a DNS name, an address or a URI"
        )),
        name => Ok(SubjectName::Dns(name.to_owned())),
    }
}
