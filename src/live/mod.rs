//! What happens now, for many readers at once: numbers of containers at intervals, what becomes of
//! containers, what is unusual of them, and (`logs`) what they write.
//!
//! `core` is the machine, without a clock, I/O or tasks: ticks of the sampler and changes of the
//! inventory go in, events in the form of server-sent events come out. An event is encoded once;
//! readers share its bytes. [`Hub`] gives it a clock and wakes readers. Nobody is waited for: a
//! reader that is slow finds the newest state and is told what it has missed.

mod core;
mod fragment;
mod happening;
mod hub;
mod logs;
mod selection;
mod unusual;

pub use self::core::{Batch, Missed, RESUMED_FOR, Steps};
pub use happening::{Action, Happening};
pub use hub::{Hub, Reader};
pub use logs::{LogHub, LogMessage, LogReader, LogWish};
pub use selection::Selection;
pub use unusual::{Board, Turn, Turned, Unusual};
