//! Answers of an engine, cut anywhere.

use futures_util::StreamExt as _;
use proptest::prelude::*;

use super::*;
use crate::docker::fake::{Engine, Reply};

/// A frame with a piece of a line.
fn frame(stream: u8, text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[stream, 0, 0, 0][..], &length, text].concat()
}

const TIME: &str = "2026-01-01T00:00:00.123456789Z";

fn timed(text: &str) -> Vec<u8> {
    format!("{TIME} {text}").into_bytes()
}

/// The lines of an answer that comes in pieces of this size.
fn lines(answer: &[u8], size: usize) -> Vec<(LogStream, bool, String)> {
    let (mut reader, mut lines) = (Reader::default(), Vec::new());
    let mut take = |line: LogLine| {
        lines.push((line.stream, line.timestamp == TIME.parse().ok(), line.line));
    };
    for bytes in answer.chunks(size) {
        reader.read(bytes, &mut take);
    }
    reader.end(&mut take);
    lines
}

fn out(text: &str) -> (LogStream, bool, String) {
    (LogStream::Stdout, true, text.to_owned())
}

#[test]
fn frames_are_lines_of_both_outputs_wherever_they_are_cut() {
    let answer = [
        frame(1, &timed("first\n")),
        frame(2, &timed("error\n")),
        frame(1, &timed("\n")),
        frame(1, &timed("a piece, ")),
        frame(2, &timed("between\n")),
        frame(1, &timed("and the rest\n")),
        frame(1, &timed("no end")),
    ]
    .concat();
    let err = |text: &str| (LogStream::Stderr, true, text.to_owned());
    // A line is there when its end is.
    let expected =
        [out("first"), err("error"), out(""), err("between"), out("a piece, and the rest"), out("no end")];
    for size in 1..answer.len() {
        assert_eq!(lines(&answer, size), expected, "in pieces of {size}");
    }
}

#[test]
fn a_terminals_bytes_are_lines_too() {
    let answer = [timed("first\r\n"), timed("\r\n"), timed("second 1 2\r\n"), timed("$ ")].concat();
    for size in 1..answer.len() {
        assert_eq!(lines(&answer, size), [out("first"), out(""), out("second 1 2"), out("$ ")], "{size}");
    }
}

#[test]
fn long_lines_are_cut_and_what_has_no_time_is_kept() {
    let long = "x".repeat(3 * LINE_BYTES);
    let answer = [frame(1, &timed(&long)), frame(1, &timed("tail\n")), frame(1, &timed("next\n"))].concat();
    let found = lines(&answer, 1000);
    assert_eq!((found[0].2.len(), &found[1]), (LINE_BYTES, &out("next")));
    let without = frame(1, b"no time here\n");
    assert_eq!(lines(&without, 5), [(LogStream::Stdout, false, "no time here".to_owned())]);
    let binary = frame(1, &[timed("").as_slice(), b"\xff\xfe\n"].concat());
    assert_eq!(lines(&binary, 100)[0].2, "\u{fffd}\u{fffd}");
}

#[test]
fn of_wanted_lines_the_newest_are_kept() {
    let wanted: crate::snapshot::LogFilter = Arc::new(|line| line.ends_with('5'));
    let query = LogQuery { tail: 2, since: None, wanted: Some(wanted) };
    let mut kept = Kept { query, lines: VecDeque::new(), bytes: 0 };
    for number in 0..100 {
        kept.take(LogLine { stream: LogStream::Stdout, timestamp: None, line: number.to_string() });
    }
    assert_eq!(kept.lines.iter().map(|line| line.line.as_str()).collect::<Vec<_>>(), ["85", "95"]);
    kept.query = LogQuery { tail: 1000, since: None, wanted: None };
    for _ in 0..1000 {
        kept.take(LogLine { stream: LogStream::Stdout, timestamp: None, line: "x".repeat(LINE_BYTES) });
    }
    assert_eq!(kept.bytes, KEPT_BYTES);
}

#[tokio::test]
async fn a_log_is_followed_until_the_engine_breaks_off() {
    let engine = Engine::start();
    let id: ContainerId = "3f".repeat(32).parse().unwrap();
    let path = format!("/v1.51/containers/{id}/logs");
    let begun = vec![frame(1, &timed("first\n")), frame(1, &timed("sec"))];
    engine.reply(&path, Reply::Stream(begun));
    let (client, _) = Client::connect(engine.endpoint(), Arc::default()).await.unwrap();
    let (_kept, clients) = watch::channel(Some(client));
    let logs = EngineLogs::new(clients);
    let mut flow = logs.follow(id, TIME.parse().ok()).await.unwrap();
    let texts = |lines: Vec<LogLine>| lines.into_iter().map(|line| line.line).collect::<Vec<_>>();
    assert_eq!(texts(flow.next().await.unwrap().unwrap()), ["first"]);
    engine.send(&frame(1, &timed("ond\n")));
    assert_eq!(texts(flow.next().await.unwrap().unwrap()), ["second"]);
    // A connection that is cut within a line.
    let half = frame(1, &timed("half a line"));
    let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", half.len());
    engine.reply(&path, Reply::Raw([head.as_bytes(), &half, b"\r\n"].concat()));
    let mut flow = logs.follow(id, None).await.unwrap();
    let error = flow.next().await.unwrap().unwrap_err();
    assert!(error.to_string().starts_with("the engine broke off"), "{error}");
    assert!(flow.next().await.is_none(), "half a line is none");
    let asked = engine.asked().into_iter().find(|path| path.contains("follow=1")).unwrap();
    assert!(asked.ends_with("&since=1767225600.123456789"), "{asked}");
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..2000), size in 1_usize..100) {
        let whole = lines(&bytes, bytes.len().max(1));
        prop_assert_eq!(lines(&bytes, size), whole);
    }
}
