//! The rules for the samples of a family of histograms with classic buckets.

use super::{LabelPairs, Sample};

/// One histogram's samples in the order of the page: ascending buckets, `+Inf`, sum, count.
///
/// # Errors
/// The rule that they break.
pub(super) fn hold_to_the_rules(family: &str, samples: &[Sample]) -> Result<(), String> {
    let mut rest = samples;
    while let Some(first) = rest.first() {
        let labels = without_bound(first);
        let end = rest.iter().position(|sample| sample.name == format!("{family}_count"));
        let (one, after) = rest.split_at(end.ok_or("a histogram ends with its count")? + 1);
        rest = after;
        if one.iter().any(|sample| without_bound(sample) != labels) {
            return Err("the samples of one histogram stand together".to_owned());
        }
        hold_one(one)?;
    }
    Ok(())
}

fn without_bound(sample: &Sample) -> LabelPairs {
    sample.labels.iter().filter(|(name, _)| name != "le").cloned().collect()
}

fn hold_one(samples: &[Sample]) -> Result<(), String> {
    let [buckets @ .., sum, count] = samples else { return Err("a histogram has sum and count".to_owned()) };
    if !sum.name.ends_with("_sum") || buckets.iter().any(|sample| !sample.name.ends_with("_bucket")) {
        return Err("buckets stand before the sum, and the sum before the count".to_owned());
    }
    let bounds: Vec<f64> = buckets.iter().map(bound).collect::<Result<_, _>>()?;
    if bounds.last() != Some(&f64::INFINITY) || !bounds.is_sorted_by(|one, next| one < next) {
        return Err(format!("buckets ascend to +Inf: {bounds:?}"));
    }
    let counts: Vec<f64> = buckets.iter().chain([count]).map(|sample| sample.value).collect();
    if !counts.is_sorted() || counts[counts.len() - 2] != count.value {
        return Err(format!("buckets are cumulative, and the last has everything: {counts:?}"));
    }
    Ok(())
}

/// The bound of a bucket, written as a float.
fn bound(sample: &Sample) -> Result<f64, String> {
    match sample.label("le") {
        Some("+Inf") => Ok(f64::INFINITY),
        Some(le) if le.contains(['.', 'e']) => le.parse().map_err(|_| format!("`{le}` is not a number")),
        other => Err(format!("`le` is a float: {other:?}")),
    }
}
