//! What a scrape costs over real cgroups: the work inside the process beside the floor of bare
//! reads, and the whole program, watched from outside, at a small engine that replays the same
//! containers.
//!
//! `cargo bench --bench scrape [-- CONTAINERS…]`, as root; 10, 50, 100 and 1000 by default. Times
//! are CPU time, so another load on the machine does little. Needs `unshare` and `setpriv` of
//! util-linux. One run at a time: it begins by removing what an interrupted one has left.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what this program is for")]
#![allow(missing_docs, reason = "a program, not a library")]

mod bed;
mod cost;
mod engine;
mod floor;
mod in_process;
#[path = "../measured/mod.rs"]
mod measured;
mod whole;

use std::io;

use bed::Bed;
use measured::interrupt;
use whole::Whole;

/// Where the cgroups of the containers lie.
const PARENT: &str = "dockmeter-bench";

fn main() -> io::Result<()> {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10, 50, 100, 1000] } else { sizes };
    interrupt::listen()?;
    bed::remove_leftovers(PARENT)?;
    eprintln!("the program alone …");
    let empty = Whole::measure(&Bed::make(PARENT, 0)?)?;
    let (mut inside, mut outside) = (Vec::new(), vec![empty.row(&empty)]);
    for containers in sizes {
        eprintln!("{containers} containers …");
        let bed = Bed::make(PARENT, containers)?;
        inside.push(in_process::row(&bed)?);
        interrupt::check()?;
        outside.push(Whole::measure(&bed)?.row(&empty));
    }
    println!("Inside the process, beside the floor of bare reads of the same files:\n");
    println!("{}\n{}\n", in_process::HEAD, inside.join("\n"));
    println!("The whole process, scraped over HTTP:\n");
    println!("{}\n{}", Whole::HEAD, outside.join("\n"));
    Ok(())
}
