//! Files as kernel 6.12 writes them for a busy container, and answers of Docker 20.10.

pub(crate) const CPU_STAT_V1: &[u8] = include_bytes!("../files/cpu.stat.v1");
pub(crate) const CPU_STAT_V2: &[u8] = include_bytes!("../files/cpu.stat.v2");
pub(crate) const MEMORY_STAT_V1: &[u8] = include_bytes!("../files/memory.stat.v1");
pub(crate) const MEMORY_STAT_V2: &[u8] = include_bytes!("../files/memory.stat.v2");
pub(crate) const MEMORY_EVENTS: &[u8] = include_bytes!("../files/memory.events");
pub(crate) const PRESSURE: &[u8] = include_bytes!("../files/cpu.pressure");
pub(crate) const IO_STAT: &[u8] = include_bytes!("../files/io.stat.v2");
pub(crate) const BLKIO: &[u8] = include_bytes!("../files/blkio.throttle.io_service_bytes_recursive");
pub(crate) const NET_DEV: &[u8] = include_bytes!("../files/net_dev");
pub(crate) const NET_SNMP: &[u8] = include_bytes!("../files/net_snmp");

/// `GET /containers/json` with two containers of a Compose project.
pub(crate) const CONTAINERS: &[u8] = include_bytes!("../files/containers.json");

/// `GET /containers/{id}/json` of one of them.
pub(crate) const INSPECT: &[u8] = include_bytes!("../files/inspect.json");

/// A line of `GET /events`: one has died.
pub(crate) const EVENT: &[u8] = include_bytes!("../files/event.json");
