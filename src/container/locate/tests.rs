//! Hosts of every kind, by their `mountinfo` and one container's `/proc/PID/cgroup`.

use super::*;

const ID: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222222222222222222222222222";

const V2: &str = "25 22 0:21 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate";
const V1: &str = "31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd";

fn located(mountinfo: &str, proc_cgroup: &str) -> Result<Location, LocateError> {
    located_under(mountinfo, "/sys", proc_cgroup)
}

fn located_under(mountinfo: &str, sysfs: &str, proc_cgroup: &str) -> Result<Location, LocateError> {
    locate(ID.parse().unwrap(), proc_cgroup, &MountTable::parse(mountinfo, Path::new(sysfs)))
}

fn folder(path: &str) -> Option<Arc<Path>> {
    Some(Arc::from(Path::new(path)))
}

#[test]
fn the_systemd_driver_on_v2() {
    let found = located(V2, &format!("0::/system.slice/docker-{ID}.scope\n")).unwrap();
    assert_eq!(found.path, format!("/system.slice/docker-{ID}.scope"));
    assert_eq!(found.unified, folder(&format!("/sys/fs/cgroup/system.slice/docker-{ID}.scope")));
}

#[test]
fn the_cgroupfs_driver_on_v1_with_joint_controllers() {
    let text = format!("4:cpu,cpuacct:/docker/{ID}\n3:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}\n");
    let found = located(V1, &text).unwrap();
    assert_eq!(found.path, format!("/docker/{ID}"));
    assert_eq!(found.v1("cpuacct"), folder(&format!("/sys/fs/cgroup/cpu,cpuacct/docker/{ID}")).as_ref());
    assert_eq!(found.v1("memory"), folder(&format!("/sys/fs/cgroup/memory/docker/{ID}")).as_ref());
    assert_eq!(found.v1("pids"), None);
    assert_eq!(found.unified, None);
}

#[test]
fn a_hybrid_host_gives_both() {
    let mountinfo = format!("{V1}\n34 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw");
    let found = located(&mountinfo, &format!("3:memory:/docker/{ID}\n0::/docker/{ID}\n")).unwrap();
    assert!(found.v1("memory").is_some());
    assert_eq!(found.unified, folder(&format!("/sys/fs/cgroup/unified/docker/{ID}")));
}

#[test]
fn a_custom_parent_is_followed() {
    let found = located(V2, &format!("0::/team-a/shop/{ID}\n")).unwrap();
    assert_eq!(found.path, format!("/team-a/shop/{ID}"));
}

#[test]
fn a_nested_engines_outer_container_is_found_where_its_init_has_moved() {
    let found = located(V2, &format!("0::/docker/{ID}/init\n")).unwrap();
    assert_eq!(found.path, format!("/docker/{ID}"));
}

#[test]
fn an_inner_container_is_not_taken_for_the_outer_one() {
    let inner = format!("0::/docker/{OTHER}/docker/{ID}\n");
    assert_eq!(located(V2, &inner).unwrap().path, format!("/docker/{OTHER}/docker/{ID}"));
}

#[test]
fn another_containers_process_is_refused() {
    let reused_pid = format!("0::/docker/{OTHER}\n");
    assert_eq!(located(V2, &reused_pid), Err(LocateError::NotOfThisContainer));
    assert_eq!(located(V2, "0::/\n"), Err(LocateError::NotOfThisContainer));
}

#[test]
fn inside_a_container_the_hosts_mount_is_taken() {
    let mountinfo = format!(
        "700 699 0:21 /../{OTHER} /sys/fs/cgroup ro - cgroup2 cgroup rw
701 699 0:21 / /host/sys/fs/cgroup ro - cgroup2 cgroup rw"
    );
    let found = located_under(&mountinfo, "/host/sys", &format!("0::/docker/{ID}\n")).unwrap();
    assert_eq!(found.unified, folder(&format!("/host/sys/fs/cgroup/docker/{ID}")));
}

#[test]
fn a_private_cgroup_namespace_shows_the_host_above_itself() {
    let mountinfo = "701 699 0:21 /../.. /host/sys/fs/cgroup ro - cgroup2 cgroup rw";
    let found = located_under(mountinfo, "/host/sys", &format!("0::/../../docker/{ID}\n")).unwrap();
    assert_eq!(found.unified, folder(&format!("/host/sys/fs/cgroup/docker/{ID}")));
    assert_eq!(found.path, format!("/docker/{ID}"));
}

#[test]
fn a_hierarchy_that_is_not_mounted_is_said_so() {
    assert_eq!(located("", &format!("0::/docker/{ID}\n")), Err(LocateError::NotMounted));
}

#[test]
fn white_space_in_a_mount_point_is_unescaped() {
    let mountinfo = r"25 22 0:21 / /mnt/my\040groups rw - cgroup2 cgroup2 rw";
    let found = located(mountinfo, &format!("0::/docker/{ID}\n")).unwrap();
    assert_eq!(found.unified, folder(&format!("/mnt/my groups/docker/{ID}")));
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_table_and_a_place_or_an_error(mountinfo: String, cgroup: String) {
        let _ = located(&mountinfo, &cgroup);
    }
}
