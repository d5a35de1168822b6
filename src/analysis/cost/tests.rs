//! Prices by hand, and sums that hold whatever was used.

use proptest::prelude::*;

use super::*;

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn usage(instance: &str, name: &str, core_hours: f64, gib_hours: f64) -> Usage {
    let labels = [Dimension::User, Dimension::Project, Dimension::Team].map(|one| (one, name.to_owned()));
    let labels = labels.into_iter().chain([(Dimension::Instance, instance.to_owned())]).collect();
    Usage::new(labels, [core_hours * 3600.0, gib_hours * 3600.0 * (1_u64 << 30) as f64, 0.0, 0.0, 0.0])
}

fn prices() -> Cost {
    Cost { cpu_core_hour: Some(decimal("0.03")), memory_gib_hour: Some(decimal("0.004")), ..Cost::default() }
}

fn by(dimension: Dimension) -> View {
    View { group_by: vec![dimension], ..View::default() }
}

fn hours(hours: i64) -> BTreeMap<String, Decimal> {
    [("a".to_owned(), Decimal::from(hours))].into()
}

fn amounts(rows: &[Row]) -> Vec<(String, String)> {
    rows.iter().map(|row| (row.labels.join("/"), row.total.to_string())).collect()
}

fn host() -> Vec<Usage> {
    vec![
        usage("a", "ann", 100.0, 50.0),
        usage("a", "ben", 300.0, 0.0),
        usage("a", "idle", 600.0, 150.0),
        usage("a", "system", 0.0, 100.0),
    ]
}

#[test]
fn rates_times_use_is_the_cost_and_the_dearest_stands_first() {
    let (rows, total) = bill(host(), &hours(100), &prices(), &by(Dimension::User));
    let expected = [("idle", "18.60"), ("ben", "9.00"), ("ann", "3.20"), ("system", "0.40")];
    assert_eq!(amounts(&rows), expected.map(|(name, cost)| (name.to_owned(), cost.to_owned())));
    assert_eq!(total.total.to_string(), "31.20");
}

#[test]
fn what_nobody_used_can_be_borne_by_tenants() {
    let spread = |spread| {
        let (rows, total) = bill(host(), &hours(100), &Cost { spread, ..prices() }, &by(Dimension::User));
        (amounts(&rows), total.total.to_string())
    };
    // All cores cost 30, and ann used a quarter of what was used; memory is hers alone.
    let proportional =
        [("ben", "22.50"), ("ann", "8.70")].map(|(name, cost)| (name.to_owned(), cost.to_owned()));
    assert_eq!(spread(Spread::Proportional), (proportional.to_vec(), "31.20".to_owned()));
    let even = [("ben", "18.50"), ("ann", "12.70")].map(|(name, cost)| (name.to_owned(), cost.to_owned()));
    assert_eq!(spread(Spread::Even), (even.to_vec(), "31.20".to_owned()));
    let alone = bill(
        vec![usage("a", "idle", 1.0, 0.0)],
        &hours(1),
        &Cost { spread: Spread::Even, ..prices() },
        &by(Dimension::User),
    );
    assert_eq!(alone.1.total.to_string(), "0.03", "with nobody to bear it, it stays");
}

#[test]
fn a_machine_s_price_is_divided_and_sums_to_itself() {
    for rates in [Cost::default(), prices()] {
        let cost = Cost { machine_hour: Some(decimal("0.5")), ..rates };
        let (_, total) = bill(host(), &hours(100), &cost, &by(Dimension::User));
        assert_eq!(total.total.to_string(), "50.00");
    }
    let nothing = bill(
        Vec::new(),
        &hours(100),
        &Cost { machine_hour: Some(Decimal::ONE), ..Cost::default() },
        &View::default(),
    );
    assert!(nothing.0.is_empty() && nothing.1.total.is_zero());
}

#[test]
fn rows_are_grouped_and_chosen() {
    let usages =
        vec![usage("a", "ann", 100.0, 0.0), usage("b", "ann", 100.0, 0.0), usage("b", "ben", 1.0, 0.0)];
    let grouped = |view: &View| amounts(&bill(usages.clone(), &hours(1), &prices(), view).0);
    let expected = [("b", "3.03"), ("a", "3.00")].map(|(name, cost)| (name.to_owned(), cost.to_owned()));
    assert_eq!(grouped(&by(Dimension::Instance)), expected);
    let only = [(Dimension::User, vec!["ann".to_owned()])].into();
    assert_eq!(grouped(&View { only, ..by(Dimension::User) }), [("ann".to_owned(), "6.00".to_owned())]);
    assert_eq!(grouped(&View::default()).len(), 1, "all in one row");
}

#[test]
fn halves_are_rounded_to_the_even_cent() {
    for (hours_used, cost) in [(0.5, "0.02"), (1.5, "0.04"), (2.5, "0.08")] {
        let (rows, _) =
            bill(vec![usage("a", "ann", hours_used, 0.0)], &hours(1), &prices(), &by(Dimension::User));
        assert_eq!(rows[0].total.to_string(), cost, "{hours_used} h at 0.03");
    }
}

proptest! {
    #[test]
    fn what_is_shown_adds_up(
        used in prop::collection::vec((0..9_usize, 0.0..1e12_f64, 0.0..1e24_f64), 0..30),
        how in 0..3_usize,
    ) {
        let names = ["ann", "ben", "cat", "dan", "eve", "unattributed", "unknown", "idle", "system"];
        let usages = used.iter().map(|(name, cpu, memory)| {
            let mut usage = usage("a", names[*name], 0.0, 0.0);
            usage.used = Usage::new(BTreeMap::new(), [*cpu, *memory, *memory, *cpu, 0.0]).used;
            usage
        });
        let cost = Cost { disk_gib_month: Some(decimal("0.05")), spread: Spread::WORDS[how].1, ..prices() };
        let (rows, total) = bill(usages.collect(), &hours(1), &cost, &by(Dimension::User));
        prop_assert_eq!(rows.iter().map(|row| row.total).sum::<Decimal>(), total.total);
        prop_assert_eq!(total.cost.iter().sum::<Decimal>(), total.total);
        for row in &rows {
            prop_assert_eq!(row.cost.iter().sum::<Decimal>(), row.total);
        }
    }
}
