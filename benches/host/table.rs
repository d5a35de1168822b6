//! The result as Markdown.

use crate::Scrape;
use crate::measured::process::Resident;

/// A program and what was measured of it.
pub(crate) struct Row {
    name: &'static str,
    pub(crate) scrapes: Vec<Scrape>,
    /// Percent of a core, at the usual rhythm.
    pub(crate) share: f64,
    pub(crate) resident: Resident,
    /// System calls of each scrape.
    pub(crate) calls: Vec<f64>,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        let resident = Resident::default();
        Row { name, scrapes: Vec::new(), share: 0.0, resident, calls: Vec::new() }
    }

    fn median(&self, value: fn(&Scrape) -> f64) -> f64 {
        median(self.scrapes.iter().map(value).collect())
    }

    fn cpu(&self) -> f64 {
        self.median(|scrape| scrape.cpu_ms)
    }

    fn mean_cpu(&self) -> f64 {
        self.scrapes.iter().map(|scrape| scrape.cpu_ms).sum::<f64>() / self.scrapes.len() as f64
    }

    fn calls(&self) -> f64 {
        median(self.calls.clone())
    }

    fn resident(&self) -> f64 {
        self.resident.now as f64
    }
}

/// The value in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints the table; ratios are to the first row.
pub(crate) fn print(version: &str, rows: &[Row]) {
    let Some(ours) = rows.first() else { return };
    println!(
        "Beside {version}; {} scrapes of each, {} of them traced.\n",
        ours.scrapes.len(),
        ours.calls.len()
    );
    println!(
        "| program | series | page, KiB | CPU, ms a scrape | × | mean, ms | × | wall, ms | system calls a scrape | × | resident, MB | × | scraped every 15 s, % of a core | × |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let times = |value: fn(&Row) -> f64| format!("{:.1}", value(row) / value(ours));
        println!(
            "| {} | {:.0} | {:.0} | {:.2} | {} | {:.2} | {} | {:.2} | {:.0} | {} | {:.1} | {} | {:.3} | {} |",
            row.name,
            row.median(|scrape| scrape.series as f64),
            row.median(|scrape| scrape.bytes as f64) / 1024.0,
            row.cpu(),
            times(Row::cpu),
            row.mean_cpu(),
            times(Row::mean_cpu),
            row.median(|scrape| scrape.wall_ms),
            row.calls(),
            times(Row::calls),
            row.resident() / 1e6,
            times(Row::resident),
            row.share,
            times(|row| row.share),
        );
    }
}
