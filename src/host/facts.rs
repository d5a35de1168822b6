//! What does not change while the machine runs: processor and architecture.
//!
//! Source: the crate `sysinfo`, which knows where each architecture has the name of its
//! processor. It is asked once. It reads `/proc` of this process, which says the same of these
//! in a container; what differs there is read elsewhere (`os`, `uname`).

use std::sync::LazyLock;

use sysinfo::{CpuRefreshKind, RefreshKind, System};

use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::snapshot::host::{Facts, Host};

/// The facts of this machine; what is not known is empty.
pub(super) fn of_this_machine() -> &'static Facts {
    static FACTS: LazyLock<Facts> = LazyLock::new(read);
    &FACTS
}

fn read() -> Facts {
    let refreshes = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(refreshes).ok();
    let processor = system.as_ref().and_then(|system| system.cpus().first());
    Facts {
        cpu_model: processor.map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default(),
        cpu_vendor: processor.map(|cpu| cpu.vendor_id().to_owned()).unwrap_or_default(),
        architecture: System::cpu_arch(),
        physical_cores: System::physical_core_count().ok(),
    }
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(facts) = host.facts else { return };
    let own = [
        ("cpu_model", facts.cpu_model.as_str()),
        ("cpu_vendor", &facts.cpu_vendor),
        ("architecture", &facts.architecture),
    ];
    let plain = LabelBlock::default();
    sink.family(&c::HOST_INFO);
    sink.sample(&plain, &own, Value::Int(1));
    if let Some(cores) = facts.physical_cores {
        sink.family(&c::HOST_PHYSICAL_CORES);
        sink.sample(&plain, &[], Value::Int(cores as u64));
    }
}
