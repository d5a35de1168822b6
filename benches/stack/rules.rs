//! How long rules take with many tenants.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::bed::{Bed, remove_leftovers};
use crate::groups::{Group, Groups};
use crate::history;
use crate::measured::failure;
use crate::measured::interrupt::pause_until;
use crate::measured::process::Resident;
use crate::options::Options;
use crate::past;
use crate::program::{Program, Server, alertmanager, free_address, load, render};
use crate::query;
use crate::tenants::{self, Watched};

pub(crate) const FLAGS: &[(&str, &str)] =
    &[("containers", "50,500,2000"), ("seconds", "120"), ("prometheus", "3")];

/// Where the cgroups of the containers lie.
const PARENT: &str = "dockmeter-bench-rules";

/// How long Prometheus scrapes before it has rules, to tell what these take.
const BEFORE: Duration = Duration::from_secs(30);

/// How often programs send, and groups are looked at.
const SEND: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(500);

/// Groups of longer intervals run this often instead.
const SPED_UP: [(&str, &str); 2] = [("interval: 5m", "interval: 30s"), ("interval: 1h", "interval: 1m")];

/// How long containers may take to be shown.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let server = Server::of_version(options.one("prometheus"))?;
    let seconds = Duration::from_secs(options.one("seconds"));
    let mut measured = Vec::new();
    for containers in options.all("containers") {
        let containers = usize::try_from(*containers).unwrap_or(usize::MAX);
        measured.push(Measured::of(containers, &server, seconds)?);
    }
    print(&server, &measured);
    Ok(())
}

/// What was measured with some number of containers.
struct Measured {
    containers: usize,
    groups: Groups,
    /// Series and samples a scrape, and those of the past.
    series: f64,
    past: u64,
    /// CPU of Prometheus in percent of a core, before it had rules and with them.
    before: f64,
    with: f64,
    resident: u64,
    load: String,
}

impl Measured {
    fn of(containers: usize, server: &Server, seconds: Duration) -> io::Result<Self> {
        eprintln!("{containers} containers …");
        remove_leftovers(PARENT)?;
        let mut bed = Bed::without_networks(PARENT, containers)?;
        tenants::settle(&mut bed);
        let folder = tempfile::tempdir()?;
        let watched = Watched::start(&bed, folder.path(), &[])?;
        let page = complete_page(&watched, containers)?;
        let stack = Stack::make(&watched, &folder)?;
        let rules = stack.folder.join("rules");
        let series = past::of(&page, watched.dockmeter.address, &rules)?;
        eprintln!("a past of {} series …", series.len());
        let past = history::blocks(&server.promtool, &series, &stack.folder.join("data"))?;
        drop((series, page));
        let stack = stack.start(server)?;
        stack.measure(&watched, containers, past, seconds)
    }
}

/// The page once every container and every program is on it.
pub(crate) fn complete_page(watched: &Watched, containers: usize) -> io::Result<String> {
    let mut connection = watched.dockmeter.connect()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        watched.send()?;
        let page = String::from_utf8_lossy(&connection.page(&[])?).into_owned();
        let with = |start: &str| page.lines().filter(|line| line.starts_with(start)).count();
        let (shown, promised) = (with("container_last_seen{"), with("slo_events_total{"));
        if shown == containers && promised == containers + watched.programs {
            return Ok(page);
        }
        if Instant::now() > deadline {
            let what = format!("{shown} of {containers} containers and {promised} objectives are shown");
            return Err(failure(what));
        }
        pause_until(Instant::now() + Duration::from_secs(1))?;
    }
}

/// What is rendered and made before Prometheus starts.
struct Stack {
    folder: std::path::PathBuf,
    address: std::net::SocketAddr,
    _alertmanager: Program,
}

impl Stack {
    fn make(watched: &Watched, folder: &TempDir) -> io::Result<Self> {
        let (stack, address, alerts) = (folder.path().join("stack"), free_address()?, free_address()?);
        let flags = [
            format!("--scrape.target={}", watched.dockmeter.address),
            format!("--prometheus.url=http://{address}"),
            format!("--alertmanager.url=http://{alerts}"),
        ];
        render(&watched.configuration, &stack, &flags)?;
        let alertmanager = alertmanager(&stack, alerts)?;
        speed_up(&stack.join("rules"))?;
        Ok(Stack { folder: stack, address, _alertmanager: alertmanager })
    }

    /// Starts Prometheus without its rules.
    fn start(self, server: &Server) -> io::Result<Running> {
        fs::rename(self.folder.join("rules"), self.folder.join("rules.later"))?;
        let features = "--enable-feature=exemplar-storage,native-histograms";
        let flags = [features, "--web.enable-lifecycle", "--storage.tsdb.retention.time=90d"];
        let prometheus = Program::prometheus(server, &self.folder, self.address, &flags)?;
        Ok(Running { stack: self, prometheus })
    }
}

fn speed_up(rules: &Path) -> io::Result<()> {
    for entry in fs::read_dir(rules)? {
        let path = entry?.path();
        let mut text = fs::read_to_string(&path)?;
        for (from, to) in SPED_UP {
            text = text.replace(from, to);
        }
        fs::write(&path, text)?;
    }
    Ok(())
}

struct Running {
    stack: Stack,
    prometheus: Program,
}

impl Running {
    fn measure(
        self,
        watched: &Watched,
        containers: usize,
        past: u64,
        seconds: Duration,
    ) -> io::Result<Measured> {
        let mut connection = self.prometheus.connect()?;
        let mut groups = Groups::default();
        let mut phase = |length: Duration, groups: &mut Groups| -> io::Result<f64> {
            let (started, mut clock) = (Instant::now(), self.prometheus.clock());
            let (before, mut sent) = (clock.now_ns(), None::<Instant>);
            while started.elapsed() < length {
                if sent.is_none_or(|sent| sent.elapsed() > SEND) {
                    sent = Some(Instant::now());
                    watched.send()?;
                }
                groups.look(&mut connection)?;
                pause_until(Instant::now() + LOOK)?;
            }
            Ok((clock.now_ns() - before) as f64 / started.elapsed().as_nanos() as f64 * 100.0)
        };
        // The first scrape makes the series; what that takes is not what a scrape takes.
        phase(BEFORE / 3, &mut Groups::default())?;
        let before = phase(BEFORE, &mut Groups::default())?;
        fs::rename(self.stack.folder.join("rules.later"), self.stack.folder.join("rules"))?;
        self.prometheus.connect()?.post("/-/reload", &[], &[])?;
        eprintln!("evaluating …");
        let with = phase(seconds, &mut groups)?;
        let load = load();
        let samples = query::by(&mut connection, "job", "scrape_samples_scraped{job=\"dockmeter\"}")?;
        let resident = Resident::of(self.prometheus.pid())?.now;
        let series = samples.values().sum();
        Ok(Measured { containers, groups, series, past, before, with, resident, load })
    }
}

/// The interval of a group as it is shipped, in seconds.
fn interval(group: &str) -> f64 {
    match group {
        name if name.ends_with("_1h") => 3600.0,
        name if name.ends_with("_5m") => 300.0,
        "slo" => 30.0,
        _ => 15.0,
    }
}

fn middle(group: &Group) -> f64 {
    let mut sorted = group.seconds.clone();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn worst(group: &Group) -> f64 {
    group.seconds.iter().copied().fold(f64::NAN, f64::max)
}

fn print(server: &Server, all: &[Measured]) {
    println!("Prometheus {}.\n", server.version);
    println!(
        "| containers | series a scrape | samples of the past | a round of all groups, s | of those due every 15 or 30 s, s | largest group, s | its worst, s | CPU of Prometheus without rules, % of a core | with rules | rules as shipped, % of a core, reckoned | resident, MB | failed | left out | load |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for one in all {
        let groups = || one.groups.groups.iter();
        let often = groups().filter(|(name, _)| interval(name) < 60.0).map(|(_, group)| middle(group));
        let largest = groups().max_by(|a, b| middle(a.1).total_cmp(&middle(b.1)));
        let (name, largest_s, worst_s) =
            largest.map_or(("", 0.0, 0.0), |(name, group)| (name.as_str(), middle(group), worst(group)));
        let shipped: f64 = groups().map(|(name, group)| middle(group) / interval(name) * 100.0).sum();
        println!(
            "| {} | {:.0} | {} | {:.3} | {:.3} | `{name}` {largest_s:.3} | {worst_s:.3} | {:.1} | {:.1} | {shipped:.1} | {:.0} | {} | {} | {} |",
            one.containers,
            one.series,
            one.past,
            groups().map(|(_, group)| middle(group)).sum::<f64>(),
            often.sum::<f64>(),
            one.before,
            one.with,
            one.resident as f64 / 1e6,
            one.groups.failed,
            one.groups.missed,
            one.load,
        );
    }
    println!("\nEach group, ms, median and worst:\n");
    let heads: Vec<_> = all.iter().map(|one| format!("{} containers | worst", one.containers)).collect();
    println!("| group | rules | as shipped, every | rounds | {} |", heads.join(" | "));
    println!("|---|---|---|---|{}", "---|---|".repeat(all.len()));
    let Some(last) = all.last() else { return };
    for (name, group) in &last.groups.groups {
        let cell = |one: &Measured| {
            let group = one.groups.groups.get(name);
            group.map_or("– | –".to_owned(), |one| {
                format!("{:.1} | {:.1}", middle(one) * 1e3, worst(one) * 1e3)
            })
        };
        let cells: Vec<_> = all.iter().map(cell).collect();
        println!(
            "| `{name}` | {} | {} s | {} | {} |",
            group.rules,
            interval(name),
            group.seconds.len(),
            cells.join(" | ")
        );
    }
}
