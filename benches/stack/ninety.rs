//! Ninety days of what is recorded of tenants, and some of what is scraped of containers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::history::{self, Series, Wave};
use crate::measured::failure;
use crate::options::Options;
use crate::program::Server;
use crate::tenants::{TEAMS, team, tenant};

const DAY_S: i64 = 86_400;

/// What is scraped of containers is in coarser steps than every 5 s, or it would be most of all.
const SCRAPED_S: i64 = 30;

/// Recorded of every tenant: the name without its step, and values as they may be.
const OF_TENANTS: [(&str, Wave); 2] =
    [("tenant:cpu_usage:cores", Wave::Gauge(0.4)), ("tenant:memory_working_set:bytes", Wave::Gauge(3e8))];

/// Recorded of every team, likewise.
const OF_TEAMS: [(&str, Wave); 2] =
    [("team:cpu_usage:cores", Wave::Gauge(16.0)), ("team:memory_working_set:bytes", Wave::Gauge(1.2e10))];

/// Recorded of tenants whose programs tell of requests.
const OF_PROGRAMS: [(&str, Wave); 5] = [
    ("tenant:http_requests:per_second", Wave::Gauge(12.0)),
    ("tenant:http_errors:per_second", Wave::Gauge(0.01)),
    ("tenant:http_duration:seconds_per_second", Wave::Gauge(0.5)),
    ("tenant:http_duration_p95:seconds", Wave::Gauge(0.2)),
    ("tenant:db_queries:per_second", Wave::Gauge(40.0)),
];

/// Recorded of their objectives; burn rates every five minutes, not every thirty seconds.
const OF_OBJECTIVES: [(&str, i64, Wave); 5] = [
    ("slo:events:increase5m", 300, Wave::Count(4000)),
    ("slo:bad_events:increase5m", 300, Wave::Count(3)),
    ("slo:current_burn_rate:ratio", 300, Wave::Gauge(0.8)),
    ("slo:events:increase1h", 3600, Wave::Count(48_000)),
    ("slo:bad_events:increase1h", 3600, Wave::Count(40)),
];

/// What is scraped of containers.
const OF_CONTAINERS: [(&str, Wave); 4] = [
    ("container_cpu_usage_seconds_total", Wave::Counter(0.2)),
    ("container_memory_working_set_bytes", Wave::Gauge(2e8)),
    ("container_network_receive_bytes_total", Wave::Counter(20_000.0)),
    ("container_network_transmit_bytes_total", Wave::Counter(9_000.0)),
];

/// What is recorded of containers.
const RECORDED_OF_CONTAINERS: [(&str, i64, Wave); 4] = [
    ("container:cpu_usage:cores5m", 300, Wave::Gauge(0.2)),
    ("container:memory_working_set:bytes5m", 300, Wave::Gauge(2e8)),
    ("container:cpu_usage_p95:cores7d", 3600, Wave::Gauge(0.3)),
    ("container:memory_working_set_p95:bytes7d", 3600, Wave::Gauge(3e8)),
];

/// The blocks of a run, and when they end.
pub(crate) struct Ninety {
    pub(crate) folder: PathBuf,
    /// The last second of Unix time of which there is data.
    pub(crate) end_s: i64,
    pub(crate) samples: u64,
    pub(crate) series: usize,
    keep: bool,
}

impl Ninety {
    /// Those that an earlier run has kept, or new ones.
    pub(crate) fn make(options: &Options, server: &Server) -> io::Result<Self> {
        let (tenants, days) = (options.one("tenants"), options.one("days"));
        let (programs, containers) = (options.one("programs"), options.one("containers"));
        let name =
            format!("stack-{tenants}-{programs}-{containers}-{days}-{}", options.one("container-days"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let keep = options.one("keep") > 0;
        let now_s = jiff::Timestamp::now().as_second();
        let end_s = now_s - now_s.rem_euclid(3600);
        let all = all_series(options, end_s);
        let series = all.len();
        if let Some((end_s, samples, made)) = kept(&folder)
            && made == series
        {
            eprintln!("`{}` holds {samples} samples already", folder.display());
            return Ok(Ninety { folder, end_s, samples, series, keep });
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        // Made first, so that what an error leaves is removed.
        let mut ninety = Ninety { folder, end_s, samples: 0, series, keep };
        ninety.samples = history::blocks(&server.promtool, &all, &ninety.folder.join("data"))?;
        fs::write(ninety.folder.join("made"), format!("{end_s} {} {}", ninety.samples, series))?;
        Ok(ninety)
    }

    /// Bytes of all blocks.
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        bytes_below(&self.folder.join("data"))
    }
}

impl Drop for Ninety {
    fn drop(&mut self) {
        // Without the mark it is not whole.
        if !self.keep || kept(&self.folder).is_none() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Bytes of all files below a folder.
pub(crate) fn bytes_below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes +=
            if entry.file_type()?.is_dir() { bytes_below(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// What the mark of whole data says: end, samples, series.
fn kept(folder: &Path) -> Option<(i64, u64, usize)> {
    let text = fs::read_to_string(folder.join("made")).ok()?;
    let mut words = text.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn all_series(options: &Options, end_s: i64) -> Vec<Series> {
    let mut all = Vec::new();
    let count = |name| usize::try_from(options.one(name)).unwrap_or(usize::MAX);
    let from_s = |name| end_s - i64::try_from(options.one(name)).unwrap_or(90) * DAY_S;
    let (long_s, short_s) = (from_s("days"), from_s("container-days"));
    for number in 0..count("tenants").min(TEAMS) {
        for ((name, wave), (step, step_s)) in
            OF_TEAMS.iter().flat_map(|one| [("5m", 300), ("1h", 3600)].map(|step| (*one, step)))
        {
            let text = format!("{name}{step}{{team=\"{}\"}}", team(number));
            all.push(Series { text, wave, step_s, from_s: long_s, to_s: end_s + 1 });
        }
    }
    for number in 0..count("tenants") {
        let [user, project, team] = tenant(number);
        let of = format!("user=\"{user}\",project=\"{project}\",team=\"{team}\"");
        let mut add = |text: String, wave: Wave, step_s: i64, from_s: i64| {
            // Tenants differ, or nobody would have most.
            let wave = match wave {
                Wave::Gauge(around) => Wave::Gauge(around * (0.2 + (number % 97) as f64 / 40.0)),
                other => other,
            };
            all.push(Series { text, wave, step_s, from_s, to_s: end_s + 1 });
        };
        let programs: &[_] = if number < count("programs") { &OF_PROGRAMS } else { &[] };
        for (name, wave) in OF_TENANTS.iter().chain(programs) {
            add(format!("{name}5m{{{of}}}"), *wave, 300, long_s);
            add(format!("{name}1h{{{of}}}"), *wave, 3600, long_s);
        }
        if !programs.is_empty() {
            for (name, step_s, wave) in OF_OBJECTIVES {
                add(format!("{name}{{slo=\"availability\",service=\"api\",{of}}}"), wave, step_s, long_s);
            }
        }
        if number < count("containers") {
            let named = format!("instance=\"127.0.0.1:10417\",name=\"{project}-api-1\",{of}");
            for (name, step_s, wave) in RECORDED_OF_CONTAINERS {
                add(format!("{name}{{{named}}}"), wave, step_s, short_s);
            }
            let id = format!(
                "id=\"/docker/{number:064x}\",image=\"registry.local/{project}/api:1.2.3\",job=\"dockmeter\""
            );
            for (name, wave) in OF_CONTAINERS {
                add(format!("{name}{{{id},{named}}}"), wave, SCRAPED_S, short_s);
            }
        }
    }
    all
}

/// An error if the blocks' end is too far in the past for Prometheus to keep their beginning.
pub(crate) fn check(options: &Options) -> io::Result<()> {
    let (tenants, days) = (options.one("tenants"), options.one("days"));
    if tenants == 0 || days < options.one("container-days") || options.one("containers") > tenants {
        return Err(failure(
            "there have to be at least as many tenants as containers, and days as container-days",
        ));
    }
    Ok(())
}
