//! What is written down, and until when it is believed.

use std::sync::atomic::Ordering;

use super::super::fixture::{Host, source};
use super::*;

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn watch(host: &Arc<Host>) -> (Board, Watch) {
    let board = Board::default();
    let interval = Duration::from_secs(300);
    (board.clone(), Watch::new(board, source(host), Arc::default(), interval))
}

#[tokio::test]
async fn what_is_so_now_is_counted_by_kind_and_tenant() {
    let host = Arc::default();
    let (board, watch) = watch(&host);
    watch.look(time(0)).await.unwrap();
    let counts = board.counts(time(0));
    let told: Vec<String> =
        counts.keys().map(|found| format!("{} of {}", found.kind, found.tenant.team)).collect();
    assert_eq!(told, ["throttling of core", "throttling of unknown"]);
}

#[tokio::test]
async fn a_look_that_fails_leaves_what_was_found_until_it_is_too_old() {
    let host: Arc<Host> = Arc::default();
    let (board, watch) = watch(&host);
    watch.look(time(0)).await.unwrap();
    host.is_down.store(true, Ordering::Relaxed);
    assert!(watch.look(time(300)).await.is_err());
    assert_eq!((board.counts(time(900)).len(), board.counts(time(901)).len()), (2, 0));
}

#[tokio::test]
async fn of_containers_that_a_prometheus_does_not_know_nothing_is_told() {
    let host: Arc<Host> = Arc::default();
    host.is_strange.store(true, Ordering::Relaxed);
    let (board, watch) = watch(&host);
    watch.look(time(0)).await.unwrap();
    assert!(board.counts(time(0)).is_empty());
}
