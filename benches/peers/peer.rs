//! The programs that are compared: how each is found, configured and scraped.
//!
//! None of them is downloaded or built here. A program is the one that an environment variable
//! names, else the first of its usual names in `PATH`. Each is told to look at the containers
//! of one engine at one resolution, and otherwise left as it comes.

use std::env;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::measured::exporter;

/// What a program is told.
pub(crate) struct Task<'a> {
    /// The engine's socket.
    pub(crate) socket: &'a Path,
    /// The version of its API.
    pub(crate) api_version: &'a str,
    /// Where to listen.
    pub(crate) address: SocketAddr,
    /// How often to read.
    pub(crate) resolution: Duration,
    /// A directory of its own.
    pub(crate) directory: &'a Path,
    /// The program itself.
    pub(crate) program: &'a Path,
}

/// A program that is compared.
pub(crate) struct Peer {
    /// What it is called in the table.
    pub(crate) name: &'static str,
    /// The variable that names its binary.
    variable: &'static str,
    /// What it is called in `PATH`.
    names: &'static [&'static str],
    /// The path of its page.
    pub(crate) page: &'static str,
    /// Whether it knows containers at all.
    pub(crate) sees_containers: bool,
    /// Writes its configuration and returns its arguments.
    pub(crate) prepare: fn(&Task<'_>) -> io::Result<Vec<String>>,
}

/// The one that others are compared with.
pub(crate) const DOCKMETER: &str = "dockmeter, same resolution";

/// All of them, in the order of the table.
pub(crate) const ALL: &[Peer] = &[
    Peer {
        name: DOCKMETER,
        variable: "",
        names: &[],
        page: "/metrics",
        sees_containers: true,
        prepare: dockmeter_resolution,
    },
    Peer {
        name: "dockmeter, defaults",
        variable: "",
        names: &[],
        page: "/metrics",
        sees_containers: true,
        prepare: dockmeter_defaults,
    },
    Peer {
        name: "cAdvisor",
        variable: "CADVISOR",
        names: &["cadvisor"],
        page: "/metrics",
        sees_containers: true,
        prepare: cadvisor,
    },
    Peer {
        name: "cAdvisor, idle containers less often",
        variable: "CADVISOR",
        names: &["cadvisor"],
        page: "/metrics",
        sees_containers: true,
        prepare: cadvisor_dynamic,
    },
    Peer {
        name: "OpenTelemetry Collector, docker_stats",
        variable: "OTELCOL",
        names: &["otelcol-contrib", "otelcol"],
        page: "/metrics",
        sees_containers: true,
        prepare: otelcol,
    },
    Peer {
        name: "Telegraf, docker",
        variable: "TELEGRAF",
        names: &["telegraf"],
        page: "/metrics",
        sees_containers: true,
        prepare: telegraf,
    },
    Peer {
        name: "Netdata, cgroups",
        variable: "NETDATA",
        names: &["netdata"],
        page: "/api/v1/allmetrics?format=prometheus",
        sees_containers: true,
        prepare: netdata,
    },
    Peer {
        name: "node_exporter (host only)",
        variable: "NODE_EXPORTER",
        names: &["node_exporter", "prometheus-node-exporter"],
        page: "/metrics",
        sees_containers: false,
        prepare: node_exporter,
    },
];

impl Peer {
    /// Its binary; where there is none, what would make it be found.
    pub(crate) fn find(&self) -> Result<PathBuf, String> {
        if self.variable.is_empty() {
            return Ok(exporter::BINARY.into());
        }
        if let Some(named) = env::var_os(self.variable).map(PathBuf::from) {
            return if named.is_file() {
                Ok(named)
            } else {
                Err(format!("`{}` names no file", self.variable))
            };
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let candidates =
            env::split_paths(&path).flat_map(|folder| self.names.iter().map(move |name| folder.join(name)));
        let found = candidates.into_iter().find(|candidate| candidate.is_file());
        found.ok_or_else(|| {
            format!(
                "not found: neither `{}` in PATH nor `{}` in the environment",
                self.names.join("`, `"),
                self.variable
            )
        })
    }
}

fn dockmeter_defaults(task: &Task<'_>) -> io::Result<Vec<String>> {
    Ok(vec![
        format!("--web.listen-address={}", task.address),
        format!("--docker.host=unix://{}", task.socket.display()),
        "--no-collector.host".to_owned(),
    ])
}

/// Everything at one resolution; the fast readings of CPU and memory as rare as they may be.
fn dockmeter_resolution(task: &Task<'_>) -> io::Result<Vec<String>> {
    let mut flags = dockmeter_defaults(task)?;
    flags.push(format!("--sampling.full={}s", task.resolution.as_secs()));
    flags.push(format!("--sampling.fast={}s", task.resolution.as_secs().min(5)));
    Ok(flags)
}

fn cadvisor_dynamic(task: &Task<'_>) -> io::Result<Vec<String>> {
    Ok(vec![
        "--listen_ip=127.0.0.1".to_owned(),
        format!("--port={}", task.address.port()),
        format!("--docker=unix://{}", task.socket.display()),
        "--docker_only=true".to_owned(),
        format!("--housekeeping_interval={}s", task.resolution.as_secs()),
        format!("--max_housekeeping_interval={}s", task.resolution.as_secs().max(60)),
    ])
}

/// Left to itself it reads an idle container less and less often.
fn cadvisor(task: &Task<'_>) -> io::Result<Vec<String>> {
    let mut flags = cadvisor_dynamic(task)?;
    flags.push("--allow_dynamic_housekeeping=false".to_owned());
    Ok(flags)
}

fn otelcol(task: &Task<'_>) -> io::Result<Vec<String>> {
    let configuration = format!(
        "receivers:\n  docker_stats:\n    endpoint: unix://{}\n    api_version: \"{}\"\n    collection_interval: {}s\n\
         exporters:\n  prometheus:\n    endpoint: {}\n    resource_to_telemetry_conversion:\n      enabled: true\n\
         service:\n  telemetry:\n    metrics:\n      level: none\n\
         \x20 pipelines:\n    metrics:\n      receivers: [docker_stats]\n      exporters: [prometheus]\n",
        task.socket.display(),
        task.api_version,
        task.resolution.as_secs(),
        task.address,
    );
    Ok(vec![format!("--config={}", written(task, "otelcol.yaml", &configuration)?)])
}

fn telegraf(task: &Task<'_>) -> io::Result<Vec<String>> {
    let seconds = task.resolution.as_secs();
    let configuration = format!(
        "[agent]\ninterval = \"{seconds}s\"\nflush_interval = \"{seconds}s\"\nomit_hostname = true\n\
         [[inputs.docker]]\nendpoint = \"unix://{}\"\ntimeout = \"30s\"\n\
         [[outputs.prometheus_client]]\nlisten = \"{}\"\n",
        task.socket.display(),
        task.address,
    );
    Ok(vec![format!("--config={}", written(task, "telegraf.conf", &configuration)?)])
}

/// With its collector of cgroups alone, as far as its settings allow.
fn netdata(task: &Task<'_>) -> io::Result<Vec<String>> {
    let own = |name: &str| -> io::Result<String> {
        let folder = task.directory.join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder.display().to_string())
    };
    // Beside `sbin`, wherever it was installed or unpacked.
    let prefix = task.program.parent().and_then(Path::parent).unwrap_or(Path::new("/usr"));
    let plugins = ["lib", "libexec"].map(|folder| prefix.join(folder).join("netdata/plugins.d"));
    let plugins = plugins.iter().find(|folder| folder.is_dir()).unwrap_or(&plugins[0]).display().to_string();
    // Left to itself it looks into the unified hierarchy of a hybrid host, where nothing is.
    let unified = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { "yes" } else { "no" };
    let configuration = format!(
        "[global]\n  run as user = root\n  update every = {seconds}\n\
         [db]\n  update every = {seconds}\n\
         [directories]\n  config = {}\n  stock config = {}\n  cache = {}\n  lib = {}\n  log = {}\n  web = {}\n  plugins = {plugins}\n\
         [web]\n  bind to = {}\n\
         [cloud]\n  enabled = no\n\
         [health]\n  enabled = no\n\
         [plugins]\n  netdata monitoring = no\n  proc = no\n  diskspace = no\n  tc = no\n  idlejitter = no\n  timex = no\n  apps = no\n  \
         slabinfo = no\n  nfacct = no\n  perf = no\n  statsd = no\n  ebpf = no\n  go.d = no\n  python.d = no\n  \
         charts.d = no\n  node.d = no\n  fping = no\n  ioping = no\n  freeipmi = no\n  debugfs = no\n  \
         check for new plugins every = 100000\n  cgroups = yes\n\
         [plugin:cgroups]\n  use unified cgroups = {unified}\n",
        own("etc")?,
        own("etc")?,
        own("cache")?,
        own("lib")?,
        own("logs")?,
        own("web")?,
        task.address,
        seconds = task.resolution.as_secs(),
    );
    fs::write(task.directory.join("etc/.opt-out-from-anonymous-statistics"), "")?;
    let file = written(task, "etc/netdata.conf", &configuration)?;
    Ok(["-D", "-u", "root", "-c", &file].map(str::to_owned).to_vec())
}

fn node_exporter(task: &Task<'_>) -> io::Result<Vec<String>> {
    Ok(vec![format!("--web.listen-address={}", task.address)])
}

/// Writes a file of the program's directory; its path.
fn written(task: &Task<'_>, name: &str, text: &str) -> io::Result<String> {
    let file = task.directory.join(name);
    fs::write(&file, text)?;
    Ok(file.display().to_string())
}
