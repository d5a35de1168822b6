//! The families of what lies on disk: plain walks over a snapshot.

use jiff::Timestamp;

use crate::collect::{CollectError, Collector};
use crate::inventory::Occupied;
use crate::metrics::catalogue as c;
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::snapshot::{Disk, FileSystem, Reading, Snapshot};

/// `container_fs_usage_bytes` and its relatives.
#[derive(Debug)]
pub struct ContainerDiskCollector;

impl Collector for ContainerDiskCollector {
    fn name(&self) -> &'static str {
        "container_disk"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        file_systems(snapshot, sink);
        each(snapshot, sink, &c::FS_WRITABLE_LAYER, |reading, disk, sink| {
            if let Some(layer) = disk.writable_layer {
                sink.sample(&reading.labels, &[], Value::Int(layer.bytes));
            }
        });
        each(snapshot, sink, &c::LOG_BYTES, |reading, disk, sink| {
            if let Some(log) = disk.log {
                sink.sample(&reading.labels, &[], Value::Int(log.bytes));
            }
        });
        each(snapshot, sink, &c::VOLUME_USAGE, |reading, disk, sink| {
            for (name, volume) in &disk.volumes {
                sink.sample(&reading.labels, &[("volume", name.as_str())], Value::Int(volume.bytes));
            }
        });
        each(snapshot, sink, &c::DISK_MEASURED, |reading, disk, sink| {
            let figures = [
                ("writable_layer", disk.writable_layer.map(|layer| layer.at)),
                ("log", disk.log.map(|log| log.at)),
                ("volumes", disk.volumes.iter().map(|(_, volume)| volume.at).min()),
            ];
            for (figure, at) in figures {
                if let Some(at) = at {
                    sink.sample(&reading.labels, &[("figure", figure)], seconds(at));
                }
            }
        });
        if let Some(walked) = snapshot.disk_walk_ns {
            sink.family(&c::DISK_WALK);
            sink.sample(&LabelBlock::default(), &[], Value::Nanos(walked));
        }
        Ok(())
    }
}

/// cAdvisor's four families, with the device as a label.
fn file_systems(snapshot: &Snapshot, sink: &mut dyn Sink) {
    type Figure = fn(&Disk, &FileSystem) -> Option<u64>;
    let families: [(&'static Metric, Figure); 4] = [
        (&c::FS_USAGE, |disk, _| {
            let layer = disk.writable_layer?.bytes;
            Some(layer.saturating_add(disk.log.map_or(0, |log| log.bytes)))
        }),
        (&c::FS_LIMIT, |_, file_system| Some(file_system.bytes)),
        (&c::FS_INODES_TOTAL, |_, file_system| Some(file_system.inodes?.0)),
        (&c::FS_INODES_FREE, |_, file_system| Some(file_system.inodes?.1)),
    ];
    for (metric, figure) in families {
        each(snapshot, sink, metric, |reading, disk, sink| {
            let Some(file_system) = &disk.file_system else { return };
            if let Some(value) = figure(disk, file_system) {
                sink.sample(&reading.labels, &[("device", &file_system.device)], Value::Int(value));
            }
        });
    }
}

/// A family over the containers of which something has been measured.
fn each(
    snapshot: &Snapshot,
    sink: &mut dyn Sink,
    metric: &'static Metric,
    samples: impl Fn(&Reading, &Disk, &mut dyn Sink),
) {
    sink.family(metric);
    for reading in &snapshot.containers {
        if let Some(disk) = &reading.disk {
            samples(reading, disk, sink);
        }
    }
}

/// `dockmeter_docker_disk_*`: what the engine says of itself.
#[derive(Debug)]
pub struct DockerDiskCollector;

impl Collector for DockerDiskCollector {
    fn name(&self) -> &'static str {
        "docker_disk"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let Some(usage) = snapshot.storage.usage else { return Ok(()) };
        let plain = LabelBlock::default();
        let kinds = [
            ("images", usage.images),
            ("containers", usage.containers),
            ("volumes", usage.volumes),
            ("build_cache", usage.build_cache),
        ];
        type Figure = fn(Occupied) -> Option<u64>;
        let families: [(&'static Metric, Figure); 2] = [
            (&c::DOCKER_DISK_USAGE, |occupied| occupied.bytes),
            (&c::DOCKER_DISK_RECLAIMABLE, |occupied| occupied.reclaimable_bytes),
        ];
        for (metric, figure) in families {
            sink.family(metric);
            for (kind, occupied) in kinds {
                if let Some(bytes) = figure(occupied) {
                    sink.sample(&plain, &[("type", kind)], Value::Int(bytes));
                }
            }
        }
        sink.family(&c::DOCKER_DISK_MEASURED);
        sink.sample(&plain, &[], seconds(usage.measured_at));
        Ok(())
    }
}

fn seconds(time: Timestamp) -> Value {
    Value::Nanos(u64::try_from(time.as_nanosecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
