//! What tenants are billed of a whole host, read through its files.

use super::*;
use crate::tenant::Resources;

/// A host of two cores and 4 GiB, as its files say it after so many ticks of use.
fn host_says(host: &Host, busy_ticks: u64, available_kb: u64) {
    let proc = host.folder.path().join("proc");
    let stat = format!("cpu  {busy_ticks} 0 0 9 0 0 0 0 0 0\ncpu0 0 0 0 9\ncpu1 0 0 0 9\nintr 1\n");
    fs::write(proc.join("stat"), stat).unwrap();
    let meminfo = format!("MemTotal: 4194304 kB\nMemFree: 1 kB\nMemAvailable: {available_kb} kB\n");
    fs::write(proc.join("meminfo"), meminfo).unwrap();
}

/// User and value of a family's series.
fn lines(page: &str, family: &str) -> Vec<(String, f64)> {
    let of_family = page.lines().filter(|line| line.starts_with(&format!("{family}{{")));
    let read = |line: &str| {
        let user = line.split("user=\"").nth(1)?.split('"').next()?;
        Some((user.to_owned(), line.rsplit(' ').next()?.parse().ok()?))
    };
    of_family.map(|line| read(line).unwrap()).collect()
}

#[test]
fn what_a_host_has_is_given_to_tenants_system_and_idle() {
    let host = Host::unpack("v2");
    host_says(&host, 100, 1 << 20);
    // The container is older than the exporter, so that its past is nobody's.
    let options = Options { started_at: time(1_000), ..host.options() };
    let mut sampler = Sampler::new(options, DescriptorBudget::new(100)).unwrap();
    let now = Instant::now();
    let reserved = Resources { cpu_nanocores: Some(500_000_000), memory_bytes: Some(1 << 30) };
    let container = Container { reserved, ..running() };
    sampler.follow(&inventory([container]), now, time(1_000));
    sampler.read_all(now);
    let before = page(&mut sampler);
    host_says(&host, 300, 1 << 20);
    sampler.read_all(now + Duration::from_secs(10));
    let after = page(&mut sampler);
    let grown = |family: &str| -> Vec<(String, f64)> {
        let before: BTreeMap<String, f64> = lines(&before, family).into_iter().collect();
        let grown = |(user, after): (String, f64)| {
            let grown = after - before.get(&user).copied().unwrap_or(0.0);
            (user, grown)
        };
        lines(&after, family).into_iter().map(grown).collect()
    };
    let expected = |lines: [(&str, f64); 3]| lines.map(|(user, value)| (user.to_owned(), value)).to_vec();
    let cores = expected([("ann", 5.0), ("system", 2.0), ("idle", 13.0)]);
    assert_eq!(grown("tenant_cpu_core_seconds_total"), cores, "half a core for ten seconds");
    let memory = grown("tenant_memory_byte_seconds_total");
    let gib_seconds = |gib: f64| 10.0 * gib * f64::from(1 << 30);
    assert_eq!(memory.iter().map(|(_, value)| value).sum::<f64>(), gib_seconds(4.0));
    assert_eq!(memory[0], ("ann".to_owned(), gib_seconds(1.0)), "it uses less");
    assert_eq!(lines(&after, "tenant_network_bytes_total").len(), 2, "only of containers");
}

#[test]
fn a_container_that_changes_hands_leaves_its_past_with_its_old_tenant() {
    let host = Host::unpack("v2");
    let mut sampler = host.sampler();
    let now = Instant::now();
    sampler.follow(&inventory([running()]), now, time(0));
    sampler.read_all(now);
    let bob = Container { tenant: Tenant::claimed(Some("bob"), None, None), ..running() };
    let scope = host.folder.path().join(format!("sys/fs/cgroup/system.slice/docker-{RUNNING}.scope"));
    let use_cpu = |seconds: u64| {
        let text = fs::read_to_string(scope.join("cpu.stat")).unwrap();
        let rest: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
        fs::write(scope.join("cpu.stat"), format!("usage_usec {}\n{rest}", seconds * 1_000_000)).unwrap();
    };
    use_cpu(20);
    sampler.follow(&inventory([bob]), now + Duration::from_secs(1), time(0));
    use_cpu(23);
    sampler.read_all(now + Duration::from_secs(2));
    let billed = lines(&page(&mut sampler), "tenant_cpu_core_seconds_total");
    let expected = [("ann".to_owned(), 20.0), ("bob".to_owned(), 3.0)];
    assert_eq!(billed, expected, "what was used up to the change was read for it");
}

#[test]
fn without_the_bill_no_container_leaves_anything_behind() {
    let host = Host::unpack("v2");
    let options = Options { bill: false, ..host.options() };
    let mut sampler = Sampler::new(options, DescriptorBudget::new(100)).unwrap();
    let now = Instant::now();
    sampler.follow(&inventory([running()]), now, time(0));
    sampler.follow(&inventory([]), now, time(0));
    sampler.read_all(now);
    assert!(sampler.snapshot(time(1), (0, 0)).tenants.is_empty());
}
