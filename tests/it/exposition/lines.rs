//! One line of a page.

use std::str::Chars;

use super::{Dialect, LabelPairs, Sample};

/// What a line can be; end of file is not among them, for it stands once and last.
#[derive(Debug)]
pub(super) enum Line {
    /// Family and unescaped text.
    Help(String, String),
    /// Family and type.
    Type(String, String),
    /// Family and unit; OpenMetrics only.
    Unit(String, String),
    /// A value.
    Sample(Sample),
}

/// Reads one line without its line feed.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn parse(line: &str, dialect: Dialect) -> Result<Line, String> {
    match line.strip_prefix("# ") {
        Some(metadata) => parse_metadata(metadata, dialect),
        None => parse_sample(line).map(Line::Sample),
    }
}

fn parse_metadata(metadata: &str, dialect: Dialect) -> Result<Line, String> {
    let mut parts = metadata.splitn(3, ' ');
    let (Some(keyword), Some(name), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("metadata is a keyword, a name and a text".to_owned());
    };
    if !is_name(name, true) {
        return Err(format!("`{name}` is not a name"));
    }
    let name = name.to_owned();
    match (keyword, dialect) {
        ("HELP", Dialect::Text) => Ok(Line::Help(name, unescape(rest, "\\n")?)),
        ("HELP", Dialect::OpenMetrics) => Ok(Line::Help(name, unescape(rest, "\\n\"")?)),
        ("TYPE", _) => Ok(Line::Type(name, rest.to_owned())),
        ("UNIT", Dialect::OpenMetrics) => Ok(Line::Unit(name, rest.to_owned())),
        _ => Err(format!("`{keyword}` is no keyword")),
    }
}

/// Resolves `\` followed by one of `allowed`.
fn unescape(text: &str, allowed: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(escaped(&mut characters, allowed)?),
            '"' if allowed.contains('"') => return Err("a quotation mark is escaped".to_owned()),
            other => plain.push(other),
        }
    }
    Ok(plain)
}

/// The character that stands after a `\`.
fn escaped(characters: &mut Chars<'_>, allowed: &str) -> Result<char, String> {
    match characters.next() {
        Some('n') => Ok('\n'),
        Some(other) if allowed.contains(other) => Ok(other),
        other => Err(format!("no such escape: {other:?}")),
    }
}

/// `name{label="value",…} value`, and nothing after it.
fn parse_sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("a sample has a value")?;
    let (name, rest) = line.split_at(end);
    if !is_name(name, true) {
        return Err(format!("`{name}` is not a name"));
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => parse_labels(inside)?,
        None => (Vec::new(), rest),
    };
    let value = rest.strip_prefix(' ').ok_or("one space stands before the value")?;
    Ok(Sample { name: name.to_owned(), labels, value: parse_value(value)? })
}

/// Labels up to the closing brace, and what follows it.
fn parse_labels(mut rest: &str) -> Result<(LabelPairs, &str), String> {
    let mut labels: LabelPairs = Vec::new();
    loop {
        let (name, quoted) = rest.split_once("=\"").ok_or("a label is `name=\"value\"`")?;
        if !is_name(name, false) || name.starts_with("__") {
            return Err(format!("`{name}` is not a label's name"));
        }
        if labels.iter().any(|(other, _)| other == name) {
            return Err(format!("the label `{name}` stands twice"));
        }
        let (value, after) = parse_quoted(quoted)?;
        labels.push((name.to_owned(), value));
        match (after.strip_prefix(','), after.strip_prefix('}')) {
            (Some(next), _) => rest = next,
            (_, Some(after)) => return Ok((labels, after)),
            _ => return Err("labels are parted by commas and end with a brace".to_owned()),
        }
    }
}

/// A label's value up to its closing quotation mark, and what follows it.
fn parse_quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next() {
            Some('"') => return Ok((value, characters.as_str())),
            Some('\\') => value.push(escaped(&mut characters, "\\\"")?),
            Some(other) => value.push(other),
            None => return Err("a label's value ends with a quotation mark".to_owned()),
        }
    }
}

/// A decimal number or one of three words; Rust would take more (`inf`, `infinity`).
fn parse_value(text: &str) -> Result<f64, String> {
    match text {
        "NaN" => Ok(f64::NAN),
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        number if number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => {
            number.parse().map_err(|_| format!("`{number}` is not a number"))
        }
        other => Err(format!("`{other}` is not a value (a timestamp has no place here)")),
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`; metrics may have colons too, which only rules should.
fn is_name(name: &str, colons: bool) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':'))
}
