//! Families of `/proc/meminfo`: the fields that node_exporter shows.

use super::{Field, Kind, Labels, Metric, Owner, Unit};

fields! { "Fields that are shown, as the file orders them." "meminfo" Gauge "/proc/meminfo" {
    "MemTotal" "node_memory_MemTotal_bytes" Bytes "Memory that the kernel can use.";
    "MemFree" "node_memory_MemFree_bytes" Bytes "Memory that is not used for anything.";
    "MemAvailable" "node_memory_MemAvailable_bytes" Bytes "Memory that can be had without swapping, as the kernel estimates it.";
    "Buffers" "node_memory_Buffers_bytes" Bytes "Cached blocks of devices.";
    "Cached" "node_memory_Cached_bytes" Bytes "Cached pages of files, shared memory included.";
    "SwapCached" "node_memory_SwapCached_bytes" Bytes "Memory that is also in swap.";
    "Active" "node_memory_Active_bytes" Bytes "Memory used lately.";
    "Inactive" "node_memory_Inactive_bytes" Bytes "Memory not used lately.";
    "Active(anon)" "node_memory_Active_anon_bytes" Bytes "Anonymous memory used lately.";
    "Inactive(anon)" "node_memory_Inactive_anon_bytes" Bytes "Anonymous memory not used lately.";
    "Active(file)" "node_memory_Active_file_bytes" Bytes "Cached pages of files used lately.";
    "Inactive(file)" "node_memory_Inactive_file_bytes" Bytes "Cached pages of files not used lately.";
    "Unevictable" "node_memory_Unevictable_bytes" Bytes "Memory that cannot be reclaimed.";
    "Mlocked" "node_memory_Mlocked_bytes" Bytes "Memory locked by processes.";
    "SwapTotal" "node_memory_SwapTotal_bytes" Bytes "Swap space.";
    "SwapFree" "node_memory_SwapFree_bytes" Bytes "Swap space that is free.";
    "Zswap" "node_memory_Zswap_bytes" Bytes "Memory that compressed swap uses.";
    "Zswapped" "node_memory_Zswapped_bytes" Bytes "Memory that is kept in compressed swap, before compression.";
    "Dirty" "node_memory_Dirty_bytes" Bytes "Pages that wait to be written.";
    "Writeback" "node_memory_Writeback_bytes" Bytes "Pages that are being written.";
    "AnonPages" "node_memory_AnonPages_bytes" Bytes "Anonymous memory in page tables.";
    "Mapped" "node_memory_Mapped_bytes" Bytes "Mapped files.";
    "Shmem" "node_memory_Shmem_bytes" Bytes "Shared memory, tmpfs included.";
    "Slab" "node_memory_Slab_bytes" Bytes "Memory of the kernel's own caches.";
    "SReclaimable" "node_memory_SReclaimable_bytes" Bytes "Memory of the kernel's own caches that can be reclaimed.";
    "SUnreclaim" "node_memory_SUnreclaim_bytes" Bytes "Memory of the kernel's own caches that cannot be reclaimed.";
    "KernelStack" "node_memory_KernelStack_bytes" Bytes "Stacks of the kernel.";
    "PageTables" "node_memory_PageTables_bytes" Bytes "Page tables.";
    "NFS_Unstable" "node_memory_NFS_Unstable_bytes" Bytes "Pages sent to an NFS server that it has not stored yet; no longer counted.";
    "Bounce" "node_memory_Bounce_bytes" Bytes "Bounce buffers of block devices.";
    "WritebackTmp" "node_memory_WritebackTmp_bytes" Bytes "Buffers that FUSE writes from.";
    "CommitLimit" "node_memory_CommitLimit_bytes" Bytes "Memory that may be promised under strict overcommitment.";
    "Committed_AS" "node_memory_Committed_AS_bytes" Bytes "Memory that is promised to processes.";
    "VmallocTotal" "node_memory_VmallocTotal_bytes" Bytes "Address space for large allocations of the kernel.";
    "VmallocUsed" "node_memory_VmallocUsed_bytes" Bytes "Address space of large allocations of the kernel in use.";
    "VmallocChunk" "node_memory_VmallocChunk_bytes" Bytes "Largest free part of that address space; no longer counted.";
    "Percpu" "node_memory_Percpu_bytes" Bytes "Memory of the kernel kept for each core.";
    "HardwareCorrupted" "node_memory_HardwareCorrupted_bytes" Bytes "Memory that the hardware has found broken.";
    "AnonHugePages" "node_memory_AnonHugePages_bytes" Bytes "Anonymous memory in huge pages.";
    "ShmemHugePages" "node_memory_ShmemHugePages_bytes" Bytes "Shared memory in huge pages.";
    "ShmemPmdMapped" "node_memory_ShmemPmdMapped_bytes" Bytes "Shared memory mapped by huge pages.";
    "CmaTotal" "node_memory_CmaTotal_bytes" Bytes "Memory set aside for contiguous allocations.";
    "CmaFree" "node_memory_CmaFree_bytes" Bytes "Memory set aside for contiguous allocations that is free.";
    "HugePages_Total" "node_memory_HugePages_Total" None "Huge pages in the pool.";
    "HugePages_Free" "node_memory_HugePages_Free" None "Huge pages in the pool that are free.";
    "HugePages_Rsvd" "node_memory_HugePages_Rsvd" None "Huge pages that are promised and not yet given.";
    "HugePages_Surp" "node_memory_HugePages_Surp" None "Huge pages beyond the size of the pool.";
    "Hugepagesize" "node_memory_Hugepagesize_bytes" Bytes "Size of a huge page.";
    "DirectMap4k" "node_memory_DirectMap4k_bytes" Bytes "Memory that the kernel maps by pages of 4 KiB.";
    "DirectMap2M" "node_memory_DirectMap2M_bytes" Bytes "Memory that the kernel maps by pages of 2 MiB.";
    "DirectMap1G" "node_memory_DirectMap1G_bytes" Bytes "Memory that the kernel maps by pages of 1 GiB.";
} }
