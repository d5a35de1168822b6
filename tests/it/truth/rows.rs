//! The table of what was compared: a row each, printed, and appended to the file that
//! `DOCKMETER_TEST_ROWS` names, as a row of a Markdown table.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;

/// What a value counts.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Bytes,
    Cores,
    Count,
    Percent,
    Seconds,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Bytes => format!("{value} B"),
            Unit::Cores => format!("{value:.3} cores"),
            Unit::Count => format!("{value}"),
            Unit::Percent => format!("{value:.2} %"),
            Unit::Seconds => format!("{value:.4} s"),
        }
    }
}

/// Records a comparison, and holds its relative error to a bound; a bound of 0 wants equality.
pub(super) fn compare(what: &str, unit: Unit, truth: f64, reported: f64, bound: f64) {
    let error = record(what, unit, truth, reported);
    assert!(
        error.abs() <= bound,
        "{what}: {} is reported where {} is true, an error of {:.3} %",
        unit.show(reported),
        unit.show(truth),
        error * 100.0
    );
}

/// Records a comparison, and returns its relative error.
pub(super) fn record(what: &str, unit: Unit, truth: f64, reported: f64) -> f64 {
    #[allow(clippy::float_cmp, reason = "equal values have no error, 0 and 0 among them")]
    let error = if reported == truth { 0.0 } else { (reported - truth) / truth };
    let row = format!(
        "| {what} | {} | {} | {} |\n",
        unit.show(truth),
        unit.show(reported),
        if error == 0.0 { "0".to_owned() } else { format!("{:+.4} %", error * 100.0) }
    );
    print!("{row}");
    if let Some(file) = env::var_os("DOCKMETER_TEST_ROWS") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).expect("the table");
        file.write_all(row.as_bytes()).expect("the table");
    }
    error
}
