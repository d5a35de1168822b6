//! Attributes of a point as labels: safe, bounded, and never a name of ours.

use std::borrow::Cow;

use super::name::label_name;
use super::otlp::model::Attribute;
use crate::tenant::LabelValue;

/// Labels beyond these are left out; senders with more have put something else into attributes.
pub(crate) const MOST_LABELS: usize = 24;

/// Longest name of a label, in bytes.
const LONGEST_NAME: usize = 128;

/// Labels that Prometheus or this exporter give. What a sender says under such a name is kept
/// behind `exported_`, as Prometheus itself does.
const OURS: [&str; 10] = [
    "user",
    "project",
    "team",
    "service",
    "service_instance",
    "overflow",
    "job",
    "instance",
    "le",
    "quantile",
];

/// Whether a label of this name says what Prometheus or this exporter say.
pub(crate) fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

/// The labels of attributes by name, values of one name joined with `;`, and how many were left
/// out because there are too many or because nothing of their names is left.
pub(crate) fn labels(attributes: &[Attribute<'_>]) -> (Vec<(String, String)>, u64) {
    let mut sorted: Vec<&Attribute<'_>> = attributes.iter().collect();
    sorted.sort_by(|one, other| one.key.cmp(&other.key));
    let mut labels: Vec<(String, String)> = Vec::with_capacity(sorted.len());
    let mut left_out = 0;
    for attribute in sorted {
        let Some(name) = own_name(&attribute.key) else {
            left_out += 1;
            continue;
        };
        let value = safe(attribute.value.as_text());
        match labels.iter().position(|(known, _)| *known == name) {
            Some(place) => {
                let joined = format!("{};{value}", labels[place].1);
                labels[place].1 = safe(Cow::Owned(joined));
            }
            None if labels.len() == MOST_LABELS => left_out += 1,
            None => labels.push((name, value)),
        }
    }
    // What is empty is the same as what is not there, but for the page, which would have both.
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort();
    (labels, left_out)
}

fn own_name(key: &str) -> Option<String> {
    let name = label_name(key).filter(|name| name.len() <= LONGEST_NAME)?;
    Some(if is_ours(&name) { format!("exported_{name}") } else { name })
}

fn safe(text: Cow<'_, str>) -> String {
    LabelValue::clean(&text).as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::otlp::model::AnyValue;
    use proptest::prelude::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> Vec<(String, String)> {
        let attributes: Vec<_> = pairs.iter().map(|(key, value)| Attribute::text(*key, *value)).collect();
        labels(&attributes).0
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn attributes_become_labels_in_one_order() {
        let expected = owned(&[("http_method", "GET"), ("http_route", "/a")]);
        assert_eq!(of(&[("http.route", "/a"), ("http.method", "GET")]), expected);
        assert_eq!(of(&[("http.method", "GET"), ("empty", ""), ("http.route", "/a")]), expected);
    }

    #[test]
    fn two_attributes_of_one_label_are_joined() {
        assert_eq!(of(&[("a.b", "2"), ("a-b", "1")]), owned(&[("a_b", "1;2")]));
    }

    #[test]
    fn a_sender_cannot_claim_a_tenant() {
        let expected = owned(&[("exported_job", "x"), ("exported_user", "eve")]);
        assert_eq!(of(&[("user", "eve"), ("job", "x")]), expected);
    }

    #[test]
    fn what_is_too_much_is_left_out_and_counted() {
        let attributes: Vec<_> = (0..30).map(|n| Attribute::text(format!("k{n:02}"), "v")).collect();
        let (labels, left_out) = labels(&attributes);
        assert_eq!((labels.len(), left_out), (MOST_LABELS, 6));
        let long = Attribute { key: "k".into(), value: AnyValue::Text("x".repeat(10_000).into()) };
        assert!(super::labels(&[long]).0[0].1.len() <= crate::tenant::MAX_LABEL_BYTES);
    }

    proptest! {
        #[test]
        fn any_attributes_make_different_labels_in_order(
            pairs in proptest::collection::vec((".{0,8}", ".{0,8}"), 0..40)
        ) {
            let attributes: Vec<_> =
                pairs.iter().map(|(k, v)| Attribute::text(k.as_str(), v.as_str())).collect();
            let (labels, _) = labels(&attributes);
            prop_assert!(labels.is_sorted_by(|one, next| one.0 < next.0));
            prop_assert!(labels.len() <= MOST_LABELS);
        }
    }
}
