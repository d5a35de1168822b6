//! `node_network_{up,info,mtu_bytes,…}`: properties of network devices.
//!
//! Source: `/sys/class/net/DEVICE/*`, more than twenty files a device of which hardly any ever
//! changes. Two tell when to look: `flags` and `carrier_changes` are read each time, and the
//! rest when one of them has changed (and for a while after, since `operstate` follows late),
//! and every minute.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::scan;
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::paths::Paths;
use crate::snapshot::host::{Host, NetClass};

/// How long properties count that nothing announces, as the longest packet.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// How long the state of a device may follow a change of its link.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

/// Every file here is shorter.
const LONGEST: usize = 512;

/// The bit of `flags` that an administrator sets.
const IFF_UP: i64 = 1;

/// The families of [`NetClass::NUMBERS`], in their order.
static NUMBERS: [&Metric; NetClass::NUMBERS.len()] = [
    &c::NETCLASS_ADDRESS_ASSIGN_TYPE,
    &c::NETCLASS_CARRIER,
    &c::NETCLASS_CARRIER_CHANGES,
    &c::NETCLASS_CARRIER_UP,
    &c::NETCLASS_CARRIER_DOWN,
    &c::NETCLASS_DEVICE_ID,
    &c::NETCLASS_DORMANT,
    &c::NETCLASS_FLAGS,
    &c::NETCLASS_IFACE_ID,
    &c::NETCLASS_IFACE_LINK,
    &c::NETCLASS_IFACE_LINK_MODE,
    &c::NETCLASS_MTU,
    &c::NETCLASS_NAME_ASSIGN_TYPE,
    &c::NETCLASS_GROUP,
    &c::NETCLASS_SPEED,
    &c::NETCLASS_QUEUE_LENGTH,
    &c::NETCLASS_PROTOCOL_TYPE,
];

/// Where `flags` and `speed` stand.
const FLAGS: usize = 7;
const SPEED: usize = 14;

/// The devices that are known.
#[derive(Debug)]
pub(super) struct Reader {
    paths: Paths,
    known: BTreeMap<String, Known>,
}

/// One device.
#[derive(Debug)]
struct Known {
    folder: OwnedFd,
    /// Files whose change tells that others have changed, with what they said last.
    tells: [(OwnedFd, Vec<u8>); 2],
    class: Arc<NetClass>,
    read_at: Instant,
    changed_at: Option<Instant>,
}

impl Reader {
    pub(super) fn new(paths: Paths) -> Self {
        Reader { paths, known: BTreeMap::new() }
    }

    /// The properties of these devices; one that is not in `/sys` is left out.
    pub(super) fn read<'d>(
        &mut self,
        devices: impl Iterator<Item = &'d str>,
        now: Instant,
    ) -> Vec<Arc<NetClass>> {
        let mut before = std::mem::take(&mut self.known);
        for device in devices {
            let known = before.remove(device).and_then(|known| known.refreshed(now).ok());
            // New, or another device by an old name.
            let known = known.or_else(|| self.open(device, now).ok());
            if let Some(known) = known {
                self.known.insert(device.to_owned(), known);
            }
        }
        self.known.values().map(|known| known.class.clone()).collect()
    }

    fn open(&self, device: &str, now: Instant) -> Result<Known, Errno> {
        let path = self.paths.sys("class/net").join(device);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&path, flags, Mode::empty())?;
        let tell = |name| {
            let file = open_at(&folder, name)?;
            let text = read(&file)?;
            Ok::<_, Errno>((file, text))
        };
        let tells = [tell("flags")?, tell("carrier_changes")?];
        let class = Arc::new(properties(device, &folder));
        Ok(Known { folder, tells, class, read_at: now, changed_at: None })
    }
}

impl Known {
    /// The device as it is now.
    fn refreshed(mut self, now: Instant) -> Result<Known, Errno> {
        for (file, said) in &mut self.tells {
            let says = read(file)?;
            if says != *said {
                *said = says;
                self.changed_at = Some(now);
            }
        }
        let settles = self.changed_at.is_some_and(|at| now.duration_since(at) <= SETTLES_WITHIN);
        if settles || now.duration_since(self.read_at) >= READ_AGAIN {
            self.class = Arc::new(properties(&self.class.device, &self.folder));
            self.read_at = now;
        }
        Ok(self)
    }
}

/// Reads every property; what the device does not have, or does not tell while it is down, is
/// empty or `None`.
fn properties(device: &str, folder: &OwnedFd) -> NetClass {
    let bytes = |name: &str| open_at(folder, name).and_then(|file| read(&file)).ok();
    let text = |name| bytes(name).map(|bytes| scan::text(bytes.trim_ascii())).unwrap_or_default();
    NetClass {
        device: device.to_owned(),
        address: text("address"),
        broadcast: text("broadcast"),
        duplex: text("duplex"),
        operstate: text("operstate"),
        ifalias: text("ifalias"),
        numbers: NetClass::NUMBERS.map(|name| number(bytes(name)?.trim_ascii())),
    }
}

/// A decimal number that may be negative, or a hexadecimal one after `0x`.
fn number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn open_at(folder: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

fn read(file: &OwnedFd) -> Result<Vec<u8>, Errno> {
    let mut text = vec![0; LONGEST];
    let read = rustix::io::pread(file, &mut text, 0)?;
    text.truncate(read);
    Ok(text)
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(devices) = &host.netclass else { return };
    let plain = LabelBlock::default();
    sink.family(&c::NETCLASS_UP);
    for device in devices {
        let up = u64::from(device.operstate == "up");
        sink.sample(&plain, &[("device", &device.device)], Value::Int(up));
    }
    sink.family(&c::NETCLASS_INFO);
    for device in devices {
        let own = [
            ("device", device.device.as_str()),
            ("address", &device.address),
            ("broadcast", &device.broadcast),
            ("duplex", &device.duplex),
            ("operstate", &device.operstate),
            ("adminstate", admin_state(device)),
            ("ifalias", &device.ifalias),
        ];
        sink.sample(&plain, &own, Value::Int(1));
    }
    for (index, metric) in NUMBERS.iter().enumerate() {
        sink.family(metric);
        for device in devices {
            if let Some(number) = device.numbers[index] {
                let value = if index == SPEED { bytes_per_second(number) } else { number as f64 };
                sink.sample(&plain, &[("device", &device.device)], Value::Float(value));
            }
        }
    }
}

fn admin_state(device: &NetClass) -> &'static str {
    match device.numbers[FLAGS] {
        Some(flags) if flags & IFF_UP != 0 => "up",
        Some(_) => "down",
        None => "unknown",
    }
}

/// From megabits a second.
fn bytes_per_second(megabits: i64) -> f64 {
    megabits as f64 * 125_000.0
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        let folder = root.join("class/net/eth0");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    #[test]
    fn properties_are_read_again_when_the_link_changes_and_every_minute() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("flags", "0x1003\n"),
            ("carrier_changes", "1\n"),
            ("operstate", "up\n"),
            ("mtu", "1500\n"),
            ("speed", "-1\n"),
        ];
        write(root.path(), &files);
        let mut reader = Reader::new(Paths { sysfs: root.path().into(), ..Paths::default() });
        let now = Instant::now();
        let mut read = |after: u64| {
            let classes = reader.read(["eth0", "missing"].into_iter(), now + Duration::from_secs(after));
            assert_eq!(classes.len(), 1);
            (classes[0].operstate.clone(), classes[0].numbers[11])
        };
        assert_eq!(read(0), ("up".to_owned(), Some(1500)));
        write(root.path(), &[("mtu", "9000\n")]);
        assert_eq!(read(1), ("up".to_owned(), Some(1500)), "nothing announces it");
        assert_eq!(read(60), ("up".to_owned(), Some(9000)));
        write(root.path(), &[("carrier_changes", "2\n")]);
        assert_eq!(read(61), ("up".to_owned(), Some(9000)));
        write(root.path(), &[("operstate", "down\n")]);
        assert_eq!(read(62), ("down".to_owned(), Some(9000)), "the state follows its link");
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal_and_a_speed_is_in_bytes() {
        assert_eq!(number(b"0x1003"), Some(0x1003));
        assert_eq!(number(b"-1"), Some(-1));
        assert_eq!(number(b"up"), None);
        assert_eq!(bytes_per_second(1000), 125_000_000.0);
        assert_eq!(NetClass::NUMBERS[FLAGS], "flags");
        assert_eq!(NetClass::NUMBERS[SPEED], "speed");
    }
}
