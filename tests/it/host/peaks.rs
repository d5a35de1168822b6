//! Bursts of a second and a half on the machine, between two scrapes 15 s apart.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::exporter::Exporter;
use crate::exposition::Page;
use crate::poll::pause;
use crate::truth::disk::device_of;
use crate::truth::load::{Answer, Load};
use crate::truth::network::{AROUND, listens, peer};

/// How long a load works.
const BURST: Duration = Duration::from_millis(1500);

/// The time between the scrapes.
const APART: Duration = Duration::from_secs(15);

/// Of a load that has worked for so long at least half is in one step of a second, wherever the
/// ticks fall and if each comes as late as it may; loads do not work evenly.
const SEEN: f64 = 0.4;

/// Where other work keeps ticks from being made, the bursts are tried again.
const ATTEMPTS: usize = 4;

/// What was done, and what is to be seen of it.
struct Burst {
    what: &'static str,
    labels: Vec<(&'static str, String)>,
    truth: f64,
}

impl Burst {
    fn of_device(what: &'static str, device: &str, truth: f64) -> Self {
        Burst { what, labels: vec![("device", device.to_owned())], truth }
    }

    fn seen(&self, page: &Page) -> f64 {
        let labels: Vec<(&str, &str)> = self.labels.iter().map(|(name, value)| (*name, &value[..])).collect();
        page.value(self.what, &labels).unwrap_or_else(|| panic!("no `{}` of {labels:?}", self.what))
    }
}

/// Gives a command again and again for the length of a burst; the sums of two numbers of its
/// answers, a second.
fn for_a_while(numbers: [&str; 2], mut ask: impl FnMut() -> Answer) -> [f64; 2] {
    let began = Instant::now();
    let mut sums = [0.0; 2];
    while began.elapsed() < BURST {
        let answer = ask();
        for (sum, name) in sums.iter_mut().zip(numbers) {
            *sum += answer.number(name);
        }
    }
    sums.map(|sum| sum / began.elapsed().as_secs_f64())
}

fn cpu(load: &mut Load<'_>) -> Burst {
    let did = load.ask(&format!("cpu user {} 1", BURST.as_millis()));
    let truth = did.number("total_us") / did.number("wall_us");
    Burst { what: "dockmeter_host_cpu_peak_cores", labels: Vec::new(), truth }
}

fn disk(load: &mut Load<'_>, device: &str) -> Vec<Burst> {
    let mut burst = |command: &str, what| {
        let numbers = ["bytes", "wall_us"];
        let [bytes, waited_us] = for_a_while(numbers, || load.ask(&format!("{command} /data/file 67108864")));
        let busy = Burst::of_device("dockmeter_host_disk_busy_peak_ratio", device, waited_us / 1e6 / 2.0);
        // A request of the load is a MiB; the kernel may divide it, and never joins them.
        let operations = "dockmeter_host_disk_operations_peak_per_second";
        let operations = Burst::of_device(operations, device, bytes / f64::from(1 << 20));
        [Burst::of_device(what, device, bytes), busy, operations]
    };
    let written = burst("write-direct", "dockmeter_host_disk_written_peak_bytes_per_second");
    let read = burst("read-direct", "dockmeter_host_disk_read_peak_bytes_per_second");
    written.into_iter().chain(read).collect()
}

/// Datagrams from one container to another, by the host's ends of their interfaces.
fn network(sender: &mut Load<'_>, receiver: &mut Load<'_>) -> [Burst; 2] {
    let address = receiver.container.inspect("{{.NetworkSettings.IPAddress}}");
    let [from, to] = [peer(sender), peer(receiver)].map(|statistics| name_of(statistics.parent().unwrap()));
    let [bytes, datagrams] = for_a_while(["bytes", "datagrams"], || {
        receiver.tell("udp-receive 4242 4000");
        listens(receiver);
        let sent = sender.ask(&format!("udp-send {address}:4242 4000 1200"));
        receiver.answer();
        sent
    });
    let truth = bytes + datagrams * AROUND;
    [
        Burst::of_device("dockmeter_host_network_receive_peak_bytes_per_second", &from, truth),
        Burst::of_device("dockmeter_host_network_transmit_peak_bytes_per_second", &to, truth),
    ]
}

/// Memory that is held for the length of a burst, on top of what is in use.
fn memory(load: &mut Load<'_>) -> Burst {
    let before = used();
    let took = load.ask("memory 268435456").number("anonymous_bytes");
    pause(BURST);
    load.ask("release");
    // Of what is in use others may give back some meanwhile.
    let truth = before + took / 2.0;
    Burst { what: "dockmeter_host_memory_used_peak_bytes", labels: Vec::new(), truth: truth / SEEN }
}

/// Memory in use, in bytes.
fn used() -> f64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let field = |name: &str| -> f64 {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_end_matches("kB").trim().parse().unwrap()
    };
    (field("MemTotal:") - field("MemAvailable:")) * 1024.0
}

/// The disk of an engine's data, as `diskstats` names it: the whole one, not a partition.
fn disk_of(engine: &Engine) -> String {
    let device = device_of(engine);
    let entry = fs::canonicalize(Path::new("/sys/class/block").join(name_of(Path::new(&device)))).unwrap();
    let is_partition = entry.join("partition").exists();
    name_of(if is_partition { entry.parent().unwrap() } else { &entry })
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn bursts_between_two_scrapes_are_seen_by_the_second_one() {
    let Some(engine) = Engine::shared() else { return };
    let Some(mut load) = Load::start(&engine, "host-burst", &["--volume=/data"]) else { return };
    let Some(mut receiver) = Load::start(&engine, "host-burst-receiver", &[]) else { return };
    let disk_name = disk_of(&engine);
    load.ask("write-direct /data/file 67108864");
    // With the interfaces of containers; nobody but the two loads uses theirs.
    let exporter = Exporter::with(&engine, &["--sampling.full=5s", "--collector.netdev.device-exclude=^$"]);
    exporter.until("all is sampled", |page| page.all("dockmeter_host_cpu_peak_cores", &[]).next().map(drop));
    for _ in 0..ATTEMPTS {
        let (began, before) = (Instant::now(), exporter.page());
        let mut bursts = vec![cpu(&mut load), memory(&mut load)];
        bursts.extend(disk(&mut load, &disk_name));
        bursts.extend(network(&mut load, &mut receiver));
        pause(APART.saturating_sub(began.elapsed()));
        let (after, elapsed) = (exporter.page(), began.elapsed().as_secs_f64());
        let missed: Vec<String> = bursts
            .iter()
            .filter(|burst| burst.seen(&after) < SEEN * burst.truth)
            .map(|burst| format!("{}: {} of {}", burst.what, burst.seen(&after), burst.truth))
            .collect();
        println!("missed: {missed:#?}");
        if !missed.is_empty() {
            continue;
        }
        let cores = after.value("machine_cpu_cores", &[]).unwrap();
        assert!(bursts[0].seen(&after) <= cores * 1.1, "no machine works more than it has cores");
        assert!(bursts.iter().all(|burst| !burst.what.ends_with("_ratio") || burst.seen(&after) <= 1.0));
        // What a counter says of the same time, levelled out.
        let sent = &bursts[bursts.len() - 2];
        let device = [("device", sent.labels[0].1.as_str())];
        let counter = |page: &Page| page.value("node_network_receive_bytes_total", &device).unwrap();
        let level = (counter(&after) - counter(&before)) / elapsed;
        assert!(sent.seen(&after) > 2.0 * level, "{} beside {level}", sent.seen(&after));
        return;
    }
    panic!("bursts were missed; what was missed is printed above");
}
