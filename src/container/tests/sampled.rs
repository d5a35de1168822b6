//! Samples below the second, and OOM kills, on fixture hosts and with time handed in.

use std::path::PathBuf;

use super::*;

/// The only value of a family, or of a histogram's `_sum` and `_count`.
fn value(sampler: &mut Sampler, name: &str) -> Option<f64> {
    let page = page(sampler);
    let start = format!("{name}{{");
    let mut lines = page.lines().filter(|line| line.starts_with(&start) && line.contains("shop-api-1"));
    let value = lines.next()?.rsplit(' ').next()?.parse().ok();
    assert_eq!(lines.next(), None);
    value
}

impl Host {
    /// The folder of the running container in a hierarchy below `sys/fs/cgroup`.
    fn cgroup(&self, hierarchy: &str) -> PathBuf {
        let hierarchy = self.folder.path().join("sys/fs/cgroup").join(hierarchy);
        let names = [format!("docker/{RUNNING}"), format!("system.slice/docker-{RUNNING}.scope")];
        names.iter().map(|name| hierarchy.join(name)).find(|folder| folder.is_dir()).unwrap()
    }
}

#[test]
fn a_burst_between_two_scrapes_is_seen_by_every_scraper() {
    let host = Host::unpack("v2");
    let stat = host.cgroup("").join("cpu.stat");
    let mut sampler = host.sampler();
    let hand = Hand::of(&mut sampler);
    sampler.follow(&inventory([running()]), hand.now(), time(110));
    for used_ms in [0, 150, 0] {
        let text = fs::read_to_string(&stat).unwrap();
        let usage = text.lines().next().unwrap().strip_prefix("usage_usec ").unwrap();
        let more = usage.parse::<u64>().unwrap() + used_ms * 1000;
        fs::write(&stat, text.replacen(usage, &more.to_string(), 1)).unwrap();
        // Scrapes at any moment neither make a sample nor split one.
        hand.go_on(100);
        sampler.read_all(hand.now());
        assert_eq!(page(&mut sampler), page(&mut sampler));
        hand.go_on(150);
        sampler.sample_all();
    }
    assert_eq!(value(&mut sampler, "container_cpu_usage_cores_count"), Some(3.0));
    assert_eq!(value(&mut sampler, "container_cpu_usage_cores_sum"), Some(0.6));
    assert_eq!(value(&mut sampler, "container_cpu_peak_cores"), Some(0.6));
    hand.go_on(70_000);
    assert_eq!(value(&mut sampler, "container_cpu_peak_cores"), None, "long ago");
}

#[test]
fn a_hybrid_host_is_sampled_in_nanoseconds_and_read_in_full_from_the_unified_hierarchy() {
    let host = Host::unpack("hybrid");
    let usage = host.cgroup("cpuacct").join("cpuacct.usage");
    fs::write(&usage, "1000000000\n").unwrap();
    let mut sampler = host.sampler();
    let hand = Hand::of(&mut sampler);
    sampler.follow(&inventory([running()]), hand.now(), time(110));
    let total = value(&mut sampler, "container_cpu_usage_seconds_total").unwrap();
    fs::write(&usage, "1125000000\n").unwrap();
    hand.go_on(250);
    sampler.sample_all();
    sampler.read_all(hand.now());
    assert_eq!(value(&mut sampler, "container_cpu_peak_cores"), Some(0.5));
    assert_eq!(value(&mut sampler, "container_cpu_usage_seconds_total"), Some(total));
}

#[test]
fn the_histogram_goes_on_over_a_restart() {
    let host = Host::unpack("v2");
    let mut sampler = host.sampler();
    let hand = Hand::of(&mut sampler);
    for run in 0..2 {
        let mut container = running();
        container.state.started_at = Some(time(100 + run));
        container.state.run = run as u64;
        sampler.follow(&inventory([container.clone()]), hand.now(), time(110));
        for _ in 0..2 {
            hand.go_on(250);
            sampler.sample_all();
        }
        container.state.pid = None;
        sampler.follow(&inventory([container]), hand.now(), time(110));
        hand.go_on(1000);
    }
    assert_eq!(value(&mut sampler, "container_cpu_usage_cores_count"), Some(4.0));
    sampler.read_all(hand.now() + Duration::from_secs(61));
    assert_eq!(
        value(&mut sampler, "container_cpu_usage_cores_count"),
        None,
        "a stopped one has no live series"
    );
}

#[test]
fn a_sample_of_a_cgroup_that_is_gone_ends_the_run() {
    let host = Host::unpack("v2");
    // Beyond the budget files are opened each time, and their absence shows.
    let mut sampler = host.sampler_with(0);
    let hand = Hand::of(&mut sampler);
    sampler.follow(&inventory([running()]), hand.now(), time(110));
    assert!(page(&mut sampler).contains("container_last_seen{"));
    fs::remove_dir_all(host.cgroup("")).unwrap();
    hand.go_on(250);
    sampler.sample_all();
    assert!(!page(&mut sampler).contains("container_last_seen{"));
    assert!(sampler.run(id(RUNNING)).is_none());
}

#[test]
fn scarce_descriptors_are_held_on_what_is_sampled() {
    let host = Host::unpack("v2");
    let neighbour = host.add_neighbour();
    let mut sampler = host.sampler_with(14);
    let now = Instant::now();
    sampler.follow(&inventory([running(), neighbour]), now, time(110));
    let held: Vec<PathBuf> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|path| path.starts_with(host.folder.path()))
        .collect();
    for container in [RUNNING, STOPPED] {
        for file in ["cpu.stat", "memory.current", "memory.events", "cgroup.events"] {
            let is_it = |path: &&PathBuf| path.ends_with(format!("docker-{container}.scope/{file}"));
            assert!(held.iter().any(|path| is_it(&path)), "{file} of {container} is not among {held:#?}");
        }
    }
    let page = page(&mut sampler);
    let memory = page.lines().filter(|line| line.starts_with("container_memory_rss{"));
    assert_eq!(memory.count(), 2, "what is not held is opened each time");
}

#[test]
fn where_the_kernel_tells_nobody_of_oom_the_fast_tick_reads_the_counter() {
    let host = Host::unpack("v1");
    let counter = host.cgroup("memory").join("memory.oom_control");
    let mut sampler = host.sampler();
    let hand = Hand::of(&mut sampler);
    sampler.follow(&inventory([running()]), hand.now(), time(110));
    assert_eq!(value(&mut sampler, "container_oom_events_total"), Some(1.0));
    fs::write(&counter, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n").unwrap();
    hand.go_on(250);
    sampler.sample_all();
    assert_eq!(value(&mut sampler, "container_oom_events_total"), Some(2.0));
}

#[test]
fn oom_kills_are_added_up_over_restarts_whoever_speaks_first() {
    let host = Host::unpack("v2");
    let events = host.cgroup("").join("memory.events");
    let set = |kills: u64| fs::write(&events, format!("max 9\noom 9\noom_kill {kills}\n")).unwrap();
    let mut sampler = host.sampler();
    let mut container = running();
    let mut follow = |sampler: &mut Sampler, change: &dyn Fn(&mut State)| {
        change(&mut container.state);
        sampler.follow(&inventory([container.clone()]), Instant::now(), time(110));
        value(sampler, "container_oom_events_total").unwrap()
    };
    for run in 0..3_u32 {
        let before = f64::from(run);
        set(0);
        let begun = follow(&mut sampler, &|state| {
            state.earlier_oom_kills += state.oom_kills();
            (state.oom_events, state.oom_killed, state.run) = (0, false, u64::from(run));
            (state.pid, state.started_at) = (Some(100), Some(time(i64::from(run))));
        });
        assert_eq!(begun, before);
        if run == 1 {
            // Here nobody reads the counter in time: only the engine knows.
            let told = follow(&mut sampler, &|state| (state.pid, state.oom_killed) = (None, true));
            assert_eq!(told, before + 1.0);
            continue;
        }
        set(1);
        assert_eq!(follow(&mut sampler, &|state| state.pid = None), before + 1.0, "by the last read");
        assert_eq!(follow(&mut sampler, &|state| state.oom_events = 1), before + 1.0, "the engine is late");
    }
}
