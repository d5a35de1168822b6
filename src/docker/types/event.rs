//! One line of `GET /events`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::signal::signal_number;
use super::{Labels, Malformed, bare, lenient, parse, texts};
use crate::inventory::{ContainerId, EVENTS, Health, event_number};

/// Attributes that the engine adds to the labels of a container's event.
const NOT_LABELS: [&str; 11] = [
    "image",
    "name",
    "exitCode",
    "execDuration",
    "signal",
    "oldName",
    "comment",
    "destination",
    "containerExitCode",
    "health_status",
    "podId",
];

/// What happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) enum Happening {
    /// It was made.
    Create,
    /// Its process was started.
    Start,
    /// Its process ended.
    Die {
        /// Its exit status.
        exit_code: Option<i64>,
    },
    /// It was frozen.
    Pause,
    /// It was thawed.
    Unpause,
    /// It has another name, which is the event's.
    Rename,
    /// The kernel killed a process for lack of memory.
    Oom,
    /// Its health check says something else.
    Health(Option<Health>),
    /// Its limits or its restart policy changed.
    Update,
    /// It was sent a signal, by a stop or otherwise.
    Kill {
        /// The signal's number.
        signal: Option<i32>,
    },
    /// A stop is over.
    Stop,
    /// A restart by hand is over, of which `stop` and `start` were said, too.
    Restart,
    /// It was connected to a network, at a start or later.
    Connect,
    /// It was disconnected from a network.
    Disconnect,
    /// It was removed.
    Destroy,
}

impl Happening {
    /// What the engine's filter lets through.
    pub(in crate::docker) const KINDS: [&str; 4] = ["container", "image", "network", "volume"];

    /// The engine's words, for its filter: everything else (`exec_*` of health checks, `top`,
    /// `attach`, …) would be noise that both sides pay for. Podman filters by words of its own,
    /// `died` and `remove`, and then says `die` and `remove`.
    pub(in crate::docker) const WORDS: [&str; 25] = [
        "create",
        "start",
        "kill",
        "die",
        "died",
        "stop",
        "restart",
        "pause",
        "unpause",
        "rename",
        "oom",
        "health_status",
        "update",
        "destroy",
        "remove",
        "connect",
        "disconnect",
        "pull",
        "load",
        "import",
        "tag",
        "untag",
        "delete",
        "mount",
        "unmount",
    ];

    /// Whether it tells of the engine's work only, and nothing of what a container is.
    pub(in crate::docker) fn is_only_work(&self) -> bool {
        matches!(
            self,
            Happening::Kill { .. }
                | Happening::Stop
                | Happening::Restart
                | Happening::Connect
                | Happening::Disconnect
        )
    }
}

impl Happening {
    /// Whether a container that runs has other addresses from now on.
    pub(in crate::docker) fn changes_addresses(&self) -> bool {
        matches!(self, Happening::Connect | Happening::Disconnect)
    }
}

/// One event about a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) struct Event {
    pub(in crate::docker) id: ContainerId,
    pub(in crate::docker) happening: Happening,
    /// By the engine's clock.
    pub(in crate::docker) at: Option<Timestamp>,
    pub(in crate::docker) name: Option<String>,
    pub(in crate::docker) image: Option<String>,
    pub(in crate::docker) labels: Labels,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EventJson {
    #[serde(rename = "Type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    action: Option<String>,
    #[serde(deserialize_with = "lenient")]
    actor: Option<ActorJson>,
    /// The action before API 1.22 and, beside it, up to 1.51.
    #[serde(rename = "status", deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(rename = "id", deserialize_with = "lenient")]
    legacy_id: Option<String>,
    #[serde(rename = "time", deserialize_with = "lenient")]
    seconds: Option<i64>,
    #[serde(rename = "timeNano", deserialize_with = "lenient")]
    nanoseconds: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ActorJson {
    #[serde(rename = "ID", deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    attributes: Option<BTreeMap<String, Value>>,
}

/// What a line of the stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) struct Heard {
    /// Its place in [`EVENTS`].
    pub(in crate::docker) number: usize,
    /// What it says about a container, if it does and if that matters.
    pub(in crate::docker) event: Option<Event>,
}

impl Heard {
    /// Type and action, in the words of [`EVENTS`].
    pub(in crate::docker) fn words(&self) -> (&'static str, &'static str) {
        EVENTS[self.number]
    }
}

/// Reads one line of `GET /events`.
pub(in crate::docker) fn read_event(line: &[u8]) -> Result<Heard, Malformed> {
    let json: EventJson = parse(line)?;
    let kind = json.kind.as_deref().unwrap_or("container");
    let action = json.action.as_deref().or(json.status.as_deref()).unwrap_or_default();
    let number = event_number(kind, action);
    let event = match kind {
        "container" => container_event(json)?,
        "network" => network_event(json),
        _ => None,
    };
    Ok(Heard { number, event })
}

fn container_event(json: EventJson) -> Result<Option<Event>, Malformed> {
    let actor = json.actor.unwrap_or_default();
    let mut attributes = texts(actor.attributes.unwrap_or_default());
    let action =
        json.action.or(json.status).ok_or_else(|| Malformed("an event without an action".to_owned()))?;
    let Some(happening) = happening(&action, &attributes) else { return Ok(None) };
    let id = actor.id.or(json.legacy_id).and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| Malformed(format!("an event `{action}` without a container's id")))?;
    let (name, image) = (attributes.remove("name"), attributes.remove("image"));
    attributes.retain(|key, _| !NOT_LABELS.contains(&key.as_str()));
    Ok(Some(Event {
        id,
        happening,
        at: instant(json.seconds, json.nanoseconds),
        name: name.as_deref().map(bare),
        image,
        labels: attributes,
    }))
}

/// An event of a network that is about a container, without its name and labels.
fn network_event(json: EventJson) -> Option<Event> {
    let happening = match json.action.as_deref()? {
        "connect" => Happening::Connect,
        "disconnect" => Happening::Disconnect,
        _ => return None,
    };
    let attributes = json.actor?.attributes?;
    Some(Event {
        id: attributes.get("container")?.as_str()?.parse().ok()?,
        happening,
        at: instant(json.seconds, json.nanoseconds),
        name: None,
        image: None,
        labels: Labels::new(),
    })
}

fn instant(seconds: Option<i64>, nanoseconds: Option<i64>) -> Option<Timestamp> {
    match nanoseconds {
        Some(nanoseconds) => Timestamp::from_nanosecond(i128::from(nanoseconds)).ok(),
        None => Timestamp::from_second(seconds?).ok(),
    }
}

/// What an action's word means; Podman's own words beside Docker's.
fn happening(action: &str, attributes: &Labels) -> Option<Happening> {
    let (word, rest) = action.split_once(':').unwrap_or((action, ""));
    Some(match word.trim() {
        "create" => Happening::Create,
        "start" => Happening::Start,
        "die" | "died" => {
            let code = attributes.get("exitCode").or_else(|| attributes.get("containerExitCode"));
            Happening::Die { exit_code: code.and_then(|code| code.parse().ok()) }
        }
        "pause" => Happening::Pause,
        "unpause" => Happening::Unpause,
        "rename" => Happening::Rename,
        "oom" => Happening::Oom,
        "health_status" => {
            let word =
                if rest.is_empty() { attributes.get("health_status").map_or("", |word| word) } else { rest };
            Happening::Health(Health::from_word(word.trim()))
        }
        "update" => Happening::Update,
        "kill" => {
            Happening::Kill { signal: attributes.get("signal").and_then(|signal| signal_number(signal)) }
        }
        "stop" => Happening::Stop,
        "restart" => Happening::Restart,
        "destroy" | "remove" => Happening::Destroy,
        _ => return None,
    })
}
