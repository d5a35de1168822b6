//! The thread with a real clock: that figures arrive, and that a stop needs no waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::tests::{Host, inventory};
use super::*;

#[test]
fn figures_arrive_on_the_board_and_work_is_counted() {
    let host = Host::new();
    let container = host.make("a", 1 << 20, &[]);
    let known = Arc::new(Inventory::default());
    let board = Board::default();
    let options = Options { paths: host.paths(), interval: Duration::from_secs(60), budget: 0.5 };
    let thread = DiskThread::start(options, known.clone(), board.clone()).unwrap();
    let now = inventory([container.clone()]);
    known.update(|snapshot| *snapshot = now);
    let deadline = Instant::now() + Duration::from_secs(30);
    let disk = loop {
        let figures = board.latest();
        if let Some(disk) = figures.containers.get(&container.id).filter(|disk| disk.writable_layer.is_some())
        {
            assert!(figures.worked > Duration::ZERO);
            break disk.clone();
        }
        assert!(Instant::now() < deadline, "nothing was measured");
        std::thread::yield_now();
    };
    assert!(disk.billed_bytes >= 1 << 20);
    drop(thread);
}

#[test]
fn a_rest_ends_at_once_when_the_thread_is_told_to_stop() {
    let shared = Arc::new(Shared::default());
    shared.tell(|requests| requests.stop = true);
    let requests = shared.wait(Some(Instant::now() + Duration::from_secs(3600)), |requests| requests.stop);
    assert!(requests.stop);
}
