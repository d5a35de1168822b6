//! The kinds of reasons, each with the word that programs tell it by.

/// Makes the enum, its list and its words of one table.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $word:literal)*) => {
        /// What kind of trouble a reason tells of. Words stay as they are; new ones may come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// Its word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Kind::$kind => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// The engine does not answer.
    EngineAway "engine-away"
    /// A container's health check fails.
    HealthCheckFails "health-check-fails"
    /// A container is restarted again and again.
    RestartLoop "restart-loop"
    /// A container is being restarted after it ended.
    Restarting "restarting"
    /// A container is down although its restart policy wants it up.
    Down "down"
    /// A container's run ended badly.
    FailedRun "failed-run"
    /// The engine could not remove a container.
    RemovalFailed "removal-failed"
    /// A process of a container was killed for want of memory.
    OomKill "oom-kill"
    /// A container uses most of its CPU limit.
    CpuLimit "cpu-limit"
    /// A container without a limit uses most of the host's CPU.
    CpuOfHost "cpu-of-host"
    /// A container's CPU limit holds it back although it uses less than that on average.
    Throttled "throttled"
    /// A container uses most of its memory limit.
    MemoryLimit "memory-limit"
    /// A container without a limit uses most of the host's memory.
    MemoryOfHost "memory-of-host"
    /// A container's labels for Prometheus' discovery make no sense.
    DiscoveryLabels "discovery-labels"
    /// Images that nothing needs take much room.
    ImagesUnneeded "images-unneeded"
    /// A container wants a port of the host that another one has, too.
    PortConflict "port-conflict"
    /// Many networks are used by nothing.
    NetworksUnused "networks-unused"
    /// Volumes that nothing needs take much room.
    VolumesUnneeded "volumes-unneeded"
    /// Most of the host's CPU time is in use.
    HostCpu "host-cpu"
    /// Most of the host's memory is in use.
    HostMemory "host-memory"
    /// Most of the host's file handles are in use.
    FileHandles "file-handles"
    /// Most of the host's tracked connections are in use.
    TrackedConnections "tracked-connections"
    /// A disk is nearly full.
    DiskFull "disk-full"
    /// A disk has few inodes left.
    InodesFull "inodes-full"
    /// Everything on the host waits for memory.
    MemoryStalled "memory-stalled"
    /// Everything on the host waits for disks.
    IoStalled "io-stalled"
    /// Work queues for the host's cores.
    HostLoad "host-load"
    /// Prometheus does not answer.
    PrometheusAway "prometheus-away"
    /// Alertmanager does not answer.
    AlertmanagerAway "alertmanager-away"
    /// dockmeter samples too late.
    LateSampling "late-sampling"
    /// Series that programs sent were refused.
    SeriesRefused "series-refused"
    /// dockmeter itself uses much memory.
    OwnMemory "own-memory"
    /// The configuration on disk was refused.
    ConfigurationRefused "configuration-refused"
    /// A collector of the host cannot read.
    CollectorUnread "collector-unread"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Kind;

    #[test]
    fn every_kind_has_a_word_of_its_own_that_the_documentation_knows() {
        let docs = include_str!("../../docs/health.md");
        let words: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
        for word in words {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{word}");
            assert!(docs.contains(&format!("`{word}`")), "docs/health.md does not name `{word}`");
        }
    }
}
