//! What survives: power cuts at any byte, flipped bytes, full disks, clocks that are set, readers
//! in between.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use super::*;
use crate::history::bin::Bin;
use crate::history::store::Span;
use crate::history::tier::Step;
use crate::inventory::ContainerId;
use crate::tenant::{LabelValue, Tenant};

/// Files in memory, with so much room.
#[derive(Clone, Debug)]
struct Disk(Arc<Mutex<Inner>>);

/// Files by name, and bytes that fit yet.
type Inner = (BTreeMap<String, Vec<u8>>, usize);

impl Disk {
    fn new() -> Self {
        Disk(Arc::new(Mutex::new((BTreeMap::new(), usize::MAX))))
    }

    fn holding(files: BTreeMap<String, Vec<u8>>) -> Self {
        Disk(Arc::new(Mutex::new((files, usize::MAX))))
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.lock().unwrap().0.clone()
    }

    /// Leaves so many bytes of room from now on.
    fn leave(&self, room: usize) {
        self.0.lock().unwrap().1 = room;
    }
}

impl Files for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files().into_keys().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.files().remove(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        let fits = bytes.len().min(inner.1);
        inner.1 -= fits;
        inner.0.entry(name.to_owned()).or_default().extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.0.get_mut(name).ok_or(io::ErrorKind::NotFound)?.truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let removed = self.0.lock().unwrap().0.remove(name);
        removed.map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

const NOON: i64 = 1_800_000_000_000;

fn options() -> Options {
    Options { path: None, retention: Retention::default(), memory_bytes: 64 << 20, disk_bytes: 64 << 20 }
}

fn id(number: u8) -> ContainerId {
    format!("{number:02x}").repeat(32).parse().unwrap()
}

fn about(name: &str) -> Option<Arc<About>> {
    let tenant = Tenant::claimed(Some("ann"), Some("shop"), None);
    Some(Arc::new(About { name: LabelValue::clean(name), tenant }))
}

/// Two containers at the `n`th moment.
fn taken(n: i64) -> Vec<Taken> {
    let one = |number: u8| {
        let key = Key::Container(id(number));
        let counters = (0..key.counters() as u64).map(|place| Some(n as u64 * 1_000 * (place + 1))).collect();
        let wave = n as u64 * 7_919 % 101;
        let gauges = (0..key.gauges() as u64).map(|place| Some(wave * 4_096 + place)).collect();
        Taken { key, about: about(&format!("shop-{number}")), sample: Sample { counters, gauges } }
    };
    vec![one(1), one(2)]
}

fn open(disk: &Disk) -> (Keeper, Vec<Unread>) {
    Keeper::on(&options(), Some(Box::new(disk.clone()))).unwrap()
}

fn run(keeper: &mut Keeper, moments: std::ops::Range<i64>) {
    moments.for_each(|n| keeper.take(NOON + n * 5_000, &taken(n)));
}

fn bins(keeper: &Keeper, step: Step) -> Vec<Bin> {
    let span = keeper.shared.store().span(Key::Container(id(1)), step, 0, i64::MAX / 4);
    span.as_ref().map(Span::bins).unwrap_or_default()
}

fn all(keeper: &Keeper) -> [Vec<Bin>; 4] {
    Step::ALL.map(|step| bins(keeper, step))
}

#[test]
fn after_a_start_everything_is_as_it_was_and_goes_on_in_the_same_files() {
    let disk = Disk::new();
    let (mut keeper, _) = open(&disk);
    run(&mut keeper, 0..100);
    let before = all(&keeper);
    drop(keeper);
    let names: Vec<_> = disk.files().into_keys().collect();
    let (mut again, torn) = open(&disk);
    assert_eq!((torn, all(&again)), (vec![], before));
    assert_eq!(again.shared.store().about(Key::Container(id(2))), about("shop-2").as_ref());
    run(&mut again, 100..150);
    assert_eq!(disk.files().into_keys().collect::<Vec<_>>(), names);
    let (mut whole, _) = Keeper::on(&options(), None).unwrap();
    run(&mut whole, 0..150);
    assert_eq!(all(&again), all(&whole), "a start leaves no trace");
}

/// Cuts the file of the finest step at every offset: what was whole before it is there, and
/// the history goes on.
#[test]
fn a_power_cut_at_any_byte_costs_only_the_record_that_it_tore() {
    let disk = Disk::new();
    let (mut keeper, _) = open(&disk);
    let mut ends = Vec::new();
    let name = "5s-0000000000.history";
    for n in 0..30 {
        run(&mut keeper, n..n + 1);
        ends.push(disk.files()[name].len());
    }
    let (files, whole) = (disk.files(), bins(&keeper, Step::Seconds5));
    for cut in 0..=files[name].len() {
        let mut files = files.clone();
        files.get_mut(name).unwrap().truncate(cut);
        let disk = Disk::holding(files);
        let (mut keeper, torn) = open(&disk);
        let kept = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(bins(&keeper, Step::Seconds5), whole[..kept], "cut at {cut}");
        let at_an_end = ends.contains(&cut) || cut == 0 || cut == crate::history::segment::HEADER;
        assert_eq!(torn.is_empty(), at_an_end, "cut at {cut}: {torn:?}");
        run(&mut keeper, 40..43);
        let (again, torn) = open(&disk);
        assert_eq!(torn, []);
        let times: Vec<i64> = bins(&again, Step::Seconds5)[kept..].iter().map(|bin| bin.at).collect();
        assert_eq!(times, [40, 41, 42].map(|n| NOON + n * 5_000), "cut at {cut}");
    }
}

#[test]
fn a_flipped_byte_never_makes_a_wrong_number() {
    let disk = Disk::new();
    let (mut keeper, _) = open(&disk);
    run(&mut keeper, 0..40);
    let (files, whole) = (disk.files(), all(&keeper));
    for (name, bytes) in &files {
        for place in 0..bytes.len() {
            let mut files = files.clone();
            files.get_mut(name).unwrap()[place] ^= 1 << (place % 8);
            let (keeper, torn) = open(&Disk::holding(files));
            assert_eq!(torn.len(), 1, "{name} at {place}");
            let fine = bins(&keeper, Step::Seconds5);
            assert_eq!(fine, whole[0][..fine.len()], "{name} at {place}");
            assert!(name.starts_with("5s") || fine.len() == 40, "files do not harm each other");
        }
    }
}

#[test]
fn files_of_another_form_are_never_read_an_old_one_goes_and_a_new_one_stays() {
    let disk = Disk::new();
    let (mut keeper, _) = open(&disk);
    run(&mut keeper, 0..100);
    for (form, stays) in [(b'1', false), (b'3', true)] {
        let mut files = disk.files();
        files.values_mut().for_each(|bytes| bytes[18] = form);
        let other = Disk::holding(files.clone());
        let (mut again, unread) = open(&other);
        assert_eq!(unread.len(), files.len());
        let why = if stays { Why::Newer('3') } else { Why::Older('1') };
        assert!(unread.iter().all(|one| one.why == why), "{unread:?}");
        assert!(all(&again).iter().all(Vec::is_empty));
        run(&mut again, 200..203);
        let kept = other.files();
        assert!(files.iter().all(|(name, bytes)| (kept.get(name) == Some(bytes)) == stays), "{form}");
        assert_eq!(bins(&open(&other).0, Step::Seconds5).len(), 3, "and goes on beside it");
    }
}

#[test]
fn a_full_disk_pauses_writing_and_never_sampling_and_writing_goes_on_by_itself() {
    for room in [0, 1, 20, 100, 1_000] {
        let disk = Disk::new();
        let (mut keeper, _) = open(&disk);
        run(&mut keeper, 0..20);
        disk.leave(room);
        run(&mut keeper, 20..60);
        assert!(keeper.shared.standing().paused);
        assert_eq!(bins(&keeper, Step::Seconds5).len(), 60, "in memory all is there");
        disk.leave(usize::MAX);
        run(&mut keeper, 60..80);
        assert!(!keeper.shared.standing().paused);
        let (again, torn) = open(&disk);
        assert_eq!(torn, [], "what the full disk tore was cut off");
        let times: Vec<i64> =
            bins(&again, Step::Seconds5).iter().map(|bin| (bin.at - NOON) / 5_000).collect();
        assert_eq!(times[..20], (0..20).collect::<Vec<_>>());
        assert_eq!(times[times.len() - 10..], (70..80).collect::<Vec<_>>());
    }
}

#[test]
fn files_are_bounded_and_the_newest_stay() {
    let disk = Disk::new();
    let options = Options { disk_bytes: 300_000, ..options() };
    let (mut keeper, _) = Keeper::on(&options, Some(Box::new(disk.clone()))).unwrap();
    run(&mut keeper, 0..20_000);
    let bytes: usize = disk.files().values().map(Vec::len).sum();
    assert!(bytes < 330_000, "{bytes}");
    assert_eq!(keeper.shared.standing().disk_bytes, Some(bytes as u64));
    let (again, _) = Keeper::on(&options, Some(Box::new(disk))).unwrap();
    assert_eq!(bins(&again, Step::Seconds5).last().unwrap().at, NOON + 19_999 * 5_000);
}

#[test]
fn a_start_keeps_within_the_memory_whatever_the_files_hold() {
    let disk = Disk::new();
    let (mut keeper, _) = open(&disk);
    run(&mut keeper, 0..3_000);
    let small = Options { memory_bytes: 150_000, ..options() };
    let (again, _) = Keeper::on(&small, Some(Box::new(disk))).unwrap();
    let standing = again.shared.standing();
    assert!(standing.memory_bytes <= 150_000 && standing.forgotten > 0, "{standing:?}");
    assert_eq!(bins(&again, Step::Seconds5).last(), bins(&keeper, Step::Seconds5).last());
}

#[test]
fn what_is_too_old_is_deleted_whole_files_at_a_time() {
    let disk = Disk::new();
    let (mut keeper, _) = open(&disk);
    run(&mut keeper, 0..3_000);
    let fine = disk.files().keys().filter(|name| name.starts_with("5s-")).count();
    assert!((8..=10).contains(&fine), "an hour in eight files: {fine}");
    assert!(bins(&keeper, Step::Seconds5).len() < 720 + 2 * 120);
}

#[test]
fn a_clock_that_was_ahead_for_some_minutes_leaves_nothing_behind() {
    let disk = Disk::new();
    let (mut keeper, _) = open(&disk);
    run(&mut keeper, 0..100);
    let right = bins(&keeper, Step::Seconds5);
    // A day ahead, for some minutes.
    run(&mut keeper, 17_280..17_330);
    // Set right: believed after five minutes.
    run(&mut keeper, 220..300);
    let times = |keeper: &Keeper| -> Vec<i64> {
        bins(keeper, Step::Seconds5).iter().map(|bin| (bin.at - NOON) / 5_000).collect()
    };
    let expected: Vec<i64> = (0..100).chain(279..300).collect();
    assert_eq!(times(&keeper), expected);
    assert_eq!(bins(&keeper, Step::Seconds5)[..100], right);
    let next = &bins(&keeper, Step::Seconds5)[100];
    assert_eq!(next.counters[0], Some(180_000), "it grew since the last sample that is left");
    let (again, torn) = open(&disk);
    assert_eq!((times(&again), torn), (expected, vec![]), "so say the files");
    assert_eq!(bins(&again, Step::Hour).len(), 2, "noon itself ends an hour");
}

#[test]
fn two_readers_during_expiry_see_what_was_there_when_they_asked() {
    let (mut keeper, _) = Keeper::on(&options(), None).unwrap();
    run(&mut keeper, 0..1_000);
    let ask = || keeper.shared.store().span(Key::Container(id(1)), Step::Seconds5, 0, i64::MAX / 4).unwrap();
    let (one, other) = (ask(), ask());
    let before = one.bins();
    let shared = keeper.shared();
    std::thread::scope(|scope| {
        let reader = |span: Span, before: &[Bin]| {
            for _ in 0..20 {
                assert_eq!(span.bins(), before);
                let now = shared
                    .store()
                    .span(Key::Container(id(1)), Step::Seconds5, 0, i64::MAX / 4)
                    .unwrap()
                    .bins();
                assert!(now.is_sorted_by_key(|bin| bin.at) && now.len() >= 720);
            }
        };
        let before = &before;
        scope.spawn(move || reader(one, before));
        scope.spawn(move || reader(other, before));
        run(&mut keeper, 1_000..3_000);
    });
    assert!(bins(&keeper, Step::Seconds5)[0].at > before[0].at, "it was expired meanwhile");
}

#[test]
fn samples_that_come_more_often_are_thinned_out() {
    let (mut keeper, _) = Keeper::on(&options(), None).unwrap();
    let mut kept = 0;
    for n in 0..60 {
        if keeper.wants(NOON + n * 1_000) {
            keeper.take(NOON + n * 1_000, &taken(n));
            kept += 1;
        }
    }
    assert_eq!(kept, 12);
}
