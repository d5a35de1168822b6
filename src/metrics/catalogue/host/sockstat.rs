//! Families of `/proc/net/sockstat` and `sockstat6`.
//!
//! A key is the protocol and the word before the number; `mem_bytes` is `mem`, which counts
//! pages, in bytes.

use super::{Field, Kind, Labels, Metric, Owner, Unit};

fields! { "Numbers that are shown, as the files order them." "sockstat" Gauge "/proc/1/net/sockstat, sockstat6" {
    "sockets_used" "node_sockstat_sockets_used" None "Sockets in use.";
    "TCP_inuse" "node_sockstat_TCP_inuse" None "TCP sockets in use, without those that wait for their end.";
    "TCP_orphan" "node_sockstat_TCP_orphan" None "TCP sockets that no process holds any more.";
    "TCP_tw" "node_sockstat_TCP_tw" None "TCP sockets that wait for stray packets after their end.";
    "TCP_alloc" "node_sockstat_TCP_alloc" None "TCP sockets that hold memory.";
    "TCP_mem" "node_sockstat_TCP_mem" None "Pages of memory that TCP uses.";
    "TCP_mem_bytes" "node_sockstat_TCP_mem_bytes" Bytes "Memory that TCP uses.";
    "UDP_inuse" "node_sockstat_UDP_inuse" None "UDP sockets in use.";
    "UDP_mem" "node_sockstat_UDP_mem" None "Pages of memory that UDP uses.";
    "UDP_mem_bytes" "node_sockstat_UDP_mem_bytes" Bytes "Memory that UDP uses.";
    "UDPLITE_inuse" "node_sockstat_UDPLITE_inuse" None "UDP-Lite sockets in use.";
    "RAW_inuse" "node_sockstat_RAW_inuse" None "Raw sockets in use.";
    "FRAG_inuse" "node_sockstat_FRAG_inuse" None "IPv4 packets that are being put together.";
    "FRAG_memory" "node_sockstat_FRAG_memory" None "Bytes of IPv4 packets that are being put together.";
    "TCP6_inuse" "node_sockstat_TCP6_inuse" None "TCP sockets of IPv6 in use.";
    "UDP6_inuse" "node_sockstat_UDP6_inuse" None "UDP sockets of IPv6 in use.";
    "UDPLITE6_inuse" "node_sockstat_UDPLITE6_inuse" None "UDP-Lite sockets of IPv6 in use.";
    "RAW6_inuse" "node_sockstat_RAW6_inuse" None "Raw sockets of IPv6 in use.";
    "FRAG6_inuse" "node_sockstat_FRAG6_inuse" None "IPv6 packets that are being put together.";
    "FRAG6_memory" "node_sockstat_FRAG6_memory" None "Bytes of IPv6 packets that are being put together.";
} }
