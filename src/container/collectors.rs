//! The families of containers and tenants: plain walks over a snapshot.

use crate::collect::{CollectError, Collector};
use crate::inventory::{Health, Status};
use crate::metrics::catalogue as c;
use crate::metrics::{Metric, Sink, Value};
use crate::snapshot::{DeviceIo, Interface, Memory, Reading, Snapshot, Stall, Stats};

/// Every collector of this room, in the order of the page.
pub fn all() -> Vec<Box<dyn Collector>> {
    let walks: [(&'static str, WalkOver); 9] = [
        ("container_cpu", cpu),
        ("container_memory", memory),
        ("container_io", io),
        ("container_network", network),
        ("container_pressure", pressure),
        ("container_processes", processes),
        ("container_state", state),
        ("container_operations", operations),
        ("tenant", tenant),
    ];
    walks.into_iter().map(|(name, walk)| Box::new(Walk { name, walk }) as Box<dyn Collector>).collect()
}

/// Puts some families of a snapshot into a sink.
type WalkOver = fn(&Snapshot, &mut dyn Sink);

/// A family and the counter of a part of a container that it shows.
type CounterOf<T> = (&'static Metric, fn(&T) -> u64);

/// A collector that only walks over a snapshot and so cannot fail.
struct Walk {
    name: &'static str,
    walk: WalkOver,
}

impl Collector for Walk {
    fn name(&self) -> &'static str {
        self.name
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        (self.walk)(snapshot, sink);
        Ok(())
    }
}

/// A family with at most one sample a container.
fn each(
    snapshot: &Snapshot,
    sink: &mut dyn Sink,
    metric: &'static Metric,
    value: impl Fn(&Reading) -> Option<Value>,
) {
    sink.family(metric);
    for reading in &snapshot.containers {
        if let Some(value) = value(reading) {
            sink.sample(&reading.labels, &[], value);
        }
    }
}

/// The same over the kernel's numbers.
fn each_stats(
    snapshot: &Snapshot,
    sink: &mut dyn Sink,
    metric: &'static Metric,
    value: impl Fn(&Stats) -> Option<Value>,
) {
    each(snapshot, sink, metric, |reading| value(reading.stats.as_deref()?));
}

fn cpu(snapshot: &Snapshot, sink: &mut dyn Sink) {
    sink.family(&c::CPU_USAGE);
    for reading in &snapshot.containers {
        if let Some(cpu) = reading.stats.as_ref().and_then(|stats| stats.cpu) {
            sink.sample(&reading.labels, &[("cpu", "total")], Value::Nanos(cpu.usage_ns));
        }
    }
    each_stats(snapshot, sink, &c::CPU_USER, |stats| stats.cpu?.user_ns.map(Value::Nanos));
    each_stats(snapshot, sink, &c::CPU_SYSTEM, |stats| stats.cpu?.system_ns.map(Value::Nanos));
    each_stats(snapshot, sink, &c::CPU_CFS_PERIODS, |stats| Some(Value::Int(stats.throttling?.periods)));
    each_stats(snapshot, sink, &c::CPU_CFS_THROTTLED_PERIODS, |stats| {
        Some(Value::Int(stats.throttling?.throttled_periods))
    });
    each_stats(snapshot, sink, &c::CPU_CFS_THROTTLED_SECONDS, |stats| {
        Some(Value::Nanos(stats.throttling?.throttled_ns))
    });
    each_stats(snapshot, sink, &c::SPEC_CPU_QUOTA, |stats| stats.cpu_limits?.quota_us.map(Value::Int));
    each_stats(snapshot, sink, &c::SPEC_CPU_PERIOD, |stats| stats.cpu_limits?.period_us.map(Value::Int));
    each_stats(snapshot, sink, &c::SPEC_CPU_SHARES, |stats| stats.cpu_limits?.shares.map(Value::Int));
    each(snapshot, sink, &c::CPU_LIMIT_CORES, |reading| {
        reading.stats.as_ref()?;
        reading.cpu_limit_cores().map(Value::Float)
    });
    sink.family(&c::CPU_USAGE_CORES);
    for reading in &snapshot.containers {
        if let Some(fast) = reading.fast.as_ref().filter(|fast| fast.cpu_usage.count() > 0) {
            sink.histogram(&reading.labels, &[], fast.cpu_usage.view());
        }
    }
    each(snapshot, sink, &c::CPU_PEAK, |reading| reading.fast.as_ref()?.cpu_peak_cores.map(Value::Float));
    each(snapshot, sink, &c::CPU_USAGE_PERCENT, |reading| Some(Value::Float(reading.usage_cores? * 100.0)));
}

fn memory(snapshot: &Snapshot, sink: &mut dyn Sink) {
    let mut bytes = |metric, value: fn(&Memory) -> Option<u64>| {
        each_stats(snapshot, sink, metric, |stats| value(stats.memory.as_ref()?).map(Value::Int));
    };
    bytes(&c::MEMORY_USAGE, |memory| Some(memory.usage));
    bytes(&c::MEMORY_WORKING_SET, |memory| Some(memory.working_set));
    bytes(&c::MEMORY_RSS, |memory| memory.rss);
    bytes(&c::MEMORY_CACHE, |memory| memory.cache);
    bytes(&c::MEMORY_SWAP, |memory| memory.swap);
    bytes(&c::MEMORY_MAPPED_FILE, |memory| memory.mapped_file);
    bytes(&c::MEMORY_KERNEL_USAGE, |memory| memory.kernel);
    bytes(&c::MEMORY_MAX_USAGE, |memory| memory.peak);
    each(snapshot, sink, &c::MEMORY_PEAK, |reading| reading.fast.as_ref()?.memory_peak.map(Value::Int));
    each_stats(snapshot, sink, &c::MEMORY_FAILCNT, |stats| stats.memory?.failcnt.map(Value::Int));
    memory_failures(snapshot, sink);
    each_stats(snapshot, sink, &c::SPEC_MEMORY_LIMIT, |stats| {
        let memory = stats.memory.filter(|memory| memory.limit_known)?;
        Some(Value::Int(memory.limit.unwrap_or(0)))
    });
    memory_events(snapshot, sink);
    each(snapshot, sink, &c::OOM_EVENTS, |reading| {
        let has_run = reading.container.state.started_at.is_some();
        has_run.then_some(Value::Int(reading.oom_kills))
    });
}

fn memory_failures(snapshot: &Snapshot, sink: &mut dyn Sink) {
    sink.family(&c::MEMORY_FAILURES);
    for reading in &snapshot.containers {
        let Some(memory) = reading.stats.as_ref().and_then(|stats| stats.memory) else { continue };
        for (kind, faults) in [("pgfault", memory.pgfault), ("pgmajfault", memory.pgmajfault)] {
            let Some((own, hierarchy)) = faults else { continue };
            for (scope, count) in [("container", own), ("hierarchy", hierarchy)] {
                let labels = [("failure_type", kind), ("scope", scope)];
                sink.sample(&reading.labels, &labels, Value::Int(count));
            }
        }
    }
}

fn memory_events(snapshot: &Snapshot, sink: &mut dyn Sink) {
    sink.family(&c::MEMORY_EVENTS);
    for reading in &snapshot.containers {
        let Some(memory) = reading.stats.as_ref().and_then(|stats| stats.memory) else { continue };
        let events = memory.events;
        let kinds = [
            ("low", events.low),
            ("high", events.high),
            ("max", events.max),
            ("oom", events.oom),
            ("oom_kill", events.oom_kill),
            ("oom_group_kill", events.oom_group_kill),
        ];
        for (kind, count) in kinds {
            if let Some(count) = count {
                sink.sample(&reading.labels, &[("event", kind)], Value::Int(count));
            }
        }
    }
}

fn io(snapshot: &Snapshot, sink: &mut dyn Sink) {
    type Count = fn(&DeviceIo) -> Option<u64>;
    let families: [(&'static Metric, Count); 4] = [
        (&c::FS_READS_BYTES, |io| Some(io.read_bytes)),
        (&c::FS_WRITES_BYTES, |io| Some(io.write_bytes)),
        (&c::FS_READS, |io| io.reads),
        (&c::FS_WRITES, |io| io.writes),
    ];
    for (metric, value) in families {
        sink.family(metric);
        for reading in &snapshot.containers {
            let Some(devices) = reading.stats.as_ref().and_then(|stats| stats.io.as_ref()) else { continue };
            for io in devices {
                let Some(value) = value(io) else { continue };
                sink.sample(&reading.labels, &[("device", &io.device)], Value::Int(value));
            }
        }
    }
}

fn network(snapshot: &Snapshot, sink: &mut dyn Sink) {
    let families: [CounterOf<Interface>; 8] = [
        (&c::NETWORK_RECEIVE_BYTES, |interface| interface.receive.bytes),
        (&c::NETWORK_RECEIVE_PACKETS, |interface| interface.receive.packets),
        (&c::NETWORK_RECEIVE_ERRORS, |interface| interface.receive.errors),
        (&c::NETWORK_RECEIVE_DROPPED, |interface| interface.receive.dropped),
        (&c::NETWORK_TRANSMIT_BYTES, |interface| interface.transmit.bytes),
        (&c::NETWORK_TRANSMIT_PACKETS, |interface| interface.transmit.packets),
        (&c::NETWORK_TRANSMIT_ERRORS, |interface| interface.transmit.errors),
        (&c::NETWORK_TRANSMIT_DROPPED, |interface| interface.transmit.dropped),
    ];
    for (metric, value) in families {
        sink.family(metric);
        for reading in &snapshot.containers {
            let Some(network) = reading.stats.as_ref().and_then(|stats| stats.network.as_ref()) else {
                continue;
            };
            for interface in &network.interfaces {
                sink.sample(&reading.labels, &[("interface", &interface.name)], Value::Int(value(interface)));
            }
        }
    }
    each_stats(snapshot, sink, &c::NETWORK_TCP_CONNECTIONS, |stats| {
        stats.network.as_ref()?.tcp_established.map(Value::Int)
    });
}

fn pressure(snapshot: &Snapshot, sink: &mut dyn Sink) {
    type Resource = fn(&Stats) -> Option<Stall>;
    let families: [(&'static Metric, &'static Metric, Resource); 3] = [
        (&c::PRESSURE_CPU_WAITING, &c::PRESSURE_CPU_STALLED, |stats| stats.pressure.cpu),
        (&c::PRESSURE_MEMORY_WAITING, &c::PRESSURE_MEMORY_STALLED, |stats| stats.pressure.memory),
        (&c::PRESSURE_IO_WAITING, &c::PRESSURE_IO_STALLED, |stats| stats.pressure.io),
    ];
    for (waiting, stalled, resource) in families {
        each_stats(snapshot, sink, waiting, |stats| Some(Value::Nanos(resource(stats)?.waiting_ns)));
        each_stats(snapshot, sink, stalled, |stats| resource(stats)?.stalled_ns.map(Value::Nanos));
    }
}

fn processes(snapshot: &Snapshot, sink: &mut dyn Sink) {
    each_stats(snapshot, sink, &c::PROCESSES, |stats| stats.processes.processes.map(Value::Int));
    each_stats(snapshot, sink, &c::THREADS, |stats| stats.processes.threads.map(Value::Int));
    each_stats(snapshot, sink, &c::THREADS_MAX, |stats| stats.processes.threads_max.map(Value::Int));
}

fn state(snapshot: &Snapshot, sink: &mut dyn Sink) {
    info(snapshot, sink);
    status(snapshot, sink);
    health(snapshot, sink);
    each(snapshot, sink, &c::RESTARTS, |reading| Some(Value::Int(reading.container.state.restarts)));
    each(snapshot, sink, &c::EXIT_CODE, |reading| {
        reading.container.state.exit_code.map(|code| Value::Float(code as f64))
    });
    each(snapshot, sink, &c::START_TIME, |reading| {
        let state = &reading.container.state;
        state.started_at.filter(|_| runs(reading)).map(seconds)
    });
    start_durations(snapshot, sink);
    each(snapshot, sink, &c::LAST_SEEN, |reading| {
        runs(reading).then(|| Value::Int(snapshot.taken_at.as_second().unsigned_abs()))
    });
}

fn start_durations(snapshot: &Snapshot, sink: &mut dyn Sink) {
    sink.family(&c::START_DURATION);
    for reading in &snapshot.containers {
        let start = &reading.container.state.start;
        for (until, took) in [("running", start.until_running()), ("healthy", start.until_healthy())] {
            if let Some(took) = took {
                sink.sample(&reading.labels, &[("until", until)], nanos(took));
            }
        }
    }
}

fn operations(snapshot: &Snapshot, sink: &mut dyn Sink) {
    sink.family(&c::OPERATION_DURATION);
    for line in &snapshot.operations {
        for (operation, durations) in &line.durations {
            sink.histogram(&line.labels, &[("operation", operation.as_str())], durations.view());
        }
    }
}

fn nanos(time: std::time::Duration) -> Value {
    Value::Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// Whether a container runs, as far as the engine and the kernel have said.
fn runs(reading: &Reading) -> bool {
    reading.container.state.is_live() && !reading.ended
}

fn seconds(time: jiff::Timestamp) -> Value {
    Value::Nanos(u64::try_from(time.as_nanosecond()).unwrap_or(0))
}

fn info(snapshot: &Snapshot, sink: &mut dyn Sink) {
    sink.family(&c::INFO);
    for reading in &snapshot.containers {
        let container = &reading.container;
        let id = container.id.to_string();
        let labels = [
            ("container_id", id.as_str()),
            ("image_id", &container.image_id),
            ("network_mode", &container.network.mode),
            ("restart_policy", &container.restart_policy),
            ("runtime", &container.runtime),
        ];
        sink.sample(&reading.labels, &labels, Value::Int(1));
    }
}

fn status(snapshot: &Snapshot, sink: &mut dyn Sink) {
    sink.family(&c::STATE);
    for reading in &snapshot.containers {
        let now = &reading.container.state.status;
        for status in &Status::KNOWN {
            sink.sample(&reading.labels, &[("state", status.as_str())], Value::Int(u64::from(status == now)));
        }
        if let Status::Other(word) = now {
            sink.sample(&reading.labels, &[("state", word.as_str())], Value::Int(1));
        }
    }
}

fn health(snapshot: &Snapshot, sink: &mut dyn Sink) {
    sink.family(&c::HEALTH_STATUS);
    for reading in &snapshot.containers {
        let Some(now) = reading.container.state.health else { continue };
        for health in Health::ALL {
            let value = Value::Int(u64::from(health == now));
            sink.sample(&reading.labels, &[("status", health.as_str())], value);
        }
    }
    each(snapshot, sink, &c::HEALTH_STATE, |reading| {
        Some(Value::Float(match reading.container.state.health {
            Some(Health::Healthy) => 1.0,
            Some(Health::Starting | Health::Unhealthy) => 0.0,
            None => -1.0,
        }))
    });
}

/// Exact for as long as it fits: 512 cores for more than a year.
fn core_seconds(core_ns: u128) -> Value {
    u64::try_from(core_ns).map_or(Value::Float(core_ns as f64 / 1e9), Value::Nanos)
}

fn tenant(snapshot: &Snapshot, sink: &mut dyn Sink) {
    sink.family(&c::TENANT_CPU);
    for line in &snapshot.tenants {
        if let Some(cpu_ns) = line.cpu_ns {
            sink.sample(&line.labels, &[], core_seconds(cpu_ns));
        }
    }
    sink.family(&c::TENANT_MEMORY);
    for line in &snapshot.tenants {
        if let Some(byte_seconds) = line.memory_byte_seconds {
            sink.sample(&line.labels, &[], Value::Float(byte_seconds));
        }
    }
    sink.family(&c::TENANT_DISK);
    for line in &snapshot.tenants {
        if let Some(byte_seconds) = line.disk_byte_seconds {
            sink.sample(&line.labels, &[], Value::Float(byte_seconds));
        }
    }
    sink.family(&c::TENANT_NETWORK);
    for line in &snapshot.tenants {
        for (direction, bytes) in
            ["receive", "transmit"].into_iter().zip(line.network_bytes.into_iter().flatten())
        {
            sink.sample(&line.labels, &[("direction", direction)], Value::Int(bytes));
        }
    }
}
