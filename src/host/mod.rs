//! The machine itself.
//!
//! - [`machine`]: its size, under cAdvisor's names.
//! - [`HostReader`]: everything else, under node_exporter's names, read by one thread in a row.
//!   One file a collector: a pure parser, and the walk that shows what was read.
//! - [`totals`]: the few numbers that the tenants' bill is balanced with.
//! - [`collectors`]: the list of those walks.
//!
//! Invariants: no process is walked over; a file costs one `pread` on a held descriptor; what
//! may hang (`statfs`, text files) runs in `background` and is waited for only a moment.

mod arp;
mod background;
mod clock;
pub mod collectors;
mod conntrack;
mod cpu;
mod cpufreq;
pub mod device;
mod diskinfo;
mod diskstats;
mod entropy;
mod facts;
mod file;
mod filefd;
mod filesystem;
mod kernel_hung;
mod loadavg;
pub mod machine;
mod meminfo;
mod netclass;
mod netdev;
mod netstat;
mod network;
mod os;
mod peaks;
mod pressure;
mod reader;
mod scan;
mod schedstat;
mod slowly;
mod sockstat;
mod softnet;
mod stat;
mod tcpstat;
#[cfg(test)]
mod tests;
mod textfile;
mod time;
mod timex;
pub mod totals;
mod udp_queues;
mod uname;
mod unhurried;
mod vmstat;

pub use reader::{HostReader, Options};

use crate::metrics::{LabelBlock, Metric, Sink, Value};

/// A family with one series, if there is a value.
fn show(sink: &mut dyn Sink, metric: &'static Metric, value: Option<Value>) {
    if let Some(value) = value {
        sink.family(metric);
        sink.sample(&LabelBlock::default(), &[], value);
    }
}
