//! Samples of the past: written as OpenMetrics, a file for each block, and made blocks by
//! promtool.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::measured::failure;
use crate::measured::interrupt;
use crate::measured::process::command_that_dies_with_us;

/// How long a block is: as long as Prometheus itself makes them when it keeps 90 days, the
/// longest of its steps that is below a tenth of that.
const BLOCK_S: i64 = 162 * 3600;

/// The same for promtool.
const BLOCK: &str = "--max-block-duration=162h";

/// How many promtools work at once, each on a block of its own.
const AT_ONCE: usize = 2;

const DAY_S: f64 = 86_400.0;

/// How a series' values move.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wave {
    /// Around a value, with days and noise.
    Gauge(f64),
    /// Grows by so much a second, with noise, from zero at the beginning of Unix time on.
    Counter(f64),
    /// Whole numbers up to one.
    Count(u64),
    /// Stays.
    Flat(f64),
}

/// A series and when it has samples.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// As on a page: `name{label="value"}`.
    pub(crate) text: String,
    pub(crate) wave: Wave,
    pub(crate) step_s: i64,
    /// The first second of Unix time that may have a sample, and the one after the last.
    pub(crate) from_s: i64,
    pub(crate) to_s: i64,
}

impl Series {
    /// Its value, in millionths: the same whenever it is asked for.
    fn micros(&self, seed: u64, at_s: i64) -> u64 {
        let noise = share(seed ^ (at_s as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let value = match self.wave {
            Wave::Gauge(around) => {
                let day = (at_s as f64 / DAY_S + share(seed)) * std::f64::consts::TAU;
                around * (1.0 + 0.4 * day.sin() + 0.2 * noise)
            }
            Wave::Counter(rate) => rate * (at_s as f64 - 1.7e9 + noise * self.step_s as f64),
            Wave::Count(most) => (noise * (most + 1) as f64).floor(),
            Wave::Flat(value) => value,
        };
        (value * 1e6) as u64
    }

    /// Its samples within some time, as lines; how many there are.
    fn write(&self, from_s: i64, to_s: i64, line: &mut Vec<u8>, out: &mut impl io::Write) -> io::Result<u64> {
        let seed = self.text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let (from_s, to_s) = (from_s.max(self.from_s), to_s.min(self.to_s));
        let mut at_s = from_s + (-from_s).rem_euclid(self.step_s);
        let mut samples = 0;
        let mut number = itoa::Buffer::new();
        while at_s < to_s {
            let micros = self.micros(seed, at_s);
            line.clear();
            line.extend_from_slice(self.text.as_bytes());
            line.push(b' ');
            line.extend_from_slice(number.format(micros / 1_000_000).as_bytes());
            if !micros.is_multiple_of(1_000_000) {
                line.push(b'.');
                // With its leading zeros.
                line.extend_from_slice(&number.format(1_000_000 + micros % 1_000_000).as_bytes()[1..]);
            }
            line.push(b' ');
            line.extend_from_slice(number.format(at_s).as_bytes());
            line.push(b'\n');
            out.write_all(line)?;
            samples += 1;
            at_s += self.step_s;
        }
        Ok(samples)
    }
}

/// A number from 0 to 1 that looks like chance.
fn share(seed: u64) -> f64 {
    let mut mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Makes blocks of all series in a folder; how many samples they have.
pub(crate) fn blocks(promtool: &Path, series: &[Series], folder: &Path) -> io::Result<u64> {
    let first = series.iter().map(|one| one.from_s).min().unwrap_or_default();
    let last = series.iter().map(|one| one.to_s).max().unwrap_or_default();
    fs::create_dir_all(folder)?;
    let (mut running, mut samples) = (Vec::new(), 0);
    let mut from_s = first - first.rem_euclid(BLOCK_S);
    let started = std::time::Instant::now();
    while from_s < last {
        interrupt::check()?;
        let input = folder.join(format!("input-{from_s}"));
        samples += write(series, from_s, &input)?;
        running.push(Import::start(promtool, input, folder)?);
        if running.len() == AT_ONCE {
            running.remove(0).finish()?;
            let seconds = started.elapsed().as_secs();
            eprintln!("{:.1} million samples written after {seconds} s …", samples as f64 / 1e6);
        }
        from_s += BLOCK_S;
    }
    for import in running {
        import.finish()?;
    }
    Ok(samples)
}

fn write(series: &[Series], from_s: i64, input: &Path) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(input)?);
    let (mut line, mut samples) = (Vec::new(), 0);
    for one in series {
        samples += one.write(from_s, from_s + BLOCK_S, &mut line, &mut out)?;
    }
    out.write_all(b"# EOF\n")?;
    out.flush()?;
    Ok(samples)
}

/// A promtool at work; its input goes with it.
struct Import {
    child: Child,
    input: PathBuf,
}

impl Import {
    fn start(promtool: &Path, input: PathBuf, folder: &Path) -> io::Result<Self> {
        let mut command = command_that_dies_with_us(&promtool.to_string_lossy());
        command.args(["tsdb", "create-blocks-from", "--quiet", BLOCK, "openmetrics"]).arg(&input).arg(folder);
        let log = File::create(input.with_extension("log"))?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        Ok(Import { child, input })
    }

    fn finish(mut self) -> io::Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            let log = fs::read_to_string(self.input.with_extension("log")).unwrap_or_default();
            return Err(failure(format!("promtool ended with {status}: {log}")));
        }
        Ok(())
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        // All fail only if it is done already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.input);
        let _ = fs::remove_file(self.input.with_extension("log"));
    }
}
