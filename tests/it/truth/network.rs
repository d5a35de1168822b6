//! Datagrams against the load's count and the peer's interface on the host.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Load, Unit, at_rest, compare, exporter_of, grown};
use crate::engine::Engine;
use crate::poll::eventually;

const DATAGRAMS: f64 = 20_000.0;
const PAYLOAD: f64 = 1_200.0;

/// What Ethernet, IP and UDP put around a datagram.
pub(crate) const AROUND: f64 = 14.0 + 20.0 + 8.0;

/// Relative error against what the load has sent: neighbours are looked up besides.
const KNOWN: f64 = 0.01;

/// A counter of ours, and the peer's that counts the same from the other side.
const PAIRS: [(&str, &str); 4] = [
    ("transmit_bytes", "rx_bytes"),
    ("transmit_packets", "rx_packets"),
    ("receive_bytes", "tx_bytes"),
    ("receive_packets", "tx_packets"),
];

#[test]
fn datagrams_are_counted_on_both_sides_and_in_a_shared_namespace_once() {
    let Some(engine) = Engine::shared() else { return };
    let Some(mut sender) = Load::start(&engine, "truth-udp-sender", &[]) else { return };
    let Some(mut receiver) = Load::start(&engine, "truth-udp-receiver", &[]) else { return };
    let shared = format!("--network=container:{}", sender.container.id);
    let Some(mut sharer) = Load::start(&engine, "truth-udp-sharer", &[&shared]) else { return };
    let exporter = exporter_of(&engine, "truth-udp-sharer");
    let senders = ["truth-udp-sender", "truth-udp-sharer"];
    let receivers = ["truth-udp-receiver"];
    let peers = [peer(&mut sender), peer(&mut receiver)];
    exporter.until("both namespaces have been read", |page| {
        page.value("container_network_receive_bytes_total", &[("name", receivers[0])])
    });
    let address = receiver.container.inspect("{{.NetworkSettings.IPAddress}}");

    for (load, what) in [(&mut sender, "UDP"), (&mut sharer, "UDP from a shared namespace")] {
        let (page_before, counters_before) = at_rest(&exporter, || counters(&peers));
        receiver.tell(&format!("udp-receive 4242 {DATAGRAMS}"));
        listens(&receiver);
        let sent = load.ask(&format!("udp-send {address}:4242 {DATAGRAMS} {PAYLOAD}"));
        let received = receiver.answer();
        let (page_after, counters_after) = at_rest(&exporter, || counters(&peers));
        assert_eq!(sent.number("datagrams"), DATAGRAMS);

        for (side, names) in [(0, &senders[..]), (1, &receivers[..])] {
            for (index, (ours, _)) in PAIRS.iter().enumerate() {
                let metric = format!("container_network_{ours}_total");
                let reported: f64 = names
                    .iter()
                    .filter(|name| page_after.all(&metric, &[("name", name)]).next().is_some())
                    .map(|name| grown(&metric, name, &page_before, &page_after))
                    .sum();
                let truth = counters_after[side][index] - counters_before[side][index];
                let unit = if ours.ends_with("bytes") { Unit::Bytes } else { Unit::Count };
                let who = ["sender", "receiver"][side];
                compare(
                    &format!("{what}, {who}'s `{ours}`, by its peer on the host"),
                    unit,
                    truth,
                    reported,
                    0.0,
                );
                let (by, truth) = match (side, index) {
                    (0, 0) => ("it sent", sent.number("bytes") + DATAGRAMS * AROUND),
                    (1, 2) => ("it received", received.number("bytes") + DATAGRAMS * AROUND),
                    (1, 3) => ("it received", received.number("datagrams")),
                    (1, 1) => ("it replied", received.number("replies")),
                    _ => continue,
                };
                compare(&format!("{what}, {who}'s `{ours}`, by what {by}"), unit, truth, reported, KNOWN);
            }
        }
    }
}

/// The statistics of the host's end of a load's `eth0`.
pub(crate) fn peer(load: &mut Load<'_>) -> PathBuf {
    let index = load.ask("read /sys/class/net/eth0/iflink").file();
    let of = |path: &Path| fs::read_to_string(path.join("ifindex")).ok()?.trim().parse::<f64>().ok();
    let interface = fs::read_dir("/sys/class/net").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    interface.into_iter().find(|path| of(path) == Some(index)).expect("the peer").join("statistics")
}

/// What the peers have counted.
fn counters(peers: &[PathBuf; 2]) -> [[f64; 4]; 2] {
    let read = |peer: &PathBuf, counter: &str| -> f64 {
        fs::read_to_string(peer.join(counter)).unwrap().trim().parse().unwrap()
    };
    peers.each_ref().map(|peer| PAIRS.map(|(_, theirs)| read(peer, theirs)))
}

/// Waits until the receiver's socket is there.
pub(crate) fn listens(receiver: &Load<'_>) {
    let pid = receiver.container.inspect("{{.State.Pid}}");
    eventually("the receiver listens", || {
        let sockets = fs::read_to_string(format!("/proc/{pid}/net/udp")).ok()?;
        // 4242 in hexadecimal.
        sockets.contains(":1092 ").then_some(())
    });
}
