//! Requests and database calls of a program that embeds this library, in its own
//! `prometheus::Registry`.
//!
#![doc = include_str!("../../docs/middleware.md")]

mod body;
mod db;
mod extension;
mod family;
mod grpc;
mod histogram;
mod http;
mod record;
mod series;
mod service;

pub use self::http::HttpMetrics;
pub use body::{CountedBody, MeasuredBody};
pub use db::{DbMetrics, DbTimer, Query, Timed};
pub use extension::{Route, User};
pub use family::Names;
pub use service::{CountingLayer, CountingService, HttpLayer, HttpService, MeasuredFuture};
