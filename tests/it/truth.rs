//! Known loads against what is reported, with the relative error of each comparison.
//!
//! The truth is what the load program says of itself (`tests/load`) and what the kernel says
//! apart from our reading: a peer's interface, a file as the container sees it. Each story
//! starts a load in a real container, lets it rest, scrapes, lets it work, lets it rest, and
//! scrapes again: counters stand still while they are compared, so that nothing depends on
//! how busy the machine is. `./test truth` prints the table; `docs/accuracy.md` has it and
//! says where the kernel itself is not exact.

mod burst;
mod cpu;
pub(crate) mod disk;
mod life;
pub(crate) mod load;
mod memory;
pub(crate) mod network;
mod pressure;
mod rows;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engine::{Container, Engine};
use crate::exporter::Exporter;
use crate::exposition::Page;
use crate::poll::eventually;
use load::Load;
use rows::{Unit, compare};

/// The kernel adds up `memory.stat` every 2 s, later where it is busy, and earlier only when
/// much has changed.
const MEMORY_SETTLES: Duration = Duration::from_millis(2500);

/// How often that is waited for.
const MEMORY_ROUNDS: usize = 4;

/// The exporter that all stories of this room share while any of them runs: they are on one
/// engine, and an emulated machine has little to give.
fn exporter(engine: &Engine) -> Arc<Exporter> {
    static SHARED: Mutex<Weak<Exporter>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let exporter = Arc::new(Exporter::with(engine, &["--sampling.full=5s"]));
        *shared = Arc::downgrade(&exporter);
        exporter
    })
}

/// The exporter once it has read a container.
fn exporter_of(engine: &Engine, name: &str) -> Arc<Exporter> {
    let exporter = exporter(engine);
    exporter.until("the container has been read", |page| {
        page.value("container_memory_usage_bytes", &[("name", name)])
    });
    exporter
}

/// A page that was read after this call, however long reading takes.
fn scrape(exporter: &Exporter) -> Page {
    let asked = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs_f64();
    exporter.until("a new reading", |page| {
        let taken = page.all("container_last_seen", &[]).next()?.value;
        // In whole seconds.
        (taken > asked).then(|| page.clone())
    })
}

/// Whether the containers' cgroups are of version 2.
fn is_v2() -> bool {
    fs::exists("/sys/fs/cgroup/cgroup.controllers").unwrap()
}

/// A file of a container's cgroup, of a controller and, on cgroup v1, under another name.
fn cgroup_file(container: &Container<'_>, controller: &str, v2: &str, v1: &str) -> String {
    let group = format!("docker/{}", container.id);
    let file = if is_v2() { format!("{group}/{v2}") } else { format!("{controller}/{group}/{v1}") };
    let file = Path::new("/sys/fs/cgroup").join(file);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A page, and what is read besides, which nothing has moved before and after it.
fn at_rest<T: PartialEq>(exporter: &Exporter, read: impl Fn() -> T) -> (Page, T) {
    eventually("counters are at rest", || {
        let before = read();
        let page = scrape(exporter);
        (read() == before).then_some((page, before))
    })
}

/// By how much a metric of a container has grown between two pages, over all its series.
fn grown(metric: &str, name: &str, before: &Page, after: &Page) -> f64 {
    let sum = |page: &Page| {
        assert!(page.all(metric, &[("name", name)]).next().is_some(), "no `{metric}` of `{name}`");
        page.sum(metric, &[("name", name)])
    };
    sum(after) - sum(before)
}
