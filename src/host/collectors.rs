//! The collectors of the host: plain walks over what was read.

use super::time::TimeCollector;
use super::{
    arp, conntrack, cpu, cpufreq, diskstats, entropy, facts, filefd, filesystem, kernel_hung, loadavg,
    netclass, netdev, os, peaks, pressure, schedstat, softnet, stat, tcpstat, textfile, timex, udp_queues,
    uname,
};
use crate::collect::{CollectError, Collector};
use crate::metrics::catalogue::Field;
use crate::metrics::catalogue::host::{self as c, meminfo, netstat, sockstat, vmstat};
use crate::metrics::{LabelBlock, Sink, Value};
use crate::snapshot::Snapshot;
use crate::snapshot::host::{Fields, Host};

/// Puts the families of one collector into a sink.
type WalkOver = fn(&Host, &mut dyn Sink);

/// A collector of the host.
struct HostCollector {
    name: &'static str,
    walk: WalkOver,
}

/// Every collector of the host, in the order of the catalogue.
pub fn all() -> Vec<Box<dyn Collector>> {
    vec![
        walk("cpu", cpu::collect),
        walk("cpufreq", cpufreq::collect),
        walk("schedstat", schedstat::collect),
        walk("stat", stat::collect),
        walk("loadavg", loadavg::collect),
        walk("pressure", pressure::collect),
        walk("filefd", filefd::collect),
        walk("entropy", entropy::collect),
        walk("kernel_hung", kernel_hung::collect),
        walk("diskstats", diskstats::collect),
        walk("filesystem", filesystem::collect),
        walk("netdev", netdev::collect),
        walk("netclass", netclass::collect),
        walk("conntrack", conntrack::collect),
        walk("softnet", softnet::collect),
        walk("arp", arp::collect),
        walk("tcpstat", tcpstat::collect),
        walk("udp_queues", udp_queues::collect),
        walk("uname", uname::collect),
        walk("os", os::collect),
        Box::new(TimeCollector),
        walk("timex", timex::collect),
        walk("textfile", textfile::collect),
        walk("host_info", facts::collect),
        walk(peaks::NAME, peaks::collect),
        walk(NODE_EXPORTER, node_exporter),
        walk("meminfo", |host, sink| table(meminfo::FIELDS, host.meminfo.as_ref(), sink)),
        walk("vmstat", |host, sink| table(vmstat::FIELDS, host.vmstat.as_ref(), sink)),
        walk("netstat", |host, sink| table(netstat::FIELDS, host.netstat.as_ref(), sink)),
        walk("sockstat", |host, sink| table(sockstat::FIELDS, host.sockstat.as_ref(), sink)),
    ]
}

fn walk(name: &'static str, walk: WalkOver) -> Box<dyn Collector> {
    Box::new(HostCollector { name, walk })
}

/// The collector about the others.
const NODE_EXPORTER: &str = "node_exporter";

impl Collector for HostCollector {
    fn name(&self) -> &'static str {
        self.name
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let Some(host) = &snapshot.host else { return Ok(()) };
        let outcome = host.outcomes.iter().find(|outcome| outcome.collector == self.name);
        if let Some(problem) = outcome.and_then(|outcome| outcome.problem.as_ref()) {
            return Err(CollectError::Host { problem: problem.clone() });
        }
        (self.walk)(host, sink);
        Ok(())
    }
}

/// The families of a table of the catalogue.
fn table(table: &'static [Field], values: Option<&Fields>, sink: &mut dyn Sink) {
    let plain = LabelBlock::default();
    for (field, value) in table.iter().zip(values.into_iter().flat_map(|fields| &fields.0)) {
        if let Some(value) = value {
            sink.family(&field.metric);
            sink.sample(&plain, &[], Value::Int(*value));
        }
    }
}

/// What dashboards made for node_exporter ask about itself.
fn node_exporter(host: &Host, sink: &mut dyn Sink) {
    let plain = LabelBlock::default();
    sink.family(&c::NODE_COLLECTOR_DURATION);
    for outcome in &host.outcomes {
        sink.sample(&plain, &[("collector", outcome.collector)], Value::Nanos(outcome.duration_ns));
    }
    sink.family(&c::NODE_COLLECTOR_SUCCESS);
    for outcome in &host.outcomes {
        let success = u64::from(outcome.found && outcome.problem.is_none());
        sink.sample(&plain, &[("collector", outcome.collector)], Value::Int(success));
    }
    let build = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", env!("DOCKMETER_REVISION")),
        ("branch", ""),
        ("goversion", ""),
        ("goos", std::env::consts::OS),
        ("goarch", std::env::consts::ARCH),
        ("tags", "dockmeter"),
    ];
    sink.family(&c::NODE_BUILD_INFO);
    sink.sample(&plain, &build, Value::Int(1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue;

    #[test]
    fn the_list_is_that_of_the_catalogue_and_ends_it() {
        let names: Vec<&str> = all().iter().map(|one| one.name()).collect();
        assert_eq!(names, c::COLLECTORS);
        assert!(catalogue::COLLECTORS.ends_with(c::COLLECTORS));
    }
}
