//! How counts of instructions are compared with the baseline in the tree.

#[allow(dead_code, reason = "the benchmark uses the rest")]
#[path = "../../benches/instructions/baseline.rs"]
mod baseline;

use baseline::{Baseline, Finding};

fn counts(counts: &[(&str, u64)]) -> Baseline {
    let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    Baseline { made_with: "rustc 1".to_owned(), counts }
}

#[test]
fn a_benchmark_that_takes_more_than_five_percent_more_is_found() {
    let before = counts(&[("page/text", 1000), ("page/protobuf", 1000), ("parse/io.stat", 1000), ("old", 1)]);
    let now = counts(&[("page/text", 1050), ("page/protobuf", 1051), ("parse/io.stat", 949), ("new", 1)]);
    let findings = now.findings(&before);
    assert_eq!(
        findings,
        [
            Finding::Unknown("new".to_owned()),
            Finding::Grown { name: "page/protobuf".to_owned(), before: 1000, now: 1051 },
            Finding::Shrunk { name: "parse/io.stat".to_owned(), before: 1000, now: 949 },
            Finding::Missing("old".to_owned()),
        ]
    );
    assert_eq!(
        findings[1].to_string(),
        "`page/protobuf` takes 1051 instructions, 5.1 % more than the 1000 of benches/instructions/baseline; 5 % are allowed"
    );
}

#[test]
fn a_baseline_is_read_back_as_it_was_written_and_the_trees_own_is_one() {
    let written =
        counts(&[("page/text", 1000), ("a/name/longer/than/its/column", 18_446_744_073_709_551_615)]);
    assert_eq!(written.to_string().parse(), Ok(written));
    let tree = std::fs::read_to_string(baseline::PATH).unwrap();
    let tree: Baseline = tree.parse().unwrap();
    assert!(tree.made_with.starts_with("rustc ") && tree.counts.len() > 10);
}

#[test]
fn a_baseline_that_makes_no_sense_is_refused_with_the_line() {
    let made_with = "# Made with rustc 1\n";
    for (rest, message) in [
        ("page/text\n", "line 2 is not a name and a count"),
        ("page/text x\n", "line 2 is not a name and a count"),
        ("page/text 1\npage/text 2\n", "line 3: `page/text` stands twice"),
    ] {
        assert_eq!(format!("{made_with}{rest}").parse::<Baseline>(), Err(message.to_owned()));
    }
    assert!("page/text 1\n".parse::<Baseline>().is_err());
}
