//! What is measured of an engine's folders, step by step and by a clock of our own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use super::*;
use crate::disk::tests::{Host, inventory, time};
use crate::inventory::Container;
use crate::snapshot::Disk;

const INTERVAL: Duration = Duration::from_secs(300);

struct Scene {
    host: Host,
    survey: Survey,
    now: Instant,
    second: i64,
}

impl Scene {
    fn new() -> Scene {
        let host = Host::new();
        let options = Options { paths: host.paths(), interval: INTERVAL, budget: 1.0 };
        Scene { survey: Survey::new(&options), host, now: Instant::now(), second: 1000 }
    }

    fn follow(&mut self, containers: &[&Container]) {
        self.survey.follow(&inventory(containers.iter().copied().cloned()));
    }

    /// Steps until nothing is due; each takes no time.
    fn measure(&mut self) {
        while self.survey.step(self.now, time(self.second)) {}
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.second += i64::try_from(time.as_secs()).unwrap();
    }

    fn disk(&self, container: &Container) -> Option<Arc<Disk>> {
        self.survey.figures(Duration::ZERO).containers.get(&container.id).cloned()
    }

    fn layer(&self, container: &Container) -> Option<Measured> {
        self.disk(container)?.writable_layer
    }

    fn blocks(&self, below: &str) -> u64 {
        fs::metadata(self.host.path(below)).unwrap().blocks() * 512
    }
}

fn stopped(container: &Container) -> Container {
    let mut stopped = container.clone();
    stopped.state.pid = None;
    stopped
}

#[test]
fn a_container_has_a_layer_a_log_volumes_and_a_file_system() {
    let mut scene = Scene::new();
    let container = scene.host.make("a", 1 << 20, &["db"]);
    scene.host.write("volumes/db/_data/table", 64 << 10);
    scene.follow(&[&container]);
    scene.measure();
    let disk = scene.disk(&container).unwrap();
    let layer: u64 = ["diff", "diff/data", "diff/data/file"]
        .iter()
        .map(|path| scene.blocks(&format!("overlay2/a/{path}")))
        .sum();
    assert_eq!(disk.writable_layer, Some(Measured { bytes: layer, at: time(1000) }));
    assert_eq!(disk.log.unwrap().bytes, 4096);
    let [(name, volume)] = disk.volumes.as_slice() else { panic!("{disk:?}") };
    assert_eq!(name.as_str(), "db");
    assert!((64 << 10..80 << 10).contains(&volume.bytes), "{volume:?}");
    assert_eq!(disk.billed_bytes, layer + 4096 + volume.bytes);
    assert!(disk.file_system.as_ref().unwrap().bytes > 0);
}

#[test]
fn a_shared_volume_is_walked_once_shown_to_all_and_billed_in_parts() {
    let mut scene = Scene::new();
    let (one, two) = (scene.host.make("a", 10, &["db"]), scene.host.make("b", 10, &["db"]));
    scene.host.write("volumes/db/_data/table", 1 << 20);
    scene.follow(&[&one, &two]);
    scene.measure();
    let (first, second) = (scene.disk(&one).unwrap(), scene.disk(&two).unwrap());
    assert_eq!(first.volumes, second.volumes);
    let volume = first.volumes[0].1.bytes;
    let own = |disk: &Disk| disk.writable_layer.unwrap().bytes + disk.log.unwrap().bytes;
    assert_eq!(first.billed_bytes + second.billed_bytes, own(&first) + own(&second) + volume);
    let gone = Container { removed_at: Some(time(2000)), ..two.clone() };
    scene.follow(&[&one, &gone]);
    assert_eq!(scene.disk(&one).unwrap().billed_bytes, own(&first) + volume, "now it is alone");
    assert_eq!(scene.disk(&two), Some(second), "a removed container keeps its last figures");
}

#[test]
fn a_tree_is_left_alone_for_the_interval_and_a_stopped_container_s_for_good() {
    let mut scene = Scene::new();
    let container = scene.host.make("a", 10, &[]);
    scene.follow(&[&container]);
    scene.measure();
    let before = scene.layer(&container).unwrap();
    scene.host.write("overlay2/a/diff/more", 1 << 20);
    scene.pass(INTERVAL / 2);
    scene.measure();
    assert_eq!(scene.layer(&container), Some(before));
    scene.pass(INTERVAL / 2);
    scene.measure();
    let running = scene.layer(&container).unwrap();
    assert!(running.bytes > before.bytes + (1 << 20) - 1 && running.at == time(1300), "{running:?}");

    scene.follow(&[&stopped(&container)]);
    scene.pass(INTERVAL);
    scene.measure();
    assert_eq!(
        scene.layer(&container),
        Some(Measured { at: time(1600), ..running }),
        "once after it stopped"
    );
    scene.pass(INTERVAL * 10);
    scene.measure();
    assert_eq!(scene.layer(&container), Some(Measured { at: time(1600), ..running }));
}

#[test]
fn the_walk_of_a_removed_container_is_given_up() {
    let mut scene = Scene::new();
    let container = scene.host.make("a", 10, &[]);
    scene.follow(&[&container]);
    while scene.survey.current.is_none() {
        assert!(scene.survey.step(scene.now, time(1)));
    }
    scene.follow(&[]);
    assert!(scene.survey.current.is_none());
    assert!(!scene.survey.step(scene.now, time(1)));
}

#[test]
fn a_tree_that_cannot_be_finished_keeps_its_old_figure_and_is_counted() {
    let mut scene = Scene::new();
    let container = scene.host.make("a", 10, &[]);
    scene.follow(&[&container]);
    scene.measure();
    let before = scene.layer(&container);
    scene.pass(INTERVAL);
    scene.host.write("overlay2/a/diff/more", 1 << 20);
    while scene.survey.current.is_none() {
        assert!(scene.survey.step(scene.now, time(1)));
    }
    scene.pass(LONGEST_WALK + Duration::from_secs(1));
    assert!(scene.survey.step(scene.now, time(1)));
    assert!(scene.survey.current.is_none());
    assert_eq!(scene.layer(&container), before);
    assert_eq!(scene.survey.figures(Duration::ZERO).errors, [("writable_layer", 1)]);
}

#[test]
fn without_the_container_s_own_folder_nothing_is_believed() {
    let mut scene = Scene::new();
    let container = scene.host.make("a", 10, &["db"]);
    let folder = scene.host.path(&format!("containers/{}", container.id));
    let hidden = folder.with_extension("hidden");
    fs::rename(&folder, &hidden).unwrap();
    scene.follow(&[&container]);
    scene.measure();
    assert_eq!(scene.disk(&container), None, "the engine may be on another machine");
    assert_eq!(scene.survey.figures(Duration::ZERO).errors, [], "it may just be on its way out");
    scene.pass(INTERVAL);
    scene.measure();
    assert_eq!(scene.survey.figures(Duration::ZERO).errors, [("data_root", 1)]);
    fs::rename(&hidden, &folder).unwrap();
    scene.pass(INTERVAL);
    scene.measure();
    assert!(scene.layer(&container).is_some());
}

#[test]
fn the_layer_that_only_the_kernel_knows_is_remembered_after_the_stop() {
    let mut scene = Scene::new();
    let mut container = scene.host.make("a", 1 << 20, &[]);
    let upper = container.storage.upper_dir.take().unwrap();
    let process = scene.host.paths().process(100);
    fs::create_dir_all(&process).unwrap();
    fs::write(process.join("cgroup"), format!("0::/system.slice/docker-{}.scope\n", container.id)).unwrap();
    let root = format!("1 0 0:50 / / rw - overlay overlay rw,lowerdir=/l,upperdir={upper},workdir=/w\n");
    fs::write(process.join("mountinfo"), root).unwrap();
    scene.follow(&[&stopped(&container)]);
    scene.measure();
    assert_eq!(scene.layer(&container), None, "nobody says where it is");
    let mut started = container.clone();
    started.state.started_at = Some(time(1001));
    scene.follow(&[&started]);
    scene.measure();
    assert!(scene.layer(&container).is_some_and(|layer| layer.bytes >= 1 << 20));
    fs::remove_dir_all(&process).unwrap();
    scene.host.write("overlay2/a/diff/more", 1 << 20);
    scene.follow(&[&stopped(&started)]);
    scene.pass(INTERVAL);
    scene.measure();
    assert!(scene.layer(&container).is_some_and(|layer| layer.bytes >= 2 << 20));
}

#[test]
fn the_file_system_of_the_engine_s_data_is_asked_once_its_files_are_within_reach_and_again_and_again() {
    let mut scene = Scene::new();
    let stranger = crate::disk::tests::container("b", "b");
    scene.follow(&[&stranger]);
    scene.measure();
    assert_eq!(scene.survey.figures(Duration::ZERO).file_system, None, "it may be another machine's");
    let container = scene.host.make("a", 10, &[]);
    scene.follow(&[&container]);
    scene.measure();
    // What is found last is known at the next step, which is due at once.
    assert_eq!(scene.survey.wakes_at(scene.now).filter(|at| *at <= scene.now), None);
    let file_system = scene.survey.figures(Duration::ZERO).file_system.unwrap();
    let size = rustix::fs::statvfs(scene.host.path("")).unwrap();
    assert_eq!(file_system.total, size.f_blocks * size.f_frsize);
    assert!(file_system.used > 0 && file_system.used < file_system.total);
    assert_eq!(scene.survey.wakes_at(scene.now), Some(scene.now + FILE_SYSTEM_EVERY));
}

#[test]
fn a_layer_on_another_file_system_than_the_engine_s_data_is_told_apart() {
    let mut scene = Scene::new();
    let container = scene.host.make("a", 1 << 20, &[]);
    scene.follow(&[&container]);
    scene.measure();
    let disk = scene.disk(&container).unwrap();
    assert_eq!(disk.billed_elsewhere_bytes, 0);
    scene.survey.ledger.data_device = Some("/dev/other".into());
    scene.survey.ledger.compose(None);
    let disk = scene.disk(&container).unwrap();
    assert_eq!(disk.billed_elsewhere_bytes, disk.writable_layer.unwrap().bytes);
    assert!(disk.billed_bytes > disk.billed_elsewhere_bytes, "its log is among the engine's data");
}
