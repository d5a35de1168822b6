//! The last lines of one container, and where each reader stands in them.
//!
//! A line is kept for as long as there is room and somebody has not taken it. Where there is no
//! room the oldest goes, and whoever has not taken it has missed it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

/// Bytes of lines that are kept for the slowest reader: a thousand usual lines, at least fifteen of
/// the longest.
const BYTES: usize = 256 << 10;

/// What a line costs beside its text.
const OVERHEAD: usize = 64;

/// A reader, over all containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ReaderId(pub(super) u64);

/// A line, encoded.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Option<Timestamp>,
    /// It as JSON, of which the line is the last string.
    pub(super) json: Box<str>,
    text: Text,
}

/// Where the line itself stands.
#[derive(Debug)]
enum Text {
    /// In the JSON, as it is: so many bytes.
    Within(usize),
    /// Apart, since it is written otherwise there.
    Apart(Box<str>),
}

/// What follows the last string of a row: a quote and a brace.
const AFTER_TEXT: usize = 2;

impl Entry {
    /// A line, and it as JSON.
    pub(super) fn new(at: Option<Timestamp>, json: String, line: &str) -> Self {
        let end = json.len().saturating_sub(AFTER_TEXT);
        let within = end.checked_sub(line.len()).and_then(|start| json.get(start..end));
        let text = match within == Some(line) {
            true => Text::Within(line.len()),
            false => Text::Apart(line.into()),
        };
        Entry { at, json: json.into(), text }
    }

    /// The line.
    pub(super) fn text(&self) -> &str {
        match &self.text {
            Text::Apart(text) => text,
            Text::Within(bytes) => {
                let end = self.json.len().saturating_sub(AFTER_TEXT);
                self.json.get(end - bytes..end).unwrap_or_default()
            }
        }
    }

    /// What it takes.
    fn bytes(&self) -> usize {
        let apart = if let Text::Apart(text) = &self.text { text.len() } else { 0 };
        self.json.len() + apart + OVERHEAD
    }
}

/// What a reader takes.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Lines that are gone before he took them.
    pub(super) missed: u64,
    pub(super) lines: Vec<Arc<Entry>>,
}

/// A reader in a ring.
#[derive(Debug)]
struct Place {
    /// The number of the line that he takes next.
    next: u64,
    wake: Arc<Notify>,
}

/// The lines.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// The number of the first line that is kept.
    first: u64,
    lines: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// The time of the newest line that went for want of room.
    lost_at: Option<Timestamp>,
    places: HashMap<ReaderId, Place>,
}

impl Ring {
    /// A reader comes: he takes what comes from now on.
    pub(super) fn enter(&mut self, reader: ReaderId, wake: Arc<Notify>) {
        let next = self.first + self.lines.len() as u64;
        self.places.insert(reader, Place { next, wake });
    }

    /// A reader goes.
    pub(super) fn leave(&mut self, reader: ReaderId) {
        self.places.remove(&reader);
        self.drop_taken();
    }

    /// Takes lines in, and wakes the readers.
    pub(super) fn push(&mut self, lines: impl IntoIterator<Item = Entry>) {
        if self.places.is_empty() {
            return;
        }
        for line in lines {
            self.bytes += line.bytes();
            self.lines.push_back(Arc::new(line));
            while self.bytes > BYTES {
                let Some(lost) = self.drop_first() else { break };
                self.lost_at = self.lost_at.max(lost.at);
            }
        }
        for place in self.places.values() {
            place.wake.notify_one();
        }
    }

    /// What a reader has not taken, up to so many bytes, and one line at least.
    pub(super) fn take(&mut self, reader: ReaderId, room: usize) -> Taken {
        let Some(place) = self.places.get_mut(&reader) else { return Taken::default() };
        let missed = self.first.saturating_sub(place.next);
        place.next = place.next.max(self.first);
        let mut taken = Taken { missed, lines: Vec::new() };
        let mut bytes = 0;
        let from = usize::try_from(place.next - self.first).unwrap_or(usize::MAX);
        for line in self.lines.iter().skip(from) {
            bytes += line.json.len();
            if bytes > room && !taken.lines.is_empty() {
                break;
            }
            taken.lines.push(line.clone());
        }
        place.next += taken.lines.len() as u64;
        self.drop_taken();
        taken
    }

    /// A reader has all lines up to a moment from elsewhere; he has not missed what went of them.
    pub(super) fn forgive(&mut self, reader: ReaderId, up_to: Timestamp) {
        let all = self.lost_at.is_none_or(|lost| lost <= up_to);
        if let Some(place) = self.places.get_mut(&reader).filter(|_| all) {
            place.next = place.next.max(self.first);
        }
    }

    fn drop_first(&mut self) -> Option<Arc<Entry>> {
        let first = self.lines.pop_front()?;
        self.first += 1;
        self.bytes -= first.bytes();
        Some(first)
    }

    /// Forgets what everybody has.
    fn drop_taken(&mut self) {
        let end = self.first + self.lines.len() as u64;
        let wanted = self.places.values().map(|place| place.next).min().unwrap_or(end);
        while self.first < wanted && self.drop_first().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(numbers: std::ops::Range<i64>) -> impl Iterator<Item = Entry> {
        numbers.map(|number| Entry::new(Timestamp::from_second(number).ok(), format!("{number:06}"), ""))
    }

    fn taken(ring: &mut Ring, reader: ReaderId) -> (u64, Vec<i64>) {
        let taken = ring.take(reader, usize::MAX);
        (taken.missed, taken.lines.iter().map(|line| line.json.parse().unwrap()).collect())
    }

    /// Lines of the tests that there is room for.
    const LINES: usize = BYTES / (6 + OVERHEAD);

    const QUICK: ReaderId = ReaderId(1);
    const SLOW: ReaderId = ReaderId(2);

    #[test]
    fn a_slow_reader_misses_the_oldest_and_another_nothing() {
        let mut ring = Ring::default();
        ring.push(lines(0..10));
        assert!(ring.lines.is_empty(), "nobody reads");
        [QUICK, SLOW].into_iter().for_each(|reader| ring.enter(reader, Arc::default()));
        let count = LINES as i64;
        for start in (0..3 * count).step_by(LINES) {
            ring.push(lines(start..start + count));
            assert_eq!(taken(&mut ring, QUICK), (0, (start..start + count).collect()));
        }
        assert_eq!(ring.lines.len(), LINES);
        assert_eq!(taken(&mut ring, SLOW), (2 * LINES as u64, (2 * count..3 * count).collect()));
        assert_eq!((ring.lines.len(), ring.bytes), (0, 0), "what all have is forgotten");
        assert_eq!(taken(&mut ring, SLOW), (0, vec![]));
    }

    #[test]
    fn lines_take_no_more_room_than_there_is_and_come_in_pieces() {
        let mut ring = Ring::default();
        ring.enter(SLOW, Arc::default());
        let long = |_| Entry::new(None, "x".repeat(BYTES / 4), "");
        ring.push((0..10).map(long));
        assert!(ring.bytes <= BYTES && ring.lines.len() == 3);
        let first = ring.take(SLOW, BYTES / 2);
        assert_eq!((first.missed, first.lines.len()), (7, 2));
        let rest = ring.take(SLOW, 1);
        assert_eq!((rest.missed, rest.lines.len()), (0, 1), "one at least");
    }

    #[test]
    fn who_goes_holds_nothing_and_what_is_had_from_elsewhere_is_not_missed() {
        let mut ring = Ring::default();
        [QUICK, SLOW].into_iter().for_each(|reader| ring.enter(reader, Arc::default()));
        ring.push(lines(0..10));
        taken(&mut ring, QUICK);
        ring.leave(SLOW);
        assert!(ring.lines.is_empty());
        let count = LINES as i64;
        ring.push(lines(10..count + 20));
        ring.forgive(QUICK, Timestamp::from_second(18).unwrap());
        assert_eq!(taken(&mut ring, QUICK).0, 10, "one of them is later");
        ring.push(lines(count + 20..2 * count + 30));
        ring.forgive(QUICK, Timestamp::from_second(count + 29).unwrap());
        assert_eq!(taken(&mut ring, QUICK), (0, (count + 30..2 * count + 30).collect()));
    }
}
