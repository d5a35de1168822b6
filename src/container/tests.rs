//! Hosts of every kind, from a fixture file to a golden page.
//!
//! A fixture is one readable file: comments, then `== path` and the file's text, with `@` for
//! the folder it is unpacked to. The pages lie in `tests/golden/`; renew them with
//! `DOCKMETER_RENEW_GOLDEN=1 cargo test --lib golden` and read the difference.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::cgroup::Groups;
use super::file::DescriptorBudget;
use super::observed::ExposedLabels;
use super::sampler::{Options, Sampler};
use crate::inventory::{Container, ContainerId, Network, Snapshot, Start, State, Status};
use crate::metrics::text::{Dialect, TextEncoder};
use crate::paths::Paths;
use crate::tenant::{LabelValue, Tenant};

mod billed;
mod elsewhere;
mod faults;
mod sampled;

const RUNNING: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const STOPPED: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A fixture unpacked to a folder that goes away with it.
struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    fn unpack(name: &str) -> Host {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/hosts/{name}.host"));
        let text = fs::read_to_string(&file).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        for entry in text.split("== ").skip(1) {
            let (path, content) = entry.split_once('\n').unwrap();
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content.replace("@/", &format!("{root}/"))).unwrap();
        }
        Host { folder }
    }

    /// Adds a second running container, process 101, beside the one of the v2 fixture.
    fn add_neighbour(&self) -> Container {
        let root = self.folder.path();
        let scope = |id: &str| root.join(format!("sys/fs/cgroup/system.slice/docker-{id}.scope"));
        fs::create_dir_all(scope(STOPPED)).unwrap();
        for file in fs::read_dir(scope(RUNNING)).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), scope(STOPPED).join(file.file_name())).unwrap();
        }
        for file in ["net/dev", "net/snmp"] {
            fs::create_dir_all(root.join("proc/101/net")).unwrap();
            fs::copy(root.join("proc/100").join(file), root.join("proc/101").join(file)).unwrap();
        }
        fs::write(root.join("proc/101/cgroup"), format!("0::/system.slice/docker-{STOPPED}.scope\n"))
            .unwrap();
        let name = LabelValue::clean("neighbour");
        let state = State { pid: Some(101), ..running().state };
        Container { id: STOPPED.parse().unwrap(), name, state, ..running() }
    }

    fn options(&self) -> Options {
        let root = self.folder.path();
        let paths = Paths { procfs: root.join("proc"), sysfs: root.join("sys"), rootfs: root.into() };
        Options {
            paths,
            groups: Groups::ALL,
            exposed: ExposedLabels::new(["com.docker.compose.service"]),
            linger: Duration::from_secs(60),
            fast: Duration::from_millis(250),
            peak_window: Duration::from_secs(60),
            disk: None,
            started_at: time(0),
            statistics: None,
            host: None,
            bill: true,
        }
    }

    fn sampler(&self) -> Sampler {
        self.sampler_with(100)
    }

    /// With a budget of so many descriptors.
    fn sampler_with(&self, descriptors: usize) -> Sampler {
        Sampler::new(self.options(), DescriptorBudget::new(descriptors)).unwrap()
    }
}

/// A clock that stands still until it is told to go on.
#[derive(Clone)]
struct Hand(Arc<Mutex<Instant>>);

impl Hand {
    fn of(sampler: &mut Sampler) -> Hand {
        let hand = Hand(Arc::new(Mutex::new(Instant::now())));
        let clock = hand.clone();
        sampler.set_clock(move || clock.now());
        hand
    }

    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn go_on(&self, milliseconds: u64) {
        *self.0.lock().unwrap() += Duration::from_millis(milliseconds);
    }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn running() -> Container {
    Container {
        name: LabelValue::clean("shop-api-1"),
        image: LabelValue::clean("registry.local/shop/api:1.2"),
        image_id: "sha256:1".into(),
        labels: BTreeMap::from([("com.docker.compose.service".into(), "api".into())]),
        tenant: Tenant::claimed(Some("ann"), Some("shop"), Some("core")),
        created_at: Some(time(90)),
        state: State {
            pid: Some(100),
            started_at: Some(time(100)),
            start: Start {
                begun_at: Some(time(99)),
                running_at: Some(time(100)),
                healthy_at: Some(time(103)),
            },
            restarts: 2,
            health: Some(crate::inventory::Health::Healthy),
            ..State::new(Status::Running)
        },
        network: Network { mode: "bridge".into(), sandbox_id: "s1".into(), ..Network::default() },
        restart_policy: "always".into(),
        runtime: "runc".into(),
        ..Container::new(RUNNING.parse().unwrap(), Status::Created)
    }
}

fn stopped() -> Container {
    let state = State {
        exit_code: Some(137),
        oom_killed: true,
        started_at: Some(time(50)),
        finished_at: Some(time(60)),
        ..State::new(Status::Exited)
    };
    let name = LabelValue::clean("job \"x\"");
    Container { id: STOPPED.parse().unwrap(), name, state, labels: BTreeMap::new(), ..running() }
}

fn inventory(containers: impl IntoIterator<Item = Container>) -> Snapshot {
    let by_id = |container: Container| (container.id, Arc::new(container));
    Snapshot { containers: containers.into_iter().map(by_id).collect(), ..Snapshot::default() }
}

fn id(text: &str) -> ContainerId {
    text.parse().unwrap()
}

fn page(sampler: &mut Sampler) -> String {
    let snapshot = sampler.snapshot(time(110), (0, 0));
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    for collector in super::collectors::all() {
        collector.collect(&snapshot, &mut encoder).unwrap();
    }
    String::from_utf8(encoder.finish()).unwrap()
}

fn golden(name: &str) {
    let host = Host::unpack(name);
    let mut sampler = host.sampler();
    let hand = Hand::of(&mut sampler);
    sampler.follow(&inventory([running(), stopped()]), hand.now(), time(110));
    hand.go_on(250);
    sampler.sample_all();
    sampler.tick();
    hand.go_on(4750);
    sampler.read_all(hand.now());
    sampler.tick();
    let page = page(&mut sampler);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.prom"));
    if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &page).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap();
    assert!(page == expected, "{} differs; this is the page now:\n{page}", file.display());
}

#[test]
fn golden_page_of_a_v1_host() {
    golden("v1");
}

#[test]
fn golden_page_of_a_v2_host() {
    golden("v2");
}

#[test]
fn golden_page_of_a_hybrid_host() {
    golden("hybrid");
}

#[test]
fn golden_page_of_a_rootless_engine() {
    golden("rootless");
}

#[test]
fn golden_page_of_a_nested_engine() {
    golden("nested");
}

#[test]
fn golden_page_of_a_custom_parent() {
    golden("custom-parent");
}

#[test]
fn the_numbers_of_an_ended_run_stay_for_the_linger_time_and_then_leave_no_series() {
    let host = Host::unpack("v2");
    let mut sampler = host.sampler();
    let now = Instant::now();
    sampler.follow(&inventory([running()]), now, time(110));
    let mut ended = running();
    ended.state.pid = None;
    ended.state.status = Status::Exited;
    sampler.follow(&inventory([ended]), now, time(111));
    assert!(page(&mut sampler).contains("container_cpu_usage_seconds_total{"));
    sampler.read_all(now + Duration::from_secs(61));
    let later = page(&mut sampler);
    assert!(!later.contains("container_cpu_usage_seconds_total{"), "{later}");
    assert!(later.contains("container_state{"), "a stopped container keeps its state");
    sampler.follow(&inventory([]), now, time(180));
    assert!(!page(&mut sampler).contains("shop-api-1"));
}

#[test]
fn a_tenants_total_keeps_a_removed_container() {
    let host = Host::unpack("v2");
    let mut sampler = host.sampler();
    let now = Instant::now();
    sampler.follow(&inventory([running()]), now, time(110));
    sampler.follow(&inventory([]), now, time(111));
    sampler.read_all(now);
    let total = "tenant_cpu_core_seconds_total{user=\"ann\",project=\"shop\",team=\"core\"} 12.345678\n";
    assert!(page(&mut sampler).contains(total), "{}", page(&mut sampler));
}

#[test]
fn nothing_is_billed_before_the_tenant_is_final_and_nothing_is_lost_by_that() {
    let host = Host::unpack("v2");
    let mut sampler = host.sampler();
    let now = Instant::now();
    let pending = Container { tenant: Tenant::unknown(), tenant_known: false, ..running() };
    sampler.follow(&inventory([pending]), now, time(110));
    sampler.read_all(now);
    assert!(!page(&mut sampler).contains("tenant_cpu_core_seconds_total{"));
    sampler.follow(&inventory([running()]), now, time(111));
    sampler.read_all(now);
    let page = page(&mut sampler);
    let totals: Vec<&str> = page.lines().filter(|line| line.starts_with("tenant_cpu")).collect();
    assert_eq!(
        totals,
        ["tenant_cpu_core_seconds_total{user=\"ann\",project=\"shop\",team=\"core\"} 12.345678"]
    );
}

#[test]
fn a_container_that_was_excluded_for_a_while_is_not_billed_from_its_start_again() {
    let host = Host::unpack("v2");
    let mut sampler = host.sampler();
    let now = Instant::now();
    for containers in [vec![running()], vec![], vec![running()]] {
        sampler.follow(&inventory(containers), now, time(110));
    }
    sampler.read_all(now);
    assert!(page(&mut sampler).contains("team=\"core\"} 12.345678\n"), "{}", page(&mut sampler));
}

#[test]
fn an_unreadable_file_costs_only_itself_and_is_counted() {
    let host = Host::unpack("v2");
    let scope = host.folder.path().join(format!("sys/fs/cgroup/system.slice/docker-{RUNNING}.scope"));
    fs::write(scope.join("memory.peak"), "nonsense").unwrap();
    let mut sampler = host.sampler();
    sampler.follow(&inventory([running()]), Instant::now(), time(110));
    let page = page(&mut sampler);
    assert!(!page.contains("container_memory_max_usage_bytes{"), "{page}");
    assert!(page.contains("container_memory_usage_bytes{"), "{page}");
    assert_eq!(sampler.snapshot(time(110), (0, 0)).read_errors, [("memory.peak", 1)]);
}

#[test]
fn a_shared_network_namespace_is_counted_once_and_host_networking_not_at_all() {
    let host = Host::unpack("v2");
    for mode in ["host".to_owned(), format!("container:{STOPPED}")] {
        let mut container = running();
        container.network.mode = mode;
        let mut sampler = host.sampler();
        sampler.follow(&inventory([container]), Instant::now(), time(110));
        assert!(!page(&mut sampler).contains("container_network_receive_bytes_total"));
    }
}

#[test]
fn connections_are_counted_again_once_a_packet_has_passed() {
    let host = Host::unpack("v2");
    let file = |name: &str| host.folder.path().join("proc/100/net").join(name);
    let replace = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(file(name)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(file(name), text.replace(from, to)).unwrap();
    };
    let mut sampler = host.sampler();
    let now = Instant::now();
    sampler.follow(&inventory([running()]), now, time(110));
    let mut connections = || {
        sampler.read_all(now);
        let page = page(&mut sampler);
        let line = page.lines().find(|line| line.starts_with("container_network_tcp_connections{")).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(connections(), "3");
    replace("snmp", " 3 100", " 4 100");
    assert_eq!(connections(), "3", "no packet, no change");
    replace("dev", " 120 ", " 121 ");
    assert_eq!(connections(), "4");
    replace("snmp", " 4 100", " 2 100");
    let later: Vec<String> = (0..12).map(|_| connections()).collect();
    assert_eq!(later.last().unwrap(), "2", "a silent end is seen in a while");
}

#[test]
fn a_namespace_seen_twice_is_counted_once_until_its_owner_is_gone() {
    let host = Host::unpack("v2");
    let neighbour = host.add_neighbour();
    // One inode under both processes, as a shared namespace has.
    let namespace = |pid: u32| host.folder.path().join(format!("proc/{pid}/ns/net"));
    for pid in [100, 101] {
        fs::create_dir_all(namespace(pid).parent().unwrap()).unwrap();
    }
    fs::write(namespace(100), "").unwrap();
    fs::hard_link(namespace(100), namespace(101)).unwrap();
    let mut sampler = host.sampler();
    let traffic = |page: &str| {
        let lines = page.lines().filter(|line| line.starts_with("container_network_receive_bytes_total{"));
        lines.map(|line| line.contains("neighbour")).collect::<Vec<bool>>()
    };
    let now = Instant::now();
    sampler.follow(&inventory([running(), neighbour.clone()]), now, time(110));
    assert_eq!(traffic(&page(&mut sampler)), [false]);
    sampler.follow(&inventory([]), now, time(111));
    sampler.follow(&inventory([neighbour]), now, time(112));
    assert_eq!(traffic(&page(&mut sampler)), [true], "inode numbers are used again");
}

#[test]
fn a_container_that_could_not_be_read_is_tried_again() {
    let host = Host::unpack("v2");
    let neighbour = host.add_neighbour();
    let cgroup = host.folder.path().join("proc/101/cgroup");
    let text = fs::read(&cgroup).unwrap();
    fs::write(&cgroup, "0::/\n").unwrap();
    let mut sampler = host.sampler();
    let now = Instant::now();
    assert!(sampler.follow(&inventory([neighbour.clone()]), now, time(110)).is_empty());
    fs::write(&cgroup, text).unwrap();
    assert_eq!(sampler.open_runs(now, time(115)), [neighbour.id]);
}

#[test]
fn a_reused_process_id_is_never_read_for_another_container() {
    let host = Host::unpack("v2");
    let mut stranger = running();
    stranger.id = id(STOPPED);
    let mut sampler = host.sampler();
    sampler.follow(&inventory([stranger]), Instant::now(), time(110));
    assert!(!page(&mut sampler).contains("container_cpu_usage_seconds_total{"));
    assert_eq!(sampler.snapshot(time(110), (0, 0)).read_errors, [("open", 1)]);
}
