//! Where windows of values fall apart best, by the distances within and between the parts
//! (Matteson and James 2014, equations 2.8 and 2.9 with exponent 1).

/// Distances between all pairs of values, summed so that those of any two ranges are had at once.
struct Distances {
    /// The sum over the first `row` values and the first `column` ones, by rows.
    sums: Vec<f64>,
    width: usize,
}

impl Distances {
    fn of(values: &[f64]) -> Distances {
        let width = values.len() + 1;
        let mut sums = vec![0.0; width];
        sums.reserve(width * values.len());
        for (row, value) in values.iter().enumerate() {
            let mut along = 0.0;
            sums.push(0.0);
            for (column, other) in values.iter().enumerate() {
                along += (value - other).abs();
                sums.push(sums[row * width + column + 1] + along);
            }
        }
        Distances { sums, width }
    }

    /// Of all values before one place to all before another.
    fn before(&self, row: usize, column: usize) -> f64 {
        self.sums[row * self.width + column]
    }

    /// Between all pairs within a range, each once.
    fn within(&self, from: usize, to: usize) -> f64 {
        (self.before(to, to) - 2.0 * self.before(from, to) + self.before(from, from)) / 2.0
    }

    /// Where a range falls apart best into parts of at least so many values; the second may end
    /// before the range does. `None` of too few values.
    fn best(&self, from: usize, to: usize, least: usize) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        for at in from + least..(to + 1).saturating_sub(least) {
            let first = self.within(from, at);
            for end in at + least..=to {
                let second = self.within(at, end);
                let between = self.within(from, end) - first - second;
                let (n, m) = ((at - from) as f64, (end - at) as f64);
                // Mean distances, twice between the parts less those within each.
                let pairs = |count: f64| (count * (count - 1.0) / 2.0).max(1.0);
                let apart = 2.0 * between / (n * m) - first / pairs(n) - second / pairs(m);
                let apart = apart * n * m / (n + m);
                if best.is_none_or(|best| apart > best.apart) {
                    best = Some(Candidate { at, apart });
                }
            }
        }
        best
    }
}

/// A place at which values may change.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    at: usize,
    apart: f64,
}

/// A range of a window, and where it falls apart best.
struct Part {
    from: usize,
    to: usize,
    best: Option<Candidate>,
}

/// The places in order at which windows of so many values, each half a window after the one
/// before, fall apart into parts of at least so many that are told from each other.
pub(super) fn places(
    values: &[f64],
    window: usize,
    least: usize,
    differ: impl Fn(&[f64], &[f64]) -> bool,
) -> Vec<usize> {
    let (step, least) = ((window / 2).max(1), least.max(1));
    let mut places = Vec::new();
    let mut from = 0;
    while from < values.len() {
        let to = from.saturating_add(window).min(values.len());
        let found = divide(&values[from..to], least, &differ);
        let last = found.last().map_or(0, |place| from + place);
        places.extend(found.iter().map(|place| from + place));
        // The next window begins at what was found last, and sees nothing of the former level.
        from = last.max(from + step);
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// The places in order at which one window does: again and again that at which one of its parts
/// falls apart best, until that is by chance.
fn divide(window: &[f64], least: usize, differ: &impl Fn(&[f64], &[f64]) -> bool) -> Vec<usize> {
    let distances = Distances::of(window);
    let part = |from: usize, to: usize| Part { from, to, best: distances.best(from, to, least) };
    let mut parts = vec![part(0, window.len())];
    while let Some((place, at)) = next(&parts) {
        let Part { from, to, .. } = parts[place];
        if !differ(&window[from..at], &window[at..to]) {
            break;
        }
        parts.splice(place..=place, [part(from, at), part(at, to)]);
    }
    parts.iter().skip(1).map(|part| part.from).collect()
}

/// The part that falls apart best, of equal ones the first, and where it does.
fn next(parts: &[Part]) -> Option<(usize, usize)> {
    let candidates = parts.iter().enumerate().filter_map(|(place, part)| Some((place, part.best?)));
    let best = candidates.reduce(|best, other| if other.1.apart > best.1.apart { other } else { best })?;
    Some((best.0, best.1.at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::simulation::Random;

    /// By the definition, pair by pair.
    fn apart(first: &[f64], second: &[f64]) -> f64 {
        let between: f64 =
            first.iter().flat_map(|one| second.iter().map(move |other| (one - other).abs())).sum();
        let within = |part: &[f64]| {
            let all: f64 =
                part.iter().flat_map(|one| part.iter().map(move |other| (one - other).abs())).sum();
            all / (part.len() * (part.len() - 1)).max(1) as f64
        };
        let (n, m) = (first.len() as f64, second.len() as f64);
        (2.0 * between / (n * m) - within(first) - within(second)) * n * m / (n + m)
    }

    #[test]
    fn the_best_place_is_that_of_the_definition() {
        let mut random = Random::new(1);
        for least in [1, 4] {
            let values: Vec<f64> = (0..24).map(|place| random.normal() + f64::from(place / 15)).collect();
            let (from, to) = (3, 22);
            let ends = |at: usize| (at + least..=to).map(move |end| (at, end));
            let splits = (from + least..=to - least).flat_map(ends);
            let by_definition = |(at, end): (usize, usize)| (apart(&values[from..at], &values[at..end]), at);
            let best = splits.map(by_definition).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            let found = Distances::of(&values).best(from, to, least).unwrap();
            assert_eq!(found.at, best.1);
            assert!((found.apart - best.0).abs() < 1e-9, "{found:?} {best:?}");
        }
        assert!(Distances::of(&[1.0, 2.0, 3.0]).best(0, 3, 2).is_none());
    }

    #[test]
    fn windows_begin_anew_where_something_was_found() {
        let values: Vec<f64> = (0..60).map(|place| f64::from(place / 12)).collect();
        let differ = |left: &[f64], right: &[f64]| (left[0] - right[0]).abs() > 0.5;
        assert_eq!(places(&values, 20, 2, differ), [12, 24, 36, 48]);
    }
}
