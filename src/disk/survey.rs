//! The measuring of everything, in steps: what the thread does, without the thread.
//!
//! Time is handed in and nothing here waits. A step is a few system calls; whoever drives
//! decides how much of all time goes into steps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::io::Errno;

use super::file_system::FileSystems;
use super::ledger::{Holding, Ledger};
use super::plan::{Plan, Subject};
use super::reach;
use super::walk::{Step, Walk, WalkError};
use super::{DataFileSystem, Figures, Options};
use crate::inventory::{ContainerId, Snapshot};
use crate::paths::Paths;
use crate::snapshot::Measured;

/// A walk that takes longer is given up, and what was known of the tree stays: within the
/// budget this is more than a minute of work, some millions of files.
const LONGEST_WALK: Duration = Duration::from_secs(3600);

/// How often in a row a container's folder has to be missing for it to mean something: the
/// engine removes the folder before it says that the container is gone.
const REFUSALS_THAT_COUNT: u32 = 2;

/// How often the file system of the engine's data is asked how full it is: one call.
const FILE_SYSTEM_EVERY: Duration = Duration::from_secs(10);

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It has been removed in the meantime, or lies where something is mounted.
    #[error("it is not there")]
    Absent,
    /// It would take too long.
    #[error("its walk took longer than {} s", LONGEST_WALK.as_secs())]
    TooLong,
    /// The tree cannot be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::XDEV => Failure::Absent,
            other => Failure::Walk(other.into()),
        }
    }
}

/// The walk under way.
#[derive(Debug)]
struct Current {
    subject: Subject,
    walk: Walk,
    began: Instant,
    at: Timestamp,
}

/// All measurements.
#[derive(Debug)]
pub struct Survey {
    paths: Paths,
    plan: Plan,
    ledger: Ledger,
    file_systems: FileSystems,
    data_root: Option<String>,
    /// The file system of the engine's data, and when it was asked.
    file_system: Option<(Instant, Option<DataFileSystem>)>,
    /// Whether the folder of a container has ever been found: the engine's files are these.
    is_engine_here: bool,
    current: Option<Current>,
    errors: BTreeMap<&'static str, u64>,
    /// Whether some container's files have ever been within reach, or it has been said that
    /// they are not.
    reach_is_clear: bool,
}

impl Survey {
    /// Nothing known yet.
    pub fn new(options: &Options) -> Self {
        let paths = options.paths.clone();
        Survey {
            file_systems: FileSystems::new(paths.clone()),
            paths,
            plan: Plan::new(options.interval),
            ledger: Ledger::default(),
            data_root: None,
            file_system: None,
            is_engine_here: false,
            current: None,
            errors: BTreeMap::new(),
            reach_is_clear: false,
        }
    }

    /// Follows the inventory. The walk of a tree that is gone is given up.
    pub fn follow(&mut self, inventory: &Snapshot) {
        self.data_root = inventory.storage.data_root.clone();
        self.ledger.follow(inventory);
        self.plan_again();
    }

    fn plan_again(&mut self) {
        self.plan.follow(self.ledger.subjects(self.data_root.is_some()));
        self.current.take_if(|current| !self.plan.holds(&current.subject));
    }

    /// Does the next step, if something is due; says whether it was.
    pub fn step(&mut self, now: Instant, clock: Timestamp) -> bool {
        if self.file_system_due_at(now).is_some_and(|due| due <= now) {
            self.file_system = Some((now, self.look_at_file_system()));
        }
        if let Some(current) = self.current.take() {
            self.walk_on(current, now);
            return true;
        }
        let Some(subject) = self.plan.next(now) else { return false };
        self.plan.began(&subject, now);
        let folder = match &subject {
            Subject::Quick(id) => {
                let measured = self.look(*id, clock);
                self.plan.ended(&subject, measured, now);
                return true;
            }
            Subject::Layer(id) => self.ledger.holding(*id).and_then(|holding| holding.upper_dir()),
            Subject::Volume(source) => Some(PathBuf::from(source)),
        };
        match self.begin(folder.as_deref()) {
            Ok(walk) => self.current = Some(Current { subject, walk, began: now, at: clock }),
            Err(failure) => self.failed(&subject, &failure, now),
        }
        true
    }

    /// When the next step is due.
    pub fn wakes_at(&self, now: Instant) -> Option<Instant> {
        self.plan.wakes_at(now).into_iter().chain(self.file_system_due_at(now)).min()
    }

    /// When the file system of the engine's data is asked again; never before it is known that
    /// the engine's files are within reach.
    fn file_system_due_at(&self, now: Instant) -> Option<Instant> {
        let known = self.is_engine_here && self.data_root.is_some();
        known.then(|| self.file_system.map_or(now, |(asked, _)| asked + FILE_SYSTEM_EVERY))
    }

    fn look_at_file_system(&mut self) -> Option<DataFileSystem> {
        let data_root = Path::new(self.data_root.as_deref()?);
        let looked = reach::open_anywhere(&self.paths, data_root)
            .map_err(std::io::Error::from)
            .and_then(|folder| Ok((self.file_systems.of(&folder, data_root)?, reach::fullness(&folder)?)));
        match looked {
            Ok((file_system, fullness)) => {
                if self.ledger.data_device.as_ref() != Some(&file_system.device) {
                    self.ledger.data_device = Some(file_system.device.clone());
                    self.ledger.compose(None);
                }
                Some(fullness)
            }
            Err(error) => {
                self.complain("file_system", &error);
                None
            }
        }
    }

    /// What is known now.
    pub fn figures(&self, worked: Duration) -> Figures {
        Figures {
            containers: self.ledger.disks(),
            file_system: self.file_system.and_then(|(_, answer)| answer),
            errors: self.errors.iter().map(|(what, count)| (*what, *count)).collect(),
            worked,
        }
    }

    fn begin(&self, folder: Option<&Path>) -> Result<Walk, Failure> {
        let folder = reach::open(&self.paths, folder.ok_or(Failure::Absent)?)?;
        Ok(Walk::new(folder)?)
    }

    fn walk_on(&mut self, mut current: Current, now: Instant) {
        let step = match now.saturating_duration_since(current.began) {
            took if took > LONGEST_WALK => Err(Failure::TooLong),
            _ => current.walk.step().map_err(Failure::from),
        };
        match step {
            Ok(Step::More) => self.current = Some(current),
            Ok(Step::Done(bytes)) => {
                self.plan.ended(&current.subject, true, now);
                self.keep(&current.subject, Measured { bytes, at: current.at });
            }
            Err(failure) => self.failed(&current.subject, &failure, now),
        }
    }

    fn keep(&mut self, subject: &Subject, measured: Measured) {
        match subject {
            Subject::Volume(source) => self.ledger.measured_volume(source, measured),
            Subject::Layer(id) | Subject::Quick(id) => {
                if let Some(holding) = self.ledger.holding(*id) {
                    holding.layer = Some(measured);
                }
                self.ledger.compose(Some(*id));
            }
        }
    }

    fn failed(&mut self, subject: &Subject, failure: &Failure, now: Instant) {
        let failures = self.plan.ended(subject, false, now);
        if matches!(failure, Failure::Absent) {
            return;
        }
        let what = match subject {
            Subject::Quick(_) => "log",
            Subject::Layer(_) => "writable_layer",
            Subject::Volume(_) => "volume",
        };
        *self.errors.entry(what).or_default() += 1;
        if failures == 1 {
            tracing::warn!(tree = ?subject, error = %failure, "a tree cannot be measured; what was known of it stays, and it is tried again");
        }
    }

    /// Finds a container's folder, and what can be had without a walk. Says whether it is
    /// within reach.
    fn look(&mut self, id: ContainerId, clock: Timestamp) -> bool {
        let Survey { paths, ledger, file_systems, data_root, .. } = self;
        let Some(holding) = ledger.holding(id) else { return false };
        let knew = (holding.folder.is_some(), holding.upper_dir().is_some());
        let mut problems = Vec::new();
        match reach::container_folder(paths, data_root.as_deref(), &holding.container) {
            Ok(folder) => {
                holding.refusals = 0;
                problems = look_around(holding, &folder, paths, file_systems, clock);
                holding.folder = Some(folder);
                self.reach_is_clear = true;
                self.is_engine_here = true;
            }
            Err(error) => {
                holding.folder = None;
                holding.refusals += 1;
                if holding.refusals >= REFUSALS_THAT_COUNT {
                    problems.push(("data_root", error.into()));
                }
            }
        }
        let within_reach = holding.folder.is_some();
        let changed = knew != (within_reach, holding.upper_dir().is_some());
        for (what, error) in problems {
            self.complain(what, &error);
        }
        self.ledger.compose(Some(id));
        if changed {
            self.plan_again();
        }
        within_reach
    }

    /// Counts what could not be read; that nothing can be read at all is said once.
    fn complain(&mut self, what: &'static str, error: &std::io::Error) {
        *self.errors.entry(what).or_default() += 1;
        tracing::debug!(what, %error, "files of a container could not be measured");
        if what == "data_root" && !std::mem::replace(&mut self.reach_is_clear, true) {
            let data_root = self.data_root.as_deref().unwrap_or("the engine's data root");
            tracing::warn!(
                data_root, %error,
                "the engine's files are out of reach, so what containers have on disk is not measured; dockmeter has to run on the engine's host as root, and inside a container the data root has to be mounted below `--path.rootfs`"
            );
        }
    }
}

/// What can be had of a container without a walk, given the engine's folder for it: its log,
/// where its writable layer is, and the file system of that. Gives what could not be read.
fn look_around(
    holding: &mut Holding,
    folder: &Path,
    paths: &Paths,
    file_systems: &mut FileSystems,
    clock: Timestamp,
) -> Vec<(&'static str, std::io::Error)> {
    let container = holding.container.clone();
    let mut problems = Vec::new();
    if let Some(log) = reach::log_file(&container, folder) {
        match reach::log_bytes(paths, &log) {
            Ok(bytes) => holding.log = bytes.map(|bytes| Measured { bytes, at: clock }),
            Err(error) => problems.push(("log", error)),
        }
    }
    if let Some(pid) = container.state.pid.filter(|_| container.storage.upper_dir.is_none()) {
        match reach::mounted_upper_dir(paths, container.id, pid) {
            Ok(Some(mounted)) => holding.mounted = Some(mounted),
            Err(error) if !container_has_ended(&error) => problems.push(("mountinfo", error)),
            Ok(None) | Err(_) => {}
        }
    }
    if let Some(upper) = holding.upper_dir()
        && let Ok(open) = reach::open(paths, &upper)
    {
        // Whatever is wrong with the folder, its walk says.
        holding.file_system = file_systems.of(&open, &upper).ok();
    }
    problems
}

fn container_has_ended(error: &std::io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::NOENT | Errno::SRCH | Errno::INVAL))
}

#[cfg(test)]
mod tests;
