//! A wire between dockmeter and a real engine, with weather of its own: the engine's own bytes
//! come late, damaged, cut off, or not at all.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::engine::Engine;
use crate::poll::pause;

/// Every so manieth byte is damaged.
const DAMAGED: usize = 5;

/// What happens to what the engine says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Weather {
    /// Nothing.
    Fair,
    /// It comes this much later, piece by piece.
    Slow(Duration),
    /// Bytes after the head of an answer are not those that were sent.
    Garbled,
    /// Connections break in the middle of a piece.
    Cut,
    /// Events get lost; everything else is answered.
    Mute,
    /// Runs began a year earlier, which is what nobody can wait for.
    Early,
}

/// The wire; gone with its connections when dropped.
pub(crate) struct Wire {
    folder: TempDir,
    weather: Arc<Mutex<Weather>>,
    torn: Arc<AtomicBool>,
}

impl Wire {
    /// A wire in fair weather.
    pub(crate) fn to(engine: &Engine) -> Wire {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let listener = UnixListener::bind(folder.path().join("wire.sock")).expect("a socket");
        let weather = Arc::new(Mutex::new(Weather::Fair));
        let torn = Arc::new(AtomicBool::new(false));
        let (seen, stop, engine) = (weather.clone(), torn.clone(), engine.socket());
        std::thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // An engine that is away refuses, and so does its wire.
                if let Ok(to) = UnixStream::connect(&engine) {
                    connect(&from, &to, &seen);
                }
            }
        });
        Wire { folder, weather, torn }
    }

    /// The address at its end, as `--docker.host` wants it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Changes the weather, for connections that there are too.
    pub(crate) fn set(&self, weather: Weather) {
        *self.weather.lock().expect("the weather") = weather;
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("wire.sock")
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.torn.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = UnixStream::connect(self.socket());
    }
}

/// Carries bytes both ways until either side closes.
fn connect(dockmeter: &UnixStream, engine: &UnixStream, weather: &Arc<Mutex<Weather>>) {
    let twin = |stream: &UnixStream| stream.try_clone().expect("a descriptor");
    let events = Arc::new(AtomicBool::new(false));
    let (mut from, mut to, asked) = (twin(dockmeter), twin(engine), events.clone());
    std::thread::spawn(move || {
        let mut piece = [0; 8192];
        while let Some(read) = from.read(&mut piece).ok().filter(|read| *read > 0) {
            let is_events = memchr::memmem::find(&piece[..read], b"/events?").is_some();
            asked.store(is_events, Ordering::Relaxed);
            if to.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to, weather) = (twin(engine), twin(dockmeter), weather.clone());
    std::thread::spawn(move || {
        let mut piece = [0; 8192];
        while let Some(read) = from.read(&mut piece).ok().filter(|read| *read > 0) {
            let now = *weather.lock().expect("the weather");
            if carry(&mut to, &mut piece[..read], now, events.load(Ordering::Relaxed)).is_err() {
                break;
            }
        }
        let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
    });
}

/// Hands on one piece of what the engine says.
fn carry(to: &mut UnixStream, piece: &mut [u8], weather: Weather, events: bool) -> std::io::Result<()> {
    let head = memchr::memmem::find(piece, b"\r\n\r\n").filter(|_| piece.starts_with(b"HTTP/"));
    let body = head.map_or(0, |end| end + 4);
    match weather {
        Weather::Fair => {}
        Weather::Slow(time) => pause(time),
        Weather::Garbled => piece[body..].iter_mut().step_by(DAMAGED).for_each(|byte| *byte ^= 0x55),
        Weather::Cut => {
            to.write_all(&piece[..piece.len() / 2])?;
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        // The answer to the subscription itself comes through.
        Weather::Mute if events => return to.write_all(&piece[..body]),
        Weather::Mute => {}
        Weather::Early => {
            const STARTED: &[u8] = b"\"StartedAt\":\"";
            let places: Vec<usize> = memchr::memmem::find_iter(piece, STARTED).collect();
            // The last digit of the year, of which none that is tested in ends with 0.
            for place in places {
                if let Some(digit) = piece.get_mut(place + STARTED.len() + 3).filter(|digit| **digit > b'1') {
                    *digit -= 1;
                }
            }
        }
    }
    to.write_all(piece)
}
