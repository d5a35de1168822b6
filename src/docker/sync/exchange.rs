//! What goes into the state machine and what comes out of it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::super::client::Greeting;
use super::super::types::{Answer, Details, Event, Labels, List};
use super::super::work::Written;
use crate::inventory::{ContainerId, Operation, SilentEnds};

/// The time, handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::docker) struct Moment {
    /// Monotonic.
    pub(in crate::docker) uptime: Duration,
    /// By the clock on the wall.
    pub(in crate::docker) wall: Timestamp,
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) enum Action {
    /// Make a new pool of connections and negotiate; answered by [`Input::Connected`].
    Connect,
    /// Subscribe to events; answered by [`Input::Subscribed`].
    Subscribe { since: Option<Timestamp> },
    /// Read the list; answered by [`Input::Listed`].
    List,
    /// Ask whether the engine is well; answered by [`Input::Pinged`].
    Ping,
    /// Answered by [`Input::Inspected`].
    Inspect(ContainerId),
    /// Answered by [`Input::ImageInspected`].
    InspectImage(String),
    /// Drop the stream and every call in flight; nothing of them may be handed in any more.
    Disconnect,
    /// Tell the user.
    Tell(Notice),
}

/// What a user wants to read in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) enum Notice {
    /// The engine cannot be reached; said once.
    Lost { error: String },
    /// It still cannot.
    StillLost { error: String, retry_in: Duration },
    /// It can, for the first time or again after that long.
    Connected { after: Option<Duration> },
}

/// What happened outside.
#[derive(Clone, Debug)]
pub(in crate::docker) enum Input {
    Connected(Result<Greeting, String>),
    Subscribed(Result<(), String>),
    Listed(Result<List, String>),
    Pinged(Result<(), String>),
    Event(Event),
    /// The engine wrote a file into the folder of a container that does not run.
    Wrote(ContainerId, Written),
    /// It may have written more than was noted.
    MissedWriting,
    /// A line of the stream could not be understood.
    UnreadableEvent,
    /// A line of the stream was about something else.
    OtherEvent,
    StreamEnded(String),
    /// The kernel has ended these runs, and the stream has not told of all of them yet.
    Doubted(SilentEnds),
    Inspected(ContainerId, Answer<Box<Details>>),
    ImageInspected(String, Answer<Labels>),
    /// Nothing but the time.
    Tick,
}

/// What readers of the inventory have to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::docker) struct Changes {
    /// Containers whose description changed or that are gone.
    pub(in crate::docker) containers: BTreeSet<ContainerId>,
    /// Whether the engine's state changed.
    pub(in crate::docker) engine: bool,
    /// Look-ups answered from what was known.
    pub(in crate::docker) hits: u64,
    /// Operations on containers that are over, and how long they took.
    pub(in crate::docker) work: Vec<(ContainerId, Operation, Duration)>,
}
