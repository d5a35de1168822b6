//! What was counted in one form as it would have been in another, as closely as that can be told.
//!
//! Counts go into the bucket that ends where their own ends, or next after that. So at bounds that
//! both forms have nothing changes, and at no other one more is told than there was.

use std::sync::Arc;

use crate::ingest::store::value::{Stored, StoredBuckets, StoredExponential};

impl Stored {
    /// The same in the form of another value.
    pub(super) fn in_form_of(self, other: &Stored) -> Stored {
        match (self, other) {
            (Stored::Buckets(one), Stored::Buckets(other)) => {
                let bounds: &Arc<[f64]> = &other.bounds;
                Stored::Buckets(Box::new(one.over(bounds)))
            }
            (Stored::Buckets(one), Stored::Exponential(other)) => {
                Stored::Exponential(Box::new(one.spread(other)))
            }
            (one, _) => one,
        }
    }
}

impl StoredBuckets {
    /// The same in exponential buckets of the width that others have.
    fn spread(self, like: &StoredExponential) -> StoredExponential {
        let steps = 2_f64.powi(like.schema.into());
        let index = |end: f64| (end.log2() * steps).ceil() as i32;
        let (mut positive, mut zero_count): (Vec<(i32, u64)>, u64) = (Vec::new(), 0);
        for (place, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let end = self.bounds.get(place);
            let index = match (end, self.bounds.last()) {
                (Some(end), _) if *end > 0.0 => index(*end),
                // Beyond the last bound.
                (None, Some(last)) if *last > 0.0 => index(*last) + 1,
                _ => {
                    zero_count = zero_count.saturating_add(*count);
                    continue;
                }
            };
            match positive.last_mut().filter(|(at, _)| *at == index) {
                Some((_, known)) => *known = known.saturating_add(*count),
                None => positive.push((index, *count)),
            }
        }
        StoredExponential {
            schema: like.schema,
            count: self.count,
            sum: self.sum,
            zero_count,
            zero_threshold: like.zero_threshold,
            positive,
            negative: Vec::new(),
        }
    }
}
