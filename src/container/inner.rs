//! The cgroups that a container has made below its own.
//!
//! A nested engine or a service manager moves its processes there. Most files of a cgroup speak
//! for all below it; `cgroup.procs` (`cgroups(7)`) lists only its own. Most containers have made
//! none, which the count of links of the folder tells without listing it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Links of a folder without folders in it: its name and its own `.`.
const LINKS_WITHOUT_FOLDERS: u64 = 2;

/// A container may make as many cgroups as it likes; of one that makes more than this, the
/// processes are not counted at all.
const MOST_GROUPS: usize = 1000;

/// Every cgroup below a folder; none where there are too many to look at.
///
/// # Errors
/// What the kernel answers for the folder itself; an inner one may vanish at any time.
pub(super) fn groups(folder: &Path) -> io::Result<Option<Vec<PathBuf>>> {
    let mut found = below(folder)?;
    let mut next = 0;
    while let Some(group) = found.get(next) {
        let inner = below(group).unwrap_or_default();
        found.extend(inner);
        if found.len() > MOST_GROUPS {
            return Ok(None);
        }
        next += 1;
    }
    Ok(Some(found))
}

fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if fs::metadata(folder)?.nlink() == LINKS_WITHOUT_FOLDERS {
        return Ok(Vec::new());
    }
    let folders = fs::read_dir(folder)?.filter_map(Result::ok);
    let folders = folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(folders.map(|entry| entry.path()).take(MOST_GROUPS + 1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_every_depth_are_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.procs"), "").unwrap();
        assert_eq!(groups(folder.path()).unwrap(), Some(Vec::new()));
        fs::create_dir_all(folder.path().join("docker/c1")).unwrap();
        fs::create_dir(folder.path().join("init")).unwrap();
        let mut found = groups(folder.path()).unwrap().unwrap();
        found.sort();
        let expected = ["docker", "docker/c1", "init"].map(|inner| folder.path().join(inner));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_container_that_makes_very_many_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=MOST_GROUPS {
            fs::create_dir(folder.path().join(number.to_string())).unwrap();
        }
        assert_eq!(groups(folder.path()).unwrap(), None);
    }

    #[test]
    fn a_cgroup_that_is_gone_is_an_error() {
        let error = groups(Path::new("/no/such/cgroup")).unwrap_err();
        assert!(super::super::file::is_gone(&error));
    }
}
