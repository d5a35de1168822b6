//! Every format of one bill, against its golden file.

use std::path::Path;

use super::*;
use crate::analysis::cost::{Dimension, Usage};

const GIB: f64 = (1_u64 << 30) as f64;

fn usage(user: &str, project: &str, hours: f64) -> Usage {
    let labels = [
        (Dimension::User, user),
        (Dimension::Project, project),
        (Dimension::Team, if user == project { user } else { "core" }),
        (Dimension::Instance, "host-a:10417"),
    ];
    let labels = labels.map(|(dimension, label)| (dimension, label.to_owned())).into();
    Usage::new(labels, [hours * 3600.0, hours * GIB * 1800.0, hours * GIB * 3600.0, hours * GIB / 7.0, GIB])
}

fn gathered() -> Gathered {
    Gathered {
        usages: vec![
            usage("ann", "shop", 120.0),
            usage("ann", "blog, \"old\"", 1.25),
            usage("idle", "idle", 600.0),
        ],
        hours: [("host-a:10417".to_owned(), Decimal::from(744))].into(),
        coverage: vec![("host-a:10417".to_owned(), 0.998_76)],
    }
}

fn options(format: Format) -> Options {
    let time = |text: &str| text.parse().unwrap();
    Options {
        period: Period { from: time("2026-10-01T00:00:00Z"), to: time("2026-11-01T00:00:00Z") },
        now: time("2026-11-21T10:00:00Z"),
        view: View {
            group_by: vec![Dimension::User, Dimension::Project, Dimension::Team],
            ..View::default()
        },
        format,
    }
}

fn prices() -> Cost {
    let decimal = |text: &str| Decimal::from_str_exact(text).ok();
    Cost {
        currency: "EUR".into(),
        cpu_core_hour: decimal("0.031"),
        memory_gib_hour: decimal("0.004"),
        disk_gib_month: decimal("0.05"),
        network_transmit_gib: decimal("0.01"),
        ..Cost::default()
    }
}

#[test]
fn golden_reports() {
    for (format, name) in [
        (Format::Text, "cost.txt"),
        (Format::Markdown, "cost.md"),
        (Format::Json, "cost.json"),
        (Format::Csv, "cost.csv"),
    ] {
        let page = page(gathered(), &prices(), &options(format));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        assert_eq!(page, std::fs::read_to_string(&file).unwrap_or_default(), "{name}");
    }
}

#[test]
fn the_json_is_json_and_its_rows_sum_to_its_total() {
    let json: serde_json::Value =
        serde_json::from_str(&page(gathered(), &prices(), &options(Format::Json))).unwrap();
    let rows = json["rows"].as_array().unwrap();
    let cents = |value: &serde_json::Value| (value.as_f64().unwrap() * 100.0).round() as i64;
    assert_eq!(
        rows.iter().map(|row| cents(&row["total_cost"])).sum::<i64>(),
        cents(&json["total"]["total_cost"])
    );
    assert_eq!(rows[2]["project"], "blog, \"old\"");
}

#[test]
fn nearly_all_is_not_all() {
    assert_eq!([percent(1.0), percent(0.999_9), percent(0.5)], ["100 %", "99.99 %", "50.00 %"]);
}
