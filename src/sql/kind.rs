//! What a statement does, in few words.

/// The kind of a statement: a bounded set, fit for labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the word itself")]
pub enum Kind {
    Select,
    Insert,
    Update,
    Delete,
    Merge,
    Replace,
    Call,
    Copy,
    Create,
    Alter,
    Drop,
    Truncate,
    Begin,
    Commit,
    Rollback,
    Set,
    Show,
    /// Everything else, and what could not be read.
    Other,
}

/// Every kind with its words.
const WORDS: [(Kind, &str, &str); 18] = [
    (Kind::Select, "select", "SELECT"),
    (Kind::Insert, "insert", "INSERT"),
    (Kind::Update, "update", "UPDATE"),
    (Kind::Delete, "delete", "DELETE"),
    (Kind::Merge, "merge", "MERGE"),
    (Kind::Replace, "replace", "REPLACE"),
    (Kind::Call, "call", "CALL"),
    (Kind::Copy, "copy", "COPY"),
    (Kind::Create, "create", "CREATE"),
    (Kind::Alter, "alter", "ALTER"),
    (Kind::Drop, "drop", "DROP"),
    (Kind::Truncate, "truncate", "TRUNCATE"),
    (Kind::Begin, "begin", "BEGIN"),
    (Kind::Commit, "commit", "COMMIT"),
    (Kind::Rollback, "rollback", "ROLLBACK"),
    (Kind::Set, "set", "SET"),
    (Kind::Show, "show", "SHOW"),
    (Kind::Other, "other", "OTHER"),
];

impl Kind {
    /// As in the label `query_type`.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(kind, ..)| *kind == self).map_or("other", |(_, word, _)| word)
    }

    /// As in `db.operation.name`.
    pub fn operation(self) -> &'static str {
        WORDS.iter().find(|(kind, ..)| *kind == self).map_or("OTHER", |(.., word)| word)
    }

    /// The kind of a statement that begins with this word, in any case; also for what a
    /// program says its operation is.
    pub fn of_keyword(word: &str) -> Self {
        let found = WORDS.iter().find(|(_, lower, _)| lower.eq_ignore_ascii_case(word));
        let alias =
            || ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(word)).map(|(_, kind)| *kind);
        found.map(|(kind, ..)| *kind).or_else(alias).unwrap_or(Kind::Other)
    }
}

/// Other words that begin statements of a kind.
const ALIASES: [(&str, Kind); 8] = [
    ("EXEC", Kind::Call),
    ("EXECUTE", Kind::Call),
    ("DO", Kind::Call),
    ("LOAD", Kind::Copy),
    ("START", Kind::Begin),
    ("END", Kind::Commit),
    ("RESET", Kind::Set),
    ("PRAGMA", Kind::Set),
];
