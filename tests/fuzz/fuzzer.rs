//! Runs a target on its corpus and on what is made of it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::mutate::{Dice, mutated};

/// How long a long run takes, if nothing is said.
const SECONDS: u64 = 60;

/// Inputs that are kept for their outcome, beside the corpus.
const MOST_KEPT: usize = 1_000;

/// Something that reads inputs.
pub(crate) trait Target {
    /// Rounds of a short run.
    const ROUNDS: u64 = 2_000;

    /// Reads an input and panics if something is wrong with what comes of it. Inputs with the
    /// same return value have had the same outcome.
    fn run(&mut self, input: &[u8]) -> u64;
}

/// Runs a target for a bounded number of rounds, or for long.
pub(crate) fn fuzz<T: Target>(name: &str, folder: &str, mut target: T, long: bool) {
    let corpus = corpus(folder);
    let seed = number("DOCKMETER_FUZZ_SEED").unwrap_or_else(|| if long { from_the_clock() } else { 1 });
    let seconds = number("DOCKMETER_FUZZ_SECONDS").unwrap_or(SECONDS);
    let (started, length) = (Instant::now(), Duration::from_secs(seconds));
    println!("{name}: seed {seed}, {} inputs in the corpus", corpus.len());
    let mut dice = Dice(seed);
    let mut inputs = Vec::new();
    let mut outcomes = HashSet::new();
    for input in corpus {
        outcomes.insert(attempt(name, seed, &mut target, &input));
        inputs.push(input);
    }
    let most = inputs.len() + MOST_KEPT;
    let mut rounds = 0_u64;
    while if long { started.elapsed() < length } else { rounds < T::ROUNDS } {
        rounds += 1;
        let input = mutated(dice.of(&inputs).as_slice(), dice.clone().of(&inputs).as_slice(), &mut dice);
        if outcomes.insert(attempt(name, seed, &mut target, &input)) && inputs.len() < most {
            inputs.push(input);
        }
    }
    println!("{name}: {rounds} rounds in {:.0?}, {} outcomes", started.elapsed(), outcomes.len());
}

/// Tries an input; one that fails is told and kept.
fn attempt(name: &str, seed: u64, target: &mut impl Target, input: &[u8]) -> u64 {
    catch_unwind(AssertUnwindSafe(|| target.run(input))).unwrap_or_else(|panic| {
        let file = kept(name, input);
        eprintln!("{name}: seed {seed} fails on {} bytes, kept as {}", input.len(), file.display());
        eprintln!("as text: {}", String::from_utf8_lossy(input).escape_debug());
        let bytes = input.iter().fold(String::new(), |mut bytes, byte| {
            let _ = write!(bytes, "{byte:02x}");
            bytes
        });
        eprintln!("as bytes: {bytes}");
        resume_unwind(panic)
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Writes a failing input to a file of its own.
fn kept(name: &str, input: &[u8]) -> PathBuf {
    let folder = root().join("target/fuzz");
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let file = folder.join(format!("{name}-{hash:016x}"));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, input));
    if let Err(why) = written {
        eprintln!("the input could not be kept: {why}");
    }
    file
}

/// The inputs of a folder, in the order of their names.
fn corpus(folder: &str) -> Vec<Vec<u8>> {
    let folder = root().join("tests/fuzz/corpus").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("an input").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no inputs in {}", folder.display());
    files.iter().map(|file| std::fs::read(file).expect("an input")).collect()
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a whole number, and not `{text}`")))
}

fn from_the_clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |since| since.as_nanos() as u64)
}
