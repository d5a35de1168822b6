//! Reports from what Prometheus holds.
//!
//! - [`period`]: which time is meant.
//! - [`table`]: rows and columns as text, Markdown and CSV.
//! - [`gather`]: what counters have counted in it;
//! - [`cost`]: what tenants' use costs;
//! - [`sla`]: whether promises were kept.

pub mod cost;
pub mod gather;
pub mod period;
pub mod sla;
pub mod table;

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
