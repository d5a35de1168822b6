//! A machine whose files change from second to second.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::file::Shape;
use super::*;

/// The files, and the peaks over them.
struct Machine {
    folder: tempfile::TempDir,
    files: [HostFile; 4],
    peaks: Peaks,
    start: Instant,
    now: Cell<Instant>,
}

const NAMES: [&str; 4] = ["stat", "meminfo", "diskstats", "dev"];

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| -> PathBuf { folder.path().join(name) };
        let files = NAMES.map(|name| HostFile::new(path(name), Shape::Whole));
        let exclude = |pattern: &str| Regex::new(pattern).unwrap();
        let peaks = Peaks::new(Duration::from_secs(60), exclude("^loop"), exclude("^veth"));
        let start = Instant::now();
        Machine { folder, files, peaks, start, now: Cell::new(start) }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn sample(&mut self, seconds: f64) {
        self.now.set(self.start + Duration::from_secs_f64(seconds));
        let [stat, meminfo, diskstats, net_dev] = &mut self.files;
        let files = Files { stat, meminfo, diskstats, net_dev };
        self.peaks.sample(files, 10_000_000, &|| self.now.get(), &mut Vec::new());
    }

    fn at(&self, seconds: f64) -> HostPeaks {
        self.peaks.at(self.start + Duration::from_secs_f64(seconds))
    }
}

#[test]
fn a_burst_of_a_second_is_seen_for_the_window_and_no_longer() {
    let mut machine = Machine::new();
    let write = |machine: &Machine, ticks: u64, used_kb: u64, disk: u64, net: u64| {
        machine.write("stat", &format!("cpu  {ticks} 0 0 5 5 0 0 5\n"));
        machine.write("meminfo", &format!("MemTotal: 4000 kB\nMemAvailable: {} kB\n", 4000 - used_kb));
        let disk = format!("1 0 loop0 x\n8 0 sda {disk} 0 {disk} 0 {disk} 0 0 0 0 {disk} 0\n");
        machine.write("diskstats", &disk);
        let net = format!("a|\nb|\neth0: {net} 0 0 0 0 0 0 0 {} 0\nveth1: x\n", net * 2);
        machine.write("dev", &net);
    };
    write(&machine, 1_000, 500, 100, 100);
    machine.sample(0.0);
    assert_eq!(machine.at(0.0), HostPeaks { memory_used: Some(500 << 10), ..HostPeaks::default() });
    // Two seconds on the cores within one, and quiet before and after.
    for (second, ticks, used, disk, net) in
        [(1, 1_000, 500, 100, 100), (2, 1_200, 900, 600, 5_100), (3, 1_200, 400, 600, 5_100)]
    {
        write(&machine, ticks, used, disk, net);
        machine.sample(f64::from(second));
    }
    let seen = machine.at(15.0);
    assert_eq!((seen.cpu_cores, seen.memory_used), (Some(2.0), Some(900 << 10)));
    assert_eq!(seen.disks, [DevicePeaks { device: "sda".into(), rates: [500.0, 500.0, 0.0, 1000.0] }]);
    assert_eq!(seen.network, [DevicePeaks { device: "eth0".into(), rates: [5_000.0, 10_000.0] }]);
    assert_eq!(machine.peaks.outcome().problem, None);
    assert_eq!(machine.at(30.0), seen, "whoever looks changes nothing");
    assert_eq!(machine.at(100.0), HostPeaks::default());
}

#[test]
fn a_device_that_is_gone_is_seen_until_its_peak_is_past_and_begins_anew() {
    let mut machine = Machine::new();
    let device = |bytes: u64| format!("usb0: {bytes} 0 0 0 0 0 0 0 0\n");
    for (second, text) in [(0.0, device(0)), (1.0, device(50)), (2.0, String::new()), (3.0, device(9_000))] {
        machine.write("dev", &text);
        machine.sample(second);
        let peaks: Vec<f64> = machine.at(second).network.iter().map(|one| one.rates[0]).collect();
        assert!(if second == 0.0 { peaks.is_empty() } else { peaks == [50.0] }, "{second}: {peaks:?}");
    }
    // Made anew between two samples: its counter has fallen.
    machine.write("dev", &device(10));
    machine.sample(4.0);
    assert_eq!(machine.at(4.0).network[0].rates[0], 50.0);
    machine.write("dev", "");
    machine.sample(90.0);
    assert_eq!(machine.at(90.0).network, []);
}

#[test]
fn a_broken_file_is_named_and_the_others_are_sampled() {
    let mut machine = Machine::new();
    for (second, ticks) in [(0.0, 0), (1.0, 50)] {
        machine.write("stat", &format!("cpu  {ticks} 0 0\n"));
        machine.write("diskstats", "8 0 sda nonsense\n");
        machine.sample(second);
    }
    let outcome = machine.peaks.outcome();
    assert!(outcome.problem.as_ref().is_some_and(|problem| problem.ends_with("diskstats`")), "{outcome:?}");
    assert_eq!(machine.at(1.0).cpu_cores, Some(0.5));
}

proptest! {
    /// Whatever devices come and go, in whatever order: their peaks are their highest rates.
    #[test]
    fn devices_are_told_apart(rounds in proptest::collection::vec(proptest::collection::vec((0..6_usize, 0..100_u64), 0..6), 1..20)) {
        let mut machine = Machine::new();
        let mut totals = [0_u64; 6];
        let mut expected = [None::<f64>; 6];
        let mut there = [false; 6];
        for (second, round) in rounds.iter().enumerate() {
            let mut text = String::new();
            let mut now = [false; 6];
            for (device, bytes) in round {
                if std::mem::replace(&mut now[*device], true) {
                    continue;
                }
                totals[*device] += bytes;
                text += &format!("{}{device}: {} 0 0 0 0 0 0 0 0\n", if *device == 5 { "veth" } else { "eth" }, totals[*device]);
                if there[*device] && *device != 5 {
                    expected[*device] = Some(expected[*device].unwrap_or(0.0).max(*bytes as f64));
                }
            }
            there = now;
            machine.write("dev", &text);
            machine.sample(second as f64);
        }
        let seen = machine.at(rounds.len() as f64);
        for (number, expected) in expected.iter().enumerate() {
            let name = format!("eth{number}");
            let peak = seen.network.iter().find(|one| *one.device == *name).map(|one| one.rates[0]);
            match (peak, expected) {
                (Some(peak), Some(expected)) => prop_assert!((peak - expected).abs() < 1e-6),
                (peak, expected) => prop_assert_eq!(peak, *expected),
            }
        }
    }
}
