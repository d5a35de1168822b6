//! What was encoded is decoded, whatever it was; and what usually happens is small.

use proptest::prelude::*;

use super::*;

const SHAPE: Shape = Shape { columns: 19, counters: 7 };

fn rows() -> impl Strategy<Value = Vec<(i64, Columns)>> {
    let number = prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), 0..1000_u64];
    let columns = proptest::collection::vec(proptest::option::weighted(0.8, number), SHAPE.columns);
    proptest::collection::vec((-MAX_TIME..=MAX_TIME, columns), 0..30)
}

fn encoded(rows: &[(i64, Columns)]) -> Vec<u8> {
    let (mut state, mut bytes) = (State::new(SHAPE), Vec::new());
    for (at, columns) in rows {
        state.encode(*at, columns, &mut bytes);
    }
    bytes
}

fn decoded(mut bytes: &[u8]) -> Vec<(i64, Columns)> {
    let mut state = State::new(SHAPE);
    std::iter::from_fn(|| state.decode(&mut bytes)).collect()
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were(rows in rows()) {
        prop_assert_eq!(decoded(&encoded(&rows)), rows);
    }

    #[test]
    fn who_has_read_the_rows_can_write_on(rows in rows(), cut in 0..30_usize) {
        let (before, after) = rows.split_at(cut.min(rows.len()));
        let bytes = encoded(before);
        let (mut state, mut rest) = (State::new(SHAPE), bytes.as_slice());
        while state.decode(&mut rest).is_some() {}
        let mut whole = bytes.clone();
        for (at, columns) in after {
            state.encode(*at, columns, &mut whole);
        }
        prop_assert_eq!(whole, encoded(&rows));
    }

    #[test]
    fn bytes_that_were_never_written_are_no_reason_to_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decoded(&bytes);
    }
}

#[test]
fn what_does_not_change_and_what_grows_steadily_takes_two_bytes_a_row() {
    let row = |n: i64| (5_000 * n, (0..19).map(|c| Some(if c < 7 { 1_000 * n as u64 } else { 9 })).collect());
    let rows: Vec<(i64, Columns)> = (0..100).map(row).collect();
    let (two, all) = (encoded(&rows[..2]).len(), encoded(&rows).len());
    assert_eq!(all - two, 2 * 98);
}
