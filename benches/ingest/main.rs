//! What taking OTLP from programs costs: the work inside the process, and the release binary
//! watched from outside, beside a real Prometheus that takes the same requests.
//!
//! `cargo bench --bench ingest [-- inside|requests|memory|render|minute…]`; all by default, about
//! 4 minutes. A request has 1,000 points with six attributes each. Times are CPU time unless they
//! are called wall. Prometheus is the newest suite's, unpacked under `target/`, or that of
//! `PROMETHEUS`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what this program is for")]
#![allow(missing_docs, reason = "a program, not a library")]

#[path = "../scrape/cost.rs"]
mod cost;
#[path = "../scrape/engine.rs"]
mod engine;
#[path = "../inner/mod.rs"]
mod inner;
mod inside;
#[path = "../measured/mod.rs"]
mod measured;
mod memory;
mod minute;
mod render;
mod requests;
mod target;

use std::io;

use measured::interrupt;

/// A table: what it shows, and how it is made.
type Part = (&'static str, &'static str, fn() -> io::Result<String>);

const PARTS: [Part; 5] = [
    ("inside", "Inside the process, a request of 1,000 points:", inside::table),
    ("requests", "Requests of 1,000 points with gzip over loopback, in turn:", requests::table),
    ("memory", "Memory:", memory::table),
    ("render", "Scrapes of 100,000 series:", render::table),
    ("minute", "50,000 points a minute, and a scrape every 15 s:", minute::table),
];

fn main() -> io::Result<()> {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let Some(unknown) = wanted.iter().find(|name| PARTS.iter().all(|(known, ..)| known != name)) {
        let known = PARTS.map(|(name, ..)| name).join(", ");
        return Err(measured::failure(format!("unknown part `{unknown}`; there are {known}")));
    }
    interrupt::listen()?;
    for (name, title, table) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            eprintln!("{name} …");
            println!("{title}\n\n{}\n", table()?);
        }
    }
    Ok(())
}
