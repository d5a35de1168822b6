//! A journal that is written, cut off anywhere, and gone on with.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn change(name: &str) -> Beginning {
    Beginning {
        who: "ann (uid 1000)".into(),
        engine: "unix:///var/run/docker.sock".into(),
        container: "ab".repeat(32),
        name: name.into(),
        user: "ann".into(),
        project: "shop".into(),
        team: "core".into(),
        recommendations: vec!["memory_limit/ann/shop/core//web".into()],
        before: EngineSettings { memory: 1 << 62, memory_swap: i64::MAX - 4095, ..EngineSettings::default() },
        after: EngineSettings { memory: 1 << 26, memory_swap: -1, ..EngineSettings::default() },
    }
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state/dockmeter");
    assert_eq!(Journal::look(&folder).unwrap(), Read::default(), "there is none");
    let (mut journal, before) = Journal::open(&folder).unwrap();
    assert!(before.entries.is_empty());
    let first = journal.add(change("web")).unwrap();
    journal.say(first, State::Applied, None).unwrap();
    journal.say(first, State::Kept, None).unwrap();
    let second = journal.add(change("db")).unwrap();
    journal.say(second, State::RolledBack, Some("it restarted")).unwrap();
    assert_eq!((first, second), (1, 4));
    let read = Journal::look(&folder).unwrap();
    assert_eq!(read.broken, [0; 0]);
    let told: Vec<_> = read.entries.iter().map(|entry| (entry.number, entry.state)).collect();
    assert_eq!(told, [(1, State::Kept), (4, State::RolledBack)]);
    assert_eq!(read.entries[1].reason.as_deref(), Some("it restarted"));
    assert_eq!(read.entries[0].change, change("web"));
    let mode = fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn two_never_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Journal::open(folder.path()).unwrap();
    let busy = Journal::open(folder.path()).unwrap_err();
    assert!(busy.to_string().contains("is at work in"), "{busy}");
    drop(first);
    Journal::open(folder.path()).unwrap();
}

#[test]
fn cut_at_any_byte_it_keeps_what_was_whole_and_goes_on() {
    // In memory, where thousands of times nothing is waited for.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let file = folder.path().join(FILE);
    {
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        let first = journal.add(change("web")).unwrap();
        journal.say(first, State::Applied, None).unwrap();
        journal.add(change("db")).unwrap();
    }
    let whole = fs::read(&file).unwrap();
    let all = read(&whole).entries;
    for length in 0..=whole.len() {
        let cut = &whole[..length];
        let lines = cut.iter().filter(|byte| **byte == b'\n').count();
        let told = read(cut);
        // A line without its end may be whole all the same.
        let torn = cut.last().is_some_and(|last| *last != b'\n');
        let seen = lines + usize::from(torn && told.broken.is_empty());
        assert_eq!(told.entries.len(), [0, 1, 1, 2][seen], "{length}");
        assert!(told.entries.iter().zip(&all).all(|(cut, whole)| cut.change == whole.change));
        assert!(told.broken.is_empty() || told.broken == [lines + 1], "{length}: {:?}", told.broken);

        fs::write(&file, cut).unwrap();
        let (mut journal, before) = Journal::open(folder.path()).unwrap();
        assert_eq!(before.entries, told.entries);
        let number = journal.add(change("new")).unwrap();
        journal.say(number, State::Kept, None).unwrap();
        let after = Journal::look(folder.path()).unwrap();
        assert_eq!(after.entries.len(), told.entries.len() + 1, "{length}");
        let new = after.entries.last().unwrap();
        assert_eq!((new.number, new.state, new.change.name.as_str()), (number, State::Kept, "new"));
        assert_eq!(after.broken, told.broken);
    }
}

#[test]
fn lines_that_are_none_of_ours_cost_themselves_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(folder.path()).unwrap();
    journal.add(change("web")).unwrap();
    let good = fs::read_to_string(folder.path().join(FILE)).unwrap();
    let orphan = r#"{"entry":9,"at":"2026-10-01T00:00:00Z","event":"kept"}"#;
    let read = read(format!("nonsense\n{good}\n{orphan}\n{good}\u{fffd}\n").as_bytes());
    assert_eq!((read.entries.len(), read.broken), (1, vec![1, 4, 5, 6]));
}

#[test]
fn a_folder_that_may_not_be_written_is_named_with_what_to_do() {
    let error = Journal::open(Path::new("/dev/null/journal")).unwrap_err().to_string();
    assert!(error.contains("/dev/null/journal") && error.contains("--journal"), "{error}");
}
