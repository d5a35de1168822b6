//! The page of a server whose answers are a fixture, and of one that is down.
//!
//! The page lies in `tests/golden/`; renew it with `DOCKMETER_RENEW_GOLDEN=1 cargo test --lib
//! golden` and read the difference.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::metrics::text::{Dialect, TextEncoder};
use crate::postgres::board::Missing;
use crate::postgres::series::{Row, series};
use crate::tenant::Tenant;

/// The rows of each part.
fn fixture(version: u32) -> BTreeMap<String, Vec<Row>> {
    let file = format!("tests/fixtures/postgres/{version}.rows");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let mut parts: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut open = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => open = name.to_owned(),
            None => {
                let row = line.split('|').map(|text| (text != "\\N").then(|| text.to_owned()));
                parts.entry(open.clone()).or_default().push(row.collect());
            }
        }
    }
    parts
}

/// A board with one server that has said this, and one that is down.
fn board() -> Board {
    let board = Board::default();
    let rows = fixture(18);
    let shop = board.add("shop-db:5432", &Tenant::claimed(Some("ann"), Some("shop"), None));
    let mut used = 0;
    for (place, part) in parts::all().enumerate() {
        let Some(rows) = rows.get(part.name).filter(|_| (part.since..part.until).contains(&18)) else {
            continue;
        };
        for row in rows {
            assert_eq!(row.len(), part.labels.len() + part.metrics.len(), "a row of `{}`", part.name);
        }
        used += 1;
        shop.state().parts[place] = series(part, &shop.labels, rows);
    }
    assert_eq!(used, rows.len(), "a part of the fixture has no such name");
    {
        let mut state = shop.state();
        state.up = Some(true);
        state.read_at = Some(Timestamp::from_second(1_795_269_551).unwrap());
        state.took = Some(Duration::from_millis(12));
        state.missing.insert(("wal", Missing::Right), 3);
    }
    board.add("crm:6000", &Tenant::unknown()).failed(Reason::Full);
    // Not asked yet.
    board.add("new:5432", &Tenant::unknown());
    board
}

fn page(board: Board) -> String {
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    PostgresCollector::new(board).show(&mut encoder);
    String::from_utf8(encoder.finish()).unwrap()
}

#[test]
fn golden_page_of_postgresql_servers() {
    let page = page(board());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/postgres.prom");
    if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    assert!(page == expected, "{} differs; this is the page now:\n{page}", file.display());
}

#[test]
fn of_a_server_that_is_down_nothing_is_shown_but_that() {
    let board = board();
    for record in board.records() {
        record.failed(Reason::Lost);
    }
    let page = page(board);
    let families: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(
        families,
        [
            "pg_up gauge",
            "dockmeter_postgres_last_read_timestamp_seconds gauge",
            "dockmeter_postgres_read_failures_total counter",
            "dockmeter_postgres_part_failures_total counter",
        ]
    );
    assert!(
        !page.contains("pg_up{server=\"shop-db:5432\",user=\"ann\",project=\"shop\",team=\"unknown\"} 1")
    );
}
