//! What a container has on disk, multiplied by time.
//!
//! Figures come now and then; until the next one the last one holds. The first one counts
//! from the moment the container was first seen, since before nothing is known. A removed
//! container has nothing on disk any more.

use std::sync::Arc;
use std::time::Instant;

use crate::snapshot::Disk;

/// The meter of one container.
#[derive(Debug, Default)]
pub struct DiskMeter {
    disk: Option<Arc<Disk>>,
    /// Until when everything has been counted.
    counted_to: Option<Instant>,
    ended: bool,
}

impl DiskMeter {
    /// The last figures.
    pub fn disk(&self) -> Option<&Arc<Disk>> {
        self.disk.as_ref()
    }

    /// Takes over what is known now; says whether it is something else than before.
    pub fn take(&mut self, disk: Option<&Arc<Disk>>) -> bool {
        let same = match (&self.disk, disk) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (before, now) => before.is_none() && now.is_none(),
        };
        if !same {
            self.disk = disk.cloned();
        }
        !same
    }

    /// The container has been removed: nothing is counted any more.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Bytes multiplied by nanoseconds since the last time this was asked, or since the container
    /// was first seen: on the file system of the engine's data, and elsewhere.
    pub fn advance(&mut self, now: Instant) -> (u128, u128) {
        let since = *self.counted_to.get_or_insert(now);
        let Some(disk) = self.disk.as_ref().filter(|_| !self.ended) else { return (0, 0) };
        self.counted_to = Some(now.max(since));
        let lasted = now.saturating_duration_since(since).as_nanos();
        let elsewhere = disk.billed_elsewhere_bytes.min(disk.billed_bytes);
        (u128::from(disk.billed_bytes - elsewhere) * lasted, u128::from(elsewhere) * lasted)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn disk(billed_bytes: u64) -> Arc<Disk> {
        Arc::new(Disk { billed_bytes, ..Disk::default() })
    }

    #[test]
    fn the_first_figure_counts_from_the_beginning_and_each_until_the_next() {
        let (mut meter, start) = (DiskMeter::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(meter.advance(at(0)), (0, 0));
        assert_eq!(meter.advance(at(2)), (0, 0), "nothing is known yet");
        assert!(meter.take(Some(&disk(100))));
        assert_eq!(meter.advance(at(5)), (500_000_000_000, 0));
        let more = disk(300);
        assert!(meter.take(Some(&more)) && !meter.take(Some(&more)));
        assert_eq!(meter.advance(at(6)), (300_000_000_000, 0));
    }

    #[test]
    fn what_lies_on_another_file_system_is_counted_apart() {
        let (mut meter, start) = (DiskMeter::default(), Instant::now());
        let disk = Disk { billed_bytes: 10, billed_elsewhere_bytes: 3, ..Disk::default() };
        meter.take(Some(&Arc::new(disk)));
        meter.advance(start);
        assert_eq!(meter.advance(start + Duration::from_nanos(2)), (14, 6));
    }

    #[test]
    fn a_removed_container_is_billed_no_longer_although_its_figures_linger() {
        let (mut meter, start) = (DiskMeter::default(), Instant::now());
        meter.take(Some(&disk(100)));
        meter.advance(start);
        assert_eq!(meter.advance(start + Duration::from_secs(1)), (100_000_000_000, 0));
        meter.end();
        assert_eq!(meter.advance(start + Duration::from_secs(9)), (0, 0));
        assert!(meter.disk().is_some());
    }
}
