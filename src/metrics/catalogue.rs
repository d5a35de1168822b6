//! Every metric, declared once as data: name, kind, unit, help, labels, source, collector.
//!
//! `HELP` and `TYPE` lines, `docs/metrics.md` and the completeness tests come from here. The
//! families of the host lie in [`host`], and those that are one field of a kernel file each in
//! tables of their own beside it; those of PostgreSQL in [`postgres`]; [`ALL`] holds them all.
//! Names that cAdvisor, node_exporter or postgres_exporter own keep their spelling, meaning and
//! unit ([`Metric::owner`]), so dashboards and rules written for those work unchanged.

/// What a value does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only goes up, and starts again from zero.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of values by size, cumulative.
    Histogram,
    /// Quantiles of values, count and sum; only of families that others name.
    Summary,
    /// Not said; of node_exporter the counters whose names do not end with `_total`, of
    /// postgres_exporter what it does not say either.
    Untyped,
}

impl Kind {
    /// Whether a series is one sample.
    pub(super) fn is_single(self) -> bool {
        !matches!(self, Kind::Histogram | Kind::Summary)
    }
}

/// The base unit of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Microseconds; cAdvisor's scheduler settings only.
    Microseconds,
    /// Processor cores.
    Cores,
    /// Cores multiplied by seconds.
    CoreSeconds,
    /// Bytes multiplied by seconds.
    ByteSeconds,
    /// Hundredths of a core, as `docker stats` shows them.
    Percent,
    /// Times a second.
    Hertz,
    /// Bytes a second, for the highest of many rates only; other rates are left to counters.
    BytesPerSecond,
    /// Events a second, as [`Unit::BytesPerSecond`].
    PerSecond,
    /// A share, from 0 to 1.
    Ratio,
    /// A plain number.
    None,
}

impl Unit {
    /// The unit as the end of a metric's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Unit::Bytes => "bytes",
            Unit::Seconds => "seconds",
            Unit::Microseconds => "microseconds",
            Unit::Cores => "cores",
            Unit::CoreSeconds => "core_seconds",
            Unit::ByteSeconds => "byte_seconds",
            Unit::Percent => "percent",
            Unit::Hertz => "hertz",
            Unit::BytesPerSecond => "bytes_per_second",
            Unit::PerSecond => "per_second",
            Unit::Ratio => "ratio",
            Unit::None => "",
        }
    }
}

/// The labels that every series of a family carries, besides its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// `id`, `name`, `image`, `user`, `project`, `team` and allowed `container_label_*`.
    Container,
    /// `user`, `project`, `team`.
    Tenant,
    /// None.
    Plain,
}

impl Labels {
    /// Their names; which Docker labels a container shows besides is configuration.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Labels::Container => &["id", "name", "image", "user", "project", "team"],
            Labels::Tenant => &["user", "project", "team"],
            Labels::Plain => &[],
        }
    }
}

/// Whose name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Ours.
    Dockmeter,
    /// cAdvisor's; the name stands as it does there.
    Cadvisor,
    /// node_exporter's; the name stands as it does there.
    NodeExporter,
    /// postgres_exporter's; the name stands as it does there.
    PostgresExporter,
    /// A convention of the Prometheus client libraries.
    Prometheus,
}

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in the text format.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// One sentence for `HELP`, ending with the source in parentheses where it helps.
    pub help: &'static str,
    /// Labels shared by its series.
    pub labels: Labels,
    /// Labels of its own.
    pub own_labels: &'static [&'static str],
    /// Kernel file or API field on cgroup v2, then v1 where it differs.
    pub source: &'static str,
    /// The collector that emits it, as `collect[]` and `--collector.NAME` spell it.
    pub collector: &'static str,
    /// Whose name it is.
    pub owner: Owner,
}

impl Metric {
    /// The unit, if the name ends with it (a counter's before `_total`), as formats that tell
    /// units want it.
    pub(super) fn named_unit(&self) -> Option<&'static str> {
        let unit = self.unit.suffix();
        let stem = match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            _ => self.name,
        };
        let named = !unit.is_empty() && stem.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'));
        named.then_some(unit)
    }
}

/// A field of a kernel file and the family that shows it.
#[derive(Debug)]
pub struct Field {
    /// The field as the file spells it.
    pub key: &'static str,
    /// The family.
    pub metric: Metric,
}

/// Declares metrics, and the tables of those that it declares.
macro_rules! metrics {
    ($($collector:literal { $($ident:ident $name:literal $kind:ident $unit:ident $labels:ident [$($own:literal),*] $owner:ident $source:literal $help:literal;)* })*) => {
        $($(
            #[doc = concat!("`", $name, "`: ", $help)]
            pub static $ident: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                unit: Unit::$unit,
                help: $help,
                labels: Labels::$labels,
                own_labels: &[$($own),*],
                source: $source,
                collector: $collector,
                owner: Owner::$owner,
            };
        )*)*

        /// The metrics declared here, in the order of the page.
        static DECLARED: &[&Metric] = &[$($(&$ident),*),*];

        /// The collectors declared here, in the order of the page.
        static COLLECTORS_HERE: &[&str] = &[$($collector),*];
    };
}

pub mod host;
pub mod postgres;

/// Every metric; those of a collector stand in the order of the page.
pub static ALL: &[&Metric] =
    &join::<{ BEFORE_HOST.len() + host::FAMILIES.len() }, &Metric>(BEFORE_HOST, host::FAMILIES);

static BEFORE_HOST: &[&Metric] =
    &join::<{ DECLARED.len() + postgres::FAMILIES.len() }, &Metric>(DECLARED, postgres::FAMILIES);

/// Every collector, in the order of the page.
pub static COLLECTORS: &[&str] = &join::<{ COLLECTORS_BEFORE_HOST.len() + host::COLLECTORS.len() }, &str>(
    COLLECTORS_BEFORE_HOST,
    host::COLLECTORS,
);

static COLLECTORS_BEFORE_HOST: &[&str] = &join::<{ COLLECTORS_HERE.len() + postgres::COLLECTORS.len() }, &str>(
    COLLECTORS_HERE,
    postgres::COLLECTORS,
);

/// One list after the other.
const fn join<const LENGTH: usize, T: Copy>(first: &[T], second: &[T]) -> [T; LENGTH] {
    assert!(LENGTH == first.len() + second.len());
    let mut all = [first[0]; LENGTH];
    let mut index = 0;
    while index < LENGTH {
        all[index] = if index < first.len() { first[index] } else { second[index - first.len()] };
        index += 1;
    }
    all
}

metrics! {
    "container_cpu" {
        CPU_USAGE "container_cpu_usage_seconds_total" Counter Seconds Container ["cpu"] Cadvisor
            "cpu.stat usage_usec; v1 cpuacct.usage" "CPU time used, over all cores.";
        CPU_USER "container_cpu_user_seconds_total" Counter Seconds Container [] Cadvisor
            "cpu.stat user_usec; v1 cpuacct.stat user, in clock ticks" "CPU time used in user mode.";
        CPU_SYSTEM "container_cpu_system_seconds_total" Counter Seconds Container [] Cadvisor
            "cpu.stat system_usec; v1 cpuacct.stat system, in clock ticks" "CPU time used in kernel mode.";
        CPU_CFS_PERIODS "container_cpu_cfs_periods_total" Counter None Container [] Cadvisor
            "cpu.stat nr_periods" "Enforcement periods of the CPU quota that have passed; absent without a quota.";
        CPU_CFS_THROTTLED_PERIODS "container_cpu_cfs_throttled_periods_total" Counter None Container [] Cadvisor
            "cpu.stat nr_throttled" "Periods in which the quota was used up; absent without a quota.";
        CPU_CFS_THROTTLED_SECONDS "container_cpu_cfs_throttled_seconds_total" Counter Seconds Container [] Cadvisor
            "cpu.stat throttled_usec; v1 throttled_time" "Time for which the quota held the container back; absent without a quota.";
        SPEC_CPU_QUOTA "container_spec_cpu_quota" Gauge Microseconds Container [] Cadvisor
            "cpu.max; v1 cpu.cfs_quota_us" "CPU time allowed in a period, in microseconds; absent without a quota.";
        SPEC_CPU_PERIOD "container_spec_cpu_period" Gauge Microseconds Container [] Cadvisor
            "cpu.max; v1 cpu.cfs_period_us" "Length of a quota period, in microseconds.";
        SPEC_CPU_SHARES "container_spec_cpu_shares" Gauge None Container [] Cadvisor
            "cpu.weight, mapped back as cAdvisor does; v1 cpu.shares" "Weight of the container when cores are scarce.";
        CPU_LIMIT_CORES "container_cpu_limit_cores" Gauge Cores Container [] Dockmeter
            "cpu.max; v1 cfs quota by period; else HostConfig.CpusetCpus" "Cores the container may use at most; absent without a limit.";
        CPU_USAGE_CORES "container_cpu_usage_cores" Histogram Cores Container [] Dockmeter
            "cpuacct.usage, else cpu.stat usage_usec, at every fast tick" "Cores used between two fast samples, one observation a tick; goes on over restarts.";
        CPU_PEAK "container_cpu_peak_cores" Gauge Cores Container [] Dockmeter
            "cpuacct.usage, else cpu.stat usage_usec, at every fast tick" "Most cores used between two fast samples within the peak window; absent without a sample in it.";
        CPU_USAGE_PERCENT "container_cpu_usage_percent" Gauge Percent Container [] Dockmeter
            "cpu.stat usage_usec; v1 cpuacct.usage" "CPU use over the last full sampling interval; 100 is one core, as `docker stats` shows it.";
    }
    "container_memory" {
        MEMORY_USAGE "container_memory_usage_bytes" Gauge Bytes Container [] Cadvisor
            "memory.current; v1 memory.usage_in_bytes" "Memory charged to the container, page cache included.";
        MEMORY_WORKING_SET "container_memory_working_set_bytes" Gauge Bytes Container [] Cadvisor
            "memory.current less inactive_file; v1 usage less total_inactive_file" "Memory less the page cache that can be dropped first.";
        MEMORY_RSS "container_memory_rss" Gauge Bytes Container [] Cadvisor
            "memory.stat anon; v1 total_rss" "Anonymous memory in bytes.";
        MEMORY_CACHE "container_memory_cache" Gauge Bytes Container [] Cadvisor
            "memory.stat file; v1 total_cache" "Page cache in bytes, shared memory included.";
        MEMORY_SWAP "container_memory_swap" Gauge Bytes Container [] Cadvisor
            "memory.swap.current; v1 memory.stat total_swap" "Swap in use, in bytes; absent where swap is not accounted.";
        MEMORY_MAPPED_FILE "container_memory_mapped_file" Gauge Bytes Container [] Cadvisor
            "memory.stat file_mapped; v1 total_mapped_file" "Mapped files in bytes.";
        MEMORY_KERNEL_USAGE "container_memory_kernel_usage" Gauge Bytes Container [] Cadvisor
            "memory.stat kernel; v1 memory.kmem.usage_in_bytes" "Kernel memory in bytes.";
        MEMORY_MAX_USAGE "container_memory_max_usage_bytes" Gauge Bytes Container [] Cadvisor
            "memory.peak; v1 memory.max_usage_in_bytes" "Highest memory use since the start, as the kernel keeps it.";
        MEMORY_PEAK "container_memory_peak_bytes" Gauge Bytes Container [] Dockmeter
            "memory.current; v1 memory.usage_in_bytes, at every fast tick" "Highest memory use at a fast sample within the peak window.";
        MEMORY_FAILCNT "container_memory_failcnt" Counter None Container [] Cadvisor
            "memory.events max; v1 memory.failcnt" "How often the memory limit was reached.";
        MEMORY_FAILURES "container_memory_failures_total" Counter None Container ["failure_type", "scope"] Cadvisor
            "memory.stat pgfault, pgmajfault; v1 scope hierarchy from total_*" "Page faults; `pgmajfault` needed the disk.";
        SPEC_MEMORY_LIMIT "container_spec_memory_limit_bytes" Gauge Bytes Container [] Cadvisor
            "memory.max; v1 memory.limit_in_bytes" "Memory limit; 0 is unlimited.";
        MEMORY_EVENTS "container_memory_events_total" Counter None Container ["event"] Dockmeter
            "memory.events; v1 oom_kill of memory.oom_control" "Memory events by kind, as the kernel counts them.";
        OOM_EVENTS "container_oom_events_total" Counter None Container [] Cadvisor
            "memory.events oom_kill; v1 memory.oom_control oom_kill; of runs that are over the larger of that, `oom` events and State.OOMKilled" "Processes killed for want of memory, over all runs since dockmeter has known the container.";
    }
    "container_io" {
        FS_READS_BYTES "container_fs_reads_bytes_total" Counter Bytes Container ["device"] Cadvisor
            "io.stat rbytes; v1 blkio.throttle.io_service_bytes_recursive" "Bytes read from a device.";
        FS_WRITES_BYTES "container_fs_writes_bytes_total" Counter Bytes Container ["device"] Cadvisor
            "io.stat wbytes; v1 blkio.throttle.io_service_bytes_recursive" "Bytes written to a device.";
        FS_READS "container_fs_reads_total" Counter None Container ["device"] Cadvisor
            "io.stat rios; v1 blkio.throttle.io_serviced_recursive" "Read operations on a device.";
        FS_WRITES "container_fs_writes_total" Counter None Container ["device"] Cadvisor
            "io.stat wios; v1 blkio.throttle.io_serviced_recursive" "Write operations on a device.";
    }
    "container_network" {
        NETWORK_RECEIVE_BYTES "container_network_receive_bytes_total" Counter Bytes Container ["interface"] Cadvisor
            "/proc/PID/net/dev" "Bytes received.";
        NETWORK_RECEIVE_PACKETS "container_network_receive_packets_total" Counter None Container ["interface"] Cadvisor
            "/proc/PID/net/dev" "Packets received.";
        NETWORK_RECEIVE_ERRORS "container_network_receive_errors_total" Counter None Container ["interface"] Cadvisor
            "/proc/PID/net/dev" "Packets received with errors.";
        NETWORK_RECEIVE_DROPPED "container_network_receive_packets_dropped_total" Counter None Container ["interface"] Cadvisor
            "/proc/PID/net/dev" "Received packets that were dropped.";
        NETWORK_TRANSMIT_BYTES "container_network_transmit_bytes_total" Counter Bytes Container ["interface"] Cadvisor
            "/proc/PID/net/dev" "Bytes sent.";
        NETWORK_TRANSMIT_PACKETS "container_network_transmit_packets_total" Counter None Container ["interface"] Cadvisor
            "/proc/PID/net/dev" "Packets sent.";
        NETWORK_TRANSMIT_ERRORS "container_network_transmit_errors_total" Counter None Container ["interface"] Cadvisor
            "/proc/PID/net/dev" "Errors while sending.";
        NETWORK_TRANSMIT_DROPPED "container_network_transmit_packets_dropped_total" Counter None Container ["interface"] Cadvisor
            "/proc/PID/net/dev" "Packets dropped while sending.";
        NETWORK_TCP_CONNECTIONS "container_network_tcp_connections" Gauge None Container [] Dockmeter
            "/proc/PID/net/snmp CurrEstab" "Established TCP connections of the network namespace.";
    }
    "container_pressure" {
        PRESSURE_CPU_WAITING "container_pressure_cpu_waiting_seconds_total" Counter Seconds Container [] Cadvisor
            "cpu.pressure some" "Time in which some task waited for a core.";
        PRESSURE_CPU_STALLED "container_pressure_cpu_stalled_seconds_total" Counter Seconds Container [] Cadvisor
            "cpu.pressure full" "Time in which every task waited for a core.";
        PRESSURE_MEMORY_WAITING "container_pressure_memory_waiting_seconds_total" Counter Seconds Container [] Cadvisor
            "memory.pressure some" "Time in which some task waited for memory.";
        PRESSURE_MEMORY_STALLED "container_pressure_memory_stalled_seconds_total" Counter Seconds Container [] Cadvisor
            "memory.pressure full" "Time in which every task waited for memory.";
        PRESSURE_IO_WAITING "container_pressure_io_waiting_seconds_total" Counter Seconds Container [] Cadvisor
            "io.pressure some" "Time in which some task waited for a device.";
        PRESSURE_IO_STALLED "container_pressure_io_stalled_seconds_total" Counter Seconds Container [] Cadvisor
            "io.pressure full" "Time in which every task waited for a device.";
    }
    "container_processes" {
        PROCESSES "container_processes" Gauge None Container [] Cadvisor
            "cgroup.procs, of inner cgroups too" "Processes in the container.";
        THREADS "container_threads" Gauge None Container [] Cadvisor
            "pids.current" "Threads in the container.";
        THREADS_MAX "container_threads_max" Gauge None Container [] Cadvisor
            "pids.max" "Threads the container may have; absent without a limit.";
    }
    "container_state" {
        INFO "container_info" Gauge None Container ["container_id", "image_id", "network_mode", "restart_policy", "runtime"] Dockmeter
            "GET /containers/{id}/json" "What does not change during a container's life; always 1.";
        STATE "container_state" Gauge None Container ["state"] Dockmeter
            "State.Status" "1 for the state the container is in, 0 for the others.";
        HEALTH_STATUS "container_health_status" Gauge None Container ["status"] Dockmeter
            "State.Health.Status" "1 for what the health check says, 0 for the others; absent without a health check.";
        HEALTH_STATE "container_health_state" Gauge None Container [] Cadvisor
            "State.Health.Status" "1 healthy, 0 starting or unhealthy, -1 without a health check.";
        RESTARTS "container_restarts_total" Counter None Container [] Dockmeter
            "RestartCount, carried on where the engine starts again from 0" "Restarts by the restart policy.";
        EXIT_CODE "container_exit_code" Gauge None Container [] Dockmeter
            "State.ExitCode" "Exit status of the last run; absent until one has ended.";
        START_TIME "container_start_time_seconds" Gauge Seconds Container [] Cadvisor
            "State.StartedAt" "When the container was started, in seconds since 1970; only while it runs.";
        START_DURATION "container_start_duration_seconds" Gauge Seconds Container ["until"] Dockmeter
            "Created, or the first sign of a later start; events `start` and `health_status`" "Time from the beginning of the current or last start until the container was `running`, and until it was `healthy` first; a first start begins with the container's creation.";
        LAST_SEEN "container_last_seen" Gauge Seconds Container [] Cadvisor
            "the clock at the scrape" "When the container was last seen running, in seconds since 1970; only while it runs.";
    }
    "container_operations" {
        OPERATION_DURATION "container_operation_duration_seconds" Histogram Seconds Tenant ["operation"] Dockmeter
            "GET /events; the engine's folder of the container" "How long the engine took to `create`, `start`, `stop`, `restart` and `remove` a tenant's containers.";
    }
    "tenant" {
        TENANT_CPU "tenant_cpu_core_seconds_total" Counter CoreSeconds Tenant [] Dockmeter
            "the larger of container_cpu_usage_seconds_total and what is reserved, removed containers included; /proc/stat" "Cores multiplied by time: what a tenant's containers have used or reserved, whichever is more; `system`, `unattributed` and `idle` make it the whole host.";
        TENANT_MEMORY "tenant_memory_byte_seconds_total" Counter ByteSeconds Tenant [] Dockmeter
            "the larger of container_memory_working_set_bytes and what is reserved over time, removed containers included; /proc/meminfo" "Memory multiplied by time: what a tenant's containers have used or reserved, whichever is more; `system`, `unattributed` and `idle` make it the whole host.";
        TENANT_DISK "tenant_disk_byte_seconds_total" Counter ByteSeconds Tenant [] Dockmeter
            "container_fs_writable_layer_bytes, container_log_bytes and container_volume_usage_bytes over time; fstatvfs of the engine's data root" "Bytes that a tenant's containers, stopped ones included, have had on disk, multiplied by the time; a shared volume counts in equal parts. `system`, `unattributed` and `idle` make it the file system of the engine's data root.";
        TENANT_NETWORK "tenant_network_bytes_total" Counter Bytes Tenant ["direction"] Dockmeter
            "container_network_*_bytes_total, removed containers included" "Bytes that a tenant's containers have received and sent.";
    }
    "container_disk" {
        FS_USAGE "container_fs_usage_bytes" Gauge Bytes Container ["device"] Cadvisor
            "walk of the writable layer, stat of the log files; st_blocks" "What the container takes on the engine's disk: writable layer and log.";
        FS_LIMIT "container_fs_limit_bytes" Gauge Bytes Container ["device"] Cadvisor
            "fstatvfs f_blocks of the writable layer's folder" "Size of the file system that holds the container's writable layer.";
        FS_INODES_TOTAL "container_fs_inodes_total" Gauge None Container ["device"] Cadvisor
            "fstatvfs f_files" "Inodes of that file system; absent where their number is not fixed.";
        FS_INODES_FREE "container_fs_inodes_free" Gauge None Container ["device"] Cadvisor
            "fstatvfs f_ffree" "Inodes of that file system that are free.";
        FS_WRITABLE_LAYER "container_fs_writable_layer_bytes" Gauge Bytes Container [] Dockmeter
            "walk of GraphDriver.Data.UpperDir, else of upperdir in /proc/PID/mountinfo; st_blocks" "What the container has written over its image, as allocated.";
        LOG_BYTES "container_log_bytes" Gauge Bytes Container [] Dockmeter
            "stat of LogPath and its rotated files; st_blocks" "What the container's log takes, rotated files included; absent where the engine keeps no file.";
        VOLUME_USAGE "container_volume_usage_bytes" Gauge Bytes Container ["volume"] Dockmeter
            "walk of Mounts[].Source of local volumes; st_blocks" "What a local volume that the container mounts takes; in full for every container that mounts it.";
        DISK_MEASURED "container_disk_measured_timestamp_seconds" Gauge Seconds Container ["figure"] Dockmeter
            "the clock when the measurement began" "When `writable_layer`, `log` and the stalest of the `volumes` were measured, in seconds since 1970.";
        DISK_WALK "dockmeter_disk_walk_seconds_total" Counter Seconds Plain [] Dockmeter
            "the clock" "Time spent on measuring disks, waiting for them included.";
    }
    "machine" {
        MACHINE_CPU_CORES "machine_cpu_cores" Gauge Cores Plain [] Cadvisor
            "/sys/devices/system/cpu/online" "Logical cores that are online.";
        MACHINE_MEMORY "machine_memory_bytes" Gauge Bytes Plain [] Cadvisor
            "/proc/meminfo MemTotal" "Memory of the machine.";
        MACHINE_SCRAPE_ERROR "machine_scrape_error" Gauge None Plain [] Cadvisor
            "this collector" "1 if the machine's facts could not be read, else 0.";
    }
    "docker" {
        DOCKER_UP "dockmeter_docker_up" Gauge None Plain [] Dockmeter
            "the event stream" "1 while the engine's event stream is up and the list has been read since, else 0.";
        DOCKER_SYNC "dockmeter_docker_last_sync_timestamp_seconds" Gauge Seconds Plain [] Dockmeter
            "GET /containers/json" "When the list of containers was last read in full, in seconds since 1970.";
        DOCKER_MISSED_ENDS "dockmeter_docker_missed_ends_total" Counter None Plain [] Dockmeter
            "the sampler and GET /containers/json" "Ends of containers that the kernel has shown and the event stream has not; the stream is then made anew.";
        DOCKER_INFO "dockmeter_docker_info" Gauge None Plain ["version", "api_version", "storage_driver", "cgroup_driver", "cgroup_version"] Dockmeter
            "GET /version, GET /info" "The engine and how it works; what it does not say is empty; always 1.";
        DOCKER_CONTAINERS "dockmeter_docker_containers" Gauge None Plain ["state"] Dockmeter
            "State.Status" "Containers by what they are doing, without those that are not looked at.";
        DOCKER_IMAGES "dockmeter_docker_images" Gauge None Plain [] Dockmeter
            "GET /images/json" "Images that the engine has, without intermediate ones.";
        DOCKER_IMAGES_DANGLING "dockmeter_docker_images_dangling" Gauge None Plain [] Dockmeter
            "GET /images/json RepoTags" "Images without a tag.";
        DOCKER_IMAGES_UNUSED "dockmeter_docker_images_unused" Gauge None Plain [] Dockmeter
            "GET /images/json, GET /containers/json ImageID" "Images of which there is no container, running or stopped.";
        DOCKER_IMAGES_UNUSED_OLDER "dockmeter_docker_images_unused_by_age" Gauge None Plain ["older_than"] Dockmeter
            "GET /images/json Created" "Unused images that were made longer ago than `1d`, `7d`, `30d`, `90d` and `365d`; those that do not say when are in none.";
        DOCKER_IMAGE_OLDEST "dockmeter_docker_oldest_unused_image_timestamp_seconds" Gauge Seconds Plain [] Dockmeter
            "GET /images/json Created" "When the oldest unused image was made, in seconds since 1970; absent without one.";
        DOCKER_NETWORKS "dockmeter_docker_networks" Gauge None Plain ["driver"] Dockmeter
            "GET /networks" "Networks that the engine has, those that it cannot be without included.";
        DOCKER_NETWORKS_UNUSED "dockmeter_docker_networks_unused" Gauge None Plain [] Dockmeter
            "GET /networks, GET /containers/json NetworkSettings.Networks" "Networks to which no container belongs, running or stopped, without those that the engine always has.";
        DOCKER_VOLUMES "dockmeter_docker_volumes" Gauge None Plain ["driver"] Dockmeter
            "GET /volumes" "Volumes that the engine has.";
        DOCKER_VOLUMES_UNUSED "dockmeter_docker_volumes_unused" Gauge None Plain [] Dockmeter
            "GET /volumes dangling" "Volumes that no container mounts, running or stopped.";
        DOCKER_LISTED "dockmeter_docker_listed_timestamp_seconds" Gauge Seconds Plain ["type"] Dockmeter
            "the clock at the question" "When `images`, `networks` and `volumes` were listed, in seconds since 1970.";
        DOCKER_EVENTS "dockmeter_docker_events_total" Counter None Plain ["type", "action"] Dockmeter
            "GET /events" "Events that the engine told of; actions without a name here are `other`.";
        DOCKER_CALLS "dockmeter_docker_calls_total" Counter None Plain ["call", "result"] Dockmeter
            "the client" "Questions to the engine that were `answered`, and that `failed`: refused, not understood, or beyond the deadline.";
        DOCKER_CALL_SECONDS "dockmeter_docker_call_seconds_total" Counter Seconds Plain ["call"] Dockmeter
            "the client" "Time that the engine took for them, failed ones included.";
        INVENTORY_LOOKUPS "dockmeter_inventory_lookups_total" Counter None Plain ["result"] Dockmeter
            "the inventory" "Look-ups of a container: `hit` was answered from the inventory, `miss` by an inspect call.";
    }
    "docker_ports" {
        DOCKER_PUBLISHED_PORTS "dockmeter_docker_published_ports" Gauge None Container [] Dockmeter
            "NetworkSettings.Ports" "Ports of the host that the container has published; of running ones that publish any.";
        DOCKER_PUBLISHED_PORT_INFO "dockmeter_docker_published_port_info" Gauge None Container ["host_ip", "host_port", "container_port", "protocol"] Dockmeter
            "NetworkSettings.Ports" "A published port; `host_ip` is `*` for every address; the first 64 of a container; always 1.";
        DOCKER_PORT_CONFLICTS "dockmeter_docker_port_conflicts" Gauge None Container [] Dockmeter
            "NetworkSettings.Ports; of stopped containers with a restart policy HostConfig.PortBindings" "Ports of the host that this container has, or will want at its next start, and another one, too; of containers that claim any.";
    }
    "docker_disk" {
        DOCKER_DISK_USAGE "dockmeter_docker_disk_usage_bytes" Gauge Bytes Plain ["type"] Dockmeter
            "GET /system/df" "What the engine says that its `images`, `containers`, `volumes` and `build_cache` take.";
        DOCKER_DISK_RECLAIMABLE "dockmeter_docker_disk_reclaimable_bytes" Gauge Bytes Plain ["type"] Dockmeter
            "GET /system/df" "Of these, what nothing uses and `docker system prune` can free.";
        DOCKER_DISK_MEASURED "dockmeter_docker_disk_measured_timestamp_seconds" Gauge Seconds Plain [] Dockmeter
            "the clock at the question" "When the engine was asked, in seconds since 1970.";
    }
    "probe" {
        PROBE_INFO "dockmeter_probe_info" Gauge None Plain ["target", "address"] Dockmeter
            "the configuration" "What is probed, without the query of its address; always 1.";
        PROBE_SUCCESS "dockmeter_probe_success" Gauge None Plain ["target"] Dockmeter
            "the last attempt" "1 if the last attempt at a target succeeded, 0 if it failed; absent before the first.";
        PROBE_ATTEMPTS "dockmeter_probe_attempts_total" Counter None Plain ["target"] Dockmeter
            "the attempts" "Attempts at a target that are over.";
        PROBE_STATUS "dockmeter_probe_http_status_code" Gauge None Plain ["target"] Dockmeter
            "the last attempt" "Status of the last answer; absent where the last attempt had none.";
        PROBE_FAILURES "dockmeter_probe_failures_total" Counter None Plain ["target", "reason"] Dockmeter
            "the attempts" "Attempts that failed: at `resolve`, `connect`, `tls`, `http` (no answer), `status` (another than expected) or `timeout`; divided by the attempts, the loss.";
        PROBE_DURATION "dockmeter_probe_duration_seconds" Histogram Seconds Plain ["target"] Dockmeter
            "the clock" "How long attempts took that succeeded, from looking up the name to the end of what is read of the answer.";
        PROBE_PHASE "dockmeter_probe_phase_seconds_total" Counter Seconds Plain ["target", "phase"] Dockmeter
            "the clock" "What parts of attempts that succeeded have taken: `resolve`, `connect`, `tls`, `wait` (from asking to the head of the answer); absent where there is no such part.";
    }
    "programs" {
        INGEST_POINTS "dockmeter_ingest_points_total" Counter None Tenant [] Dockmeter
            "requests of programs" "Points that a tenant's programs have sent and that were taken, duplicates included.";
        INGEST_REJECTED "dockmeter_ingest_rejected_points_total" Counter None Tenant ["reason"] Dockmeter
            "requests of programs" "Points that were not taken, by reason: `malformed`, `unusable` (they contradict themselves), `name` (it is not a program's to use), `limit` (there are too many), `overflow` (so many that even their sum cannot be told), `too_many_parts` (one for each request that would take too much memory).";
        INGEST_MENDED "dockmeter_ingest_mended_texts_total" Counter None Tenant [] Dockmeter
            "requests of programs" "Texts of requests in which bytes that are not UTF-8 were replaced.";
        INGEST_REQUESTS "dockmeter_ingest_requests_total" Counter None Plain ["origin"] Dockmeter
            "requests of programs" "Requests of programs by what told whose they are: `socket` (the process that connected), `token`, `address` (of a container), `unattributed` (nothing).";
        INGEST_PROGRAM_INFO "dockmeter_ingest_program_info" Gauge None Tenant ["service", "service_instance", "container_id"] Dockmeter
            "who connected" "A program that has sent something, as its series name it, and the container that it runs in; without `container_id` where that is not sure; always 1.";
        INGEST_SERIES "dockmeter_ingest_series" Gauge None Plain [] Dockmeter
            "the store of series" "Series that programs have sent and that are shown.";
        INGEST_BYTES "dockmeter_ingest_series_bytes" Gauge Bytes Plain [] Dockmeter
            "the store of series" "Memory that series of programs take, as it is estimated for `limits.series_bytes`.";
        DROPPED_SERIES "dockmeter_dropped_series_total" Counter None Plain ["reason"] Dockmeter
            "the store of series" "Series that count in one with `overflow=\"true\"` since there was no place for them, by what there was too much of: series of their `metric`, of their `tenant`, of `all`, or `memory`.";
    }
    "health" {
        SYSTEM_HEALTH "dockmeter_system_health" Gauge None Plain ["domain", "status"] Dockmeter
            "see docs/health.md" "1 for how a domain is (`healthy`, `warning` or `unhealthy`), 0 for how it is not; the domain `overall` is the worst of all.";
        SYSTEM_HEALTH_WARNINGS "dockmeter_system_health_warnings" Gauge None Plain ["domain"] Dockmeter
            "see docs/health.md" "Reasons why a domain is not healthy, as `/api/system/health` has them.";
    }
    "slo" {
        SLO_OBJECTIVE "slo_objective_ratio" Gauge Ratio Tenant ["slo", "service"] Dockmeter
            "the configuration, labels of containers" "What is promised of a service: the share of good events. `slo` is `availability`, `latency`, `uptime` or a name of one's own.";
        SLO_THRESHOLD "slo_latency_threshold_seconds" Gauge Seconds Tenant ["slo", "service"] Dockmeter
            "the configuration, labels of containers" "How long a request may take that counts as good; of latencies.";
        SLO_EVENTS "slo_events_total" Counter None Tenant ["slo", "service"] Dockmeter
            "requests of programs, the inventory" "Valid events of an objective: requests; for `uptime` seconds in which containers should have been up.";
        SLO_BAD_EVENTS "slo_bad_events_total" Counter None Tenant ["slo", "service"] Dockmeter
            "requests of programs, the inventory" "Bad ones among them: requests that the server failed, or that were slower than the threshold; seconds in which containers were down, restarting or unhealthy.";
        SLO_CONFLICTS "slo_objective_conflicts_total" Counter None Tenant ["slo", "service"] Dockmeter
            "the configuration, labels of containers" "Times that two objectives for the same service began to disagree; the stricter one holds. Absent where that never happened.";
        SLO_EXPECTED "slo_uptime_expected_containers" Gauge None Tenant ["slo", "service"] Dockmeter
            "the inventory" "Containers with an objective of uptime that should be up.";
        SLO_DOWN "slo_uptime_down_containers" Gauge None Tenant ["slo", "service"] Dockmeter
            "the inventory" "Of these, those that are down, restarting or unhealthy.";
        SLO_GONE "slo_uptime_gone_containers" Gauge None Tenant ["slo", "service"] Dockmeter
            "the inventory" "Of these, those that have been down for five minutes without a break.";
        SLO_REFUSED "slo_objectives_refused_total" Counter None Tenant ["reason"] Dockmeter
            "labels of containers" "Objectives of containers that were refused, by reason: `target` (no share between 0 and 100 percent), `threshold` (of a latency, missing or no duration), `restart_policy` (an uptime of what the engine does not keep up), `label` (no objective), `limit` (there are too many).";
    }
    "findings" {
        FINDINGS "dockmeter_findings" Gauge None Tenant ["kind", "severity"] Dockmeter
            "what dockmeter measures, see docs/analysis.md" "What holds a tenant's requests up now, by kinds as `/api/analytics/insights` has them, and `anomaly` for what is not as usual; those of the host are of `system`. Absent where there is none.";
    }
    "dockmeter" {
        BUILD_INFO "dockmeter_build_info" Gauge None Plain ["version", "revision", "rustversion"] Dockmeter
            "the build" "What this binary was built from; always 1.";
        CONFIG_RELOAD_SUCCESSFUL "dockmeter_config_last_reload_successful" Gauge None Plain [] Dockmeter
            "the configuration" "1 if all that was last read of the configuration is in force, 0 if some of it was refused and the old stays.";
        CONFIG_RELOAD_TIME "dockmeter_config_last_reload_success_timestamp_seconds" Gauge Seconds Plain [] Dockmeter
            "the clock" "When configuration was last read and taken, in seconds since 1970.";
        ALERT_EVALUATOR "dockmeter_alert_evaluator" Gauge None Plain ["evaluator"] Dockmeter
            "Grafana" "1 for who evaluates tenants' alerts, so that no alert is evaluated twice: `prometheus`, or `grafana` while dockmeter sees it evaluate the rules that it was given.";
        COLLECTOR_DURATION "dockmeter_collector_duration_seconds" Gauge Seconds Plain ["collector"] Dockmeter
            "the clock" "Time a collector took in this scrape; reading is in `sampler`.";
        COLLECTOR_SUCCESS "dockmeter_collector_success" Gauge None Plain ["collector"] Dockmeter
            "the collector" "1 if a collector delivered its families in this scrape, else 0.";
        SERIES "dockmeter_series" Gauge None Plain [] Dockmeter
            "the page" "Series on this page before this one.";
        SAMPLE_OVERRUNS "dockmeter_sample_overruns_total" Counter None Plain [] Dockmeter
            "the sampler" "Ticks of the sampler that came too late and were left out.";
        READ_ERRORS "dockmeter_read_errors_total" Counter None Plain ["reason"] Dockmeter
            "the sampler" "Files of a container that could not be read, by reason; `api` is the engine's statistics.";
        CONTAINER_SOURCE "dockmeter_container_source" Gauge None Plain ["source"] Dockmeter
            "the sampler" "Running containers whose numbers come from the kernel's files (`cgroup`) and from the engine's statistics (`api`).";
        TENANCY_CAPPED "dockmeter_tenancy_capped_total" Counter None Plain ["label"] Dockmeter
            "the attribution" "Times that a `user`, `project` or `team` was beyond its limit and became `other`; counted at every attribution of a container.";
        HISTORY_SERIES "dockmeter_history_series" Gauge None Plain [] Dockmeter
            "the history" "Containers of which there is history, removed ones included, and the machine.";
        HISTORY_MEMORY "dockmeter_history_memory_bytes" Gauge Bytes Plain [] Dockmeter
            "the history" "Memory that the history takes.";
        HISTORY_DISK "dockmeter_history_disk_bytes" Gauge Bytes Plain [] Dockmeter
            "the history" "Length of the files of the history; absent without `history.path`.";
        HISTORY_WRITTEN "dockmeter_history_written_bytes_total" Counter Bytes Plain [] Dockmeter
            "the history" "What was written to the files of the history since the start; absent without `history.path`.";
        HISTORY_PAUSED "dockmeter_history_write_paused" Gauge None Plain [] Dockmeter
            "the history" "1 while the files of the history cannot be written, as on a full disk; it goes on in memory. Absent without `history.path`.";
        HISTORY_FORGOTTEN "dockmeter_history_forgotten_total" Counter None Plain [] Dockmeter
            "the history" "Blocks of history that went before their time for want of memory (`history.memory_bytes`).";
        HISTORY_SKIPPED "dockmeter_history_skipped_total" Counter None Plain [] Dockmeter
            "the history" "Samplings that the history left out: its disk was too slow, or the clock had been set back.";
        PROCESS_CPU "process_cpu_seconds_total" Counter Seconds Plain [] Prometheus
            "clock_gettime CLOCK_PROCESS_CPUTIME_ID" "CPU time of dockmeter itself.";
        PROCESS_RESIDENT "process_resident_memory_bytes" Gauge Bytes Plain [] Prometheus
            "/proc/self/stat" "Resident memory of dockmeter itself.";
        PROCESS_VIRTUAL "process_virtual_memory_bytes" Gauge Bytes Plain [] Prometheus
            "/proc/self/stat" "Virtual memory of dockmeter itself.";
        PROCESS_OPEN_FDS "process_open_fds" Gauge None Plain [] Prometheus
            "/proc/self/fd" "Open file descriptors of dockmeter itself.";
        PROCESS_MAX_FDS "process_max_fds" Gauge None Plain [] Prometheus
            "getrlimit" "File descriptors dockmeter may open.";
        PROCESS_THREADS "process_threads" Gauge None Plain [] Prometheus
            "/proc/self/stat" "Threads of dockmeter itself.";
        PROCESS_START "process_start_time_seconds" Gauge Seconds Plain [] Prometheus
            "the clock at the start" "When dockmeter was started, in seconds since 1970.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_the_rules() {
        let mut seen = BTreeSet::new();
        for metric in ALL {
            assert!(seen.insert(metric.name), "`{}` is declared twice", metric.name);
            assert!(metric.help.ends_with('.'), "the help of `{}` is no sentence", metric.name);
            if metric.owner != Owner::Dockmeter {
                continue;
            }
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "`{}`", metric.name);
            let stem = metric.name.strip_suffix("_total").unwrap_or(metric.name);
            assert!(stem.ends_with(metric.unit.suffix()), "`{}` does not name its unit", metric.name);
        }
    }

    #[test]
    fn every_collector_has_metrics() {
        for collector in COLLECTORS {
            assert!(ALL.iter().any(|metric| metric.collector == *collector), "{collector}");
        }
    }
}
