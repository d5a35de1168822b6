//! What tenants' use costs.
//!
//! Use is priced by exact decimals. What is shown is rounded half to even to two decimals, cell
//! by cell, and sums are of what is shown, so that every table adds up.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::config::{Cost, Spread};

/// Decimals of an amount of money.
const CENTS: u32 = 2;

/// Hours in a month: a twelfth of 365 days.
pub const HOURS_IN_MONTH: u32 = 730;

/// How cores, GiB of memory and GiB-months of disk compare where a machine's price is divided
/// and nothing is said: OpenCost's defaults, which are those of a large cloud.
const COMPARED: [Decimal; 3] = [
    Decimal::from_parts(31_611, 0, 0, false, 6),
    Decimal::from_parts(4_237, 0, 0, false, 6),
    Decimal::from_parts(4, 0, 0, false, 2),
];

/// What is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Core-hours.
    Cpu,
    /// GiB-hours of memory.
    Memory,
    /// GiB-months on disk.
    Disk,
    /// GiB received.
    Receive,
    /// GiB sent.
    Transmit,
}

impl Resource {
    /// All, in the order of a report.
    pub const ALL: [Resource; 5] =
        [Resource::Cpu, Resource::Memory, Resource::Disk, Resource::Receive, Resource::Transmit];

    /// How many of a counter's units make one of a price's.
    pub fn counted(self) -> f64 {
        const GIB: f64 = (1_u64 << 30) as f64;
        match self {
            Resource::Cpu => 3600.0,
            Resource::Memory => GIB * 3600.0,
            Resource::Disk => GIB * 3600.0 * HOURS_IN_MONTH as f64,
            Resource::Receive | Resource::Transmit => GIB,
        }
    }
}

/// What a row can be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Users.
    User,
    /// Projects.
    Project,
    /// Teams.
    Team,
    /// Hosts, by the label `instance`.
    Instance,
}

impl Dimension {
    /// All.
    pub const ALL: [Dimension; 4] =
        [Dimension::User, Dimension::Project, Dimension::Team, Dimension::Instance];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::User => "user",
            Dimension::Project => "project",
            Dimension::Team => "team",
            Dimension::Instance => "instance",
        }
    }
}

/// What one tenant used on one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Values by [`Dimension`].
    pub labels: BTreeMap<Dimension, String>,
    /// By [`Resource`], in the units of prices.
    pub used: [Decimal; 5],
    /// Unrounded.
    cost: [Decimal; 5],
}

/// The tenants that stand for nobody; each carries its name in all three labels.
const SHARED: [&str; 2] = ["idle", "system"];

impl Usage {
    /// Use in the counters' units.
    pub fn new(labels: BTreeMap<Dimension, String>, counted: [f64; 5]) -> Self {
        let mut used = [Decimal::ZERO; 5];
        for (resource, (used, counted)) in Resource::ALL.into_iter().zip(used.iter_mut().zip(counted)) {
            *used = Decimal::try_from(counted / resource.counted())
                .unwrap_or(Decimal::MAX / Decimal::from(1_000_000_000_000_u64));
        }
        Usage { labels, used, cost: [Decimal::ZERO; 5] }
    }

    fn label(&self, dimension: Dimension) -> &str {
        self.labels.get(&dimension).map_or("", String::as_str)
    }

    /// Whether this is what nobody used, or what the machine itself did.
    fn is_shared(&self) -> bool {
        let tenancy = [Dimension::User, Dimension::Project, Dimension::Team].map(|one| self.label(one));
        SHARED.iter().any(|name| tenancy.iter().all(|label| label == name))
    }
}

/// One row of a bill.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The values that it is of, in the order that was asked for; empty for the total.
    pub labels: Vec<String>,
    /// By [`Resource`], in the units of prices.
    pub used: [Decimal; 5],
    /// By [`Resource`], rounded.
    pub cost: [Decimal; 5],
    /// The sum of these.
    pub total: Decimal,
}

/// Who is shown, and how rows are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// What a row is of.
    pub group_by: Vec<Dimension>,
    /// Only what has one of the values of each of these.
    pub only: BTreeMap<Dimension, Vec<String>>,
}

/// The rows, the dearest first, and their total. `hours` is for how long a host's machine is
/// paid for, by instance.
pub fn bill(
    mut usages: Vec<Usage>,
    hours: &BTreeMap<String, Decimal>,
    cost: &Cost,
    view: &View,
) -> (Vec<Row>, Row) {
    let mut hosts: BTreeMap<String, Vec<&mut Usage>> = BTreeMap::new();
    for usage in &mut usages {
        hosts.entry(usage.label(Dimension::Instance).to_owned()).or_default().push(usage);
    }
    for (instance, mut host) in hosts {
        let hours = hours.get(&instance).copied().unwrap_or_default();
        price(&mut host, hours, cost);
        spread(&mut host, cost.spread);
    }
    if cost.spread != Spread::Apart {
        // Where there was nobody to bear it, it stays.
        usages.retain(|usage| !usage.is_shared() || usage.cost.iter().any(|cost| !cost.is_zero()));
    }
    let shown = |usage: &&Usage| {
        view.only
            .iter()
            .all(|(dimension, values)| values.iter().any(|value| value == usage.label(*dimension)))
    };
    let mut groups: BTreeMap<Vec<String>, ([Decimal; 5], [Decimal; 5])> = BTreeMap::new();
    for usage in usages.iter().filter(shown) {
        let labels = view.group_by.iter().map(|dimension| usage.label(*dimension).to_owned()).collect();
        let (used, cost) = groups.entry(labels).or_default();
        for index in 0..5 {
            used[index] += usage.used[index];
            cost[index] += usage.cost[index];
        }
    }
    let mut rows: Vec<Row> =
        groups.into_iter().map(|(labels, (used, cost))| row(labels, used, cost)).collect();
    rows.sort_by(|one, other| other.total.cmp(&one.total).then_with(|| one.labels.cmp(&other.labels)));
    let mut total = row(Vec::new(), [Decimal::ZERO; 5], [Decimal::ZERO; 5]);
    for row in &rows {
        for index in 0..5 {
            total.used[index] += row.used[index];
            total.cost[index] += row.cost[index];
        }
        total.total += row.total;
    }
    (rows, total)
}

fn row(labels: Vec<String>, used: [Decimal; 5], cost: [Decimal; 5]) -> Row {
    let cost = cost.map(|cost| cost.round_dp_with_strategy(CENTS, RoundingStrategy::MidpointNearestEven));
    let mut total: Decimal = cost.iter().sum();
    total.rescale(CENTS);
    let cost = cost.map(|mut cost| {
        cost.rescale(CENTS);
        cost
    });
    Row { labels, used, cost, total }
}

/// Prices what was used on one host.
fn price(host: &mut [&mut Usage], hours: Decimal, cost: &Cost) {
    let network = [cost.network_receive_gib, cost.network_transmit_gib].map(Option::unwrap_or_default);
    let own = [cost.cpu_core_hour, cost.memory_gib_hour, cost.disk_gib_month];
    let machine = match cost.machine_hour {
        None => own.map(Option::unwrap_or_default),
        Some(machine_hour) => {
            let named = own.iter().any(Option::is_some);
            let compared = if named { own.map(Option::unwrap_or_default) } else { COMPARED };
            let worth: Decimal = host
                .iter()
                .map(|usage| (0..3).map(|index| usage.used[index] * compared[index]).sum::<Decimal>())
                .sum();
            let factor = (machine_hour * hours).checked_div(worth).unwrap_or_default();
            compared.map(|rate| rate * factor)
        }
    };
    for usage in host.iter_mut() {
        for (index, rate) in machine.iter().chain(&network).enumerate() {
            usage.cost[index] = usage.used[index] * rate;
        }
    }
}

/// Has a host's tenants bear what nobody used.
fn spread(host: &mut [&mut Usage], how: Spread) {
    let tenants = host.iter().filter(|usage| !usage.is_shared()).count();
    if how == Spread::Apart || tenants == 0 {
        return;
    }
    for index in 0..5 {
        let sum = |shared: bool| -> Decimal {
            host.iter().filter(|usage| usage.is_shared() == shared).map(|usage| usage.cost[index]).sum()
        };
        let (common, own) = (sum(true), sum(false));
        for usage in host.iter_mut() {
            usage.cost[index] = match how {
                _ if usage.is_shared() => Decimal::ZERO,
                // Nobody used any of it, so there is no proportion.
                Spread::Proportional if !own.is_zero() => {
                    usage.cost[index] + common * usage.cost[index] / own
                }
                _ => usage.cost[index] + common / Decimal::from(tenants),
            };
        }
    }
}

#[cfg(test)]
mod tests;
