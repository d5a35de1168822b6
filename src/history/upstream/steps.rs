//! What Prometheus has summed up by step and series, put together by step and figure.
//!
//! A container has several series of a figure for two reasons that must not be mixed up. Each of
//! its interfaces and devices has one, all at the same time: these are added. And a container that
//! is renamed, or is another's from now on, has a new series for the same thing: of these there is
//! one at a time, and in the step in which one takes over from the other they follow each other.

use std::collections::BTreeMap;

use crate::history::bin::Spread;
use crate::prometheus::Series;

/// Labels that tell things apart that a container has at the same time.
const PARTS: [&str; 3] = ["cpu", "device", "interface"];

/// By the end of a step and the metric.
pub(super) type Steps<T> = BTreeMap<(i64, String), T>;

/// One series: a value for each step in which it has samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    name: String,
    /// Which of the container's interfaces, devices or cores.
    part: Vec<String>,
    /// What tells it from what it takes over from.
    labels: BTreeMap<String, String>,
    values: BTreeMap<i64, f64>,
}

impl Line {
    /// Of a series whose metric stands in a label.
    pub(super) fn of(series: Series, figure: &str) -> Self {
        let label = |name: &str| series.labels.get(name).cloned().unwrap_or_default();
        let (name, part) = (label(figure), PARTS.map(label).into());
        let values = series.samples.iter().map(|(time, value)| ((time * 1000.0).round() as i64, *value));
        // `last_over_time` keeps the metric's name, the other functions do not.
        let labels = series.labels.iter().filter(|(name, _)| *name != "__name__");
        let labels = labels.map(|(name, value)| (name.clone(), value.clone())).collect();
        Line { name, part, labels, values: values.collect() }
    }

    /// When it was there: of two that follow each other the later one has the greater span.
    fn span(&self) -> (Option<i64>, Option<i64>) {
        let ends = [self.values.first_key_value(), self.values.last_key_value()];
        let [first, last] = ends.map(|end| end.map(|(at, _)| *at));
        (first, last)
    }
}

/// What counters showed at the end of each step: of series that follow each other the later one's,
/// and all that are there at the same time added up.
pub(super) fn shown(lines: &[Line]) -> Steps<f64> {
    let mut latest = BTreeMap::<(i64, &str, &[String]), (&Line, f64)>::new();
    for line in lines {
        for (at, value) in &line.values {
            let later = |(before, shown): &(&Line, f64)| {
                // Within a single step only the larger counter can be the later.
                line.span().cmp(&before.span()).then(value.total_cmp(shown)).is_gt()
            };
            let place = (*at, line.name.as_str(), line.part.as_slice());
            if latest.get(&place).is_none_or(later) {
                latest.insert(place, (line, *value));
            }
        }
    }
    let mut steps = Steps::new();
    for ((at, name, _), (_, value)) in latest {
        *steps.entry((at, name.to_owned())).or_insert(0.0) += value;
    }
    steps
}

/// The value of a label whose series was 1 at the end of each step, of a metric that has a series
/// for each value; of series that follow each other the later one's.
pub(super) fn held<'l>(lines: &'l [Line], name: &str, label: &str) -> BTreeMap<i64, &'l str> {
    let mut lines: Vec<&Line> = lines.iter().filter(|line| line.name == name).collect();
    lines.sort_by_key(|line| line.span());
    let mut held = BTreeMap::new();
    for line in lines {
        let Some(word) = line.labels.get(label) else { continue };
        let ones = line.values.iter().filter(|(_, value)| **value == 1.0);
        held.extend(ones.map(|(at, _)| (*at, word.as_str())));
    }
    held
}

/// Everything of a step added up, as growth is, one after the other or at the same time.
pub(super) fn together(lines: &[Line]) -> Steps<f64> {
    let mut steps = Steps::new();
    for line in lines {
        for (at, value) in &line.values {
            *steps.entry((*at, line.name.clone())).or_insert(0.0) += value;
        }
    }
    steps
}

/// Count, sum, min, max, deviation and last of gauges as what is kept of a gauge: of each series by
/// itself, and those of a step after each other. `unit` says in how many parts one is kept.
pub(super) fn spreads(tables: [&[Line]; 6], unit: impl Fn(&str) -> Option<f64>) -> Steps<Spread> {
    let [count, others @ ..] = tables;
    let keyed = |lines: &'_ [Line]| -> BTreeMap<BTreeMap<String, String>, BTreeMap<i64, f64>> {
        lines.iter().map(|line| (line.labels.clone(), line.values.clone())).collect()
    };
    let others = others.map(keyed);
    let mut in_turn: Vec<&Line> = count.iter().collect();
    in_turn.sort_by_key(|line| line.span());
    let mut steps = Steps::<Spread>::new();
    for line in in_turn {
        let Some(unit) = unit(&line.name) else { continue };
        for (at, count) in &line.values {
            let other = |table: &BTreeMap<_, BTreeMap<i64, f64>>| table.get(&line.labels)?.get(at).copied();
            let [sum, min, max, deviation, last] = others.each_ref().map(other);
            let Some(one) = spread([Some(*count), sum, min, max, deviation, last], unit) else { continue };
            let whole = steps.entry((*at, line.name.clone()));
            whole.and_modify(|before| *before = before.and(one)).or_insert(one);
        }
    }
    steps
}

/// Count, sum, min, max, deviation and last to what is kept of a gauge.
fn spread(parts: [Option<f64>; 6], unit: f64) -> Option<Spread> {
    let [count, sum, min, max, deviation, last] = parts;
    let (count, sum, deviation) = (count?, sum? * unit, deviation? * unit);
    let [min, max, last] = [min? * unit, max? * unit, last? * unit].map(f64::round);
    let over = sum / count - min;
    Some(Spread {
        count: count as u64,
        min: min as u64,
        max: max as u64,
        last: last as u64,
        above: (sum - min * count).round().max(0.0) as u128,
        squares: (count * (deviation * deviation + over * over)).round().max(0.0) as u128,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: u64) -> Spread {
        Spread { count: 1, min: value, max: value, last: value, above: 0, squares: 0 }
    }

    fn of(values: &[u64]) -> Spread {
        values.iter().copied().map(one).reduce(Spread::and).unwrap()
    }

    fn line(labels: &[(&str, &str)], values: &[(i64, f64)]) -> Line {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let samples = values.iter().map(|(at, value)| (*at as f64 / 1000.0, *value)).collect();
        Line::of(Series { labels, samples }, "figure")
    }

    /// The same as `last_over_time` answers it.
    fn kept_name(line: &Line) -> Line {
        let mut labels: Vec<(&str, &str)> =
            line.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        labels.push(("__name__", line.name.as_str()));
        let values: Vec<(i64, f64)> = line.values.iter().map(|(at, value)| (*at, *value)).collect();
        self::line(&labels, &values)
    }

    #[test]
    fn what_prometheus_sums_up_of_a_gauge_is_what_its_samples_make() {
        let exact = of(&[3, 9, 4, 4]);
        let parts = [4.0, 20.0, 3.0, 9.0, exact.deviation(), 4.0].map(Some);
        assert_eq!(spread(parts, 1.0), Some(exact));
        assert_eq!(spread([None; 6], 1.0), None);
    }

    /// Renamed within the second step: 100 and 300 under the old name, then 200 and 40.
    #[test]
    fn a_gauge_whose_labels_change_within_a_step_is_neither_added_nor_lost() {
        let (old, new) = ([("figure", "memory"), ("name", "b")], [("figure", "memory"), ("name", "a")]);
        let before = [of(&[7]), of(&[100, 300])];
        let after = [of(&[200, 40]), of(&[5])];
        let table = |value: fn(&Spread) -> f64| {
            let at = |times: [i64; 2], spreads: &[Spread; 2]| -> Vec<(i64, f64)> {
                times.into_iter().zip(spreads).map(|(at, spread)| (at, value(spread))).collect()
            };
            vec![line(&new, &at([600, 900], &after)), line(&old, &at([300, 600], &before))]
        };
        let tables = [
            table(|spread| spread.count as f64),
            table(Spread::sum),
            table(|spread| spread.min as f64),
            table(|spread| spread.max as f64),
            table(Spread::deviation),
            table(|spread| spread.last as f64).into_iter().map(|line| kept_name(&line)).collect(),
        ];
        let steps = spreads(tables.each_ref().map(Vec::as_slice), |_| Some(1.0));
        let step = |at: i64| steps[&(at, "memory".to_owned())];
        assert_eq!(step(600), of(&[100, 300, 200, 40]), "the last is the new name's");
        assert_eq!((step(300), step(900)), (of(&[7]), of(&[5])));
    }

    #[test]
    fn a_state_is_the_one_that_is_1_and_under_the_newer_name() {
        let state = |name, state| [("figure", "container_state"), ("name", name), ("state", state)];
        let lines = [
            line(&state("a", "exited"), &[(600, 1.0), (900, 0.0)]),
            line(&state("a", "running"), &[(600, 0.0), (900, 1.0)]),
            line(&state("b", "exited"), &[(300, 0.0), (600, 0.0)]),
            line(&state("b", "running"), &[(300, 1.0), (600, 1.0)]),
        ];
        let held = held(&lines, "container_state", "state");
        assert_eq!(
            held.into_iter().collect::<Vec<_>>(),
            [(300, "running"), (600, "exited"), (900, "running")]
        );
    }

    #[test]
    fn a_counter_that_goes_on_under_other_labels_has_not_grown_by_itself_again() {
        let named = |name, interface| [("figure", "bytes"), ("name", name), ("interface", interface)];
        let lines = [
            line(&named("b", "eth0"), &[(300, 100.0), (600, 110.0)]),
            line(&named("a", "eth0"), &[(600, 120.0), (900, 130.0)]),
            line(&named("b", "eth1"), &[(300, 5.0), (600, 6.0)]),
            line(&named("a", "eth1"), &[(600, 6.0), (900, 6.0)]),
        ];
        let shown = shown(&lines);
        let at = |at: i64| shown[&(at, "bytes".to_owned())];
        assert_eq!([300, 600, 900].map(at), [105.0, 126.0, 136.0], "both interfaces, each once");
        let grown = [line(&named("b", "eth0"), &[(600, 10.0)]), line(&named("a", "eth0"), &[(600, 3.0)])];
        assert_eq!(together(&grown)[&(600, "bytes".to_owned())], 13.0);
    }
}
