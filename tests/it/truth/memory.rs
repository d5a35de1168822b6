//! Memory that was touched, files in the page cache, limits, and the one kill at the limit.

use std::process::Command;

use super::{Load, MEMORY_ROUNDS, MEMORY_SETTLES, Unit, cgroup_file, compare, exporter_of, grown, scrape};
use crate::engine::Engine;
use crate::exposition::Page;
use crate::poll::pause;

const MIB: f64 = 1048576.0;

/// Relative error of bytes; page tables and the like come on top of what a program sees.
const BYTES: f64 = 0.01;

/// The relative error of so much memory: each processor charges, and counts, 64 pages ahead.
pub(super) fn bound(bytes: f64) -> f64 {
    let processors = std::thread::available_parallelism().unwrap().get();
    #[allow(clippy::cast_precision_loss, reason = "some thousands at most")]
    let ahead = 64.0 * 4096.0 * processors as f64;
    BYTES + ahead / bytes
}

/// Bytes of a file that was `written` and is in the page cache still: a kernel in want of memory
/// may have dropped some. Where `fincore` is not at hand, all of them.
fn resident(file: &str, written: f64) -> f64 {
    let told = Command::new("fincore").args(["--bytes", "--noheadings", "--output=RES", file]).output();
    let told = told.ok().and_then(|told| String::from_utf8(told.stdout).ok()?.trim().parse().ok());
    told.unwrap_or(written)
}

#[test]
fn memory_that_is_touched_and_files_that_are_cached() {
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-memory";
    let options = ["--memory=1g", "--shm-size=128m"];
    let Some(mut load) = Load::start(&engine, name, &options) else { return };
    let exporter = exporter_of(&engine, name);
    // The page once a family has grown as much as it has to, or has had the time for it.
    let settled = |family, before: Option<&Page>, truth: &dyn Fn() -> f64| {
        let mut rounds = (0..MEMORY_ROUNDS).map(|_| {
            pause(MEMORY_SETTLES);
            scrape(&exporter)
        });
        let mut page = rounds.next().expect("one round at least");
        let near = |page: &Page| {
            before.is_none_or(|before| {
                let truth = truth();
                (grown(family, name, before, page) - truth).abs() <= truth * bound(truth)
            })
        };
        while !near(&page) {
            let Some(later) = rounds.next() else { break };
            page = later;
        }
        page
    };
    let empty = settled("container_memory_rss", None, &|| 0.0);
    let limit = empty.sum("container_spec_memory_limit_bytes", &[("name", name)]);
    compare("memory limit", Unit::Bytes, 1024.0 * MIB, limit, 0.0);

    let took = load.ask("memory 134217728");
    let truth = took.number("anonymous_bytes");
    let touched = settled("container_memory_rss", Some(&empty), &|| truth);
    let rss = grown("container_memory_rss", name, &empty, &touched);
    compare("anonymous memory that was touched, `rss`", Unit::Bytes, truth, rss, bound(truth));
    let usage = grown("container_memory_usage_bytes", name, &empty, &touched);
    compare("anonymous memory that was touched, `usage`", Unit::Bytes, truth, usage, bound(truth));

    let wrote = load.ask("write /file 268435456");
    let pid = load.container.inspect("{{.State.Pid}}");
    let file = || resident(&format!("/proc/{pid}/root/file"), wrote.number("bytes"));
    let cached = settled("container_memory_cache", Some(&touched), &file);
    let cache = grown("container_memory_cache", name, &touched, &cached);
    compare("a file written, `cache`", Unit::Bytes, file(), cache, bound(file()));

    let shared = load.ask("shared /dev/shm/file 67108864").number("bytes");
    let both = || file() + shared;
    let cached = settled("container_memory_cache", Some(&touched), &both);
    let cache = grown("container_memory_cache", name, &touched, &cached);
    compare("the file and shared memory, `cache`", Unit::Bytes, both(), cache, bound(both()));

    let peak = cgroup_file(&load.container, "memory", "memory.peak", "memory.max_usage_in_bytes");
    load.ask("release");
    let released = settled("container_memory_rss", None, &|| 0.0);
    let reported = released.sum("container_memory_max_usage_bytes", &[("name", name)]);
    compare(
        "highest usage, after it was given back",
        Unit::Bytes,
        peak.trim().parse().unwrap(),
        reported,
        BYTES,
    );
    let left = grown("container_memory_rss", name, &empty, &released);
    assert!(left < bound(truth) * truth, "{left} bytes are reported that were given back");
}

#[test]
fn one_kill_at_the_limit_is_one() {
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-oom";
    let options = ["--memory=64m", "--memory-swap=64m"];
    let Some(mut load) = Load::start(&engine, name, &options) else { return };
    let exporter = exporter_of(&engine, name);
    let before = scrape(&exporter);
    let became = load.ask("oom 268435456");
    assert_eq!(became.number("signal"), 9.0, "the child was killed");
    let after = scrape(&exporter);
    let kills = grown("container_oom_events_total", name, &before, &after);
    compare("processes killed at the memory limit", Unit::Count, 1.0, kills, 0.0);
}
