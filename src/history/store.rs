//! Every series in memory: samples become rows of the finest step, and steps that are over rows
//! of the coarser ones. No clock, no thread, no file.
//!
//! Bounded by the retention of each step and by [`Store::limit`]: beyond it the chunk goes that
//! is oldest for its step, whosever it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bin::{Before, Bin, coarse, end_of, fine};
use super::codec::Columns;
use super::field::{About, Key, Sample};
use super::tier::{Retention, Step};
use super::track::{Chunk, Track};

/// What a series takes beside its rows: what encoders here and of the files know of the last row,
/// and the steps that are not over.
const SUBJECT_BYTES: usize = 16 << 10;

/// How much of the memory is free after something had to go.
const FREED: usize = 20;

/// After how many rows of files it is looked whether all are within the limit: files may hold more
/// than memory does.
const BOUND_AFTER: u64 = 8_192;

/// How far before a span it is looked for the sample that its first one is compared with, in
/// milliseconds: as far as Prometheus looks.
const LEAD_MS: i64 = 300_000;

/// A row that was added, for the files.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) step: Step,
    pub(super) key: Key,
    pub(super) at: i64,
    pub(super) columns: Columns,
}

/// One series.
#[derive(Debug)]
struct Subject {
    key: Key,
    about: Option<Arc<About>>,
    tracks: [Track; 4],
    /// Steps that are not over; there is none of the finest.
    open: [Option<Bin>; 4],
    before: Before,
}

impl Subject {
    fn new(key: Key) -> Self {
        let track = |step| Track::new(if step == Step::Seconds5 { fine(key) } else { coarse(key) });
        Subject {
            key,
            about: None,
            tracks: Step::ALL.map(track),
            open: Default::default(),
            before: Before::default(),
        }
    }

    fn sample(&mut self, at: i64, sample: &Sample, rows: &mut Vec<Row>) {
        let columns: Columns = sample.counters.iter().chain(&sample.gauges).copied().collect();
        self.tracks[0].push(at, &columns);
        rows.push(Row { step: Step::Seconds5, key: self.key, at, columns });
        let bin = self.before.bin(at, sample);
        self.feed(Step::Minute, &bin, rows);
    }

    /// Adds to the step that is not over, and closes one that is.
    fn feed(&mut self, step: Step, bin: &Bin, rows: &mut Vec<Row>) {
        let end = end_of(bin.at, step.milliseconds());
        if self.open[step as usize].as_ref().is_some_and(|open| open.at < end) {
            self.close(step, rows);
        }
        match &mut self.open[step as usize] {
            Some(open) => open.merge(bin),
            none => *none = Some(Bin { at: end, ..bin.clone() }),
        }
    }

    fn close(&mut self, step: Step, rows: &mut Vec<Row>) {
        let Some(bin) = self.open[step as usize].take() else { return };
        if self.tracks[step as usize].last().is_none_or(|last| last < bin.at) {
            let columns = bin.columns();
            self.tracks[step as usize].push(bin.at, &columns);
            rows.push(Row { step, key: self.key, at: bin.at, columns });
        }
        if let Some(coarser) = Step::ALL.get(step as usize + 1) {
            self.feed(*coarser, &bin, rows);
        }
    }

    /// Makes steps that are not over, and what counters showed last, of the rows that there are.
    fn rebuild(&mut self, rows: &mut Vec<Row>) {
        (self.open, self.before) = Default::default();
        for step in [Step::Hour, Step::Minutes5, Step::Minute] {
            let after = self.tracks[step as usize].last().unwrap_or(i64::MIN);
            let finer = Step::ALL[step as usize - 1];
            let (bins, before) =
                bins_of(self.key, finer, &self.tracks[finer as usize].select(i64::MIN, i64::MAX));
            if finer == Step::Seconds5 {
                self.before = before;
            }
            bins.iter().filter(|bin| bin.at > after).for_each(|bin| self.feed(step, bin, rows));
        }
    }

    fn memory(&self) -> usize {
        SUBJECT_BYTES + self.tracks.iter().map(Track::memory).sum::<usize>()
    }

    fn last(&self) -> Option<i64> {
        self.tracks.iter().filter_map(Track::last).max()
    }
}

/// The bins of rows, and what counters showed last.
fn bins_of(key: Key, step: Step, chunks: &[Arc<Chunk>]) -> (Vec<Bin>, Before) {
    let mut before = Before::default();
    let mut bins = Vec::new();
    for (at, columns) in chunks.iter().flat_map(|chunk| chunk.rows()) {
        if step != Step::Seconds5 {
            bins.extend(Bin::of_columns(key, at, &columns));
        } else if let Some((counters, gauges)) = columns.split_at_checked(key.counters()) {
            let sample = Sample { counters: counters.to_vec(), gauges: gauges.to_vec() };
            bins.push(before.bin(at, &sample));
        }
    }
    (bins, before)
}

/// A span of one series as it was when somebody asked; what happens to the store since does not
/// touch it.
#[derive(Debug)]
pub(super) struct Span {
    key: Key,
    step: Step,
    from: i64,
    to: i64,
    chunks: Vec<Arc<Chunk>>,
    /// What is not over, from the coarsest step to the finest.
    open: Vec<Bin>,
}

impl Span {
    /// Every bin that reaches into the span, by time; the last may not be over.
    pub(super) fn bins(&self) -> Vec<Bin> {
        let (mut bins, _) = bins_of(self.key, self.step, &self.chunks);
        let length = self.step.milliseconds();
        for open in &self.open {
            let end = end_of(open.at, length);
            match bins.last_mut().filter(|last| last.at == end) {
                Some(last) => last.merge(open),
                None => bins.push(Bin { at: end, ..open.clone() }),
            }
        }
        let length = if self.step == Step::Seconds5 { 0 } else { length };
        bins.retain(|bin| bin.at > self.from && bin.at - length < self.to + i64::from(length == 0));
        bins
    }
}

/// All series.
#[derive(Debug)]
pub(super) struct Store {
    subjects: BTreeMap<Key, Subject>,
    retention: Retention,
    /// The most bytes that all may take.
    limit: usize,
    memory: usize,
    /// Rows that came from files.
    restored: u64,
    /// Chunks that had to go for want of memory.
    pub(super) forgotten: u64,
}

impl Store {
    pub(super) fn new(retention: Retention, limit: usize) -> Self {
        Store { subjects: BTreeMap::new(), retention, limit, memory: 0, restored: 0, forgotten: 0 }
    }

    /// Takes a sample; one that is not later than the last of its series is left out. Says which
    /// rows it made.
    pub(super) fn append(
        &mut self,
        at: i64,
        key: Key,
        about: Option<&Arc<About>>,
        sample: &Sample,
        rows: &mut Vec<Row>,
    ) {
        let subject = self.subjects.entry(key).or_insert_with(|| Subject::new(key));
        if subject.tracks[0].last().is_some_and(|last| last >= at) {
            return;
        }
        if subject.about.as_ref() != about {
            subject.about = about.cloned();
        }
        subject.sample(at, sample, rows);
    }

    /// Closes what is over at a time, so that series that get no more samples are complete.
    pub(super) fn close(&mut self, now: i64, rows: &mut Vec<Row>) {
        for subject in self.subjects.values_mut() {
            for step in [Step::Minute, Step::Minutes5, Step::Hour] {
                if subject.open[step as usize].as_ref().is_some_and(|open| open.at < now) {
                    subject.close(step, rows);
                }
            }
        }
    }

    /// Takes a row of a file; whoever has taken the last calls [`Store::rebuild`].
    pub(super) fn restore(&mut self, row: &Row, about: Option<&Arc<About>>) {
        let subject = self.subjects.entry(row.key).or_insert_with(|| Subject::new(row.key));
        if about.is_some() {
            subject.about = about.cloned();
        }
        let track = &mut subject.tracks[row.step as usize];
        if track.last().is_none_or(|last| last < row.at) {
            track.push(row.at, &row.columns);
            self.restored += 1;
            if self.restored.is_multiple_of(BOUND_AFTER) {
                self.bound();
            }
        }
    }

    /// Forgets all rows of a step after a time, as a file says that it was done.
    pub(super) fn cut(&mut self, step: Step, after: i64) {
        for subject in self.subjects.values_mut() {
            subject.tracks[step as usize].cut(after);
        }
    }

    /// Forgets everything after a time.
    pub(super) fn rewind(&mut self, after: i64, rows: &mut Vec<Row>) {
        Step::ALL.into_iter().for_each(|step| self.cut(step, after));
        self.rebuild(rows);
    }

    /// Makes what is not over of the rows that there are.
    pub(super) fn rebuild(&mut self, rows: &mut Vec<Row>) {
        self.subjects.values_mut().for_each(|subject| subject.rebuild(rows));
    }

    /// Forgets what is older than it has to be kept.
    pub(super) fn expire(&mut self, now: i64) {
        for subject in self.subjects.values_mut() {
            for step in Step::ALL {
                let before = now.saturating_sub(self.retention.milliseconds(step));
                subject.tracks[step as usize].expire(before);
            }
        }
        self.subjects.retain(|_, subject| subject.last().is_some());
    }

    /// Keeps within the limit of memory.
    pub(super) fn bound(&mut self) {
        self.memory = self.subjects.values().map(Subject::memory).sum();
        if self.memory <= self.limit {
            return;
        }
        let enough = self.limit - self.limit / FREED;
        // By how much of the time that it may be kept has passed, the oldest first.
        let age = |last: i64, step: Step, now: i64| {
            (now - last) as f64 / self.retention.milliseconds(step).max(1) as f64
        };
        let now = self.newest().unwrap_or(0);
        while self.memory > enough {
            let candidates = self.subjects.values().flat_map(|subject| {
                let oldest = |step: Step| Some((subject.tracks[step as usize].oldest()?, step, subject.key));
                Step::ALL.into_iter().filter_map(oldest)
            });
            let by_age = |one: &(i64, Step, Key), other: &(i64, Step, Key)| {
                age(one.0, one.1, now).total_cmp(&age(other.0, other.1, now))
            };
            let next = candidates.max_by(by_age).map(|(_, step, key)| (key, Some(step)));
            // Without chunks to spare, the series goes that has been silent for the longest.
            let silent = || self.subjects.values().min_by_key(|subject| subject.last());
            let Some((key, step)) = next.or_else(|| silent().map(|subject| (subject.key, None))) else {
                return;
            };
            self.forgotten += 1;
            let Some(subject) = self.subjects.get_mut(&key) else { return };
            self.memory -= subject.memory();
            match step {
                Some(step) => {
                    subject.tracks[step as usize].forget_one();
                    self.memory += subject.memory();
                }
                None => drop(self.subjects.remove(&key)),
            }
        }
    }

    /// How long each step is kept.
    pub(super) fn retention(&self) -> Retention {
        self.retention
    }

    /// Bytes that all took when it was last looked.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.subjects.len()
    }

    /// The time of the latest row.
    pub(super) fn newest(&self) -> Option<i64> {
        let samples = self.subjects.values().filter_map(|subject| subject.tracks[0].last()).max();
        samples.or_else(|| self.subjects.values().filter_map(Subject::last).max())
    }

    /// The time of the last row of a series.
    pub(super) fn last(&self, key: Key) -> Option<i64> {
        self.subjects.get(&key)?.last()
    }

    /// Whose a series is.
    pub(super) fn about(&self, key: Key) -> Option<&Arc<About>> {
        self.subjects.get(&key)?.about.as_ref()
    }

    /// Every series that is about a container.
    pub(super) fn containers(&self) -> impl Iterator<Item = (Key, &Arc<About>)> {
        self.subjects.values().filter_map(|subject| Some((subject.key, subject.about.as_ref()?)))
    }

    /// Steps of which there is anything of a series.
    #[cfg(test)]
    pub(super) fn steps(&self, key: Key) -> Vec<Step> {
        let tracks = self.subjects.get(&key).map(|subject| &subject.tracks);
        let filled = |step: &Step| tracks.is_some_and(|tracks| tracks[*step as usize].last().is_some());
        Step::ALL.into_iter().filter(filled).collect()
    }

    /// A span of a series. The finest step has its samples; a coarser one every step that
    /// reaches into the span.
    pub(super) fn span(&self, key: Key, step: Step, from: i64, to: i64) -> Option<Span> {
        let subject = self.subjects.get(&key)?;
        let lead = if step == Step::Seconds5 { LEAD_MS } else { 0 };
        let length = if step == Step::Seconds5 { 0 } else { step.milliseconds() };
        let track = &subject.tracks[step as usize];
        let chunks = track.select(from.saturating_sub(lead), to.saturating_add(length));
        let open = (1..=step as usize).rev().filter_map(|place| subject.open[place].clone()).collect();
        Some(Span { key, step, from, to, chunks, open })
    }
}

#[cfg(test)]
mod tests;
