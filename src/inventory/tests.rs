//! Finding a container.

use super::*;

fn container(id: &str, name: &str, removed: bool) -> Container {
    Container {
        name: LabelValue::clean(name),
        image: LabelValue::clean("image"),
        tenant: Tenant::unknown(),
        state: State::new(Status::Running),
        removed_at: removed.then_some(Timestamp::UNIX_EPOCH),
        ..Container::new(format!("{id:0<64}").parse().unwrap(), Status::Created)
    }
}

/// The first digits of what is found among containers of (id, name, removed).
fn find(containers: &[(&str, &str, bool)], key: &str) -> Result<String, FindError> {
    let mut snapshot = Snapshot::default();
    for (id, name, removed) in containers {
        let container = container(id, name, *removed);
        snapshot.containers.insert(container.id, Arc::new(container));
    }
    snapshot.find(key, |_| true).map(|container| container.id.to_string().trim_end_matches('0').to_owned())
}

const TWO: &[(&str, &str, bool)] = &[("abc1", "api", false), ("abc2", "db", false)];

#[test]
fn a_container_is_found_by_name_full_id_or_unique_prefix() {
    assert_eq!(find(TWO, "db").unwrap(), "abc2");
    assert_eq!(find(TWO, "/db").unwrap(), "abc2");
    assert_eq!(find(TWO, &format!("{:0<64}", "abc1")).unwrap(), "abc1");
    assert_eq!(find(TWO, "abc1").unwrap(), "abc1");
    assert_eq!(find(TWO, "ABC2").unwrap(), "abc2");
}

#[test]
fn what_fits_several_containers_is_ambiguous_and_what_fits_none_is_unknown() {
    assert_eq!(find(TWO, "abc"), Err(FindError::Ambiguous("abc".into(), 2)));
    assert_eq!(find(TWO, "web"), Err(FindError::Unknown("web".into())));
    assert_eq!(find(TWO, "DB"), Err(FindError::Unknown("DB".into())));
    for empty in ["", "/"] {
        assert_eq!(find(TWO, empty), Err(FindError::Unknown(String::new())));
    }
}

#[test]
fn a_name_comes_before_an_id() {
    let containers = [("abc1", "api", false), ("dd", "abc1", false)];
    assert_eq!(find(&containers, "abc1").unwrap(), "dd");
}

#[test]
fn a_container_that_is_there_comes_before_removed_ones() {
    let containers = [("abc1", "api", true), ("abc2", "api", false), ("abc3", "api", true)];
    assert_eq!(find(&containers, "api").unwrap(), "abc2");
    assert_eq!(find(&containers, "abc").unwrap(), "abc2");
    assert_eq!(find(&containers, "abc3").unwrap(), "abc3");
    assert_eq!(find(&containers[..1], "api").unwrap(), "abc1");
}
