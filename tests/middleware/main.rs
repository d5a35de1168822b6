//! The middleware in real servers: requests over TCP, and what the registry then shows.
//!
//! Built without the exporter's crates: `cargo test --no-default-features --features middleware`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod database;
mod endings;
mod grpc;
mod server;
mod stories;
