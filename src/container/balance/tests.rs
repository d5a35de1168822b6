//! Who gets what at a closing, by example and for any sequence of closings.

use proptest::prelude::*;

use super::*;

/// What was used, reserved and counted as in use since the last closing.
type Entry = (u128, u128);

fn add(accounts: &mut [Account], entries: &[Entry]) {
    for (account, (used, reserved)) in accounts.iter_mut().zip(entries) {
        account.add(*used, *reserved, *used);
    }
}

/// Closes the book; what each container was billed.
fn close(balance: &mut Balance, accounts: &mut [Account], supply: Option<(u128, u128)>) -> Vec<u128> {
    let claim = |account| Claim { account, may_pay: true, paid: 0 };
    let mut claims: Vec<Claim<'_>> = accounts.iter_mut().map(claim).collect();
    balance.close(&mut claims, supply.map(|(capacity, used)| Supply { capacity, used }));
    claims.iter().map(|claim| claim.paid).collect()
}

/// One closing of a new book.
fn once(entries: &[Entry], supply: (u128, u128)) -> (Vec<u128>, Option<(u128, u128)>) {
    let (mut balance, mut accounts) = (Balance::default(), vec![Account::default(); entries.len()]);
    add(&mut accounts, entries);
    let paid = close(&mut balance, &mut accounts, Some(supply));
    (paid, balance.shares())
}

#[test]
fn the_larger_of_used_and_reserved_is_billed_and_the_rest_is_idle() {
    let (paid, shares) = once(&[(10, 30), (20, 5), (0, 0)], (100, 37));
    assert_eq!(paid, [30, 20, 0]);
    assert_eq!(shares, Some((7, 43)), "7 of the 37 in use belong to no container");
}

#[test]
fn reservations_beyond_what_there_is_shrink_in_proportion() {
    let (paid, shares) = once(&[(0, 90), (0, 30)], (100, 20));
    assert_eq!(paid, [60, 20]);
    assert_eq!(shares, Some((20, 0)));
}

#[test]
fn what_was_used_is_billed_in_full_even_where_reservations_shrink() {
    // 100 less 10 for the system and 60 that were used: 30 are left for two equal reservations.
    let (paid, _) = once(&[(60, 80), (0, 80), (0, 80)], (100, 70));
    assert_eq!(paid, [60, 15, 15]);
}

#[test]
fn nobody_reserves_more_than_there_is_to_push_others_out() {
    let (paid, _) = once(&[(0, 1_000_000), (0, 100)], (100, 0));
    assert_eq!(paid, [50, 50]);
}

#[test]
fn without_a_host_everybody_pays_and_nobody_is_idle() {
    let (mut balance, mut accounts) = (Balance::default(), [Account::default()]);
    add(&mut accounts, &[(10, 30)]);
    assert_eq!(close(&mut balance, &mut accounts, None), [30]);
    assert_eq!(balance.shares(), None);
}

#[test]
fn use_that_the_host_counts_late_is_made_up_for() {
    let (mut balance, mut accounts) = (Balance::default(), [Account::default()]);
    close(&mut balance, &mut accounts, Some((100, 50)));
    assert_eq!(balance.shares(), Some((50, 50)));
    // The container was seen late: what it had used has been given to the system.
    add(&mut accounts, &[(120, 0)]);
    assert_eq!(close(&mut balance, &mut accounts, Some((100, 90))), [120]);
    assert_eq!(balance.shares(), Some((50, 50)), "20 too much were given");
    assert_eq!(close(&mut balance, &mut accounts, Some((100, 40))), [0]);
    assert_eq!(balance.shares(), Some((60, 120)), "10 of the 40 are the system's, the debt is paid");
}

#[test]
fn clocks_that_differ_for_ever_leave_no_debt_that_grows_for_ever() {
    let (mut balance, mut accounts) = (Balance::default(), [Account::default()]);
    for _ in 0..1_000 {
        add(&mut accounts, &[(50, 0)]);
        close(&mut balance, &mut accounts, Some((100, 45)));
    }
    assert_eq!(balance.shares(), Some((0, 50_000)));
    close(&mut balance, &mut accounts, Some((100, 30)));
    assert_eq!(balance.shares(), Some((30, 50_070)), "the system's use is seen at once");
}

#[test]
fn a_burst_within_the_minute_is_covered_by_what_was_reserved_before() {
    let (mut balance, mut accounts) = (Balance::default(), [Account::default()]);
    let mut paid = Vec::new();
    for entry in [(0, 10), (20, 10), (0, 10)] {
        add(&mut accounts, &[entry]);
        paid.extend(close(&mut balance, &mut accounts, Some((100, entry.0))));
    }
    assert_eq!(paid, [10, 10, 10], "30 were reserved and 20 used");
    accounts[0].begin_minute();
    balance.begin_minute();
    add(&mut accounts, &[(20, 10)]);
    assert_eq!(close(&mut balance, &mut accounts, Some((100, 20))), [20], "a new minute");
}

#[test]
fn the_part_of_a_container_whose_tenant_is_asked_for_is_kept_for_it() {
    let (mut balance, mut account) = (Balance::default(), Account::default());
    account.add(30, 0, 30);
    let supply = Some(Supply { capacity: 100, used: 30 });
    balance.close(&mut [Claim { account: &mut account, may_pay: false, paid: 0 }], supply);
    account.begin_minute();
    assert_eq!(balance.shares(), Some((0, 70)));
    assert_eq!(close(&mut balance, std::slice::from_mut(&mut account), Some((100, 0))), [30]);
    assert_eq!(balance.shares(), Some((0, 170)));
}

fn entries() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    let amount = || prop_oneof![Just(0_u128), 0..200_u128, Just(10_000_000_000_000_000_u128)];
    (1..5_usize).prop_flat_map(move |containers| {
        let closing = proptest::collection::vec((amount(), amount()), containers);
        proptest::collection::vec(closing, 1..20)
    })
}

proptest! {
    /// Whatever is used and reserved, and whatever the host says.
    #[test]
    fn everything_there_was_is_given_to_somebody_and_use_is_always_billed(
        closings in entries(),
        supplies in proptest::collection::vec((prop_oneof![0..1_000_u128, Just(1 << 60)], 0..1_500_u128), 20),
        known in proptest::collection::vec(any::<bool>(), 20),
        minutes in proptest::collection::vec(proptest::bool::weighted(0.2), 20),
    ) {
        let containers = closings[0].len();
        let (mut balance, mut accounts) = (Balance::default(), vec![Account::default(); containers]);
        let (mut capacity, mut billed, mut used, mut reserved) = (0, 0, 0, 0);
        let mut before = (0, 0);
        for (((entries, (there, taken)), known), minute) in closings.iter().zip(supplies).zip(known).zip(minutes) {
            add(&mut accounts, entries);
            let claim = |(index, account)| Claim { account, may_pay: known || index > 0, paid: 0 };
            let mut claims: Vec<Claim<'_>> = accounts.iter_mut().enumerate().map(claim).collect();
            balance.close(&mut claims, Some(Supply { capacity: there, used: taken }));
            capacity += there;
            billed += claims.iter().map(|claim| claim.paid).sum::<u128>();
            used += entries.iter().map(|(used, _)| used).sum::<u128>();
            reserved += entries.iter().map(|(_, reserved)| reserved).sum::<u128>();
            let (system, idle) = balance.shares().unwrap();
            prop_assert_eq!(signed(billed + system + idle) + balance.carried, signed(capacity));
            prop_assert!(system >= before.0 && idle >= before.1, "a counter fell");
            before = (system, idle);
            let due: u128 = accounts.iter().map(Account::due).sum();
            prop_assert!(accounts.iter().skip(1).all(|account| account.due() == 0), "use was not billed");
            prop_assert!(billed + due >= used, "what was used is billed or owed");
            prop_assert!(billed <= used + reserved);
            if minute {
                balance.begin_minute();
                accounts.iter_mut().skip(usize::from(!known)).for_each(Account::begin_minute);
            }
        }
    }

    /// How often the books are closed within a minute does not matter to what is billed in it,
    /// as long as there is enough of everything.
    #[test]
    fn the_rhythm_of_closings_changes_no_bill(closings in proptest::collection::vec((0..50_u128, 0..50_u128), 1..20)) {
        let bill = |every: usize| {
            let (mut balance, mut accounts) = (Balance::default(), [Account::default()]);
            let mut billed = 0;
            for (index, entry) in closings.iter().enumerate() {
                add(&mut accounts, &[*entry]);
                if (index + 1) % every == 0 || index + 1 == closings.len() {
                    billed += close(&mut balance, &mut accounts, Some((10_000, 50))).iter().sum::<u128>();
                }
            }
            billed
        };
        prop_assert_eq!(bill(1), bill(7));
    }
}
