//! Reads the host, collector after collector, and says how each one went.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use regex::Regex;

use super::background::{Background, Standing};
use super::file::{HostFile, ReadError, Shape};
use super::filesystem::mounts::{Excluded, MountTable};
use super::filesystem::{self, Statfs, statfs};
use super::network::Network;
use super::peaks::{self, Peaks};
use super::unhurried::Unhurried;
use super::{
    clock, cpu, cpufreq, diskinfo, diskstats, entropy, facts, filefd, kernel_hung, loadavg, meminfo, os,
    pressure, schedstat, stat, tcpstat, textfile, timex, uname, vmstat,
};
use crate::paths::Paths;
use crate::snapshot::host::{
    CpuFrequency, CpuTime, Entropy, Host, HostPressure, Outcome, TcpSockets, TextFiles,
};

/// Which parts of the host are read, and what is left out of them.
#[derive(Clone, Debug)]
pub struct Options {
    /// The collectors that are on, by their names in the catalogue.
    pub collectors: BTreeSet<&'static str>,
    /// Mount points that are left out.
    pub mount_points_exclude: Regex,
    /// Types of file systems that are left out.
    pub fs_types_exclude: Regex,
    /// Block devices that are left out.
    pub disks_exclude: Regex,
    /// Network devices that are left out.
    pub devices_exclude: Regex,
    /// Directories of text files.
    pub textfile_directories: Vec<PathBuf>,
    /// Time between two samples for peaks.
    pub sample_every: Duration,
    /// How far peaks look back.
    pub peak_window: Duration,
}

impl Options {
    /// Time between two samples for peaks; `None` where they are off.
    pub fn sample_every(&self) -> Option<Duration> {
        self.collectors.contains(peaks::NAME).then_some(self.sample_every)
    }
}

/// Everything that is held for reading the host.
#[derive(Debug)]
pub struct HostReader {
    options: Options,
    buffer: Vec<u8>,
    stat: HostFile,
    loadavg: HostFile,
    meminfo: HostFile,
    vmstat: HostFile,
    pressure: [HostFile; 4],
    file_nr: HostFile,
    schedstat: HostFile,
    entropy: [HostFile; 2],
    hung_tasks: HostFile,
    cpufreq: Unhurried<Option<Arc<Vec<CpuFrequency>>>>,
    diskstats: HostFile,
    disk_infos: diskinfo::Reader,
    network: Network,
    tcp: Unhurried<tcpstat::Answer>,
    filesystems: filesystem::Reader,
    uname: uname::Reader,
    os: os::Reader,
    clock: clock::Reader,
    textfiles: Background<(), Arc<TextFiles>>,
    peaks: Option<Peaks>,
    /// What was shown last of the cores, whose counters may not fall.
    cpu: Vec<CpuTime>,
    tick_ns: u64,
}

/// Runs the reading of one collector after the other.
struct Round<'o> {
    on: &'o BTreeSet<&'static str>,
    outcomes: Vec<Outcome>,
}

impl Round<'_> {
    fn part<T>(
        &mut self,
        collector: &'static str,
        read: impl FnOnce() -> Result<Option<T>, ReadError>,
    ) -> Option<T> {
        if !self.on.contains(collector) {
            return None;
        }
        let began = Instant::now();
        let read = read();
        let duration_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let (part, problem) = match read {
            Ok(part) => (part, None),
            Err(error) => (None, Some(error.to_string())),
        };
        self.outcomes.push(Outcome { collector, duration_ns, found: part.is_some(), problem });
        part
    }
}

impl HostReader {
    /// Nothing is read yet. Looks whether the host's network can be seen, and says if not.
    pub fn new(paths: &Paths, options: Options) -> Self {
        Self::asking(paths, options, Box::new(|path: &PathBuf| statfs(path)))
    }

    /// The same with another way to ask file systems.
    pub(super) fn asking(paths: &Paths, options: Options, statfs: Statfs) -> Self {
        let whole = |name: &str| HostFile::new(paths.proc(name), Shape::Whole);
        let records = |name: &str| HostFile::new(paths.proc(name), Shape::Records);
        let number = |name: &str| HostFile::new(paths.sysctl(name), Shape::Line);
        let excluded = Excluded {
            mount_points: options.mount_points_exclude.clone(),
            types: options.fs_types_exclude.clone(),
        };
        let textfiles = Mutex::new(textfile::Reader::new(options.textfile_directories.clone()));
        let read_textfiles =
            move |(): &()| Arc::new(textfiles.lock().unwrap_or_else(PoisonError::into_inner).read());
        let peaks = options.sample_every().map(|_| {
            Peaks::new(options.peak_window, options.disks_exclude.clone(), options.devices_exclude.clone())
        });
        HostReader {
            buffer: Vec::new(),
            stat: whole("stat"),
            loadavg: whole("loadavg"),
            meminfo: whole("meminfo"),
            vmstat: records("vmstat"),
            pressure: ["cpu", "io", "memory", "irq"].map(|name| whole(&format!("pressure/{name}"))),
            file_nr: number("fs/file-nr"),
            schedstat: HostFile::new(paths.proc("schedstat"), Shape::LongRecords),
            entropy: ["entropy_avail", "poolsize"].map(|name| number(&format!("kernel/random/{name}"))),
            hung_tasks: number("kernel/hung_task_detect_count"),
            cpufreq: cpufreq::reader(paths),
            diskstats: records("diskstats"),
            disk_infos: diskinfo::Reader::new(paths.clone()),
            tcp: tcpstat::reader(paths),
            network: Network::new(paths, options.devices_exclude.clone()),
            filesystems: filesystem::Reader::new(paths.clone(), MountTable::new(paths, excluded), statfs),
            uname: uname::Reader::new(paths),
            os: os::Reader::new(paths.clone()),
            clock: clock::Reader::new(paths.clone()),
            textfiles: Background::new("textfile", Box::new(read_textfiles)),
            peaks,
            cpu: Vec::new(),
            tick_ns: 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1),
            options,
        }
    }

    /// Says once which machine this is.
    pub fn introduce(&mut self) {
        let (uname, facts) = (self.uname.read(), facts::of_this_machine());
        let system = self.os.read(Instant::now());
        tracing::info!(
            name = uname.nodename,
            processor = facts.cpu_model,
            kernel = uname.release,
            system = system.as_deref().and_then(|os| os.value("PRETTY_NAME")),
            "the machine"
        );
    }

    /// Takes a sample for peaks, if they are on; `now` tells the time.
    pub fn sample(&mut self, now: &dyn Fn() -> Instant) {
        let Some(peaks) = &mut self.peaks else { return };
        let files = peaks::Files {
            stat: &mut self.stat,
            meminfo: &mut self.meminfo,
            diskstats: &mut self.diskstats,
            net_dev: self.network.dev(),
        };
        peaks.sample(files, self.tick_ns, now, &mut self.buffer);
    }

    /// Reads everything that is on. `data_root` is the folder of the engine's data.
    pub fn read(&mut self, now: Instant, data_root: Option<&str>) -> Host {
        let HostReader { options, buffer, network, filesystems, .. } = self;
        let on = &options.collectors;
        let asked = on.contains("filesystem").then(|| filesystems.begin(data_root, now, buffer));
        let has_textfiles = on.contains("textfile") && !options.textfile_directories.is_empty();
        if has_textfiles {
            self.textfiles.ask([()], now);
        }
        if on.contains("cpufreq") {
            self.cpufreq.begin(now);
        }
        if on.contains("tcpstat") {
            self.tcp.begin(now);
        }
        let mut round = Round { on, outcomes: Vec::with_capacity(on.len()) };
        let mut host = Host::default();
        // One file, two collectors: `cpu` reads it, `stat` does where `cpu` is off.
        let tick_ns = self.tick_ns;
        host.cpu = round.part("cpu", || self.stat.parse(buffer, |text| cpu::parse(text, tick_ns)));
        host.stat = round.part("stat", || match on.contains("cpu") && !buffer.is_empty() {
            true => stat::parse(buffer).map(Some).ok_or_else(|| self.stat.malformed()),
            false => self.stat.parse(buffer, stat::parse),
        });
        if let Some(cores) = &mut host.cpu {
            cpu::hold(&self.cpu, cores);
            self.cpu.clone_from(cores);
        }
        host.loadavg = round.part("loadavg", || self.loadavg.parse(buffer, loadavg::parse));
        host.meminfo = round.part("meminfo", || self.meminfo.parse(buffer, meminfo::parse));
        host.vmstat = round.part("vmstat", || self.vmstat.parse(buffer, vmstat::parse));
        host.pressure = round.part("pressure", || read_pressure(&mut self.pressure, buffer));
        host.filefd = round.part("filefd", || self.file_nr.parse(buffer, filefd::parse));
        host.schedstat = round.part("schedstat", || self.schedstat.parse(buffer, schedstat::parse));
        host.entropy = round.part("entropy", || read_entropy(&mut self.entropy, buffer));
        host.hung_tasks = round.part("kernel_hung", || self.hung_tasks.parse(buffer, kernel_hung::parse));
        host.disks = round.part("diskstats", || {
            let disks =
                self.diskstats.parse(buffer, |text| diskstats::parse(text, &options.disks_exclude))?;
            Ok(disks.map(|disks| self.disk_infos.describe(disks, now)))
        });
        host.netdev = round.part("netdev", || network.devices(buffer));
        host.netclass = round.part("netclass", || network.classes(host.netdev.as_deref(), now, buffer));
        host.netstat = round.part("netstat", || network.protocols(buffer));
        host.sockstat = round.part("sockstat", || network.sockets(buffer));
        host.conntrack = round.part("conntrack", || network.tracking(buffer));
        host.softnet = round.part("softnet", || network.processing(buffer));
        host.arp = round.part("arp", || network.neighbours(buffer));
        host.udp_queues = round.part("udp_queues", || network.datagrams(buffer));
        host.uname = round.part("uname", || Ok(Some(self.uname.read())));
        host.os = round.part("os", || Ok(self.os.read(now)));
        host.facts = round.part("host_info", || Ok(Some(facts::of_this_machine())));
        host.clock = round.part("time", || self.clock.read(now, Timestamp::now(), buffer));
        host.timex = round.part("timex", timex::read);
        host.cpufreq = round.part("cpufreq", || Ok(frequencies(self.cpufreq.finish(now))));
        host.tcp = round.part("tcpstat", || sockets(self.tcp.finish(now)));
        if let Some(asked) = asked {
            host.filesystems = round.part("filesystem", || asked.map(|()| Some(filesystems.finish(now))));
        }
        if has_textfiles {
            host.textfile = round.part("textfile", || Ok(newest(&self.textfiles, now)));
        }
        if let Some(peaks) = &self.peaks {
            host.peaks = Some(peaks.at(now));
            round.outcomes.push(peaks.outcome());
        }
        host.outcomes = round.outcomes;
        host
    }
}

/// What text files say; directories that do not answer are an error like any other.
fn newest(textfiles: &Background<(), Arc<TextFiles>>, now: Instant) -> Option<Arc<TextFiles>> {
    match textfiles.standings(now).remove(&())? {
        Standing::Answered(files) => Some(files),
        Standing::Late => None,
        Standing::Stuck => Some(Arc::new(TextFiles { failed: true, ..TextFiles::default() })),
    }
}

/// What was read last of the cores' frequencies.
fn frequencies(standing: Standing<Option<Arc<Vec<CpuFrequency>>>>) -> Option<Arc<Vec<CpuFrequency>>> {
    match standing {
        Standing::Answered(frequencies) => frequencies,
        Standing::Late | Standing::Stuck => None,
    }
}

/// What was read last of the TCP sockets.
fn sockets(standing: Standing<tcpstat::Answer>) -> Result<Option<Arc<TcpSockets>>, ReadError> {
    let failed = |problem: &str| ReadError::Background { problem: problem.to_owned() };
    match standing {
        Standing::Answered(answer) => answer.map_err(|problem| failed(&problem)),
        Standing::Late => Ok(None),
        Standing::Stuck => Err(failed("the kernel does not answer about TCP sockets")),
    }
}

fn read_entropy(files: &mut [HostFile; 2], buffer: &mut Vec<u8>) -> Result<Option<Entropy>, ReadError> {
    let [available, pool_size] = files;
    let Some(available_bits) = available.parse(buffer, entropy::parse)? else { return Ok(None) };
    Ok(Some(Entropy { available_bits, pool_size_bits: pool_size.parse(buffer, entropy::parse)? }))
}

fn read_pressure(files: &mut [HostFile; 4], buffer: &mut Vec<u8>) -> Result<Option<HostPressure>, ReadError> {
    let [cpu, io, memory, irq] = files;
    let mut read = |file: &mut HostFile| Ok(file.parse(buffer, pressure::parse)?.unwrap_or_default());
    let (cpu_waiting_ns, _) = read(cpu)?;
    let (io_waiting_ns, io_stalled_ns) = read(io)?;
    let (memory_waiting_ns, memory_stalled_ns) = read(memory)?;
    let (_, irq_stalled_ns) = read(irq)?;
    let pressure = HostPressure {
        cpu_waiting_ns,
        io_waiting_ns,
        io_stalled_ns,
        memory_waiting_ns,
        memory_stalled_ns,
        irq_stalled_ns,
    };
    Ok(Some(pressure).filter(|pressure| *pressure != HostPressure::default()))
}
