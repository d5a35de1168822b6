//! SQL without secrets: what a statement does and to which tables, without any value in it.
//!
//! [`sanitise`] reads a statement once, from left to right, whatever its dialect. The rule
//! behind everything here: **where a literal begins and ends is only believed where no dialect
//! could see it otherwise.** Who sends a statement may name the wrong dialect, and most texts
//! are cut off somewhere. Where dialects disagree (a quote behind a backslash, a comment in a
//! comment, the rest of a line behind `#`), where a quote stays open, or where the text is too
//! long, nothing but the first keyword is kept. The dialect says only which names may be kept.
//!
//! What is left is text in one form: `?` for every literal and parameter, lists of them as
//! one, no comments, one space between words. `lexer` finds the tokens, `reader` knows what
//! stands where, `writer` makes the text; sanitising it again changes nothing.

mod dialect;
mod kind;
mod lexer;
mod reader;
pub mod slow;
mod summary;
mod words;
mod writer;

#[cfg(test)]
mod tests;

pub use dialect::Dialect;
pub use kind::Kind;
pub use reader::table_name;

/// Longest statement that is read, in bytes; of a longer one only the first keyword is kept.
pub const LONGEST: usize = 8 * 1024;

/// A statement without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The text with `?` for literals and parameters; only the first keyword, or `?`, where the
    /// statement could not be read for sure.
    pub text: String,
    /// What it does; of several statements the first.
    pub kind: Kind,
    /// Tables that are named, each once, in order, without quotes, 16 at most; digits are `?`,
    /// so that a table a day is one. Results of `WITH` are not tables.
    pub tables: Vec<String>,
    /// Operations with their targets, as OpenTelemetry's `db.query.summary`, 255 bytes at most.
    pub summary: String,
    /// The same for statements that differ in values, spaces, comments and case only, in every
    /// version.
    pub fingerprint: u64,
}

impl Statement {
    /// Bytes that it takes beside itself.
    pub fn memory(&self) -> usize {
        let tables = self.tables.iter().map(String::capacity).sum::<usize>();
        self.text.capacity() + self.summary.capacity() + self.tables.capacity() * size_of::<String>() + tables
    }
}

/// Reads a statement; takes time in proportion to its length.
pub fn sanitise(text: &str, dialect: Dialect) -> Statement {
    reader::read(text, dialect)
}
