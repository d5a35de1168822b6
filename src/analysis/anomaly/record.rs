//! What was unusual lately, so that the same is not told twice.

/// Scores that are remembered at most; beyond them the lowest is taken to last longer.
const MOST: usize = 16;

/// What a score has to be above the highest of the last time to be told: so a slow climb is told
/// once and not at every step.
const GROWTH: f32 = 1.5;

/// The highest scores of the last time: each is higher than all after it.
#[derive(Clone, Debug)]
pub(super) struct Records {
    held: [(i64, f32); MOST],
    count: usize,
    /// For so many steps.
    steps: i64,
}

impl Records {
    pub(super) fn new(steps: i64) -> Records {
        Records { held: [(0, 0.0); MOST], count: 0, steps }
    }

    /// Whether a score is well above all of the last time.
    pub(super) fn would_be_broken_by(&self, step: i64, score: f32) -> bool {
        let known = self.held[..self.count].iter().find(|(then, _)| step - then <= self.steps);
        score > known.map_or(0.0, |(_, score)| *score) * GROWTH
    }

    /// Whether a score is well above all of the last time. It is remembered.
    pub(super) fn is_broken_by(&mut self, step: i64, score: f32) -> bool {
        let is_forgotten = |(then, _): &&(i64, f32)| step - then > self.steps;
        let forgotten = self.held[..self.count].iter().take_while(is_forgotten).count();
        self.held.copy_within(forgotten..self.count, 0);
        self.count -= forgotten;
        let highest = self.held[..self.count].first().map_or(0.0, |(_, score)| *score);
        self.count = self.held[..self.count].partition_point(|(_, held)| *held > score);
        if self.count == MOST {
            self.held[MOST - 1].0 = step;
        } else {
            self.held[self.count] = (step, score);
            self.count += 1;
        }
        score > highest * GROWTH
    }
}
