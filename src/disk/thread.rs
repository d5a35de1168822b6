//! The thread that measures. A disk that hangs makes it wait, and nobody else.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::pace::Pace;
use super::survey::Survey;
use super::{Board, Options};
use crate::inventory::Inventory;

/// As `nice(1)`: everything else on the machine goes first.
const NICE: i32 = 15;

/// What the thread is told.
#[derive(Debug, Default)]
struct Requests {
    inventory_changed: bool,
    stop: bool,
}

#[derive(Debug, Default)]
struct Shared {
    requests: Mutex<Requests>,
    told: Condvar,
}

impl Shared {
    fn tell(&self, change: impl FnOnce(&mut Requests)) {
        change(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner));
        self.told.notify_one();
    }

    /// Waits until the deadline, or until something is told that cannot wait.
    fn wait(&self, deadline: Option<Instant>, urgent: impl Fn(&Requests) -> bool) -> Requests {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        while !urgent(&requests) {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            requests = match left {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.told.wait_timeout(requests, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.told.wait(requests).unwrap_or_else(PoisonError::into_inner),
            };
        }
        std::mem::take(&mut *requests)
    }
}

/// The running thread; told to stop when dropped, and not waited for: it may hang in a call.
#[derive(Debug)]
pub struct DiskThread(Arc<Shared>);

impl DiskThread {
    /// Starts to measure what the inventory shows; figures are put on the board.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(options: Options, inventory: Arc<Inventory>, board: Board) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.tell(|requests| requests.inventory_changed = true);
        let listener: Weak<Shared> = Arc::downgrade(&shared);
        inventory.on_change(Box::new(move || {
            if let Some(shared) = listener.upgrade() {
                shared.tell(|requests| requests.inventory_changed = true);
            }
        }));
        let told = shared.clone();
        std::thread::Builder::new().name("disk".into()).spawn(move || {
            // Refused only to those who may not become nicer, which everybody may.
            let _ = rustix::process::setpriority_process(None, NICE);
            measure(&options, &inventory, &board, &told);
        })?;
        Ok(DiskThread(shared))
    }
}

impl Drop for DiskThread {
    fn drop(&mut self) {
        self.0.tell(|requests| requests.stop = true);
    }
}

fn measure(options: &Options, inventory: &Inventory, board: &Board, told: &Shared) {
    let mut survey = Survey::new(options);
    let mut pace = Pace::new(options.budget);
    let mut busy = true;
    let mut rest_until: Option<Instant> = None;
    loop {
        let requests = match (rest_until.take(), busy) {
            (Some(until), _) => told.wait(Some(until), |requests| requests.stop),
            (None, true) => told.wait(Some(Instant::now()), |_| true),
            (None, false) => told.wait(survey.wakes_at(Instant::now()), |requests| {
                requests.stop || requests.inventory_changed
            }),
        };
        if requests.stop {
            return;
        }
        let began = Instant::now();
        if requests.inventory_changed {
            survey.follow(&inventory.snapshot());
        }
        busy = survey.step(began, Timestamp::now());
        let rest = pace.worked(began.elapsed());
        if rest.is_some() || !busy {
            board.put(survey.figures(pace.total()));
        }
        rest_until = rest.map(|rest| Instant::now() + rest);
    }
}

#[cfg(test)]
mod tests;
