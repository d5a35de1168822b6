//! What the benchmarks of whole processes share: CPU time and memory of any process, an engine
//! of their own, a running dockmeter that is scraped, and an orderly end on Ctrl-C.

#![allow(dead_code, reason = "each benchmark uses its part")]

pub(crate) mod connection;
pub(crate) mod engine;
pub(crate) mod exporter;
pub(crate) mod interrupt;
pub(crate) mod process;

use std::io;

/// An error in words of our own.
pub(crate) fn failure(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}
