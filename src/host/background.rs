//! Work that may hang, done by threads of its own: nobody waits longer than a moment for it.
//!
//! Every round each job is asked for anew. What is answered within the moment is this round's
//! answer; for the rest the last one stands, until it has been late for so long that it is
//! called stuck. A job that hangs keeps its thread and is not asked for again before it has
//! answered; the others get another thread, up to [`MOST_THREADS`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a round waits at most. Answers that need no device come within microseconds.
pub(super) const MOMENT: Duration = Duration::from_millis(10);

/// A job that has been running for longer is stuck; node_exporter gives a mount as long.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(5);

/// Threads that may hang at once; the jobs beyond are late until one is free again.
const MOST_THREADS: usize = 16;

/// How a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing<T> {
    /// The newest answer.
    Answered(T),
    /// No answer yet, but it is too early to say more.
    Late,
    /// It has not answered for [`STUCK_AFTER`].
    Stuck,
}

type Work<J, T> = Box<dyn Fn(&J) -> T + Send + Sync>;

/// The jobs and the threads that do them.
pub(super) struct Background<J, T> {
    name: &'static str,
    shared: Arc<Shared<J, T>>,
    round: u64,
}

struct Shared<J, T> {
    work: Work<J, T>,
    state: Mutex<State<J, T>>,
    todo: Condvar,
    done: Condvar,
}

struct State<J, T> {
    jobs: BTreeMap<J, Job<T>>,
    queue: VecDeque<J>,
    threads: usize,
    idle: usize,
    /// Whether the end of a round waits for answers.
    awaited: bool,
    stop: bool,
}

struct Job<T> {
    answer: Option<T>,
    /// Since when it has been waited for, and in which round it was asked; `None` once answered.
    pending: Option<(Instant, u64)>,
    /// Whether a thread is at it.
    running: bool,
    /// Whether it was asked for in the present round.
    wanted: bool,
}

impl<J, T> Shared<J, T> {
    fn lock(&self) -> MutexGuard<'_, State<J, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J: Ord + Clone + Send + 'static, T: Clone + Send + 'static> Background<J, T> {
    /// Nothing runs before the first round. `name` is the threads'.
    pub(super) fn new(name: &'static str, work: Work<J, T>) -> Self {
        let state = State {
            jobs: BTreeMap::new(),
            queue: VecDeque::new(),
            threads: 0,
            idle: 0,
            awaited: false,
            stop: false,
        };
        let shared = Shared { work, state: Mutex::new(state), todo: Condvar::new(), done: Condvar::new() };
        Background { name, shared: Arc::new(shared), round: 0 }
    }

    /// Begins a round: asks for these jobs, and forgets those that are not among them.
    pub(super) fn ask(&mut self, wanted: impl IntoIterator<Item = J>, now: Instant) {
        self.round += 1;
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        state.jobs.values_mut().for_each(|job| job.wanted = false);
        for key in wanted {
            let fresh = || Job { answer: None, pending: None, running: false, wanted: true };
            let job = state.jobs.entry(key.clone()).or_insert_with(fresh);
            job.wanted = true;
            match &mut job.pending {
                None => {
                    job.pending = Some((now, self.round));
                    state.queue.push_back(key);
                }
                // Still in the queue behind one that hangs.
                Some((_, round)) if !job.running => *round = self.round,
                Some(_) => {}
            }
        }
        state.jobs.retain(|_, job| job.wanted || job.running);
        let State { jobs, queue, .. } = state;
        queue.retain(|key| jobs.contains_key(key));
        if state.queue.is_empty() {
            return;
        }
        if state.idle == 0 {
            return self.engage(state);
        }
        // Who is woken needs the lock.
        drop(guard);
        self.shared.todo.notify_one();
    }

    /// Whether every job has answered since it was last asked for.
    pub(super) fn is_quiet(&self) -> bool {
        self.shared.lock().jobs.values().all(|job| job.pending.is_none())
    }

    /// Starts a thread where all that there are hang.
    fn engage(&self, state: &mut State<J, T>) {
        let hanging = state.jobs.values().filter(|job| job.running).count();
        if state.threads > hanging || state.threads >= MOST_THREADS {
            return;
        }
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name(self.name.into());
        match thread.spawn(move || labour(&shared)) {
            Ok(_) => state.threads += 1,
            Err(error) => {
                tracing::warn!(thread = self.name, %error, "a thread could not be started; it is tried again");
            }
        }
    }

    /// Ends a round: how each job stands. Waits a [`MOMENT`] from `asked` on for those that were
    /// asked for in this round, and not at all for those that hang since an earlier one.
    pub(super) fn standings(&self, asked: Instant) -> BTreeMap<J, Standing<T>> {
        let mut state = self.shared.lock();
        let deadline = Instant::now() + MOMENT;
        while state.jobs.values().any(|job| job.pending.is_some_and(|(_, round)| round == self.round)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.awaited = true;
            let waited = self.shared.done.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.awaited = false;
        let standing = |job: &Job<T>| match (&job.answer, job.pending) {
            (_, Some((since, _))) if asked.duration_since(since) >= STUCK_AFTER => Standing::Stuck,
            (Some(answer), _) => Standing::Answered(answer.clone()),
            (None, _) => Standing::Late,
        };
        let wanted = state.jobs.iter().filter(|(_, job)| job.wanted);
        wanted.map(|(key, job)| (key.clone(), standing(job))).collect()
    }
}

/// What a thread does until there is one too many.
fn labour<J: Ord + Clone, T>(shared: &Shared<J, T>) {
    let mut state = shared.lock();
    while !state.stop {
        let Some(key) = state.queue.pop_front() else {
            // Others that hung are back; one is enough.
            if state.idle > 0 {
                break;
            }
            state.idle += 1;
            state = shared.todo.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            continue;
        };
        if let Some(job) = state.jobs.get_mut(&key) {
            job.running = true;
        }
        drop(state);
        let answer = (shared.work)(&key);
        state = shared.lock();
        if let Some(job) = state.jobs.get_mut(&key) {
            (job.answer, job.pending, job.running) = (Some(answer), None, false);
        }
        if state.awaited && state.queue.is_empty() {
            shared.done.notify_all();
        }
    }
    state.threads -= 1;
}

impl<J, T> Drop for Background<J, T> {
    fn drop(&mut self) {
        // A thread that hangs cannot be waited for; it ends once it has its answer.
        self.shared.lock().stop = true;
        self.shared.todo.notify_all();
    }
}

impl<J, T> std::fmt::Debug for Background<J, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Background").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Jobs that answer with their length, but for those that begin with `stuck`, which wait
    /// for the end of the returned channel.
    fn with_a_trap() -> (Background<String, usize>, Sender<()>) {
        let (hold, trap) = channel::<()>();
        let trap = Mutex::new(trap);
        let work = move |key: &String| {
            if key.starts_with("stuck") {
                let _ = trap.lock().unwrap().recv();
            }
            key.len()
        };
        (Background::new("test", Box::new(work)), hold)
    }

    fn round(
        background: &mut Background<String, usize>,
        keys: &[&str],
        now: Instant,
    ) -> Vec<(String, Standing<usize>)> {
        background.ask(keys.iter().map(|key| (*key).to_owned()), now);
        background.standings(now).into_iter().collect()
    }

    /// Rounds until every job that does not hang has answered; machines may be busy.
    fn settled(
        background: &mut Background<String, usize>,
        keys: &[&str],
        now: Instant,
    ) -> Vec<(String, Standing<usize>)> {
        loop {
            let standings = round(background, keys, now);
            let waits = |(key, standing): &(String, Standing<usize>)| {
                !key.starts_with("stuck") && *standing == Standing::Late
            };
            if !standings.iter().any(waits) {
                return standings;
            }
        }
    }

    #[test]
    fn a_job_that_hangs_keeps_no_other_from_its_answer_and_is_called_stuck_in_time() {
        let (mut background, hold) = with_a_trap();
        let now = Instant::now();
        let keys = ["a", "stuck", "z"];
        let standing = |standings: &[(String, Standing<usize>)], key: &str| {
            standings.iter().find(|(name, _)| name == key).unwrap().1.clone()
        };
        let first = settled(&mut background, &keys, now);
        assert_eq!(standing(&first, "a"), Standing::Answered(1));
        assert_eq!(standing(&first, "stuck"), Standing::Late);
        assert_eq!(standing(&first, "z"), Standing::Answered(1));
        let later = settled(&mut background, &keys, now + STUCK_AFTER);
        assert_eq!(standing(&later, "stuck"), Standing::Stuck);
        assert_eq!(standing(&later, "a"), Standing::Answered(1));
        drop(hold);
        let freed = loop {
            let standings = round(&mut background, &keys, now + STUCK_AFTER);
            if standing(&standings, "stuck") != Standing::Stuck {
                break standings;
            }
            std::thread::yield_now();
        };
        assert_eq!(standing(&freed, "stuck"), Standing::Answered(5));
    }

    #[test]
    fn hanging_jobs_have_a_bounded_number_of_threads() {
        let (mut background, _hold) = with_a_trap();
        let keys: Vec<String> = (0..40).map(|index| format!("stuck{index:02}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let now = Instant::now();
        for _ in 0..30 {
            round(&mut background, &keys, now);
        }
        assert!(background.shared.lock().threads <= MOST_THREADS);
        let stuck = round(&mut background, &keys, now + STUCK_AFTER);
        assert_eq!(stuck.len(), 40);
        assert!(stuck.iter().all(|(_, standing)| *standing == Standing::Stuck));
    }

    #[test]
    fn a_job_that_is_no_longer_wanted_is_forgotten() {
        let (mut background, hold) = with_a_trap();
        let now = Instant::now();
        settled(&mut background, &["a", "stuck"], now);
        assert_eq!(settled(&mut background, &["a"], now), [("a".to_owned(), Standing::Answered(1))]);
        drop(hold);
        while background.shared.lock().jobs.len() > 1 {
            round(&mut background, &["a"], now);
        }
    }
}
