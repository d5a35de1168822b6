//! One container's life: what the list, an inspect or an event says is merged here.
//!
//! An inspect is the truth about the moment it was answered; an event that came after it
//! was asked for is newer. Counters never fall back, although the engine's do.

use jiff::Timestamp;

use super::types::{Details, Event, Happening, Summary, addresses};
use super::work::Work;
use crate::inventory::{Container, ContainerId, Health, Status};
use crate::tenant::LabelValue;

mod origin;

use origin::Origin;

/// What is left to do after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The event told everything.
    Known,
    /// The engine has to be asked.
    Inspect,
    /// The engine has to be asked at once: the process may end soon.
    InspectNow,
}

/// What is known of one container.
#[derive(Clone, Debug)]
pub(super) struct Life {
    /// As others will see it, but for the tenant.
    pub(super) container: Container,
    /// Whether the engine has been asked, so that there is something to show.
    pub(super) settled: bool,
    /// `StartedAt` of the current or last run, in the engine's own words.
    run: Option<Timestamp>,
    /// The engine's last `RestartCount`.
    engine_restarts: Option<u64>,
    /// `oom` events of the run before, and whether the engine saw an OOM kill in it.
    previous_oom: (u64, bool),
    /// Somebody stopped it, so that its next start makes the engine count from 0 again.
    stopped_by_hand: bool,
    /// Somebody has sent the signal that ends this run.
    ended_by_hand: bool,
    /// How long the engine worked on it.
    pub(super) work: Work,
    /// What is known of how its runs came to be.
    origin: Origin,
}

impl Life {
    fn new(id: ContainerId, status: Status) -> Self {
        Life {
            container: Container::new(id, status),
            settled: false,
            run: None,
            engine_restarts: None,
            previous_oom: (0, false),
            stopped_by_hand: false,
            ended_by_hand: false,
            work: Work::default(),
            origin: Origin::default(),
        }
    }

    /// A container that the list shows first.
    pub(super) fn from_summary(summary: Summary) -> Self {
        let mut life = Life::new(summary.id, summary.status.unwrap_or(Status::Created));
        let container = &mut life.container;
        set_label(&mut container.name, summary.name);
        set_label(&mut container.image, summary.image);
        container.image_id = summary.image_id.unwrap_or_default();
        container.labels = summary.labels.unwrap_or_default();
        container.created_at = summary.created_at;
        life
    }

    /// A container that an event speaks of first; the event itself is still to be applied.
    pub(super) fn from_event(event: &Event) -> Self {
        let mut life = Life::new(event.id, Status::Created);
        let container = &mut life.container;
        set_label(&mut container.name, event.name.clone());
        set_label(&mut container.image, event.image.clone());
        container.labels = event.labels.clone();
        life
    }

    /// Whether a line of a later list says something else.
    pub(super) fn differs_from(&self, summary: &Summary) -> bool {
        let container = &self.container;
        let other_status = summary.status.as_ref().is_some_and(|status| *status != container.state.status);
        let other_name =
            summary.name.as_deref().is_some_and(|name| LabelValue::clean(name) != container.name);
        other_status || other_name
    }

    /// Applies an event.
    pub(super) fn apply(&mut self, event: &Event, at: Timestamp) -> Verdict {
        self.work_on(event);
        match &event.happening {
            Happening::Create => {
                self.container.created_at.get_or_insert(at);
                self.origin.seen_whole = true;
                Verdict::Inspect
            }
            Happening::Update => Verdict::Inspect,
            Happening::Start => self.started(at),
            Happening::Die { exit_code } => self.died(at, *exit_code),
            Happening::Pause => self.froze(Status::Running, Status::Paused),
            Happening::Unpause => self.froze(Status::Paused, Status::Running),
            Happening::Rename => {
                set_label(&mut self.container.name, event.name.clone());
                Verdict::Known
            }
            Happening::Oom => self.ran_out_of_memory(at),
            Happening::Health(Some(health)) => self.felt(*health, at),
            Happening::Health(None) => Verdict::Inspect,
            Happening::Destroy => {
                self.removed(at);
                Verdict::Known
            }
            Happening::Kill { .. }
            | Happening::Stop
            | Happening::Restart
            | Happening::Connect
            | Happening::Disconnect => Verdict::Known,
        }
    }

    fn started(&mut self, at: Timestamp) -> Verdict {
        self.run_began(at);
        let state = &mut self.container.state;
        let over_already = state.finished_at.is_some_and(|finished| finished >= at);
        if !state.is_live() && !over_already {
            state.status = Status::Running;
            state.started_at = Some(at);
            self.begin_run();
            self.run = None;
        }
        Verdict::InspectNow
    }

    /// What the engine said of the run that is over is kept.
    fn begin_run(&mut self) {
        let state = &mut self.container.state;
        state.earlier_oom_kills += state.oom_kills();
        state.failing_since = None;
        state.run += 1;
        self.previous_oom = (std::mem::take(&mut state.oom_events), std::mem::take(&mut state.oom_killed));
    }

    /// An inspection may have told of the next run before the events of the last one came.
    fn ran_out_of_memory(&mut self, at: Timestamp) -> Verdict {
        let state = &mut self.container.state;
        if self.run.is_some_and(|run| at < run) {
            let (events, killed) = &mut self.previous_oom;
            *events += 1;
            // The first event of a run is the kill that its flag has told already.
            state.earlier_oom_kills += u64::from(!*killed || *events > 1);
            *killed = true;
            return Verdict::Known;
        }
        state.oom_killed = true;
        state.oom_events += 1;
        Verdict::Known
    }

    fn died(&mut self, at: Timestamp, exit_code: Option<i64>) -> Verdict {
        if self.run.is_some_and(|run| at < run) {
            // The end of an earlier run, or of this one after the engine's clock was set back.
            return Verdict::Inspect;
        }
        let state = &mut self.container.state;
        state.status = Status::Exited;
        state.pid = None;
        state.finished_at = Some(at);
        state.exit_code = exit_code;
        state.stopped_by_hand = std::mem::take(&mut self.ended_by_hand);
        self.container.network.detach();
        // With a restart policy only the engine knows whether it is `restarting` or `exited`, and
        // after SIGKILL, whether it is `removing`.
        let policy = self.container.restart_policy.as_str();
        let final_state = exit_code.is_some() && matches!(policy, "" | "no") && !self.work.may_be_removed();
        if final_state { Verdict::Known } else { Verdict::Inspect }
    }

    fn froze(&mut self, before: Status, after: Status) -> Verdict {
        let status = &mut self.container.state.status;
        if *status == after {
            return Verdict::Known;
        }
        if *status != before {
            return Verdict::Inspect;
        }
        *status = after;
        Verdict::Known
    }

    /// The engine has no such container any more.
    pub(super) fn removed(&mut self, at: Timestamp) {
        let state = &mut self.container.state;
        state.pid = None;
        if matches!(state.status, Status::Running | Status::Paused | Status::Restarting) {
            state.status = Status::Exited;
        }
        self.container.network.detach();
        self.container.removed_at.get_or_insert(at);
        self.settled = true;
    }

    /// Merges the answer of an inspect. One that an event has `overtaken` is not believed
    /// about the state, which may be older in it.
    pub(super) fn inspected(&mut self, details: Details, overtaken: bool) {
        self.work.inspected(&details, overtaken);
        if !overtaken {
            self.count_restarts(details.restart_count);
            self.adopt_state(&details);
        }
        self.date_start(overtaken);
        let container = &mut self.container;
        set_label(&mut container.name, details.name);
        set_label(&mut container.image, details.image);
        set(&mut container.image_id, details.image_id);
        set(&mut container.labels, details.labels);
        container.created_at = details.created_at.or(container.created_at);
        set(&mut container.network.mode, details.network_mode);
        container.ports = details.ports;
        set(&mut container.restart_policy, details.restart_policy);
        container.auto_remove = details.auto_remove.unwrap_or(container.auto_remove);
        set(&mut container.runtime, details.runtime);
        container.cpuset_cpus = details.cpuset_cpus;
        container.engine_resources = details.resources;
        container.storage = details.storage;
        self.settled = true;
    }

    /// The engine starts again at 0 when somebody starts the container by hand.
    fn count_restarts(&mut self, now: Option<u64>) {
        let Some(now) = now else { return };
        let more = match self.engine_restarts {
            Some(last) if now >= last => now - last,
            _ => now,
        };
        self.container.state.restarts += more;
        self.engine_restarts = Some(now);
    }

    fn adopt_state(&mut self, details: &Details) {
        if let Some(started) = details.started_at {
            if self.run.replace(started).is_some_and(|run| run != started) {
                self.begin_run();
            }
            self.container.state.started_at = Some(started);
            self.adopt_start(started, details.finished_at);
        }
        let Container { state, network, restart_policy, .. } = &mut self.container;
        let ran = matches!(state.status, Status::Running | Status::Paused | Status::Restarting);
        if ran && details.status == Some(Status::Exited) {
            // Nobody has told of its end; the engine would start it again, had nobody wanted it.
            state.stopped_by_hand = matches!(restart_policy.as_str(), "always" | "unless-stopped");
        }
        set(&mut state.status, details.status.clone());
        let runs = matches!(state.status, Status::Running | Status::Paused | Status::Restarting);
        let between_runs = !matches!(state.status, Status::Created | Status::Running | Status::Paused);
        state.pid = details.pid.filter(|pid| runs && *pid > 0);
        state.finished_at = details.finished_at.or(state.finished_at);
        // The engine says 0 of a container that has never run, and while one runs.
        if between_runs && state.finished_at.is_some() {
            state.exit_code = details.exit_code.or(state.exit_code);
        }
        state.oom_killed = details.oom_killed.unwrap_or(state.oom_killed) || state.oom_events > 0;
        state.failing_since = match details.health {
            // What was known of this row of failures may go back farther than the engine's memory.
            Some(Health::Unhealthy) => {
                [state.failing_since, details.failing_since].into_iter().flatten().min()
            }
            _ => None,
        };
        state.health = details.health;
        // The engine still names the sandbox of the last run of one that is stopped.
        match state.is_live() {
            true => {
                set(&mut network.sandbox_id, details.sandbox_id.clone());
                network.addresses = addresses(&details.networks);
                network.networks.clone_from(&details.networks);
            }
            false => network.detach(),
        }
    }
}

/// Replaces a value if the engine gave one.
fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn set_label(field: &mut LabelValue, value: Option<String>) {
    set(field, value.map(|value| LabelValue::clean(&value)));
}

#[cfg(test)]
mod tests;
