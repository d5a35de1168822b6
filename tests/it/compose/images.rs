//! The images that the compose file names, made on a test's engine under the same names from the
//! distribution's packages: there is no registry to pull them from.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::component::Component;
use crate::container::{IMAGE, built};
use crate::engine::{Engine, done};

/// The image that stands for busybox in the tests, and is made with every engine.
const BUSYBOX: &str = "dockmeter-test";

/// The compose file.
pub(super) fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docker-compose.yml")
}

/// What `${VARIABLE:-DEFAULT}` in the compose file gives where the variable is not set.
pub(super) fn default_of(variable: &str) -> String {
    let text = fs::read_to_string(file()).expect("the compose file");
    let (_, rest) = text.split_once(&format!("${{{variable}:-")).expect("a variable of the compose file");
    rest.split_once('}').expect("the end of a variable").0.to_owned()
}

/// Makes all images of the stack but Grafana's, of which there is no package. `None` where a
/// package is missing.
pub(super) fn made(engine: &Engine) -> Option<()> {
    let programs = [Component::Prometheus3, Component::Promtool3, Component::Alertmanager33];
    let [prometheus, promtool, alertmanager] = programs.map(Component::path);
    built(engine);
    engine.docker(&["tag", IMAGE, &default_of("DOCKMETER_IMAGE")]);
    engine.docker(&["tag", BUSYBOX, &default_of("BUSYBOX_IMAGE")]);
    program(
        engine,
        &default_of("PROMETHEUS_IMAGE"),
        "prometheus",
        &[("prometheus", prometheus?), ("promtool", promtool?)],
    );
    program(engine, &default_of("ALERTMANAGER_IMAGE"), "alertmanager", &[("alertmanager", alertmanager?)]);
    Some(())
}

/// An image with busybox and some programs in `/bin`, the first of which it starts, and a folder
/// `/NAME` for nobody's data, as the projects' own images have it.
fn program(engine: &Engine, image: &str, name: &str, programs: &[(&str, PathBuf)]) {
    let context = tempfile::tempdir().expect("a temporary directory");
    let root = context.path().join("root");
    for folder in [root.join("bin"), context.path().join("data")] {
        fs::create_dir_all(folder).expect("a folder");
    }
    for (name, path) in programs {
        let target = root.join("bin").join(name);
        // A script may stand in its place (scripts/components.sh).
        let unpacked = path.with_extension("unpacked");
        fs::copy(if unpacked.exists() { &unpacked } else { path }, &target).expect("a program");
        fs::set_permissions(target, fs::Permissions::from_mode(0o755)).expect("its permissions");
    }
    // Debian's Alertmanager looks for its own templates where the package has them.
    let (_, first) = &programs[0];
    let shared = first.parent().and_then(Path::parent).expect("a tree of a package").join("share/prometheus");
    if shared.exists() {
        let share = root.join("usr/share");
        fs::create_dir_all(&share).expect("a folder");
        done(Command::new("cp").arg("-r").arg(shared).arg(share));
    }
    let copied = programs.iter().map(|(name, _)| root.join("bin").join(name));
    for library in copied.flat_map(|program| libraries(&program)).collect::<BTreeSet<_>>() {
        let target = root.join(library.strip_prefix("/").expect("an absolute path"));
        fs::create_dir_all(target.parent().expect("its folder")).expect("a folder");
        fs::copy(&library, target).expect("a library");
    }
    let text = format!(
        "FROM {BUSYBOX}\nCOPY root /\nCOPY --chown=65534:65534 data /{name}\nUSER 65534\nENTRYPOINT [\"/bin/{}\"]\n",
        programs[0].0
    );
    fs::write(context.path().join("Dockerfile"), text).expect("a Dockerfile");
    engine.docker(&["build", "-q", "--tag", image, context.path().to_str().expect("UTF-8")]);
}

/// The shared libraries that a program is linked with, its loader included.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let said = done(Command::new("ldd").arg(program)).stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let path = |word: &str| word.starts_with('/').then(|| PathBuf::from(word));
    said.lines().filter_map(|line| line.split_whitespace().find_map(path)).collect()
}
