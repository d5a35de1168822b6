//! How fast queries of dashboards are, alone and with many clients.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::measured::failure;
use crate::measured::interrupt;
use crate::measured::process::Resident;
use crate::ninety::{self, Ninety};
use crate::options::Options;
use crate::panels::{PANELS, Panel, SPARED};
use crate::program::{Program, Server, free_address, load};
use crate::query;

pub(crate) const FLAGS: &[(&str, &str)] = &[
    ("tenants", "2000"),
    ("programs", "100"),
    ("days", "90"),
    ("containers", "50"),
    ("container-days", "15"),
    ("clients", "100"),
    ("seconds", "40"),
    ("prometheus", "3"),
    ("keep", "0"),
];

/// How often a query is asked alone, after a first time that does not count.
const TIMES: usize = 5;

/// How many of the slowest are asked by many clients.
const SLOWEST: usize = 10;

/// How often a dashboard asks again.
const REFRESH: Duration = Duration::from_secs(30);

pub(crate) fn run(options: &Options) -> io::Result<()> {
    ninety::check(options)?;
    let server = Server::of_version(options.one("prometheus"))?;
    let started = Instant::now();
    let ninety = Ninety::make(options, &server)?;
    let made = started.elapsed();
    std::fs::write(ninety.folder.join("prometheus.yml"), "global: {}\n")?;
    let flags = ["--storage.tsdb.retention.time=1y", "--storage.tsdb.max-block-duration=162h"];
    let prometheus = Program::prometheus(&server, &ninety.folder, free_address()?, &flags)?;
    println!(
        "Prometheus {}; {:.1} million samples of {} series in {:.0} MB ({:.2} bytes a sample), made in {} s.\n",
        server.version,
        ninety.samples as f64 / 1e6,
        ninety.series,
        ninety.bytes()? as f64 / 1e6,
        ninety.bytes()? as f64 / ninety.samples as f64,
        made.as_secs(),
    );
    let alone = Alone::table("Each alone", &PANELS, &prometheus, ninety.end_s)?;
    Alone::table("What records of teams spare", &SPARED, &prometheus, ninety.end_s)?;
    let slowest: Vec<Panel> = alone.iter().take(SLOWEST).map(|one| one.panel).collect();
    let clients = usize::try_from(options.one("clients")).unwrap_or(1);
    let seconds = Duration::from_secs(options.one("seconds"));
    let programs = usize::try_from(options.one("programs")).unwrap_or(1).max(1);
    println!(
        "\n| {clients} clients | queries a second | p50, ms | p99, ms | worst, ms | CPU, % of a core | load |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (what, panels, pause) in [
        ("the ten slowest, each client every 30 s", slowest.as_slice(), REFRESH),
        ("all of them, each client every 30 s", &PANELS, REFRESH),
        ("the ten slowest, again at once", &slowest, Duration::ZERO),
        ("all of them, again at once", &PANELS, Duration::ZERO),
    ] {
        let together = Together { panels, pause, clients, seconds, programs, end_s: ninety.end_s };
        println!("| {what} {}", together.row(&prometheus)?);
    }
    println!(
        "\nResident memory of Prometheus at the end: {:.0} MB.",
        Resident::of(prometheus.pid())?.now as f64 / 1e6
    );
    Ok(())
}

/// What a query took that nobody disturbed.
struct Alone {
    panel: Panel,
    wall_ms: f64,
    cpu_ms: f64,
    bytes: usize,
}

impl Alone {
    /// Prints all, the slowest first.
    fn table(title: &str, panels: &[Panel], prometheus: &Program, end_s: i64) -> io::Result<Vec<Self>> {
        let alone = panels.iter().map(|panel| Alone::of(panel, prometheus, end_s));
        let mut alone = alone.collect::<io::Result<Vec<_>>>()?;
        alone.sort_by(|a, b| b.wall_ms.total_cmp(&a.wall_ms));
        println!("{title}, load {}:\n", load());
        println!("| what | days | step | wall, ms | CPU, ms | answer, KB |\n|---|---|---|---|---|---|");
        for one in &alone {
            println!("{}", one.row());
        }
        println!();
        Ok(alone)
    }

    fn of(panel: &Panel, prometheus: &Program, end_s: i64) -> io::Result<Self> {
        let (mut connection, mut clock) = (prometheus.connect()?, prometheus.clock());
        let (mut wall_ms, mut cpu_ms, mut bytes) = (Vec::new(), Vec::new(), 0);
        for round in 0..=TIMES {
            interrupt::check()?;
            let (started, before) = (Instant::now(), clock.now_ns());
            let answer = query::raw(&mut connection, &panel.query(round), panel.range(end_s))?;
            if round > 0 {
                wall_ms.push(started.elapsed().as_secs_f64() * 1e3);
                cpu_ms.push((clock.now_ns() - before) as f64 / 1e6);
            }
            bytes = answer.len();
            if memchr::memmem::find(&answer, b"\"value").is_none() {
                let answer = String::from_utf8_lossy(&answer).into_owned();
                return Err(failure(format!("`{}` has no data: {answer}", panel.query(round))));
            }
        }
        Ok(Alone { panel: *panel, wall_ms: middle(wall_ms), cpu_ms: middle(cpu_ms), bytes })
    }

    fn row(&self) -> String {
        format!(
            "| {} | {} | {} | {:.1} | {:.1} | {:.0} |",
            self.panel.title,
            self.panel.days,
            self.panel.step(),
            self.wall_ms,
            self.cpu_ms,
            self.bytes as f64 / 1e3,
        )
    }
}

/// Clients that ask at the same time, each the same queries in turn about a tenant of its own.
struct Together<'panels> {
    panels: &'panels [Panel],
    /// The time from one query to the next of a client.
    pause: Duration,
    clients: usize,
    seconds: Duration,
    programs: usize,
    end_s: i64,
}

impl Together<'_> {
    fn row(&self, prometheus: &Program) -> io::Result<String> {
        eprintln!("{} clients …", self.clients);
        let (started, mut clock) = (Instant::now(), prometheus.clock());
        let (before, next) = (clock.now_ns(), AtomicUsize::new(0));
        let answered = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..self.clients)
                .map(|client| (client, &next))
                .map(|(client, next)| scope.spawn(move || self.client(client, prometheus, next)))
                .collect();
            clients
                .into_iter()
                .map(|one| one.join().map_err(|_| failure("a client has ended"))?)
                .collect::<io::Result<Vec<_>>>()
        })?;
        let (elapsed, cpu_ns) = (started.elapsed(), clock.now_ns() - before);
        let mut wall_ms: Vec<f64> = answered.into_iter().flatten().collect();
        wall_ms.sort_by(f64::total_cmp);
        let at = |share: usize| wall_ms.get((wall_ms.len() * share / 100).min(wall_ms.len() - 1)).copied();
        Ok(format!(
            "| {:.1} | {:.0} | {:.0} | {:.0} | {:.0} | {} |",
            wall_ms.len() as f64 / elapsed.as_secs_f64(),
            at(50).unwrap_or(f64::NAN),
            at(99).unwrap_or(f64::NAN),
            at(100).unwrap_or(f64::NAN),
            cpu_ns as f64 / elapsed.as_nanos() as f64 * 100.0,
            load(),
        ))
    }

    /// Milliseconds that each answer took.
    fn client(&self, client: usize, prometheus: &Program, next: &AtomicUsize) -> io::Result<Vec<f64>> {
        let mut connection = prometheus.connect()?;
        let started = Instant::now();
        // Clients do not come all at once, but evenly spread.
        let mut due = started
            + self.pause * u32::try_from(client).unwrap_or(0) / u32::try_from(self.clients).unwrap_or(1);
        let mut wall_ms = Vec::new();
        loop {
            if due.max(Instant::now()) > started + self.seconds {
                return Ok(wall_ms);
            }
            interrupt::pause_until(due)?;
            let panel = &self.panels[next.fetch_add(1, Ordering::Relaxed) % self.panels.len()];
            let asked = Instant::now();
            query::raw(&mut connection, &panel.query(client % self.programs), panel.range(self.end_s))?;
            wall_ms.push(asked.elapsed().as_secs_f64() * 1e3);
            due = asked + self.pause;
        }
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
