//! Writes the generated references, or with `--check` says whether they are current.
//!
//! `cargo run --example reference [-- --check]`; exit status 2 means stale.

use std::path::Path;
use std::process::ExitCode;

/// The page of alerts as they are delivered.
fn alerts() -> std::io::Result<String> {
    let config = dockmeter::config::Sources::default().load().map_err(std::io::Error::other)?;
    let catalogue = dockmeter::rules::catalogue(&config.alerting, config.slo.period);
    Ok(dockmeter::rules::reference(&catalogue.map_err(std::io::Error::other)?))
}

/// The page of dashboards as they are delivered.
fn dashboards() -> std::io::Result<String> {
    let config = dockmeter::config::Sources::default().load().map_err(std::io::Error::other)?;
    let catalogue = dockmeter::rules::catalogue(&config.alerting, config.slo.period);
    let made = dockmeter::dashboards::dashboards(&catalogue.map_err(std::io::Error::other)?, None);
    Ok(dockmeter::dashboards::reference(&made.map_err(std::io::Error::other)?))
}

#[allow(clippy::print_stderr, reason = "what this program is for")]
fn main() -> std::io::Result<ExitCode> {
    let check = std::env::args().skip(1).any(|argument| argument == "--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let references = [
        ("docs/metrics.md", dockmeter::metrics::reference::markdown()),
        ("docs/configuration.md", dockmeter::config::reference()),
        ("docs/alerts.md", alerts()?),
        ("docs/dashboards.md", dashboards()?),
    ];
    let mut stale = false;
    for (name, text) in references {
        let file = root.join(name);
        if std::fs::read_to_string(&file).is_ok_and(|present| present == text) {
            continue;
        }
        if check {
            eprintln!("`{name}` is stale; `cargo run --example reference` renews it");
            stale = true;
        } else {
            std::fs::write(&file, text)?;
            eprintln!("wrote `{name}`");
        }
    }
    Ok(if stale { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
