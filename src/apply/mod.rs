//! `dockmeter rightsize`: chosen limits put in force through the engine, watched, and taken back.
//!
//! - [`wish`]: recommendations, from a report or a file, and which of them are chosen;
//! - [`limits`]: what the engine is asked for, and what takes it back;
//! - [`plan`]: what is done to which container, and what is left alone and why;
//! - [`verdict`], `watch`: whether a container fares worse than before;
//! - [`journal`]: what was done, so that it can be undone, also after a crash;
//! - [`run`], [`undo`], `restore`: doing it, one container at a time;
//! - [`rights`]: whether somebody may;
//! - `page`: what people and programs are told.
//!
//! Invariants: only what was chosen is changed; the journal says so before the engine is asked;
//! whatever ends a watch before its time takes the change back.

pub mod journal;
pub mod limits;
mod page;
pub mod plan;
mod restore;
pub mod rights;
pub mod run;
pub mod undo;
pub mod verdict;
mod watch;
pub mod wish;

pub use page::{Answer, Line};
