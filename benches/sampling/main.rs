//! What sampling below the second costs over real cgroups: the sampler at both of its rhythms
//! beside a floor of bare reads of the same files at the same rhythms, in turn in one run; and
//! the whole program at a small engine that replays the same containers.
//!
//! `cargo bench --bench sampling [-- CONTAINERS…]`, as root; 50 and 1000 by default, which takes
//! about 4 minutes. Times are CPU time. Needs `unshare` and `setpriv` of util-linux. One run at a
//! time: it begins by removing what an interrupted one left.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what this program is for")]
#![allow(missing_docs, reason = "a program, not a library")]

#[path = "../scrape/bed.rs"]
mod bed;
#[allow(dead_code, reason = "here work comes at deadlines, not in rounds")]
#[path = "../scrape/cost.rs"]
mod cost;
#[path = "../scrape/engine.rs"]
mod engine;
#[path = "../measured/mod.rs"]
mod measured;
mod rhythm;
mod tiers;
mod whole;

use std::io;

use bed::Bed;
use measured::interrupt;
use tiers::Tiers;

/// Where the cgroups of the containers lie.
const PARENT: &str = "dockmeter-bench-sampling";

fn main() -> io::Result<()> {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![50, 1000] } else { sizes };
    interrupt::listen()?;
    bed::remove_leftovers(PARENT)?;
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for containers in sizes {
        eprintln!("{containers} containers …");
        let bed = Bed::make(PARENT, containers)?;
        inside.push(Tiers::measure(&bed)?.row());
        outside.push(whole::row(&bed)?);
    }
    println!("The sampler, beside the floor of bare reads of the same files at the same rhythms:\n");
    println!("{}\n{}\n", Tiers::HEAD, inside.join("\n"));
    println!("The whole process, scraped every {} s:\n", whole::SCRAPE_EVERY.as_secs());
    println!("{}\n{}", whole::HEAD, outside.join("\n"));
    Ok(())
}
