//! What dockmeter says of itself: its build, its process, and what the sampler could not do.
//!
//! Sources: `/proc/self/statm`, `/proc/self/status`, `/proc/self/fd`, `getrlimit(2)`,
//! `clock_gettime(CLOCK_PROCESS_CPUTIME_ID)`.

use std::sync::Arc;
use std::{fs, io};

use jiff::Timestamp;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::Reloads;
use crate::collect::{CollectError, Collector};
use crate::metrics::{LabelBlock, Metric, Sink, Value, catalogue as c};
use crate::paths::Paths;
use crate::snapshot::{Snapshot, Sources};
use crate::tenant::Resolver;

/// `dockmeter_build_info`, `process_*` and the sampler's own counters.
#[derive(Debug)]
pub struct OwnCollector {
    started_at: Timestamp,
    resolver: Option<Arc<Resolver>>,
    reloads: Option<Arc<Reloads>>,
}

impl OwnCollector {
    /// For a process that was started then, attributes containers by `resolver` and has a
    /// configuration that `reloads` tells of.
    pub fn new(
        started_at: Timestamp,
        resolver: Option<Arc<Resolver>>,
        reloads: Option<Arc<Reloads>>,
    ) -> Self {
        OwnCollector { started_at, resolver, reloads }
    }
}

impl Collector for OwnCollector {
    fn name(&self) -> &'static str {
        "dockmeter"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let plain = LabelBlock::default();
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", env!("DOCKMETER_REVISION")),
            ("rustversion", env!("DOCKMETER_RUSTVERSION")),
        ];
        sink.family(&c::BUILD_INFO);
        sink.sample(&plain, &build, Value::Int(1));
        if let Some((successful, succeeded_at)) = self.reloads.as_ref().map(|reloads| reloads.last()) {
            sink.family(&c::CONFIG_RELOAD_SUCCESSFUL);
            sink.sample(&plain, &[], Value::Int(successful.into()));
            sink.family(&c::CONFIG_RELOAD_TIME);
            let succeeded_ns = u64::try_from(succeeded_at.as_nanosecond()).unwrap_or(0);
            sink.sample(&plain, &[], Value::Nanos(succeeded_ns));
        }
        sink.family(&c::SAMPLE_OVERRUNS);
        sink.sample(&plain, &[], Value::Int(snapshot.overruns));
        sink.family(&c::READ_ERRORS);
        for (reason, count) in &snapshot.read_errors {
            sink.sample(&plain, &[("reason", reason)], Value::Int(*count));
        }
        let Sources { cgroup, api } = snapshot.sources;
        sink.family(&c::CONTAINER_SOURCE);
        sink.sample(&plain, &[("source", "cgroup")], Value::Int(cgroup));
        sink.sample(&plain, &[("source", "api")], Value::Int(api));
        if let Some(resolver) = &self.resolver {
            sink.family(&c::TENANCY_CAPPED);
            for (dimension, count) in resolver.refused() {
                sink.sample(&plain, &[("label", dimension.as_str())], Value::Int(count));
            }
        }
        for (metric, value) in self.process()? {
            sink.family(metric);
            sink.sample(&plain, &[], value);
        }
        Ok(())
    }
}

impl OwnCollector {
    fn process(&self) -> Result<Vec<(&'static Metric, Value)>, CollectError> {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu_ns =
            u64::try_from(cpu.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(cpu.tv_nsec).unwrap_or(0);
        let page = rustix::param::page_size() as u64;
        let statm = read("statm")?;
        let mut pages = statm.split(' ').map_while(|word| word.parse::<u64>().ok());
        let (Some(virtual_pages), Some(resident)) = (pages.next(), pages.next()) else {
            return Err(CollectError::Malformed { what: own("statm") });
        };
        let status = read("status")?;
        let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok());
        let start_ns = u64::try_from(self.started_at.as_nanosecond()).unwrap_or(0);
        let descriptors = open_descriptors().map_err(unreadable("fd"))?;
        let mut values = vec![
            (&c::PROCESS_CPU, Value::Nanos(cpu_ns)),
            (&c::PROCESS_RESIDENT, Value::Int(resident * page)),
            (&c::PROCESS_VIRTUAL, Value::Int(virtual_pages * page)),
            (&c::PROCESS_OPEN_FDS, Value::Int(descriptors)),
            (&c::PROCESS_START, Value::Nanos(start_ns)),
        ];
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            values.push((&c::PROCESS_MAX_FDS, Value::Int(limit)));
        }
        if let Some(threads) = threads {
            values.push((&c::PROCESS_THREADS, Value::Int(threads)));
        }
        Ok(values)
    }
}

/// The size of the folder is their number since Linux 6.2; before, it is 0 and they are listed.
fn open_descriptors() -> io::Result<u64> {
    let folder = Paths::own_proc("fd");
    match fs::metadata(&folder)?.len() {
        // The listing itself holds one.
        0 => Ok((fs::read_dir(folder)?.count() as u64).saturating_sub(1)),
        open => Ok(open),
    }
}

fn read(file: &'static str) -> Result<String, CollectError> {
    fs::read_to_string(Paths::own_proc(file)).map_err(unreadable(file))
}

fn unreadable(file: &'static str) -> impl Fn(std::io::Error) -> CollectError {
    move |source| CollectError::Read { what: own(file), source }
}

/// A file of this process, as an error names it.
fn own(file: &str) -> String {
    Paths::own_proc(file).display().to_string()
}
