//! A Docker engine of a benchmark's own, and the CPU time of its processes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::failure;
use super::process::CpuClock;

/// The image that `scripts/engine.sh` makes.
const IMAGE: &str = "dockmeter-test";

/// Fetches what the engine needs, as `./test` does, and prints where `docker` is.
const COMPONENTS: &str = r#"
root=$PWD
. scripts/components.sh
for name in docker busybox ip "$ENGINE_COMPONENT"; do
    [[ $name == ip ]] && command -v ip >/dev/null && continue
    component "$name" || { echo "$component_reason" >&2; exit 1; }
done
component_program docker docker
"#;

/// The processes of an engine, by the name of their program.
const PROGRAMS: [&str; 3] = ["dockerd", "containerd", "containerd-shim"];

/// The engine; stopped and removed with its containers when dropped.
pub(crate) struct Engine {
    directory: PathBuf,
    docker: PathBuf,
    component: String,
}

impl Engine {
    /// Starts one of a component of `scripts/components.sh`; one of the same name that an
    /// interrupted run has left is removed first.
    pub(crate) fn start(name: &str, component: &str) -> io::Result<Engine> {
        let mut components = project_command("bash");
        components.env("ENGINE_COMPONENT", component).args(["-c", COMPONENTS]);
        let docker = output(&mut components)?;
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Made first, so that a start that fails half-way is undone as well.
        let engine = Engine { directory, docker: docker.trim().into(), component: component.to_owned() };
        engine.script("start")?;
        Ok(engine)
    }

    /// Starts a container that sleeps.
    pub(crate) fn run_idle(&self, name: &str) -> io::Result<()> {
        self.run(name, &[], &["sleep", "100000"])
    }

    /// Starts a container with further flags that runs a command.
    pub(crate) fn run(&self, name: &str, flags: &[&str], command: &[&str]) -> io::Result<()> {
        let mut run = self.docker();
        run.args(["run", "-d", "--name", name]).args(flags).arg(IMAGE).args(command);
        output(&mut run).map(drop)
    }

    /// Has a container with a memory limit want more than that, until the kernel ends the process.
    pub(crate) fn exhaust(&self, name: &str) -> io::Result<()> {
        let ended = self.docker().args(["exec", name, "tail", "/dev/zero"]).output()?;
        if ended.status.success() {
            return Err(failure(format!("nothing was killed in `{name}`")));
        }
        Ok(())
    }

    /// Removes a container.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        output(self.docker().args(["rm", "-f", name])).map(drop)
    }

    /// Name and id of every container.
    pub(crate) fn containers(&self) -> io::Result<Vec<(String, String)>> {
        let mut command = self.docker();
        let listed = output(command.args(["ps", "-a", "--no-trunc", "--format={{.Names}} {{.ID}}"]))?;
        Ok(listed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, id)| (name.to_owned(), id.to_owned()))
            .collect())
    }

    /// The newest version of its API.
    pub(crate) fn api_version(&self) -> io::Result<String> {
        let version = output(self.docker().args(["version", "--format={{.Server.APIVersion}}"]))?;
        Ok(version.trim().to_owned())
    }

    /// Its address, as `--docker.host` takes it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("docker.sock")
    }

    fn docker(&self) -> Command {
        let mut command = Command::new(&self.docker);
        command.env_clear().env("DOCKER_CONFIG", self.directory.join("client")).args(["-H", &self.host()]);
        command
    }

    /// A clock over all its processes.
    pub(crate) fn clock(&self) -> EngineClock<'_> {
        EngineClock { engine: self, processes: BTreeMap::new() }
    }

    fn script(&self, verb: &str) -> io::Result<()> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/engine.sh");
        let mut command = project_command(script);
        command.env("ENGINE_COMPONENT", &self.component);
        output(command.arg(verb).arg(&self.directory)).map(drop)
    }

    /// dockerd, containerd and the shims: all carry the engine's directory in their arguments.
    fn processes(&self) -> io::Result<Vec<u32>> {
        let directory = format!("{}/", self.directory.display());
        let is_ours = |pid: &u32| {
            let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            PROGRAMS.iter().any(|program| name.starts_with(program))
                && memchr::memmem::find(&arguments, directory.as_bytes()).is_some()
        };
        let pids =
            fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Ok(pids.filter(is_ours).collect())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Err(error) = self.script("stop") {
            eprintln!("the engine in `{}` could not be stopped: {error}", self.directory.display());
        }
    }
}

/// The CPU time of all processes of an engine.
pub(crate) struct EngineClock<'engine> {
    engine: &'engine Engine,
    processes: BTreeMap<u32, CpuClock>,
}

impl EngineClock<'_> {
    /// The time so far, in nanoseconds.
    pub(crate) fn now_ns(&mut self) -> io::Result<u64> {
        for pid in self.engine.processes()? {
            self.processes.entry(pid).or_insert_with(|| CpuClock::of(pid));
        }
        if self.processes.is_empty() {
            return Err(failure("no process of the engine was found under `/proc`"));
        }
        Ok(self.processes.values_mut().map(CpuClock::now_ns).sum())
    }
}

/// A command in the project's directory.
fn project_command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

/// What a command prints; an error if it fails.
fn output(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failure(format!("{command:?} ended with {}: {}", output.status, said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
