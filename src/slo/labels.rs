//! What a container promises of itself by its labels.
//!
//! | label | value |
//! |---|---|
//! | `dockmeter.slo.availability` | a share in percent, as `99.9` |
//! | `dockmeter.slo.latency` | the same, with `dockmeter.slo.latency.threshold` as `500ms` |
//! | `dockmeter.slo.uptime` | the same, of a container with a restart policy |
//!
//! What cannot be meant is refused, never guessed.

use std::collections::BTreeMap;

use crate::config::{Counted, Promise, Target, threshold};

use super::uptime::keeps_up;

/// The beginning of all these labels.
const PREFIX: &str = "dockmeter.slo.";

const AVAILABILITY: &str = "dockmeter.slo.availability";
const LATENCY: &str = "dockmeter.slo.latency";
const THRESHOLD: &str = "dockmeter.slo.latency.threshold";
const UPTIME: &str = "dockmeter.slo.uptime";

/// A label that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The word of the label `reason`.
    pub(super) reason: &'static str,
    /// What is wrong, and what would do.
    pub(super) message: String,
}

impl Refused {
    fn of(reason: &'static str, message: impl Into<String>) -> Self {
        Refused { reason, message: message.into() }
    }
}

/// Reads the promises of a container's labels; `policy` is its restart policy.
pub(super) fn read(labels: &BTreeMap<String, String>, policy: &str) -> (Vec<Promise>, Vec<Refused>) {
    let (mut promises, mut refused) = (Vec::new(), Vec::new());
    for (label, text) in labels.iter().filter(|(label, _)| label.starts_with(PREFIX)) {
        match promise(label, text, labels, policy) {
            Ok(promise) => promises.extend(promise),
            Err(why) => refused.push(why),
        }
    }
    (promises, refused)
}

fn promise(
    label: &str,
    text: &str,
    labels: &BTreeMap<String, String>,
    policy: &str,
) -> Result<Option<Promise>, Refused> {
    let of = match label {
        AVAILABILITY => Counted::Availability,
        LATENCY => {
            let limit = labels.get(THRESHOLD).ok_or_else(|| {
                Refused::of(
                    "threshold",
                    format!(
                        "`{LATENCY}` needs `{THRESHOLD}`, such as `500ms`: which requests are fast enough?"
                    ),
                )
            })?;
            let limit =
                threshold(limit).map_err(|why| Refused::of("threshold", format!("`{THRESHOLD}`: {why}")))?;
            Counted::Latency(limit)
        }
        THRESHOLD if labels.contains_key(LATENCY) => return Ok(None),
        THRESHOLD => {
            let message = format!("`{THRESHOLD}` needs `{LATENCY}`, such as `99`: how many requests?");
            return Err(Refused::of("threshold", message));
        }
        UPTIME if !keeps_up(policy) => {
            let message = format!(
                "`{UPTIME}` is for containers that the engine keeps up; give it the restart policy `always`, `unless-stopped` or `on-failure`"
            );
            return Err(Refused::of("restart_policy", message));
        }
        UPTIME => Counted::Uptime,
        other => {
            let message = format!(
                "`{other}` is no objective; there are `{AVAILABILITY}`, `{LATENCY}` with `{THRESHOLD}`, and `{UPTIME}`"
            );
            return Err(Refused::of("label", message));
        }
    };
    let target = Target::percent(text).map_err(|why| Refused::of("target", format!("`{label}`: {why}")))?;
    Ok(Some(Promise { target, of }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read_from(pairs: &[(&str, &str)], policy: &str) -> (Vec<Promise>, Vec<&'static str>) {
        let labels = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (promises, refused) = read(&labels, policy);
        (promises, refused.into_iter().map(|one| one.reason).collect())
    }

    #[test]
    fn labels_promise() {
        let (promises, refused) = read_from(
            &[
                (AVAILABILITY, "99.9"),
                (LATENCY, "99"),
                (THRESHOLD, "500ms"),
                (UPTIME, "99.5"),
                ("dockmeter.project", "shop"),
            ],
            "always",
        );
        let percent = |text| Target::percent(text).unwrap();
        let expected = [
            Promise { target: percent("99.9"), of: Counted::Availability },
            Promise { target: percent("99"), of: Counted::Latency(Duration::from_millis(500)) },
            Promise { target: percent("99.5"), of: Counted::Uptime },
        ];
        assert_eq!((promises.as_slice(), refused.as_slice()), (&expected[..], &[][..]));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_reason() {
        for (pairs, policy, reason) in [
            (&[(AVAILABILITY, "100")][..], "", "target"),
            (&[(AVAILABILITY, "0")], "", "target"),
            (&[(AVAILABILITY, "high")], "", "target"),
            (&[(LATENCY, "99")], "", "threshold"),
            (&[(THRESHOLD, "1s")], "", "threshold"),
            (&[(LATENCY, "99"), (THRESHOLD, "soon")], "", "threshold"),
            (&[(UPTIME, "99")], "no", "restart_policy"),
            (&[(UPTIME, "99")], "", "restart_policy"),
            (&[("dockmeter.slo.speed", "99")], "", "label"),
        ] {
            assert_eq!(read_from(pairs, policy), (Vec::new(), vec![reason]), "{pairs:?}");
        }
    }
}
