//! What is chosen of a journal, and what stands in the way of taking it back.

use jiff::Timestamp;

use super::super::journal::Beginning;
use super::*;

const MIB: i64 = 1 << 20;

fn entry(number: u64, name: &str, state: State) -> Entry {
    let settings = |nano_cpus, memory| EngineSettings {
        nano_cpus,
        memory,
        memory_swap: memory,
        ..EngineSettings::default()
    };
    let change = Beginning {
        who: String::new(),
        engine: String::new(),
        container: "ab".repeat(32),
        name: name.into(),
        user: String::new(),
        project: String::new(),
        team: String::new(),
        recommendations: Vec::new(),
        before: settings(2_000_000_000, 256 * MIB),
        after: settings(1_000_000_000, 64 * MIB),
    };
    Entry { number, at: Timestamp::UNIX_EPOCH, change, state, reason: None }
}

fn numbers(entries: &[Entry], choice: &Choice) -> Vec<u64> {
    chosen(entries, choice).unwrap().iter().map(|entry| entry.number).collect()
}

#[test]
fn the_newest_comes_first_and_what_is_over_is_not_chosen() {
    let entries = [
        entry(1, "web", State::Kept),
        entry(4, "db", State::RolledBack),
        entry(7, "web", State::Began),
        entry(9, "db", State::Kept),
    ];
    assert_eq!(numbers(&entries, &Choice::All), [9, 7, 1]);
    assert_eq!(numbers(&entries, &Choice::Last), [9]);
    assert_eq!(numbers(&entries, &Choice::Container("web".into())), [7, 1]);
    assert_eq!(numbers(&entries, &Choice::Number(1)), [1]);
    let refused = |number| chosen(&entries, &Choice::Number(number)).unwrap_err();
    assert_eq!(refused(4), "entry 4 is `rolled_back`: nothing of it is in force");
    assert!(refused(2).contains("has no entry 2"));
}

#[test]
fn an_entry_is_taken_back_whatever_of_it_was_done() {
    let entry = entry(1, "web", State::Began);
    let (before, after) = (entry.change.before, entry.change.after);
    let Way::Back(settings, back) = way(&entry, &after, Some(0), false) else { panic!("nothing") };
    assert_eq!(settings, [Setting::CpuLimit, Setting::MemoryLimit]);
    assert_eq!(back.update.applied_to(after), before);
    assert_eq!(way(&entry, &before, Some(0), false), Way::Nothing, "it was killed before it was done");
    let half = EngineSettings { nano_cpus: after.nano_cpus, ..before };
    let Way::Back(settings, back) = way(&entry, &half, Some(0), false) else { panic!("nothing") };
    assert_eq!((settings, back.update.applied_to(half)), (vec![Setting::CpuLimit], before));
}

#[test]
fn what_somebody_else_has_changed_is_overwritten_only_by_force() {
    let entry = entry(1, "web", State::Kept);
    let other = EngineSettings { memory: 128 * MIB, memory_swap: 128 * MIB, ..entry.change.after };
    let Way::Left(reason) = way(&entry, &other, Some(0), false) else { panic!("it is overwritten") };
    assert_eq!(
        reason,
        "changed since: memory_limit is 128 MiB and not 64 MiB; `--force` takes it back all the same"
    );
    let Way::Back(_, back) = way(&entry, &other, Some(0), true) else { panic!("force does nothing") };
    assert_eq!(back.update.applied_to(other), entry.change.before);
}
