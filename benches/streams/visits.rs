//! What a page asks beside its stream, as often as the page does, and how long each answer took.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dockmeter::history::{About, Counter, Gauge, Keeper, Key, Options, Retention, Sample, Taken};
use dockmeter::inventory::Snapshot;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::failure;

/// What is asked every few seconds.
const OFTEN: [&str; 2] = ["/api/containers/metrics/summary?group_by=project", "/api/system/health"];
const OFTEN_EVERY: Duration = Duration::from_secs(5);

/// How often one container's last hour is.
const HISTORY_EVERY: Duration = Duration::from_secs(30);

/// How much history there is at the start: an hour of samples.
const SAMPLES: i64 = 720;

/// Milliseconds of answers by route, and how many were no success.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) by_route: BTreeMap<&'static str, Vec<f64>>,
    pub(super) refused: usize,
}

/// Does what one of many pages does, until it is aborted; one that breaks off counts as refused.
pub(super) async fn visit(
    address: SocketAddr,
    who: (usize, usize),
    containers: usize,
    answers: Arc<Mutex<Answers>>,
) {
    let broken = page(address, who, containers, &answers).await.is_err();
    if let Ok(mut answers) = answers.lock() {
        answers.refused += usize::from(broken);
    }
}

/// Each begins at another moment.
async fn page(
    address: SocketAddr,
    (number, all): (usize, usize),
    containers: usize,
    answers: &Mutex<Answers>,
) -> io::Result<()> {
    // As many come from as many addresses; one alone may not hold so many connections.
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 1, (number % 250) as u8 + 1], 0).into())?;
    let mut connection = BufReader::new(socket.connect(address).await?);
    connection.get_ref().set_nodelay(true)?;
    let begin = |every: Duration| Instant::now() + every.mul_f64(number as f64 / all as f64);
    let mut often = interval_at(begin(OFTEN_EVERY), OFTEN_EVERY);
    let mut history = interval_at(begin(HISTORY_EVERY), HISTORY_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    history.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = often.tick() => {
                for path in OFTEN {
                    ask(&mut connection, path, path, answers).await?;
                }
            }
            _ = history.tick() => {
                let path = format!("/api/containers/{:064x}/metrics/history", number % containers);
                ask(&mut connection, "/api/containers/{id}/metrics/history", &path, answers).await?;
            }
        }
    }
}

async fn ask(
    connection: &mut BufReader<TcpStream>,
    route: &'static str,
    path: &str,
    answers: &Mutex<Answers>,
) -> io::Result<()> {
    let began = Instant::now();
    connection.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await?;
    let (mut line, mut length, mut status) = (String::new(), None, String::new());
    loop {
        line.clear();
        if connection.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end().to_ascii_lowercase();
        if status.is_empty() {
            status = text;
        } else if text.is_empty() {
            break;
        } else if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
    let length = length.ok_or_else(|| failure(format!("`{path}` has no length")))?;
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    let mut answers = answers.lock().map_err(|_| failure("a page has failed"))?;
    if status.contains(" 200 ") {
        answers.by_route.entry(route).or_default().push(took);
    } else {
        answers.refused += 1;
    }
    Ok(())
}

/// Writes an hour of every container's history into a folder, up to now.
pub(super) fn remember(folder: &Path, inventory: &Snapshot) -> io::Result<()> {
    let options = Options {
        path: Some(folder.to_owned()),
        retention: Retention::default(),
        memory_bytes: 64 << 20,
        disk_bytes: 512 << 20,
    };
    let mut keeper = Keeper::open(&options)?;
    let now = Timestamp::now().as_millisecond();
    for sample in 0..SAMPLES {
        let at = now - (SAMPLES - sample) * 5_000;
        let of = |number: u64| {
            let moved = sample as u64 * (1_000_000 + number * 997) + sample as u64 % 7 * 31_337;
            Sample {
                counters: vec![Some(moved); Counter::Restarts as usize + 1],
                gauges: vec![Some(moved % 100_003 * 4_096); Gauge::Health as usize + 1],
            }
        };
        let taken = inventory.containers.values().zip(0..).map(|(container, number)| Taken {
            key: Key::Container(container.id),
            about: Some(Arc::new(About { name: container.name.clone(), tenant: container.tenant.clone() })),
            sample: of(number),
        });
        keeper.take(at, &taken.collect::<Vec<_>>());
    }
    Ok(())
}
