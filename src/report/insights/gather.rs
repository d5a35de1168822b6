//! What bottlenecks are told from, host by host, out of lines.

use std::collections::{BTreeMap, BTreeSet};

use super::events;
use crate::analysis::bottleneck::facts::{
    Container, Database, Disk, Facts, Host, Pool, Route, Service, Statement,
};
use crate::analysis::finding::Scope;
use crate::analysis::series::Series;
use crate::history::{Line, Measure, insight};
use crate::report::period::Period;

/// Whose a series is, and of what.
pub(super) type Labels = BTreeMap<String, String>;

/// Who is scraped.
const HOST: &str = "instance";

/// Measures of which what is always zero says no more than what is not there.
const SILENT: [&Measure; 12] = [
    &insight::THROTTLED,
    &insight::READ,
    &insight::WRITTEN,
    &insight::RECEIVED,
    &insight::SENT,
    &insight::MEMORY_WAITING,
    &insight::MEMORY_STALLED,
    &insight::MAJOR_FAULTS,
    &insight::KILLS,
    &insight::RESTARTS,
    &insight::FAILURES,
    &insight::ROUTE_FAILURES,
];

/// What was answered, by measure and labels.
#[derive(Debug, Default)]
pub(super) struct Gathered(BTreeMap<&'static str, BTreeMap<Labels, Series>>);

impl Gathered {
    /// Takes what was answered of a measure.
    pub(super) fn take(&mut self, measure: &Measure, lines: Vec<Line>) {
        let is_silent = SILENT.iter().any(|silent| silent.name == measure.name);
        let says = |line: &Line| !is_silent || line.points.iter().any(|(_, value)| *value != 0.0);
        let told = lines.into_iter().filter(says).map(|line| (line.labels, Series::new(line.points)));
        self.0.insert(measure.name, told.collect());
    }

    /// How many measures were answered.
    pub(super) fn answers(&self) -> usize {
        self.0.len()
    }

    /// Everything of a measure.
    pub(super) fn all(&self, measure: &Measure) -> impl Iterator<Item = (&Labels, &[(i64, f64)])> {
        self.0.get(measure.name).into_iter().flatten().map(|(labels, series)| (labels, series.points()))
    }

    /// A measure of one.
    pub(super) fn points(&self, measure: &Measure, labels: &Labels) -> &[(i64, f64)] {
        self.found(measure, labels).map_or(&[], Series::points)
    }

    fn series(&self, measure: &Measure, labels: &Labels) -> Series {
        self.found(measure, labels).cloned().unwrap_or_default()
    }

    fn found(&self, measure: &Measure, labels: &Labels) -> Option<&Series> {
        self.0.get(measure.name)?.get(labels)
    }

    /// One measure by another, at the times that both have; nothing where the other is zero.
    fn share(&self, part: &Measure, whole: &Measure, labels: &Labels) -> Series {
        let parts = self.points(part, labels);
        let of = |(at, whole): &(i64, f64)| {
            let place = parts.binary_search_by_key(at, |point| point.0).ok();
            // What has no failures has no series of them.
            let part = place.and_then(|place| parts.get(place)).map_or(0.0, |point| point.1);
            (*whole > 0.0).then_some((*at, part / whole))
        };
        Series::new(self.points(whole, labels).iter().filter_map(of))
    }

    /// All labels that measures have.
    fn labels(&self, measures: &[&Measure]) -> BTreeSet<&Labels> {
        measures.iter().flat_map(|measure| self.all(measure)).map(|(labels, _)| labels).collect()
    }

    /// The facts of each host, by its name; without one where there is no more than one.
    pub(super) fn facts(&self, looked_at: Period) -> BTreeMap<String, Facts> {
        let mut hosts = Hosts { now: looked_at.to.as_millisecond(), by_name: BTreeMap::new() };
        for labels in self.labels(&[&insight::CPU, &insight::MEMORY]) {
            hosts.of(labels).containers.push(self.container(labels));
        }
        for labels in self.labels(&[&insight::REQUESTS, &insight::LATENCY]) {
            hosts.of(labels).services.push(self.service(labels));
        }
        for labels in self.labels(&[&insight::POOL_USED, &insight::POOL_WAITING]) {
            hosts.of(labels).pools.push(self.pool(labels));
        }
        for labels in self.labels(&[&insight::LOCK_SECONDS]) {
            hosts.of(labels).databases.push(self.database(labels));
        }
        let texts = self.texts();
        for labels in self.labels(&[&insight::CALLS]) {
            hosts.of(labels).statements.push(self.statement(labels, &texts));
        }
        for labels in self.labels(&[&insight::LOAD, &insight::HOST_CPU]) {
            hosts.of(labels).host = self.host(labels);
        }
        for labels in self.labels(&[&insight::DISK_QUEUE]) {
            hosts.of(labels).host.disks.push(self.disk(labels));
        }
        for facts in hosts.by_name.values_mut() {
            facts.changes = events::changes(facts);
        }
        for (labels, event) in events::events(self, looked_at.from.as_millisecond()) {
            hosts.of(&labels).events.push(event);
        }
        hosts.by_name
    }

    fn container(&self, labels: &Labels) -> Container {
        let series = |measure: &Measure| self.series(measure, labels);
        let io_waiting = series(&insight::IO_WAITING);
        // Time in which everything stood still is a part of that in which something waited.
        let io_waiting =
            if io_waiting.points().is_empty() { series(&insight::IO_STALLED) } else { io_waiting };
        Container {
            scope: Scope::of(labels),
            cpu_cores: series(&insight::CPU),
            io_bytes_per_second: self.sum(&insight::READ, &insight::WRITTEN, labels),
            throttled_ratio: series(&insight::THROTTLED),
            cpu_waiting_ratio: series(&insight::CPU_WAITING),
            io_waiting_ratio: io_waiting,
            memory_waiting_ratio: series(&insight::MEMORY_WAITING),
            memory_stalled_ratio: series(&insight::MEMORY_STALLED),
            memory_ratio: self.share(&insight::MEMORY, &insight::MEMORY_LIMIT, labels),
            major_faults_per_second: series(&insight::MAJOR_FAULTS),
            rss_bytes: series(&insight::RSS),
            memory_limit_bytes: self.points(&insight::MEMORY_LIMIT, labels).last().map(|point| point.1),
        }
    }

    fn service(&self, labels: &Labels) -> Service {
        let is_of = |route: &&Labels| labels.iter().all(|(name, value)| route.get(name) == Some(value));
        let routes = self.labels(&[&insight::ROUTE_REQUESTS]).into_iter().filter(is_of);
        Service {
            scope: Scope::of(labels),
            latency_seconds: self.series(&insight::LATENCY, labels),
            requests_per_second: self.series(&insight::REQUESTS, labels),
            routes: routes.map(|labels| self.route(labels)).collect(),
        }
    }

    fn route(&self, labels: &Labels) -> Route {
        Route {
            method: value(labels, "method").unwrap_or_default(),
            route: value(labels, "route").unwrap_or_default(),
            mean_seconds: self.series(&insight::ROUTE_SECONDS, labels),
            failed_ratio: self.share(&insight::ROUTE_FAILURES, &insight::ROUTE_REQUESTS, labels),
            requests_per_second: self.series(&insight::ROUTE_REQUESTS, labels),
        }
    }

    fn pool(&self, labels: &Labels) -> Pool {
        Pool {
            scope: Scope::of(labels),
            name: value(labels, "db_client_connection_pool_name").unwrap_or_default(),
            used_ratio: self.series(&insight::POOL_USED, labels),
            waiting: self.series(&insight::POOL_WAITING, labels),
        }
    }

    fn database(&self, labels: &Labels) -> Database {
        Database {
            scope: Scope::of(labels),
            server: value(labels, "server").unwrap_or_default(),
            datname: value(labels, "datname").unwrap_or_default(),
            lock_waiters: self.series(&insight::LOCK_WAITERS, labels),
            longest_wait_seconds: self.series(&insight::LOCK_SECONDS, labels),
        }
    }

    fn statement(&self, labels: &Labels, texts: &BTreeMap<Labels, String>) -> Statement {
        let mut named = labels.clone();
        named.remove("datname");
        let id = value(labels, "queryid").unwrap_or_default();
        let total = |measure| self.points(measure, labels).iter().map(|point| point.1).sum::<f64>();
        let calls = total(&insight::CALLS);
        Statement {
            scope: Scope::of(labels),
            text: texts.get(&named).cloned().unwrap_or_else(|| format!("statement {id}")),
            id,
            calls_per_second: self.series(&insight::CALLS, labels),
            mean_seconds: self.share(&insight::CALL_SECONDS, &insight::CALLS, labels),
            rows_per_call: (calls > 0.0).then(|| total(&insight::ROWS) / calls),
        }
    }

    /// The texts of statements, by whose they are and their ids.
    fn texts(&self) -> BTreeMap<Labels, String> {
        let text = |labels: &Labels| {
            let mut labels = labels.clone();
            let text = labels.remove("query")?;
            Some((labels, text))
        };
        self.all(&insight::TEXTS).filter_map(|(labels, _)| text(labels)).collect()
    }

    fn host(&self, labels: &Labels) -> Host {
        let series = |measure: &Measure| self.series(measure, labels);
        Host {
            load_per_core: series(&insight::LOAD),
            cpu_ratio: series(&insight::HOST_CPU),
            cpu_waiting_ratio: series(&insight::HOST_CPU_WAITING),
            io_waiting_ratio: series(&insight::HOST_IO_WAITING),
            memory_waiting_ratio: series(&insight::HOST_MEMORY_WAITING),
            memory_stalled_ratio: series(&insight::HOST_MEMORY_STALLED),
            disks: Vec::new(),
        }
    }

    fn disk(&self, labels: &Labels) -> Disk {
        Disk {
            device: value(labels, "device").unwrap_or_default(),
            queue: self.series(&insight::DISK_QUEUE, labels),
            latency_seconds: self.series(&insight::DISK_SECONDS, labels),
        }
    }

    /// Two measures together; where one has nothing the other counts alone.
    fn sum(&self, one: &Measure, other: &Measure, labels: &Labels) -> Series {
        let mut sums = BTreeMap::<i64, f64>::new();
        for (at, value) in self.points(one, labels).iter().chain(self.points(other, labels)) {
            *sums.entry(*at).or_default() += value;
        }
        Series::new(sums)
    }
}

/// Facts by host.
struct Hosts {
    now: i64,
    by_name: BTreeMap<String, Facts>,
}

impl Hosts {
    /// Those of the host that labels are of.
    fn of(&mut self, labels: &Labels) -> &mut Facts {
        let name = labels.get(HOST).cloned().unwrap_or_default();
        self.by_name.entry(name).or_insert_with(|| Facts { now: self.now, ..Facts::default() })
    }
}

/// The value of a label, if it has one.
pub(super) fn value(labels: &Labels, name: &str) -> Option<String> {
    labels.get(name).filter(|value| !value.is_empty()).cloned()
}
