//! The programs that are compared, and where they and their tools come from.

use std::env;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dockmeter::config::{Sources, settings};
use dockmeter::metrics::catalogue::{self, Owner, host};
use tempfile::TempDir;

use crate::measured::connection::Connection;
use crate::measured::exporter::BINARY;
use crate::measured::failure;
use crate::measured::interrupt::pause;
use crate::measured::process::{CpuClock, command_that_dies_with_us};

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked whether a program answers.
const STEP: Duration = Duration::from_millis(50);

/// Fetches a component, as `./test` does, and prints where its program is.
const COMPONENT: &str = r#"
root=$PWD
. scripts/components.sh
component "$0" || { echo "$component_reason" >&2; exit 1; }
component_program "$0" "$1"
"#;

/// A running program; ended when dropped.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) connection: Connection,
    pub(crate) clock: CpuClock,
    child: Child,
    _folder: TempDir,
}

impl Program {
    /// Our own binary, built by the same `cargo bench`.
    pub(crate) fn dockmeter(name: &'static str, docker_host: &str, flags: &[&str]) -> io::Result<Self> {
        let docker = format!("--docker.host={docker_host}");
        Self::start(name, Path::new(BINARY), &[&[docker.as_str()], flags].concat())
    }

    pub(crate) fn node_exporter(name: &'static str, program: &Path, flags: &[&str]) -> io::Result<Self> {
        Self::start(name, program, flags)
    }

    fn start(name: &'static str, program: &Path, flags: &[&str]) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        // Free now; nobody else is likely to take it within the next moment.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = command_that_dies_with_us(&program.to_string_lossy());
        command.arg(format!("--web.listen-address={address}")).args(flags).env_clear();
        if let Some(path) = env::var_os("PATH") {
            command.env("PATH", path);
        }
        let log = File::create(folder.path().join("log"))?;
        let mut child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        match answering(&mut child, address) {
            Ok(connection) => {
                let clock = CpuClock::of(child.id());
                Ok(Program { name, connection, clock, child, _folder: folder })
            }
            Err(error) => {
                end(&mut child);
                let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
                Err(failure(format!("{name} does not answer: {error}\n{log}")))
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // Both fail only if it has ended.
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits until a program shows a page.
fn answering(child: &mut Child, address: SocketAddr) -> io::Result<Connection> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        pause(STEP)?;
        let answer = Connection::open(address).and_then(|mut connection| {
            connection.page(&[])?;
            Ok(connection)
        });
        match answer {
            Ok(connection) => return Ok(connection),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) if child.try_wait()?.is_some() => return Err(failure("it has ended")),
            Err(_) => {}
        }
    }
}

/// The node_exporter that is named, else that of the newest suite.
pub(crate) fn node_exporter() -> io::Result<PathBuf> {
    match env::var_os("NODE_EXPORTER") {
        Some(named) => Ok(named.into()),
        None => component("node-exporter", "prometheus-node-exporter"),
    }
}

/// What counts system calls.
pub(crate) fn strace() -> io::Result<PathBuf> {
    component("strace", "strace")
}

fn component(name: &str, program: &str) -> io::Result<PathBuf> {
    let mut command = Command::new("bash");
    command.args(["-c", COMPONENT, name, program]).current_dir(env!("CARGO_MANIFEST_DIR"));
    Ok(said(&mut command)?.trim().into())
}

/// What a command prints; an error if it fails.
fn said(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failure(format!("{command:?} ended with {}: {}", output.status, said.trim())));
    }
    // Some write their version there.
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The first line of what a node_exporter says of its version.
pub(crate) fn version(node_exporter: &Path) -> io::Result<String> {
    let text = said(Command::new(node_exporter).arg("--version"))?;
    let line = text.lines().next().unwrap_or_default();
    Ok(line.split(" (").next().unwrap_or_default().to_owned())
}

/// Flags for the families that both have, and for nothing else.
pub(crate) struct Alone {
    /// Ours: everything of the host, and nothing of containers.
    pub(crate) ours: Vec<String>,
    /// Theirs: the collectors whose families we show, of the devices and fields that we show.
    pub(crate) theirs: Vec<String>,
}

pub(crate) fn families_alone(node_exporter: &Path) -> io::Result<Alone> {
    let of_containers = catalogue::COLLECTORS.iter().filter(|name| !host::COLLECTORS.contains(name));
    let ours = of_containers.map(|name| format!("--no-collector.{name}")).collect();
    let known = said(Command::new(node_exporter).arg("--help"))?;
    let defaults = Sources::default().load().map_err(io::Error::other)?;
    let shown = |name: &&&str| {
        let is_theirs = |owner| owner == Owner::NodeExporter;
        defaults.collects(name)
            && host::FAMILIES.iter().any(|family| family.collector == **name && is_theirs(family.owner))
            && ["--", "--[no-]"].iter().any(|dashes| known.contains(&format!("{dashes}collector.{name} ")))
    };
    let mut theirs: Vec<String> =
        host::COLLECTORS.iter().filter(shown).map(|name| format!("--collector.{name}")).collect();
    theirs.push("--collector.disable-defaults".to_owned());
    theirs.push("--web.disable-exporter-metrics".to_owned());
    for (flag, value) in [
        ("netdev.device-exclude", settings::DEVICES_EXCLUDE),
        ("netclass.ignored-devices", settings::DEVICES_EXCLUDE),
        ("vmstat.fields", "^(oom_kill|pgpg|pswp|pg.*fault|workingset_(refault|activate)).*"),
    ] {
        theirs.push(format!("--collector.{flag}={value}"));
    }
    Ok(Alone { ours, theirs })
}
