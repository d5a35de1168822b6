//! Containers whose numbers come from the engine's statistics: which they are, and what
//! becomes of the numbers.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::*;
use crate::config::ContainerSource;
use crate::container::sampler::Elsewhere;
use crate::snapshot::{Cpu, Interface, Machine, Memory, Sources, Statistics, StatisticsRead, Stats, Traffic};

/// An engine that says what it is told to.
#[derive(Debug, Default)]
struct Engine {
    wanted: Mutex<BTreeSet<ContainerId>>,
    said: Mutex<Option<Arc<StatisticsRead>>>,
}

impl Statistics for Engine {
    fn want(&self, containers: BTreeSet<ContainerId>) {
        *self.wanted.lock().unwrap() = containers;
    }

    fn latest(&self, container: &ContainerId) -> Option<Arc<StatisticsRead>> {
        self.wanted.lock().unwrap().contains(container).then(|| self.said.lock().unwrap().clone())?
    }

    fn machine(&self) -> Option<Machine> {
        Some(Machine { cpu_cores: Some(64), memory_bytes: None })
    }

    fn failures(&self) -> u64 {
        3
    }
}

impl Engine {
    /// Says how many seconds of CPU time, asked for and read at a moment.
    fn say(&self, cpu_seconds: u64, at: Instant) {
        let traffic = Traffic { bytes: cpu_seconds, ..Traffic::default() };
        let interface = Interface { name: "eth0".into(), receive: traffic, transmit: traffic };
        let network = crate::snapshot::Network { interfaces: vec![interface], tcp_established: None };
        let stats = Stats {
            cpu: Some(Cpu { usage_ns: cpu_seconds * 1_000_000_000, ..Cpu::default() }),
            memory: Some(Memory { usage: 10, working_set: 10, ..Memory::default() }),
            network: Some(network),
            ..Stats::default()
        };
        *self.said.lock().unwrap() = Some(Arc::new(StatisticsRead { asked_at: at, read_at: at, stats }));
    }

    fn wants(&self) -> Vec<ContainerId> {
        self.wanted.lock().unwrap().iter().copied().collect()
    }
}

/// A sampler of a fixture beside an engine that can be asked.
fn sampler(host: &Host, source: ContainerSource, remote: bool) -> (Sampler, Arc<Engine>) {
    let engine = Arc::new(Engine::default());
    let statistics = Some(Elsewhere { statistics: engine.clone(), source, remote });
    let options = Options { statistics, ..host.options() };
    (Sampler::new(options, DescriptorBudget::new(100)).unwrap(), engine)
}

/// A container whose process is not on this machine.
fn far() -> Container {
    let state = State { pid: Some(999), ..running().state };
    Container { id: id(STOPPED), name: LabelValue::clean("far"), state, ..running() }
}

fn cpu_of(sampler: &mut Sampler, name: &str) -> Option<u64> {
    let snapshot = sampler.snapshot(time(110), (0, 0));
    let reading = snapshot.containers.iter().find(|one| one.container.name.as_str() == name)?;
    Some(reading.stats.as_ref()?.cpu?.usage_ns / 1_000_000_000)
}

#[test]
fn who_has_no_cgroup_here_is_asked_about_and_nobody_else() {
    let host = Host::unpack("v2");
    let (mut sampler, engine) = sampler(&host, ContainerSource::Auto, false);
    let now = Instant::now();
    sampler.follow(&inventory([running(), far()]), now, time(110));
    assert_eq!(engine.wants(), [id(STOPPED)]);
    engine.say(7, now);
    sampler.read_all(now);
    assert_eq!(cpu_of(&mut sampler, "far"), Some(7));
    let snapshot = sampler.snapshot(time(110), (0, 0));
    assert_eq!(snapshot.sources, Sources { cgroup: 1, api: 1 });
    assert_ne!(snapshot.machine.cpu_cores, Some(64), "the machine is this one");
    assert!(snapshot.read_errors.contains(&("api", 3)));
}

#[test]
fn a_process_id_of_another_machine_is_not_looked_up_here() {
    let host = Host::unpack("v2");
    // Process 100 is the container's here, by chance the same as there.
    let (mut sampler, engine) = sampler(&host, ContainerSource::Auto, true);
    let now = Instant::now();
    sampler.follow(&inventory([running()]), now, time(110));
    assert_eq!(engine.wants(), [id(RUNNING)]);
    let snapshot = sampler.snapshot(time(110), (0, 0));
    assert_eq!(snapshot.sources, Sources { cgroup: 0, api: 1 });
    assert_eq!(snapshot.machine.cpu_cores, Some(64), "the machine is the engine's");
    assert_eq!(cpu_of(&mut sampler, "shop-api-1"), None, "nothing is said yet");
}

#[test]
fn each_source_can_be_asked_for() {
    let host = Host::unpack("v2");
    let now = Instant::now();
    for (source, sources) in [
        (ContainerSource::Api, Sources { cgroup: 0, api: 2 }),
        (ContainerSource::Cgroup, Sources { cgroup: 1, api: 0 }),
    ] {
        let (mut sampler, _engine) = sampler(&host, source, false);
        sampler.follow(&inventory([running(), far()]), now, time(110));
        assert_eq!(sampler.snapshot(time(110), (0, 0)).sources, sources, "{source:?}");
    }
}

#[test]
fn rates_and_bills_are_by_the_time_of_the_engines_reads() {
    let host = Host::unpack("v2");
    let (mut sampler, engine) = sampler(&host, ContainerSource::Api, false);
    let (start, second) = (Instant::now(), Duration::from_secs(1));
    sampler.follow(&inventory([running()]), start, time(110));
    engine.say(100, start + second);
    let late = start + 5 * second;
    sampler.read_all(late);
    sampler.tick();
    // Two seconds later by the engine, ten by the sampler: one core, not a fifth of one.
    engine.say(102, start + 3 * second);
    sampler.read_all(late + 10 * second);
    sampler.tick();
    let cores = |sampler: &mut Sampler| sampler.snapshot(time(110), (0, 0)).containers[0].usage_cores;
    assert_eq!(cores(&mut sampler), Some(1.0));
    // Nothing new: neither a rate of zero nor a second bill.
    sampler.read_all(late + 11 * second);
    sampler.tick();
    assert_eq!(cores(&mut sampler), Some(1.0));
    let bill = &sampler.snapshot(time(110), (0, 0)).tenants[0];
    assert_eq!(bill.cpu_ns, Some(102_000_000_000));
    // From the start at 100 to the first read at 110 by the clock, then by the engine.
    assert_eq!(bill.memory_byte_seconds, Some(10.0 * 10.0 + 10.0 * 2.0));
}

#[test]
fn what_was_said_of_an_earlier_run_is_not_taken_for_this_one() {
    let host = Host::unpack("v2");
    let (mut sampler, engine) = sampler(&host, ContainerSource::Api, false);
    let (start, second) = (Instant::now(), Duration::from_secs(1));
    sampler.follow(&inventory([running()]), start, time(110));
    engine.say(50, start);
    sampler.read_all(start);
    assert_eq!(cpu_of(&mut sampler, "shop-api-1"), Some(50));
    let again = State { pid: Some(200), started_at: Some(time(120)), ..running().state };
    sampler.follow(&inventory([Container { state: again, ..running() }]), start + second, time(121));
    sampler.read_all(start + 2 * second);
    assert_eq!(cpu_of(&mut sampler, "shop-api-1"), None);
    engine.say(1, start + 2 * second);
    sampler.read_all(start + 3 * second);
    assert_eq!(cpu_of(&mut sampler, "shop-api-1"), Some(1));
}

#[test]
fn a_shared_network_is_left_to_the_container_that_owns_it() {
    let host = Host::unpack("v2");
    for (mode, counted) in [("bridge", true), ("host", false), ("container:cc", false)] {
        let (mut sampler, engine) = sampler(&host, ContainerSource::Api, false);
        let now = Instant::now();
        let network = Network { mode: mode.into(), ..Network::default() };
        sampler.follow(&inventory([Container { network, ..running() }]), now, time(110));
        engine.say(1, now);
        sampler.read_all(now);
        assert_eq!(page(&mut sampler).contains("interface=\"eth0\""), counted, "{mode}");
    }
}

#[test]
fn a_container_that_has_stopped_is_not_asked_about_any_more() {
    let host = Host::unpack("v2");
    let (mut sampler, engine) = sampler(&host, ContainerSource::Api, false);
    let now = Instant::now();
    sampler.follow(&inventory([running()]), now, time(110));
    engine.say(4, now);
    sampler.follow(&inventory([Container { id: id(RUNNING), ..stopped() }]), now, time(111));
    assert!(engine.wants().is_empty());
    sampler.read_all(now);
    assert_eq!(
        sampler.snapshot(time(111), (0, 0)).tenants[0].cpu_ns,
        Some(4_000_000_000),
        "what was said is billed"
    );
    sampler.read_all(now + Duration::from_secs(61));
    assert_eq!(cpu_of(&mut sampler, "job \"x\""), None);
}
