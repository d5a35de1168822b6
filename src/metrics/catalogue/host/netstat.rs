//! Families of `/proc/net/netstat`, `snmp` and `snmp6`: those that node_exporter shows by default.
//!
//! A key is the protocol and the name of the counter.

use super::{Field, Kind, Labels, Metric, Owner, Unit};

fields! { "Counters that are shown, as the files order them." "netstat" Untyped "/proc/1/net/netstat, snmp, snmp6" {
    "TcpExt_SyncookiesSent" "node_netstat_TcpExt_SyncookiesSent" None "SYN cookies sent.";
    "TcpExt_SyncookiesRecv" "node_netstat_TcpExt_SyncookiesRecv" None "SYN cookies received.";
    "TcpExt_SyncookiesFailed" "node_netstat_TcpExt_SyncookiesFailed" None "SYN cookies received that were not valid.";
    "TcpExt_ListenOverflows" "node_netstat_TcpExt_ListenOverflows" None "Connections that found the queue of a listening socket full.";
    "TcpExt_ListenDrops" "node_netstat_TcpExt_ListenDrops" None "Connections that a listening socket dropped.";
    "TcpExt_TCPTimeouts" "node_netstat_TcpExt_TCPTimeouts" None "Times that a TCP segment was not acknowledged in time.";
    "TcpExt_TCPRcvQDrop" "node_netstat_TcpExt_TCPRcvQDrop" None "TCP packets dropped because the receive queue was full.";
    "TcpExt_TCPOFOQueue" "node_netstat_TcpExt_TCPOFOQueue" None "TCP packets that came out of order and were kept.";
    "TcpExt_TCPSynRetrans" "node_netstat_TcpExt_TCPSynRetrans" None "SYN and SYN-ACK segments sent again.";
    "IpExt_InOctets" "node_netstat_IpExt_InOctets" None "Bytes received by IPv4.";
    "IpExt_OutOctets" "node_netstat_IpExt_OutOctets" None "Bytes sent by IPv4.";
    "Ip_Forwarding" "node_netstat_Ip_Forwarding" None "1 if the machine forwards IPv4 packets, 2 if not.";
    "Icmp_InMsgs" "node_netstat_Icmp_InMsgs" None "ICMP messages received.";
    "Icmp_InErrors" "node_netstat_Icmp_InErrors" None "ICMP messages received with errors.";
    "Icmp_OutMsgs" "node_netstat_Icmp_OutMsgs" None "ICMP messages sent.";
    "Tcp_ActiveOpens" "node_netstat_Tcp_ActiveOpens" None "TCP connections opened from here.";
    "Tcp_PassiveOpens" "node_netstat_Tcp_PassiveOpens" None "TCP connections accepted.";
    "Tcp_CurrEstab" "node_netstat_Tcp_CurrEstab" None "TCP connections that are established now.";
    "Tcp_InSegs" "node_netstat_Tcp_InSegs" None "TCP segments received.";
    "Tcp_OutSegs" "node_netstat_Tcp_OutSegs" None "TCP segments sent.";
    "Tcp_RetransSegs" "node_netstat_Tcp_RetransSegs" None "TCP segments sent again; divided by those sent, the loss.";
    "Tcp_InErrs" "node_netstat_Tcp_InErrs" None "TCP segments received with errors.";
    "Tcp_OutRsts" "node_netstat_Tcp_OutRsts" None "TCP resets sent.";
    "Udp_InDatagrams" "node_netstat_Udp_InDatagrams" None "UDP datagrams received.";
    "Udp_NoPorts" "node_netstat_Udp_NoPorts" None "UDP datagrams for a port that nobody listens on.";
    "Udp_InErrors" "node_netstat_Udp_InErrors" None "UDP datagrams that could not be delivered.";
    "Udp_OutDatagrams" "node_netstat_Udp_OutDatagrams" None "UDP datagrams sent.";
    "Udp_RcvbufErrors" "node_netstat_Udp_RcvbufErrors" None "UDP datagrams dropped because a receive buffer was full.";
    "Udp_SndbufErrors" "node_netstat_Udp_SndbufErrors" None "UDP datagrams dropped because a send buffer was full.";
    "UdpLite_InErrors" "node_netstat_UdpLite_InErrors" None "UDP-Lite datagrams that could not be delivered.";
    "Ip6_InOctets" "node_netstat_Ip6_InOctets" None "Bytes received by IPv6.";
    "Ip6_OutOctets" "node_netstat_Ip6_OutOctets" None "Bytes sent by IPv6.";
    "Icmp6_InMsgs" "node_netstat_Icmp6_InMsgs" None "ICMPv6 messages received.";
    "Icmp6_InErrors" "node_netstat_Icmp6_InErrors" None "ICMPv6 messages received with errors.";
    "Icmp6_OutMsgs" "node_netstat_Icmp6_OutMsgs" None "ICMPv6 messages sent.";
    "Udp6_InDatagrams" "node_netstat_Udp6_InDatagrams" None "UDP datagrams received by IPv6.";
    "Udp6_NoPorts" "node_netstat_Udp6_NoPorts" None "UDP datagrams by IPv6 for a port that nobody listens on.";
    "Udp6_InErrors" "node_netstat_Udp6_InErrors" None "UDP datagrams by IPv6 that could not be delivered.";
    "Udp6_OutDatagrams" "node_netstat_Udp6_OutDatagrams" None "UDP datagrams sent by IPv6.";
    "Udp6_RcvbufErrors" "node_netstat_Udp6_RcvbufErrors" None "UDP datagrams by IPv6 dropped because a receive buffer was full.";
    "Udp6_SndbufErrors" "node_netstat_Udp6_SndbufErrors" None "UDP datagrams by IPv6 dropped because a send buffer was full.";
    "UdpLite6_InErrors" "node_netstat_UdpLite6_InErrors" None "UDP-Lite datagrams by IPv6 that could not be delivered.";
} }
