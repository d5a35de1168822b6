//! Reading YAML files: the one place that knows the parser, and the words of its errors. What
//! is written is made by [`mod@write`].
//!
//! Invariant: whatever the bytes are, what comes back is a value or one line that begins
//! with file, line and column. The parser's own budgets hold against alias bombs.

pub mod write;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_saphyr::{DuplicateKeyPolicy, Error as ParserError, SnippetMode};

pub use serde_saphyr::{Location, Spanned};

/// The largest file that is read: some ten thousand entries of a map file. A larger one is
/// a mistake, and would be held in memory as a whole.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why a YAML file gave no value.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// The file could not be read.
    #[error("could not read `{}`: {source}; check the path and the permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("`{}` is larger than {MAX_FILE_BYTES} bytes and was not read", .0.display())]
    TooLarge(PathBuf),
    /// The file could be read and does not say what is expected.
    #[error("{}{}", place(path, *at), problem)]
    Content {
        /// The file.
        path: PathBuf,
        /// Line and column, both from 1; `None` where the parser knows no place.
        at: Option<(u64, u64)>,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong with the content of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A mapping has a key that nothing reads.
    #[error("unknown key `{key}`, expected {}", one_of(expected))]
    UnknownKey {
        /// The key.
        key: String,
        /// The keys that are read there.
        expected: Vec<&'static str>,
    },
    /// Anything else, as one line.
    #[error("{0}")]
    Other(String),
}

/// Reads a file.
///
/// # Errors
/// It cannot be read, is too large, or does not say what is expected.
pub fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T, YamlError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| YamlError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(YamlError::TooLarge(path.to_owned()));
    }
    parse(&bytes, path)
}

/// Parses the bytes of a file; an empty one is the default. `path` is for the errors.
///
/// # Errors
/// The bytes do not say what is expected.
pub fn parse<T: DeserializeOwned + Default>(bytes: &[u8], path: &Path) -> Result<T, YamlError> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
    };
    let parsed: Result<Option<T>, ParserError> = serde_saphyr::from_slice_with_options(bytes, options);
    parsed.map(Option::unwrap_or_default).map_err(|error| {
        let at = error.location().map(|location| (location.line(), location.column()));
        YamlError::Content { path: path.to_owned(), at, problem: problem(&error) }
    })
}

/// Why the content is refused, without the parser's place and in one line.
fn problem(error: &ParserError) -> Problem {
    match error.without_snippet() {
        ParserError::SerdeUnknownField { field, expected, .. } => {
            Problem::UnknownKey { key: one_line(field), expected: expected.clone() }
        }
        ParserError::DuplicateMappingKey { key: Some(key), .. } => {
            Problem::Other(format!("key `{}` stands twice in one mapping; keep one", one_line(key)))
        }
        ParserError::AliasError { error, .. } => problem(error),
        ParserError::MultipleDocuments { .. } => {
            Problem::Other("a second document begins here; only one is read".to_owned())
        }
        other => Problem::Other(in_our_words(other)),
    }
}

/// The parser's message without its place, with the kinds of nodes in YAML's own terms.
fn in_our_words(error: &ParserError) -> String {
    let options = serde_saphyr::render_options! { snippets: SnippetMode::Off };
    let rendered = one_line(&error.render_with_options(options));
    let place = error.location().map(|at| format!(" at line {}, column {}", at.line(), at.column()));
    let message = place.as_deref().and_then(|place| rendered.strip_suffix(place)).unwrap_or(&rendered);
    match message {
        "expected string scalar" => "expected a single value".to_owned(),
        "expected sequence start" => "expected a list".to_owned(),
        "expected mapping start" => "expected a mapping".to_owned(),
        other => other.to_owned(),
    }
}

/// The beginning of a message about a place in a file: `dockmeter.yml:12:5: `.
pub fn place(path: &Path, at: Option<(u64, u64)>) -> String {
    match at {
        Some((line, column)) => format!("{}:{line}:{column}: ", path.display()),
        None => format!("{}: ", path.display()),
    }
}

/// The text with control characters, which a file may well contain, written as escapes.
pub fn one_line(text: &str) -> String {
    let escaped = |c: char| c.is_control().then(|| c.escape_default());
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        match escaped(c) {
            Some(escape) => line.extend(escape),
            None => line.push(c),
        }
        line
    })
}

/// A text in the quotes with which YAML reads it back, whatever is in it; JSON's are that.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `` `a`, `b` or `c` ``
pub fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Document {
        text: Option<Spanned<String>>,
        list: Vec<String>,
        map: BTreeMap<String, String>,
    }

    fn refused(text: &str) -> String {
        parse::<Document>(text.as_bytes(), Path::new("f.yml")).unwrap_err().to_string()
    }

    #[test]
    fn every_mistake_is_one_line_with_its_place() {
        for (text, message) in [
            ("text: a\ntxt: b", "f.yml:2:1: unknown key `txt`, expected `text`, `list` or `map`"),
            ("map:\n  a: 1\n  a: 2", "f.yml:3:3: key `a` stands twice in one mapping; keep one"),
            ("text: [a]", "f.yml:1:7: expected a single value"),
            ("list: a", "f.yml:1:7: expected a list"),
            ("map: a", "f.yml:1:6: expected a mapping"),
            ("text: 'a", "f.yml:1:7: unclosed quote"),
            ("text: a: b", "f.yml:1:8: mapping values are not allowed in this context"),
            ("text: a\n---\ntext: b", "f.yml:3:1: a second document begins here; only one is read"),
        ] {
            assert_eq!(refused(text), message, "{text}");
        }
    }

    #[test]
    fn an_empty_file_is_the_default() {
        for text in ["", "# nothing\n", "---\n"] {
            let document: Document = parse(text.as_bytes(), Path::new("f.yml")).unwrap();
            assert!(document.text.is_none() && document.list.is_empty() && document.map.is_empty());
        }
    }

    #[test]
    fn a_number_is_text_as_it_was_written() {
        let document: Document = parse(b"text: 007", Path::new("f.yml")).unwrap();
        assert_eq!(document.text.unwrap().value, "007");
    }

    #[test]
    fn a_missing_file_says_what_to_check() {
        let error = read::<Document>(Path::new("/nowhere/f.yml")).unwrap_err().to_string();
        assert!(error.starts_with("could not read `/nowhere/f.yml`: No such file"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_one_line(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = parse::<Document>(&bytes, Path::new("f.yml")) {
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}
