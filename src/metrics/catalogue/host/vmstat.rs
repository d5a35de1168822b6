//! Families of `/proc/vmstat`: those that node_exporter shows by default, and the refaults.
//!
//! There is no counter of hits of the page cache. `pgmajfault` beside `pgfault`, and the
//! refaults of pages that had been dropped too early, say what a hit rate would.

use super::{Field, Kind, Labels, Metric, Owner, Unit};

fields! { "Fields that are shown, as the file orders them." "vmstat" Untyped "/proc/vmstat" {
    "workingset_refault_anon" "node_vmstat_workingset_refault_anon" None "Anonymous pages that came back soon after they had been swapped out.";
    "workingset_refault_file" "node_vmstat_workingset_refault_file" None "Pages of files that were read again soon after they had been dropped: the page cache is too small.";
    "workingset_activate_anon" "node_vmstat_workingset_activate_anon" None "Refaulted anonymous pages that were in use at once.";
    "workingset_activate_file" "node_vmstat_workingset_activate_file" None "Refaulted pages of files that were in use at once.";
    "pgpgin" "node_vmstat_pgpgin" None "KiB read from devices, which the page cache did not have.";
    "pgpgout" "node_vmstat_pgpgout" None "KiB written to devices.";
    "pswpin" "node_vmstat_pswpin" None "Pages read from swap.";
    "pswpout" "node_vmstat_pswpout" None "Pages written to swap.";
    "pgfault" "node_vmstat_pgfault" None "Page faults.";
    "pgmajfault" "node_vmstat_pgmajfault" None "Page faults that needed a device.";
    "oom_kill" "node_vmstat_oom_kill" None "Processes killed for want of memory.";
} }
