//! Whether Grafana evaluates our rules, so that Prometheus's copies may stand by.
//!
//! A rule is evaluated if its last evaluation moves on; whose clock it is told by does not matter.
//! Grafana is the evaluator once it has evaluated every rule for as long as the longest condition
//! has to hold, since only then does it know everything that Prometheus knows, and it is not any
//! more as soon as one rule is paused or not there, or stands still or fails for some intervals.
//!
//! No I/O and no clock: answers and the time go in.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::client::{Grafana, GrafanaError};
use super::desired::RuleGroup;
use super::object::PREFIX;

/// How many intervals a rule may stand still.
const MISSED: u32 = 3;

/// What is told of the state of rules.
const RULES: &str = "/api/prometheus/grafana/api/v1/rules";

impl Grafana {
    /// What Grafana tells of its rules.
    ///
    /// # Errors
    /// See [`GrafanaError`].
    pub async fn evaluated(&self) -> Result<Value, GrafanaError> {
        self.get(RULES).await
    }
}

/// What has been seen of a rule.
#[derive(Clone, Debug)]
struct Seen {
    evaluated_at: String,
    /// When it was first seen there; none before it has moved at all.
    moved_at: Option<Duration>,
}

/// Judges by one answer after the other.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// How many rules of each title there have to be.
    wanted: BTreeMap<String, usize>,
    /// How long all have to be evaluated before others may stand by.
    trial: Duration,
    /// How long a rule may stand still.
    patience: Duration,
    /// By group's folder, group and title.
    seen: BTreeMap<[String; 3], Seen>,
    /// Since when all are evaluated.
    since: Option<Duration>,
}

impl Evaluation {
    /// For groups that have been given to Grafana, whose longest condition is `longest`.
    pub fn new(groups: &[RuleGroup], longest: Duration) -> Evaluation {
        let mut wanted = BTreeMap::new();
        for rule in groups.iter().flat_map(|group| &group.rules) {
            *wanted.entry(rule["title"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let interval = groups.iter().map(|group| group.interval_seconds).max().unwrap_or_default();
        let interval = Duration::from_secs(interval);
        let (trial, patience) = (longest + interval, interval * MISSED);
        Evaluation { wanted, trial, patience, seen: BTreeMap::new(), since: None }
    }

    /// Whether Grafana is the evaluator, by its answer; none if it gave none.
    pub fn look(&mut self, answer: Option<&Value>, now: Duration) -> bool {
        // Who does not answer may go on evaluating; that is believed for a while.
        if let Some(answer) = answer {
            self.read(answer, now);
        }
        let mut moving: BTreeMap<&str, usize> = BTreeMap::new();
        for ([_, _, title], seen) in &self.seen {
            if seen.moved_at.is_some_and(|moved_at| now.saturating_sub(moved_at) <= self.patience) {
                *moving.entry(title).or_default() += 1;
            }
        }
        let complete = !self.wanted.is_empty()
            && self.wanted.iter().all(|(title, count)| moving.get(title.as_str()) >= Some(count));
        self.since = if complete { Some(self.since.unwrap_or(now)) } else { None };
        self.since.is_some_and(|since| now.saturating_sub(since) >= self.trial)
    }

    fn read(&mut self, answer: &Value, now: Duration) {
        let mut there = BTreeMap::new();
        let groups = answer["data"]["groups"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for group in groups.filter(|group| text(&group["name"]).starts_with(PREFIX)) {
            for rule in group["rules"].as_array().into_iter().flatten() {
                if rule["isPaused"] == true {
                    continue;
                }
                let key = [text(&group["file"]), text(&group["name"]), text(&rule["name"])];
                let evaluated_at = text(&rule["lastEvaluation"]);
                let moved_at = self.seen.get(&key).and_then(|before| {
                    let moved = before.evaluated_at != evaluated_at && !has_failed(rule);
                    if moved { Some(now) } else { before.moved_at }
                });
                there.insert(key, Seen { evaluated_at, moved_at });
            }
        }
        self.seen = there;
    }
}

/// Whether the last evaluation could not ask its data source. A rule that keeps what was known
/// (`execErrState: KeepLast`) then has the health `ok`, and says so in the state of its alerts
/// alone: `Normal (Error, KeepLast)`.
fn has_failed(rule: &Value) -> bool {
    let mut states = rule["alerts"].as_array().into_iter().flatten().map(|alert| &alert["state"]);
    rule["health"] == "error" || states.any(|state| state.as_str().unwrap_or_default().contains("(Error"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Two rules, of which one holds for five minutes; evaluated every 30 s.
    fn evaluation() -> Evaluation {
        let rules = |titles: &[&str]| titles.iter().map(|title| json!({"title": title})).collect();
        let group =
            |rules| RuleGroup { folder: "f".into(), name: "dockmeter-a".into(), interval_seconds: 30, rules };
        Evaluation::new(&[group(rules(&["Slow", "Quick"])), group(rules(&["Slow"]))], seconds(300))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// An answer in which rules were last evaluated at these times, with the health of one.
    fn answer(times: [u64; 3], health: &str) -> Value {
        let rule = |name: &str, at: u64, health: &str| json!({"name": name, "lastEvaluation": format!("t{at}"), "health": health});
        json!({"data": {"groups": [
            {"name": "dockmeter-a", "file": "core", "rules": [rule("Slow", times[0], "ok"), rule("Quick", times[1], health)]},
            {"name": "dockmeter-a", "file": "shop", "rules": [rule("Slow", times[2], "nodata")]},
            {"name": "theirs", "file": "core", "rules": [rule("Slow", 0, "error")]},
        ]}})
    }

    /// One whose first rule could not ask and kept what it knew.
    fn kept(mut answer: Value) -> Value {
        answer["data"]["groups"][0]["rules"][0]["alerts"] = json!([{"state": "Alerting (Error, KeepLast)"}]);
        answer
    }

    /// One in which all have moved at `now`.
    fn moved(now: u64) -> Value {
        answer([now; 3], "ok")
    }

    #[test]
    fn grafana_takes_over_when_it_knows_all_that_prometheus_knows() {
        let mut evaluation = evaluation();
        let mut looked = (0..=360).step_by(30).map(|now| evaluation.look(Some(&moved(now)), seconds(now)));
        // What is seen for the first time may stand still; from the second time on it is on trial.
        assert!(looked.by_ref().take(12).all(|is_evaluator| !is_evaluator));
        assert_eq!(looked.next(), Some(true));
    }

    #[test]
    fn prometheus_takes_over_when_a_rule_stands_still_fails_or_is_gone() {
        let at_work = || {
            let mut evaluation = evaluation();
            (0..=360).step_by(30).for_each(|now| {
                evaluation.look(Some(&moved(now)), seconds(now));
            });
            evaluation
        };
        let mut still = at_work();
        assert!(still.look(Some(&answer([390, 360, 390], "ok")), seconds(390)));
        assert!(still.look(Some(&answer([450, 360, 450], "ok")), seconds(450)));
        assert!(!still.look(Some(&answer([480, 360, 480], "ok")), seconds(480)));
        for failed in [answer([390; 3], "error"), kept(answer([390; 3], "ok"))] {
            let mut failing = at_work();
            assert!(failing.look(Some(&failed), seconds(450)), "what was known holds for a while");
            assert!(!failing.look(Some(&failed), seconds(480)));
        }
        assert!(!at_work().look(Some(&json!({"data": {"groups": []}})), seconds(390)));
        let mut away = at_work();
        assert!(away.look(None, seconds(420)));
        assert!(!away.look(None, seconds(480)));
        assert!(!away.look(Some(&moved(510)), seconds(510)), "it is on trial again");
    }

    #[test]
    fn who_was_given_no_rules_is_no_evaluator() {
        let mut evaluation = Evaluation::new(&[], seconds(0));
        assert!(!evaluation.look(Some(&moved(0)), seconds(0)));
        assert!(!evaluation.look(Some(&moved(30)), seconds(30)));
    }
}
