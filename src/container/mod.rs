//! What containers use, read from the kernel.
//!
//! - [`locate`]: where a container's cgroup is.
//! - [`cgroup`], [`network`]: what is read of it; [`parse`] turns bytes into numbers.
//! - [`sampler`]: the thread that reads, and the [`crate::snapshot::Source`] of everyone else.
//! - [`bill`]: what tenants have used.
//! - [`collectors`]: the families of all this.
//!
//! Invariant: the Docker client is not known here; the inventory is.

pub mod bill;
pub mod cgroup;
pub mod collectors;
pub mod device;
pub mod file;
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
