//! One program alone over the containers, for one phase.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cell::Cell;
use crate::measured::engine::Engine;
use crate::measured::failure;
use crate::measured::interrupt::{pause, pause_until};
use crate::page::{self, free_address};
use crate::peer::{Peer, Task};

/// How long a program may take to show all containers.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often that is looked at.
const STEP: Duration = Duration::from_millis(500);

/// Time before a phase in which what was started or ended before dies down.
const SETTLE: Duration = Duration::from_secs(11);

/// Scrapes whose time counts, at least; after the phase there are more if it had fewer.
const SCRAPES: usize = 11;

/// What is to be measured.
pub(crate) struct Trial<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) api_version: &'a str,
    /// Names and ids.
    pub(crate) containers: &'a [(String, String)],
    pub(crate) peer: &'a Peer,
    pub(crate) program: &'a Path,
    pub(crate) resolution: Duration,
    pub(crate) phase: Duration,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Percent of a core, of the program and all it starts.
    pub(crate) own: f64,
    /// Percent of a core, of dockerd, containerd and the shims.
    pub(crate) engine: f64,
    /// Bytes, at the end.
    pub(crate) resident: f64,
    pub(crate) series: usize,
    /// Containers on the page.
    pub(crate) containers: usize,
    /// Milliseconds, median.
    pub(crate) scrape_ms: f64,
}

/// The engine's percent of a core while nobody asks it anything.
pub(crate) fn rest(engine: &Engine, phase: Duration) -> io::Result<f64> {
    pause(SETTLE)?;
    let mut clock = engine.clock();
    let (started, before) = (Instant::now(), clock.now_ns()?);
    pause(phase)?;
    Ok(percent(clock.now_ns()? - before, started))
}

impl Trial<'_> {
    pub(crate) fn run(&self) -> io::Result<Measured> {
        let directory = tempfile::tempdir()?;
        let address = free_address()?;
        let socket = self.engine.socket();
        let task = Task {
            socket: &socket,
            api_version: self.api_version,
            address,
            resolution: self.resolution,
            directory: directory.path(),
            program: self.program,
        };
        let arguments = (self.peer.prepare)(&task)?;
        let mut cell = Cell::start(self.program, &arguments, directory.path())?;
        let scrape = || page::get(address, self.peer.page);
        self.wait_for_containers(&mut cell, scrape)?;
        let mut times = Vec::new();
        self.scrape_until(Instant::now() + SETTLE, scrape, &mut Vec::new())?;
        let mut clock = self.engine.clock();
        let (engine_started, engine_before) = (Instant::now(), clock.now_ns()?);
        let (started, before) = (Instant::now(), cell.cpu_ns()?);
        self.scrape_until(started + self.phase, scrape, &mut times)?;
        let own = percent(cell.cpu_ns()? - before, started);
        let engine = percent(clock.now_ns()? - engine_before, engine_started);
        let resident = cell.resident() as f64;
        let page = scrape()?;
        while times.len() < SCRAPES {
            self.scrape_until(Instant::now() + Duration::from_secs(1), scrape, &mut times)?;
        }
        if let Some(end) = cell.ended()? {
            return Err(failure(end));
        }
        let (series, containers) = (page::series(&page), self.shown(&page));
        Ok(Measured { own, engine, resident, series, containers, scrape_ms: median(times) })
    }

    /// Waits until the page shows every container. Who never does is measured all the same, and
    /// the table says how many it shows; who never answers is not.
    fn wait_for_containers(
        &self,
        cell: &mut Cell,
        scrape: impl Fn() -> io::Result<Vec<u8>>,
    ) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            pause(STEP)?;
            if let Some(end) = cell.ended()? {
                return Err(failure(end));
            }
            let answer = scrape();
            let complete =
                |page: &Vec<u8>| !self.peer.sees_containers || self.shown(page) == self.containers.len();
            match answer {
                Ok(page) if complete(&page) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                _ if Instant::now() > deadline => return Ok(()),
                _ => {}
            }
        }
    }

    /// Scrapes once a resolution; the seconds that each took.
    fn scrape_until(
        &self,
        end: Instant,
        scrape: impl Fn() -> io::Result<Vec<u8>>,
        times: &mut Vec<f64>,
    ) -> io::Result<()> {
        let mut next = Instant::now();
        while next < end {
            pause_until(next)?;
            let started = Instant::now();
            scrape()?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
            next += self.resolution;
        }
        pause_until(end)
    }

    /// Containers whose name or short id the page has.
    fn shown(&self, page: &[u8]) -> usize {
        let has = |text: &str| memchr::memmem::find(page, text.as_bytes()).is_some();
        self.containers.iter().filter(|(name, id)| has(name) || has(&id[..12])).count()
    }
}

fn percent(nanos: u64, since: Instant) -> f64 {
    nanos as f64 / since.elapsed().as_nanos() as f64 * 100.0
}

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
