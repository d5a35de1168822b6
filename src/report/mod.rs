//! Reports from what Prometheus holds.
//!
//! - [`period`]: which time is meant.
//! - [`table`]: rows and columns as text, Markdown and CSV.
//! - [`amount`]: numbers as people read them;
//! - [`gather`]: what counters have counted in it;
//! - [`cost`]: what tenants' use costs;
//! - [`sla`]: whether promises were kept;
//! - [`compare`]: whether a later time is worse than an earlier one;
//! - [`trends`]: what grows, falls or has changed its level;
//! - [`anomalies`]: what was not as usual;
//! - [`efficiency`]: what services do with their cores;
//! - [`rightsize`]: limits and reservations that fit what containers have used;
//! - [`advice`]: what else is recommended;
//! - [`followup`]: what became of what was recommended;
//! - [`insights`]: what holds requests up, since when, and what may be behind it.

pub mod advice;
pub mod amount;
pub mod anomalies;
pub mod compare;
pub mod cost;
mod each;
pub mod efficiency;
pub mod followup;
pub mod gather;
pub mod insights;
pub mod period;
pub mod rightsize;
pub mod sla;
pub mod table;
mod told;
pub mod trends;
mod whose;

/// Does what takes long where no task waits for it; nothing comes of it where the program ends.
async fn aside<T: Default + Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => T::default(),
        },
    }
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for a terminal.
    #[default]
    Text,
    /// A table for a page.
    Markdown,
    /// One JSON object, with units in its names.
    Json,
    /// RFC 4180, with units in its header.
    Csv,
}

impl Format {
    /// The words of `--format`.
    pub const WORDS: [(&'static str, Format); 4] = [
        ("text", Format::Text),
        ("markdown", Format::Markdown),
        ("json", Format::Json),
        ("csv", Format::Csv),
    ];
}
