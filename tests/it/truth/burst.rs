//! What happens between two scrapes: a burst of 300 ms, and memory that was held for a second.

use std::sync::PoisonError;
use std::time::Duration;

use super::cpu::PROCESSORS;
use super::memory::bound;
use super::{Load, Unit, compare, exporter_of, rows, scrape};
use crate::engine::Engine;
use crate::poll::{eventually, pause};

/// Of a burst of 300 ms at least this much is seen, wherever the ticks of 250 ms fall.
const SEEN: f64 = 0.6;

#[test]
fn a_burst_and_a_peak_between_two_scrapes() {
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-burst";
    let Some(mut load) = Load::start(&engine, name, &[]) else { return };
    let exporter = exporter_of(&engine, name);

    // Where other work delays a tick it is tried again.
    let shared = PROCESSORS.read().unwrap_or_else(PoisonError::into_inner);
    let (truth, reported) = eventually("a burst is seen", || {
        let did = load.ask("cpu user 300 1");
        pause(Duration::from_secs(1));
        let truth = did.number("total_us") / did.number("wall_us");
        let reported = scrape(&exporter).sum("container_cpu_peak_cores", &[("name", name)]);
        (reported >= SEEN * truth).then_some((truth, reported))
    });
    drop(shared);
    rows::record("a burst of 300 ms, highest sample", Unit::Cores, truth, reported);
    assert!(reported < 1.1, "one thread cannot use {reported} cores");

    let before = scrape(&exporter).sum("container_memory_usage_bytes", &[("name", name)]);
    let took = load.ask("memory 134217728");
    pause(Duration::from_secs(1));
    load.ask("release");
    let reported = scrape(&exporter).sum("container_memory_peak_bytes", &[("name", name)]) - before;
    let what = "memory held for a second between scrapes, highest sample";
    let truth = took.number("anonymous_bytes");
    compare(what, Unit::Bytes, truth, reported, bound(truth));
}
