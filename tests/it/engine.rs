//! A Docker engine of the tests' own, and containers that vanish with the test.
//!
//! `./test` starts one engine that the gentle tests share; a test that hurts its engine starts
//! another by the same script. The user's engine is never asked: the environment of every
//! command is emptied.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process};

use crate::certificates::Certificates;
use crate::component::Component;
use crate::poll::eventually;

/// The image that every engine of the tests has: static busybox.
pub(crate) const IMAGE: &str = "dockmeter-test";

/// A command that does nothing for longer than any test.
pub(crate) const IDLE: &[&str] = &["sleep", "1000"];

/// A command that keeps one core busy.
pub(crate) const BUSY: &[&str] = &["sh", "-c", "while :; do :; done"];

/// An engine.
pub(crate) struct Engine {
    directory: PathBuf,
    docker: PathBuf,
    /// What it is started from, as `scripts/components.sh` calls it.
    component: &'static str,
    own: bool,
}

/// The folder of the engine that gentle tests share, in which others have their folders, too.
fn folder(name: &str) -> Option<PathBuf> {
    Some(Component::Engine.path()?.with_file_name(name))
}

impl Engine {
    /// The engine that gentle tests share.
    pub(crate) fn shared() -> Option<Self> {
        Self::at(Component::Engine.path()?, "docker", false)
    }

    /// A current engine that gentle tests share, started by the first of them and stopped by
    /// `./test`. It keeps images in containerd, as new installations do, and listens on a port
    /// with TLS, too, with these certificates.
    pub(crate) fn current() -> Option<(Self, &'static Certificates)> {
        static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
        Component::CurrentEngine.path()?;
        let engine = Self::at(folder("new")?, "docker28", false)?;
        let certificates = CERTIFICATES.get_or_init(|| {
            // Beside the engine's folder, which is emptied at its start.
            let certificates = Certificates::make(&engine.directory.with_file_name("new-tls"));
            let flags = certificates.engine_flags();
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let newest = ["start", "--live-restore", "--feature=containerd-snapshotter=true"];
            engine.script(&[&newest, &flags[..]].concat());
            certificates
        });
        Some((engine, certificates))
    }

    /// Podman's service that gentle tests share, started and stopped likewise; containers need
    /// `--network=none`.
    pub(crate) fn podman() -> Option<Self> {
        static STARTED: OnceLock<()> = OnceLock::new();
        Component::Podman.path()?;
        let engine = Self::at(folder("podman")?, "podman", false)?;
        STARTED.get_or_init(|| engine.script(&["start"]));
        Some(engine)
    }

    fn at(directory: PathBuf, component: &'static str, own: bool) -> Option<Self> {
        Some(Engine { directory, docker: Component::Docker.path()?, component, own })
    }

    /// An engine that a test may hurt, not yet started. `name` is short, since it becomes part
    /// of sockets' paths.
    pub(crate) fn own(name: &str) -> Option<Self> {
        Self::at(folder(name)?, "docker", true)
    }

    /// Starts it; containers outlive its death.
    pub(crate) fn start(&self) {
        self.script(&["start", "--live-restore"]);
    }

    /// Starts dockerd again after its death.
    pub(crate) fn again(&self) {
        self.script(&["again"]);
    }

    fn script(&self, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/engine.sh");
        let mut command = Command::new(script);
        command.env("ENGINE_COMPONENT", self.component);
        command.arg(arguments[0]).arg(&self.directory).args(&arguments[1..]);
        done(&mut command);
    }

    /// Its address, as `--docker.host` wants it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("docker.sock")
    }

    /// Gives the socket to a group that owns nothing else, and tells its number. The engine's own
    /// is root's here, which `/proc` takes for the group that sees everything.
    pub(crate) fn socket_group(&self) -> u32 {
        const GROUP: u32 = 4242;
        done(Command::new("chgrp").arg(GROUP.to_string()).arg(self.socket()));
        GROUP
    }

    /// Freezes dockerd until the value is dropped, so that a story that fails goes on to clean up.
    pub(crate) fn freeze(&self) -> Frozen<'_> {
        self.signal(Signal::STOP);
        Frozen(self)
    }

    /// Sends a signal to dockerd; after one that kills, waits until it is dead.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = fs::read_to_string(self.directory.join("pid")).expect("the engine's pid file");
        let pid = Pid::from_raw(pid.trim().parse().expect("a process id")).expect("a process id");
        kill_process(pid, signal).expect("a signal to dockerd");
        if signal == Signal::KILL {
            // A process that nobody has reaped yet has no command line any more.
            let command_line = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
            eventually("dockerd is dead", || {
                fs::read(&command_line).unwrap_or_default().is_empty().then_some(())
            });
        }
    }

    /// A command of any program that talks to this engine and to none else.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            // Compose may call `docker`; it finds ours, and no program of the user's.
            .env("PATH", self.docker.parent().unwrap_or(Path::new("/")))
            .env("DOCKER_CONFIG", self.directory.join("client"))
            .env("DOCKER_HOST", self.host())
            // The classic builder needs no component of its own.
            .env("DOCKER_BUILDKIT", "0");
        command
    }

    /// What `docker …` prints.
    ///
    /// # Panics
    /// It fails.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let output = done(self.command(&self.docker).args(arguments));
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// `docker …` of which it does not matter whether it succeeds.
    pub(crate) fn try_docker(&self, arguments: &[&str]) -> Output {
        self.command(&self.docker).args(arguments).output().expect("`docker` can be started")
    }

    /// Removes the containers whose names begin so, which a story that failed has left behind to
    /// the harm of others.
    pub(crate) fn remove_named(&self, prefix: &str) {
        let ids = self.docker(&["ps", "-aq", &format!("--filter=name=^{prefix}")]);
        for id in ids.lines() {
            self.try_docker(&["rm", "-f", id]);
        }
    }

    /// Starts a container from [`IMAGE`]; it is removed when the value is dropped.
    pub(crate) fn run(&self, name: &str, options: &[&str], command: &[&str]) -> Container<'_> {
        self.run_image(IMAGE, name, options, command)
    }

    /// Starts a container from any image.
    pub(crate) fn run_image(
        &self,
        image: &str,
        name: &str,
        options: &[&str],
        command: &[&str],
    ) -> Container<'_> {
        let id = self.docker(&[&["run", "-d", "--name", name], options, &[image], command].concat());
        Container { engine: self, id }
    }

    /// Builds an image from the text of a Dockerfile.
    pub(crate) fn build(&self, image: &str, dockerfile: &str) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("Dockerfile"), dockerfile).expect("a Dockerfile");
        self.docker(&["build", "-q", "-t", image, directory.path().to_str().expect("UTF-8")]);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.own && self.directory.exists() {
            self.script(&["stop"]);
        }
    }
}

/// A container, removed when dropped.
pub(crate) struct Container<'engine> {
    engine: &'engine Engine,
    /// Its 64 digits.
    pub(crate) id: String,
}

impl Container<'_> {
    /// What one field of its inspection is, by a template like `{{.State.Status}}`.
    pub(crate) fn inspect(&self, template: &str) -> String {
        self.engine.docker(&["inspect", "-f", template, &self.id])
    }

    /// `docker VERB [OPTION…] ID`.
    pub(crate) fn docker(&self, verb_and_options: &[&str]) {
        self.engine.docker(&[verb_and_options, &[self.id.as_str()]].concat());
    }

    /// Runs a command in it.
    pub(crate) fn exec(&self, command: &[&str]) -> String {
        self.engine.docker(&[&["exec", self.id.as_str()], command].concat())
    }
}

/// A frozen engine.
pub(crate) struct Frozen<'e>(&'e Engine);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::CONT);
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.engine.try_docker(&["rm", "-f", &self.id]);
    }
}

/// The output of a command that has to succeed.
pub(crate) fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
    output
}
