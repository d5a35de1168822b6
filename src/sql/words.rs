//! The words that are no names.

/// A word that means something by itself, in capitals; `None` for names.
pub(super) fn keyword(word: &str) -> Option<&'static str> {
    if word.len() > LONGEST_KEYWORD {
        return None;
    }
    let order = |known: &&'static str| {
        let given = word.bytes().map(|byte| byte.to_ascii_uppercase());
        known.bytes().cmp(given)
    };
    let place = KEYWORDS.binary_search_by(order).ok()?;
    KEYWORDS.get(place).copied()
}

/// A word that statements begin with, in capitals.
pub(super) fn verb(word: &str) -> Option<&'static str> {
    VERBS.iter().find(|verb| verb.eq_ignore_ascii_case(word)).copied()
}

/// Words that lead a literal without a space between (`N'…'`), besides keywords and `_charset`.
pub(super) fn leads_literal(word: &str) -> bool {
    let short = ["n", "e", "x", "b", "r", "br", "rb", "u"];
    word.starts_with('_') || short.iter().any(|prefix| prefix.eq_ignore_ascii_case(word))
}

/// Length of the longest in the list.
pub(super) const LONGEST_KEYWORD: usize = 17;

/// What statements begin with.
const VERBS: [&str; 59] = [
    "ABORT",
    "ALTER",
    "ANALYSE",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "CALL",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DETACH",
    "DISCARD",
    "DO",
    "DROP",
    "END",
    "EXEC",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "GRANT",
    "INSERT",
    "KILL",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MERGE",
    "MOVE",
    "NOTIFY",
    "OPTIMIZE",
    "PRAGMA",
    "PREPARE",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "REPLACE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "TRUNCATE",
    "UNLISTEN",
    "UNLOCK",
    "UPDATE",
    "USE",
    "VALUES",
    "WITH",
];

/// Words that are reserved in most dialects, and verbs; in order.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "ABORT", "ALL", "ALTER", "ANALYSE", "ANALYZE", "AND", "ANY", "APPLY", "AS", "ASC", "AT", "BEGIN",
    "BETWEEN", "BINARY", "BOTH", "BY", "CALL", "CASCADE", "CASE", "CHECK", "COLLATE", "COMMIT", "CONFLICT",
    "CONNECT", "CONSTRAINT", "COPY", "CREATE", "CROSS", "CURRENT", "CURRENT_DATE", "CURRENT_TIME",
    "CURRENT_TIMESTAMP", "DATE", "DEFAULT", "DELAYED", "DELETE", "DESC", "DESCRIBE", "DISTINCT",
    "DISTINCTROW", "DIV", "DO", "DROP", "DUPLICATE", "ELSE", "END", "ESCAPE", "EXCEPT", "EXEC", "EXECUTE",
    "EXISTS", "EXPLAIN", "FALSE", "FETCH", "FILTER", "FOR", "FOREIGN", "FROM", "FULL", "GLOB", "GRANT",
    "GROUP", "HAVING", "HIGH_PRIORITY", "IDENTIFIED", "IF", "IGNORE", "ILIKE", "IN", "INDEX", "INNER",
    "INSERT", "INTERSECT", "INTERVAL", "INTO", "IS", "ISNULL", "JOIN", "LATERAL", "LEADING", "LEFT", "LIKE",
    "LIMIT", "LOCK", "LOW_PRIORITY", "MATCHED", "MERGE", "MINUS", "MOD", "NATURAL", "NOT", "NOTHING",
    "NOTNULL", "NULL", "NULLS", "OFFSET", "ON", "ONLY", "OR", "ORDER", "OUTER", "OUTFILE", "OVER",
    "OVERLAPS", "OVERWRITE", "PARTITION", "PRAGMA", "PRIMARY", "QUICK", "RECURSIVE", "REFERENCES", "REGEXP",
    "REPLACE", "RESTRICT", "RETURNING", "REVOKE", "RIGHT", "RLIKE", "ROLLBACK", "ROW", "ROWS", "SELECT",
    "SET", "SHOW", "SIMILAR", "SOME", "SOUNDS", "STRAIGHT_JOIN", "TABLE", "THEN", "TIME", "TIMESTAMP", "TO",
    "TOP", "TRAILING", "TRUE", "TRUNCATE", "UESCAPE", "UNION", "UNIQUE", "UPDATE", "USING", "VALUES",
    "VIEW", "WHEN", "WHERE", "WINDOW", "WITH", "XOR",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_found() {
        assert!(KEYWORDS.is_sorted());
        assert_eq!(KEYWORDS.iter().map(|word| word.len()).max(), Some(LONGEST_KEYWORD));
        for word in KEYWORDS {
            assert_eq!(keyword(&word.to_lowercase()), Some(*word));
        }
        assert_eq!(keyword("selects"), None);
        assert_eq!(keyword(""), None);
    }
}
