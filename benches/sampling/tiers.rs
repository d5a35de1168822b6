//! The sampler and its floor at both rhythms.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dockmeter::container::cgroup::Groups;
use dockmeter::container::file::DescriptorBudget;
use dockmeter::container::observed::ExposedLabels;
use dockmeter::container::sampler::{Options, Sampler};
use dockmeter::inventory::Snapshot;
use dockmeter::paths::Paths;
use jiff::Timestamp;
use rustix::fs::{Mode, OFlags, open, openat};

use crate::bed::Bed;
use crate::cost::median;
use crate::rhythm::{FAST, Spent, Work, work};

/// Turns of sampler and floor.
const TURNS: usize = 3;

/// Full intervals of a turn.
const INTERVALS: u32 = 3;

/// What both have spent in all turns.
pub(crate) struct Tiers {
    containers: usize,
    sampler: Vec<Spent>,
    floor: Vec<Spent>,
}

impl Tiers {
    /// The table's head.
    pub(crate) const HEAD: &str = "\
| containers | sampler, % of a core | floor, % of a core | sampler / floor | fast, µs a container | floor | ratio | full, µs a container | floor | ratio | ticks left out |
|---|---|---|---|---|---|---|---|---|---|---|";

    /// Lets them take turns.
    pub(crate) fn measure(bed: &Bed) -> io::Result<Tiers> {
        let files = Files::that_a_sampler_holds(bed)?;
        let (mut of_sampler, mut of_floor) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            // Both hold thousands of descriptors, so that only one of them is there at a time.
            of_sampler.push(work(INTERVALS, &mut sampler(&bed.inventory)?)?);
            of_floor.push(work(INTERVALS, &mut Floor::open(&files, bed)?)?);
        }
        let containers = bed.inventory.containers.len();
        Ok(Tiers { containers, sampler: of_sampler, floor: of_floor })
    }

    /// The table's row.
    pub(crate) fn row(&self) -> String {
        // By the tick, so that one that was left out makes nobody cheaper.
        let share = |turn: &Spent| turn.all / turn.fast.len() as f64 / FAST.as_micros() as f64;
        let percent = |turns: &[Spent]| median(turns.iter().map(share).collect()) * 100.0;
        let each = |turns: &[Spent], ticks: fn(&Spent) -> &Vec<f64>| {
            median(turns.iter().flat_map(ticks).copied().collect()) / self.containers as f64
        };
        let (sampler, floor) = (percent(&self.sampler), percent(&self.floor));
        let (fast, bare_fast) = (each(&self.sampler, |t| &t.fast), each(&self.floor, |t| &t.fast));
        let (full, bare_full) = (each(&self.sampler, |t| &t.full), each(&self.floor, |t| &t.full));
        let left_out: u64 = self.sampler.iter().map(|turn| turn.left_out).sum();
        format!(
            "| {} | {sampler:.3} | {floor:.3} | {:.2} | {fast:.2} | {bare_fast:.2} | {:.2} | {full:.1} | {bare_full:.1} | {:.2} | {left_out} |",
            self.containers,
            sampler / floor,
            fast / bare_fast,
            full / bare_full,
        )
    }
}

/// As the program does it at its ticks.
impl Work for Sampler {
    fn fast(&mut self) -> io::Result<()> {
        self.sample_all();
        Ok(())
    }

    fn full(&mut self) -> io::Result<()> {
        self.read_all(Instant::now());
        self.tick();
        drop(self.snapshot(Timestamp::now(), (0, 0)));
        Ok(())
    }
}

fn sampler(inventory: &Snapshot) -> io::Result<Sampler> {
    let options = Options {
        paths: Paths::default(),
        groups: Groups::ALL,
        exposed: ExposedLabels::new(["com.docker.compose.project", "com.docker.compose.service"]),
        linger: Duration::from_secs(60),
        fast: FAST,
        peak_window: Duration::from_secs(60),
        disk: None,
        started_at: Timestamp::now(),
        statistics: None,
        host: None,
        bill: true,
    };
    let mut sampler = Sampler::new(options, DescriptorBudget::of_this_process())?;
    sampler.follow(inventory, Instant::now(), Timestamp::now());
    Ok(sampler)
}

/// What is read of every container.
struct Files {
    fast: Vec<PathBuf>,
    full: Vec<PathBuf>,
}

impl Files {
    /// Those of one container, as the descriptors of a sampler tell, for every container.
    fn that_a_sampler_holds(bed: &Bed) -> io::Result<Files> {
        let ids: Vec<String> = bed.inventory.containers.keys().map(ToString::to_string).collect();
        let Some((first, container)) = bed.inventory.containers.first_key_value() else {
            return Err(io::Error::other("no containers"));
        };
        // Alone it need not share the descriptors with others.
        let alone = BTreeMap::from([(*first, container.clone())]);
        let sampler = sampler(&Snapshot { containers: alone, ..Snapshot::default() })?;
        let first = &first.to_string();
        let mut held = Vec::new();
        for entry in fs::read_dir("/proc/self/fd")? {
            let Ok(target) = fs::read_link(entry?.path()) else { continue };
            if target.to_string_lossy().contains(&format!("/{first}/")) {
                held.push(target);
            }
        }
        drop(sampler);
        let named = |name: &str| held.iter().filter(|path| path.ends_with(name)).cloned().collect::<Vec<_>>();
        let (v1_cpu, v1_memory) = (named("cpuacct.usage"), named("memory.usage_in_bytes"));
        let cpu = if v1_cpu.is_empty() { named("cpu.stat") } else { v1_cpu.clone() };
        let memory = if v1_memory.is_empty() { named("memory.current") } else { v1_memory };
        // `cgroup.events` is waited for, not read; where `cpu.stat` of v2 is read in full,
        // `cpuacct.usage` is not.
        let hybrid = !v1_cpu.is_empty() && named("cpuacct.stat").is_empty();
        let full = held.iter().filter(|path| !path.ends_with("cgroup.events"));
        let full: Vec<PathBuf> =
            full.filter(|path| !(hybrid && path.ends_with("cpuacct.usage"))).cloned().collect();
        let of_all = |files: &[PathBuf]| -> Vec<PathBuf> {
            let of_one = |id: &String| {
                let of = |path: &PathBuf| path.to_string_lossy().replace(first.as_str(), id).into();
                files.iter().map(of).collect::<Vec<PathBuf>>()
            };
            ids.iter().flat_map(of_one).collect()
        };
        Ok(Files { fast: of_all(&[cpu, memory].concat()), full: of_all(&full) })
    }
}

/// The same files read with the same system calls into one buffer, and nothing done with what
/// they say.
struct Floor {
    fast: Vec<File>,
    full: Vec<File>,
    processes: Vec<OwnedFd>,
    buffer: Vec<u8>,
}

impl Floor {
    fn open(files: &Files, bed: &Bed) -> io::Result<Floor> {
        let folder = |pid: u32| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            open(Path::new("/proc").join(format!("{pid}")), flags, Mode::empty())
        };
        let pids = bed.inventory.containers.values().filter_map(|container| container.state.pid);
        let opened = |files: &[PathBuf]| files.iter().map(File::open).collect::<io::Result<_>>();
        Ok(Floor {
            fast: opened(&files.fast)?,
            full: opened(&files.full)?,
            processes: pids.map(folder).collect::<Result<_, _>>()?,
            buffer: vec![0; 16384],
        })
    }
}

impl Work for Floor {
    fn fast(&mut self) -> io::Result<()> {
        self.fast.iter().try_for_each(|file| file.read_at(&mut self.buffer, 0).map(drop))
    }

    fn full(&mut self) -> io::Result<()> {
        self.full.iter().try_for_each(|file| file.read_at(&mut self.buffer, 0).map(drop))?;
        for process in &self.processes {
            let file = openat(process, "net/dev", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            rustix::io::pread(&file, &mut self.buffer[..], 0)?;
        }
        Ok(())
    }
}
