//! The Docker engine: who keeps the [`Inventory`](crate::inventory::Inventory) true.
//!
//! The list and the event stream are joined by a state machine without I/O (`sync`), which
//! says what to ask next; `watch` asks it over one pool of connections (`client`) and puts
//! what came back into the inventory. `objects` lists images, networks and volumes when they have
//! changed, and `storage` asks now and then what all this takes, over the same connections. Only
//! `types` knows the engine's JSON, and there a field that is unknown or of another type costs
//! that field only.
//!
//! All of this only asks. What changes a container is in `updater` alone, which has connections of
//! its own, since the others cannot send a body; the exporter does not use it.

#[doc(hidden)]
pub mod answers;
mod client;
mod directory;
mod events;
#[cfg(test)]
mod fake;
mod folders;
mod images;
mod life;
mod logs;
mod objects;
mod socket;
mod statistics;
mod storage;
mod sync;
mod tls;
mod top;
mod types;
mod updater;
mod watch;
mod work;

pub use logs::EngineLogs;
pub use statistics::{DeviceNames, EngineStatistics};
pub use top::EngineProcesses;
pub use updater::{Found, UpdateError, Updater, Usage, call as update_call};
pub use watch::{DEFAULT_LINGER, Options, Watcher};
