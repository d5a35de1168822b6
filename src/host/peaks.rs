//! `dockmeter_host_*_peak_*`: the highest use of the machine in the last while, which a scrape
//! every 15 s would level out.
//!
//! Sources: `/proc/stat`, `/proc/meminfo`, `/proc/diskstats` and `/proc/1/net/dev`, one `pread`
//! each a sample. Only ticks of the sampler make samples, so every scraper sees the same,
//! whatever its rhythm. Use of a core is told apart as node_exporter's rules do: idle, waiting
//! for devices and stolen time are not use. Devices are those of `diskstats` and `netdev`.

mod parse;
mod tracked;

use std::time::{Duration, Instant};

use regex::Regex;

use super::file::{HostFile, ReadError};
use super::scan::lines;
use crate::metrics::catalogue::host as c;
use crate::metrics::window::{Slots, Window};
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::snapshot::host::{DevicePeaks, Host, HostPeaks, Outcome};
use tracked::{Devices, Rates, Step, higher};

/// The collector's name in the catalogue.
pub(super) const NAME: &str = "host_peaks";

/// Tells the time.
pub(super) type Now<'c> = &'c dyn Fn() -> Instant;

/// The files that a sample takes.
pub(super) struct Files<'f> {
    pub(super) stat: &'f mut HostFile,
    pub(super) meminfo: &'f mut HostFile,
    pub(super) diskstats: &'f mut HostFile,
    pub(super) net_dev: &'f mut HostFile,
}

/// What samples have left behind.
#[derive(Debug)]
pub(super) struct Peaks {
    slots: Slots,
    /// Time on cores, in nanoseconds.
    cpu: Step<1>,
    cores: Window<Option<Rates<1>>>,
    memory: Window<Option<u64>>,
    /// The numbers of [`DISK_FAMILIES`].
    disks: Devices<4>,
    /// Bytes received and sent.
    network: Devices<2>,
    /// How long the last sample took, and what went wrong with it.
    took: Duration,
    problem: Option<String>,
}

impl Peaks {
    /// Nothing sampled yet; devices whose names fit a pattern are left out.
    pub(super) fn new(window: Duration, disks_exclude: Regex, devices_exclude: Regex) -> Self {
        Peaks {
            slots: Slots::new(Instant::now(), window),
            cpu: Step::default(),
            cores: Window::default(),
            memory: Window::default(),
            disks: Devices::new(disks_exclude),
            network: Devices::new(devices_exclude),
            took: Duration::ZERO,
            problem: None,
        }
    }

    /// Takes a sample. What cannot be read costs its own figures.
    pub(super) fn sample(&mut self, files: Files<'_>, tick_ns: u64, now: Now<'_>, buffer: &mut Vec<u8>) {
        let began = Instant::now();
        let slot = self.slots.at(now());
        let read = [
            self.sample_cpu(files.stat, tick_ns, slot, now, buffer),
            self.sample_memory(files.meminfo, slot, buffer),
            sample_devices(files.diskstats, parse::disk, &mut self.disks, slot, now, buffer),
            sample_devices(files.net_dev, parse::network, &mut self.network, slot, now, buffer),
        ];
        self.problem = read.into_iter().find_map(Result::err).map(|error| error.to_string());
        self.took = began.elapsed();
    }

    fn sample_cpu(
        &mut self,
        file: &mut HostFile,
        tick_ns: u64,
        slot: u64,
        now: Now<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let read = |text: &[u8]| Some((now(), parse::busy_ticks(text)?));
        let Some((at, ticks)) = file.parse(buffer, read)? else { return Ok(()) };
        let busy = self.cpu.to(at, [ticks.saturating_mul(tick_ns)]);
        let kept = self.cores.slot(slot);
        *kept = higher(*kept, busy);
        Ok(())
    }

    fn sample_memory(
        &mut self,
        file: &mut HostFile,
        slot: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        // Linux before 3.14 does not say what is available.
        let used = file.parse(buffer, |text| Some(parse::memory_used(text)))?.flatten();
        let kept = self.memory.slot(slot);
        *kept = (*kept).max(used);
        Ok(())
    }

    /// How the last sample went.
    pub(super) fn outcome(&self) -> Outcome {
        Outcome {
            collector: NAME,
            duration_ns: u64::try_from(self.took.as_nanos()).unwrap_or(u64::MAX),
            found: self.problem.is_none(),
            problem: self.problem.clone(),
        }
    }

    /// What is to be seen at a moment.
    pub(super) fn at(&self, moment: Instant) -> HostPeaks {
        let slot = self.slots.at(moment);
        let busy = self.cores.recent(slot).copied().fold(None, higher);
        HostPeaks {
            // Nanoseconds in a second.
            cpu_cores: busy.map(|[ns]| ns / 1e9),
            memory_used: self.memory.recent(slot).copied().max().flatten(),
            disks: self.disks.at(slot),
            network: self.network.at(slot),
        }
    }
}

/// Samples every device of a file.
fn sample_devices<const N: usize>(
    file: &mut HostFile,
    parse: fn(&[u8]) -> parse::Line<'_, N>,
    devices: &mut Devices<N>,
    slot: u64,
    now: Now<'_>,
    buffer: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let read = file.parse(buffer, |text| {
        let at = now();
        for line in lines(text) {
            match parse(line) {
                parse::Line::None => {}
                parse::Line::Device { name, counters } => devices.add(name, at, slot, counters)?,
            }
        }
        Some(())
    });
    devices.end_round(slot);
    read.map(drop)
}

/// A family, and how a rate becomes its value.
type Family = (&'static Metric, fn(f64) -> f64);

/// The families of [`HostPeaks::disks`], in their order, and what their numbers are made of.
static DISK_FAMILIES: [Family; 4] = [
    // The kernel adds the time of a long request when it has ended: more than a second a second.
    (&c::PEAK_DISK_BUSY, |milliseconds| (milliseconds / 1e3).min(1.0)),
    (&c::PEAK_DISK_READ_BYTES, |sectors| sectors * 512.0),
    (&c::PEAK_DISK_WRITTEN_BYTES, |sectors| sectors * 512.0),
    (&c::PEAK_DISK_OPERATIONS, |operations| operations),
];

/// The families of [`HostPeaks::network`], in their order.
static NETWORK_FAMILIES: [Family; 2] =
    [(&c::PEAK_NETWORK_RECEIVE, |bytes| bytes), (&c::PEAK_NETWORK_TRANSMIT, |bytes| bytes)];

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(peaks) = &host.peaks else { return };
    super::show(sink, &c::PEAK_CPU_CORES, peaks.cpu_cores.map(Value::Float));
    super::show(sink, &c::PEAK_MEMORY_USED, peaks.memory_used.map(Value::Int));
    by_device(&DISK_FAMILIES, &peaks.disks, sink);
    by_device(&NETWORK_FAMILIES, &peaks.network, sink);
}

fn by_device<const N: usize>(
    families: &'static [Family; N],
    devices: &[DevicePeaks<N>],
    sink: &mut dyn Sink,
) {
    if devices.is_empty() {
        return;
    }
    let plain = LabelBlock::default();
    for (number, (metric, in_unit)) in families.iter().enumerate() {
        sink.family(metric);
        for one in devices {
            sink.sample(&plain, &[("device", &one.device)], Value::Float(in_unit(one.rates[number])));
        }
    }
}

#[cfg(test)]
mod tests;
