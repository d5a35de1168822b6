//! What an attempt leaves behind.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const SECONDS: Duration = Duration::from_secs(10);

fn http(address: SocketAddr, path: &str) -> ProbeTarget {
    let config = crate::config::Sources {
        flags: [("probe".to_owned(), vec![format!("a=http://{address}{path}")])].into(),
        ..Default::default()
    };
    config.load().unwrap().probes[0].target.clone()
}

#[tokio::test]
async fn a_request_names_its_host_and_who_asks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 1000];
        let read = stream.read(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&head[..read]).to_lowercase()
    };
    let mut prober = Prober::new(http(address, "/a?b=c"), SECONDS);
    let (outcome, head) = tokio::join!(prober.attempt(), server);
    assert!(outcome.result.is_ok(), "{outcome:?}");
    assert!(head.starts_with("get /a?b=c http/1.1\r\n"), "{head}");
    for line in [format!("host: {address}"), format!("user-agent: {}", AGENT), "connection: close".into()] {
        assert!(head.contains(&line), "{head}");
    }
}

#[tokio::test]
async fn a_page_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let counted = sent.clone();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while let Ok(written) = stream.write(&[b'x'; 4096]).await {
            counted.fetch_add(written as u64, Ordering::Relaxed);
        }
    });
    let outcome = Prober::new(http(address, "/"), SECONDS).attempt().await;
    assert!(outcome.result.is_ok(), "{outcome:?}");
    // The server is told by a closed connection.
    server.await.unwrap();
    assert!(sent.load(Ordering::Relaxed) >= MOST_OF_A_PAGE as u64);
}

#[tokio::test]
async fn a_lookup_that_hangs_is_waited_for_again_and_not_begun_anew() {
    let target = ProbeTarget::Tcp(Authority { host: "target.invalid".into(), port: 1 });
    let mut prober = Prober::new(target, Duration::from_millis(20));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (done, answer) = tokio::sync::oneshot::channel::<()>();
    prober.lookup = Some(tokio::spawn(async move {
        let _ = answer.await;
        Ok(vec![address])
    }));
    for _ in 0..2 {
        let outcome = prober.attempt().await;
        assert_eq!(outcome.result.unwrap_err().reason, Reason::Timeout);
        assert!(prober.lookup.is_some(), "the same thread is waited for");
    }
    done.send(()).unwrap();
    prober.deadline = SECONDS;
    let outcome = prober.attempt().await;
    assert!(outcome.result.is_ok(), "{outcome:?}");
    assert!(prober.lookup.is_none());
}
