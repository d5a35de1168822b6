//! The rows of one step of one series in memory: sealed chunks, which never change and are
//! shared with readers, and the one that grows.

use std::collections::VecDeque;
use std::sync::Arc;

use super::codec::{Columns, Shape, State};

/// Rows of a chunk: what is forgotten is forgotten by so many.
const ROWS: u32 = 120;

/// What a chunk takes beside its bytes: its fields, its counter of readers, its place in a list.
pub(super) const CHUNK_BYTES: usize = 96;

/// Rows that lie together.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) first: i64,
    pub(super) last: i64,
    rows: u32,
    shape: Shape,
    bytes: Vec<u8>,
}

impl Chunk {
    /// Every row, by time.
    pub(super) fn rows(&self) -> impl Iterator<Item = (i64, Columns)> + '_ {
        let (mut state, mut bytes) = (State::new(self.shape), self.bytes.as_slice());
        std::iter::from_fn(move || state.decode(&mut bytes))
    }

    fn memory(&self) -> usize {
        self.bytes.capacity() + CHUNK_BYTES
    }
}

/// All rows of one step of one series.
#[derive(Debug)]
pub(super) struct Track {
    shape: Shape,
    sealed: VecDeque<Arc<Chunk>>,
    head: Option<(State, Chunk)>,
}

impl Track {
    pub(super) fn new(shape: Shape) -> Self {
        Track { shape, sealed: VecDeque::new(), head: None }
    }

    /// The time of the last row.
    pub(super) fn last(&self) -> Option<i64> {
        let head = self.head.as_ref().map(|(_, chunk)| chunk.last);
        head.or_else(|| self.sealed.back().map(|chunk| chunk.last))
    }

    /// Adds a row, which has to be later than the last.
    pub(super) fn push(&mut self, at: i64, columns: &[Option<u64>]) {
        let shape = self.shape;
        let (state, chunk) = self.head.get_or_insert_with(|| {
            (State::new(shape), Chunk { first: at, last: at, rows: 0, shape, bytes: Vec::new() })
        });
        state.encode(at, columns, &mut chunk.bytes);
        (chunk.last, chunk.rows) = (at, chunk.rows + 1);
        if chunk.rows >= ROWS {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if let Some((_, mut chunk)) = self.head.take() {
            chunk.bytes.shrink_to_fit();
            self.sealed.push_back(Arc::new(chunk));
        }
    }

    /// Forgets chunks that end before a time.
    pub(super) fn expire(&mut self, before: i64) {
        while self.sealed.front().is_some_and(|chunk| chunk.last < before) {
            self.sealed.pop_front();
        }
        if self.sealed.is_empty() {
            self.head.take_if(|(_, chunk)| chunk.last < before);
        }
    }

    /// Forgets the oldest sealed chunk.
    pub(super) fn forget_one(&mut self) {
        self.sealed.pop_front();
    }

    /// When the oldest sealed chunk ends.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.sealed.front().map(|chunk| chunk.last)
    }

    /// Forgets all rows after a time.
    pub(super) fn cut(&mut self, after: i64) {
        self.seal();
        let mut kept = Track::new(self.shape);
        for chunk in std::mem::take(&mut self.sealed) {
            if chunk.last <= after {
                kept.sealed.push_back(chunk);
            } else {
                chunk.rows().filter(|(at, _)| *at <= after).for_each(|(at, row)| kept.push(at, &row));
            }
        }
        *self = kept;
    }

    /// The chunks that reach into a span of time. The growing one is copied: it is short.
    pub(super) fn select(&self, from: i64, to: i64) -> Vec<Arc<Chunk>> {
        let reaches = |chunk: &Chunk| chunk.last >= from && chunk.first <= to;
        let head = self.head.iter().map(|(_, chunk)| chunk).filter(|chunk| reaches(chunk));
        let sealed = self.sealed.iter().filter(|chunk| reaches(chunk)).cloned();
        sealed.chain(head.map(|chunk| Arc::new(chunk.clone()))).collect()
    }

    /// Bytes that it takes in memory.
    pub(super) fn memory(&self) -> usize {
        let head = self.head.as_ref().map_or(0, |(_, chunk)| chunk.memory());
        head + self.sealed.iter().map(|chunk| chunk.memory()).sum::<usize>()
    }
}
