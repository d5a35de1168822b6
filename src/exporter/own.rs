//! What dockmeter says of itself: its build, its process, and what the sampler could not do.
//!
//! Sources: `/proc/self/stat`, `/proc/self/fd`, `getrlimit(2)`,
//! `clock_gettime(CLOCK_PROCESS_CPUTIME_ID)`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::{Evaluator, Reloads};
use crate::collect::{CollectError, Collector};
use crate::history::{History, Standing};
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
    evaluator: Evaluator,
    history: Option<History>,
    stat: Stat,
}

impl OwnCollector {
    /// For a process that was started then, attributes containers by `resolver`, has a
    /// configuration that `reloads` tells of, and knows who evaluates alerts.
    pub fn new(
        started_at: Timestamp,
        resolver: Option<Arc<Resolver>>,
        reloads: Option<Arc<Reloads>>,
        evaluator: Evaluator,
    ) -> Self {
        OwnCollector { started_at, resolver, reloads, evaluator, history: None, stat: Stat::default() }
    }

    /// The same with a history to tell of.
    #[must_use]
    pub fn with_history(self, history: Option<History>) -> Self {
        OwnCollector { history, ..self }
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
        sink.family(&c::ALERT_EVALUATOR);
        let is_grafana = self.evaluator.is_grafana();
        for (evaluator, evaluates) in [("prometheus", !is_grafana), ("grafana", is_grafana)] {
            sink.sample(&plain, &[("evaluator", evaluator)], Value::Int(evaluates.into()));
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
        if let Some(standing) = self.history.as_ref().map(History::standing) {
            show_history(&standing, sink);
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
        let Usage { threads, virtual_bytes, resident_pages } = self.stat.read()?;
        let start_ns = u64::try_from(self.started_at.as_nanosecond()).unwrap_or(0);
        let descriptors = open_descriptors().map_err(unreadable("fd"))?;
        let mut values = vec![
            (&c::PROCESS_CPU, Value::Nanos(cpu_ns)),
            (&c::PROCESS_RESIDENT, Value::Int(resident_pages * page)),
            (&c::PROCESS_VIRTUAL, Value::Int(virtual_bytes)),
            (&c::PROCESS_OPEN_FDS, Value::Int(descriptors)),
            (&c::PROCESS_START, Value::Nanos(start_ns)),
            (&c::PROCESS_THREADS, Value::Int(threads)),
        ];
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            values.push((&c::PROCESS_MAX_FDS, Value::Int(limit)));
        }
        Ok(values)
    }
}

fn show_history(standing: &Standing, sink: &mut dyn Sink) {
    let values = [
        (&c::HISTORY_SERIES, Some(standing.series)),
        (&c::HISTORY_MEMORY, Some(standing.memory_bytes)),
        (&c::HISTORY_DISK, standing.disk_bytes),
        (&c::HISTORY_WRITTEN, standing.disk_bytes.map(|_| standing.written_bytes)),
        (&c::HISTORY_PAUSED, standing.disk_bytes.map(|_| standing.paused.into())),
        (&c::HISTORY_FORGOTTEN, Some(standing.forgotten)),
        (&c::HISTORY_SKIPPED, Some(standing.skipped)),
    ];
    for (metric, value) in values {
        if let Some(value) = value {
            sink.family(metric);
            sink.sample(&LabelBlock::default(), &[], Value::Int(value));
        }
    }
}

/// What this process uses.
struct Usage {
    threads: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

/// `/proc/self/stat`, held open: a page takes one call.
#[derive(Debug, Default)]
struct Stat(OnceLock<File>);

impl Stat {
    const NAME: &'static str = "stat";

    /// Longer than all its numbers can be.
    const LENGTH: usize = 2048;

    fn read(&self) -> Result<Usage, CollectError> {
        let mut text = [0; Self::LENGTH];
        let length =
            self.file().and_then(|file| file.read_at(&mut text, 0)).map_err(unreadable(Self::NAME))?;
        parse(&text[..length]).ok_or_else(|| CollectError::Malformed { what: own(Self::NAME) })
    }

    fn file(&self) -> io::Result<&File> {
        match self.0.get() {
            Some(file) => Ok(file),
            None => File::open(Paths::own_proc(Self::NAME)).map(|file| self.0.get_or_init(|| file)),
        }
    }
}

/// Fields 20, 23 and 24 of proc_pid_stat(5). The second is the program's name, which may hold
/// anything; the third follows the last parenthesis.
fn parse(stat: &[u8]) -> Option<Usage> {
    let (_, numbers) = std::str::from_utf8(stat).ok()?.rsplit_once(") ")?;
    let mut numbers = numbers.split(' ').skip(17).map(|number| number.parse().ok());
    let threads = numbers.next()??;
    let mut numbers = numbers.skip(2);
    Some(Usage { threads, virtual_bytes: numbers.next()??, resident_pages: numbers.next()?? })
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

fn unreadable(file: &'static str) -> impl Fn(std::io::Error) -> CollectError {
    move |source| CollectError::Read { what: own(file), source }
}

/// A file of this process, as an error names it.
fn own(file: &str) -> String {
    Paths::own_proc(file).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_moves_no_field() {
        let stat = b"7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 3 4 0 0 20 0 12 0 99 4096000 250 18446744073709551615 1";
        let Usage { threads, virtual_bytes, resident_pages } = parse(stat).unwrap();
        assert_eq!((threads, virtual_bytes, resident_pages), (12, 4_096_000, 250));
        assert!(parse(b"7 (a) S 1 7 7").is_none());
    }

    #[test]
    fn it_says_what_the_kernel_says_elsewhere() {
        let stat = Stat::default();
        let pages =
            || fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
        // Other tests start threads meanwhile, so that it is asked until nothing has changed between.
        let agrees = || {
            let before: u64 = pages();
            let usage = stat.read().unwrap();
            let page = rustix::param::page_size() as u64;
            before == pages() && usage.virtual_bytes == before * page && usage.threads > 0
        };
        assert!((0..1_000).any(|_| agrees()));
    }
}
