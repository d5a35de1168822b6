//! The counters of the bill over a period, out of Prometheus.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::super::gather::{Counters, ledger, seconds};
use super::super::period::Period;
use super::CostError;
use crate::analysis::cost::{Dimension, Resource, Usage};
use crate::analysis::counter::{Ledger, Target};
use crate::metrics::catalogue as c;
use crate::prometheus::{Client, Labels, QueryError};

/// What is counted, and of whom.
type Key = (Resource, [String; 3]);

/// The counters of the bill.
static COUNTERS: Counters<Key> = Counters {
    families: &[c::TENANT_CPU.name, c::TENANT_MEMORY.name, c::TENANT_DISK.name, c::TENANT_NETWORK.name],
    key,
    own_labels: &["user", "project", "team", "direction"],
};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// By tenant and host.
    pub usages: Vec<Usage>,
    /// Hours that were measured, by instance.
    pub hours: BTreeMap<String, Decimal>,
    /// The share of the period that was measured, by instance.
    pub coverage: Vec<(String, f64)>,
}

/// Adds up what tenants used in a period.
///
/// # Errors
/// Prometheus does not answer, or holds nothing of the period.
pub async fn gather(
    client: &Client,
    period: Period,
    now: Timestamp,
    progress: &mut dyn FnMut(f64),
) -> Result<Gathered, CostError> {
    let ledger = ledger(client, &COUNTERS, period, now, progress).await?;
    let (from, now) = (seconds(period.from), seconds(now));
    let gathered = summed(&ledger, now, seconds(period.to).min(now) - from);
    if gathered.usages.is_empty() {
        let (url, held) = (client.url().to_owned(), held(client, now).await?);
        return Err(CostError::Nothing { url, period, held });
    }
    Ok(gathered)
}

fn key(family: &str, labels: &Labels) -> Option<Key> {
    let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
    let resource = match labels.get("direction").map(String::as_str) {
        _ if family == c::TENANT_CPU.name => Resource::Cpu,
        _ if family == c::TENANT_MEMORY.name => Resource::Memory,
        _ if family == c::TENANT_DISK.name => Resource::Disk,
        Some("receive") => Resource::Receive,
        Some("transmit") => Resource::Transmit,
        _ => return None,
    };
    Some((resource, [label("user"), label("project"), label("team")]))
}

/// Who was scraped, as a person calls it.
fn instance(target: &Target) -> String {
    target.get("instance").cloned().unwrap_or_default()
}

fn summed(ledger: &Ledger<Key>, now: f64, length: f64) -> Gathered {
    let mut counted: BTreeMap<(String, [String; 3]), [f64; 5]> = BTreeMap::new();
    for (target, (resource, tenant), total) in ledger.totals() {
        let amounts = counted.entry((instance(target), tenant.clone())).or_default();
        amounts[*resource as usize] += total;
    }
    let usages = counted.into_iter().map(|((instance, [user, project, team]), counted)| {
        let labels = Dimension::ALL.into_iter().zip([user, project, team, instance]).collect();
        Usage::new(labels, counted)
    });
    let mut gathered = Gathered { usages: usages.collect(), ..Gathered::default() };
    for (target, share) in ledger.coverage(now) {
        let hours = Decimal::try_from(share * length / 3600.0).unwrap_or_default();
        *gathered.hours.entry(instance(target)).or_default() += hours;
        gathered.coverage.push((instance(target), share));
    }
    gathered
}

/// What Prometheus holds instead, in words.
async fn held(client: &Client, now: f64) -> Result<String, QueryError> {
    const DAY: f64 = 86_400.0;
    const YEARS: f64 = 5.0 * 365.0;
    let query = format!("count(last_over_time({}[1d]))", c::TENANT_CPU.name);
    let days = client.range(&query, now - YEARS * DAY, now, DAY).await?;
    let date = |time: f64| {
        Timestamp::from_second(time as i64)
            .map(|time| time.strftime("%Y-%m-%d").to_string())
            .unwrap_or_default()
    };
    Ok(match days.first().map(|series| series.samples.as_slice()) {
        Some([(first, _), .., (last, _)]) => {
            format!("it holds them from about {} to {}", date(first - DAY), date(*last))
        }
        Some([(only, _)]) => format!("it holds them of the day before {}", date(*only)),
        _ => "it holds none at all: is it the one that scrapes dockmeter?".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_who_was_scraped_is_all_but_whose_it_is() {
        let labels =
            [("__name__", "m"), ("job", "d"), ("instance", "a:1"), ("user", "ann"), ("direction", "receive")];
        let labels: Labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let target = COUNTERS.target(&labels);
        assert_eq!(target.keys().collect::<Vec<_>>(), ["instance", "job"]);
        assert_eq!(key(c::TENANT_NETWORK.name, &labels).unwrap().0, Resource::Receive);
    }
}
