//! Rows of whole numbers to bytes and back: differences in zigzag varints, what has not changed
//! costs nothing.
//!
//! A row is a time and a fixed number of columns, each of which may be absent. Against the row
//! before it stands: how much the step of time has changed and whether a column came or went;
//! which columns differ from what was expected, eight to a group; and by how much. A counter is
//! expected to go on as fast as before (delta of delta), anything else to stay as it was. Whoever
//! decodes keeps the same [`State`] as who encoded, so that a file that was read can be gone on
//! with.

/// The largest time either way, in milliseconds: far beyond any calendar.
pub(super) const MAX_TIME: i64 = 1 << 60;

/// How many columns there are, and how many of them, from the first on, are counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) columns: usize,
    pub(super) counters: usize,
}

/// The values of one row.
pub(super) type Columns = Vec<Option<u64>>;

/// What encoder and decoder know of the rows so far.
#[derive(Clone, Debug)]
pub(super) struct State {
    shape: Shape,
    at: i64,
    step: i64,
    /// The last value of each column; of an absent one the last that it had.
    values: Vec<u64>,
    /// By how much each counter grew last.
    deltas: Vec<u64>,
    present: Vec<u8>,
}

impl State {
    /// Before the first row.
    pub(super) fn new(shape: Shape) -> Self {
        State {
            shape,
            at: 0,
            step: 0,
            values: vec![0; shape.columns],
            deltas: vec![0; shape.counters],
            present: vec![0; shape.columns.div_ceil(8)],
        }
    }

    /// Writes a row behind those before it. Missing columns are absent, further ones left out.
    pub(super) fn encode(&mut self, at: i64, columns: &[Option<u64>], out: &mut Vec<u8>) {
        let at = at.clamp(-MAX_TIME, MAX_TIME);
        let column = |place: usize| columns.get(place).copied().flatten();
        let mut present = vec![0; self.present.len()];
        for place in (0..self.shape.columns).filter(|place| column(*place).is_some()) {
            present[place / 8] |= 1 << (place % 8);
        }
        let changed = present != self.present;
        let step = at - self.at;
        put(u128::from(zigzag(step.wrapping_sub(self.step))) << 1 | u128::from(changed), out);
        (self.at, self.step) = (at, step);
        if changed {
            out.extend_from_slice(&present);
        }
        let (mut groups, mut masks, mut numbers) = (0_u128, Vec::new(), Vec::new());
        for first in (0..self.shape.columns).step_by(8) {
            let mut mask = 0_u8;
            for place in first..(first + 8).min(self.shape.columns) {
                let Some(value) = column(place) else { continue };
                let differs = zigzag(value.wrapping_sub(self.expected(place)) as i64);
                self.learn(place, value);
                if differs != 0 {
                    mask |= 1 << (place - first);
                    put(differs.into(), &mut numbers);
                }
            }
            if mask != 0 {
                groups |= 1 << (first / 8);
                masks.push(mask);
            }
        }
        self.present = present;
        put(groups, out);
        out.extend_from_slice(&masks);
        out.extend_from_slice(&numbers);
    }

    /// Takes one row off the front of `bytes`; `None` if there is none, or none that makes sense.
    pub(super) fn decode(&mut self, bytes: &mut &[u8]) -> Option<(i64, Columns)> {
        let head = take(bytes)?;
        let step = self.step.checked_add(unzigzag(u64::try_from(head >> 1).ok()?))?;
        let at = self.at.checked_add(step).filter(|at| (-MAX_TIME..=MAX_TIME).contains(at))?;
        let mut present = self.present.clone();
        if head & 1 == 1 {
            present = bytes.split_off(..present.len())?.to_vec();
        }
        let groups = take(bytes)?;
        let mut masks = bytes.split_off(..groups.count_ones() as usize)?.iter();
        let mut columns = Vec::with_capacity(self.shape.columns);
        for place in 0..self.shape.columns {
            columns.push((present[place / 8] >> (place % 8) & 1 == 1).then_some(0));
        }
        for first in (0..self.shape.columns).step_by(8) {
            let mask = if groups >> (first / 8) & 1 == 1 { *masks.next()? } else { 0 };
            for place in first..(first + 8).min(self.shape.columns) {
                let differs =
                    if mask >> (place - first) & 1 == 1 { u64::try_from(take(bytes)?).ok()? } else { 0 };
                if columns[place].is_some() {
                    let value = self.expected(place).wrapping_add(unzigzag(differs) as u64);
                    self.learn(place, value);
                    columns[place] = Some(value);
                }
            }
        }
        (self.at, self.step, self.present) = (at, step, present);
        Some((at, columns))
    }

    fn expected(&self, place: usize) -> u64 {
        let delta = self.deltas.get(place).copied().unwrap_or(0);
        self.values[place].wrapping_add(delta)
    }

    /// A column that was absent begins anew: how far it was away says nothing of its pace.
    fn learn(&mut self, place: usize, value: u64) {
        let was_present = self.present[place / 8] >> (place % 8) & 1 == 1;
        if let Some(delta) = self.deltas.get_mut(place) {
            *delta = if was_present { value.wrapping_sub(self.values[place]) } else { 0 };
        }
        self.values[place] = value;
    }
}

/// Small numbers of either sign to small ones without.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// LEB128.
pub(super) fn put(mut number: u128, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The same back.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u128> {
    let mut number = 0_u128;
    for shift in (0..128).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u128::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests;
