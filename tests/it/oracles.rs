//! The statistics of `analysis` against programs that others have written: numpy, scipy,
//! pymannkendall and Apache Otava (`tests/oracles`) answer the same questions about the same
//! made-up values.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use dockmeter::analysis::change::{Rule, changes};
use dockmeter::analysis::simulation::Random;
use dockmeter::analysis::statistics::correlation::spearman;
use dockmeter::analysis::statistics::distribution::{normal_two_sided, student_two_sided};
use dockmeter::analysis::statistics::monotone::{LEAST_POINTS, slope};
use dockmeter::analysis::statistics::order::{median, quantile, robust_deviation};
use dockmeter::analysis::statistics::rank_sum::{shift, superiority};
use dockmeter::analysis::statistics::serial::inflation;
use serde_json::{Value, json};

use crate::component::Component;

/// What the oracle says of cases of one kind; `None` where it is missing.
fn ask(kind: &str, cases: &[Value]) -> Option<Vec<Value>> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/oracle.py");
    let mut command = Command::new("python3");
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("PYTHONPATH", Component::Oracles.path()?).env("PYTHONDONTWRITEBYTECODE", "1");
    // Other stories want the cores, too.
    command.env("OPENBLAS_NUM_THREADS", "1").arg(program);
    let mut oracle = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
    let question = json!({ kind: cases }).to_string();
    oracle.stdin.take().expect("its input").write_all(question.as_bytes()).expect("the oracle reads");
    let answer = oracle.wait_with_output().expect("the oracle answers");
    assert!(answer.status.success(), "the oracle has failed");
    let answers: Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let answers = answers[kind].as_array().expect("answers").clone();
    assert_eq!(answers.len(), cases.len());
    Some(answers)
}

/// Fails where a number is not the oracle's, but for so large a share of it or of a scale.
#[track_caller]
fn same(what: &str, ours: Option<f64>, theirs: &Value, tolerance: f64, scale: f64) {
    let (Some(ours), Some(theirs)) = (ours, theirs.as_f64()) else { panic!("{what}: {ours:?}, {theirs}") };
    let allowed = tolerance * theirs.abs().max(scale);
    assert!((ours - theirs).abs() <= allowed, "{what}: {ours:e} and not {theirs:e}");
}

type Make = fn(&mut Random) -> Vec<f64>;

/// Between two numbers of values.
fn count(random: &mut Random, least: usize, most: usize) -> usize {
    least + ((most - least + 1) as f64 * random.uniform()) as usize
}

fn normal(random: &mut Random) -> Vec<f64> {
    (0..count(random, 8, 120)).map(|_| 50.0 + 10.0 * random.normal()).collect()
}

fn heavy_tailed(random: &mut Random) -> Vec<f64> {
    (0..count(random, 8, 120)).map(|_| random.normal() / random.uniform()).collect()
}

fn tied(random: &mut Random) -> Vec<f64> {
    (0..count(random, 8, 120)).map(|_| (2.0 * random.normal()).round()).collect()
}

fn repeating(random: &mut Random) -> Vec<f64> {
    let many = count(random, 8, 120);
    random.repeating(many, 0.9)
}

fn alternating(random: &mut Random) -> Vec<f64> {
    let many = count(random, 8, 120);
    random.repeating(many, -0.6)
}

fn short(random: &mut Random) -> Vec<f64> {
    (0..count(random, 1, 7)).map(|_| random.normal()).collect()
}

fn constant(random: &mut Random) -> Vec<f64> {
    vec![random.normal(); count(random, 1, 60)]
}

const KINDS: [(&str, Make); 7] = [
    ("normal", normal),
    ("heavy-tailed", heavy_tailed),
    ("tied", tied),
    ("repeating", repeating),
    ("alternating", alternating),
    ("short", short),
    ("constant", constant),
];

/// Seeds of each kind.
const SEEDS: u64 = 20;

/// Some of every kind, with their names.
fn samples() -> impl Iterator<Item = (String, Vec<f64>)> {
    let of = |(kind, make): (&'static str, Make)| {
        (0..SEEDS).map(move |seed| (format!("{kind} {seed}"), make(&mut Random::new(seed))))
    };
    KINDS.into_iter().flat_map(of)
}

/// The largest of some values, for errors by rounding.
fn scale(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}

#[test]
fn medians_quantiles_and_deviations_are_numpys_and_scipys() {
    const SHARES: [f64; 7] = [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 1.0];
    let samples: Vec<_> = samples().collect();
    let cases: Vec<_> =
        samples.iter().map(|(_, values)| json!({"values": values, "shares": SHARES})).collect();
    let Some(answers) = ask("samples", &cases) else { return };
    for ((name, values), answer) in samples.iter().zip(&answers) {
        let scale = scale(values);
        same(name, median(values), &answer["median"], 1e-14, scale);
        same(name, robust_deviation(values), &answer["robust_deviation"], 1e-14, scale);
        for (share, theirs) in SHARES.iter().zip(answer["quantiles"].as_array().unwrap()) {
            same(&format!("{name} {share}"), quantile(values, *share), theirs, 1e-14, scale);
        }
    }
}

#[test]
fn shifts_and_rank_correlations_are_numpys_and_scipys() {
    let befores = samples();
    // The next kind beside each one, and each beside itself a little higher.
    let afters = samples().skip(SEEDS as usize).chain(samples().take(SEEDS as usize));
    let others =
        befores.zip(afters).map(|((one, before), (other, after))| (format!("{one}, {other}"), before, after));
    let higher = samples().map(|(name, before)| {
        let after = before.iter().rev().map(|value| value + 0.5).collect();
        (format!("{name}, higher"), before, after)
    });
    let pairs: Vec<(String, Vec<f64>, Vec<f64>)> = others.chain(higher).collect();
    let cases: Vec<_> =
        pairs.iter().map(|(_, before, after)| json!({"before": before, "after": after})).collect();
    let Some(answers) = ask("pairs", &cases) else { return };
    let mut correlated = 0;
    for ((name, before, after), answer) in pairs.iter().zip(&answers) {
        let scale = scale(before).max(scale(after));
        same(name, superiority(before, after), &answer["superiority"], 1e-14, 1.0);
        let shift = shift(before, after, 1.0).unwrap();
        same(&format!("{name}, shift"), Some(shift.by), &answer["shift"], 1e-14, scale);
        same(&format!("{name}, low"), Some(shift.low), &answer["low"], 1e-14, scale);
        same(&format!("{name}, high"), Some(shift.high), &answer["high"], 1e-14, scale);
        match spearman(before, after) {
            Some(found) => {
                same(&format!("{name}, rho"), Some(found.rho), &answer["rho"], 1e-12, 1.0);
                same(&format!("{name}, p of rho"), Some(found.p), &answer["rho_p"], 1e-9, 0.0);
                correlated += 1;
            }
            None => assert!(before.len().min(after.len()) < 8 || answer["rho"].is_null(), "{name}"),
        }
    }
    assert!(correlated > 100, "only {correlated} were correlated");
}

#[test]
fn slopes_are_scipys_and_their_chance_is_pymannkendalls() {
    // Ours are corrected for values that repeat each other; the oracles know of no such thing.
    let plain = |(_, values): &(String, Vec<f64>)| {
        let points = points(values);
        slope(&points).is_some_and(|found| {
            let residuals: Vec<f64> = points.iter().map(|(time, value)| value - found.slope * time).collect();
            inflation(&[&residuals], 2) == 1.0
        })
    };
    let risen = samples().map(|(name, values)| {
        let step = scale(&values) / values.len() as f64;
        let values = values.iter().enumerate().map(|(place, value)| value + step * place as f64).collect();
        (format!("{name}, rising"), values)
    });
    let series: Vec<(String, Vec<f64>)> = samples().chain(risen).filter(plain).collect();
    assert!(series.len() > 60, "only {} do not repeat each other", series.len());
    let cases: Vec<_> = series
        .iter()
        .map(|(_, values)| {
            let times: Vec<f64> = points(values).iter().map(|(time, _)| *time).collect();
            json!({"times": times, "values": values})
        })
        .collect();
    let Some(answers) = ask("points", &cases) else { return };
    for ((name, values), answer) in series.iter().zip(&answers) {
        assert!(values.len() >= LEAST_POINTS);
        let found = slope(&points(values)).unwrap();
        let scale = scale(values);
        same(&format!("{name}, slope"), Some(found.slope), &answer["slope"], 1e-13, scale);
        same(&format!("{name}, low"), Some(found.low), &answer["low"], 1e-13, scale);
        same(&format!("{name}, high"), Some(found.high), &answer["high"], 1e-13, scale);
        same(&format!("{name}, p"), Some(found.p), &answer["p"], 1e-9, 0.0);
    }
}

/// Values a step of time apart.
fn points(values: &[f64]) -> Vec<(f64, f64)> {
    values.iter().enumerate().map(|(place, value)| (0.25 * place as f64, *value)).collect()
}

/// Below this a number of 64 bits loses digits soon.
const LEAST_CHANCE: f64 = 1e-300;

#[test]
fn chances_are_scipys_down_to_where_numbers_end() {
    let zs: Vec<f64> = (0..=3700).map(|step| f64::from(step) / 100.0).collect();
    let cases: Vec<_> = zs.iter().map(|z| json!(z)).collect();
    let Some(answers) = ask("normal", &cases) else { return };
    for (z, theirs) in zs.iter().zip(&answers) {
        assert_eq!(normal_two_sided(*z), normal_two_sided(-*z));
        if theirs.as_f64().unwrap() > LEAST_CHANCE {
            same(&format!("{z}"), Some(normal_two_sided(*z)), theirs, 1e-10, 0.0);
        }
    }
    let freedoms = [0.5, 1.0, 1.7, 2.0, 3.0, 5.0, 8.3, 13.0, 30.0, 100.0, 238.0, 1e3, 12_345.6, 1e5, 1e6];
    let ts = (-40..=40).map(|step| 10_f64.powf(f64::from(step) / 10.0));
    let ts: Vec<f64> = ts.chain((1..=74).map(|step| f64::from(step) / 2.0)).collect();
    let asked: Vec<(f64, f64)> =
        freedoms.iter().flat_map(|freedom| ts.iter().map(|t| (*t, *freedom))).collect();
    let Some(answers) = ask("student", &asked.iter().map(|case| json!(case)).collect::<Vec<_>>()) else {
        return;
    };
    for ((t, freedom), theirs) in asked.iter().zip(&answers) {
        assert_eq!(student_two_sided(*t, *freedom), student_two_sided(-*t, *freedom));
        if theirs.as_f64().unwrap() > LEAST_CHANCE {
            same(&format!("{t} of {freedom}"), Some(student_two_sided(*t, *freedom)), theirs, 1e-10, 0.0);
        }
    }
}

/// A series with changes or without, and by what rule they are looked for.
struct Levels {
    name: String,
    values: Vec<f64>,
    rule: Rule,
}

/// Noise of every kind on levels that change up to four times.
fn levels() -> Vec<Levels> {
    let mut all = Vec::new();
    let rules = [(50, 0.001, 0.05), (30, 0.001, 0.0), (20, 0.01, 0.1), (120, 1e-5, 0.02)];
    for (kind, make) in KINDS.into_iter().filter(|(kind, _)| *kind != "constant") {
        for seed in 0..16 {
            let mut random = Random::new(1000 + seed);
            let (window, significance, least_change) = rules[seed as usize % rules.len()];
            let mut values = Vec::new();
            for _ in 0..=seed % 5 {
                let noise = make(&mut random);
                let (level, spread) = (20.0 + 100.0 * random.uniform(), scale(&noise));
                values.extend(noise.iter().map(|noise| level + 20.0 * noise / spread));
            }
            let rule = Rule { window, significance, least_change, ..Rule::independent() };
            all.push(Levels { name: format!("{kind} {seed}"), values, rule });
        }
    }
    all
}

/// Otava's decisions differ from ours in two things that it gets wrong, and the oracle has both
/// ways: as it is, and with these two put right.
/// - It takes the deviation of a population for that of a sample, which makes small parts a little
///   too sure of themselves.
/// - Where it gives a place up it does not test the one before it again.
///
/// Put right it has to find exactly what we find, with the same means and chances. As it is, most
/// series have the same changes, and for the others these two are the reason.
#[test]
fn changes_are_otavas() {
    let levels = levels();
    let cases = levels.iter().map(|Levels { values, rule, .. }| {
        let Rule { window, significance, least_change, .. } = rule;
        json!({"values": values, "window": window, "significance": significance, "least_change": least_change})
    });
    let Some(answers) = ask("changes", &cases.collect::<Vec<_>>()) else { return };
    let (mut found, mut alike) = (0, 0);
    for (Levels { name, values, rule }, answer) in levels.iter().zip(&answers) {
        let ours = changes(values, *rule);
        let repaired = answer["repaired"].as_array().unwrap();
        let indices: Vec<_> = ours.iter().map(|change| json!(change.index)).collect();
        assert_eq!(
            indices,
            repaired.iter().map(|change| change["index"].clone()).collect::<Vec<_>>(),
            "{name}"
        );
        for (ours, theirs) in ours.iter().zip(repaired) {
            let name = format!("{name} at {}", ours.index);
            same(&name, Some(ours.before), &theirs["before"], 1e-12, 0.0);
            same(&name, Some(ours.after), &theirs["after"], 1e-12, 0.0);
            same(&name, Some(ours.p), &theirs["p"], 1e-9, LEAST_CHANCE);
        }
        found += ours.len();
        alike += usize::from(json!(indices) == answer["otava"]);
    }
    println!("{found} changes in {} series, {alike} as Otava has them unrepaired", levels.len());
    assert!(found > levels.len() / 2, "only {found} changes in {} series", levels.len());
    assert!(4 * alike >= 3 * levels.len(), "only {alike} of {} are as Otava has them", levels.len());
}
