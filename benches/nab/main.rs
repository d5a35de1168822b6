//! How well the detector finds known anomalies: on made-up series, and on any folder of labelled
//! series in the format of the Numenta Anomaly Benchmark.
//!
//! `cargo bench --bench nab -- FOLDER [--simulations]`. The folder has CSV files with `timestamp,value`
//! below `data/`, and their anomalies in `labels/combined_windows.json`. Without one, the
//! simulations alone. `--results FOLDER --threshold T` scores somebody else's detector instead, by
//! files with a column `anomaly_score`, as NAB publishes them; so the scorer itself can be checked.
//!
//! The detector's constants were chosen on the simulations, and never on such a folder.

#![allow(missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, reason = "a benchmark says what it measured")]

mod labelled;
mod score;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dockmeter::analysis::anomaly::simulation::{self, KINDS, simulate};
use dockmeter::analysis::anomaly::{Detector, Params, anomalies};
use labelled::Labelled;
use score::Score;

type Failure = Box<dyn std::error::Error>;

/// Files of NAB that show what dockmeter is for: machines, their CPU, disks, networks, latency.
const OPERATIONS: [&str; 3] = [
    "realAWSCloudwatch/",
    "realKnownCause/cpu_utilization_asg_misconfiguration.csv",
    "realKnownCause/ec2_request_latency_system_failure.csv",
];

/// Days and series of each simulated kind.
const SIMULATED_DAYS: f64 = 28.0;
const SIMULATED_SERIES: u64 = 25;

/// What stands on the command line.
#[derive(Default)]
struct Ask {
    folder: Option<PathBuf>,
    simulations: bool,
    files: bool,
    results: Option<PathBuf>,
    threshold: Option<f64>,
}

impl Ask {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Ask, Failure> {
        let mut ask = Ask::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // What cargo adds.
                "--bench" => {}
                "--simulations" => ask.simulations = true,
                "--files" => ask.files = true,
                "--results" => ask.results = Some(arguments.next().ok_or("--results wants a folder")?.into()),
                "--threshold" => {
                    ask.threshold = Some(arguments.next().ok_or("--threshold wants a number")?.parse()?);
                }
                unknown if unknown.starts_with('-') => return Err(format!("no option `{unknown}`").into()),
                folder => ask.folder = Some(folder.into()),
            }
        }
        ask.simulations |= ask.folder.is_none();
        Ok(ask)
    }
}

fn main() -> Result<(), Failure> {
    let ask = Ask::read(std::env::args().skip(1))?;
    if ask.simulations {
        simulations();
    }
    if let Some(folder) = &ask.folder {
        score_folder(folder, &ask)?;
    }
    Ok(())
}

fn simulations() {
    println!("{SIMULATED_SERIES} made-up series of {SIMULATED_DAYS} days a kind, in steps of 5 minutes:");
    println!(
        "{:<14} {:>9} {:>7} {:>11} {:>26}",
        "kind", "anomalies", "found", "after (min)", "false alarms a series, day"
    );
    let params = Params { least_deviation: 0.5, ..Params::default() };
    let mut all = simulation::Score::default();
    let show = |name: &str, score: &simulation::Score| {
        let delay = score.delay_minutes().map_or("-".to_owned(), |minutes| format!("{minutes:.0}"));
        let share =
            if score.anomalies > 0 { format!("{:.0} %", 100.0 * score.share()) } else { "-".to_owned() };
        println!(
            "{name:<14} {:>9} {share:>7} {delay:>11} {:>26.3}",
            score.anomalies,
            score.false_alarms_a_day()
        );
    };
    for kind in KINDS {
        let mut score = simulation::Score::default();
        for seed in 0..SIMULATED_SERIES {
            // Others than those the constants were chosen on.
            let simulated = simulate(kind, 1_000 + seed, SIMULATED_DAYS, params.step_ms);
            let told = anomalies(&simulated.series, params);
            score.add(&simulated, &told);
            all.add(&simulated, &told);
        }
        show(&format!("{kind:?}"), &score);
    }
    show("all", &all);
}

fn score_folder(folder: &Path, ask: &Ask) -> Result<(), Failure> {
    let mut groups: BTreeMap<String, Score> = BTreeMap::new();
    for labelled in labelled::read(folder)? {
        let alerts = match &ask.results {
            Some(results) => labelled::alerts_of(results, &labelled, ask.threshold.unwrap_or(0.5))?,
            None => alerts(&labelled),
        };
        let score = Score::of(&labelled, &alerts);
        if ask.files {
            println!(
                "{:<62} {:>7.2} of {:>2}, {} false alarms",
                labelled.name, score.points, score.windows, score.false_alarms
            );
        }
        let group = labelled.name.split('/').next().unwrap_or_default().to_owned();
        let mut of = vec![group, "~ all".to_owned()];
        if OPERATIONS.iter().any(|prefix| labelled.name.starts_with(prefix)) {
            of.push("~ operations".to_owned());
        }
        of.into_iter().for_each(|group| groups.entry(group).or_default().add(&score));
    }
    println!(
        "{:<24} {:>6} {:>8} {:>6} {:>7} {:>26}",
        "group", "files", "windows", "found", "score", "false alarms a series, day"
    );
    for (group, score) in &groups {
        let normalised = score.normalised().map_or("-".to_owned(), |score| format!("{score:.1}"));
        println!(
            "{group:<24} {:>6} {:>8} {:>6} {normalised:>7} {:>26.3}",
            score.files,
            score.windows,
            score.found,
            score.false_alarms as f64 / score.days.max(f64::MIN_POSITIVE)
        );
    }
    Ok(())
}

/// The rows at which the detector speaks up, with the step that fits the file.
fn alerts(labelled: &Labelled) -> Vec<usize> {
    let usual = Params::default();
    let params = Params { step_ms: labelled.interval_ms().max(usual.step_ms), ..usual };
    let mut detector = Detector::new(params);
    let rows = labelled.rows.iter().enumerate();
    let mut alerts: Vec<usize> =
        rows.filter_map(|(row, (at, value))| detector.observe(*at, *value).map(|_| row)).collect();
    alerts.extend(detector.finish().map(|_| labelled.rows.len() - 1));
    alerts
}
