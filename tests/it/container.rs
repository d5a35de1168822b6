//! The image: built from the `Dockerfile` with the static binary, run as `docs/install.md` says,
//! with few rights and with all it can use, and scraped from outside.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use crate::engine::{BUSY, Container, Engine};
use crate::exposition::{Dialect, Page};
use crate::http;
use crate::poll::eventually;
use crate::release::Release;

/// The tag under which the stories have the image.
pub(crate) const IMAGE: &str = "dockmeter-image";

/// The port that the image listens on.
const PORT: u16 = 10417;

/// Builds the image on an engine, once; the last stage but the compiler's, which would need a
/// registry.
pub(crate) fn built(engine: &Engine) {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let context = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in ["Dockerfile", ".dockerignore", "LICENSE"] {
            fs::copy(root.join(file), context.path().join(file)).unwrap();
        }
        let files = context.path().join("target/release-files");
        fs::create_dir_all(&files).unwrap();
        fs::copy(Release::made().binary(), files.join("dockmeter")).unwrap();
        // What the image must not hold.
        fs::write(context.path().join("target/other"), "").unwrap();
        engine.docker(&[
            "build",
            "-q",
            "--target=prebuilt",
            "--tag",
            IMAGE,
            context.path().to_str().unwrap(),
        ]);
    });
}

/// The host below `/host`, as the documentation says it for hosts whose mounts are shared, which
/// systemd makes them, and for others.
pub(crate) fn host(engine: &Engine) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let root = table.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    if root.contains(" shared:") {
        return vec!["--volume=/:/host:ro,rslave".to_owned()];
    }
    let data = engine.docker(&["info", "--format={{.DockerRootDir}}"]);
    let data = format!("--volume={data}:/host{data}:ro,rslave");
    vec!["--volume=/proc:/host/proc:ro".to_owned(), "--volume=/sys:/host/sys:ro".to_owned(), data]
}

/// Runs the image with the engine's socket and the host below `/host`.
fn run<'e>(engine: &'e Engine, name: &str, options: &[&str]) -> Container<'e> {
    built(engine);
    let socket = format!("--volume={}:/var/run/docker.sock", engine.socket().display());
    let host = host(engine);
    let mut always = vec!["--read-only", "--security-opt=no-new-privileges", &socket];
    always.extend(host.iter().map(String::as_str));
    engine.run_image(IMAGE, name, &[&always[..], options].concat(), &[])
}

/// The page of a container's address, asked from this machine.
fn page(container: &Container<'_>) -> Option<Page> {
    let address = container.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    let answer = http::get(format!("{address}:{PORT}").parse().ok()?, "/metrics", &[]).ok()?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Some(Page::parse(&answer.body, Dialect::Text).unwrap())
}

/// Lets this machine, which asks from the bridge, read without a token.
fn trusting(engine: &Engine) -> String {
    let subnet = engine.docker(&["network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Subnet}}"]);
    format!("--env=DOCKMETER_WEB_TRUST_NETWORK={subnet}")
}

#[test]
fn the_image_with_three_capabilities_shows_the_host_and_everything_of_containers() {
    let Some(engine) = Engine::shared() else { return };
    let busy = engine.run("image-busy", &["--label=dockmeter.user=image-ann"], BUSY);
    busy.exec(&["dd", "if=/dev/urandom", "of=/file", "bs=64k", "count=32"]);
    let trust = trusting(&engine);
    let rights = [
        "--user=0:0",
        "--cap-drop=ALL",
        "--cap-add=DAC_READ_SEARCH",
        "--cap-add=SYS_PTRACE",
        "--cap-add=SYS_NICE",
        "--pid=host",
        &trust,
    ];
    let inside = run(&engine, "image-full", &rights);
    let ann = [("name", "image-busy"), ("user", "image-ann")];
    let page = eventually("use and disk of a container are shown", || {
        let page = page(&inside)?;
        let cpu = page.value("container_cpu_usage_seconds_total", &ann)?;
        let layer = page.value("container_fs_writable_layer_bytes", &ann)?;
        (cpu > 0.0 && layer >= f64::from(2 << 20)).then_some(page)
    });
    assert!(
        page.value("dockmeter_container_source", &[("source", "cgroup")]).is_some_and(|count| count >= 1.0)
    );
    assert!(page.all("node_cpu_seconds_total", &[]).next().is_some());
    let logs = engine.try_docker(&["logs", &inside.id]);
    let logs = String::from_utf8_lossy(&logs.stderr).into_owned();
    assert!(!logs.contains("CAP_SYS_NICE"), "{logs}");
}

#[test]
fn the_image_as_nobody_in_the_sockets_group_shows_use_is_healthy_and_ends_by_itself() {
    let Some(engine) = Engine::shared() else { return };
    let _busy = engine.run("image-watched", &[], BUSY);
    let group = engine.socket_group();
    let trust = trusting(&engine);
    let user = format!("--user=65534:{group}");
    let inside = run(&engine, "image-nobody", &[&user, "--cap-drop=ALL", "--health-interval=1s", &trust]);
    eventually("the use of a container is shown", || {
        let page = page(&inside)?;
        page.value("container_cpu_usage_seconds_total", &[("name", "image-watched")]).filter(|cpu| *cpu > 0.0)
    });
    eventually("it is healthy by its own check", || {
        (inside.inspect("{{.State.Health.Status}}") == "healthy").then_some(())
    });
    let stopping = Instant::now();
    inside.docker(&["stop", "--time=30"]);
    assert_eq!(inside.inspect("{{.State.ExitCode}}"), "0");
    assert!(stopping.elapsed().as_secs() < 30, "it had to be killed");
}

#[test]
fn the_image_as_it_is_says_what_it_may_not_and_serves_the_host() {
    let Some(engine) = Engine::shared() else { return };
    let trust = trusting(&engine);
    let inside = run(&engine, "image-plain", &[&trust]);
    let page = eventually("it answers", || page(&inside));
    assert!(page.all("node_memory_MemTotal_bytes", &[]).next().is_some());
    eventually("the log says that the socket may not be opened", || {
        let logs = engine.try_docker(&["logs", &inside.id]);
        let logs = String::from_utf8_lossy(&logs.stderr).into_owned();
        logs.contains("may this user open its socket").then_some(())
    });
}

#[test]
fn the_image_holds_the_binary_and_its_license_and_says_what_it_is() {
    let Some(engine) = Engine::shared() else { return };
    built(&engine);
    let inspect = |template: &str| engine.docker(&["inspect", "--type=image", "-f", template, IMAGE]);
    assert_eq!(
        inspect("{{index .Config.Labels \"org.opencontainers.image.version\"}}"),
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(inspect("{{.Config.User}}"), "65534:65534");
    assert_eq!(inspect("{{json .Config.Entrypoint}}"), "[\"/dockmeter\"]");
    assert_eq!(inspect("{{.Config.Healthcheck.Interval}}"), "1m0s");
    let made = engine.docker(&["create", IMAGE]);
    let archive = tempfile::NamedTempFile::new().unwrap();
    engine.docker(&["export", "--output", archive.path().to_str().unwrap(), &made]);
    engine.docker(&["rm", &made]);
    let listed = crate::engine::done(std::process::Command::new("tar").arg("-tf").arg(archive.path()));
    let listed = String::from_utf8(listed.stdout).unwrap();
    // The engine puts some files of its own into every container.
    let engines = ["dev/", "etc/", "proc/", "sys/", ".dockerenv"];
    let ours: Vec<_> =
        listed.lines().filter(|path| !engines.iter().any(|begin| path.starts_with(begin))).collect();
    assert_eq!(ours, ["LICENSE", "dockmeter"]);
}
