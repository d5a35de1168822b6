//! What the time is taken from, and the host's time zone.
//!
//! Sources: `/sys/devices/system/clocksource/clocksourceN/*`, read each time, since a kernel
//! that finds a source wrong takes another; the host's `/etc/localtime`, read once a minute.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::file::{HostFile, ReadError, Shape};
use super::scan::{text, words};
use super::slowly::Slowly;
use crate::paths::Paths;
use crate::snapshot::host::Clock;

/// The zone of the host, a symbolic link into the data base of zones or a file of it.
const LOCALTIME: &str = "etc/localtime";

/// Files of a larger size are no description of a time zone.
const LONGEST_ZONE: usize = 1 << 20;

/// The files that are held.
#[derive(Debug)]
pub(super) struct Reader {
    localtime: PathBuf,
    paths: Paths,
    zone: Slowly<TimeZone>,
    /// What there is, and what is used, by device.
    sources: Vec<[HostFile; 2]>,
    last: Arc<Vec<(Vec<String>, String)>>,
}

impl Reader {
    pub(super) fn new(paths: Paths) -> Self {
        let folder = |index: u32| paths.sys(format!("devices/system/clocksource/clocksource{index}"));
        let file = |folder: &PathBuf, name: &str| HostFile::new(folder.join(name), Shape::Whole);
        let devices = (0..).map(folder).take_while(|folder| folder.is_dir());
        let files = |folder: PathBuf| {
            ["available_clocksource", "current_clocksource"].map(|name| file(&folder, name))
        };
        let sources = devices.map(files).collect();
        Reader { localtime: LOCALTIME.into(), paths, zone: Slowly::new(), sources, last: Arc::default() }
    }

    /// What is used now.
    pub(super) fn read(
        &mut self,
        now: Instant,
        clock: Timestamp,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Clock>, ReadError> {
        let mut sources = Vec::with_capacity(self.sources.len());
        for [available, current] in &mut self.sources {
            let there_are = available.parse(buffer, |text| Some(names(text)))?.unwrap_or_default();
            let used = current.parse(buffer, |text| names(text).pop())?.unwrap_or_default();
            sources.push((there_are, used));
        }
        if sources != *self.last {
            self.last = Arc::new(sources);
        }
        let (paths, localtime) = (&self.paths, &self.localtime);
        // Without the file every clock shows UTC.
        let read = || {
            let data =
                std::fs::read(paths.resolved(localtime)).ok().filter(|data| data.len() <= LONGEST_ZONE);
            data.and_then(|data| TimeZone::tzif("", &data).ok()).unwrap_or(TimeZone::UTC)
        };
        let zone = self.zone.get(now, read).to_offset_info(clock);
        let zone = (zone.abbreviation().to_owned(), zone.offset().seconds());
        Ok(Some(Clock { sources: self.last.clone(), zone: Some(zone) }))
    }
}

/// The words of a line.
fn names(line: &[u8]) -> Vec<String> {
    words(line.trim_ascii()).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone an hour east of UTC that never changes: version 1 of the format alone has 32-bit
    /// times, version 2 repeats them with 64 bits and ends with a rule.
    pub(super) fn an_hour_east() -> Vec<u8> {
        let block = |version: u8| {
            let mut block = b"TZif".to_vec();
            block.push(version);
            block.extend([0; 15]);
            // Counts: UT flags, standard flags, leap seconds, transitions, types, letters.
            for count in [0_u32, 0, 0, 0, 1, 4] {
                block.extend(count.to_be_bytes());
            }
            block.extend(3600_i32.to_be_bytes());
            block.extend([0, 0]);
            block.extend(b"CET\0");
            block
        };
        [block(b'2'), block(b'2'), b"\nCET-1\n".to_vec()].concat()
    }

    fn machine() -> (tempfile::TempDir, Paths) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/devices/system/clocksource/clocksource0");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("available_clocksource"), "tsc hpet acpi_pm \n").unwrap();
        std::fs::write(folder.join("current_clocksource"), "tsc\n").unwrap();
        let paths =
            Paths { procfs: "/proc".into(), sysfs: root.path().join("sys"), rootfs: root.path().into() };
        (root, paths)
    }

    #[test]
    fn the_zone_is_the_hosts_also_where_its_link_is_absolute() {
        let (root, paths) = machine();
        let zones = root.path().join("usr/share/zoneinfo/Europe");
        std::fs::create_dir_all(&zones).unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(zones.join("Berlin"), an_hour_east()).unwrap();
        let link = root.path().join("etc/localtime");
        std::os::unix::fs::symlink("/usr/share/zoneinfo/Europe/Berlin", &link).unwrap();
        let mut reader = Reader::new(paths);
        let clock = reader.read(Instant::now(), Timestamp::UNIX_EPOCH, &mut Vec::new()).unwrap().unwrap();
        assert_eq!(clock.zone, Some(("CET".to_owned(), 3600)));
        let there_are = ["tsc", "hpet", "acpi_pm"].map(str::to_owned).to_vec();
        assert_eq!(*clock.sources, [(there_are, "tsc".to_owned())]);
    }

    #[test]
    fn without_a_zone_a_machine_is_in_utc() {
        let (root, paths) = machine();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/localtime"), "nonsense").unwrap();
        let mut reader = Reader::new(paths);
        let clock = reader.read(Instant::now(), Timestamp::UNIX_EPOCH, &mut Vec::new()).unwrap().unwrap();
        assert_eq!(clock.zone, Some(("UTC".to_owned(), 0)));
    }
}
