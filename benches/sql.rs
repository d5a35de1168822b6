//! What it costs to take the values out of a statement: `cargo bench --bench sql`.

#![allow(missing_docs, reason = "a program, not a library")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dockmeter::sql::{Dialect, sanitise};

/// Statements as programs send them, by what they are.
fn statements() -> Vec<(&'static str, String)> {
    let columns: Vec<String> = (0..30).map(|column| format!("\"o\".\"column_{column}\"")).collect();
    let rows = vec!["(1, 'it''s a note', 2.50, NULL, '2026-01-01')"; 100];
    let ids: Vec<String> = (10_000..11_000).map(|id| id.to_string()).collect();
    vec![
        (
            "a row by its key",
            "SELECT id, total FROM orders WHERE customer = $1 AND state = 'open'".to_owned(),
        ),
        (
            "of an object mapper",
            format!(
                "SELECT {} FROM \"orders\" \"o\" INNER JOIN \"customers\" \"c\" ON \"c\".\"id\" = \"o\".\"customer_id\" \
                 WHERE \"o\".\"state\" = 'open' /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/",
                columns.join(", ")
            ),
        ),
        ("100 rows", format!("INSERT INTO notes (a, b, c, d, e) VALUES {}", rows.join(", "))),
        ("1000 ids", format!("SELECT * FROM orders WHERE id IN ({})", ids.join(","))),
        ("left in doubt", "SELECT * FROM files WHERE path = 'C:\\' AND owner = 'ann'".to_owned()),
    ]
}

fn sanitising(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sanitise");
    for (name, text) in statements() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| sanitise(black_box(&text), Dialect::PostgreSql));
        });
    }
    group.finish();
}

criterion_group!(benches, sanitising);
criterion_main!(benches);
