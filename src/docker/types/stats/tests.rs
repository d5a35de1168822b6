//! Statistics as Docker gives them on cgroup v1 and v2, as Podman does, and broken ones.

use proptest::prelude::*;
use serde_json::json;

use super::super::read_info;
use super::*;

const GIB: u64 = 1 << 30;

/// The engine's machine of these tests.
const MACHINE: Machine = Machine { cpu_cores: Some(2), memory_bytes: Some(8 * GIB) };

fn sample(json: &Value) -> Option<Sample> {
    let mut names = |major, minor| (major != 7).then(|| Arc::from(format!("{major}:{minor}")));
    read_stats(json.to_string().as_bytes(), Some(MACHINE), &mut names).unwrap()
}

fn stats(json: &Value) -> Stats {
    sample(json).unwrap().stats
}

/// Docker on cgroup v1.
fn v1() -> Value {
    json!({
        "read": "2026-11-21T07:10:55.885874976Z", "preread": "0001-01-01T00:00:00Z",
        "pids_stats": {"current": 3},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"major": 254, "minor": 0, "op": "Read", "value": 512},
                {"major": 254, "minor": 0, "op": "Write", "value": 4096},
                {"major": 254, "minor": 0, "op": "Total", "value": 4608},
                {"major": 7, "minor": 0, "op": "Read", "value": 512}
            ],
            "io_serviced_recursive": [
                {"major": 254, "minor": 0, "op": "Read", "value": 1},
                {"major": 254, "minor": 0, "op": "Write", "value": 6}
            ]
        },
        "cpu_stats": {
            "cpu_usage": {"total_usage": 951549409, "percpu_usage": [1, 2], "usage_in_kernelmode": 10000000, "usage_in_usermode": 930000000},
            "system_cpu_usage": 1, "online_cpus": 2,
            "throttling_data": {"periods": 124, "throttled_periods": 1, "throttled_time": 4935614}
        },
        "precpu_stats": {},
        "memory_stats": {
            "usage": 5000, "max_usage": 6000, "limit": 67108864u64,
            "stats": {
                "hierarchical_memory_limit": 67108864u64, "cache": 1, "total_cache": 4000, "rss": 1, "total_rss": 57, "inactive_file": 1,
                "total_inactive_file": 3000, "mapped_file": 1, "total_mapped_file": 12, "swap": 1, "total_swap": 9,
                "pgfault": 5, "total_pgfault": 6, "pgmajfault": 1, "total_pgmajfault": 2
            }
        },
        "networks": {
            "eth0": {"rx_bytes": 806, "rx_packets": 9, "rx_errors": 1, "rx_dropped": 2, "tx_bytes": 5, "tx_packets": 4, "tx_errors": 3, "tx_dropped": 6},
            "lo": {"rx_bytes": 1, "tx_bytes": 1}
        }
    })
}

#[test]
fn docker_on_cgroup_v1_tells_what_the_files_tell() {
    let sample = sample(&v1()).unwrap();
    assert_eq!(sample.read, "2026-11-21T07:10:55.885874976Z".parse().unwrap());
    let traffic = |bytes, packets, errors, dropped| Traffic { bytes, packets, errors, dropped };
    let expected = Stats {
        cpu: Some(Cpu { usage_ns: 951_549_409, user_ns: Some(930_000_000), system_ns: Some(10_000_000) }),
        throttling: Some(Throttling { periods: 124, throttled_periods: 1, throttled_ns: 4_935_614 }),
        memory: Some(Memory {
            usage: 5000,
            working_set: 2000,
            rss: Some(57),
            cache: Some(4000),
            swap: Some(9),
            mapped_file: Some(12),
            peak: Some(6000),
            limit: Some(67_108_864),
            limit_known: true,
            failcnt: Some(0),
            pgfault: Some((5, 6)),
            pgmajfault: Some((1, 2)),
            ..Memory::default()
        }),
        io: Some(vec![DeviceIo {
            device: "254:0".into(),
            read_bytes: 512,
            write_bytes: 4096,
            reads: Some(1),
            writes: Some(6),
        }]),
        network: Some(Network {
            interfaces: vec![Interface {
                name: "eth0".into(),
                receive: traffic(806, 9, 1, 2),
                transmit: traffic(5, 4, 3, 6),
            }],
            tcp_established: None,
        }),
        processes: Processes { threads: Some(3), ..Processes::default() },
        ..Stats::default()
    };
    assert_eq!(sample.stats, expected);
}

#[test]
fn docker_on_cgroup_v2_uses_other_words_and_tells_no_operations() {
    let stats = stats(&json!({
        "read": "2026-01-01T00:00:00Z",
        "pids_stats": {"current": 3, "limit": 18446744073709551615u64},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"major": 254, "minor": 0, "op": "read", "value": 512},
                {"major": 254, "minor": 0, "op": "write", "value": 4096}
            ],
            "io_serviced_recursive": null
        },
        "cpu_stats": {
            "cpu_usage": {"total_usage": 7000, "usage_in_kernelmode": 3000, "usage_in_usermode": 4000},
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0}
        },
        "memory_stats": {
            "usage": 5000, "limit": 8 * GIB, "failcnt": 4,
            "stats": {"anon": 100, "file": 200, "file_mapped": 50, "inactive_file": 150, "pgfault": 7, "pgmajfault": 1}
        }
    }));
    let memory = stats.memory.unwrap();
    assert_eq!((memory.usage, memory.working_set), (5000, 4850));
    assert_eq!((memory.rss, memory.cache, memory.mapped_file), (Some(100), Some(200), Some(50)));
    assert_eq!((memory.limit, memory.limit_known), (None, true), "all of the machine is no limit");
    assert_eq!((memory.failcnt, memory.events.oom), (None, Some(4)));
    assert_eq!((memory.swap, memory.peak, memory.kernel), (None, None, None));
    assert_eq!(memory.pgfault, Some((7, 7)));
    let io = &stats.io.unwrap()[0];
    assert_eq!((io.read_bytes, io.write_bytes, io.reads, io.writes), (512, 4096, None, None));
    assert_eq!(stats.throttling, None);
    assert_eq!(stats.processes.threads_max, None);
}

#[test]
fn podman_says_less_and_nothing_is_made_up() {
    let stats = stats(&json!({
        "read": "2026-01-01T00:00:00Z",
        "pids_stats": {"current": 1},
        "blkio_stats": {"io_service_bytes_recursive": [], "io_serviced_recursive": null},
        "cpu_stats": {"cpu_usage": {"total_usage": 7, "usage_in_kernelmode": 3, "usage_in_usermode": 4}, "cpu": 41.2,
            "throttling_data": {"periods": 0}},
        "memory_stats": {"usage": 585728, "limit": 67108864},
        "networks": {"network": {"rx_bytes": 0, "tx_bytes": 0}}
    }));
    let memory = stats.memory.unwrap();
    assert_eq!((memory.usage, memory.limit), (585_728, Some(67_108_864)));
    assert_eq!((memory.rss, memory.failcnt, memory.events.oom), (None, None, None));
    assert_eq!(stats.io, Some(Vec::new()));
}

#[test]
fn the_empty_answer_about_a_stopped_container_is_no_zero() {
    let stopped = json!({
        "read": "0001-01-01T00:00:00Z", "pids_stats": {}, "memory_stats": {},
        "cpu_stats": {"cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0}}
    });
    assert_eq!(sample(&stopped), None);
}

#[test]
fn without_the_size_of_the_machine_a_limit_is_known_from_cgroup_v1_only() {
    let memory = |json: &Value| {
        let sample = read_stats(json.to_string().as_bytes(), None, &mut |_, _| None).unwrap().unwrap();
        let memory = sample.stats.memory.unwrap();
        (memory.limit, memory.limit_known)
    };
    let mut json = v1();
    assert_eq!(memory(&json), (Some(67_108_864), true));
    json["memory_stats"]["stats"]["hierarchical_memory_limit"] = json!(9_223_372_036_854_771_712_u64);
    assert_eq!(memory(&json), (None, true));
    json["memory_stats"]["stats"] = json!({"anon": 1});
    assert_eq!(memory(&json), (None, false));
}

#[test]
fn the_size_of_the_machine_is_told_by_info() {
    let machine = |body: &[u8]| read_info(body).unwrap().machine;
    assert_eq!(machine(br#"{"NCPU":2,"MemTotal":8589934592,"Name":"vm"}"#), MACHINE);
    assert_eq!(machine(br#"{"NCPU":0}"#), Machine::default());
}

#[test]
fn an_engine_without_cgroups_says_so() {
    let has_cgroups = |body: &[u8]| read_info(body).unwrap().has_cgroups;
    assert!(!has_cgroups(br#"{"CgroupDriver":"none"}"#));
    assert!(has_cgroups(br#"{"CgroupDriver":"systemd"}"#) && has_cgroups(b"{}"));
}

/// Replaces the value at a path.
fn with(pointer: &str, value: Value) -> Value {
    let mut json = v1();
    *json.pointer_mut(pointer).unwrap() = value;
    json
}

#[test]
fn a_field_of_another_type_costs_that_field() {
    for pointer in ["/cpu_stats/cpu_usage/total_usage", "/cpu_stats/cpu_usage", "/cpu_stats"] {
        let stats = stats(&with(pointer, json!("x")));
        assert_eq!(stats.cpu, None, "{pointer}");
        assert!(stats.memory.is_some() && stats.network.is_some(), "{pointer}");
    }
    assert_eq!(stats(&with("/memory_stats/usage", json!(-1))).memory, None);
    assert_eq!(stats(&with("/networks/eth0", json!(null))).network.map(|n| n.interfaces.len()), None);
    assert_eq!(stats(&with("/memory_stats/stats/total_rss", json!("x"))).memory.unwrap().rss, None);
}

proptest! {
    #[test]
    fn any_number_anywhere_is_taken_or_left_out(number in any::<u64>(), at in 0_usize..6) {
        let pointers = ["/memory_stats/usage", "/memory_stats/limit", "/memory_stats/stats/total_inactive_file",
            "/cpu_stats/cpu_usage/total_usage", "/pids_stats/current", "/blkio_stats/io_service_bytes_recursive/0/major"];
        stats(&with(pointers[at], json!(number)));
    }

    #[test]
    fn any_bytes_are_statistics_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_stats(&bytes, Some(MACHINE), &mut |_, _| None);
        let _ = read_info(&bytes);
    }
}
