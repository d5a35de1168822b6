//! Bursts that no scrape sees: what is sampled below the second shows them to everyone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::engine::{Container, Engine, IDLE};
use crate::exporter::Exporter;
use crate::exposition::Page;
use crate::poll::{eventually, pause};

/// A core that is busy for 300 ms, and what it has taken of one, as `time` prints it.
const BURST: &str = "time -p sh -c 'while :; do :; done & usleep 300000; kill $!; wait' 2>&1";

/// Cores that a burst really had: on a machine under load it is less than one.
fn burst(container: &Container<'_>) -> f64 {
    let said = container.exec(&["sh", "-c", BURST]);
    let seconds = |what: &str| {
        let found = said.lines().find_map(|line| line.strip_prefix(what)?.trim().parse::<f64>().ok());
        found.unwrap_or_else(|| panic!("no `{what}` in {said}"))
    };
    (seconds("user ") + seconds("sys ")) / seconds("real ")
}

/// Observations above the last bound that lies below a value.
fn observed_above_bound_below(page: &Page, name: &str, value: f64) -> f64 {
    let buckets = page.all("container_cpu_usage_cores_bucket", &[]);
    let of_container = buckets.filter(|bucket| bucket.label("name") == Some(name));
    let bound = |le: &str| le.parse::<f64>().expect("a bound");
    let below = of_container.filter(|bucket| bucket.label("le").is_some_and(|le| bound(le) < value));
    let up_to = below.map(|bucket| bucket.value).fold(0.0, f64::max);
    page.sum("container_cpu_usage_cores_count", &[("name", name)]) - up_to
}

/// Set when it is dropped, also by a panic: whoever waits for it goes on.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_burst_of_300_ms_is_in_peak_and_histogram_for_scrapers_of_any_rhythm() {
    let Some(engine) = Engine::shared() else { return };
    let container = engine.run("burst", &[], IDLE);
    let exporter = Exporter::of(&engine);
    let name = [("name", "burst")];
    exporter.until("the container is sampled", |page| {
        page.value("container_cpu_usage_cores_count", &name).filter(|count| *count > 0.0)
    });
    let over = AtomicBool::new(false);
    let (calm, restless) = thread::scope(|scope| {
        let restless = scope.spawn(|| {
            let mut highest = 0.0_f64;
            loop {
                let last = over.load(Ordering::Relaxed);
                highest =
                    highest.max(exporter.page().value("container_cpu_peak_cores", &name).unwrap_or(0.0));
                if last {
                    return highest;
                }
                pause(Duration::from_millis(10));
            }
        });
        let at_end = SetAtEnd(&over);
        // Where the sampler too has to wait for a core, its tick may be left out: try again.
        let calm = eventually("a burst is seen by who comes late", || {
            let had = burst(&container);
            // Two ticks and more, so that the burst lies behind.
            pause(Duration::from_secs(1));
            let page = exporter.page();
            let peak = page.value("container_cpu_peak_cores", &name)?;
            let observed = observed_above_bound_below(&page, "burst", peak);
            (peak >= 0.6 * had && observed >= 1.0).then_some(peak)
        });
        drop(at_end);
        (calm, restless.join().expect("the other scraper"))
    });
    assert!(restless >= calm, "one scraper saw {restless}, the other {calm}");
}
