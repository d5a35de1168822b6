//! Names of block devices.

use crate::paths::Paths;

/// The name of a block device, as `/dev/sda`; `/dev/block/MAJOR:MINOR` of one that the kernel
/// does not name. Source: `/sys/dev/block/MAJOR:MINOR/uevent`.
pub fn block_device(paths: &Paths, major: u32, minor: u32) -> String {
    let uevent = paths.sys(format!("dev/block/{major}:{minor}/uevent"));
    let uevent = std::fs::read_to_string(uevent).unwrap_or_default();
    let name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="));
    name.map_or_else(|| format!("/dev/block/{major}:{minor}"), |name| format!("/dev/{name}"))
}
