//! The flags.

use std::io;
use std::time::Duration;

use crate::measured::failure;

/// Every shim has a burst of work of its own each 30 s (seen with containerd 1.6, watched or not).
/// A phase that is no multiple of that holds more or fewer bursts than its counterpart.
const SHIM_CYCLE_SECONDS: u64 = 30;

/// What is measured.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) containers: usize,
    /// Pairs of phases; the spread needs two.
    pub(crate) pairs: usize,
    /// How long a phase takes.
    pub(crate) phase: Duration,
    /// Where dockmeter takes the numbers from, as `--container.source` says it.
    pub(crate) source: String,
    /// The engine, as `scripts/components.sh` calls it.
    pub(crate) engine: String,
}

impl Options {
    pub(crate) fn from_arguments(mut arguments: impl Iterator<Item = String>) -> io::Result<Options> {
        let mut options = Options {
            containers: 50,
            pairs: 5,
            phase: Duration::from_secs(30),
            source: "auto".into(),
            engine: "docker".into(),
        };
        while let Some(flag) = arguments.next() {
            // What `cargo bench` adds.
            if flag == "--bench" {
                continue;
            }
            let value = arguments.next().unwrap_or_default();
            let word = match flag.as_str() {
                "--source" => Some(&mut options.source),
                "--engine" => Some(&mut options.engine),
                _ => None,
            };
            if let Some(word) = word {
                *word = value;
                continue;
            }
            let value = value.parse::<usize>().ok().filter(|value| *value > 0);
            let value = value.ok_or_else(|| failure(format!("`{flag}` needs a whole number above 0")))?;
            match flag.as_str() {
                "--containers" => options.containers = value,
                "--pairs" => options.pairs = value,
                "--seconds" => options.phase = Duration::from_secs(value as u64),
                _ => {
                    return Err(failure(format!(
                        "`{flag}` is none of `--containers`, `--pairs`, `--seconds`, `--source`, `--engine`"
                    )));
                }
            }
        }
        if !options.phase.as_secs().is_multiple_of(SHIM_CYCLE_SECONDS) {
            return Err(failure(format!("`--seconds` has to be a multiple of {SHIM_CYCLE_SECONDS}")));
        }
        if options.pairs < 2 {
            return Err(failure("a spread needs at least two `--pairs`"));
        }
        Ok(options)
    }
}
