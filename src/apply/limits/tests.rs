//! Limits in each way in which a container can have them, there and back.

use proptest::prelude::*;

use super::*;

const MIB: i64 = 1 << 20;

fn target(setting: Setting, from: Option<f64>, to: f64) -> Target {
    Target { setting, from, to }
}

fn cpu_to(settings: EngineSettings, to: f64) -> (EngineUpdate, Vec<(Setting, String)>) {
    let from = value(&settings, Setting::CpuLimit);
    change(&settings, &[target(Setting::CpuLimit, from, to)], Some(0))
}

fn memory_to(settings: EngineSettings, mebibytes: i64, used: Option<u64>) -> Result<EngineUpdate, String> {
    let from = value(&settings, Setting::MemoryLimit);
    let to = target(Setting::MemoryLimit, from, (mebibytes * MIB) as f64);
    let (update, mut left) = change(&settings, &[to], used);
    left.pop().map_or(Ok(update), |(_, reason)| Err(reason))
}

const NONE: EngineSettings = EngineSettings {
    nano_cpus: 0,
    cpu_quota: 0,
    cpu_period: 0,
    memory: 0,
    memory_swap: 0,
    memory_reservation: 0,
};

#[test]
fn cores_are_set_as_they_were_and_first_ones_so_that_they_can_be_taken_away() {
    let nano = EngineSettings { nano_cpus: 2_000_000_000, ..NONE };
    assert_eq!(
        cpu_to(nano, 0.15).0,
        EngineUpdate { nano_cpus: Some(150_000_000), ..EngineUpdate::default() }
    );
    let quota = EngineSettings { cpu_quota: 20_000, cpu_period: 50_000, ..NONE };
    assert_eq!(cpu_to(quota, 0.8).0, EngineUpdate { cpu_quota: Some(40_000), ..EngineUpdate::default() });
    assert_eq!(cpu_to(NONE, 0.5).0, EngineUpdate { cpu_quota: Some(50_000), ..EngineUpdate::default() });
    let taken_away = EngineSettings { cpu_quota: -1, ..NONE };
    assert_eq!(cpu_to(taken_away, 0.5).0.cpu_quota, Some(50_000));
}

#[test]
fn what_an_engine_or_the_kernel_would_refuse_is_left_alone() {
    let reason = |(update, left): (EngineUpdate, Vec<(Setting, String)>)| {
        assert!(update.is_empty());
        left[0].1.clone()
    };
    assert!(reason(cpu_to(NONE, 0.005)).contains("less than the kernel takes"));
    let both = EngineSettings { nano_cpus: 1_000_000_000, cpu_quota: -1, ..NONE };
    assert!(reason(cpu_to(both, 0.5)).contains("`--cpus` and `--cpu-quota` at once"));
    assert!(memory_to(NONE, 5, Some(0)).unwrap_err().contains("less than engines take"));
    let reserved = EngineSettings { memory: 512 * MIB, memory_reservation: 256 * MIB, ..NONE };
    assert!(memory_to(reserved, 128, Some(0)).unwrap_err().contains("lower that first"));
    let first = [target(Setting::MemoryReservation, None, 64e6)];
    assert!(reason(change(&NONE, &first, None)).contains("could not take a first one back"));
    let cores = [target(Setting::CpuReservation, None, 1.0)];
    assert!(reason(change(&NONE, &cores, None)).contains("`dockmeter.cpu.reservation`"));
}

#[test]
fn what_is_left_for_swap_stays_the_same() {
    let with = |memory_swap| EngineSettings { memory: 64 * MIB, memory_swap, ..NONE };
    for (before, after) in
        [(128 * MIB, 264 * MIB), (64 * MIB, 200 * MIB), (-1, -1), (0, 400 * MIB), (100 * MIB, 236 * MIB)]
    {
        let update = memory_to(with(before), 200, Some(0)).unwrap();
        assert_eq!((update.memory, update.memory_swap), (Some(200 * MIB), Some(after)), "{before}");
    }
    assert_eq!(memory_to(NONE, 100, Some(0)).unwrap().memory_swap, Some(200 * MIB));
}

#[test]
fn a_lower_limit_needs_a_tenth_of_room_above_what_is_used_and_a_higher_one_none() {
    let limited = EngineSettings { memory: 256 * MIB, memory_swap: 512 * MIB, ..NONE };
    let used = |mebibytes: u64| Some(mebibytes << 20);
    assert!(memory_to(limited, 110, used(99)).is_ok());
    let refused = memory_to(limited, 110, used(101)).unwrap_err();
    assert_eq!(refused, "it uses 101 MiB now, and 110 MiB leaves less than a tenth of that as room");
    assert!(memory_to(limited, 110, None).unwrap_err().contains("not known"));
    assert!(memory_to(limited, 300, used(299)).is_ok() && memory_to(limited, 300, None).is_ok());
    assert!(memory_to(NONE, 110, used(101)).is_err(), "a first limit is a lower one");
}

#[test]
fn what_is_not_as_it_was_when_it_was_recommended_is_left_alone() {
    let now = EngineSettings { nano_cpus: 1_000_000_000, ..NONE };
    let left = |from, to| change(&now, &[target(Setting::CpuLimit, from, to)], None).1[0].1.clone();
    assert_eq!(
        left(Some(2.0), 0.5),
        "changed since: it was 2.00 cores when that was recommended, and is 1.00 cores"
    );
    assert!(left(None, 0.5).contains("it was none"));
    assert_eq!(left(Some(2.0), 1.0), "it is so already");
}

#[test]
fn a_reservation_that_is_lowered_makes_room_for_a_limit() {
    let now = EngineSettings {
        memory: 512 * MIB,
        memory_swap: -1,
        memory_reservation: 256 * MIB,
        ..EngineSettings::default()
    };
    let (limit, reserved) = ((512 * MIB) as f64, (256 * MIB) as f64);
    let targets = [
        target(Setting::MemoryLimit, Some(limit), limit / 4.0),
        target(Setting::MemoryReservation, Some(reserved), reserved / 4.0),
    ];
    let (update, left) = change(&now, &targets, Some(0));
    assert_eq!(left, []);
    assert_eq!((update.memory, update.memory_reservation), (Some(128 * MIB), Some(64 * MIB)));
}

#[test]
fn where_there_was_none_none_is_set_again_and_said_how() {
    let after = EngineSettings { cpu_quota: 50_000, memory: 64 * MIB, memory_swap: 128 * MIB, ..NONE };
    let back = restore(&NONE, &after, &Setting::ALL, Some(0));
    let then = back.update.applied_to(after);
    assert_eq!(then.resources(), NONE.resources());
    assert_eq!(then.cpu_quota, -1);
    assert!(then.memory_swap > then.memory, "something is left for swap");
    assert!(back.notes[0].contains("--cpu-quota") && back.notes[1].contains("4611686018427387904"));
}

#[test]
fn what_cannot_be_taken_back_is_told() {
    let by_hand = EngineSettings { nano_cpus: 1_000_000_000, ..NONE };
    let back = restore(&NONE, &by_hand, &[Setting::CpuLimit], Some(0));
    assert!(back.update.is_empty() && back.left_alone[0].1.contains("make the container anew"));
    let (low, high) =
        (EngineSettings { memory: 64 * MIB, ..NONE }, EngineSettings { memory: 256 * MIB, ..NONE });
    let back = restore(&low, &high, &[Setting::MemoryLimit], Some(100 << 20));
    assert!(back.update.is_empty() && back.left_alone[0].1.contains("it uses 100 MiB now"));
    let stopped = restore(&low, &high, &[Setting::MemoryLimit], None);
    assert_eq!(stopped.update.memory, Some(64 * MIB), "what does not run uses nothing");
}

fn settings() -> impl Strategy<Value = EngineSettings> {
    let cpu = prop_oneof![
        Just((0, 0, 0)),
        Just((0, -1, 0)),
        (10_000_000_i64..64_000_000_000).prop_map(|nano| (nano, 0, 0)),
        (1000_i64..400_000, prop_oneof![Just(0), 1000_i64..1_000_000])
            .prop_map(|(quota, period)| (0, quota, period)),
    ];
    let memory = prop_oneof![
        Just((0, 0)),
        (6 * MIB..1 << 40).prop_map(|memory| (memory, -1)),
        (6 * MIB..1 << 40, 0_i64..1 << 40).prop_map(|(memory, swap)| (memory, memory + swap)),
    ];
    (cpu, memory).prop_map(|((nano_cpus, cpu_quota, cpu_period), (memory, memory_swap))| EngineSettings {
        nano_cpus,
        cpu_quota,
        cpu_period,
        memory,
        memory_swap,
        memory_reservation: 0,
    })
}

proptest! {
    #[test]
    fn whatever_is_changed_can_be_taken_back(
        before in settings(),
        cores in 0.01_f64..64.0,
        bytes in 6.0 * MIB as f64..1e12,
    ) {
        let from = |setting| value(&before, setting);
        let targets = [
            target(Setting::CpuLimit, from(Setting::CpuLimit), cores),
            target(Setting::MemoryLimit, from(Setting::MemoryLimit), bytes),
        ];
        let (update, _) = change(&before, &targets, Some(0));
        // What an engine refuses.
        prop_assert!(!(update.nano_cpus.is_some() && update.cpu_quota.is_some()));
        prop_assert!(update.memory_swap.is_none_or(|swap| swap == -1 || swap >= update.memory.unwrap_or(0)));
        let after = update.applied_to(before);
        let back = restore(&before, &after, &changed(&before, &after), Some(0));
        prop_assert_eq!(&back.left_alone, &vec![]);
        let then = back.update.applied_to(after);
        prop_assert_eq!(changed(&before, &then), vec![]);
    }
}
