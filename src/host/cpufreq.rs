//! `node_cpu_*frequency*`: how fast the cores run and may run.
//!
//! Source: `/sys/devices/system/cpu/cpuN/cpufreq`, which virtual machines usually do not have.
//! Some kernels take milliseconds to tell the frequency of a core, so that a machine with many
//! of them takes a second: it is read without hurry, and no file is held open. What a core may
//! do is read again once a minute.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::scan::number;
use super::slowly::Slowly;
use super::unhurried::Unhurried;
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::paths::Paths;
use crate::snapshot::host::{CpuFrequency, Host};

/// The least time between two readings.
const LEAST: Duration = Duration::from_secs(5);

/// The files and their families, and whether they change all the time.
static FILES: [(&str, &Metric, bool); 7] = [
    ("cpuinfo_cur_freq", &c::CPU_FREQUENCY, true),
    ("cpuinfo_avg_freq", &c::CPU_FREQUENCY_AVG, true),
    ("cpuinfo_min_freq", &c::CPU_FREQUENCY_MIN, false),
    ("cpuinfo_max_freq", &c::CPU_FREQUENCY_MAX, false),
    ("scaling_cur_freq", &c::CPU_SCALING_FREQUENCY, true),
    ("scaling_min_freq", &c::CPU_SCALING_MIN, false),
    ("scaling_max_freq", &c::CPU_SCALING_MAX, false),
];

/// What reads all cores; `None` where none tells.
pub(super) fn reader(paths: &Paths) -> Unhurried<Option<Arc<Vec<CpuFrequency>>>> {
    let folder = paths.sys("devices/system/cpu");
    let mut known = Slowly::new();
    Unhurried::new("cpufreq", LEAST, move || read(&folder, &mut known, Instant::now()))
}

fn read(
    folder: &Path,
    known: &mut Slowly<Vec<(PathBuf, CpuFrequency)>>,
    now: Instant,
) -> Option<Arc<Vec<CpuFrequency>>> {
    let cores = known.get(now, || cores(folder)).iter().map(|(folder, limits)| {
        let mut core = limits.clone();
        for (khz, (file, _, restless)) in core.khz.iter_mut().zip(FILES) {
            if restless {
                *khz = kilohertz(folder, file);
            }
        }
        core
    });
    let cores: Vec<CpuFrequency> = cores.collect();
    (!cores.is_empty()).then(|| Arc::new(cores))
}

/// The cores that have a frequency, with what hardly ever changes.
fn cores(folder: &Path) -> Vec<(PathBuf, CpuFrequency)> {
    let mut cores = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(cpu) = name.as_encoded_bytes().strip_prefix(b"cpu").and_then(number) else { continue };
        let folder = entry.path().join("cpufreq");
        if let Ok(cpu) = u32::try_from(cpu)
            && folder.is_dir()
        {
            let core = limits(&folder, cpu);
            cores.push((folder, core));
        }
    }
    cores.sort_by_key(|(_, core)| core.cpu);
    cores
}

fn limits(folder: &Path, cpu: u32) -> CpuFrequency {
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let names = text("scaling_available_governors").unwrap_or_default();
    CpuFrequency {
        cpu,
        khz: FILES.map(|(file, _, restless)| if restless { None } else { kilohertz(folder, file) }),
        governor: text("scaling_governor").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
        governors: names.split_ascii_whitespace().map(str::to_owned).collect(),
    }
}

/// A file's number; hardware that does not know writes words.
fn kilohertz(folder: &Path, file: &str) -> Option<u64> {
    number(std::fs::read(folder.join(file)).ok()?.trim_ascii())
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(cores) = &host.cpufreq else { return };
    let plain = LabelBlock::default();
    let names: Vec<String> = cores.iter().map(|core| core.cpu.to_string()).collect();
    for (index, (_, metric, _)) in FILES.iter().enumerate() {
        sink.family(metric);
        for (core, name) in cores.iter().zip(&names) {
            if let Some(khz) = core.khz[index] {
                sink.sample(&plain, &[("cpu", name)], Value::Int(khz.saturating_mul(1_000)));
            }
        }
    }
    sink.family(&c::CPU_GOVERNOR);
    for (core, name) in cores.iter().zip(&names) {
        let Some(chosen) = &core.governor else { continue };
        for governor in &core.governors {
            let is_chosen = u64::from(governor == chosen);
            sink.sample(&plain, &[("cpu", name), ("governor", governor)], Value::Int(is_chosen));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frequency_is_read_each_time_and_its_limits_once_a_minute() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cpu1/cpufreq");
        for made in [&folder, &root.path().join("cpu0"), &root.path().join("cpuidle")] {
            std::fs::create_dir_all(made).unwrap();
        }
        let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).unwrap();
        write("scaling_cur_freq", "1200000\n");
        write("scaling_max_freq", "3000000\n");
        write("cpuinfo_cur_freq", "<unknown>\n");
        write("scaling_governor", "powersave\n");
        write("scaling_available_governors", "performance powersave \n");
        let (mut known, start) = (Slowly::new(), Instant::now());
        let mut look = |seconds: u64| {
            let cores = read(root.path(), &mut known, start + Duration::from_secs(seconds)).unwrap();
            assert_eq!(cores.len(), 1, "a core without a frequency is none");
            cores[0].clone()
        };
        let first = look(0);
        assert_eq!(
            (first.cpu, first.khz),
            (1, [None, None, None, None, Some(1_200_000), None, Some(3_000_000)])
        );
        assert_eq!(first.governor.as_deref(), Some("powersave"));
        write("scaling_cur_freq", "1300000\n");
        write("scaling_max_freq", "2000000\n");
        assert_eq!(look(30).khz[4..], [Some(1_300_000), None, Some(3_000_000)]);
        assert_eq!(look(60).khz[4..], [Some(1_300_000), None, Some(2_000_000)]);
    }

    #[test]
    fn a_machine_that_does_not_tell_has_none() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(root.path(), &mut Slowly::new(), Instant::now()), None);
    }
}
