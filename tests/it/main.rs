//! The whole program against a real Docker engine and a real Prometheus.
//!
//! `./test` brings the servers and says by environment where they are ([`component`]); a test
//! whose server is missing is reported as skipped, and fails under `CI=true`. Each test starts
//! its own exporter, and containers of its own whose names and tenants no other test uses, so
//! that all can run at once on one engine; tests that hurt an engine start their own.
//! One binary with modules, since linking dominates the time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and the test runner shows what it printed"
)]

mod certificates;
mod component;
mod engine;
mod exporter;
mod exposition;
mod guest;
mod http;
mod poll;
mod prometheus;
mod release;
mod wire;

// What benchmarks have too: real cgroups, and an engine that replays what a real one would say.
#[allow(dead_code, reason = "benchmarks use the rest")]
#[path = "../../benches/scrape/bed.rs"]
mod bed;
#[path = "../../benches/measured/mod.rs"]
mod measured;
#[path = "../../benches/scrape/engine.rs"]
mod replay;

mod access;
mod alertmanager;
mod alerts;
mod anomalies;
mod apply;
mod bill;
mod browser;
mod changes;
mod clients;
mod compare;
mod compose;
mod connections;
mod container;
mod cost;
mod dashboards;
mod discovery;
mod disk;
mod docker_objects;
mod efficiency;
mod engines;
mod faults;
mod grafana;
mod health;
mod histograms;
mod history;
mod host;
mod house;
mod ingest;
mod insights;
mod instructions;
mod isolation;
mod lifecycle;
mod live_page;
mod log_stream;
mod logs;
mod longterm;
mod oracles;
mod package;
mod page;
mod places;
mod postgres;
mod privileges;
mod probes;
mod recommendations;
#[cfg(feature = "prometheus-registry")]
mod registry;
mod rightsize;
mod rules;
mod run_command;
mod running;
mod sampling;
mod scenes;
mod short_lived;
mod sla;
mod socket;
mod socket_proxy;
mod streams;
mod tenants;
mod trends;
mod truth;
mod unusual;
mod web;
mod webhook;
mod whose;
mod work;
