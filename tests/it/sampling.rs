//! Bursts that no scrape sees: what is sampled below the second shows them to everyone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::engine::{Engine, IDLE};
use crate::exporter::Exporter;
use crate::exposition::Page;
use crate::poll::{eventually, pause};

/// A core that is busy for 300 ms.
const BURST: &str = "while :; do :; done & usleep 300000; kill $!";

/// Observations of more than half a core.
fn busy_samples(page: &Page, name: &str) -> f64 {
    let up_to = |le| page.value("container_cpu_usage_cores_bucket", &[("name", name), ("le", le)]);
    up_to("+Inf").unwrap_or(0.0) - up_to("0.5").unwrap_or(0.0)
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
    thread::scope(|scope| {
        let restless = scope.spawn(|| {
            let mut highest = 0.0_f64;
            while !over.load(Ordering::Relaxed) {
                highest =
                    highest.max(exporter.page().value("container_cpu_peak_cores", &name).unwrap_or(0.0));
            }
            highest
        });
        // On a machine under load a burst may not get its core: then it is tried again.
        let calm = eventually("a burst had its core", || {
            container.exec(&["sh", "-c", BURST]);
            // Two ticks, so that the burst lies behind the last one; and the scrape comes late.
            pause(std::time::Duration::from_secs(1));
            let page = exporter.page();
            let peak = page.value("container_cpu_peak_cores", &name)?;
            (peak >= 0.6 && busy_samples(&page, "burst") >= 1.0).then_some(peak)
        });
        over.store(true, Ordering::Relaxed);
        let restless = restless.join().expect("the other scraper");
        assert!(restless >= calm, "one scraper saw {restless}, the other {calm}");
    });
    let page = exporter.page();
    let samples = page.value("container_cpu_usage_cores_count", &name).expect("a count");
    let used = page.value("container_cpu_usage_cores_sum", &name).expect("a sum");
    assert!(used / samples < 0.6, "what is busy now and then is not busy on average");
}
