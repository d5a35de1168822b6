//! What a look for what holds requests up takes, which dockmeter does every five minutes: its own
//! CPU time and memory, and the CPU time of the Prometheus that it asks.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::bed::{Bed, remove_leftovers};
use crate::history::{self, Series, Wave};
use crate::measured::connection::Connection;
use crate::measured::failure;
use crate::measured::process::Resident;
use crate::options::Options;
use crate::past::split;
use crate::program::{Program, Server, free_address, load};
use crate::rules::complete_page;
use crate::tenants::{self, Watched};

pub(crate) const FLAGS: &[(&str, &str)] = &[("containers", "50,1000"), ("looks", "5"), ("prometheus", "3")];

/// Where the cgroups of the containers lie.
const PARENT: &str = "dockmeter-bench-findings";

/// What a look looks at: the ten minutes of a look by itself, and two hours before them.
const LOOKED_AT: &str = "/api/analytics/insights?last=10m";
const LOOKED_BACK_S: i64 = 600 + 2 * 3600 + 300;

/// How often the past has a sample.
const SCRAPE_S: i64 = 15;

/// How often a look is taken if nobody says (`findings.interval`).
const INTERVAL_S: f64 = 300.0;

/// What is asked for of containers and programs, and by how much it grows a second; without that
/// it stays as it is on the page, so that nothing is wrong.
const FAMILIES: [(&str, Option<f64>); 24] = [
    ("container_cpu_usage_seconds_total", Some(0.2)),
    ("container_cpu_cfs_periods_total", Some(10.0)),
    ("container_cpu_cfs_throttled_periods_total", None),
    ("container_memory_working_set_bytes", None),
    ("container_memory_rss", None),
    ("container_memory_failures_total", None),
    ("container_spec_memory_limit_bytes", None),
    ("container_fs_reads_bytes_total", Some(1e4)),
    ("container_fs_writes_bytes_total", Some(1e4)),
    ("container_network_receive_bytes_total", Some(1e4)),
    ("container_network_transmit_bytes_total", Some(1e4)),
    ("container_pressure_cpu_waiting_seconds_total", Some(0.01)),
    ("container_pressure_io_waiting_seconds_total", Some(0.01)),
    ("container_pressure_io_stalled_seconds_total", None),
    ("container_pressure_memory_waiting_seconds_total", None),
    ("container_pressure_memory_stalled_seconds_total", None),
    ("container_oom_events_total", None),
    ("container_restarts_total", None),
    ("container_start_time_seconds", None),
    ("container_info", None),
    ("http_requests_total", Some(2.0)),
    ("http_request_duration_seconds_bucket", Some(2.0)),
    ("http_request_duration_seconds_count", Some(2.0)),
    ("http_request_duration_seconds_sum", Some(0.1)),
];

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let server = Server::of_version(options.one("prometheus"))?;
    println!("Prometheus {}.\n", server.version);
    println!(
        "| containers | series | samples | CPU of a look, s | every 5 min, % of a core | of Prometheus, s | until it answers, s | resident before, MB | after | peak | load |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for containers in options.all("containers") {
        let containers = usize::try_from(*containers).unwrap_or(usize::MAX);
        print(&Measured::of(containers, &server, options.one("looks").max(1))?);
    }
    Ok(())
}

/// What looks took with some number of containers, in the middle of them.
struct Measured {
    containers: usize,
    series: usize,
    samples: u64,
    cpu_s: f64,
    prometheus_cpu_s: f64,
    wall_s: f64,
    before: Resident,
    after: Resident,
    load: String,
}

impl Measured {
    fn of(containers: usize, server: &Server, looks: u64) -> io::Result<Self> {
        eprintln!("{containers} containers …");
        remove_leftovers(PARENT)?;
        let mut bed = Bed::without_networks(PARENT, containers)?;
        tenants::settle(&mut bed);
        let (folder, address) = (tempfile::tempdir()?, free_address()?);
        let flags = [format!("--prometheus.url=http://{address}"), "--no-findings".to_owned()];
        let watched = Watched::start(&bed, folder.path(), &flags)?;
        let page = complete_page(&watched, containers)?;
        let series = past(&page, watched.dockmeter.address);
        eprintln!("a past of {} series …", series.len());
        let stack = folder.path().join("stack");
        let samples = history::blocks(&server.promtool, &series, &stack.join("data"))?;
        let prometheus = started(server, &stack, address)?;
        let before = Resident::of(watched.dockmeter.pid())?;
        let mut taken = Vec::new();
        for _ in 0..looks {
            taken.push(Look::take(&watched.dockmeter, &prometheus)?);
        }
        let middle = |of: fn(&Look) -> f64| {
            let mut values: Vec<f64> = taken.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        Ok(Measured {
            containers,
            series: series.len(),
            samples,
            cpu_s: middle(|look| look.cpu_s),
            prometheus_cpu_s: middle(|look| look.prometheus_cpu_s),
            wall_s: middle(|look| look.wall_s),
            before,
            after: Resident::of(watched.dockmeter.pid())?,
            load: load(),
        })
    }
}

/// Two hours of what is on a page, up to now.
fn past(page: &str, instance: SocketAddr) -> Vec<Series> {
    let to_s = jiff::Timestamp::now().as_second();
    let mut all = Vec::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = split(series);
        let Some((_, rate)) = FAMILIES.iter().find(|(family, _)| *family == name) else { continue };
        let Ok(value) = value.parse::<f64>() else { continue };
        let text = format!("{name}{{{labels},instance=\"{instance}\",job=\"dockmeter\"}}");
        let wave = rate.map_or(Wave::Flat(value), Wave::Counter);
        all.push(Series { text, wave, step_s: SCRAPE_S, from_s: to_s - LOOKED_BACK_S, to_s });
    }
    all
}

/// A Prometheus that has this past and scrapes nothing.
fn started(server: &Server, folder: &Path, address: SocketAddr) -> io::Result<Program> {
    fs::write(folder.join("prometheus.yml"), "scrape_configs: []\n")?;
    Program::prometheus(server, folder, address, &["--storage.tsdb.retention.time=90d"])
}

/// One look.
struct Look {
    cpu_s: f64,
    prometheus_cpu_s: f64,
    wall_s: f64,
}

impl Look {
    fn take(dockmeter: &Program, prometheus: &Program) -> io::Result<Self> {
        let mut clocks = [dockmeter.clock(), prometheus.clock()];
        let before = [clocks[0].now_ns(), clocks[1].now_ns()];
        let began = Instant::now();
        let answer = Connection::open(dockmeter.address)?.get(LOOKED_AT, &[])?;
        let wall_s = began.elapsed().as_secs_f64();
        let [cpu_s, prometheus_cpu_s] =
            [0, 1].map(|of: usize| (clocks[of].now_ns() - before[of]) as f64 / 1e9);
        let answer: Value = serde_json::from_slice(&answer).map_err(io::Error::other)?;
        match answer["summary"]["containers"].as_u64() {
            Some(seen) if seen > 0 => {}
            _ => return Err(failure(format!("nothing was looked at: {answer}"))),
        }
        Ok(Look { cpu_s, prometheus_cpu_s, wall_s })
    }
}

fn print(one: &Measured) {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "| {} | {} | {} | {:.3} | {:.3} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} | {} |",
        one.containers,
        one.series,
        one.samples,
        one.cpu_s,
        one.cpu_s / INTERVAL_S * 100.0,
        one.prometheus_cpu_s,
        one.wall_s,
        megabytes(one.before.now),
        megabytes(one.after.now),
        megabytes(one.after.peak),
        one.load
    );
}
