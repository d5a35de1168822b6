//! What the stack does with real parts: how long rules take, how fast dashboards' queries are
//! over 90 days, how many bytes a day needs, how fast an alert travels, and what findings take.
//!
//! `cargo bench --bench stack -- PART [--flag N]`, as root but for `queries`:
//!
//! - `rules [--containers 50,500,2000] [--seconds 120] [--prometheus 3]`: real cgroups with a
//!   tenant each, replayed by a small engine, the real dockmeter, a real Prometheus with our
//!   rules and as much of the past as they look at.
//! - `queries [--tenants 2000] [--programs 100] [--days 90] [--containers 50] [--container-days 15]
//!   [--clients 100] [--seconds 40] [--prometheus 3] [--keep 0]`: queries of dashboards over blocks
//!   that promtool makes. With `--keep 1` they stay under `target/` for the next run.
//! - `bytes [--containers 50] [--minutes 30] [--prometheus 3]`: a real engine, and what is in a
//!   snapshot.
//! - `travel [--times 10] [--prometheus 3]`: kills for want of memory, from the kernel to a webhook.
//! - `findings [--containers 50,1000] [--looks 5] [--prometheus 3]`: looks for what holds requests
//!   up, over two hours that promtool makes.
//!
//! Programs are those of `scripts/components.sh`, unpacked under `target/`. One run of a part at
//! a time; nothing is left behind, on Ctrl-C neither.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what this program is for")]
#![allow(missing_docs, reason = "a program, not a library")]

#[allow(dead_code, reason = "the benchmark of scrapes uses the rest")]
#[path = "../scrape/bed.rs"]
mod bed;
mod bytes;
#[path = "../scrape/engine.rs"]
mod engine;
mod findings;
mod groups;
mod history;
#[path = "../measured/mod.rs"]
mod measured;
mod ninety;
mod options;
mod panels;
mod past;
mod program;
mod queries;
mod query;
mod receiver;
mod rules;
mod tenants;
mod travel;

use std::io;

use measured::interrupt;
use options::Options;

/// A part: its flags with their defaults, and what prints its tables.
type Part = (&'static str, &'static [(&'static str, &'static str)], fn(&Options) -> io::Result<()>);

const PARTS: [Part; 5] = [
    ("rules", rules::FLAGS, rules::run),
    ("queries", queries::FLAGS, queries::run),
    ("bytes", bytes::FLAGS, bytes::run),
    ("travel", travel::FLAGS, travel::run),
    ("findings", findings::FLAGS, findings::run),
];

fn main() -> io::Result<()> {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let wanted = arguments.next().unwrap_or_default();
    let Some((_, flags, run)) = PARTS.iter().find(|(name, ..)| *name == wanted) else {
        let known = PARTS.map(|(name, ..)| name).join(", ");
        return Err(measured::failure(format!("`{wanted}` is none of the parts {known}")));
    };
    let options = Options::read(flags, arguments)?;
    interrupt::listen()?;
    run(&options)
}
