//! Trees of every kind, compared with what `du` would say of them.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use proptest::prelude::*;
use rustix::fs::{CWD, Mode, OFlags};

use super::*;

fn open(path: &Path) -> OwnedFd {
    rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
}

fn finish(mut walk: Walk) -> Result<u64, WalkError> {
    loop {
        if let Step::Done(bytes) = walk.step()? {
            return Ok(bytes);
        }
    }
}

fn walked(path: &Path) -> u64 {
    finish(Walk::new(open(path)).unwrap()).unwrap()
}

/// The plain way: recursive, by paths, with every inode remembered.
fn expected(path: &Path, seen: &mut HashSet<u64>) -> u64 {
    let status = fs::symlink_metadata(path).unwrap();
    if !seen.insert(status.ino()) {
        return 0;
    }
    let own = status.blocks() * STAT_BLOCK;
    if !status.is_dir() {
        return own;
    }
    own + fs::read_dir(path).unwrap().map(|entry| expected(&entry.unwrap().path(), seen)).sum::<u64>()
}

fn fill(path: &Path, bytes: usize) {
    fs::write(path, vec![7; bytes]).unwrap();
}

#[test]
fn a_file_with_two_names_counts_once_and_a_sparse_one_what_it_takes() {
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path();
    fill(&root.join("a"), 100_000);
    let before = walked(root);
    assert!(before >= 100_000);
    fs::hard_link(root.join("a"), root.join("b")).unwrap();
    File::create(root.join("sparse")).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(walked(root), before);
}

#[test]
fn beyond_what_can_be_remembered_every_name_counts_its_part() {
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path();
    for file in ["a", "b", "c"] {
        fill(&root.join(file), 8192);
        fs::hard_link(root.join(file), root.join(format!("{file}2"))).unwrap();
    }
    let mut walk = Walk::new(open(root)).unwrap();
    walk.linked.most = 1;
    assert_eq!(finish(walk).unwrap(), walked(root));
}

#[test]
fn links_lead_nowhere() {
    let tree = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    fill(&other.path().join("big"), 1 << 20);
    symlink(".", tree.path().join("loop")).unwrap();
    symlink(other.path(), tree.path().join("out")).unwrap();
    symlink(other.path().join("big"), tree.path().join("file")).unwrap();
    assert!(walked(tree.path()) < 1 << 19);
}

#[test]
fn a_folder_that_is_replaced_by_a_link_or_moved_away_leads_nobody_out() {
    let tree = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    fill(&other.path().join("big"), 1 << 20);
    let inner = tree.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let mut walk = Walk::new(open(tree.path())).unwrap();
    assert_eq!(walk.step().unwrap(), Step::More, "the name `inner` has been read");
    fs::rename(&inner, other.path().join("inner")).unwrap();
    symlink(other.path(), &inner).unwrap();
    assert!(finish(walk).unwrap() < 1 << 19);
}

#[test]
fn a_folder_renamed_while_it_is_walked_is_walked_to_its_end() {
    let tree = tempfile::tempdir().unwrap();
    let inner = tree.path().join("inner");
    fs::create_dir(&inner).unwrap();
    // More names than one block holds.
    for file in 0..500 {
        fill(&inner.join(format!("a-file-with-a-long-name-{file}")), 4096);
    }
    let whole = walked(tree.path());
    let mut walk = Walk::new(open(tree.path())).unwrap();
    for _ in 0..4 {
        assert_eq!(walk.step().unwrap(), Step::More);
    }
    fs::rename(&inner, tree.path().join("renamed")).unwrap();
    assert_eq!(finish(walk).unwrap(), whole);
}

#[test]
fn what_vanishes_during_the_walk_is_left_out() {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("a/b")).unwrap();
    fill(&tree.path().join("a/b/file"), 1 << 20);
    let mut walk = Walk::new(open(tree.path())).unwrap();
    assert_eq!(walk.step().unwrap(), Step::More);
    fs::remove_dir_all(tree.path().join("a")).unwrap();
    assert!(finish(walk).unwrap() < 1 << 19);
}

#[test]
fn a_tree_that_is_too_deep_is_refused_rather_than_counted_in_part() {
    let tree = tempfile::tempdir().unwrap();
    let mut path = tree.path().to_owned();
    for _ in 0..DEEPEST {
        path.push("d");
    }
    fs::create_dir_all(&path).unwrap();
    let refused = finish(Walk::new(open(tree.path())).unwrap());
    assert!(matches!(refused, Err(WalkError::TooDeep)), "{refused:?}");
    walked(&tree.path().join("d"));
}

/// What happens in a folder that a tenant can write to.
#[derive(Clone, Debug)]
enum Change {
    File(usize, usize, usize),
    Folder(usize, usize),
    Link(usize, usize),
    Symlink(usize),
    Rename(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..20_usize, 0..20_usize, 0..40_000_usize)
            .prop_map(|(at, name, bytes)| Change::File(at, name, bytes)),
        (0..20_usize, 0..20_usize).prop_map(|(at, name)| Change::Folder(at, name)),
        (0..20_usize, 0..20_usize).prop_map(|(from, to)| Change::Link(from, to)),
        (0..20_usize).prop_map(Change::Symlink),
        (0..20_usize, 0..20_usize).prop_map(|(from, to)| Change::Rename(from, to)),
    ]
}

/// Makes a change; one that is impossible changes nothing.
fn apply(root: &Path, change: &Change) {
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    let folder = |at: &usize| &folders[at % folders.len()];
    let _ = match change {
        Change::File(at, name, bytes) => fs::write(folder(at).join(format!("f{name}")), vec![1; *bytes]),
        Change::Folder(at, name) => fs::create_dir(folder(at).join(format!("d{name}"))),
        Change::Link(from, to) if !files.is_empty() => {
            fs::hard_link(&files[from % files.len()], folder(to).join(format!("l{from}")))
        }
        Change::Link(..) => Ok(()),
        Change::Symlink(at) => symlink("..", folder(at).join("s")),
        Change::Rename(from, to) => fs::rename(folder(from), folder(to).join("moved")),
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_tree_counts_what_the_plain_way_counts(changes in proptest::collection::vec(change(), 0..40)) {
        let tree = tempfile::tempdir().unwrap();
        changes.iter().for_each(|change| apply(tree.path(), change));
        prop_assert_eq!(walked(tree.path()), expected(tree.path(), &mut HashSet::new()));
    }

    #[test]
    fn a_walk_among_changes_ends_without_an_error(
        before in proptest::collection::vec(change(), 0..30),
        during in proptest::collection::vec(change(), 0..30),
    ) {
        let tree = tempfile::tempdir().unwrap();
        before.iter().for_each(|change| apply(tree.path(), change));
        let mut walk = Walk::new(open(tree.path())).unwrap();
        let mut during = during.iter();
        let mut steps = 0;
        while walk.step().unwrap() == Step::More {
            during.next().into_iter().for_each(|change| apply(tree.path(), change));
            steps += 1;
            prop_assert!(steps < 10_000);
        }
    }
}
