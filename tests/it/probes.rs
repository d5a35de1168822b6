//! Probes of named targets: what is well, what is away, slow or wrong, each as it is.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustix::process::Signal;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Certificates;
use crate::exporter::Exporter;
use crate::exposition::Page;
use crate::poll::eventually;
use crate::prometheus::free_address;

const ATTEMPTS: &str = "dockmeter_probe_attempts_total";
const FAILURES: &str = "dockmeter_probe_failures_total";
const SUCCESS: &str = "dockmeter_probe_success";
const STATUS: &str = "dockmeter_probe_http_status_code";
const DURATION: &str = "dockmeter_probe_duration_seconds_count";
const PHASE: &str = "dockmeter_probe_phase_seconds_total";

/// Serves every connection on a thread until the process ends.
fn serve(each: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let each = Arc::new(each);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let each = each.clone();
            std::thread::spawn(move || each(stream));
        }
    });
    address
}

/// Reads the head of a request and answers; a client that is gone is no failure here.
fn answer(mut stream: impl Read + Write, text: &str) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

fn page(status: &'static str, more: &str) -> SocketAddr {
    let text = format!("HTTP/1.1 {status}\r\n{more}Content-Length: 3\r\n\r\nok\n");
    serve(move |stream| answer(stream, &text))
}

/// The same over TLS.
fn secure_page(folder: &Path) -> SocketAddr {
    let certificate = CertificateDer::from_pem_file(folder.join("server/cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server/key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    serve(move |stream| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        answer(StreamOwned::new(connection, stream), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
    })
}

fn exporter_of(folder: &Path, probes: &str) -> Exporter {
    let file = folder.join("dockmeter.yml");
    fs::write(&file, probes).unwrap();
    Exporter::alone(&[&format!("--config.file={}", file.display())])
}

/// Whether the attempts that are over at a target have all succeeded, or all failed for a reason.
fn stands(page: &Page, target: &str, reason: Option<&str>) -> Option<()> {
    let of_target = [("target", target)];
    let attempts = page.value(ATTEMPTS, &of_target)?;
    if attempts < 2.0 {
        return None;
    }
    for known in ["resolve", "connect", "tls", "http", "status", "timeout"] {
        let expected = if reason == Some(known) { attempts } else { 0.0 };
        let failures = page.value(FAILURES, &[of_target[0], ("reason", known)]);
        assert_eq!(failures, Some(expected), "{target}: {known} of {attempts}");
    }
    let succeeded = if reason.is_none() { attempts } else { 0.0 };
    assert_eq!(page.value(DURATION, &of_target), Some(succeeded), "{target}");
    assert_eq!(page.value(SUCCESS, &of_target), Some(f64::from(reason.is_none())), "{target}");
    Some(())
}

#[test]
fn every_target_stands_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let _certificates = Certificates::make(folder.path());
    let ca = folder.path().join("server/ca.pem");
    let endless = serve(|mut stream| {
        answer(&mut stream, "HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let (well, secure) = (page("200 OK", ""), secure_page(folder.path()));
    let (broken, moved) = (page("500 No", ""), page("302 Found", "Location: http://192.0.2.1/\r\n"));
    let silent = serve(|stream| {
        // Held open, and nothing said.
        let _ = stream.peek(&mut [0; 1]);
        std::thread::park();
    });
    let nonsense = serve(|stream| answer(stream, "220 ready\r\n\r\n"));
    let (closed, insecure) = (free_address(), secure_page(folder.path()));
    let exporter = exporter_of(
        folder.path(),
        &format!(
            "probes:\n\
             - {{name: port, tcp: '{well}', interval: 1s}}\n\
             - {{name: page, http: 'http://localhost:{}/healthz?token=hush', interval: 1s}}\n\
             - {{name: endless, http: 'http://{endless}/', interval: 1s}}\n\
             - {{name: secure, http: 'https://localhost:{}/', ca_file: {}, interval: 1s}}\n\
             - {{name: untrusted, http: 'https://{insecure}/', interval: 1s}}\n\
             - {{name: closed, tcp: '{closed}', interval: 1s}}\n\
             - {{name: nowhere, tcp: 'nowhere.invalid:80', interval: 1s}}\n\
             - {{name: silent, http: 'http://{silent}/', interval: 1s, timeout: 100ms}}\n\
             - {{name: nonsense, http: 'http://{nonsense}/', interval: 1s}}\n\
             - {{name: broken, http: 'http://{broken}/', interval: 1s}}\n\
             - {{name: expected, http: 'http://{broken}/', status: [404, 5xx], interval: 1s}}\n\
             - {{name: moved, http: 'http://{moved}/', interval: 1s}}\n",
            well.port(),
            secure.port(),
            ca.display(),
        ),
    );
    for (target, reason) in [
        ("port", None),
        ("page", None),
        ("endless", None),
        ("secure", None),
        ("expected", None),
        ("untrusted", Some("tls")),
        ("closed", Some("connect")),
        ("silent", Some("timeout")),
        ("nonsense", Some("http")),
        ("broken", Some("status")),
        ("moved", Some("status")),
    ] {
        exporter.until(&format!("`{target}` is known"), |page| stands(page, target, reason));
    }
    exporter.until("a name that does not exist is no success", |page| {
        let failed = page.sum(FAILURES, &[("target", "nowhere")]);
        (failed >= 1.0 && page.value(SUCCESS, &[("target", "nowhere")]) == Some(0.0)).then_some(())
    });
    let page = exporter.page();
    for (target, status) in [("page", 200.0), ("broken", 500.0), ("moved", 302.0)] {
        assert_eq!(page.value(STATUS, &[("target", target)]), Some(status), "{target}");
    }
    for (target, phases) in [
        ("port", &["connect"][..]),
        ("page", &["resolve", "connect", "wait"]),
        ("secure", &["resolve", "connect", "tls", "wait"]),
    ] {
        let of_target = [("target", target)];
        let shown = page.all(PHASE, &of_target).map(|sample| sample.label("phase").unwrap());
        assert_eq!(shown.collect::<Vec<_>>(), phases, "{target}");
    }
    let address = page.all("dockmeter_probe_info", &[("target", "page")]).next().unwrap();
    assert_eq!(address.label("address"), Some(&*format!("http://localhost:{}/healthz", well.port())));
    assert!(exporter.said(&["a probe fails", "target=closed", "connect"]));
    assert!(!exporter.said(&["hush"]), "a query may hold a secret");
}

#[test]
fn a_target_that_comes_and_goes_is_seen_to() {
    let address = free_address();
    let folder = tempfile::tempdir().unwrap();
    let probes = format!("probes: [{{name: port, tcp: '{address}', interval: 1s}}]\n");
    let exporter = exporter_of(folder.path(), &probes);
    let target = [("target", "port")];
    exporter.until_value(SUCCESS, &target, 0.0);
    let listener = eventually("the port is free still", || TcpListener::bind(address).ok());
    exporter.until_value(SUCCESS, &target, 1.0);
    drop(listener);
    exporter.until_value(SUCCESS, &target, 0.0);
    let page = exporter.page();
    let failed = page.value(FAILURES, &[target[0], ("reason", "connect")]).unwrap();
    let succeeded = page.value(DURATION, &target).unwrap();
    assert_eq!(page.value(ATTEMPTS, &target), Some(failed + succeeded), "what is lost is counted");
    assert!(exporter.said(&["a probe fails", "port"]) && exporter.said(&["a probe succeeds again", "port"]));
}

#[test]
fn a_reload_changes_the_targets_and_leaves_alone_what_has_not_changed() {
    let well = page("200 OK", "");
    let folder = tempfile::tempdir().unwrap();
    let kept = format!("{{name: kept, tcp: '{well}', interval: 1s}}");
    let changed = |path: &str| format!("{{name: changed, http: 'http://{well}{path}', interval: 1s}}");
    let file = |probes: &[&str]| format!("probes: [{}]\n", probes.join(", "));
    let gone = format!("{{name: gone, tcp: '{well}', interval: 1s}}");
    let exporter = exporter_of(folder.path(), &file(&[&kept, &changed("/a"), &gone]));
    let attempts = |page: &Page, target: &str| page.value(ATTEMPTS, &[("target", target)]);
    exporter.until("all are probed", |page| {
        ["kept", "changed", "gone"].iter().all(|name| attempts(page, name) >= Some(3.0)).then_some(())
    });
    let path = folder.path().join("dockmeter.yml");
    fs::write(&path, file(&[&kept, "{name: broken, tcp: nowhere}"])).unwrap();
    exporter.signal(Signal::HUP);
    eventually("a target that is none is refused", || {
        exporter.said(&["refused", "`nowhere` is not a host and a port"]).then_some(())
    });
    assert!(attempts(&exporter.page(), "gone").is_some(), "the old targets stay");
    let added = format!("{{name: added, tcp: '{well}', interval: 1s}}");
    let before = attempts(&exporter.page(), "kept").unwrap();
    fs::write(&path, file(&[&kept, &changed("/b"), &added])).unwrap();
    exporter.signal(Signal::HUP);
    let page = exporter.until("the new target is probed", |page| {
        attempts(page, "added").filter(|attempts| *attempts > 0.0).map(|_| page.clone())
    });
    assert_eq!(attempts(&page, "gone"), None);
    assert!(attempts(&page, "kept") >= Some(before));
    let address = page.all("dockmeter_probe_info", &[("target", "changed")]).next().unwrap();
    assert_eq!(address.label("address"), Some(&*format!("http://{well}/b")));
}

#[test]
fn a_flag_names_targets_too_and_a_collector_that_is_off_probes_nothing() {
    let asked = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = asked.clone();
    let well = serve(move |stream| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        answer(stream, "HTTP/1.1 204 No Content\r\n\r\n");
    });
    let probe = format!("--probe=page=http://{well}/");
    let off = Exporter::alone(&[&probe, "--no-collector.probe"]);
    assert!(off.page().all(ATTEMPTS, &[]).next().is_none());
    off.stop();
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 0);
    let exporter = Exporter::alone(&[&probe, &format!("--probe=port=tcp://{well}")]);
    for target in ["page", "port"] {
        exporter.until_value(SUCCESS, &[("target", target)], 1.0);
    }
}
