//! Knows what stands where: which words are tables, which names in double quotes are names,
//! and which values have no quotes.

use std::borrow::Cow;

use super::lexer::{Doubt, LONGEST_NAME, Lexer, Token, is_plain_in_name};
use super::summary::Summary;
use super::words::{keyword, verb};
use super::writer::{Piece, Writer};
use super::{Dialect, Kind, LONGEST, Statement};

/// Deepest parentheses that are followed.
const DEEPEST: usize = 64;

/// Most tables that are told.
const MOST_TABLES: usize = 16;

/// Most results of `WITH` that are known to be no tables.
const MOST_RESULTS: usize = 64;

/// Longest name of a table with its schema that is told, in bytes.
const LONGEST_TABLE: usize = 128;

/// Reads a statement; see [`super::sanitise`].
pub(super) fn read(text: &str, dialect: Dialect) -> Statement {
    if dialect == Dialect::NotSql {
        return closed("?");
    }
    let mut reader = Reader::new(text, dialect);
    let first = match reader.all(text.len()) {
        Ok(()) => {
            let first = reader.first;
            let statement = reader.finish();
            // With spaces it may have become longer than what is read.
            if statement.text.len() <= LONGEST {
                return statement;
            }
            first
        }
        Err(Doubt) => reader.first,
    };
    closed(first.unwrap_or("?"))
}

/// All that is said of a statement that could not be read: its first keyword.
fn closed(first: &'static str) -> Statement {
    let mut writer = Writer::default();
    writer.push(Piece::Keyword, first);
    Statement {
        text: first.to_owned(),
        kind: Kind::of_keyword(first),
        tables: Vec::new(),
        summary: first.to_owned(),
        fingerprint: writer.fingerprint(),
    }
}

/// The name of a table as [`Statement::tables`] has it: digits are `?`, at most 128 bytes.
pub fn table_name(name: &str) -> String {
    let mut out = without_digits(name);
    out.truncate(out.floor_char_boundary(LONGEST_TABLE));
    out
}

/// A name with `?` for digits.
fn without_digits(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut word = 0;
    for c in name.chars() {
        if !(c.is_numeric() || c == '?') {
            out.push(c);
            if !(c.is_alphanumeric() || c == '_') {
                word = out.len();
            }
        } else if !out.ends_with('?') {
            // Else `in?` would be a word and a parameter.
            if out.get(word..).is_some_and(|word| keyword(word).is_some()) {
                out.push('_');
            }
            out.push('?');
        }
    }
    out
}

/// A name elsewhere: a long run of digits is a day or an id, short ones belong to the name.
fn plain_name(name: &str) -> Cow<'_, str> {
    let mut run = 0;
    let long = name.bytes().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run >= 4
    });
    let foreign_digits = !name.is_ascii() && name.chars().any(|c| c.is_numeric() && !c.is_ascii());
    if long || foreign_digits { Cow::Owned(without_digits(name)) } else { Cow::Borrowed(name) }
}

/// What a name that comes now would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// A table, or a function that gives one.
    Source,
    /// A table that is written to or defined.
    Target,
    /// A procedure.
    Procedure,
}

/// Rows of `VALUES`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rows {
    #[default]
    None,
    /// The first comes now.
    First,
    /// There was one.
    Some,
    /// There was one and a comma, before which there were so many pieces.
    More(usize),
}

/// What is known within one pair of parentheses.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// The operation; empty for lists and expressions.
    verb: &'static str,
    /// What is defined: `TABLE`, `INDEX`.
    object: &'static str,
    /// The arguments of a function, where `FROM` names no table.
    call: bool,
    /// In the list of tables behind `FROM`.
    list: bool,
    /// Columns that are written to.
    columns: bool,
    /// Behind `SET` of an update.
    assigns: bool,
    rows: Rows,
    /// How much of text, tables and summary is kept if this is a further row.
    row_of: Option<(usize, usize, usize)>,
}

#[derive(Debug)]
struct Reader<'a> {
    lexer: Lexer<'a>,
    dialect: Dialect,
    writer: Writer<'a>,
    levels: Vec<Level>,
    summary: Summary,
    tables: Vec<String>,
    /// Results of `WITH`.
    results: Vec<&'a str>,
    /// The first keyword of all.
    first: Option<&'static str>,
    kind: Option<Kind>,
    /// A statement begins.
    at_start: bool,
    expected: Option<Expected>,
    /// A name with dots, as far as it has been read.
    name: Option<(Expected, String)>,
    /// Signs that belong to a number if one follows.
    signs: Vec<&'a str>,
    /// A statement whose values may be plain words.
    bare: bool,
}

/// Statements whose values may be plain words: behind the first name nothing is kept.
const BARE: [&str; 5] = ["EXEC", "EXECUTE", "PRAGMA", "RESET", "SET"];

/// Words between `SET` and the name.
const SCOPES: [&str; 5] = ["GLOBAL", "LOCAL", "PERSIST", "SESSION", "TRANSACTION"];

/// Words between a verb and the name it is about.
const MODIFIERS: [&str; 16] = [
    "DELAYED",
    "EXISTS",
    "HIGH_PRIORITY",
    "IF",
    "IGNORE",
    "INTO",
    "LATERAL",
    "LOW_PRIORITY",
    "NOT",
    "ONLY",
    "OR",
    "OVERWRITE",
    "QUICK",
    "REPLACE",
    "ROLLBACK",
    "TABLE",
];

/// Words behind which an operation may begin.
const BEFORE_VERBS: [&str; 10] =
    ["ALL", "ANALYSE", "ANALYZE", "AS", "DISTINCT", "EXCEPT", "EXPLAIN", "INTERSECT", "MINUS", "UNION"];

impl<'a> Reader<'a> {
    fn new(text: &'a str, dialect: Dialect) -> Self {
        Reader {
            lexer: Lexer::new(text, dialect),
            dialect,
            writer: Writer::default(),
            levels: vec![Level::default()],
            summary: Summary::default(),
            tables: Vec::new(),
            results: Vec::new(),
            first: None,
            kind: None,
            at_start: true,
            expected: None,
            name: None,
            signs: Vec::new(),
            bare: false,
        }
    }

    fn all(&mut self, length: usize) -> Result<(), Doubt> {
        loop {
            let operand = self.lexer.after_operand();
            let Some(token) = self.lexer.next()? else { break };
            if self.at_start {
                self.start(token)?;
                if length > LONGEST && self.first.is_some() {
                    return Err(Doubt);
                }
            } else if token == Token::Mark(b';') {
                let data = self.levels.first().is_some_and(|level| level.verb == "COPY");
                self.end_statement();
                if data {
                    break;
                }
            } else if self.bare {
                self.bare(token);
            } else {
                self.take(token, operand)?;
            }
        }
        self.end_statement();
        if self.first.is_none() { Err(Doubt) } else { Ok(()) }
    }

    fn finish(self) -> Statement {
        Statement {
            text: self.writer.text(),
            kind: self.kind.unwrap_or(Kind::Other),
            tables: self.tables,
            summary: self.summary.finish(self.first.unwrap_or("?")),
            fingerprint: self.writer.fingerprint(),
        }
    }

    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    /// The first tokens of a statement, which begins with a word that we know.
    fn start(&mut self, token: Token<'a>) -> Result<(), Doubt> {
        match token {
            Token::Mark(b';') => {}
            Token::Mark(b'(') => self.open()?,
            Token::Mark(b'{') => self.push(Piece::Mark(b'{'), "{"),
            Token::Word(word) => {
                let verb = verb(word).ok_or(Doubt)?;
                self.first.get_or_insert(verb);
                self.at_start = false;
                self.bare = BARE.contains(&verb);
                self.operation(verb);
                self.push(Piece::Keyword, word);
            }
            _ => return Err(Doubt),
        }
        Ok(())
    }

    fn end_statement(&mut self) {
        self.flush_signs();
        self.end_name(None);
        self.levels.clear();
        self.levels.push(Level::default());
        self.results.clear();
        self.expected = None;
        self.bare = false;
        if !self.at_start {
            self.at_start = true;
            self.writer.end_statement();
        }
    }

    /// A token of a statement of which only the first name is kept.
    fn bare(&mut self, token: Token<'a>) {
        let after_dot = self.writer.last() == Some(Piece::Mark(b'.'));
        let waits = match self.writer.last() {
            Some(Piece::Keyword) => true,
            _ => after_dot,
        };
        match token {
            Token::Word(word) if waits => {
                let scope = SCOPES.iter().any(|scope| scope.eq_ignore_ascii_case(word));
                if scope && !after_dot {
                    self.push(Piece::Keyword, word);
                } else {
                    self.part_of_name(word, word);
                }
            }
            Token::Name(quoted) if waits => self.part_of_name(unquoted(quoted), quoted),
            Token::Mark(b'.') if self.writer.last().is_some_and(Piece::is_name) => self.dot(),
            _ if self.writer.last() == Some(Piece::Value) => {}
            _ => {
                self.end_name(None);
                self.expected = None;
                self.value(Piece::Value);
            }
        }
    }

    fn take(&mut self, token: Token<'a>, after_operand: bool) -> Result<(), Doubt> {
        let continues = match token {
            Token::Mark(b'.') => true,
            Token::Word(_) | Token::Name(_) | Token::Doubly(_) => self.is_behind_dot(),
            _ => false,
        };
        if !continues {
            self.end_name(Some(token));
        }
        match token {
            Token::Word(word) if self.is_behind_dot() => self.part_of_name(word, word),
            Token::Word(word) => match keyword(word) {
                Some(known) => self.keyword(word, known)?,
                None => self.plain(word, word),
            },
            Token::Name(quoted) => self.plain(unquoted(quoted), quoted),
            Token::Doubly(quoted) if self.is_name(quoted) => self.plain(unquoted(quoted), quoted),
            Token::Doubly(_) | Token::Text => {
                self.expected = None;
                self.value(Piece::Text);
            }
            Token::Value => {
                self.expected = None;
                self.value(Piece::Value);
            }
            Token::Operator(sign @ ("-" | "+")) if !after_operand => self.signs.push(sign),
            Token::Operator(operator) => self.push(Piece::Operator, operator),
            Token::Mark(b'(') => self.open()?,
            Token::Mark(b')') => self.close(),
            Token::Mark(b',') => self.comma(),
            Token::Mark(b'.') => self.dot(),
            Token::Mark(mark) => self.push(Piece::Mark(mark), mark_text(mark)),
        }
        Ok(())
    }

    fn is_behind_dot(&self) -> bool {
        self.writer.last() == Some(Piece::Mark(b'.')) && {
            let before = (1..3).filter_map(|behind| self.writer.nth_last(behind));
            before.into_iter().find(|piece| *piece != Piece::Mark(b'.')).is_some_and(Piece::is_name)
        }
    }

    /// Whether what stands between double quotes is a name here: where no dialect could have
    /// a literal.
    fn is_name(&mut self, quoted: &str) -> bool {
        let inside = unquoted(quoted);
        if !self.dialect.quotes_names_doubly()
            || inside.is_empty()
            || inside.len() > LONGEST_NAME
            || !inside.bytes().all(is_plain_in_name)
        {
            return false;
        }
        let last = self.writer.last();
        let begins = matches!(last, Some(Piece::Mark(b'(' | b',')));
        let behind_set = last == Some(Piece::Keyword) && self.writer.last_word().eq_ignore_ascii_case("set");
        let assigned = self.lexer.ahead() == Some(b'=');
        let level = *self.level();
        self.expected.is_some()
            || self.is_behind_dot()
            || self.lexer.is_before_name_part()
            || (level.columns && begins)
            || (level.assigns && (begins || behind_set) && assigned)
    }

    /// A word that is no keyword, or a name in quotes.
    fn plain(&mut self, inside: &'a str, written: &'a str) {
        if self.is_behind_dot() {
            return self.part_of_name(inside, written);
        }
        if self.expected.is_some() {
            return self.part_of_name(inside, written);
        }
        let list_of_results = self.level().verb == "WITH"
            && match self.writer.last() {
                Some(Piece::Mark(b',')) => true,
                Some(Piece::Keyword) => ["WITH", "RECURSIVE"]
                    .iter()
                    .any(|word| word.eq_ignore_ascii_case(self.writer.last_word())),
                _ => false,
            };
        if list_of_results && self.results.len() < MOST_RESULTS {
            self.results.push(inside);
        }
        self.push(Piece::Name, plain_name(written));
    }

    /// A name, or what follows its dot.
    fn part_of_name(&mut self, inside: &str, written: &'a str) {
        if let Some((_, name)) = &mut self.name {
            name.push_str(inside);
            return self.push(Piece::Table, without_digits(written));
        }
        match self.expected.take() {
            Some(expected) => {
                self.name = Some((expected, inside.to_owned()));
                self.push(Piece::Table, without_digits(written));
            }
            None => self.push(Piece::Name, plain_name(written)),
        }
    }

    fn dot(&mut self) {
        if let Some((_, name)) = &mut self.name {
            name.push('.');
        }
        self.push(Piece::Mark(b'.'), ".");
    }

    /// The name is complete, and this token follows.
    fn end_name(&mut self, next: Option<Token<'_>>) {
        let Some((expected, name)) = self.name.take() else { return };
        let name = table_name(name.trim_matches('.'));
        let called = next == Some(Token::Mark(b'('));
        let is_result = self.results.iter().any(|result| result.eq_ignore_ascii_case(&name));
        if name.is_empty() || (expected == Expected::Source && (called || is_result)) {
            return;
        }
        self.summary.push(&name);
        if expected != Expected::Procedure && !self.tables.contains(&name) && self.tables.len() < MOST_TABLES
        {
            self.tables.push(name);
        }
    }

    fn keyword(&mut self, word: &'a str, known: &'static str) -> Result<(), Doubt> {
        let level = *self.level();
        let reads = matches!(level.verb, "SELECT" | "DELETE" | "UPDATE" | "MERGE");
        let mut expected = self.expected.filter(|_| MODIFIERS.contains(&known));
        let mut list = level.list && matches!(known, "AS" | "ONLY" | "LATERAL" | "PARTITION");
        match known {
            "TRUE" | "FALSE" => {
                self.expected = None;
                self.value(Piece::Value);
                return Ok(());
            }
            // What follows may be a password without quotes.
            "IDENTIFIED" => return Err(Doubt),
            "FROM" if reads && !level.call && !self.is_behind_distinct() => {
                expected = Some(if level.verb == "DELETE" { Expected::Target } else { Expected::Source });
                list = true;
            }
            "JOIN" | "STRAIGHT_JOIN" | "APPLY" if reads => {
                expected = Some(Expected::Source);
                list = true;
            }
            "USING" if matches!(level.verb, "DELETE" | "MERGE") => {
                expected = Some(Expected::Source);
                list = true;
            }
            "INTO" if level.verb == "LOAD" => expected = Some(Expected::Target),
            "TABLE" | "VIEW" | "INDEX"
                if matches!(level.verb, "CREATE" | "ALTER" | "DROP") && level.object.is_empty() =>
            {
                self.level().object = known;
                self.summary.push(known);
                if known == "TABLE" {
                    expected = Some(Expected::Target);
                }
            }
            "ON" if level.object == "INDEX" => expected = Some(Expected::Target),
            "SET" => self.level().assigns = matches!(level.verb, "UPDATE" | "INSERT" | "REPLACE"),
            "VALUES" => self.level().rows = Rows::First,
            _ if self.begins_operation(known) => {
                self.operation(known);
                self.push(Piece::Keyword, word);
                return Ok(());
            }
            _ => {}
        }
        if known != "VALUES" {
            self.level().rows = Rows::None;
        }
        self.expected = expected;
        self.level().list = list;
        self.push(Piece::Keyword, word);
        Ok(())
    }

    /// `IS DISTINCT FROM` compares.
    fn is_behind_distinct(&self) -> bool {
        self.writer.last() == Some(Piece::Keyword) && self.writer.last_word().eq_ignore_ascii_case("distinct")
    }

    fn begins_operation(&mut self, known: &str) -> bool {
        if known == "SELECT" {
            return true;
        }
        let nested = matches!(known, "WITH" | "INSERT" | "UPDATE" | "DELETE" | "MERGE");
        if verb(known).is_none() || self.lexer.ahead() == Some(b'(') {
            return false;
        }
        match self.writer.last() {
            Some(Piece::Mark(b'(')) => nested && !self.level().columns,
            Some(Piece::Mark(b')')) => nested && matches!(self.level().verb, "WITH" | "EXPLAIN"),
            Some(Piece::Keyword) => {
                let last = self.writer.last_word();
                nested && BEFORE_VERBS.iter().any(|word| word.eq_ignore_ascii_case(last))
            }
            _ => false,
        }
    }

    /// An operation begins at this level.
    fn operation(&mut self, verb: &'static str) {
        let within = self.levels.len().saturating_sub(1);
        let is_part = self.levels.iter().take(within).any(|level| level.verb == "WITH");
        if verb != "WITH" {
            self.summary.push(verb);
            if self.kind.is_none() && !is_part {
                self.kind = Some(Kind::of_keyword(verb));
            }
        }
        let row_of = self.level().row_of;
        let rows = if verb == "VALUES" { Rows::First } else { Rows::None };
        *self.level() = Level { verb, row_of, rows, list: verb == "UPDATE", ..Level::default() };
        self.expected = match verb {
            "INSERT" | "REPLACE" | "MERGE" | "TRUNCATE" | "COPY" | "LOCK" | "UPDATE" => {
                Some(Expected::Target)
            }
            "CALL" | "EXEC" | "EXECUTE" => Some(Expected::Procedure),
            _ => None,
        };
    }

    fn open(&mut self) -> Result<(), Doubt> {
        if self.levels.len() >= DEEPEST {
            return Err(Doubt);
        }
        let length = self.writer.len();
        let last = self.writer.last();
        let outer = *self.level();
        let mut inner = Level { call: last == Some(Piece::Name), ..Level::default() };
        match self.expected {
            // Tables between parentheses, unless a `SELECT` comes.
            Some(Expected::Source) => inner = Level { verb: "SELECT", list: true, ..inner },
            _ => self.expected = None,
        }
        let defines = matches!(outer.verb, "INSERT" | "REPLACE" | "MERGE" | "COPY" | "CREATE");
        inner.columns = defines && last == Some(Piece::Table);
        if let Rows::More(end) = outer.rows
            && end + 1 == length
        {
            inner.row_of = Some((end, self.tables.len(), self.summary.len()));
        }
        self.push(Piece::Mark(b'('), "(");
        self.levels.push(inner);
        Ok(())
    }

    fn close(&mut self) {
        self.flush_signs();
        self.expected = None;
        let inner = if self.levels.len() > 1 { self.levels.pop() } else { None };
        self.writer.close();
        if let Some((end, tables, summary)) = inner.and_then(|level| level.row_of) {
            self.writer.truncate(end);
            self.tables.truncate(tables);
            self.summary.truncate(summary);
        }
        let level = self.level();
        if level.rows != Rows::None {
            level.rows = Rows::Some;
        }
    }

    fn comma(&mut self) {
        self.flush_signs();
        let length = self.writer.len();
        let level = self.level();
        if level.rows == Rows::Some {
            level.rows = Rows::More(length);
        }
        let list = level.list;
        self.push(Piece::Mark(b','), ",");
        self.expected = list.then_some(Expected::Source);
    }

    fn push(&mut self, piece: Piece, text: impl Into<Cow<'a, str>>) {
        self.flush_signs();
        self.writer.push(piece, text);
    }

    fn value(&mut self, piece: Piece) {
        self.signs.clear();
        self.writer.value(piece);
    }

    fn flush_signs(&mut self) {
        for sign in self.signs.drain(..) {
            self.writer.push(Piece::Operator, sign);
        }
    }
}

/// What stands between quotes.
fn unquoted(text: &str) -> &str {
    text.get(1..text.len().saturating_sub(1)).unwrap_or_default()
}

fn mark_text(mark: u8) -> &'static str {
    match mark {
        b'[' => "[",
        b']' => "]",
        b'{' => "{",
        _ => "}",
    }
}
