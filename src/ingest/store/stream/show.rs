//! What a page shows of a stream, under its own name and under classic ones.

use super::Stream;
use crate::ingest::standard::{Alias, Part};
use crate::ingest::store::Shown;
use crate::ingest::store::series::Series;
use crate::ingest::store::total::{Total, TotalId};
use crate::ingest::store::value::Stored;
use crate::metrics::{Kind, LabelBlock};

impl Stream {
    /// The series and totals under the name of the stream.
    pub(in crate::ingest::store) fn own(&self, visit: &mut dyn FnMut(&LabelBlock, Shown<'_>)) {
        for series in self.series.iter().filter(|series| series.shown_in.is_none()) {
            if let Some(value) = &series.value {
                visit(&series.labels, Shown::Whole(value, series.exemplars()));
            }
        }
        let sums = self.sums(|series| series.shown_in);
        for (id, total) in self.totals.iter().filter(|(_, total)| total.plain) {
            self.show_total(id, total, Part::Whole, &sums, visit);
        }
    }

    /// The totals under a classic name, without those whose labels are taken.
    pub(in crate::ingest::store) fn classic(
        &self,
        alias: &'static Alias,
        is_taken: impl Fn(u64) -> bool,
        visit: &mut dyn FnMut(&LabelBlock, Shown<'_>),
    ) {
        let sums = self.sums(|series| series.classic);
        let named = self
            .totals
            .iter()
            .filter(|(_, total)| total.aliases.iter().any(|known| std::ptr::eq(known, alias)));
        for (id, total) in named.filter(|(_, total)| !is_taken(total.label_hash)) {
            self.show_total(id, total, alias.part, &sums, visit);
        }
    }

    /// Whether a series came with labels of this hash, and is shown under them.
    pub(in crate::ingest::store) fn shows(&self, label_hash: u64) -> bool {
        let place = self.by_labels.get(&label_hash);
        let series = place.and_then(|place| self.series.get(*place));
        series.is_some_and(|series| series.shown_in.is_none() && series.value.is_some())
    }

    fn show_total(
        &self,
        id: TotalId,
        total: &Total,
        part: Part,
        sums: &[Option<f64>],
        visit: &mut dyn FnMut(&LabelBlock, Shown<'_>),
    ) {
        match (&total.value, part) {
            (Some(value), Part::Whole) => visit(&total.labels, Shown::Whole(value, total.exemplars())),
            (Some(value), Part::Count) => visit(&total.labels, Shown::Count(value.count())),
            (None, _) => {
                if let Some(sum) = sums.get(id as usize).copied().flatten() {
                    visit(&total.labels, Shown::Number(sum));
                }
            }
        }
    }

    /// The sums of gauges by total, which nobody keeps: a value that goes takes nothing along.
    fn sums(&self, part: impl Fn(&Series) -> Option<TotalId>) -> Vec<Option<f64>> {
        if self.family.kind() != Kind::Gauge || self.totals.is_empty() {
            return Vec::new();
        }
        let mut sums = vec![None; self.totals.len()];
        for series in &self.series {
            if let (Some(id), Some(Stored::Number(value))) = (part(series), &series.value) {
                let sum = sums[id as usize].get_or_insert(0.0);
                *sum += value;
            }
        }
        sums
    }
}
