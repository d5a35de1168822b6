//! The result as Markdown.

use std::time::Duration;

use crate::options::Options;
use crate::peer::DOCKMETER;
use crate::trial::{Measured, median};

/// A program and what was measured of it, a value a round.
pub(crate) struct Row {
    name: &'static str,
    rounds: Vec<Measured>,
}

impl Row {
    fn of(&self, value: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().map(value).collect())
    }
}

/// Adds a round to a program's row.
pub(crate) fn add(rows: &mut Vec<Row>, name: &'static str, measured: Measured) {
    match rows.iter_mut().find(|row| row.name == name) {
        Some(row) => row.rounds.push(measured),
        None => rows.push(Row { name, rounds: vec![measured] }),
    }
}

/// Prints a table for each resolution.
pub(crate) fn print(options: &Options, at_rest: &[f64], tables: &[(Duration, Vec<Row>)], missing: &[String]) {
    let rest = median(at_rest.to_vec());
    let (lowest, highest) =
        at_rest.iter().fold((f64::MAX, f64::MIN), |(low, high), one| (low.min(*one), high.max(*one)));
    println!(
        "{} idle containers, phases of {} s, {} of each; the engine at rest takes {rest:.2} % of a core ({lowest:.2} to {highest:.2}).",
        options.containers,
        options.phase.as_secs(),
        options.rounds,
    );
    for (resolution, rows) in tables {
        println!("\nRead and scraped every {} s:\n", resolution.as_secs());
        println!(
            "| program | containers seen | own CPU, % of a core | engine's CPU above rest, % | sum, % | × dockmeter | resident, MB | × dockmeter | series | scrape, ms | × dockmeter |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|");
        let Some(ours) = rows.iter().find(|row| row.name == DOCKMETER) else { continue };
        for row in rows {
            println!("{}", line(row, ours, rest));
        }
    }
    for line in missing {
        println!("\n{line}");
    }
}

fn line(row: &Row, ours: &Row, rest: f64) -> String {
    // Less than at rest is the engine's own unrest, not a gain.
    let caused = |row: &Row| row.of(|one| one.engine - rest);
    let sum = |row: &Row| row.of(|one| one.own) + caused(row).max(0.0);
    let resident = |row: &Row| row.of(|one| one.resident);
    let scrape = |row: &Row| row.of(|one| one.scrape_ms);
    format!(
        "| {} | {:.0} | {:.2} | {:+.2} | {:.2} | {:.1} | {:.1} | {:.1} | {:.0} | {:.1} | {:.1} |",
        row.name,
        row.of(|one| one.containers as f64),
        row.of(|one| one.own),
        caused(row),
        sum(row),
        sum(row) / sum(ours),
        resident(row) / 1e6,
        resident(row) / resident(ours),
        row.of(|one| one.series as f64),
        scrape(row),
        scrape(row) / scrape(ours),
    )
}
