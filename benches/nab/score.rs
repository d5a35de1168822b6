//! NAB's scoring, profile `standard`, after its description and its `sweeper.py`: an anomaly that is
//! found counts up to 1, the earlier the more; one that is missed counts −1; a false alarm counts
//! up to −0.11, less shortly after an anomaly. The first 15 % of a file, at most of 5,000 rows,
//! count nothing. A detector that says nothing is 0, one that finds all at once 100.

use super::labelled::Labelled;

const MISSED: f64 = -1.0;
const FALSE_ALARM: f64 = 0.11;
const PROBATION: f64 = 0.15;
const MOST_PROBATION_ROWS: f64 = 5_000.0;

/// Window lengths after one from which a false alarm counts in full.
const FAR: f64 = 3.0;

/// What a file, or several, scored.
#[derive(Clone, Debug, Default)]
pub(super) struct Score {
    pub(super) files: usize,
    pub(super) points: f64,
    pub(super) windows: usize,
    pub(super) found: usize,
    pub(super) false_alarms: usize,
    pub(super) days: f64,
}

impl Score {
    /// Of alerts, as rows of a file.
    pub(super) fn of(labelled: &Labelled, alerts: &[usize]) -> Score {
        let rows = labelled.rows.len() as f64;
        let probation = (PROBATION * rows).floor().min(PROBATION * MOST_PROBATION_ROWS).ceil() as usize;
        let is_scored = |row: &usize| *row >= probation;
        let alerts: Vec<usize> = alerts.iter().copied().filter(is_scored).collect();
        let mut score = Score { files: 1, days: labelled.days(), ..Score::default() };
        for (first, last) in labelled.windows.iter().filter(|(_, last)| *last >= probation) {
            score.windows += 1;
            let earliest = alerts.iter().find(|row| (first..=last).contains(row));
            score.found += usize::from(earliest.is_some());
            score.points += earliest.map_or(MISSED, |row| {
                let width = (last - first + 1) as f64;
                sigmoid(-((last - row + 1) as f64) / width) / sigmoid(-1.0)
            });
        }
        let is_outside =
            |row: &&usize| !labelled.windows.iter().any(|(first, last)| (first..=last).contains(row));
        for row in alerts.iter().filter(is_outside) {
            score.false_alarms += 1;
            let before = labelled.windows.iter().rfind(|(_, last)| last < row);
            score.points += FALSE_ALARM
                * before.map_or(-1.0, |(first, last)| match (row - last) as f64 / (last - first) as f64 {
                    far if far > FAR => -1.0,
                    position => sigmoid(position),
                });
        }
        score
    }

    pub(super) fn add(&mut self, other: &Score) {
        self.files += other.files;
        self.points += other.points;
        self.windows += other.windows;
        self.found += other.found;
        self.false_alarms += other.false_alarms;
        self.days += other.days;
    }

    /// Between 0, where nothing was said, and 100; below 0 where silence were better. `None` where
    /// there is nothing to be found.
    pub(super) fn normalised(&self) -> Option<f64> {
        let windows = self.windows as f64;
        let nothing = MISSED * windows;
        (self.windows > 0).then(|| 100.0 * (self.points - nothing) / (windows - nothing))
    }
}

/// From 1 at the beginning of a window through 0 at its end to −1 long after it.
fn sigmoid(position: f64) -> f64 {
    2.0 / (1.0 + (5.0 * position).exp()) - 1.0
}
