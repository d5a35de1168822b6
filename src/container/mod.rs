//! What containers use, read from the kernel.
//!
//! - [`locate`]: where a container's cgroup is.
//! - [`cgroup`], [`network`]: what is read of it; [`parse`] turns bytes into numbers.
//! - [`sampler`], [`thread`]: the thread that reads, the [`crate::snapshot::Source`] of everyone
//!   else; `last_read` is the thread that reads a container in the moment it ends.
//! - [`bill`]: what tenants have used.
//! - [`collectors`]: the families of all this.
//!
//! Invariant: the Docker client is not known here; the inventory is.

pub mod bill;
pub mod cgroup;
pub mod collectors;
pub mod device;
pub mod file;
mod inner;
mod last_read;
pub mod locate;
pub mod network;
pub mod observed;
pub mod parse;
pub mod rates;
pub mod run;
pub mod sampler;
pub mod thread;

#[cfg(test)]
mod tests;
