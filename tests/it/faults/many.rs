//! Two thousand containers: real cgroups, and an engine that replays what a real one would say.

use crate::bed::{Bed, remove_leftovers};
use crate::component::Component;
use crate::exporter::Exporter;
use crate::exposition::{Dialect, Page};
use crate::poll::eventually;
use crate::replay;

const CONTAINERS: usize = 2000;

/// Where their cgroups lie.
const PARENT: &str = "dockmeter-test-many";

/// Everything is read for it, and little has to be written and parsed again.
const PAGE: &str = "/metrics?collect[]=container_processes&collect[]=docker&collect[]=dockmeter";

/// A page that comes within the ten seconds that a client waits here, as Prometheus does unless
/// told otherwise.
fn page(exporter: &Exporter) -> Page {
    Page::parse(&exporter.get(PAGE).body, Dialect::Text).unwrap()
}

/// How many containers have a family.
fn with(page: &Page, family: &str) -> usize {
    page.all(family, &[]).count()
}

#[test]
fn of_two_thousand_containers_every_one_is_on_a_page_that_comes_in_time() {
    // Where there is no engine, there is no right to make cgroups either.
    if Component::Engine.path().is_none() {
        return;
    }
    remove_leftovers(PARENT).unwrap();
    let bed = Bed::without_networks(PARENT, CONTAINERS).unwrap();
    let engine = replay::Engine::start(&bed.inventory).unwrap();
    let exporter = Exporter::at(&engine.host(), &["--sampling.full=5s"]);
    eventually("the engine has told of half of them", || {
        (with(&page(&exporter), "container_threads") > CONTAINERS / 2).then_some(())
    });
    eventually("every container has been read", || {
        (with(&page(&exporter), "container_threads") == CONTAINERS).then_some(())
    });
    for _ in 0..3 {
        let page = page(&exporter);
        assert_eq!(with(&page, "container_processes"), CONTAINERS);
        assert_eq!(page.sum("container_processes", &[]), CONTAINERS as f64, "one each");
        assert_eq!(with(&page, "dockmeter_read_errors_total"), 0);
        let open = page.sum("process_open_fds", &[]);
        assert!(open < page.sum("process_max_fds", &[]), "{open} descriptors are open");
    }
}
