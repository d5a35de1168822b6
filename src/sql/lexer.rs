//! Finds tokens, and doubts wherever two dialects could find different ones.

use super::dialect::Dialect;
use super::words::{LONGEST_KEYWORD, keyword, leads_literal};

/// Two dialects would read this otherwise, or it is not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt;

/// A piece of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or a plain name.
    Word(&'a str),
    /// A name in quotes that are never a literal's: the quotes with what is in them.
    Name(&'a str),
    /// What stands between double quotes, with them: a name or a literal.
    Doubly(&'a str),
    /// A literal with quotes.
    Text,
    /// A number or a parameter.
    Value,
    /// An operator.
    Operator(&'a str),
    /// One of `( ) [ ] { } , ; .`
    Mark(u8),
}

/// Operators of several characters, longest first.
const OPERATORS: [&str; 34] = [
    "#>>", "->>", "<->", "<=>", "<#>", "!~*", "~~*", "||/", "|/", "#>", "#-", "->", "=>", "<=", ">=", "<>",
    "!=", "||", "::", ":=", "@>", "<@", "&&", "<<", ">>", "!~", "~*", "~~", "**", "?|", "?&", "^=", "&<",
    "&>",
];

/// Reads tokens from left to right, each byte a bounded number of times.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
    /// Whether what came last may stand left of an operator.
    after_operand: bool,
    /// Where the last token ended if it was in quotes: a name right behind is none.
    quoted_until: Option<usize>,
    /// Whether the last word was `ESCAPE`, which one backslash may follow.
    after_escape: bool,
    /// Up to where a line has been found to mean the same for all who read it.
    agreed_until: usize,
    /// Within `[word …`, where a quote may be part of a name.
    in_brackets: bool,
    /// Bytes looked at, for the test that this is linear.
    pub(super) steps: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, dialect: Dialect) -> Self {
        Lexer {
            text,
            at: 0,
            dialect,
            after_operand: false,
            quoted_until: None,
            after_escape: false,
            agreed_until: 0,
            in_brackets: false,
            steps: 0,
        }
    }

    /// The next token; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, Doubt> {
        self.skip_space_and_comments()?;
        let Some(first) = self.peek(0) else { return Ok(None) };
        let token = self.token(first)?;
        self.after_escape = matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("escape"));
        self.after_operand = match token {
            Token::Word(word) => keyword(word).is_none_or(|word| OPERANDS.contains(&word)),
            Token::Name(_) | Token::Doubly(_) | Token::Text | Token::Value => true,
            Token::Mark(mark) => matches!(mark, b')' | b']'),
            Token::Operator(_) => false,
        };
        self.quoted_until = match token {
            Token::Doubly(_) | Token::Text => Some(self.at),
            _ => None,
        };
        Ok(Some(token))
    }

    /// Whether a minus or plus that came now would be between two operands.
    pub(super) fn after_operand(&self) -> bool {
        self.after_operand
    }

    /// Whether a dot and the next part of a name are right behind the last token.
    pub(super) fn is_before_name_part(&self) -> bool {
        let part = |byte| is_word_start(byte) || matches!(byte, b'"' | b'*' | b'`' | b'[');
        self.peek(0) == Some(b'.') && self.peek(1).is_some_and(part)
    }

    /// The first byte behind the last token that is no space.
    pub(super) fn ahead(&self) -> Option<u8> {
        self.rest().bytes().find(|byte| !byte.is_ascii_whitespace())
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn skip(&mut self, bytes: usize) {
        self.at += bytes;
        self.steps += bytes;
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn token(&mut self, first: u8) -> Result<Token<'a>, Doubt> {
        match first {
            b'\'' | b'"' if self.in_brackets => Err(Doubt),
            b'\'' => self.string(b'\'', false).map(|()| Token::Text),
            b'"' => {
                let start = self.at;
                self.string(b'"', false)?;
                Ok(Token::Doubly(self.since(start)))
            }
            b'`' => self.backticks(),
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            b'$' => self.dollar(),
            b'@' => Ok(self.at_sign()?),
            b':' if self.peek(1).is_some_and(is_word_byte) => Ok(self.parameter(1)),
            b'%' if !self.after_operand && self.is_python_parameter() => Ok(self.python_parameter()),
            b'?' if !(self.after_operand && matches!(self.peek(1), Some(b'|' | b'&'))) => {
                self.skip(1);
                self.skip_while(|byte| byte.is_ascii_digit());
                Ok(Token::Value)
            }
            b'[' => self.bracket(),
            b'(' | b')' | b']' | b'{' | b'}' | b',' | b';' | b'.' => {
                if first == b']' {
                    self.in_brackets = false;
                }
                self.skip(1);
                Ok(Token::Mark(first))
            }
            b'#' if self.dialect == Dialect::SqlServer => self.word(),
            _ if is_word_start(first) => self.word(),
            _ => self.operator(first),
        }
    }

    fn is_word_ahead(&self, ahead: usize) -> bool {
        self.peek(ahead).is_some_and(is_word_start)
    }

    /// Skips what separates tokens. A comment ends where all dialects see it end.
    fn skip_space_and_comments(&mut self) -> Result<(), Doubt> {
        loop {
            let rest = self.rest();
            let Some(first) = rest.chars().next() else { return Ok(()) };
            match (first, self.peek(1)) {
                ('\u{feff}', _) => self.skip(first.len_utf8()),
                _ if first.is_whitespace() => self.skip(first.len_utf8()),
                ('-', Some(b'-')) => {
                    let plain = self.peek(2).is_none_or(|byte| byte.is_ascii_whitespace());
                    self.line_comment(plain)?;
                }
                // With a name or an operator behind it it may be part of the statement.
                ('#', _) if !self.has_meaning_as_hash() => self.line_comment(false)?,
                ('#', _) => {
                    self.agree_on_line()?;
                    return Ok(());
                }
                ('/', Some(b'*')) => self.block_comment()?,
                ('*', Some(b'/')) => return Err(Doubt),
                _ => return Ok(()),
            }
        }
    }

    fn has_meaning_as_hash(&self) -> bool {
        match self.dialect {
            Dialect::PostgreSql => true,
            Dialect::SqlServer => {
                self.is_word_ahead(1) || (self.peek(1) == Some(b'#') && self.is_word_ahead(2))
            }
            _ => false,
        }
    }

    /// Drops the rest of a line that is a comment for all dialects (`plain`), or for some.
    fn line_comment(&mut self, plain: bool) -> Result<(), Doubt> {
        if !plain {
            self.agree_on_line()?;
        }
        let rest = self.rest();
        let length = memchr::memchr2(b'\n', b'\r', rest.as_bytes()).unwrap_or(rest.len());
        self.skip(length);
        Ok(())
    }

    /// Makes sure that whoever reads the rest of this line as a comment and whoever does not
    /// agree on what follows. At the end of the text nothing does.
    fn agree_on_line(&mut self) -> Result<(), Doubt> {
        if self.at < self.agreed_until {
            return Ok(());
        }
        let rest = self.rest().as_bytes();
        let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else { return Ok(()) };
        let line = rest.get(..length).unwrap_or_default();
        self.steps += line.len();
        let count = |quote: u8| memchr::memchr_iter(quote, line).count();
        let odd = [b'\'', b'"', b'`'].into_iter().any(|quote| count(quote) % 2 == 1);
        let pairs = line.windows(2).any(|pair| {
            matches!(pair, b"/*" | b"*/" | b"$$")
                || (pair[0] == b'$' && is_word_start(pair[1]))
                || pair[0] == b'\\'
        });
        if odd || pairs || line.contains(&b'[') {
            return Err(Doubt);
        }
        self.agreed_until = self.at + length;
        Ok(())
    }

    /// A comment in a comment may end the outer one or not; without quotes behind the first
    /// end that makes no difference.
    fn block_comment(&mut self) -> Result<(), Doubt> {
        self.skip(2);
        let runs_in_mysql = matches!(self.peek(0), Some(b'!' | b'M' | b'+'));
        let (mut depth, mut ended) = (1_usize, false);
        while depth > 0 {
            match (self.peek(0).ok_or(Doubt)?, self.peek(1)) {
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    ended = true;
                    self.skip(2);
                }
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.skip(2);
                }
                (b'\'' | b'"' | b'`' | b'$' | b'#' | b'-' | b'[', _) if ended || (runs_in_mysql) => {
                    return Err(Doubt);
                }
                _ => self.skip(1),
            }
        }
        Ok(())
    }

    /// Skips a string from its first quote on. A quote behind a backslash ends it for some
    /// dialects and not for others; which one it is, is believed only where the other reading
    /// makes no sense.
    fn string(&mut self, quote: u8, escapes: bool) -> Result<(), Doubt> {
        let after_escape = std::mem::take(&mut self.after_escape);
        self.skip(1);
        if after_escape && self.rest().starts_with("\\'") && self.peek(2) != Some(b'\'') {
            self.skip(2);
            return self.nothing_glued();
        }
        loop {
            let rest = self.rest().as_bytes();
            let Some(length) = memchr::memchr2(quote, b'\\', rest) else {
                return Err(Doubt);
            };
            self.skip(length);
            if self.peek(0) == Some(b'\\') {
                let run = self.rest().bytes().take_while(|byte| *byte == b'\\').count();
                self.skip(run);
                if run % 2 == 1 && self.peek(0) == Some(quote) {
                    self.skip(1);
                    if !escapes && !self.is_name_here() {
                        return Err(Doubt);
                    }
                }
                continue;
            }
            self.skip(1);
            if self.peek(0) != Some(quote) {
                return self.nothing_glued();
            }
            self.skip(1);
        }
    }

    /// Nothing but a keyword stands right behind a literal; else it has ended elsewhere.
    fn nothing_glued(&self) -> Result<(), Doubt> {
        if self.is_name_here() { Err(Doubt) } else { Ok(()) }
    }

    /// Whether a name begins here that is no keyword.
    fn is_name_here(&self) -> bool {
        let length =
            self.rest().bytes().take(LONGEST_KEYWORD + 1).take_while(|byte| is_word_byte(*byte)).count();
        length > 0 && self.rest().get(..length).is_none_or(|word| keyword(word).is_none())
    }

    /// A name in backticks, which no dialect takes for a literal.
    fn backticks(&mut self) -> Result<Token<'a>, Doubt> {
        let start = self.at;
        self.skip(1);
        self.skip_while(is_plain_in_name);
        if self.peek(0) != Some(b'`') || self.at == start + 1 || self.at - start > LONGEST_NAME {
            return Err(Doubt);
        }
        self.skip(1);
        Ok(Token::Name(self.since(start)))
    }

    /// A name in brackets, or the bracket alone.
    fn bracket(&mut self) -> Result<Token<'a>, Doubt> {
        let start = self.at;
        let starts_name = self.is_word_ahead(1);
        if self.dialect.quotes_names_in_brackets() {
            let bytes = self.rest().bytes().skip(1);
            let length = bytes.take(LONGEST_NAME).take_while(|byte| is_plain_in_name(*byte)).count();
            self.steps += length;
            if !starts_name || self.peek(length + 1) != Some(b']') {
                return Err(Doubt);
            }
            self.at += length + 2;
            return Ok(Token::Name(self.since(start)));
        }
        self.in_brackets = starts_name;
        self.skip(1);
        Ok(Token::Mark(b'['))
    }

    /// Anything that begins as a number; letters behind it belong to it.
    fn number(&mut self) -> Result<Token<'a>, Doubt> {
        let start = self.at;
        loop {
            self.skip_while(|byte| is_word_byte(byte) || byte == b'.');
            let text = self.since(start).as_bytes();
            let exponent = matches!(text, [.., b'e' | b'E']) && !matches!(text, [b'0', b'x' | b'X', ..]);
            let signed = matches!(self.peek(0), Some(b'+' | b'-'))
                && self.peek(1).is_some_and(|byte| byte.is_ascii_digit());
            if !(exponent && signed) {
                break;
            }
            self.skip(1);
        }
        if matches!(self.peek(0), Some(b'\'' | b'"' | b'`')) {
            return Err(Doubt);
        }
        Ok(Token::Value)
    }

    /// `$1`, `$name`, `$1.50`, or a string between two tags.
    fn dollar(&mut self) -> Result<Token<'a>, Doubt> {
        let start = self.at;
        self.skip(1);
        self.skip_while(is_tag_byte);
        if self.peek(0) != Some(b'$') {
            if self.at == start + 1 {
                return Err(Doubt);
            }
            self.skip_while(|byte| is_word_byte(byte) || byte == b'.');
            return Ok(Token::Value);
        }
        self.skip(1);
        let tag = self.since(start);
        let known = matches!(self.dialect, Dialect::PostgreSql | Dialect::Unknown);
        if !known || tag.as_bytes().get(1).is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(Doubt);
        }
        let length = memchr::memmem::find(self.rest().as_bytes(), tag.as_bytes()).ok_or(Doubt)?;
        self.skip(length + tag.len());
        self.nothing_glued().map(|()| Token::Text)
    }

    /// `@name`, `@@name` and `@'name'` are values; alone it is an operator.
    fn at_sign(&mut self) -> Result<Token<'a>, Doubt> {
        let signs = 1 + usize::from(self.peek(1) == Some(b'@'));
        match self.peek(signs) {
            Some(quote @ (b'\'' | b'"')) => {
                self.skip(signs);
                self.string(quote, false).map(|()| Token::Text)
            }
            Some(b'`') => {
                self.skip(signs);
                self.backticks().map(|_| Token::Value)
            }
            Some(byte) if is_word_byte(byte) => Ok(self.parameter(signs)),
            _ => self.operator(b'@'),
        }
    }

    fn parameter(&mut self, signs: usize) -> Token<'a> {
        self.skip(signs);
        self.skip_while(is_word_byte);
        Token::Value
    }

    /// `%s` or `%(name)s`, as the drivers of Python have them.
    fn is_python_parameter(&self) -> bool {
        let plain = self.peek(1) == Some(b's') && !self.peek(2).is_some_and(is_word_byte);
        plain || (self.peek(1) == Some(b'(') && self.is_word_ahead(2))
    }

    fn python_parameter(&mut self) -> Token<'a> {
        self.skip(2);
        if self.text.as_bytes().get(self.at - 1) == Some(&b'(') {
            self.skip_while(is_word_byte);
            if self.rest().starts_with(")s") {
                self.skip(2);
            }
        }
        Token::Value
    }

    fn operator(&mut self, first: u8) -> Result<Token<'a>, Doubt> {
        let start = self.at;
        let rest = self.rest();
        let known = OPERATORS.iter().find(|operator| rest.starts_with(**operator));
        let plain = matches!(
            first,
            b'=' | b'<'
                | b'>'
                | b'!'
                | b'+'
                | b'-'
                | b'*'
                | b'/'
                | b'%'
                | b'^'
                | b'&'
                | b'|'
                | b'~'
                | b':'
                | b'@'
                | b'#'
                | b'?'
        );
        match known {
            Some(operator) => self.skip(operator.len()),
            None if plain => self.skip(1),
            None => return Err(Doubt),
        }
        Ok(Token::Operator(self.since(start)))
    }

    /// A word, or the literal that it leads.
    fn word(&mut self) -> Result<Token<'a>, Doubt> {
        let start = self.at;
        let hashes = self.dialect.has_hash_in_names();
        while let Some(byte) = self.peek(0) {
            // `?` stands for digits in a name that has been here before.
            let joined = byte == b'?' && self.at > start && keyword(self.since(start)).is_none();
            if byte == b'#' && hashes {
                self.agree_on_line()?;
            } else if !(is_word_byte(byte) || joined) {
                break;
            }
            self.skip(1);
        }
        let word = self.since(start);
        if !word.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '?'))
            || word.contains("$$")
            || word.len() > LONGEST_NAME
        {
            return Err(Doubt);
        }
        match (self.peek(0), self.peek(1)) {
            (Some(quote @ (b'\'' | b'"')), _) => self.led(word, quote),
            (Some(b'&'), Some(quote @ (b'\'' | b'"'))) if word.eq_ignore_ascii_case("u") => {
                self.skip(1);
                self.led(word, quote)
            }
            (Some(b'`'), _) if keyword(word).is_none() => Err(Doubt),
            _ => Ok(Token::Word(word)),
        }
    }

    /// What stands right behind a word and begins with a quote.
    fn led(&mut self, word: &'a str, quote: u8) -> Result<Token<'a>, Doubt> {
        if keyword(word).is_some() || ["d", "t", "ts"].iter().any(|known| known.eq_ignore_ascii_case(word)) {
            return Ok(Token::Word(word));
        }
        if self.in_brackets {
            return Err(Doubt);
        }
        if quote == b'\'' && ["q", "nq"].iter().any(|known| known.eq_ignore_ascii_case(word)) {
            return self.alternative_quotes();
        }
        if !leads_literal(word) {
            return Err(Doubt);
        }
        self.string(quote, word.eq_ignore_ascii_case("e")).map(|()| Token::Text)
    }

    /// Oracle's `q'[…]'`.
    fn alternative_quotes(&mut self) -> Result<Token<'a>, Doubt> {
        self.skip(1);
        let open = self.rest().chars().next().ok_or(Doubt)?;
        let close = match open {
            '[' => ']',
            '{' => '}',
            '(' => ')',
            '<' => '>',
            other if other.is_whitespace() => return Err(Doubt),
            other => other,
        };
        self.skip(open.len_utf8());
        let end = format!("{close}'");
        let length = memchr::memmem::find(self.rest().as_bytes(), end.as_bytes()).ok_or(Doubt)?;
        self.skip(length + end.len());
        self.nothing_glued().map(|()| Token::Text)
    }

    fn skip_while(&mut self, fits: impl Fn(u8) -> bool) {
        let length = self.rest().bytes().take_while(|byte| fits(*byte)).count();
        self.skip(length);
    }
}

/// Keywords that are values themselves.
const OPERANDS: [&str; 8] =
    ["CURRENT", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "END", "FALSE", "NULL", "TRUE"];

/// Longest name, in bytes; no dialect has longer ones.
pub(super) const LONGEST_NAME: usize = 128;

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word_byte(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_tag_byte(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit()
}

/// What names in quotes usually have, none of which begins or ends a literal or a comment.
pub(super) fn is_plain_in_name(byte: u8) -> bool {
    is_word_byte(byte) || matches!(byte, b' ' | b'.' | b'?')
}
