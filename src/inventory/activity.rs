//! What is going on between dockmeter and the engine: events by kind, and calls with how long
//! they took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The word for an action, or a type, that has none of its own.
pub const OTHER: &str = "other";

/// The events that are counted, by type and action, in this spelling; Podman's words are
/// counted as Docker's. Those of each type end with [`OTHER`].
pub const EVENTS: &[(&str, &str)] = &[
    ("container", "create"),
    ("container", "start"),
    ("container", "kill"),
    ("container", "die"),
    ("container", "stop"),
    ("container", "restart"),
    ("container", "pause"),
    ("container", "unpause"),
    ("container", "rename"),
    ("container", "oom"),
    ("container", "health_status"),
    ("container", "update"),
    ("container", "destroy"),
    ("container", OTHER),
    ("image", "pull"),
    ("image", "load"),
    ("image", "import"),
    ("image", "tag"),
    ("image", "untag"),
    ("image", "delete"),
    ("image", OTHER),
    ("network", "create"),
    ("network", "connect"),
    ("network", "disconnect"),
    ("network", "destroy"),
    ("network", OTHER),
    ("volume", "create"),
    ("volume", "mount"),
    ("volume", "unmount"),
    ("volume", "destroy"),
    ("volume", OTHER),
    (OTHER, OTHER),
];

/// The place of an event in [`EVENTS`]. What follows a colon in an action (`exec_start: sh`,
/// `health_status: healthy`) is not part of its name.
pub fn event_number(kind: &str, action: &str) -> usize {
    let word = action.split(':').next().unwrap_or(action).trim();
    let word = match (kind, word) {
        ("container", "died") => "die",
        ("container" | "network" | "volume", "remove") => "destroy",
        ("image", "remove") => "delete",
        (_, word) => word,
    };
    let place = |kind, action| EVENTS.iter().position(|known| *known == (kind, action));
    place(kind, word).or_else(|| place(kind, OTHER)).unwrap_or(EVENTS.len() - 1)
}

/// A question to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `GET /version`.
    Version,
    /// `GET /_ping`.
    Ping,
    /// `GET /info`.
    Info,
    /// `GET /events`, up to the beginning of the answer.
    Events,
    /// `GET /containers/json`.
    Containers,
    /// `GET /containers/{id}/json`.
    Inspect,
    /// `GET /containers/{id}/stats`.
    Stats,
    /// `GET /containers/{id}/top`.
    Top,
    /// `GET /containers/{id}/logs`, up to the beginning of the answer.
    Logs,
    /// `GET /images/{name}/json`.
    InspectImage,
    /// `GET /images/json`.
    Images,
    /// `GET /networks`.
    Networks,
    /// `GET /volumes`.
    Volumes,
    /// `GET /system/df`.
    DiskUsage,
}

impl Call {
    /// Every call, in the order of the page.
    pub const ALL: [Call; 14] = [
        Call::Version,
        Call::Ping,
        Call::Info,
        Call::Events,
        Call::Containers,
        Call::Inspect,
        Call::Stats,
        Call::Top,
        Call::Logs,
        Call::InspectImage,
        Call::Images,
        Call::Networks,
        Call::Volumes,
        Call::DiskUsage,
    ];

    /// The word of the label `call`.
    pub fn as_str(self) -> &'static str {
        match self {
            Call::Version => "version",
            Call::Ping => "ping",
            Call::Info => "info",
            Call::Events => "events",
            Call::Containers => "containers",
            Call::Inspect => "inspect",
            Call::Stats => "stats",
            Call::Top => "top",
            Call::Logs => "logs",
            Call::InspectImage => "inspect_image",
            Call::Images => "images",
            Call::Networks => "networks",
            Call::Volumes => "volumes",
            Call::DiskUsage => "disk_usage",
        }
    }
}

/// The counts, shared by who counts and who shows.
#[derive(Debug)]
pub struct Activity {
    events: [AtomicU64; EVENTS.len()],
    calls: Mutex<[CallTotals; Call::ALL.len()]>,
}

/// Calls of one kind so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallTotals {
    /// Those that were answered.
    pub answered: u64,
    /// Those that failed, were refused, or whose answer could not be understood.
    pub failed: u64,
    /// How long all of them took.
    pub took: Duration,
}

/// What was counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityTotals {
    /// By place in [`EVENTS`]; empty before anything was counted.
    pub events: Vec<u64>,
    /// By kind, of those that were made.
    pub calls: Vec<(Call, CallTotals)>,
}

impl Default for Activity {
    fn default() -> Self {
        Activity { events: [const { AtomicU64::new(0) }; EVENTS.len()], calls: Mutex::default() }
    }
}

impl Activity {
    /// Counts an event by its place in [`EVENTS`].
    pub fn count_event(&self, number: usize) {
        if let Some(count) = self.events.get(number) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a call.
    pub fn count_call(&self, call: Call, took: Duration, failed: bool) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let totals = &mut calls[call as usize];
        totals.answered += u64::from(!failed);
        totals.failed += u64::from(failed);
        totals.took = totals.took.saturating_add(took);
    }

    /// What was counted so far.
    pub fn totals(&self) -> ActivityTotals {
        let calls = *self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let made = |(_, totals): &(Call, CallTotals)| totals.answered + totals.failed > 0;
        ActivityTotals {
            events: self.events.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            calls: Call::ALL.into_iter().zip(calls).filter(made).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_counted_by_the_word_before_the_colon_and_podman_s_words_as_docker_s() {
        for (kind, action, counted) in [
            ("container", "start", ("container", "start")),
            ("container", "health_status: healthy", ("container", "health_status")),
            ("container", "exec_create: sh -c true", ("container", OTHER)),
            ("container", "died", ("container", "die")),
            ("network", "remove", ("network", "destroy")),
            ("image", "remove", ("image", "delete")),
            ("image", "prune", ("image", OTHER)),
            ("volume", "mount", ("volume", "mount")),
            ("daemon", "reload", (OTHER, OTHER)),
        ] {
            assert_eq!(EVENTS[event_number(kind, action)], counted, "{kind} {action}");
        }
    }

    #[test]
    fn calls_are_held_by_kind_with_their_failures() {
        let activity = Activity::default();
        activity.count_call(Call::Ping, Duration::from_millis(20), false);
        activity.count_call(Call::Info, Duration::from_secs(10), true);
        activity.count_call(Call::Ping, Duration::from_millis(1), true);
        let info = CallTotals { answered: 0, failed: 1, took: Duration::from_secs(10) };
        let ping = CallTotals { answered: 1, failed: 1, took: Duration::from_millis(21) };
        assert_eq!(activity.totals().calls, [(Call::Ping, ping), (Call::Info, info)]);
    }
}
