//! Texts of the catalogue: sentences with `{label}`, `{value}`, `{threshold}` and `{limit}` in
//! them, which each evaluator writes in its own way.

use std::collections::BTreeSet;

use crate::yaml::one_of;

/// What a text may name besides labels.
const OTHERS: [&str; 3] = ["value", "threshold", "limit"];

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Plain(&'a str),
    Name(&'a str),
}

/// The pieces of a text; a brace that encloses no name is plain.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let name = after.split_once('}').filter(|(name, _)| is_name(name));
        let Some((name, behind)) = name else {
            let end = before.len() + 1;
            pieces.push(Piece::Plain(&rest[..end]));
            rest = &rest[end..];
            continue;
        };
        pieces.push(Piece::Plain(before));
        pieces.push(Piece::Name(name));
        rest = behind;
    }
    pieces.push(Piece::Plain(rest));
    pieces.retain(|piece| *piece != Piece::Plain(""));
    pieces
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a text names only labels that there are.
pub(super) fn check(text: &str, labels: &BTreeSet<&str>, has_value: bool) -> Result<(), String> {
    for piece in pieces(text) {
        let Piece::Name(name) = piece else { continue };
        if name == "value" && !has_value {
            return Err("the text names `{value}`, and the alert's value only says that it is so".to_owned());
        }
        if !labels.contains(name) && !OTHERS.contains(&name) {
            let may: Vec<&str> = labels.iter().copied().chain(OTHERS).collect();
            return Err(format!(
                "the text names `{{{name}}}`, which the expression does not keep; expected {}",
                one_of(&may)
            ));
        }
    }
    match text.contains("{{") {
        true => Err("the text has `{{`; labels are named as `{name}`".to_owned()),
        false => Ok(()),
    }
}

/// A text on one line.
pub(super) fn one_paragraph(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_to_pieces() {
        use Piece::{Name, Plain};
        for (text, expected) in [
            ("plain", vec![Plain("plain")]),
            (
                "{name}: {value} of {{",
                vec![Name("name"), Plain(": "), Name("value"), Plain(" of {"), Plain("{")],
            ),
            ("a {b c} d", vec![Plain("a {"), Plain("b c} d")]),
            ("é{x}", vec![Plain("é"), Name("x")]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn a_label_that_is_not_kept_is_refused() {
        let labels = BTreeSet::from(["name"]);
        assert_eq!(check("{name} {value}", &labels, true), Ok(()));
        let refused = check("{route}", &labels, true).unwrap_err();
        assert_eq!(
            refused,
            "the text names `{route}`, which the expression does not keep; expected `name`, `value`, `threshold` or `limit`"
        );
    }
}
