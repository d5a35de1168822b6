//! The flags.

use std::io;
use std::time::Duration;

use crate::measured::failure;

/// What is measured.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) containers: usize,
    /// How long each program is measured. Every shim has a burst of work of its own each 30 s,
    /// so a multiple of that.
    pub(crate) phase: Duration,
    /// How often containers are read and the page is scraped.
    pub(crate) resolutions: Vec<Duration>,
    /// How often everything is measured again.
    pub(crate) rounds: usize,
}

impl Options {
    pub(crate) fn from_arguments(mut arguments: impl Iterator<Item = String>) -> io::Result<Options> {
        let second = Duration::from_secs;
        let mut options = Options {
            containers: 50,
            phase: second(60),
            resolutions: vec![second(1), second(15)],
            rounds: 1,
        };
        while let Some(flag) = arguments.next() {
            // What `cargo bench` adds.
            if flag == "--bench" {
                continue;
            }
            let text = arguments.next().unwrap_or_default();
            let numbers: Option<Vec<u64>> =
                text.split(',').map(|number| number.parse().ok().filter(|number| *number > 0)).collect();
            let numbers = numbers.ok_or_else(|| failure(format!("`{flag}` needs whole numbers above 0")))?;
            match (flag.as_str(), numbers.as_slice()) {
                ("--containers", [number]) => {
                    options.containers = usize::try_from(*number).unwrap_or(usize::MAX)
                }
                ("--seconds", [number]) if number.is_multiple_of(30) => options.phase = second(*number),
                ("--seconds", _) => {
                    return Err(failure(
                        "`--seconds` has to be a multiple of 30, the cycle of the shims' own work",
                    ));
                }
                ("--rounds", [number]) => options.rounds = usize::try_from(*number).unwrap_or(usize::MAX),
                ("--resolutions", several) => {
                    options.resolutions = several.iter().copied().map(second).collect()
                }
                _ => {
                    return Err(failure(format!(
                        "`{flag} {text}` is none of `--containers N`, `--seconds N`, `--rounds N`, `--resolutions N,N`"
                    )));
                }
            }
        }
        Ok(options)
    }
}

/// The name of a container, such as no page has by chance.
pub(crate) fn container(number: usize) -> String {
    format!("peersbed-{number:04}")
}
