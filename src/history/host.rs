//! What the machine itself did, of what the sampler has read of it: load, memory, traffic, pressure.
//!
//! Rates are of what each counter grew since the look before: a device that came meanwhile has no
//! growth yet, one that went no more, and neither makes a leap. Only devices count with hardware
//! behind them, or what the machine takes for it: what bridges, bonds, tunnels and volumes carry
//! goes through one of those, too, and would count twice.

use std::collections::BTreeMap;

use crate::metrics::catalogue::host::meminfo;
use crate::snapshot::Snapshot;
use crate::snapshot::host::{Disk, Host, NetClass, NetDevice};

use super::codec::Columns;

/// A figure of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostFigure {
    /// Its name, with its unit.
    pub name: &'static str,
    /// How many of what is kept make one.
    unit: f64,
}

const fn figure(name: &'static str, unit: f64) -> HostFigure {
    HostFigure { name, unit }
}

/// Every figure of the machine, in the order that they are kept in.
pub static HOST_FIGURES: [HostFigure; 11] = [
    figure("load1", 1e6),
    figure("memory_used_bytes", 1.0),
    figure("memory_total_bytes", 1.0),
    figure("swap_used_bytes", 1.0),
    figure("network_receive_bytes_per_second", 1.0),
    figure("network_transmit_bytes_per_second", 1.0),
    figure("disk_read_bytes_per_second", 1.0),
    figure("disk_write_bytes_per_second", 1.0),
    figure("pressure_cpu_waiting_ratio", 1e6),
    figure("pressure_memory_stalled_ratio", 1e6),
    figure("pressure_io_stalled_ratio", 1e6),
];

/// A value of each figure.
pub type HostValues = [Option<f64>; HOST_FIGURES.len()];

/// As whole numbers.
pub(super) fn columns(values: &HostValues) -> Columns {
    let whole = |(figure, value): (&HostFigure, &Option<f64>)| {
        value.map(|value| (value * figure.unit).round() as u64)
    };
    HOST_FIGURES.iter().zip(values).map(whole).collect()
}

/// Of whole numbers, by the place of a figure.
pub(super) fn values(kept: impl Fn(usize) -> Option<f64>) -> HostValues {
    std::array::from_fn(|place| Some(kept(place)? / HOST_FIGURES[place].unit))
}

/// Longer apart two looks have no rates: the machine slept, or its clock was set.
const APART_MS: i64 = 120_000;

/// Beginnings of the names of network devices that carry what another one carries, too, or what
/// does not leave the machine.
const INNER_DEVICES: [&str; 20] = [
    "bond",
    "br",
    "cali",
    "cilium",
    "cni",
    "docker",
    "dummy",
    "flannel",
    "ifb",
    "lxc",
    "podman",
    "tailscale",
    "tap",
    "team",
    "tun",
    "veth",
    "virbr",
    "vlan",
    "vxlan",
    "wg",
];

/// Beginnings of the names of block devices that are made of others, or of memory.
const INNER_DISKS: [&str; 7] = ["bcache", "dm-", "drbd", "loop", "md", "ram", "zram"];

/// Where a network device's own number stands in [`NetClass::NUMBERS`], and that of the one below it.
const IFINDEX: usize = 8;
const IFLINK: usize = 9;

/// In which a sector of `/proc/diskstats` is.
const SECTOR_BYTES: u64 = 512;

/// Where `/proc/net/dev` has bytes received and sent.
const NETWORK_BYTES: [usize; 2] = [0, 8];

/// Where `/proc/diskstats` has sectors read and written.
const DISK_SECTORS: [usize; 2] = [2, 6];

/// Bytes in and out, by device.
type Traffic = BTreeMap<String, [u64; 2]>;

/// Counters of one look.
#[derive(Debug)]
struct Counters {
    at: i64,
    network: Option<Traffic>,
    disks: Option<Traffic>,
    /// Time lost to want of cores, memory and devices, in nanoseconds.
    pressure: [Option<u64>; 3],
}

/// Looks at the machine, and remembers the look before.
#[derive(Debug, Default)]
pub(super) struct Looks(Option<Counters>);

impl Looks {
    /// Every figure that is known at a moment.
    pub(super) fn at(&mut self, snapshot: &Snapshot) -> HostValues {
        let Some(host) = snapshot.host.as_deref() else {
            self.0 = None;
            return HostValues::default();
        };
        let now = Counters::of(host, snapshot.taken_at.as_millisecond());
        let before = self.0.take().filter(|before| (1..=APART_MS).contains(&(now.at - before.at)));
        let [network, disks, pressure] = before.map(|before| now.since(&before)).unwrap_or_default();
        self.0 = Some(now);
        let [used, total, swap] = memory(host);
        let load = host.loadavg.map(|[minute, ..]| minute);
        [
            load,
            used,
            total,
            swap,
            network[0],
            network[1],
            disks[0],
            disks[1],
            pressure[0],
            pressure[1],
            pressure[2],
        ]
    }
}

impl Counters {
    fn of(host: &Host, at: i64) -> Self {
        let pressure = host.pressure.unwrap_or_default();
        let classes = host.netclass.as_deref().unwrap_or_default();
        let is_outer = |device: &&NetDevice| {
            is_outer(
                &device.device,
                classes.iter().find(|class| class.device == device.device).map(|class| &**class),
            )
        };
        let network = |devices: &Vec<NetDevice>| {
            let bytes = |device: &NetDevice| NETWORK_BYTES.map(|column| device.columns[column]);
            devices.iter().filter(is_outer).map(|device| (device.device.clone(), bytes(device))).collect()
        };
        let disks = |disks: &Vec<Disk>| {
            let bytes =
                |disk: &Disk| DISK_SECTORS.map(|column| disk.columns[column].saturating_mul(SECTOR_BYTES));
            let is_outer = |disk: &&Disk| !begins(&disk.device, &INNER_DISKS);
            disks.iter().filter(is_outer).map(|disk| (disk.device.clone(), bytes(disk))).collect()
        };
        Counters {
            at,
            network: host.netdev.as_ref().map(network),
            disks: host.disks.as_ref().map(disks),
            pressure: [pressure.cpu_waiting_ns, pressure.memory_stalled_ns, pressure.io_stalled_ns],
        }
    }

    /// Rates since an earlier look: of the network, of disks, and shares of time lost.
    fn since(&self, before: &Counters) -> [[Option<f64>; 3]; 3] {
        let seconds = (self.at - before.at) as f64 / 1e3;
        let traffic = |now: &Option<Traffic>, before: &Option<Traffic>| {
            let (Some(now), Some(before)) = (now, before) else { return [None; 3] };
            let [inward, outward] = grown(now, before).map(|bytes| Some(bytes as f64 / seconds));
            [inward, outward, None]
        };
        let lost = |place: usize| {
            let lost = self.pressure[place]?.checked_sub(before.pressure[place]?)?;
            Some(lost as f64 / 1e9 / seconds)
        };
        [
            traffic(&self.network, &before.network),
            traffic(&self.disks, &before.disks),
            std::array::from_fn(lost),
        ]
    }
}

/// What devices that are in both looks have carried between them; one that is below what it was
/// has begun anew.
fn grown(now: &Traffic, before: &Traffic) -> [u64; 2] {
    let mut grown = [0_u64; 2];
    for (device, now) in now {
        let Some(before) = before.get(device) else { continue };
        for place in 0..2 {
            let by = now[place].checked_sub(before[place]).unwrap_or(now[place]);
            grown[place] = grown[place].saturating_add(by);
        }
    }
    grown
}

fn begins(name: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a network device leads out of the machine by itself. One that lies upon another, as
/// `eth0.100` does, says so by the other's number.
fn is_outer(name: &str, class: Option<&NetClass>) -> bool {
    let lies_upon = class.is_some_and(|class| class.numbers[IFINDEX] != class.numbers[IFLINK]);
    name != "lo" && !lies_upon && !name.contains('.') && !begins(name, &INNER_DEVICES)
}

/// Memory used, all memory and swap used, in bytes.
fn memory(host: &Host) -> [Option<f64>; 3] {
    let value = |key: &str| {
        let place = meminfo::FIELDS.iter().position(|field| field.key == key)?;
        *host.meminfo.as_ref()?.0.get(place)?
    };
    let less = |all: &str, free: &str| Some(value(all)?.saturating_sub(value(free)?) as f64);
    let total = value("MemTotal").map(|bytes| bytes as f64);
    [less("MemTotal", "MemAvailable"), total, less("SwapTotal", "SwapFree")]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::snapshot::host::{Fields, HostPressure};

    fn device(name: &str, received: u64, sent: u64) -> NetDevice {
        let mut device = NetDevice { device: name.to_owned(), ..NetDevice::default() };
        (device.columns[0], device.columns[8]) = (received, sent);
        device
    }

    fn disk(name: &str, read: u64, written: u64) -> Disk {
        let mut disk = Disk { device: name.to_owned(), ..Disk::default() };
        (disk.columns[2], disk.columns[6]) = (read, written);
        disk
    }

    fn snapshot(second: i64, host: Host) -> Snapshot {
        Snapshot { taken_at: Timestamp::from_second(second).unwrap(), ..Snapshot::of_host(host) }
    }

    fn named(values: HostValues, name: &str) -> Option<f64> {
        let place = HOST_FIGURES.iter().position(|figure| figure.name == name).unwrap();
        values[place]
    }

    fn meminfo_of(known: &[(&str, u64)]) -> Fields {
        let value = |key: &str| known.iter().find(|(name, _)| *name == key).map(|(_, bytes)| *bytes);
        Fields(meminfo::FIELDS.iter().map(|field| value(field.key)).collect())
    }

    #[test]
    fn what_is_there_at_once_is_there_at_the_first_look_and_rates_at_the_second() {
        let mut looks = Looks::default();
        let meminfo = [("MemTotal", 100), ("MemAvailable", 40), ("SwapTotal", 10), ("SwapFree", 3)];
        let host = |bytes: u64| Host {
            loadavg: Some([1.5, 9.0, 9.0]),
            meminfo: Some(meminfo_of(&meminfo)),
            netdev: Some(vec![device("eth0", bytes, 2 * bytes)]),
            disks: Some(vec![disk("sda", bytes, 0)]),
            pressure: Some(HostPressure {
                cpu_waiting_ns: Some(bytes * 1_000_000),
                ..HostPressure::default()
            }),
            ..Host::default()
        };
        let first = looks.at(&snapshot(0, host(500)));
        assert_eq!(first[..4], [Some(1.5), Some(60.0), Some(100.0), Some(7.0)]);
        assert_eq!(first[4..], [None; 7]);
        let second = looks.at(&snapshot(10, host(1_500)));
        assert_eq!(second[4..8], [Some(100.0), Some(200.0), Some(51_200.0), Some(0.0)]);
        assert_eq!(
            second[8..],
            [Some(0.1), None, None],
            "of pressure that the kernel does not tell nothing is said"
        );
        assert_eq!(looks.at(&snapshot(10_000, host(2_000)))[4..], [None; 7], "the machine slept");
    }

    #[test]
    fn nothing_counts_twice_and_devices_that_come_and_go_make_no_leap() {
        let mut looks = Looks::default();
        let below = NetClass { device: "uplink".to_owned(), ..NetClass::default() };
        let mut upon = below.clone();
        (upon.numbers[IFINDEX], upon.numbers[IFLINK]) = (Some(7), Some(2));
        let host = |names: &[&str], bytes: u64| Host {
            netdev: Some(names.iter().map(|name| device(name, bytes, bytes)).collect()),
            disks: Some(["sda", "dm-0", "md127", "nvme0n1"].map(|name| disk(name, bytes, bytes)).into()),
            netclass: Some(vec![Arc::new(upon.clone())]),
            ..Host::default()
        };
        let inner =
            ["lo", "docker0", "br-0123456789ab", "veth1", "bond0", "eth0.100", "wg0", "uplink", "eth0"];
        looks.at(&snapshot(0, host(&inner, 1_000)));
        let values = looks.at(&snapshot(10, host(&[&inner[..], &["eth1"]].concat(), 2_000)));
        assert_eq!(named(values, "network_receive_bytes_per_second"), Some(100.0), "of `eth0` alone");
        assert_eq!(named(values, "disk_read_bytes_per_second"), Some(2.0 * 51_200.0));
        let values = looks.at(&snapshot(20, host(&["eth1"], 2_500)));
        assert_eq!(named(values, "network_receive_bytes_per_second"), Some(50.0));
        // Driven anew, it counts from nothing.
        let values = looks.at(&snapshot(30, host(&["eth1"], 300)));
        assert_eq!(named(values, "network_receive_bytes_per_second"), Some(30.0));
    }

    #[test]
    fn what_is_kept_comes_back_in_its_unit() {
        let mut all = HostValues::default();
        (all[0], all[1], all[10]) = (Some(0.25), Some(4_096.0), Some(0.5));
        let kept = columns(&all);
        assert_eq!(kept[..3], [Some(250_000), Some(4_096), None]);
        assert_eq!(values(|place| kept[place].map(|whole| whole as f64)), all);
    }

    #[test]
    fn a_machine_that_nothing_is_read_of_has_no_figures() {
        assert_eq!(Looks::default().at(&Snapshot::default()), HostValues::default());
    }
}
