//! Fuzzers of everything that reads what others send: each mutates its corpus
//! (`tests/fuzz/corpus`) at random and holds what comes of it to what must always be true.
//!
//! `cargo test --test fuzz` runs each for a bounded number of rounds; `-- --ignored` (as
//! `./test --long` does) for a minute, or `DOCKMETER_FUZZ_SECONDS`. A failure prints the seed
//! and the input and keeps the input under `target/fuzz`; `DOCKMETER_FUZZ_SEED` runs the same
//! rounds again, and an input that is put into the corpus is tried first from then on.
//!
//! An input whose outcome is new is kept and mutated further. That takes the place of coverage,
//! which stable compilers do not tell.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and the test runner shows what it printed"
)]

mod fuzzer;
mod mutate;
mod target;

use fuzzer::fuzz;
use target::{Body, Metrics, Names, Plain, Sql, Traces};

/// Both runs of a fuzzer.
macro_rules! fuzzers {
    ($($name:ident $long:ident $folder:literal $target:expr;)*) => {
        $(
            #[test]
            fn $name() {
                fuzz(stringify!($name), $folder, $target, false);
            }

            #[test]
            #[ignore = "takes a minute"]
            fn $long() {
                fuzz(stringify!($name), $folder, $target, true);
            }
        )*
    };
}

fuzzers! {
    metrics metrics_for_long "metrics" Metrics::default();
    traces traces_for_long "traces" Traces::default();
    plain_json plain_json_for_long "plain" Plain::default();
    body body_for_long "body" Body::default();
    names names_for_long "names" Names;
    sql sql_for_long "sql" Sql;
}
