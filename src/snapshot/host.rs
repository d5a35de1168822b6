//! The machine's numbers, one part a collector of the host.
//!
//! A part is `None` where its collector is off, the machine does not have it, or it could not
//! be read; [`Host::outcomes`] tells these apart.

use std::sync::Arc;

use crate::metrics::foreign::Foreign;
use crate::metrics::{Histogram, LabelBlock};

/// What was read of the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// How reading went for each collector that is on, in the order of reading.
    pub outcomes: Vec<Outcome>,
    /// Time of each core.
    pub cpu: Option<Vec<CpuTime>>,
    /// Frequencies of each core.
    pub cpufreq: Option<Arc<Vec<CpuFrequency>>>,
    /// What the scheduler has done on each core.
    pub schedstat: Option<Vec<CpuSchedule>>,
    /// Counts of the kernel.
    pub stat: Option<KernelStat>,
    /// Load over one, five and fifteen minutes.
    pub loadavg: Option<[f64; 3]>,
    /// Fields of `meminfo` as its table has them, in bytes.
    pub meminfo: Option<Fields>,
    /// Fields of `vmstat` as its table has them.
    pub vmstat: Option<Fields>,
    /// Pressure.
    pub pressure: Option<HostPressure>,
    /// File handles.
    pub filefd: Option<FileHandles>,
    /// Random bits that the kernel has, and the size of its pool.
    pub entropy: Option<Entropy>,
    /// Tasks that the kernel has found to hang.
    pub hung_tasks: Option<u64>,
    /// Block devices.
    pub disks: Option<Vec<Disk>>,
    /// File systems, each device once.
    pub filesystems: Option<Filesystems>,
    /// Traffic of network devices.
    pub netdev: Option<Vec<NetDevice>>,
    /// Properties of network devices.
    pub netclass: Option<Vec<Arc<NetClass>>>,
    /// Counters of protocols as their table has them.
    pub netstat: Option<Fields>,
    /// Numbers of sockets as their table has them.
    pub sockstat: Option<Fields>,
    /// TCP sockets of the host's network.
    pub tcp: Option<Arc<TcpSockets>>,
    /// Connection tracking.
    pub conntrack: Option<Conntrack>,
    /// Packet processing of each core.
    pub softnet: Option<Vec<Softnet>>,
    /// IPv4 neighbours by network device.
    pub arp: Option<Vec<(String, u64)>>,
    /// What waits in UDP sockets.
    pub udp_queues: Option<UdpQueues>,
    /// Kernel and name of the machine.
    pub uname: Option<Arc<Uname>>,
    /// The operating system.
    pub os: Option<Arc<OsRelease>>,
    /// What the time is taken from, and the time zone.
    pub clock: Option<Clock>,
    /// The clock's discipline.
    pub timex: Option<Timex>,
    /// What text files say.
    pub textfile: Option<Arc<TextFiles>>,
    /// What does not change while the machine runs.
    pub facts: Option<&'static Facts>,
    /// The highest samples of the last while.
    pub peaks: Option<HostPeaks>,
}

impl Host {
    /// The size of the file system on which the engine keeps its data.
    pub fn data_root_bytes(&self) -> Option<u64> {
        let filesystems = self.filesystems.as_ref()?;
        let root = filesystems.data_root.as_ref()?;
        let found = filesystems.mounted.iter().find(|one| one.mount.numbers == root.mount.numbers)?;
        found.usage.as_ref().ok().map(|usage| usage.size)
    }
}

/// How reading went for one collector.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its name in the catalogue.
    pub collector: &'static str,
    /// Time it took, in nanoseconds.
    pub duration_ns: u64,
    /// Whether there was something to read.
    pub found: bool,
    /// What went wrong, if something did.
    pub problem: Option<String>,
}

/// Values of a table of the catalogue, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub Box<[Option<u64>]>);

/// Time of one core, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// Its number.
    pub cpu: u32,
    /// user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice.
    pub modes_ns: [u64; 10],
}

/// Frequencies of one core; what it does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuFrequency {
    /// Its number.
    pub cpu: u32,
    /// The hardware's present, mean, least and highest frequency, then what the kernel has
    /// chosen and may choose at least and at most, in kilohertz.
    pub khz: [Option<u64>; 7],
    /// Who chooses.
    pub governor: Option<String>,
    /// Who could.
    pub governors: Vec<String>,
}

/// What the scheduler has done on one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuSchedule {
    /// Its number.
    pub cpu: u32,
    /// Time for which tasks ran, in nanoseconds.
    pub running_ns: u64,
    /// Time for which tasks waited, in nanoseconds.
    pub waiting_ns: u64,
    /// Time slices.
    pub timeslices: u64,
}

/// The kernel's random bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entropy {
    /// Bits that there are.
    pub available_bits: u64,
    /// Bits that there can be.
    pub pool_size_bits: Option<u64>,
}

/// Counts of `/proc/stat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelStat {
    /// Interrupts.
    pub interrupts: Option<u64>,
    /// Context switches.
    pub context_switches: Option<u64>,
    /// Processes and threads made.
    pub forks: Option<u64>,
    /// Start of the machine, in seconds since 1970.
    pub boot_time_s: Option<u64>,
    /// Threads that run or could.
    pub running: Option<u64>,
    /// Threads that wait for a device.
    pub blocked: Option<u64>,
}

/// Time lost, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostPressure {
    /// Cores: some task waited.
    pub cpu_waiting_ns: Option<u64>,
    /// Devices: some task waited.
    pub io_waiting_ns: Option<u64>,
    /// Devices: every task waited.
    pub io_stalled_ns: Option<u64>,
    /// Memory: some task waited.
    pub memory_waiting_ns: Option<u64>,
    /// Memory: every task waited.
    pub memory_stalled_ns: Option<u64>,
    /// Interrupts: every task waited.
    pub irq_stalled_ns: Option<u64>,
}

/// File handles of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileHandles {
    /// In use.
    pub allocated: u64,
    /// Possible.
    pub maximum: u64,
}

/// One block device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Its name, as `sda`.
    pub device: String,
    /// Its major and minor number.
    pub numbers: (u32, u32),
    /// What else is known of it.
    pub info: Arc<DiskInfo>,
    /// The columns after the name as the kernel gives them: sectors of 512 bytes, milliseconds.
    pub columns: [u64; 17],
    /// How many of them this kernel has.
    pub known: usize,
}

/// What udev and the kernel know of a block device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskInfo {
    /// Whether something turns in it.
    pub rotational: bool,
    /// udev's properties, by the index of [`DiskInfo::PROPERTIES`]; empty where it has none.
    pub properties: [String; DiskInfo::PROPERTIES.len()],
}

impl DiskInfo {
    /// The properties that are shown, as udev names them.
    pub const PROPERTIES: [&'static str; 19] = [
        "ID_PATH",
        "ID_WWN",
        "ID_MODEL",
        "ID_REVISION",
        "SCSI_IDENT_SERIAL",
        "ID_SERIAL_SHORT",
        "ID_SERIAL",
        "ID_FS_TYPE",
        "ID_FS_USAGE",
        "ID_FS_UUID",
        "ID_FS_VERSION",
        "DM_NAME",
        "DM_UUID",
        "DM_VG_NAME",
        "DM_LV_NAME",
        "DM_LV_LAYER",
        "ID_ATA_WRITE_CACHE",
        "ID_ATA_WRITE_CACHE_ENABLED",
        "ID_ATA_ROTATION_RATE_RPM",
    ];

    /// A property, empty if udev does not have it.
    pub fn property(&self, name: &str) -> &str {
        let place = Self::PROPERTIES.iter().position(|property| *property == name);
        place.map_or("", |place| &self.properties[place])
    }
}

/// The file systems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filesystems {
    /// Each device once.
    pub mounted: Vec<Filesystem>,
    /// Where the engine keeps its data.
    pub data_root: Option<DataRoot>,
}

/// One file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filesystem {
    /// Where it is mounted.
    pub mount: Arc<Mount>,
    /// What it says of itself; `Err` is why it does not.
    pub usage: Result<Usage, String>,
}

/// One mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted, as `/dev/sda1`.
    pub device: String,
    /// Where, as the host sees it.
    pub mountpoint: String,
    /// The type.
    pub fstype: String,
    /// Major and minor number of the device.
    pub numbers: (u32, u32),
    /// Whether nothing can be written.
    pub readonly: bool,
}

/// Use of a file system; sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Its size.
    pub size: u64,
    /// Free, what is reserved for root included.
    pub free: u64,
    /// Free for everyone.
    pub available: u64,
    /// Inodes.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
}

/// Where the engine keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataRoot {
    /// The folder, as the engine names it.
    pub path: String,
    /// The mount under which its device is shown.
    pub mount: Arc<Mount>,
}

/// Traffic of one network device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetDevice {
    /// Its name.
    pub device: String,
    /// The sixteen columns of `/proc/net/dev`, in their order.
    pub columns: [u64; 16],
    /// Packets that nobody took since the device is the inactive one of a bond.
    pub nohandler: Option<u64>,
}

/// Properties of one network device; what it does not have is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetClass {
    /// Its name.
    pub device: String,
    /// The hardware address.
    pub address: String,
    /// The address that reaches all.
    pub broadcast: String,
    /// `full` or `half`; empty where it has none.
    pub duplex: String,
    /// `up`, `down`, `unknown`, …
    pub operstate: String,
    /// A name given by an administrator.
    pub ifalias: String,
    /// The numbers, by the index of [`NetClass::NUMBERS`].
    pub numbers: [Option<i64>; NetClass::NUMBERS.len()],
}

impl NetClass {
    /// The files that hold one number each.
    pub const NUMBERS: [&'static str; 17] = [
        "addr_assign_type",
        "carrier",
        "carrier_changes",
        "carrier_up_count",
        "carrier_down_count",
        "dev_id",
        "dormant",
        "flags",
        "ifindex",
        "iflink",
        "link_mode",
        "mtu",
        "name_assign_type",
        "netdev_group",
        "speed",
        "tx_queue_len",
        "type",
    ];
}

/// The TCP sockets of the host's network at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpSockets {
    /// How many there are in each state of [`TcpSockets::STATES`].
    pub states: [u64; TcpSockets::STATES.len()],
    /// Bytes that were received and that no program has read.
    pub rx_queued_bytes: u64,
    /// Bytes that were sent and are not acknowledged, or not sent yet.
    pub tx_queued_bytes: u64,
    /// Round-trip times in seconds that were observed so far: of connections within the
    /// machine, and of the others.
    pub rtt: [Histogram; 2],
}

impl TcpSockets {
    /// The names of states by their numbers in the kernel; 0 is none.
    pub const STATES: [&'static str; 12] = [
        "",
        "established",
        "syn_sent",
        "syn_recv",
        "fin_wait1",
        "fin_wait2",
        "time_wait",
        "close",
        "close_wait",
        "last_ack",
        "listen",
        "closing",
    ];

    /// Upper bounds of the round-trip times: from within a machine to around the world.
    const RTT_BOUNDS: &'static [f64] =
        &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];
}

impl Default for TcpSockets {
    fn default() -> Self {
        let rtt = [(); 2].map(|()| Histogram::fine(Self::RTT_BOUNDS));
        TcpSockets { states: [0; TcpSockets::STATES.len()], rx_queued_bytes: 0, tx_queued_bytes: 0, rtt }
    }
}

/// Connection tracking; counts are sums over all cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conntrack {
    /// Connections.
    pub entries: u64,
    /// Connections that there can be.
    pub limit: Option<u64>,
    /// found, invalid, ignore, insert, insert_failed, drop, early_drop, search_restart.
    pub counts: [u64; 8],
}

/// Packet processing of one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Softnet {
    /// Its number.
    pub cpu: u32,
    /// processed, dropped, times_squeezed, cpu_collision, received_rps, flow_limit_count,
    /// backlog_len; what an older kernel does not have is 0, as node_exporter shows it.
    pub counts: [u64; 7],
}

/// Kernel and name of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uname {
    /// The kernel, as `Linux`.
    pub sysname: String,
    /// Its release.
    pub release: String,
    /// Its build.
    pub version: String,
    /// The architecture.
    pub machine: String,
    /// The machine's name.
    pub nodename: String,
    /// Its NIS domain.
    pub domainname: String,
}

/// Bytes that wait in UDP sockets; `None` where the kernel does not speak the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpQueues {
    /// To be sent and received, over IPv4.
    pub v4: Option<(u64, u64)>,
    /// The same over IPv6.
    pub v6: Option<(u64, u64)>,
}

/// The operating system, as its `os-release` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OsRelease {
    /// The values, by the index of [`OsRelease::KEYS`]; empty where it does not say.
    pub values: [String; OsRelease::KEYS.len()],
    /// The first two parts of its version.
    pub version: Option<f64>,
    /// The end of its support, in seconds since 1970.
    pub support_end_s: Option<i64>,
}

impl OsRelease {
    /// The keys that are shown, with the labels that show them.
    pub const KEYS: [(&'static str, &'static str); 12] = [
        ("BUILD_ID", "build_id"),
        ("ID", "id"),
        ("ID_LIKE", "id_like"),
        ("IMAGE_ID", "image_id"),
        ("IMAGE_VERSION", "image_version"),
        ("NAME", "name"),
        ("PRETTY_NAME", "pretty_name"),
        ("VARIANT", "variant"),
        ("VARIANT_ID", "variant_id"),
        ("VERSION", "version"),
        ("VERSION_CODENAME", "version_codename"),
        ("VERSION_ID", "version_id"),
    ];

    /// The value of one of them, if the file says it.
    pub fn value(&self, key: &str) -> Option<&str> {
        let place = Self::KEYS.iter().position(|(known, _)| *known == key)?;
        Some(self.values[place].as_str()).filter(|value| !value.is_empty())
    }
}

/// What the time is taken from, and the time zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Sources by device: those that there are, and the one that is used.
    pub sources: Arc<Vec<(Vec<String>, String)>>,
    /// The zone's abbreviation now, and its seconds east of UTC.
    pub zone: Option<(String, i32)>,
}

/// The clock's discipline, as the kernel gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timex {
    /// Whether the clock is held to a reliable one.
    pub synchronised: bool,
    /// Flags.
    pub status: i64,
    /// Offset, in nanoseconds.
    pub offset_ns: i64,
    /// Frequency, in parts of 65536 per million.
    pub frequency: i64,
    /// Largest error, in microseconds.
    pub maxerror_us: i64,
    /// Probable error, in microseconds.
    pub esterror_us: i64,
    /// Time constant of the loop.
    pub constant: i64,
    /// Time between ticks, in microseconds.
    pub tick_us: i64,
    /// Frequency of the pulse per second, in parts of 65536 per million.
    pub pps_frequency: i64,
    /// Jitter of the pulse per second, in nanoseconds.
    pub pps_jitter_ns: i64,
    /// Length of an interval.
    pub pps_shift: i64,
    /// Stability, in parts of 65536 per million.
    pub pps_stability: i64,
    /// Jitter exceeded, intervals, errors, stability exceeded.
    pub pps_counts: [i64; 4],
    /// Atomic time less UTC, in seconds.
    pub tai_offset_s: i64,
}

/// What text files say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextFiles {
    /// Whether a file or the directory could not be read or was refused.
    pub failed: bool,
    /// The files that are shown, with their time of change in nanoseconds since 1970.
    pub files: Vec<(String, u64)>,
    /// Families, each once.
    pub families: Vec<TextFamily>,
}

/// A family of text files.
#[derive(Clone, Debug, PartialEq)]
pub struct TextFamily {
    /// Its name, kind and help.
    pub family: Arc<Foreign>,
    /// Its samples.
    pub samples: Vec<(LabelBlock, f64)>,
}

/// The highest samples of the last while; what was not sampled is `None` or not in its list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostPeaks {
    /// Cores at work.
    pub cpu_cores: Option<f64>,
    /// Memory in use, in bytes.
    pub memory_used: Option<u64>,
    /// Block devices: milliseconds busy, sectors of 512 bytes read, sectors written, operations.
    pub disks: Vec<DevicePeaks<4>>,
    /// Network devices: bytes received, bytes sent.
    pub network: Vec<DevicePeaks<2>>,
}

/// The highest rates of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct DevicePeaks<const N: usize> {
    /// Its name.
    pub device: Arc<str>,
    /// The highest of each rate, a second; not all of one moment.
    pub rates: [f64; N],
}

/// What does not change while the machine runs; what is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The name of the processor.
    pub cpu_model: String,
    /// Its maker, as `GenuineIntel`.
    pub cpu_vendor: String,
    /// The architecture, as `x86_64`.
    pub architecture: String,
    /// Cores, without those that share one.
    pub physical_cores: Option<usize>,
}
