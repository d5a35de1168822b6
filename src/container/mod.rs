//! What containers use, read from the kernel.
//!
//! - [`locate`]: where a container's cgroup is.
//! - [`cgroup`], [`network`]: what is read of it; [`parse`] turns bytes into numbers.
//! - [`sampler`], [`thread`]: the thread that reads, the [`crate::snapshot::Source`] of everyone
//!   else, at the deadlines of [`grid`]; `last_read` is the thread that reads a container in the
//!   moment it ends or is out of memory.
//! - [`samples`]: what samples below the second leave behind; `oom`: kills over all runs.
//! - [`meter`]: what a container has used; [`account`], [`balance`], [`books`], [`bill`]: what its
//!   tenant is billed for that, in balance with the host; `operations`: how long the engine
//!   worked for them.
//! - [`processes`]: the processes of one container, when somebody asks.
//! - [`collectors`]: the families of all this.
//!
//! Invariant: the Docker client is not known here; the inventory is.

pub mod account;
pub mod balance;
pub mod bill;
pub mod books;
pub mod cgroup;
pub mod collectors;
pub mod device;
pub mod disk;
pub mod file;
pub mod grid;
mod inner;
mod last_read;
pub mod locate;
pub mod meter;
pub mod network;
pub mod observed;
mod oom;
mod operations;
pub mod parse;
pub mod processes;
pub mod rates;
pub mod run;
pub mod sampler;
pub mod samples;
mod since_boot;
pub mod thread;

#[cfg(test)]
mod tests;
