//! What the file means, and the exact words of every refusal.

use super::*;
use crate::yaml;

const HASH: &str = "$2y$10$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK";

fn load(text: &str) -> Result<WebFile, String> {
    let path = Path::new("/etc/web.yml");
    let shape = yaml::parse(text.as_bytes(), path).map_err(|error| error.to_string())?;
    WebFile::of(shape, path).map_err(|error| error.to_string())
}

fn refused(text: &str) -> String {
    load(text).unwrap_err().trim_start_matches("/etc/web.yml:").to_owned()
}

#[test]
fn an_empty_file_changes_nothing() {
    for text in ["", "tls_server_config:\n", "tls_server_config: {}\nbasic_auth_users: {}", "rate_limit: {}"]
    {
        assert_eq!(load(text), Ok(WebFile::default()), "{text}");
    }
}

#[test]
fn a_whole_file_is_understood() {
    let file = load(&format!(
        "tls_server_config:\n  \
           cert_file: server.crt\n  \
           key_file: /keys/server.key\n  \
           client_auth_type: RequireAndVerifyClientCert\n  \
           client_ca_file: ca.crt\n  \
           client_allowed_sans: [prometheus.example.org, 10.0.0.1, 'spiffe://example.org/prometheus']\n  \
           min_version: TLS12\n  \
           max_version: TLS13\n  \
           cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n  \
           prefer_server_cipher_suites: false\n  \
           curve_preferences: [X25519, CurveP256]\n\
         http_server_config:\n  \
           http2: false\n  \
           headers:\n    \
             Strict-Transport-Security: max-age=31536000\n    \
             X-Frame-Options: deny\n    \
             X-XSS-Protection: ''\n\
         basic_auth_users:\n  \
           ann: {HASH}\n\
         rate_limit: {{interval: 1s, burst: 20}}\n"
    ))
    .unwrap();
    let files: Vec<&PathBuf> = file.files().collect();
    assert_eq!(files, ["/etc/server.crt", "/keys/server.key", "/etc/ca.crt"].map(PathBuf::from).each_ref());
    let tls = file.tls.unwrap();
    assert_eq!(tls.client_auth, ClientAuth::RequireAndVerifyClientCert);
    let names = [
        SubjectName::Dns("prometheus.example.org".to_owned()),
        SubjectName::Ip("10.0.0.1".parse().unwrap()),
        SubjectName::Uri("spiffe://example.org/prometheus".to_owned()),
    ];
    assert_eq!(tls.client_allowed_sans, names);
    assert_eq!(tls.curves, [Curve::X25519, Curve::P256]);
    assert!(!tls.prefer_server_cipher_suites && !file.http2);
    let frame = ("X-Frame-Options", "deny".to_owned());
    assert_eq!(file.headers, [("Strict-Transport-Security", "max-age=31536000".to_owned()), frame]);
    assert_eq!(file.users.keys().collect::<Vec<_>>(), ["ann"]);
    assert_eq!(file.rate_limit, Some(RateLimit { interval: Duration::from_secs(1), burst: 20 }));
}

#[test]
fn every_name_of_go_s_policies_is_known() {
    let policy = |name: &str| {
        let ca = if name.contains("Verify") { ", client_ca: X" } else { "" };
        let file =
            load(&format!("tls_server_config: {{cert: C, key: K, client_auth_type: {name}{ca}}}")).unwrap();
        file.tls.unwrap().client_auth
    };
    assert_eq!(policy("NoClientCert"), ClientAuth::NoClientCert);
    assert_eq!(policy("RequestClientCert"), ClientAuth::RequestClientCert);
    assert_eq!(policy("RequireAnyClientCert"), ClientAuth::RequireAnyClientCert);
    assert_eq!(policy("RequireClientCert"), ClientAuth::RequireAnyClientCert);
    assert_eq!(policy("VerifyClientCertIfGiven"), ClientAuth::VerifyClientCertIfGiven);
    assert_eq!(policy("RequireAndVerifyClientCert"), ClientAuth::RequireAndVerifyClientCert);
}

#[test]
fn every_mistake_is_one_line_with_its_place() {
    for (text, message) in [
        (
            "tls_config: {}",
            "1:1: unknown key `tls_config`, expected `tls_server_config`, `http_server_config`, `basic_auth_users` or `rate_limit`",
        ),
        ("http_server_config:\n  http3: true", "2:3: unknown key `http3`, expected `http2` or `headers`"),
        ("basic_auth_users: [ann]", "1:19: expected a mapping"),
        (
            "basic_auth_users:\n  ann: hunter2",
            "2:8: the user `ann`: this is not a bcrypt hash, such as `$2y$10$…` with 53 characters behind the cost; `htpasswd -nBC 10 ''` makes one",
        ),
        (
            "basic_auth_users: {'a:b': x}",
            "1:27: `a:b` cannot be the name of a user: basic auth has no empty names and no `:` in them",
        ),
        (
            "http_server_config: {headers: {Server: x}}",
            "1:40: the header `Server` cannot be set here, only `Content-Security-Policy`, `X-Frame-Options`, `X-Content-Type-Options`, `X-XSS-Protection` or `Strict-Transport-Security`",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: all}}",
            "1:49: `all` is no value of `X-Frame-Options`, expected `deny` or `sameorigin`",
        ),
        ("http_server_config: {http2: maybe}", "1:29: `maybe` is neither `true` nor `false`"),
        ("rate_limit: {interval: 1}", "1:24: `1` is not a duration such as `500ms`, `1s` or `1m30s`"),
        (
            "rate_limit: {interval: 1s}",
            "1:24: a rate limit without a `burst` of at least 1 lets nothing through; give one",
        ),
    ] {
        assert_eq!(refused(text), message, "{text}");
    }
}

#[test]
fn what_tls_lacks_or_cannot_do_is_refused() {
    for (keys, message) in [
        ("min_version: TLS12", "20: TLS needs a certificate; name it with `cert_file`"),
        ("cert_file: c", "20: TLS needs the certificate's key; name it with `key_file`"),
        ("cert_file: c, cert: C, key: K", "41: `cert` and `cert_file` say the same; give one of them"),
        (
            "cert: C, key: K, min_version: TLS10",
            "51: `TLS10` is broken and not spoken here; the lowest version is `TLS12`",
        ),
        ("cert: C, key: K, max_version: TLS14", "51: `TLS14` is not `TLS12` or `TLS13`"),
        (
            "cert: C, key: K, min_version: TLS13, max_version: TLS12",
            "20: `min_version` is above `max_version`; no version of TLS is between them",
        ),
        (
            "cert: C, key: K, client_ca_file: ca",
            "54: `client_ca_file` has no effect with `NoClientCert`; give `client_auth_type: RequireAndVerifyClientCert`",
        ),
        (
            "cert: C, key: K, client_ca: CA, client_auth_type: RequireAnyClientCert",
            "49: `client_ca` has no effect: this `client_auth_type` does not verify certificates",
        ),
        (
            "cert: C, key: K, client_auth_type: RequireAndVerifyClientCert",
            "56: certificates of clients are not verified against the machine's own authorities; name those of the clients with `client_ca_file`",
        ),
        (
            "cert: C, key: K, client_allowed_sans: [x]",
            "59: `client_allowed_sans` has no effect without a `client_auth_type` that asks for certificates",
        ),
        (
            "cert: C, key: K, client_auth_type: RequireAnyClientCert, client_allowed_sans: [a@b.c]",
            "100: `a@b.c` is an e-mail address, by which certificates are not compared here; use a DNS name, an address or a URI",
        ),
        (
            "cert: C, key: K, curve_preferences: [CurveP521]",
            "58: `CurveP521` is not spoken here; use `CurveP384`",
        ),
        (
            "cert: C, key: K, curve_preferences: [Curve1]",
            "58: `Curve1` is not `CurveP256`, `CurveP384` or `X25519`",
        ),
    ] {
        assert_eq!(refused(&format!("tls_server_config: {{{keys}}}")), format!("1:{message}"), "{keys}");
    }
    let suite = |name| refused(&format!("tls_server_config: {{cert: C, key: K, cipher_suites: [{name}]}}"));
    let old = suite("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA");
    assert!(
        old.contains("lacks forward secrecy or authenticated encryption; expected `TLS_AES_128"),
        "{old}"
    );
    assert!(suite("TLS_WITH_LOVE").contains("`TLS_WITH_LOVE` is no cipher suite; expected"));
}

#[test]
fn keys_and_hashes_stay_out_of_debug_output() {
    let text = format!("tls_server_config: {{cert: C, key: SECRET}}\nbasic_auth_users: {{ann: {HASH}}}");
    let shown = format!("{:?}", load(&text).unwrap());
    assert!(!shown.contains("SECRET") && !shown.contains(HASH), "{shown}");
}
