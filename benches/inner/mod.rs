//! What the inner loops are measured on: files of the kernel, answers of the engine, and the
//! page of a host with many containers; and requests of programs.

#![allow(dead_code, reason = "each benchmark uses its part")]

pub(crate) mod files;
pub(crate) mod page;
pub(crate) mod requests;
