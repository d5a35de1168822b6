//! The families of the host, under node_exporter's names, and the few that it has not.
//!
//! Families that are one field of a kernel file each stand in tables: [`meminfo`],
//! [`vmstat`], [`netstat`], [`sockstat`].

use super::{Field, Kind, Labels, Metric, Owner, Unit};

/// Declares a table of families, one for each field of a kernel file.
macro_rules! fields {
    ($doc:literal $collector:literal $kind:ident $source:literal { $($key:literal $name:literal $unit:ident $help:literal;)* }) => {
        #[doc = $doc]
        pub static FIELDS: &[Field] = &[$(Field {
            key: $key,
            metric: Metric {
                name: $name,
                kind: Kind::$kind,
                unit: Unit::$unit,
                help: $help,
                labels: Labels::Plain,
                own_labels: &[],
                source: concat!($source, " ", $key),
                collector: $collector,
                owner: Owner::NodeExporter,
            },
        }),*];
    };
}

pub mod meminfo;
pub mod netstat;
pub mod sockstat;
pub mod vmstat;

/// The name that `--no-collector.NAME` takes for all collectors of the host at once.
pub const GROUP: &str = "host";

/// Collectors that are off unless they are asked for by name.
pub static OPT_IN: &[&str] = &["tcpstat"];

/// Every collector of the host, in the order of the page.
pub static COLLECTORS: &[&str] =
    &super::join::<{ COLLECTORS_HERE.len() + TABLES.len() }, &str>(COLLECTORS_HERE, TABLES);

/// The collectors whose families are tables.
static TABLES: &[&str] = &["meminfo", "vmstat", "netstat", "sockstat"];

/// Every family of the host.
pub static FAMILIES: &[&Metric] = &join_all();

const LENGTH: usize = DECLARED.len()
    + meminfo::FIELDS.len()
    + vmstat::FIELDS.len()
    + netstat::FIELDS.len()
    + sockstat::FIELDS.len();

const fn join_all() -> [&'static Metric; LENGTH] {
    let mut all = [DECLARED[0]; LENGTH];
    let mut filled = 0;
    while filled < DECLARED.len() {
        all[filled] = DECLARED[filled];
        filled += 1;
    }
    let tables = [meminfo::FIELDS, vmstat::FIELDS, netstat::FIELDS, sockstat::FIELDS];
    let mut table = 0;
    while table < tables.len() {
        let mut field = 0;
        while field < tables[table].len() {
            all[filled] = &tables[table][field].metric;
            field += 1;
            filled += 1;
        }
        table += 1;
    }
    all
}

metrics! {
    "cpu" {
        CPU_SECONDS "node_cpu_seconds_total" Counter Seconds Plain ["cpu", "mode"] NodeExporter
            "/proc/stat cpuN" "Time that a core has spent in each mode; time in guests is in `user` and `nice` too.";
        CPU_GUEST_SECONDS "node_cpu_guest_seconds_total" Counter Seconds Plain ["cpu", "mode"] NodeExporter
            "/proc/stat cpuN" "Time that a core has run virtual machines.";
    }
    "cpufreq" {
        CPU_FREQUENCY "node_cpu_frequency_hertz" Gauge Hertz Plain ["cpu"] NodeExporter
            "/sys/devices/system/cpu/cpuN/cpufreq/cpuinfo_cur_freq" "Frequency that the hardware says it runs at; for root only.";
        CPU_FREQUENCY_AVG "node_cpu_frequency_avg_hertz" Gauge Hertz Plain ["cpu"] NodeExporter
            "/sys/devices/system/cpu/cpuN/cpufreq/cpuinfo_avg_freq" "Mean frequency over the last moments.";
        CPU_FREQUENCY_MIN "node_cpu_frequency_min_hertz" Gauge Hertz Plain ["cpu"] NodeExporter
            "/sys/devices/system/cpu/cpuN/cpufreq/cpuinfo_min_freq" "Lowest frequency that the hardware can run at.";
        CPU_FREQUENCY_MAX "node_cpu_frequency_max_hertz" Gauge Hertz Plain ["cpu"] NodeExporter
            "/sys/devices/system/cpu/cpuN/cpufreq/cpuinfo_max_freq" "Highest frequency that the hardware can run at.";
        CPU_SCALING_FREQUENCY "node_cpu_scaling_frequency_hertz" Gauge Hertz Plain ["cpu"] NodeExporter
            "/sys/devices/system/cpu/cpuN/cpufreq/scaling_cur_freq" "Frequency that the kernel has last chosen or measured.";
        CPU_SCALING_MIN "node_cpu_scaling_frequency_min_hertz" Gauge Hertz Plain ["cpu"] NodeExporter
            "/sys/devices/system/cpu/cpuN/cpufreq/scaling_min_freq" "Lowest frequency that the kernel may choose.";
        CPU_SCALING_MAX "node_cpu_scaling_frequency_max_hertz" Gauge Hertz Plain ["cpu"] NodeExporter
            "/sys/devices/system/cpu/cpuN/cpufreq/scaling_max_freq" "Highest frequency that the kernel may choose.";
        CPU_GOVERNOR "node_cpu_scaling_governor" Gauge None Plain ["cpu", "governor"] NodeExporter
            "/sys/devices/system/cpu/cpuN/cpufreq/scaling_governor" "1 for the governor that chooses the frequency, 0 for the others that there are.";
    }
    "schedstat" {
        SCHEDSTAT_RUNNING "node_schedstat_running_seconds_total" Counter Seconds Plain ["cpu"] NodeExporter
            "/proc/schedstat 7" "Time for which tasks have run on a core.";
        SCHEDSTAT_WAITING "node_schedstat_waiting_seconds_total" Counter Seconds Plain ["cpu"] NodeExporter
            "/proc/schedstat 8" "Time for which tasks that could run have waited for a core.";
        SCHEDSTAT_TIMESLICES "node_schedstat_timeslices_total" Counter None Plain ["cpu"] NodeExporter
            "/proc/schedstat 9" "Time slices that a core has run.";
    }
    "stat" {
        CONTEXT_SWITCHES "node_context_switches_total" Counter None Plain [] NodeExporter
            "/proc/stat ctxt" "Context switches.";
        INTERRUPTS "node_intr_total" Counter None Plain [] NodeExporter
            "/proc/stat intr" "Interrupts that were serviced.";
        FORKS "node_forks_total" Counter None Plain [] NodeExporter
            "/proc/stat processes" "Processes and threads that were made.";
        BOOT_TIME "node_boot_time_seconds" Gauge Seconds Plain [] NodeExporter
            "/proc/stat btime" "When the machine was started, in seconds since 1970.";
        PROCS_RUNNING "node_procs_running" Gauge None Plain [] NodeExporter
            "/proc/stat procs_running" "Threads that run or could run.";
        PROCS_BLOCKED "node_procs_blocked" Gauge None Plain [] NodeExporter
            "/proc/stat procs_blocked" "Threads that wait for a device.";
    }
    "loadavg" {
        LOAD1 "node_load1" Gauge None Plain [] NodeExporter
            "/proc/loadavg" "Load average over one minute.";
        LOAD5 "node_load5" Gauge None Plain [] NodeExporter
            "/proc/loadavg" "Load average over five minutes.";
        LOAD15 "node_load15" Gauge None Plain [] NodeExporter
            "/proc/loadavg" "Load average over fifteen minutes.";
    }
    "pressure" {
        PRESSURE_CPU_WAITING "node_pressure_cpu_waiting_seconds_total" Counter Seconds Plain [] NodeExporter
            "/proc/pressure/cpu some" "Time in which some task waited for a core.";
        PRESSURE_IO_WAITING "node_pressure_io_waiting_seconds_total" Counter Seconds Plain [] NodeExporter
            "/proc/pressure/io some" "Time in which some task waited for a device.";
        PRESSURE_IO_STALLED "node_pressure_io_stalled_seconds_total" Counter Seconds Plain [] NodeExporter
            "/proc/pressure/io full" "Time in which every task waited for a device.";
        PRESSURE_MEMORY_WAITING "node_pressure_memory_waiting_seconds_total" Counter Seconds Plain [] NodeExporter
            "/proc/pressure/memory some" "Time in which some task waited for memory.";
        PRESSURE_MEMORY_STALLED "node_pressure_memory_stalled_seconds_total" Counter Seconds Plain [] NodeExporter
            "/proc/pressure/memory full" "Time in which every task waited for memory.";
        PRESSURE_IRQ_STALLED "node_pressure_irq_stalled_seconds_total" Counter Seconds Plain [] NodeExporter
            "/proc/pressure/irq full" "Time in which interrupts kept every task waiting.";
    }
    "filefd" {
        FILEFD_ALLOCATED "node_filefd_allocated" Gauge None Plain [] NodeExporter
            "/proc/sys/fs/file-nr" "File handles in use.";
        FILEFD_MAXIMUM "node_filefd_maximum" Gauge None Plain [] NodeExporter
            "/proc/sys/fs/file-nr" "File handles that there can be.";
    }
    "entropy" {
        ENTROPY_AVAILABLE "node_entropy_available_bits" Gauge None Plain [] NodeExporter
            "/proc/sys/kernel/random/entropy_avail" "Entropy that the kernel's pool of random bits has, in bits.";
        ENTROPY_POOL_SIZE "node_entropy_pool_size_bits" Gauge None Plain [] NodeExporter
            "/proc/sys/kernel/random/poolsize" "Size of the kernel's pool of random bits, in bits.";
    }
    "kernel_hung" {
        KERNEL_HUNG_TASKS "node_kernel_hung_tasks_total" Counter None Plain [] NodeExporter
            "/proc/sys/kernel/hung_task_detect_count" "Tasks that the kernel has found to hang.";
    }
    "diskstats" {
        DISK_READS "node_disk_reads_completed_total" Counter None Plain ["device"] NodeExporter
            "/proc/diskstats 1" "Reads completed.";
        DISK_READS_MERGED "node_disk_reads_merged_total" Counter None Plain ["device"] NodeExporter
            "/proc/diskstats 2" "Reads that were merged with a neighbour.";
        DISK_READ_BYTES "node_disk_read_bytes_total" Counter Bytes Plain ["device"] NodeExporter
            "/proc/diskstats 3, sectors of 512 bytes" "Bytes read.";
        DISK_READ_TIME "node_disk_read_time_seconds_total" Counter Seconds Plain ["device"] NodeExporter
            "/proc/diskstats 4" "Time that all reads together have taken; divided by the reads, their mean latency.";
        DISK_WRITES "node_disk_writes_completed_total" Counter None Plain ["device"] NodeExporter
            "/proc/diskstats 5" "Writes completed.";
        DISK_WRITES_MERGED "node_disk_writes_merged_total" Counter None Plain ["device"] NodeExporter
            "/proc/diskstats 6" "Writes that were merged with a neighbour.";
        DISK_WRITTEN_BYTES "node_disk_written_bytes_total" Counter Bytes Plain ["device"] NodeExporter
            "/proc/diskstats 7, sectors of 512 bytes" "Bytes written.";
        DISK_WRITE_TIME "node_disk_write_time_seconds_total" Counter Seconds Plain ["device"] NodeExporter
            "/proc/diskstats 8" "Time that all writes together have taken; divided by the writes, their mean latency.";
        DISK_IO_NOW "node_disk_io_now" Gauge None Plain ["device"] NodeExporter
            "/proc/diskstats 9" "Operations in progress.";
        DISK_IO_TIME "node_disk_io_time_seconds_total" Counter Seconds Plain ["device"] NodeExporter
            "/proc/diskstats 10" "Time in which the device had something to do; its rate is the utilisation.";
        DISK_IO_TIME_WEIGHTED "node_disk_io_time_weighted_seconds_total" Counter Seconds Plain ["device"] NodeExporter
            "/proc/diskstats 11" "Time multiplied by the operations in progress; its rate is the mean length of the queue.";
        DISK_DISCARDS "node_disk_discards_completed_total" Counter None Plain ["device"] NodeExporter
            "/proc/diskstats 12" "Discards completed.";
        DISK_DISCARDS_MERGED "node_disk_discards_merged_total" Counter None Plain ["device"] NodeExporter
            "/proc/diskstats 13" "Discards that were merged with a neighbour.";
        DISK_DISCARDED_SECTORS "node_disk_discarded_sectors_total" Counter None Plain ["device"] NodeExporter
            "/proc/diskstats 14" "Sectors of 512 bytes that were discarded.";
        DISK_DISCARD_TIME "node_disk_discard_time_seconds_total" Counter Seconds Plain ["device"] NodeExporter
            "/proc/diskstats 15" "Time that all discards together have taken.";
        DISK_FLUSHES "node_disk_flush_requests_total" Counter None Plain ["device"] NodeExporter
            "/proc/diskstats 16" "Flushes completed.";
        DISK_FLUSH_TIME "node_disk_flush_requests_time_seconds_total" Counter Seconds Plain ["device"] NodeExporter
            "/proc/diskstats 17" "Time that all flushes together have taken.";
        DISK_INFO "node_disk_info" Gauge None Plain ["device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"] NodeExporter
            "/run/udev/data, /sys/block/DEVICE/queue/rotational" "What is known of a device that is no number; always 1.";
        DISK_FILESYSTEM_INFO "node_disk_filesystem_info" Gauge None Plain ["device", "type", "usage", "uuid", "version"] NodeExporter
            "/run/udev/data ID_FS_TYPE" "The file system on a device, as udev has found it; always 1.";
        DISK_DEVICE_MAPPER_INFO "node_disk_device_mapper_info" Gauge None Plain ["device", "name", "uuid", "vg_name", "lv_name", "lv_layer"] NodeExporter
            "/run/udev/data DM_NAME" "What the device mapper calls a device; always 1.";
        DISK_ATA_WRITE_CACHE "node_disk_ata_write_cache" Gauge None Plain ["device"] NodeExporter
            "/run/udev/data ID_ATA_WRITE_CACHE" "1 if an ATA disk has a write cache, else 0.";
        DISK_ATA_WRITE_CACHE_ENABLED "node_disk_ata_write_cache_enabled" Gauge None Plain ["device"] NodeExporter
            "/run/udev/data ID_ATA_WRITE_CACHE_ENABLED" "1 if the write cache of an ATA disk is on, else 0.";
        DISK_ATA_ROTATION_RATE "node_disk_ata_rotation_rate_rpm" Gauge None Plain ["device"] NodeExporter
            "/run/udev/data ID_ATA_ROTATION_RATE_RPM" "Turns a minute of an ATA disk; 0 if nothing turns.";
    }
    "filesystem" {
        FILESYSTEM_SIZE "node_filesystem_size_bytes" Gauge Bytes Plain ["device", "mountpoint", "fstype", "device_error"] NodeExporter
            "/proc/1/mountinfo, statfs(2) f_blocks" "Size of a file system; each device stands once, at its shortest mount point.";
        FILESYSTEM_FREE "node_filesystem_free_bytes" Gauge Bytes Plain ["device", "mountpoint", "fstype", "device_error"] NodeExporter
            "statfs(2) f_bfree" "Space that is free, what is reserved for root included.";
        FILESYSTEM_AVAIL "node_filesystem_avail_bytes" Gauge Bytes Plain ["device", "mountpoint", "fstype", "device_error"] NodeExporter
            "statfs(2) f_bavail" "Space that is free for everyone.";
        FILESYSTEM_FILES "node_filesystem_files" Gauge None Plain ["device", "mountpoint", "fstype", "device_error"] NodeExporter
            "statfs(2) f_files" "Inodes that there are; 0 where the file system has no such limit.";
        FILESYSTEM_FILES_FREE "node_filesystem_files_free" Gauge None Plain ["device", "mountpoint", "fstype", "device_error"] NodeExporter
            "statfs(2) f_ffree" "Inodes that are free.";
        FILESYSTEM_READONLY "node_filesystem_readonly" Gauge None Plain ["device", "mountpoint", "fstype", "device_error"] NodeExporter
            "/proc/1/mountinfo options" "1 if nothing can be written, also after an error of the device, else 0.";
        FILESYSTEM_DEVICE_ERROR "node_filesystem_device_error" Gauge None Plain ["device", "mountpoint", "fstype", "device_error"] NodeExporter
            "statfs(2)" "1 if the file system could not be asked or does not answer, with the reason in `device_error`, else 0.";
        FILESYSTEM_MOUNT_INFO "node_filesystem_mount_info" Gauge None Plain ["device", "major", "minor", "mountpoint"] NodeExporter
            "/proc/1/mountinfo" "The device numbers of a file system; always 1.";
        DOCKER_DATA_ROOT "dockmeter_docker_data_root_info" Gauge None Plain ["path", "device", "mountpoint", "fstype"] Dockmeter
            "GET /info DockerRootDir, /proc/1/mountinfo" "Where the engine keeps its data and the file system that this is on, labelled as in `node_filesystem_*`; always 1.";
    }
    "netdev" {
        NETDEV_RECEIVE_BYTES "node_network_receive_bytes_total" Counter Bytes Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Bytes received.";
        NETDEV_RECEIVE_PACKETS "node_network_receive_packets_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Packets received.";
        NETDEV_RECEIVE_ERRS "node_network_receive_errs_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Packets received with errors.";
        NETDEV_RECEIVE_DROP "node_network_receive_drop_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Received packets that were dropped or missed.";
        NETDEV_RECEIVE_FIFO "node_network_receive_fifo_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Overruns of the receive buffer.";
        NETDEV_RECEIVE_FRAME "node_network_receive_frame_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Received frames with a wrong length, checksum or alignment.";
        NETDEV_RECEIVE_COMPRESSED "node_network_receive_compressed_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Compressed packets received.";
        NETDEV_RECEIVE_MULTICAST "node_network_receive_multicast_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Multicast packets received.";
        NETDEV_TRANSMIT_BYTES "node_network_transmit_bytes_total" Counter Bytes Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Bytes sent.";
        NETDEV_TRANSMIT_PACKETS "node_network_transmit_packets_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Packets sent.";
        NETDEV_TRANSMIT_ERRS "node_network_transmit_errs_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Errors while sending.";
        NETDEV_TRANSMIT_DROP "node_network_transmit_drop_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Packets dropped while sending.";
        NETDEV_TRANSMIT_FIFO "node_network_transmit_fifo_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Underruns of the transmit buffer.";
        NETDEV_TRANSMIT_COLLS "node_network_transmit_colls_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Collisions on the wire.";
        NETDEV_TRANSMIT_CARRIER "node_network_transmit_carrier_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Errors of the carrier while sending.";
        NETDEV_TRANSMIT_COMPRESSED "node_network_transmit_compressed_total" Counter None Plain ["device"] NodeExporter
            "/proc/1/net/dev" "Compressed packets sent.";
        NETDEV_RECEIVE_NOHANDLER "node_network_receive_nohandler_total" Counter None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/statistics/rx_nohandler" "Packets received on an inactive device of a bond or team, and dropped.";
    }
    "netclass" {
        NETCLASS_UP "node_network_up" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/operstate" "1 if the device is operational, else 0.";
        NETCLASS_INFO "node_network_info" Gauge None Plain ["device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"] NodeExporter
            "/sys/class/net/DEVICE" "What is known of a device that is no number; always 1.";
        NETCLASS_ADDRESS_ASSIGN_TYPE "node_network_address_assign_type" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/addr_assign_type" "Where the hardware address comes from: 0 permanent, 1 random, 2 stolen, 3 set.";
        NETCLASS_CARRIER "node_network_carrier" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/carrier" "1 if there is a link, else 0; absent while the device is down.";
        NETCLASS_CARRIER_CHANGES "node_network_carrier_changes_total" Counter None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/carrier_changes" "How often the link has come or gone.";
        NETCLASS_CARRIER_UP "node_network_carrier_up_changes_total" Counter None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/carrier_up_count" "How often the link has come.";
        NETCLASS_CARRIER_DOWN "node_network_carrier_down_changes_total" Counter None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/carrier_down_count" "How often the link has gone.";
        NETCLASS_DEVICE_ID "node_network_device_id" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/dev_id" "Tells devices that share a hardware address apart.";
        NETCLASS_DORMANT "node_network_dormant" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/dormant" "1 if the device waits for something outside before it can be used, else 0.";
        NETCLASS_FLAGS "node_network_flags" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/flags" "The flags of the device, as a number.";
        NETCLASS_IFACE_ID "node_network_iface_id" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/ifindex" "The index of the device.";
        NETCLASS_IFACE_LINK "node_network_iface_link" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/iflink" "The index of the device that this one lies upon.";
        NETCLASS_IFACE_LINK_MODE "node_network_iface_link_mode" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/link_mode" "How the device becomes operational: 0 by itself, 1 when told so.";
        NETCLASS_MTU "node_network_mtu_bytes" Gauge Bytes Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/mtu" "The longest packet.";
        NETCLASS_NAME_ASSIGN_TYPE "node_network_name_assign_type" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/name_assign_type" "Where the name comes from: 1 the kernel, 2 predictable, 3 a user, 4 renamed.";
        NETCLASS_GROUP "node_network_net_dev_group" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/netdev_group" "The group of the device.";
        NETCLASS_SPEED "node_network_speed_bytes" Gauge Bytes Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/speed" "Bytes a second that the link carries; negative where the device does not know, absent where it cannot say.";
        NETCLASS_QUEUE_LENGTH "node_network_transmit_queue_length" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/tx_queue_len" "Packets that may wait to be sent.";
        NETCLASS_PROTOCOL_TYPE "node_network_protocol_type" Gauge None Plain ["device"] NodeExporter
            "/sys/class/net/DEVICE/type" "The kind of the device, as ARP numbers it.";
    }
    "conntrack" {
        CONNTRACK_ENTRIES "node_nf_conntrack_entries" Gauge None Plain [] NodeExporter
            "/proc/1/net/stat/nf_conntrack entries" "Connections that are tracked.";
        CONNTRACK_LIMIT "node_nf_conntrack_entries_limit" Gauge None Plain [] NodeExporter
            "/proc/sys/net/netfilter/nf_conntrack_max" "Connections that can be tracked.";
        CONNTRACK_FOUND "node_nf_conntrack_stat_found" Gauge None Plain [] NodeExporter
            "/proc/1/net/stat/nf_conntrack found" "Searches that found a connection, since the start.";
        CONNTRACK_INVALID "node_nf_conntrack_stat_invalid" Gauge None Plain [] NodeExporter
            "/proc/1/net/stat/nf_conntrack invalid" "Packets that cannot be tracked, since the start.";
        CONNTRACK_IGNORE "node_nf_conntrack_stat_ignore" Gauge None Plain [] NodeExporter
            "/proc/1/net/stat/nf_conntrack ignore" "Packets that were tracked already, since the start.";
        CONNTRACK_INSERT "node_nf_conntrack_stat_insert" Gauge None Plain [] NodeExporter
            "/proc/1/net/stat/nf_conntrack insert" "Connections entered, since the start.";
        CONNTRACK_INSERT_FAILED "node_nf_conntrack_stat_insert_failed" Gauge None Plain [] NodeExporter
            "/proc/1/net/stat/nf_conntrack insert_failed" "Connections that could not be entered, since the start.";
        CONNTRACK_DROP "node_nf_conntrack_stat_drop" Gauge None Plain [] NodeExporter
            "/proc/1/net/stat/nf_conntrack drop" "Packets dropped because they could not be tracked, since the start.";
        CONNTRACK_EARLY_DROP "node_nf_conntrack_stat_early_drop" Gauge None Plain [] NodeExporter
            "/proc/1/net/stat/nf_conntrack early_drop" "Connections given up to make room, since the start.";
        CONNTRACK_SEARCH_RESTART "node_nf_conntrack_stat_search_restart" Gauge None Plain [] NodeExporter
            "/proc/1/net/stat/nf_conntrack search_restart" "Searches begun again because the table had changed its size, since the start.";
    }
    "softnet" {
        SOFTNET_PROCESSED "node_softnet_processed_total" Counter None Plain ["cpu"] NodeExporter
            "/proc/1/net/softnet_stat 1" "Packets processed.";
        SOFTNET_DROPPED "node_softnet_dropped_total" Counter None Plain ["cpu"] NodeExporter
            "/proc/1/net/softnet_stat 2" "Packets dropped because the queue was full.";
        SOFTNET_SQUEEZED "node_softnet_times_squeezed_total" Counter None Plain ["cpu"] NodeExporter
            "/proc/1/net/softnet_stat 3" "How often processing stopped with packets left over.";
        SOFTNET_COLLISION "node_softnet_cpu_collision_total" Counter None Plain ["cpu"] NodeExporter
            "/proc/1/net/softnet_stat 9" "How often the lock of a device was taken while sending.";
        SOFTNET_RPS "node_softnet_received_rps_total" Counter None Plain ["cpu"] NodeExporter
            "/proc/1/net/softnet_stat 10" "How often another core asked this one to process packets.";
        SOFTNET_FLOW_LIMIT "node_softnet_flow_limit_count_total" Counter None Plain ["cpu"] NodeExporter
            "/proc/1/net/softnet_stat 11" "How often the limit of a flow was reached.";
        SOFTNET_BACKLOG "node_softnet_backlog_len" Gauge None Plain ["cpu"] NodeExporter
            "/proc/1/net/softnet_stat 12" "Packets that wait.";
    }
    "arp" {
        ARP_ENTRIES "node_arp_entries" Gauge None Plain ["device"] NodeExporter
            "/proc/1/net/arp" "IPv4 neighbours that are known or being looked for; absent for a device without any.";
    }
    "tcpstat" {
        TCP_STATES "node_tcp_connection_states" Gauge None Plain ["state"] NodeExporter
            "NETLINK_SOCK_DIAG idiag_state, idiag_rqueue, idiag_wqueue" "TCP sockets of the host's network by state; `rx_queued_bytes` and `tx_queued_bytes` are bytes that wait in them.";
        TCP_RTT "dockmeter_tcp_rtt_seconds" Histogram Seconds Plain ["peer"] Dockmeter
            "NETLINK_SOCK_DIAG tcp_info.tcpi_rtt" "Smoothed round-trip times of established connections: at each reading one observation of every connection from which an acknowledgement has come since the reading before; `local` are those within the machine.";
    }
    "udp_queues" {
        UDP_QUEUES "node_udp_queues" Gauge None Plain ["queue", "ip"] NodeExporter
            "/proc/1/net/udp, udp6" "Bytes that wait in UDP sockets, received (`rx`) and to be sent (`tx`), over IPv4 and IPv6 (`v4`, `v6`).";
    }
    "uname" {
        UNAME "node_uname_info" Gauge None Plain ["sysname", "release", "version", "machine", "nodename", "domainname"] NodeExporter
            "uname(2)" "Kernel and name of the machine; always 1.";
    }
    "os" {
        OS_INFO "node_os_info" Gauge None Plain ["build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name", "variant", "variant_id", "version", "version_codename", "version_id"] NodeExporter
            "/etc/os-release" "The operating system, as it describes itself; always 1.";
        OS_VERSION "node_os_version" Gauge None Plain ["id", "id_like", "name"] NodeExporter
            "/etc/os-release VERSION_ID" "The first two parts of the operating system's version, as a number.";
        OS_SUPPORT_END "node_os_support_end_timestamp_seconds" Gauge Seconds Plain [] NodeExporter
            "/etc/os-release SUPPORT_END" "When support of the operating system ends, in seconds since 1970; absent where it does not say.";
    }
    "time" {
        TIME "node_time_seconds" Gauge Seconds Plain [] NodeExporter
            "the clock" "The time at which the host was read, in seconds since 1970.";
        TIME_ZONE_OFFSET "node_time_zone_offset_seconds" Gauge Seconds Plain ["time_zone"] NodeExporter
            "/etc/localtime" "How far the host's time of day is from UTC, east is positive.";
        CLOCKSOURCE_AVAILABLE "node_time_clocksource_available_info" Gauge None Plain ["device", "clocksource"] NodeExporter
            "/sys/devices/system/clocksource/clocksourceN/available_clocksource" "A source that the kernel can take the time from; always 1.";
        CLOCKSOURCE_CURRENT "node_time_clocksource_current_info" Gauge None Plain ["device", "clocksource"] NodeExporter
            "/sys/devices/system/clocksource/clocksourceN/current_clocksource" "The source that the kernel takes the time from; always 1.";
    }
    "timex" {
        TIMEX_SYNC_STATUS "node_timex_sync_status" Gauge None Plain [] NodeExporter
            "adjtimex(2)" "1 if the clock is held to a reliable one, else 0.";
        TIMEX_OFFSET "node_timex_offset_seconds" Gauge Seconds Plain [] NodeExporter
            "adjtimex(2) offset" "How far the clock is from its reference.";
        TIMEX_FREQUENCY "node_timex_frequency_adjustment_ratio" Gauge None Plain [] NodeExporter
            "adjtimex(2) freq" "The rate at which the clock is made to run; 1 is unchanged.";
        TIMEX_MAXERROR "node_timex_maxerror_seconds" Gauge Seconds Plain [] NodeExporter
            "adjtimex(2) maxerror" "The largest error that the clock may have.";
        TIMEX_ESTERROR "node_timex_estimated_error_seconds" Gauge Seconds Plain [] NodeExporter
            "adjtimex(2) esterror" "The error that the clock probably has.";
        TIMEX_STATUS "node_timex_status" Gauge None Plain [] NodeExporter
            "adjtimex(2) status" "The state of the clock, as a number of flags.";
        TIMEX_CONSTANT "node_timex_loop_time_constant" Gauge None Plain [] NodeExporter
            "adjtimex(2) constant" "The time constant of the phase-locked loop.";
        TIMEX_TICK "node_timex_tick_seconds" Gauge Seconds Plain [] NodeExporter
            "adjtimex(2) tick" "Time between two ticks of the clock.";
        TIMEX_PPS_FREQUENCY "node_timex_pps_frequency_hertz" Gauge Hertz Plain [] NodeExporter
            "adjtimex(2) ppsfreq" "Frequency of a pulse-per-second source.";
        TIMEX_PPS_JITTER_SECONDS "node_timex_pps_jitter_seconds" Gauge Seconds Plain [] NodeExporter
            "adjtimex(2) jitter" "Jitter of a pulse-per-second source.";
        TIMEX_PPS_SHIFT "node_timex_pps_shift_seconds" Gauge Seconds Plain [] NodeExporter
            "adjtimex(2) shift" "Length of the interval over which a pulse-per-second source is measured, as the kernel gives it.";
        TIMEX_PPS_STABILITY "node_timex_pps_stability_hertz" Gauge Hertz Plain [] NodeExporter
            "adjtimex(2) stabil" "How stable the frequency of a pulse-per-second source is.";
        TIMEX_PPS_JITTER "node_timex_pps_jitter_total" Counter None Plain [] NodeExporter
            "adjtimex(2) jitcnt" "How often a pulse-per-second source had too much jitter.";
        TIMEX_PPS_CALIBRATION "node_timex_pps_calibration_total" Counter None Plain [] NodeExporter
            "adjtimex(2) calcnt" "Intervals of a pulse-per-second source.";
        TIMEX_PPS_ERROR "node_timex_pps_error_total" Counter None Plain [] NodeExporter
            "adjtimex(2) errcnt" "Intervals of a pulse-per-second source that failed.";
        TIMEX_PPS_STABILITY_EXCEEDED "node_timex_pps_stability_exceeded_total" Counter None Plain [] NodeExporter
            "adjtimex(2) stbcnt" "How often a pulse-per-second source was not stable enough.";
        TIMEX_TAI "node_timex_tai_offset_seconds" Gauge Seconds Plain [] NodeExporter
            "adjtimex(2) tai" "International Atomic Time less UTC.";
    }
    "textfile" {
        TEXTFILE_MTIME "node_textfile_mtime_seconds" Gauge Seconds Plain ["file"] NodeExporter
            "stat(2)" "When a text file was last changed, in seconds since 1970; only files that are shown.";
        TEXTFILE_ERROR "node_textfile_scrape_error" Gauge None Plain [] NodeExporter
            "the text files" "1 if a text file or its directory could not be read or was refused, else 0; the log says why.";
    }
    "host_info" {
        HOST_INFO "dockmeter_host_info" Gauge None Plain ["cpu_model", "cpu_vendor", "architecture"] Dockmeter
            "/proc/cpuinfo" "The machine's processor; always 1.";
        HOST_PHYSICAL_CORES "dockmeter_host_physical_cores" Gauge Cores Plain [] Dockmeter
            "/proc/cpuinfo" "Cores of the machine, those that share one counted once.";
    }
    "host_peaks" {
        PEAK_CPU_CORES "dockmeter_host_cpu_peak_cores" Gauge Cores Plain [] Dockmeter
            "/proc/stat cpu" "Highest sample of cores at work in the last 60 s or as set; idle, iowait and steal are no work.";
        PEAK_MEMORY_USED "dockmeter_host_memory_used_peak_bytes" Gauge Bytes Plain [] Dockmeter
            "/proc/meminfo MemTotal - MemAvailable" "Highest sample of memory that is not available in the last 60 s or as set.";
        PEAK_DISK_BUSY "dockmeter_host_disk_busy_peak_ratio" Gauge Ratio Plain ["device"] Dockmeter
            "/proc/diskstats 10" "Highest sample of the share of time with operations in progress in the last 60 s or as set.";
        PEAK_DISK_READ_BYTES "dockmeter_host_disk_read_peak_bytes_per_second" Gauge BytesPerSecond Plain ["device"] Dockmeter
            "/proc/diskstats 3" "Highest sample of bytes read a second in the last 60 s or as set.";
        PEAK_DISK_WRITTEN_BYTES "dockmeter_host_disk_written_peak_bytes_per_second" Gauge BytesPerSecond Plain ["device"] Dockmeter
            "/proc/diskstats 7" "Highest sample of bytes written a second in the last 60 s or as set.";
        PEAK_DISK_OPERATIONS "dockmeter_host_disk_operations_peak_per_second" Gauge PerSecond Plain ["device"] Dockmeter
            "/proc/diskstats 1, 5 and 12" "Highest sample of reads, writes and discards completed a second in the last 60 s or as set.";
        PEAK_NETWORK_RECEIVE "dockmeter_host_network_receive_peak_bytes_per_second" Gauge BytesPerSecond Plain ["device"] Dockmeter
            "/proc/1/net/dev" "Highest sample of bytes received a second in the last 60 s or as set.";
        PEAK_NETWORK_TRANSMIT "dockmeter_host_network_transmit_peak_bytes_per_second" Gauge BytesPerSecond Plain ["device"] Dockmeter
            "/proc/1/net/dev" "Highest sample of bytes sent a second in the last 60 s or as set.";
    }
    "node_exporter" {
        NODE_COLLECTOR_DURATION "node_scrape_collector_duration_seconds" Gauge Seconds Plain ["collector"] NodeExporter
            "the clock" "Time that reading took for a collector of the host.";
        NODE_COLLECTOR_SUCCESS "node_scrape_collector_success" Gauge None Plain ["collector"] NodeExporter
            "the collector" "1 if a collector of the host had something to show, else 0.";
        NODE_BUILD_INFO "node_exporter_build_info" Gauge None Plain ["version", "revision", "branch", "goversion", "goos", "goarch", "tags"] NodeExporter
            "the build" "The build of dockmeter, under the name by which dashboards list machines; always 1.";
    }
}
