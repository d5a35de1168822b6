//! dockmeter: metrics of a Docker host, with user, project and team on every series.
//!
//! The rooms, and the direction in which they may import each other, are described in
//! `ARCHITECTURE.md`; `tests` of this crate hold them to it.

pub mod collect;
pub mod docker;
pub mod inventory;
pub mod metrics;
pub mod paths;
pub mod snapshot;
pub mod tenant;
