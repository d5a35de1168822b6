//! dockmeter: metrics of a Docker host, with user, project and team on every series.
//!
//! The rooms, and the direction in which they may import each other, are described in
//! `ARCHITECTURE.md`; `tests` of this crate hold them to it.

pub mod analysis;
pub mod cli;
pub mod collect;
pub mod config;
pub mod container;
pub mod disk;
pub mod docker;
pub mod exporter;
pub mod host;
pub mod ingest;
pub mod inventory;
pub mod log;
pub mod metrics;
pub mod paths;
pub mod probe;
pub mod prometheus;
pub mod report;
pub mod snapshot;
pub mod tenant;
pub mod web;
pub mod yaml;
