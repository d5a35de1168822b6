//! The files of all steps: rows are appended with every batch, so that whoever is killed loses
//! what was not handed over yet and nothing else; a new file is begun when one is long enough or
//! spans an eighth of the time that its step is kept, and old ones are deleted whole.
//!
//! A write that fails (a full disk) pauses writing: what it left is cut off, rows go on in memory,
//! and some batches later it is tried again with a new file. What was measured meanwhile is in
//! memory only.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::field::{About, Key};
use super::files::Files;
use super::segment::{self, Entry, HEADER, ReadSegment, Writer};
use super::store::Row;
use super::tier::{Retention, Step};

/// How long a file may become: a start reads it at once.
const LONGEST: u64 = 8 << 20;

/// Into how many files the time is divided that a step is kept.
const PARTS: i64 = 8;

/// After how many batches what was written is made to survive a power cut: a minute of them.
const SYNC_AFTER: u32 = 12;

/// After how many batches it is tried again to write: half a minute of them.
const RETRY_AFTER: u32 = 6;

/// The end of a file's name.
const SUFFIX: &str = ".history";

/// A file that is not written any more.
#[derive(Debug)]
struct Closed {
    number: u64,
    bytes: u64,
    last: i64,
}

/// The file that is written.
#[derive(Debug)]
struct Open {
    number: u64,
    bytes: u64,
    span: Option<(i64, i64)>,
    writer: Writer,
}

/// The files of one step.
#[derive(Debug, Default)]
struct Shelf {
    closed: VecDeque<Closed>,
    open: Option<Open>,
    next: u64,
}

/// A file that could not be read, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unread {
    pub(super) name: String,
    pub(super) why: Why,
}

/// Why it could not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It was torn or damaged after so many whole bytes; so many were lost.
    Torn { whole: u64, lost: u64 },
    /// It is of an older form, and was deleted.
    Older(char),
    /// It is of a newer form, and is left alone for who can read it.
    Newer(char),
}

/// Whether writing goes on.
#[derive(Debug)]
pub(super) enum Wrote {
    /// As it should be.
    Well,
    /// It went wrong just now.
    Paused(io::Error),
    /// It has been wrong and is not tried yet.
    Waits,
    /// It is well again.
    Resumed,
}

/// All files.
pub(super) struct Journal {
    files: Box<dyn Files>,
    shelves: [Shelf; 4],
    retention: Retention,
    /// The most bytes that all files may have.
    limit: u64,
    /// Batches until it is tried again; `None` while all is well.
    paused: Option<u32>,
    unsynced: u32,
    /// Bytes that were written since the start.
    pub(super) written: u64,
}

fn name(step: Step, number: u64) -> String {
    format!("{}-{number:010}{SUFFIX}", step.as_str())
}

/// The step and the number of a name, if it is one of ours.
fn parse(name: &str) -> Option<(Step, u64)> {
    let (step, number) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    Some((Step::parse(step)?, number.parse().ok()?))
}

impl Journal {
    /// Reads all files, from the finest step to the coarsest and from the oldest to the newest.
    /// The last of each step is gone on with; what is torn at its end is cut off. What is of an older
    /// form is deleted, what is of a newer one left where it is, and both are told of.
    pub(super) fn open(
        files: Box<dyn Files>,
        retention: Retention,
        limit: u64,
        mut each: impl FnMut(Step, Entry),
    ) -> io::Result<(Journal, Vec<Unread>)> {
        let shelves = Default::default();
        let mut journal = Journal { files, shelves, retention, limit, paused: None, unsynced: 0, written: 0 };
        let mut names: Vec<_> = journal.files.list()?.iter().filter_map(|name| parse(name)).collect();
        names.sort_unstable();
        let mut unread = Vec::new();
        for (place, (step, number)) in names.iter().enumerate() {
            let is_last = names.get(place + 1).is_none_or(|(next, _)| next != step);
            unread.extend(journal.take(*step, *number, is_last, &mut |entry| each(*step, entry))?);
        }
        Ok((journal, unread))
    }

    fn take(
        &mut self,
        step: Step,
        number: u64,
        is_last: bool,
        each: &mut dyn FnMut(Entry),
    ) -> io::Result<Option<Unread>> {
        let file = name(step, number);
        let bytes = self.files.read(&file)?;
        let shelf = &mut self.shelves[step as usize];
        shelf.next = number + 1;
        if let Some(form) = segment::other_form(&bytes) {
            let is_older = form < segment::FORM;
            if is_older {
                self.files.remove(&file)?;
            }
            let why = if is_older { Why::Older(form.into()) } else { Why::Newer(form.into()) };
            return Ok(Some(Unread { name: file, why }));
        }
        let ReadSegment { whole, writer, span } = segment::read(step, &bytes, each);
        let (whole, length) = (whole as u64, bytes.len() as u64);
        let torn = Why::Torn { whole, lost: length - whole };
        let torn = (whole < length).then(|| Unread { name: file.clone(), why: torn });
        if whole < HEADER as u64 {
            self.files.remove(&file)?;
            return Ok(torn);
        }
        if is_last && whole < length {
            self.files.truncate(&file, whole)?;
        }
        match writer.filter(|_| is_last) {
            Some(writer) => shelf.open = Some(Open { number, bytes: whole, span, writer }),
            None => {
                let last = span.map_or(i64::MIN, |(_, last)| last);
                shelf.closed.push_back(Closed { number, bytes: length, last });
            }
        }
        Ok(torn)
    }

    /// Writes a batch of rows.
    pub(super) fn append<'a>(
        &mut self,
        rows: &[Row],
        about: impl Fn(Key) -> Option<&'a Arc<About>>,
    ) -> Wrote {
        self.attempt(|journal| {
            for step in Step::ALL {
                let mut of_step = rows.iter().filter(|row| row.step == step).peekable();
                if let Some(first) = of_step.peek() {
                    let at = first.at;
                    journal.rotate(step, at)?;
                    let span = rows.iter().filter(|row| row.step == step).map(|row| row.at);
                    let span = span.fold((at, at), |(first, last), at| (first.min(at), last.max(at)));
                    let rows = of_step.map(|row| (row, about(row.key)));
                    journal.write(step, Some(span), |writer| writer.rows(rows))?;
                }
            }
            journal.unsynced += 1;
            if journal.unsynced >= SYNC_AFTER { journal.sync() } else { Ok(()) }
        })
    }

    /// Writes that everything after a time was taken back.
    pub(super) fn rewind(&mut self, after: i64) -> Wrote {
        self.attempt(|journal| {
            for step in Step::ALL {
                journal.rotate(step, after)?;
                journal.write(step, None, |_| Writer::rewind(after))?;
            }
            journal.sync()
        })
    }

    fn attempt(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) -> Wrote {
        if let Some(batches @ 1..) = &mut self.paused {
            *batches -= 1;
            return Wrote::Waits;
        }
        let before = self.paused;
        match write(self) {
            Ok(()) => {
                self.paused = None;
                if before.is_some() { Wrote::Resumed } else { Wrote::Well }
            }
            Err(error) => {
                self.paused = Some(RETRY_AFTER);
                if before.is_some() { Wrote::Waits } else { Wrote::Paused(error) }
            }
        }
    }

    /// Ends a file that is long enough.
    fn rotate(&mut self, step: Step, at: i64) -> io::Result<()> {
        let part = self.retention.milliseconds(step) / PARTS;
        let is_full = |open: &mut Open| {
            open.bytes >= LONGEST.min(self.limit / 16)
                || open.span.is_some_and(|(first, _)| at - first >= part)
        };
        let shelf = &mut self.shelves[step as usize];
        if let Some(open) = shelf.open.take_if(is_full) {
            shelf.closed.push_back(open.closed());
            self.files.sync(&name(step, shelf.closed.back().map_or(0, |closed| closed.number)))?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        step: Step,
        span: Option<(i64, i64)>,
        frame: impl FnOnce(&mut Writer) -> Vec<u8>,
    ) -> io::Result<()> {
        let shelf = &mut self.shelves[step as usize];
        if shelf.open.is_none() {
            let (number, writer) = (shelf.next, Writer::new(step));
            shelf.next += 1;
            let header = writer.header();
            if let Err(error) = self.files.append(&name(step, number), &header) {
                // There may be nothing to remove.
                let _ = self.files.remove(&name(step, number));
                return Err(error);
            }
            shelf.open = Some(Open { number, bytes: HEADER as u64, span: None, writer });
        }
        let Some(open) = shelf.open.as_mut() else { return Ok(()) };
        let frame = frame(&mut open.writer);
        let file = name(step, open.number);
        if let Err(error) = self.files.append(&file, &frame) {
            // What is there of the frame; if it cannot be cut off now, the next start does it.
            let _ = self.files.truncate(&file, open.bytes);
            // The writer knows rows now that the file has not.
            shelf.closed.extend(shelf.open.take().map(Open::closed));
            return Err(error);
        }
        open.bytes += frame.len() as u64;
        self.written += frame.len() as u64;
        open.span = match (open.span, span) {
            (Some((first, last)), Some((other, later))) => Some((first.min(other), last.max(later))),
            (before, after) => before.or(after),
        };
        Ok(())
    }

    /// Has everything that was written survive a power cut.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.unsynced = 0;
        for step in Step::ALL {
            if let Some(open) = &self.shelves[step as usize].open {
                self.files.sync(&name(step, open.number))?;
            }
        }
        Ok(())
    }

    /// Deletes files that need not be kept, and the oldest where all together are too long.
    pub(super) fn expire(&mut self, now: i64) -> io::Result<()> {
        for step in Step::ALL {
            let before = now.saturating_sub(self.retention.milliseconds(step));
            while self.shelves[step as usize].closed.front().is_some_and(|closed| closed.last < before) {
                self.delete_oldest(step)?;
            }
        }
        self.bound(now)
    }

    /// Keeps within the limit.
    fn bound(&mut self, now: i64) -> io::Result<()> {
        while self.bytes() > self.limit {
            let age = |step: Step| {
                let closed = self.shelves[step as usize].closed.front()?;
                let age = now.saturating_sub(closed.last) as f64;
                Some((step, age / self.retention.milliseconds(step).max(1) as f64))
            };
            let oldest = Step::ALL.into_iter().filter_map(age).max_by(|one, other| one.1.total_cmp(&other.1));
            let Some((step, _)) = oldest else { return Ok(()) };
            self.delete_oldest(step)?;
        }
        Ok(())
    }

    fn delete_oldest(&mut self, step: Step) -> io::Result<()> {
        let Some(closed) = self.shelves[step as usize].closed.pop_front() else { return Ok(()) };
        match self.files.remove(&name(step, closed.number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        let closed = self.shelves.iter().flat_map(|shelf| &shelf.closed).map(|closed| closed.bytes);
        let open = self.shelves.iter().filter_map(|shelf| Some(shelf.open.as_ref()?.bytes));
        closed.chain(open).sum()
    }

    /// Whether rows are not written at the moment.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }
}

impl Open {
    fn closed(self) -> Closed {
        let last = self.span.map_or(i64::MIN, |(_, last)| last);
        Closed { number: self.number, bytes: self.bytes, last }
    }
}
