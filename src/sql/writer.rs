//! Makes the text: one form for whatever differs in values and spaces only.

use std::borrow::Cow;

/// What a piece is, as far as spaces and lists ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Keyword,
    Name,
    /// A table, which a parenthesis does not make a function.
    Table,
    /// A literal in quotes; two in a row are one.
    Text,
    /// Any other literal, or a parameter.
    Value,
    Operator,
    Mark(u8),
}

impl Piece {
    pub(super) fn is_value(self) -> bool {
        matches!(self, Piece::Text | Piece::Value)
    }

    pub(super) fn is_name(self) -> bool {
        matches!(self, Piece::Name | Piece::Table)
    }
}

const COMMA: Piece = Piece::Mark(b',');
const OPEN: Piece = Piece::Mark(b'(');
const CLOSE: Piece = Piece::Mark(b')');
const DOT: Piece = Piece::Mark(b'.');

/// The pieces so far.
#[derive(Debug, Default)]
pub(super) struct Writer<'a> {
    pieces: Vec<(Piece, Cow<'a, str>)>,
    /// A statement has ended; the semicolon is written if another one follows.
    ended: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.pieces.truncate(length);
    }

    /// The last piece.
    pub(super) fn last(&self) -> Option<Piece> {
        self.nth_last(0)
    }

    /// The word of the last piece.
    pub(super) fn last_word(&self) -> &str {
        self.pieces.last().map_or("", |(_, text)| text)
    }

    /// The piece with so many behind it.
    pub(super) fn nth_last(&self, behind: usize) -> Option<Piece> {
        let place = self.pieces.len().checked_sub(behind + 1)?;
        self.pieces.get(place).map(|(piece, _)| *piece)
    }

    /// A statement ends.
    pub(super) fn end_statement(&mut self) {
        self.ended = true;
    }

    pub(super) fn push(&mut self, piece: Piece, text: impl Into<Cow<'a, str>>) {
        if std::mem::take(&mut self.ended) {
            self.pieces.push((Piece::Mark(b';'), Cow::Borrowed(";")));
        }
        self.pieces.push((piece, text.into()));
    }

    /// A literal or parameter; with the one before a comma it is one list.
    pub(super) fn value(&mut self, piece: Piece) {
        let continued = piece == Piece::Text && self.last() == Some(Piece::Text);
        if continued {
            return;
        }
        if self.last() == Some(COMMA) && self.nth_last(1).is_some_and(Piece::is_value) {
            // The next one may continue this, not the first of the list.
            self.truncate(self.len() - 2);
        }
        self.push(piece, "?");
    }

    /// A closing parenthesis; `(?), (?)` is `(?)`.
    pub(super) fn close(&mut self) {
        self.push(CLOSE, ")");
        let Some(tail) = self.pieces.len().checked_sub(7).and_then(|start| self.pieces.get(start..)) else {
            return;
        };
        let kinds: Vec<Piece> = tail.iter().map(|(piece, _)| *piece).collect();
        if let [OPEN, first, CLOSE, COMMA, OPEN, second, CLOSE] = kinds[..] {
            let function = self.nth_last(7).is_some_and(|piece| piece == Piece::Name);
            if first.is_value() && second.is_value() && !function {
                self.truncate(self.len() - 4);
            }
        }
    }

    /// The text.
    pub(super) fn text(&self) -> String {
        let length = self.pieces.iter().map(|(_, text)| text.len() + 1).sum();
        let mut out = String::with_capacity(length);
        let mut before: Option<(Piece, &str)> = None;
        for (piece, text) in &self.pieces {
            if before.is_some_and(|(before, word)| is_apart(before, word, *piece, text)) {
                out.push(' ');
            }
            out.push_str(text);
            before = Some((*piece, text));
        }
        out
    }

    /// A hash of the pieces in which case does not count: FNV-1a of 64 bits, since it is
    /// compared between versions and never asked to withstand anybody.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        for (_, text) in &self.pieces {
            text.bytes().for_each(|byte| take(byte.to_ascii_uppercase()));
            take(0);
        }
        hash
    }
}

/// Whether there is a space between two pieces.
fn is_apart(before: Piece, word: &str, piece: Piece, text: &str) -> bool {
    let ends_operand = before.is_name() || before.is_value() || matches!(before, CLOSE | Piece::Mark(b']'));
    let cast = |piece: Piece, text: &str| piece == Piece::Operator && text == "::";
    match (before, piece) {
        (OPEN | DOT | Piece::Mark(b'['), _) => false,
        (_, CLOSE | COMMA | DOT | Piece::Mark(b']' | b';')) => false,
        (Piece::Name, OPEN) => false,
        (_, Piece::Mark(b'[')) => !ends_operand,
        _ if cast(piece, text) => !ends_operand,
        _ if cast(before, word) => !(piece.is_name() || piece == Piece::Keyword),
        _ => true,
    }
}
