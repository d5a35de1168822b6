//! `dockmeter report cost`: what tenants used in a period, and what that costs.

mod gather;

use std::fmt::Write as _;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::Format;
use super::period::Period;
use super::table::{Column, Table};
use crate::analysis::cost::{Resource, Row, View, bill};
use crate::config::{Cost, Spread};
use crate::prometheus::{Client, QueryError};

pub use gather::{Gathered, gather};

/// Decimals of what was used.
const USED_DECIMALS: u32 = 3;

/// What a report is of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which time.
    pub period: Period,
    /// The time of the report.
    pub now: Timestamp,
    /// Which rows.
    pub view: View,
    /// How it is written.
    pub format: Format,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum CostError {
    /// Nothing has a price.
    #[error(
        "no prices are configured, so nothing can be priced; in `dockmeter.yml`, for example:\n\ncost:\n  currency: EUR\n  cpu_core_hour: 0.03\n  memory_gib_hour: 0.004\n  disk_gib_month: 0.05"
    )]
    Unpriced,
    /// Prometheus does not answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It holds nothing of the period.
    #[error("`{url}` holds no counters of tenants from {} to {}; {held}", period.from, period.to)]
    Nothing {
        /// The address.
        url: String,
        /// What was asked about.
        period: Period,
        /// What there is instead.
        held: String,
    },
}

/// Asks Prometheus and writes the report. `progress` is told the share that is done.
///
/// # Errors
/// See [`CostError`].
pub async fn report(
    client: &Client,
    cost: &Cost,
    options: &Options,
    progress: &mut dyn FnMut(f64),
) -> Result<String, CostError> {
    if !cost.is_priced() {
        return Err(CostError::Unpriced);
    }
    let gathered = gather(client, options.period, options.now, progress).await?;
    Ok(page(gathered, cost, options))
}

/// Writes what was gathered.
pub fn page(gathered: Gathered, cost: &Cost, options: &Options) -> String {
    let Gathered { usages, hours, coverage } = gathered;
    let (rows, total) = bill(usages, &hours, cost, &options.view);
    let bill = Bill { rows, total, coverage, cost, options };
    match options.format {
        Format::Text => bill.text(),
        Format::Markdown => bill.markdown(),
        Format::Csv => bill.table(true).csv(),
        Format::Json => bill.json(),
    }
}

struct Bill<'a> {
    rows: Vec<Row>,
    total: Row,
    /// By instance, 0 to 1.
    coverage: Vec<(String, f64)>,
    cost: &'a Cost,
    options: &'a Options,
}

/// Heads of a resource's columns: for people, and for programs.
fn names(resource: Resource) -> (&'static str, &'static str, &'static str) {
    match resource {
        Resource::Cpu => ("core-hours", "cpu_core_hours", "cpu"),
        Resource::Memory => ("GiB-hours", "memory_gib_hours", "memory"),
        Resource::Disk => ("disk GiB-months", "disk_gib_months", "disk"),
        Resource::Receive => ("GiB received", "network_receive_gib", "network_receive"),
        Resource::Transmit => ("GiB sent", "network_transmit_gib", "network_transmit"),
    }
}

fn used(amount: Decimal) -> String {
    let mut amount = amount.round_dp(USED_DECIMALS);
    amount.rescale(USED_DECIMALS);
    amount.to_string()
}

impl Bill<'_> {
    /// The table; for programs with the cost of each resource.
    fn table(&self, detailed: bool) -> Table {
        let text = |name: &str| Column { head: name.to_owned(), name: name.to_owned(), numeric: false };
        let number =
            |head: &str, name: &str| Column { head: head.to_owned(), name: name.to_owned(), numeric: true };
        let group_by = &self.options.view.group_by;
        let mut columns: Vec<Column> = group_by.iter().map(|dimension| text(dimension.as_str())).collect();
        for resource in Resource::ALL {
            let (head, name, _) = names(resource);
            columns.push(number(head, name));
        }
        let currency = &self.cost.currency;
        if detailed {
            for resource in Resource::ALL {
                let name = format!("{}_cost", names(resource).2);
                columns.push(number(&name, &name));
            }
            columns.push(number("total_cost", "total_cost"));
            columns.push(text("currency"));
        } else {
            columns.push(number(currency, "total_cost"));
        }
        let cells = |row: &Row, labels: Vec<String>| {
            let mut cells = labels;
            cells.extend(row.used.iter().map(|amount| used(*amount)));
            if detailed {
                cells.extend(row.cost.iter().map(Decimal::to_string));
            }
            cells.push(row.total.to_string());
            cells.extend(detailed.then(|| currency.clone()));
            cells
        };
        let rows = self.rows.iter().map(|row| cells(row, row.labels.clone())).collect();
        let of_total = (0..group_by.len()).map(|index| if index == 0 { "total" } else { "" }.to_owned());
        let total = (!group_by.is_empty()).then(|| cells(&self.total, of_total.collect()));
        Table { columns, rows, total }
    }

    fn text(&self) -> String {
        format!("{}\n\n{}\n{}", self.head(), self.table(false).text(), self.notes().join("\n") + "\n")
    }

    fn markdown(&self) -> String {
        let notes: Vec<String> = self.notes().iter().map(|note| format!("- {note}")).collect();
        format!("# {}\n\n{}\n{}\n", self.head(), self.table(false).markdown(), notes.join("\n"))
    }

    fn head(&self) -> String {
        format!("Cost from {} to {}", self.options.period.from, self.options.period.to)
    }

    /// What a reader has to know.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (instance, share) in &self.coverage {
            notes.push(format!("{instance}: {} of the period was measured", percent(*share)));
        }
        notes.push(match (self.cost.machine_hour, self.cost.spread) {
            (Some(price), _) => format!("a machine costs {price} {} an hour, divided over cores, memory and disk for the time that was measured", self.cost.currency),
            (None, _) => "prices are those of the configuration".to_owned(),
        });
        if self.cost.spread != Spread::Apart {
            notes.push(format!("what nobody used is added to tenants: {}", self.cost.spread.as_str()));
        }
        notes.push("amounts are rounded half to even; totals are sums of what is shown".to_owned());
        notes
    }

    fn json(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let amounts = |row: &Row| {
            let mut text = String::new();
            for (resource, amount) in Resource::ALL.into_iter().zip(&row.used) {
                let _ = write!(text, "\"{}\":{},", names(resource).1, used(*amount));
            }
            for (resource, amount) in Resource::ALL.into_iter().zip(&row.cost) {
                let _ = write!(text, "\"{}_cost\":{amount},", names(resource).2);
            }
            let _ = write!(text, "\"total_cost\":{}", row.total);
            text
        };
        let row = |row: &Row| {
            let mut text = String::from("    {");
            for (dimension, label) in self.options.view.group_by.iter().zip(&row.labels) {
                let _ = write!(text, "\"{}\":{},", dimension.as_str(), quoted(label));
            }
            text + &amounts(row) + "}"
        };
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        let coverage: Vec<String> = self
            .coverage
            .iter()
            .map(|(instance, share)| {
                format!("    {{\"instance\":{},\"measured_ratio\":{share:.4}}}", quoted(instance))
            })
            .collect();
        let Options { period, .. } = self.options;
        format!(
            "{{\n  \"from\":\"{}\",\n  \"to\":\"{}\",\n  \"currency\":{},\n  \"coverage\":[\n{}\n  ],\n  \"rows\":[\n{}\n  ],\n  \"total\":{{{}}}\n}}\n",
            period.from,
            period.to,
            quoted(&self.cost.currency),
            coverage.join(",\n"),
            rows.join(",\n"),
            amounts(&self.total),
        )
    }
}

/// A share as percent; not 100 before it is all.
fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0).floor() / 100.0;
    if share >= 0.999_95 { "100 %".to_owned() } else { format!("{hundredths:.2} %") }
}

#[cfg(test)]
mod tests;
