//! The programs of the stack: where they come from, and how they are started and asked.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::measured::connection::Connection;
use crate::measured::exporter::BINARY;
use crate::measured::failure;
use crate::measured::interrupt::pause;
use crate::measured::process::{CpuClock, command_that_dies_with_us};

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is looked whether a program answers.
const STEP: Duration = Duration::from_millis(50);

/// Fetches a component, as `./test` does, and prints where its program is.
const COMPONENT: &str = r#"
root=$PWD
. scripts/components.sh
component "$0" || { echo "$component_reason" >&2; exit 1; }
component_program "$0" "$1"
"#;

/// The path of a program of a component of `scripts/components.sh`.
pub(crate) fn component(name: &str, program: &str) -> io::Result<PathBuf> {
    let mut command = Command::new("bash");
    command.args(["-c", COMPONENT, name, program]).current_dir(env!("CARGO_MANIFEST_DIR"));
    Ok(said(&mut command)?.trim().into())
}

/// A Prometheus's programs, of the major version that is asked for.
pub(crate) struct Server {
    pub(crate) prometheus: PathBuf,
    pub(crate) promtool: PathBuf,
    pub(crate) version: String,
}

impl Server {
    pub(crate) fn of_version(major: u64) -> io::Result<Self> {
        let name = match major {
            2 => "prometheus",
            3 => "prometheus3",
            _ => return Err(failure("`--prometheus` is 2 or 3")),
        };
        let prometheus = component(name, "prometheus")?;
        let text = said(Command::new(&prometheus).arg("--version"))?;
        let version = text.split("version ").nth(1).and_then(|rest| rest.split(['+', ' ', ',']).next());
        let version = version.unwrap_or("of an unknown version").to_owned();
        Ok(Server { prometheus, promtool: component(name, "promtool")?, version })
    }
}

/// A running program; ended when dropped.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Program {
    /// Starts one that listens at an address, and waits until it answers a path.
    pub(crate) fn start(
        program: &Path,
        flags: &[String],
        (address, ready): (SocketAddr, &str),
        log: &Path,
    ) -> io::Result<Self> {
        let mut command = command_that_dies_with_us(&program.to_string_lossy());
        command.arg(format!("--web.listen-address={address}")).args(flags).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let file = File::create(log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        // Made first, so that it ends if it does not answer.
        let mut program = Program { address, child };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Err(error) = program.connect().and_then(|mut one| one.get(ready, &[])) else {
                return Ok(program);
            };
            if Instant::now() > deadline || program.child.try_wait()?.is_some() {
                let log = fs::read_to_string(log).unwrap_or_default();
                return Err(failure(format!("`{command:?}` does not answer: {error}\n{log}")));
            }
            pause(STEP)?;
        }
    }

    /// Our own binary, built by the same `cargo bench`.
    pub(crate) fn dockmeter(docker_host: &str, folder: &Path, flags: &[String]) -> io::Result<Self> {
        let docker = format!("--docker.host={docker_host}");
        let flags: Vec<String> = std::iter::once(docker).chain(flags.iter().cloned()).collect();
        let log = folder.join("dockmeter.log");
        Self::start(Path::new(BINARY), &flags, (free_address()?, "/-/healthy"), &log)
    }

    /// A Prometheus with the configuration `prometheus.yml` and its data in a folder.
    pub(crate) fn prometheus(
        server: &Server,
        folder: &Path,
        address: SocketAddr,
        flags: &[&str],
    ) -> io::Result<Self> {
        let mut all = vec![
            format!("--config.file={}", folder.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
        ];
        all.extend(flags.iter().map(|flag| (*flag).to_owned()));
        Self::start(&server.prometheus, &all, (address, "/-/ready"), &folder.join("prometheus.log"))
    }

    pub(crate) fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn clock(&self) -> CpuClock {
        CpuClock::of(self.pid())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An Alertmanager with the configuration `alertmanager.yml` of a folder.
pub(crate) fn alertmanager(folder: &Path, address: SocketAddr) -> io::Result<Program> {
    let flags = [
        format!("--config.file={}", folder.join("alertmanager.yml").display()),
        format!("--storage.path={}", folder.join("alerts").display()),
        // Alone: no port for others like it.
        "--cluster.listen-address=".to_owned(),
    ];
    let program = component("alertmanager33", "prometheus-alertmanager")?;
    Program::start(&program, &flags, (address, "/-/ready"), &folder.join("alertmanager.log"))
}

/// Our rules, and the configuration of what reads them, as `dockmeter rules render` makes them.
pub(crate) fn render(configuration: &Path, output: &Path, flags: &[String]) -> io::Result<()> {
    let mut command = Command::new(BINARY);
    command.env_clear().args(["rules", "render"]);
    command.arg(format!("--config.file={}", configuration.display()));
    command.arg(format!("--output={}", output.display())).args(flags);
    said(&mut command).map(drop)
}

/// An address that is free now; nobody else is likely to take it within the next moment.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// What a command prints; an error if it fails.
pub(crate) fn said(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failure(format!("{command:?} ended with {}: {}", output.status, said.trim())));
    }
    // Some write their version there.
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The load of the machine over the last minute, for people to judge wall times by.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
