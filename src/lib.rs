//! dockmeter: metrics of a Docker host, with user, project and team on every series.
//!
//! The rooms, and the direction in which they may import each other, are described in
//! `ARCHITECTURE.md`; `tests` of this crate hold them to it.

#[cfg(feature = "server")]
pub mod analysis;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod collect;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod container;
#[cfg(feature = "server")]
pub mod discovery;
#[cfg(feature = "server")]
pub mod disk;
#[cfg(feature = "server")]
pub mod docker;
#[cfg(feature = "server")]
pub mod exporter;
#[cfg(feature = "server")]
pub mod host;
#[cfg(feature = "server")]
pub mod ingest;
#[cfg(feature = "server")]
pub mod inventory;
pub mod label;
#[cfg(feature = "server")]
pub mod log;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "middleware")]
pub mod middleware;
#[cfg(feature = "server")]
pub mod paths;
#[cfg(feature = "server")]
pub mod postgres;
#[cfg(feature = "server")]
pub mod probe;
#[cfg(feature = "server")]
pub mod prometheus;
#[cfg(feature = "server")]
pub mod report;
#[cfg(feature = "server")]
pub mod rules;
#[cfg(feature = "server")]
pub mod snapshot;
#[cfg(feature = "server")]
pub mod sql;
#[cfg(feature = "server")]
pub mod tenant;
#[cfg(feature = "server")]
pub mod web;
#[cfg(feature = "server")]
pub mod yaml;
