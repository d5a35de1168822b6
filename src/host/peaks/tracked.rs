//! Counters that are followed from sample to sample: rates of each step, and their peaks.

use std::sync::Arc;
use std::time::Instant;

use regex::Regex;

use super::parse::Counters;
use crate::host::scan::text;
use crate::metrics::window::Window;
use crate::snapshot::host::DevicePeaks;

/// Increases a second.
pub(super) type Rates<const N: usize> = [f64; N];

/// The higher one of each rate; whatever there is lies above `None`.
pub(super) fn higher<const N: usize>(one: Option<Rates<N>>, other: Option<Rates<N>>) -> Option<Rates<N>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(std::array::from_fn(|number| one[number].max(other[number]))),
        (one, other) => one.or(other),
    }
}

/// When and with which counters the present step began.
#[derive(Debug)]
pub(super) struct Step<const N: usize> {
    before: Option<(Instant, [u64; N])>,
}

impl<const N: usize> Default for Step<N> {
    fn default() -> Self {
        Step { before: None }
    }
}

impl<const N: usize> Step<N> {
    /// Ends the step and begins the next one. There are no rates of the first one, nor of one
    /// in which a counter fell: the device is another one then.
    pub(super) fn to(&mut self, at: Instant, counters: [u64; N]) -> Option<Rates<N>> {
        let (began, before) = self.before.replace((at, counters))?;
        let seconds = at.saturating_duration_since(began).as_secs_f64();
        let fell = counters.iter().zip(before).any(|(now, before)| *now < before);
        let rate = |number: usize| (counters[number] - before[number]) as f64 / seconds;
        (seconds > 0.0 && !fell).then(|| std::array::from_fn(rate))
    }
}

/// Devices by name. There may be a thousand of them, most left out, and as a rule they come in
/// the order in which they came before: then a name costs one comparison and no pattern.
#[derive(Debug)]
pub(super) struct Devices<const N: usize> {
    exclude: Regex,
    entries: Vec<Entry<N>>,
    /// Where the next one of the round is looked for first.
    next: usize,
}

#[derive(Debug)]
struct Entry<const N: usize> {
    name: Box<[u8]>,
    /// Whether it was there in the present round.
    seen: bool,
    /// `None` for one that is left out.
    shown: Option<Shown<N>>,
}

#[derive(Debug)]
struct Shown<const N: usize> {
    device: Arc<str>,
    step: Step<N>,
    peaks: Window<Option<Rates<N>>>,
}

impl<const N: usize> Shown<N> {
    fn at(&self, slot: u64) -> Option<Rates<N>> {
        self.peaks.recent(slot).copied().fold(None, higher)
    }
}

impl<const N: usize> Devices<N> {
    /// None yet.
    pub(super) fn new(exclude: Regex) -> Self {
        Devices { exclude, entries: Vec::new(), next: 0 }
    }

    /// Takes in what is said of a device; `None` if its counters make no sense.
    pub(super) fn add(
        &mut self,
        name: &[u8],
        at: Instant,
        slot: u64,
        counters: Counters<'_, N>,
    ) -> Option<()> {
        let index = self.index_of(name);
        self.next = index + 1;
        let entry = &mut self.entries[index];
        entry.seen = true;
        if let Some(shown) = &mut entry.shown {
            let rates = shown.step.to(at, counters.read()?);
            let kept = shown.peaks.slot(slot);
            *kept = higher(*kept, rates);
        }
        Some(())
    }

    /// Where a device stands; one that is new is put where it has come.
    fn index_of(&mut self, name: &[u8]) -> usize {
        let length = self.entries.len();
        let mut places = (self.next..length).chain(0..self.next);
        if let Some(index) = places.find(|index| *self.entries[*index].name == *name) {
            return index;
        }
        let device = text(name);
        let shown = (!self.exclude.is_match(&device)).then(|| Shown {
            device: device.into(),
            step: Step::default(),
            peaks: Window::default(),
        });
        self.entries.insert(self.next, Entry { name: name.into(), seen: true, shown });
        self.next
    }

    /// All have been taken in: forgets those that were not there, once their peaks are past.
    pub(super) fn end_round(&mut self, slot: u64) {
        let peaks = |entry: &Entry<N>| entry.shown.as_ref().and_then(|shown| shown.at(slot)).is_some();
        self.entries.retain(|entry| entry.seen || peaks(entry));
        for entry in &mut self.entries {
            if !std::mem::take(&mut entry.seen)
                && let Some(shown) = &mut entry.shown
            {
                // Should one of that name come, it is another one.
                shown.step = Step::default();
            }
        }
        self.next = 0;
    }

    /// The peaks of each device that has any.
    pub(super) fn at(&self, slot: u64) -> Vec<DevicePeaks<N>> {
        let shown = self.entries.iter().filter_map(|entry| entry.shown.as_ref());
        shown
            .filter_map(|one| Some(DevicePeaks { device: one.device.clone(), rates: one.at(slot)? }))
            .collect()
    }
}
