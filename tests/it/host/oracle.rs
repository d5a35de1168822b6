//! The host's numbers beside what `sysinfo` says of the same machine in the same moment: another
//! reader, which shares nothing with ours.

use std::time::Duration;

use sysinfo::{CpuRefreshKind, Disks, Networks, System};

use crate::exporter::Exporter;
use crate::exposition::Page;
use crate::poll::{eventually, pause};

/// Memory moves while it is looked at, by what other programs take and give back.
const MEMORY: f64 = 128e6;

/// So do file systems.
const FREE: f64 = 256e6;

/// A number of the other reader.
struct Said {
    metric: &'static str,
    label: Option<(&'static str, String)>,
    value: f64,
    /// How far from it may be what is said a moment before or after.
    slack: f64,
}

impl Said {
    fn of_machine(metric: &'static str, value: f64, slack: f64) -> Self {
        Said { metric, label: None, value, slack }
    }

    fn on(&self, page: &Page) -> Option<f64> {
        let labels: Vec<(&str, &str)> = self.label.iter().map(|(name, value)| (*name, &value[..])).collect();
        page.value(self.metric, &labels)
    }

    /// Whether it can have been between two pages; `None` if they do not have it.
    fn fits(&self, [before, after]: [&Page; 2]) -> Option<bool> {
        let (before, after) = (self.on(before)?, self.on(after)?);
        let (low, high) = (before.min(after) - self.slack, before.max(after) + self.slack);
        Some((low..=high).contains(&self.value))
    }
}

/// The machine as a whole.
fn machine() -> Vec<Said> {
    let mut system = System::new().expect("a system");
    system.refresh_memory();
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    let averages = System::load_average().map(|load| [load.one, load.five, load.fifteen]).expect("the load");
    let exact = |metric, value: u64| Said::of_machine(metric, value as f64, 0.0);
    let load = |metric, value: f64| Said::of_machine(metric, value, 0.2 * value + 0.2);
    let memory = |metric, value: u64| Said::of_machine(metric, value as f64, MEMORY);
    vec![
        exact("machine_cpu_cores", system.cpus().len() as u64),
        exact("dockmeter_host_physical_cores", System::physical_core_count().expect("the cores") as u64),
        exact("machine_memory_bytes", system.total_memory()),
        exact("node_memory_MemTotal_bytes", system.total_memory()),
        exact("node_memory_SwapTotal_bytes", system.total_swap()),
        memory("node_memory_MemFree_bytes", system.free_memory()),
        memory("node_memory_MemAvailable_bytes", system.available_memory()),
        // The clock on the wall may be put right between two computations of it.
        Said::of_machine("node_boot_time_seconds", System::boot_time().expect("the start") as f64, 1.0),
        load("node_load1", averages[0]),
        load("node_load5", averages[1]),
        load("node_load15", averages[2]),
    ]
}

/// Its file systems and network devices, also those that are told otherwise here or not at all.
fn devices() -> Vec<Said> {
    let mut all = Vec::new();
    for disk in &Disks::new_with_refreshed_list().expect("the disks") {
        let label = Some(("mountpoint", disk.mount_point().to_str().unwrap().to_owned()));
        let mut say = |metric, value: u64, slack| {
            all.push(Said { metric, label: label.clone(), value: value as f64, slack });
        };
        say("node_filesystem_size_bytes", disk.total_space(), 0.0);
        say("node_filesystem_avail_bytes", disk.available_space(), FREE);
    }
    for (name, network) in &Networks::new_with_refreshed_list().expect("the networks") {
        let label = Some(("device", name.to_str().unwrap().to_owned()));
        for (metric, value) in [
            ("node_network_receive_bytes_total", network.total_received()),
            ("node_network_transmit_bytes_total", network.total_transmitted()),
            ("node_network_receive_packets_total", network.total_packets_received()),
            ("node_network_transmit_errs_total", network.total_errors_on_transmitted()),
        ] {
            all.push(Said { metric, label: label.clone(), value: value as f64, slack: 0.0 });
        }
    }
    all
}

#[test]
fn another_reader_of_the_machine_says_the_same() {
    let exporter = Exporter::alone(&[]);
    let page = eventually("both say the same", || {
        let before = exporter.page();
        let (machine, devices) = (machine(), devices());
        // Readings within a quarter of a second are shared.
        pause(Duration::from_millis(260));
        let after = exporter.page();
        let missing = machine.iter().filter(|said| said.on(&before).is_none()).map(|said| said.metric);
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&str>::new());
        let of = |label: &str| {
            let shown =
                devices.iter().filter(|said| said.label.as_ref().is_some_and(|(name, _)| *name == label));
            shown.filter(|said| said.on(&before).is_some()).count()
        };
        assert!(of("mountpoint") >= 2 && of("device") >= 4, "neither disks nor networks are said by both");
        let wrong = machine.iter().chain(&devices).filter(|said| said.fits([&before, &after]) == Some(false));
        let wrong: Vec<String> = wrong
            .map(|said| {
                let [before, after] = [&before, &after].map(|page| said.on(page).unwrap_or_default());
                format!("{}{:?}: {} there, {before} and {after} here", said.metric, said.label, said.value)
            })
            .collect();
        println!("{wrong:#?}");
        wrong.is_empty().then_some(before)
    });
    let the = |name: &'static str| page.all(name, &[]).next().unwrap_or_else(|| panic!("no `{name}`"));
    let info = the("dockmeter_host_info");
    assert_eq!(info.label("architecture"), Some(System::cpu_arch().as_str()));
    let uname = the("node_uname_info");
    assert_eq!(uname.label("release"), Some(System::kernel_version().unwrap().as_str()));
    assert_eq!(uname.label("nodename"), Some(System::host_name().unwrap().as_str()));
    let os = the("node_os_info");
    assert_eq!(os.label("id"), Some(System::distribution_id().as_str()));
    assert_eq!(os.label("name"), Some(System::name().unwrap().as_str()));
}
