//! From the rows of an answer to series: the first columns of a row are labels, the others
//! values, all of them text.

use std::collections::HashSet;
use std::sync::Arc;

use super::parts::Part;
use crate::metrics::{LabelBlock, Value};
use crate::tenant::LabelValue;

/// A row as it comes; `None` stands for `NULL`.
pub(super) type Row = Vec<Option<String>>;

/// The series of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// Server, tenant and the row's own labels.
    pub(super) labels: LabelBlock,
    /// A value for each family of the part; `None` where there is none.
    pub(super) values: Vec<Option<Value>>,
}

/// The series of a part's rows. Of rows that have the same labels once these are safe to show
/// the first counts.
pub(super) fn series(part: &Part, shared: &Arc<LabelBlock>, rows: &[Row]) -> Vec<Series> {
    let mut seen = HashSet::new();
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let (own, values) = row.split_at_checked(part.labels.len()).unwrap_or((row, &[]));
        let own: Vec<LabelValue> =
            own.iter().map(|text| LabelValue::clean(text.as_deref().unwrap_or_default())).collect();
        let pairs = part.labels.iter().copied().zip(own.iter().map(LabelValue::as_str));
        let labels = LabelBlock::within(shared, pairs);
        if !seen.insert(labels.rendered().to_vec()) {
            continue;
        }
        let values = values.iter().map(|text| value(text.as_deref()?));
        all.push(Series { labels, values: values.take(part.metrics.len()).collect() });
    }
    all
}

/// A number as PostgreSQL writes it: whole ones as they are, others as decimals.
fn value(text: &str) -> Option<Value> {
    match text.parse() {
        Ok(whole) => Some(Value::Int(whole)),
        Err(_) => text.parse().ok().map(Value::Float),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue::postgres as c;
    use crate::tenant::Tenant;
    use proptest::prelude::*;

    fn part() -> &'static Part {
        super::super::parts::PARTS.iter().find(|part| part.metrics[0] == &c::DATABASE_SIZE).unwrap()
    }

    fn shared() -> Arc<LabelBlock> {
        Arc::new(LabelBlock::of_tenant(&Tenant::unknown(), [("server", "db:5432")]))
    }

    fn row(texts: &[Option<&str>]) -> Row {
        texts.iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn null_is_no_value_and_the_same_labels_come_once() {
        let rows = [row(&[Some("app"), Some("7")]), row(&[Some("b"), None]), row(&[Some(" app"), Some("8")])];
        let all = series(part(), &shared(), &rows);
        let values: Vec<_> = all.iter().map(|one| (one.labels.rendered(), one.values[0])).collect();
        assert_eq!(values, [(&b"datname=\"app\""[..], Some(Value::Int(7))), (b"datname=\"b\"", None)]);
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, read) in [
            ("18446744073709551615", Some(Value::Int(u64::MAX))),
            ("-1", Some(Value::Float(-1.0))),
            ("0.125000", Some(Value::Float(0.125))),
            ("1.5e+300", Some(Value::Float(1.5e300))),
            ("on", None),
            ("", None),
        ] {
            assert_eq!(value(text), read, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_rows_are_series_with_a_value_or_none_for_each_family(
            rows in proptest::collection::vec(proptest::collection::vec(proptest::option::of(".{0,20}"), 0..5), 0..8),
        ) {
            for one in series(part(), &shared(), &rows) {
                prop_assert!(one.values.len() <= 1);
            }
        }
    }
}
