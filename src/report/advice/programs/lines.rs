//! Lines of a measure, those of several hosts together.

use std::collections::BTreeMap;

use crate::analysis::finding::Window;
use crate::analysis::series::Series;
use crate::history::Line;

/// Labels without the host that told.
pub(super) type Labels = BTreeMap<String, String>;

/// Lines, each with its labels but `instance`; what several hosts tell of one is added up.
#[derive(Debug, Default)]
pub(super) struct Lines {
    by_labels: BTreeMap<Labels, BTreeMap<i64, f64>>,
    step_s: i64,
}

impl Lines {
    pub(super) const fn nothing() -> Lines {
        Lines { by_labels: BTreeMap::new(), step_s: 0 }
    }

    pub(super) fn new(lines: Vec<Line>, step_s: i64) -> Lines {
        let mut by_labels: BTreeMap<Labels, BTreeMap<i64, f64>> = BTreeMap::new();
        for mut line in lines.into_iter().filter(|line| !line.points.is_empty()) {
            line.labels.remove("instance");
            let points = by_labels.entry(line.labels).or_default();
            for (at, value) in line.points {
                *points.entry(at).or_default() += value;
            }
        }
        Lines { by_labels, step_s }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_labels.is_empty()
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = &Labels> {
        self.by_labels.keys()
    }

    /// What a rate has added up to; nothing of what is not there.
    pub(super) fn total(&self, labels: &Labels) -> f64 {
        let points = self.by_labels.get(labels).into_iter().flatten();
        points.map(|(_, value)| value * self.step_s as f64).sum()
    }

    /// The points of a line.
    pub(super) fn points(&self, labels: &Labels) -> Option<&BTreeMap<i64, f64>> {
        self.by_labels.get(labels)
    }

    /// The same as a series.
    pub(super) fn series(&self, labels: &Labels) -> Series {
        Series::new(self.by_labels.get(labels).into_iter().flatten().map(|(at, value)| (*at, *value)))
    }

    /// The time that a line is of.
    pub(super) fn window(&self, labels: &Labels) -> Option<Window> {
        let points = self.by_labels.get(labels)?;
        let (from, to) = (*points.keys().next()?, *points.keys().next_back()?);
        Some(Window { from: from - self.step_s * 1000, to })
    }

    /// The time between two points, in milliseconds.
    pub(super) fn step_ms(&self) -> i64 {
        self.step_s * 1000
    }
}

/// Some of the labels.
pub(super) fn only(labels: &Labels, names: &[&str]) -> Labels {
    labels
        .iter()
        .filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}
