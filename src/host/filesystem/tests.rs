//! File systems that answer, refuse and hang.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use regex::Regex;

use super::super::background::STUCK_AFTER;
use super::mounts::Excluded;
use super::*;
use crate::metrics::text::{Dialect, TextEncoder};

const TABLE: &str = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                     2 1 8:2 / /denied ro - ext4 /dev/sdb rw\n\
                     3 1 0:40 / /nfs rw - nfs4 server:/export rw\n";

fn page(filesystems: Filesystems) -> String {
    let host = Host { filesystems: Some(filesystems), ..Host::default() };
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    collect(&host, &mut encoder);
    let page = String::from_utf8(encoder.finish()).unwrap();
    page.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_mount_that_hangs_is_an_error_in_time_and_costs_the_others_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("1")).unwrap();
    std::fs::write(folder.path().join("1/mountinfo"), TABLE).unwrap();
    let paths = Paths { procfs: folder.path().into(), ..Paths::default() };
    let none = Regex::new("^$").unwrap();
    let table = MountTable::new(&paths, Excluded { mount_points: none.clone(), types: none });
    let (hold, trap) = channel::<()>();
    let trap = Mutex::new(trap);
    let statfs = move |path: &PathBuf| match path.to_str() {
        Some("/denied") => Err("permission denied".to_owned()),
        Some("/nfs") => {
            let _ = trap.lock().unwrap().recv();
            Ok(Usage { size: 7, ..Usage::default() })
        }
        _ => Ok(Usage { size: 5, free: 4, available: 3, files: 2, files_free: 1 }),
    };
    let mut reader = Reader::new(paths, table, Box::new(statfs));
    let now = Instant::now();
    let read = |reader: &mut Reader, now: Instant| {
        reader.begin(Some("/nfs/docker"), now, &mut Vec::new()).unwrap();
        reader.finish(now)
    };
    let first = loop {
        let read = read(&mut reader, now);
        // A busy machine may take longer than a moment.
        if read.mounted.len() == 2 {
            break page(read);
        }
    };
    let denied = r#"device="/dev/sdb",mountpoint="/denied",fstype="ext4",device_error="permission denied""#;
    let fine = r#"device="/dev/sda1",mountpoint="/",fstype="ext4",device_error="""#;
    assert!(first.contains(&format!("node_filesystem_size_bytes{{{fine}}} 5\n")), "{first}");
    assert!(first.contains(&format!("node_filesystem_files_free{{{fine}}} 1\n")), "{first}");
    assert!(first.contains(&format!("node_filesystem_device_error{{{denied}}} 1\n")), "{first}");
    assert!(first.contains(&format!("node_filesystem_readonly{{{denied}}} 1\n")), "{first}");
    assert!(!first.contains("node_filesystem_device_error{device=\"server"), "too early to say: {first}");
    let stuck = page(read(&mut reader, now + STUCK_AFTER));
    let late = r#"device="server:/export",mountpoint="/nfs",fstype="nfs4",device_error="mountpoint timeout""#;
    assert!(stuck.contains(&format!("node_filesystem_device_error{{{late}}} 1\n")), "{stuck}");
    assert!(stuck.contains(&format!("node_filesystem_size_bytes{{{fine}}} 5\n")), "{stuck}");
    let root = r#"dockmeter_docker_data_root_info{path="/nfs/docker",device="server:/export",mountpoint="/nfs",fstype="nfs4"} 1"#;
    assert!(stuck.contains(root), "{stuck}");
    drop(hold);
    let back = r#"node_filesystem_size_bytes{device="server:/export",mountpoint="/nfs",fstype="nfs4",device_error=""} 7"#;
    while !page(read(&mut reader, now + STUCK_AFTER)).contains(back) {}
}

#[test]
fn the_kernel_says_of_the_root_what_it_says_to_df() {
    let usage = statfs(Path::new("/")).unwrap();
    assert!(usage.size >= usage.free && usage.free >= usage.available && usage.size > 0, "{usage:?}");
    assert_eq!(statfs(Path::new("/no such folder")), Err("no such file or directory".to_owned()));
}
