//! What can be added exactly, and what is left out.

use super::*;
use proptest::prelude::*;

fn buckets(bounds: &[f64], counts: &[u64]) -> Stored {
    let (count, sum) = (counts.iter().sum(), Some(counts.len() as f64));
    Stored::Buckets(Box::new(StoredBuckets { bounds: bounds.into(), counts: counts.into(), count, sum }))
}

fn exponential(schema: i8, positive: &[(i32, u64)]) -> Stored {
    Stored::Exponential(Box::new(StoredExponential {
        schema,
        count: positive.iter().map(|(_, count)| count).sum(),
        sum: Some(1.0),
        zero_threshold: 1e-128,
        positive: positive.to_vec(),
        ..StoredExponential::default()
    }))
}

fn shape(stored: &Stored) -> (Vec<f64>, Vec<u64>, u64) {
    match stored {
        Stored::Buckets(kept) => (kept.bounds.to_vec(), kept.counts.to_vec(), kept.count),
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_different_bounds_the_common_ones_are_exact() {
    let sum = buckets(&[0.1, 0.5, 1.0], &[1, 2, 4, 8]).plus(buckets(&[0.1, 1.0, 5.0], &[16, 32, 64, 128]));
    assert_eq!(shape(&sum), (vec![0.1, 1.0], vec![17, 38, 200], 255));
    let apart = buckets(&[1.0], &[1, 2]).plus(buckets(&[2.0], &[4, 8]));
    assert_eq!(shape(&apart), (vec![], vec![15], 15));
}

#[test]
fn explicit_and_exponential_buckets_meet_at_powers_of_two() {
    // Above 0.5 to 1, above 1 to 2, and above 2 to 4.
    let sum =
        buckets(&[0.3, 1.0, 2.0, 3.0], &[1, 1, 1, 1, 1]).plus(exponential(0, &[(0, 2), (1, 4), (2, 8)]));
    assert_eq!(shape(&sum), (vec![1.0, 2.0], vec![4, 5, 10], 19));
    let coarse = buckets(&[1.0, 2.0, 4.0], &[0, 0, 0, 0]).plus(exponential(-1, &[(0, 1), (1, 2)]));
    assert_eq!(shape(&coarse), (vec![1.0, 4.0], vec![1, 2, 0], 3));
}

#[test]
fn exponential_buckets_meet_at_the_coarser_scale() {
    let Stored::Exponential(sum) = exponential(1, &[(1, 1), (2, 1), (3, 1)]).plus(exponential(0, &[(1, 5)]))
    else {
        panic!()
    };
    assert_eq!((sum.schema, &*sum.positive, sum.count), (0, &[(1, 7), (2, 1)][..], 8));
}

#[test]
fn what_does_not_go_on_has_begun_anew() {
    assert_eq!(Stored::Number(3.0).since(&Stored::Number(5.0)), None);
    assert_eq!(buckets(&[1.0], &[1, 9]).since(&buckets(&[1.0], &[2, 2])), None);
    assert_eq!(buckets(&[1.0], &[9, 9]).since(&buckets(&[2.0], &[1, 1])), None);
    assert_eq!(exponential(2, &[(1, 9)]).since(&exponential(0, &[(1, 2)])), None);
    assert_eq!(exponential(0, &[(1, 9)]).since(&exponential(0, &[(1, 2), (2, 1)])), None);
    let gained = exponential(0, &[(1, 9), (2, 1)]).since(&exponential(1, &[(1, 2), (2, 1)])).unwrap();
    assert_eq!(gained.count(), 7);
}

proptest! {
    /// In any order and over whatever bounds: no value is lost, and at each bound that is left
    /// there are as many below as there were.
    #[test]
    fn sums_are_exact_at_the_bounds_that_are_left(
        parts in proptest::collection::vec(
            (proptest::collection::btree_set(1_u32..8, 0..7), proptest::collection::vec(0_u64..9, 8)), 1..6)
    ) {
        let parts: Vec<Stored> = parts
            .iter()
            .map(|(bounds, counts)| {
                let bounds: Vec<f64> = bounds.iter().map(|bound| f64::from(*bound)).collect();
                buckets(&bounds, &counts[..=bounds.len()])
            })
            .collect();
        let sum = parts.iter().cloned().reduce(Stored::plus).unwrap();
        let (bounds, counts, count) = shape(&sum);
        let common = |bound: &f64| parts.iter().all(|part| shape(part).0.contains(bound));
        let expected: Vec<f64> = shape(&parts[0]).0.into_iter().filter(common).collect();
        prop_assert_eq!(&bounds, &expected);
        prop_assert_eq!(count, parts.iter().map(Stored::count).sum::<u64>());
        prop_assert_eq!(count, counts.iter().sum::<u64>());
        let below = |stored: &Stored, wanted: f64| {
            let (bounds, counts, _) = shape(stored);
            bounds.iter().zip(counts).filter(|(bound, _)| **bound <= wanted).map(|(_, count)| count).sum::<u64>()
        };
        for bound in bounds {
            prop_assert_eq!(below(&sum, bound), parts.iter().map(|part| below(part, bound)).sum::<u64>());
        }
    }
}
