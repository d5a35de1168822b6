//! What containers have on disk: their writable layers, log files and volumes.
//!
//! - [`walk`]: what one tree occupies; [`pace`]: how much of all time walking may take.
//! - [`reach`], [`file_system`]: from the engine's words to open folders and devices.
//! - [`plan`], [`ledger`], [`survey`]: what is measured next, what was, and the doing of it.
//! - [`thread`]: the one thread of all this, since a disk may hang; [`Board`] is where others
//!   read.
//! - [`collectors`]: the families.
//!
//! Invariant: nothing is measured because somebody asks; a scrape reads the board.

pub mod collectors;
pub mod file_system;
pub mod ledger;
pub mod pace;
pub mod plan;
pub mod reach;
pub mod survey;
pub mod thread;
pub mod walk;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::inventory::ContainerId;
use crate::paths::Paths;
use crate::snapshot::Disk;

/// What the walker is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the host's file systems are.
    pub paths: Paths,
    /// For how long a tree is left alone after it was walked.
    pub interval: Duration,
    /// The share of all time that may be spent, above 0 and at most 1.
    pub budget: f64,
}

/// What has been measured.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// By container; those of which nothing is known are not there.
    pub containers: BTreeMap<ContainerId, Arc<Disk>>,
    /// The file system of the engine's data, once it is known to be within reach.
    pub file_system: Option<DataFileSystem>,
    /// What could not be read so far, by reason.
    pub errors: Vec<(&'static str, u64)>,
    /// Time spent so far.
    pub worked: Duration,
}

/// The file system that holds the engine's data root, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataFileSystem {
    /// All of it.
    pub total: u64,
    /// What is taken, by whatever.
    pub used: u64,
}

/// Where the walker puts its figures and others find them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Arc<Figures>>>);

impl Board {
    /// The last figures.
    pub fn latest(&self) -> Arc<Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts up new figures.
    pub fn put(&self, figures: Figures) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(figures);
    }
}

#[cfg(test)]
mod tests;
