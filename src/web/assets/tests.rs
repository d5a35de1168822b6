//! The page's files as a browser gets them; which they are is the fixture's.

use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::web::access::Access;
use crate::web::fixture::{self, Fixed, get, request, send};

const SCRIPT: &[u8] = b"document.title = 'dockmeter'; document.title = 'dockmeter';";

/// A page of three files, of which the script is packed.
fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        std::io::Write::write_all(&mut encoder, SCRIPT).unwrap();
        let packed: &'static [u8] = encoder.finish().unwrap().leak();
        let plain = |name, content_type, bytes: &'static [u8]| File {
            name,
            content_type,
            hash: "0123",
            hashed: false,
            length: bytes.len(),
            gzip: false,
            bytes,
        };
        let script = File {
            gzip: true,
            hashed: true,
            length: SCRIPT.len(),
            ..plain("assets/index-a1.js", "text/javascript; charset=utf-8", packed)
        };
        vec![
            script,
            plain("favicon.svg", "image/svg+xml", b"<svg/>"),
            plain("index.html", "text/html; charset=utf-8", b"<!doctype html>"),
        ]
    })
}

fn context_of(access: Access, max_requests: usize) -> Arc<Context> {
    let source = Fixed { hangs: false, latest: Some(fixture::snapshot().into()) };
    let context = Arc::into_inner(fixture::context_of(source, access, max_requests)).unwrap();
    Arc::new(Context { files: files(), ..context })
}

fn context() -> Arc<Context> {
    context_of(Access::default(), 0)
}

#[tokio::test]
async fn the_page_is_for_everybody_and_lets_nothing_of_others_in() {
    for peer in ["192.0.2.1", "127.0.0.1"] {
        let page = send(&context(), peer, request("/?user=bob#token", &[])).await;
        assert_eq!((page.status.as_u16(), page.text()), (200, "<!doctype html>"));
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-cache");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    // What it asks for is another matter.
    assert_eq!(send(&context(), "192.0.2.1", request("/api/whoami", &[])).await.status, 401);
}

#[tokio::test]
async fn a_file_whose_name_changes_with_it_is_kept_for_a_year() {
    let script = get(&context(), "/assets/index-a1.js", &[]).await;
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(get(&context(), "/favicon.svg", &[]).await.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn a_packed_file_is_unpacked_for_who_does_not_take_gzip() {
    let ask = async |accept| get(&context(), "/assets/index-a1.js", &[("accept-encoding", accept)]).await;
    let packed = ask("gzip, br").await;
    assert_eq!((packed.header("content-encoding"), packed.header("etag")), ("gzip", "\"0123-gzip\""));
    assert_eq!(packed.body, files()[0].bytes);
    for accept in ["", "br", "gzip;q=0"] {
        let plain = ask(accept).await;
        assert_eq!((plain.header("content-encoding"), plain.header("etag")), ("", "\"0123\""));
        assert_eq!(plain.body, SCRIPT, "{accept}");
        assert_eq!(plain.header("vary"), "Accept-Encoding");
    }
    // What did not become smaller is not packed.
    let icon = get(&context(), "/favicon.svg", &[("accept-encoding", "gzip")]).await;
    assert_eq!((icon.header("content-encoding"), icon.text()), ("", "<svg/>"));
}

#[tokio::test]
async fn who_has_a_file_is_not_sent_it_again() {
    let ask = async |path, tags, accept| {
        get(&context(), path, &[("if-none-match", tags), ("accept-encoding", accept)]).await
    };
    for tags in ["\"0123\"", "W/\"0123\"", "\"x\", \"0123\"", "*"] {
        let same = ask("/", tags, "gzip").await;
        assert_eq!((same.status.as_u16(), same.body.len()), (304, 0), "{tags}");
        assert_eq!((same.header("etag"), same.header("cache-control")), ("\"0123\"", "no-cache"));
    }
    for tags in ["", "\"0124\"", "0123", "\"0123-gzip\""] {
        assert_eq!(ask("/", tags, "gzip").await.status, 200, "{tags}");
    }
    // One coding does not stand for another.
    assert_eq!(ask("/assets/index-a1.js", "\"0123-gzip\"", "gzip").await.status, 304);
    assert_eq!(ask("/assets/index-a1.js", "\"0123-gzip\"", "").await.status, 200);
}

#[tokio::test]
async fn the_head_of_a_file_can_be_asked_for() {
    let mut head = request("/", &[]);
    *head.method_mut() = axum::http::Method::HEAD;
    let head = send(&context(), "192.0.2.1", head).await;
    assert_eq!((head.status.as_u16(), head.header("content-length"), head.body.len()), (200, "15", 0));
}

#[tokio::test]
async fn what_is_no_file_of_the_page_is_not_found() {
    for path in ["/assets/index.js", "/assets/..%2Findex.html", "/assets/%2e%2e/index.html", "/index.html"] {
        get(&context(), path, &[]).await.problem(404);
    }
    // In a build without a page there is none.
    for path in ["/assets/index-a1.js", "/favicon.svg"] {
        get(&fixture::context(), path, &[]).await.problem(404);
    }
}

#[tokio::test]
async fn files_count_among_the_requests_that_are_limited() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    std::fs::write(&file, "rate_limit: {interval: 1h, burst: 1}").unwrap();
    let prepared = crate::web::entrance::Prepared::read(Some(&file)).unwrap();
    let entrance = Arc::new(crate::web::entrance::Entrance::new(prepared, [0; 32]));
    let context = Arc::new(Arc::into_inner(context()).unwrap().with_entrance(entrance));
    assert_eq!(get(&context, "/", &[]).await.status, 200);
    assert!(get(&context, "/favicon.svg", &[]).await.problem(429).contains("`rate_limit`"));
}

#[test]
fn what_is_built_in_is_whole() {
    for file in BUILT_IN {
        let length = if file.gzip { unpacked(file).unwrap().len() } else { file.bytes.len() };
        assert_eq!(length, file.length, "{}", file.name);
        assert_eq!(file.hashed, file.name.starts_with("assets/"), "{}", file.name);
    }
    assert!(BUILT_IN.is_empty() || has_page(BUILT_IN));
}
