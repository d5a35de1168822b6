//! How many bytes a day of containers takes.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::measured::connection::Connection;
use crate::measured::engine::Engine;
use crate::measured::failure;
use crate::measured::interrupt::{self, pause_until};
use crate::ninety::bytes_below;
use crate::options::Options;
use crate::program::{Program, Server, alertmanager, free_address, load, render};
use crate::query;

pub(crate) const FLAGS: &[(&str, &str)] = &[("containers", "50"), ("minutes", "30"), ("prometheus", "3")];

const DAY_S: f64 = 86_400.0;

/// How long a block of Prometheus is before it is merged with others, and how long blocks become.
const FIRST_BLOCK_S: f64 = 7200.0;
const LAST_BLOCK_S: f64 = 162.0 * 3600.0;

/// What containers do, in turn: a little all the time, now and then, hardly anything, nothing.
const LOADS: [&str; 5] = [
    "while :; do i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; head -c 200000 /dev/zero >/tmp/a; cat /tmp/a >/dev/null; sleep 1; done",
    "while :; do head -c $((1000000 + $$ * 1000)) /dev/zero | md5sum >/dev/null; sleep 4; done",
    "while :; do ping -c 2 -s 1000 127.0.0.1 >/dev/null; date >/tmp/a; sleep 7; done",
    "while :; do sleep 30; date >/dev/null; done",
    "sleep 100000",
];

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let server = Server::of_version(options.one("prometheus"))?;
    let containers = usize::try_from(options.one("containers")).unwrap_or(1);
    let length = Duration::from_secs(options.one("minutes") * 60);
    eprintln!("starting an engine with {containers} containers …");
    let engine = Engine::start("bytes", "docker")?;
    for number in 0..containers {
        interrupt::check()?;
        let project = format!("--label=dockmeter.project=project-{}", number % 10);
        let labels =
            ["--label=dockmeter.user=ann", "--label=dockmeter.team=core", &project, "--restart=always"];
        engine.run(&format!("bytes-{number}"), &labels, &["sh", "-c", LOADS[number % LOADS.len()]])?;
    }
    let folder = tempfile::tempdir()?;
    let configuration = folder.path().join("dockmeter.yml");
    fs::write(&configuration, "slo: {objectives: [{slo: uptime, objective: 99.5}]}\n")?;
    let flags = [format!("--config.file={}", configuration.display())];
    let dockmeter = Program::dockmeter(&engine.host(), folder.path(), &flags)?;
    let (address, alerts, stack) = (free_address()?, free_address()?, folder.path().join("stack"));
    let flags = [
        format!("--scrape.target={}", dockmeter.address),
        format!("--prometheus.url=http://{address}"),
        format!("--alertmanager.url=http://{alerts}"),
    ];
    render(&configuration, &stack, &flags)?;
    let _alertmanager = alertmanager(&stack, alerts)?;
    let features = "--enable-feature=exemplar-storage,native-histograms";
    let prometheus = Program::prometheus(&server, &stack, address, &[features, "--web.enable-admin-api"])?;
    eprintln!("scraping for {} minutes …", options.one("minutes"));
    let started = Instant::now();
    pause_until(started + length / 2)?;
    let half = Snapshot::take(&prometheus, &stack.join("data"))?;
    pause_until(started + length)?;
    let whole = Snapshot::take(&prometheus, &stack.join("data"))?;
    println!("Prometheus {}, load {}.\n", server.version, load());
    whole.print(&half, containers, prometheus.connect()?)
}

/// What a snapshot holds.
struct Snapshot {
    seconds: f64,
    samples: f64,
    series: f64,
    chunk_bytes: f64,
    index_bytes: f64,
    log_bytes: f64,
}

impl Snapshot {
    fn take(prometheus: &Program, data: &Path) -> io::Result<Self> {
        let answer = prometheus.connect()?.post("/api/v1/admin/tsdb/snapshot", &[], &[])?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        let name = answer["data"]["name"].as_str().unwrap_or_default();
        let mut all = Snapshot {
            seconds: 0.0,
            samples: 0.0,
            series: 0.0,
            chunk_bytes: 0.0,
            index_bytes: 0.0,
            log_bytes: bytes_below(&data.join("wal"))? as f64,
        };
        let (mut first, mut last) = (f64::MAX, f64::MIN);
        for block in fs::read_dir(data.join("snapshots").join(name))? {
            let block = block?.path();
            let meta: serde_json::Value = serde_json::from_slice(&fs::read(block.join("meta.json"))?)?;
            let number = |value: &serde_json::Value| value.as_f64().unwrap_or_default();
            first = first.min(number(&meta["minTime"]));
            last = last.max(number(&meta["maxTime"]));
            all.samples += number(&meta["stats"]["numSamples"]);
            all.series = all.series.max(number(&meta["stats"]["numSeries"]));
            all.chunk_bytes += bytes_below(&block.join("chunks"))? as f64;
            all.index_bytes += fs::metadata(block.join("index"))?.len() as f64;
        }
        all.seconds = (last - first) / 1000.0;
        if all.samples == 0.0 {
            return Err(failure("the snapshot holds nothing"));
        }
        Ok(all)
    }

    /// Prints what a day takes, given a snapshot of the first half.
    fn print(&self, half: &Snapshot, containers: usize, mut prometheus: Connection) -> io::Result<()> {
        let scraped =
            query::by(&mut prometheus, "job", "sum by (job) (scrape_samples_post_metric_relabeling)")?;
        let a_day = self.samples / self.seconds * DAY_S;
        let chunks_a_day = self.chunk_bytes / self.seconds * DAY_S;
        // Of the index a part is for series and stands in every block once. The rest grows with time,
        // as between the two snapshots.
        let growth = (self.index_bytes - half.index_bytes) / (self.seconds - half.seconds);
        let of_series = (self.index_bytes - growth * self.seconds).max(0.0);
        let index_a_day = |block_s: f64| (growth + of_series / block_s) * DAY_S;
        println!("| | |\n|---|---|");
        for (what, value) in [
            ("containers", format!("{containers}")),
            ("minutes in the snapshot", format!("{:.1}", self.seconds / 60.0)),
            (
                "series of dockmeter a scrape",
                format!("{:.0}", scraped.get("dockmeter").copied().unwrap_or_default()),
            ),
            (
                "series of Prometheus and Alertmanager a scrape",
                format!(
                    "{:.0}",
                    scraped
                        .iter()
                        .filter(|(job, _)| *job != "dockmeter")
                        .map(|(_, value)| value)
                        .sum::<f64>()
                ),
            ),
            ("series with what rules record", format!("{:.0}", self.series)),
            ("samples a day", format!("{:.1} million", a_day / 1e6)),
            ("bytes a sample, chunks", format!("{:.3}", self.chunk_bytes / self.samples)),
            ("index of this snapshot", format!("{:.2} MB", self.index_bytes / 1e6)),
            ("chunks a day", format!("{:.1} MB", chunks_a_day / 1e6)),
            (
                "a day in blocks of 2 h",
                format!("{:.1} MB", (chunks_a_day + index_a_day(FIRST_BLOCK_S)) / 1e6),
            ),
            (
                "a day in blocks of 162 h",
                format!("{:.1} MB", (chunks_a_day + index_a_day(LAST_BLOCK_S)) / 1e6),
            ),
            (
                "write-ahead log of this time, on top for the last hours",
                format!("{:.1} MB", self.log_bytes / 1e6),
            ),
        ] {
            println!("| {what} | {value} |");
        }
        print_largest(&mut prometheus)
    }
}

/// The families with most series.
fn print_largest(prometheus: &mut Connection) -> io::Result<()> {
    let most = "topk(12, count by (__name__) ({job=\"dockmeter\"}))";
    let mut families: Vec<_> = query::by(prometheus, "__name__", most)?.into_iter().collect();
    families.sort_by(|a, b| b.1.total_cmp(&a.1));
    println!("\nMost series:\n\n| family | series |\n|---|---|");
    for (name, series) in families {
        println!("| `{name}` | {series} |");
    }
    Ok(())
}
