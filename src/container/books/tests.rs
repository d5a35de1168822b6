//! The books of a host that is read at odd times.

use proptest::prelude::*;

use super::*;
use crate::container::meter::Use;
use crate::tenant::{Resources, UNATTRIBUTED};

const CORES: u32 = 4;
const MEMORY: u64 = 1 << 30;
const DISK: u64 = 1 << 40;

fn word(busy_ns: u64) -> HostWord {
    HostWord {
        totals: Totals {
            cpu: Some(CpuTotals { cores: CORES, busy_ns }),
            memory: Some(MemoryTotals { total: MEMORY, available: MEMORY / 2 }),
        },
        disk: Some(DataFileSystem { total: DISK, used: DISK / 4 }),
    }
}

fn used(cpu_ns: u64, bytes: u64, lasted: Duration) -> Use {
    let memory_byte_ns = u128::from(bytes) * lasted.as_nanos();
    Use { lasted, cpu_ns, memory_byte_ns, memory_in_use_byte_ns: memory_byte_ns, ..Use::default() }
}

fn tenant(user: &str) -> Tenant {
    Tenant::claimed(Some(user), None, None)
}

fn close(books: &mut Books, parties: &mut [(Tenant, Accounts)], host: Option<HostWord>, now: Instant) {
    let party = |(tenant, accounts)| Party { tenant, tenant_known: true, accounts };
    let parties = parties.iter_mut().map(|(tenant, accounts)| (&*tenant, accounts)).map(party).collect();
    books.close(parties, host, now);
}

/// Core-nanoseconds of a user; `None` without a line.
fn cpu_of(books: &Books, user: &str) -> Option<u128> {
    books.lines().iter().find(|line| line.tenant.user.as_str() == user).and_then(|line| line.cpu_ns)
}

/// Everything that has been given out: core-nanoseconds, byte-seconds of memory and on disk.
fn sums(books: &Books) -> (u128, f64, f64) {
    let lines = books.lines();
    (
        lines.iter().filter_map(|line| line.cpu_ns).sum(),
        lines.iter().filter_map(|line| line.memory_byte_seconds).sum(),
        lines.iter().filter_map(|line| line.disk_byte_seconds).sum(),
    )
}

#[test]
fn a_host_without_containers_is_idle_but_for_its_own_use() {
    let (mut books, start) = (Books::default(), Instant::now());
    close(&mut books, &mut [], Some(word(7)), start);
    close(&mut books, &mut [], Some(word(1_000_000_007)), start + Duration::from_secs(1));
    assert_eq!(cpu_of(&books, SYSTEM), Some(1_000_000_000));
    assert_eq!(cpu_of(&books, IDLE), Some(3_000_000_000));
    assert_eq!(sums(&books), (4_000_000_000, MEMORY as f64, DISK as f64));
}

#[test]
fn a_tenant_pays_until_the_moment_in_which_a_container_changes_hands() {
    let (mut books, start) = (Books::default(), Instant::now());
    let mut accounts = Accounts::default();
    close(&mut books, &mut [], Some(word(0)), start);
    accounts.add(&used(300, 0, Duration::ZERO), Resources::default());
    books.depart(&tenant("ann"), std::mem::take(&mut accounts));
    accounts.add(&used(500, 0, Duration::ZERO), Resources::default());
    let mut parties = [(tenant("bob"), accounts)];
    close(&mut books, &mut parties, Some(word(800)), start + Duration::from_secs(1));
    assert_eq!((cpu_of(&books, "ann"), cpu_of(&books, "bob")), (Some(300), Some(500)));
    assert_eq!(sums(&books).0, 4_000_000_000);
}

#[test]
fn what_nobody_is_known_to_have_used_has_a_line_of_its_own() {
    let (mut books, start) = (Books::default(), Instant::now());
    let mut accounts = Accounts::default();
    accounts.add(&used(300, 0, Duration::ZERO), Resources::default());
    close(&mut books, &mut [(Tenant::unknown(), accounts)], None, start);
    assert_eq!(cpu_of(&books, UNATTRIBUTED), Some(300));
    assert_eq!(cpu_of(&books, IDLE), None, "no host, nothing idle");
}

#[test]
fn a_host_that_turns_out_to_be_another_ones_has_no_shares() {
    let (mut books, start) = (Books::default(), Instant::now());
    close(&mut books, &mut [], Some(word(0)), start);
    close(&mut books, &mut [], Some(word(5)), start + Duration::from_secs(1));
    assert!(cpu_of(&books, IDLE).is_some());
    close(&mut books, &mut [], None, start + Duration::from_secs(2));
    assert!(books.lines().is_empty());
}

#[test]
fn a_reading_of_the_host_that_fails_costs_nothing_once_it_succeeds_again() {
    let (mut books, start) = (Books::default(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut parties = [(tenant("ann"), Accounts::default())];
    close(&mut books, &mut parties, Some(word(0)), at(0));
    parties[0].1.add(&used(700, 0, Duration::ZERO), Resources::default());
    close(&mut books, &mut parties, Some(HostWord::default()), at(1));
    assert_eq!(cpu_of(&books, "ann"), Some(700));
    close(&mut books, &mut parties, Some(word(700)), at(2));
    assert_eq!(sums(&books), (8_000_000_000, 2.0 * MEMORY as f64, 2.0 * DISK as f64));
}

#[test]
fn a_core_that_is_put_in_counts_from_the_next_reading() {
    let (mut books, start) = (Books::default(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    let with = |cores, busy_ns| {
        let cpu = Some(CpuTotals { cores, busy_ns });
        Some(HostWord { totals: Totals { cpu, memory: None }, disk: None })
    };
    close(&mut books, &mut [], with(2, 9), at(0));
    close(&mut books, &mut [], with(3, 9), at(1));
    close(&mut books, &mut [], with(3, 3), at(2));
    assert_eq!(sums(&books).0, 5_000_000_000, "a count of the kernel that falls is no use");
}

#[test]
fn what_lies_on_other_file_systems_is_billed_on_top() {
    let (mut books, start) = (Books::default(), Instant::now());
    let mut parties = [(tenant("ann"), Accounts::default())];
    close(&mut books, &mut parties, Some(word(0)), start);
    parties[0].1.add_disk((5_000_000_000, 7_000_000_000));
    close(&mut books, &mut parties, Some(word(0)), start + Duration::from_secs(1));
    assert_eq!(sums(&books).2, DISK as f64 + 7.0);
    let line = books.lines().into_iter().next().unwrap();
    assert_eq!(line.disk_byte_seconds, Some(12.0));
}

/// A container of the simulation: cores and memory that it uses and has reserved.
#[derive(Clone, Debug)]
struct Worker {
    user: usize,
    milli_cores: u64,
    bytes: u64,
    reserved: Resources,
    /// From when to when it lives, in milliseconds.
    lives: (u64, u64),
}

fn workers() -> impl Strategy<Value = Vec<Worker>> {
    let reserved = (proptest::option::of(0..3_000_000_000_u64), proptest::option::of(0..MEMORY));
    let worker = (0..3_usize, 0..800_u64, 0..MEMORY / 16, reserved, (0..60_000_u64, 1..90_000_u64));
    let worker =
        worker.prop_map(|(user, milli_cores, bytes, (cpu_nanocores, memory_bytes), (begins, lasts))| {
            let reserved = Resources { cpu_nanocores, memory_bytes };
            Worker { user, milli_cores, bytes, reserved, lives: (begins, begins + lasts) }
        });
    proptest::collection::vec(worker, 1..6)
}

proptest! {
    /// Containers that come and go, read whenever it suits; the host counts in ticks of 10 ms.
    #[test]
    fn tenants_system_and_idle_are_the_host_whenever_it_is_read(
        workers in workers(),
        waits in proptest::collection::vec(1..9_000_u64, 1..40),
        own in 0..400_u64,
    ) {
        let (mut books, start) = (Books::default(), Instant::now());
        let mut accounts = vec![Accounts::default(); workers.len()];
        let (mut at, mut busy_ns) = (0, 0);
        close(&mut books, &mut [], Some(word(0)), start);
        let mut last = books.lines().iter().map(|_| 0).collect::<Vec<u128>>();
        for wait in waits {
            let until = at + wait;
            busy_ns += own * wait * 1_000;
            for (worker, accounts) in workers.iter().zip(&mut accounts) {
                let lived = worker.lives.1.min(until).saturating_sub(worker.lives.0.max(at));
                let cpu_ns = worker.milli_cores * lived * 1_000;
                busy_ns += cpu_ns;
                accounts.add(&used(cpu_ns, worker.bytes, Duration::from_millis(lived)), worker.reserved);
            }
            at = until;
            let mut parties: Vec<(Tenant, Accounts)> = Vec::new();
            for (worker, accounts) in workers.iter().zip(&mut accounts) {
                let tenant = tenant(["ann", "bob", "eve"][worker.user]);
                match worker.lives.1 <= at {
                    true => books.depart(&tenant, std::mem::take(accounts)),
                    false => parties.push((tenant, std::mem::take(accounts))),
                }
            }
            let now = start + Duration::from_millis(at);
            close(&mut books, &mut parties, Some(word(busy_ns / 10_000_000 * 10_000_000)), now);
            let mut left = parties.into_iter().map(|(_, accounts)| accounts);
            for (worker, accounts) in workers.iter().zip(&mut accounts) {
                if worker.lives.1 > at {
                    *accounts = left.next().unwrap();
                }
            }
            let (cpu, memory, disk) = sums(&books);
            let nanos = u128::from(at) * 1_000_000;
            // Short of a tick on every core that the host has not counted yet.
            prop_assert!(cpu.abs_diff(u128::from(CORES) * nanos) <= 50_000_000, "{} of {}", cpu, nanos);
            let seconds = at as f64 / 1e3;
            prop_assert!((memory - MEMORY as f64 * seconds).abs() <= 1.0, "{} after {} s", memory, seconds);
            prop_assert!((disk - DISK as f64 * seconds).abs() <= 1_000.0);
            let lines: Vec<u128> = ["ann", "bob", "eve", SYSTEM, IDLE].iter().map(|user| cpu_of(&books, user).unwrap_or(0)).collect();
            prop_assert!(lines.iter().zip(last.iter().chain(std::iter::repeat(&0))).all(|(now, before)| now >= before) || last.len() != 5, "a counter fell");
            last = lines;
        }
        // Use is billed to whom it belongs, and a reservation where there was room for it.
        for (index, user) in ["ann", "bob", "eve"].iter().enumerate() {
            let lived = |worker: &&Worker| u128::from(worker.lives.1.min(at).saturating_sub(worker.lives.0));
            let theirs = workers.iter().filter(|worker| worker.user == index);
            let used: u128 = theirs.clone().map(|worker| lived(&worker) * u128::from(worker.milli_cores) * 1_000).sum();
            prop_assert!(cpu_of(&books, user).unwrap_or(0) >= used);
        }
    }
}
