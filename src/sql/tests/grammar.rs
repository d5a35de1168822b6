//! Statements made at random, in which every value carries a mark that stands nowhere else.

use crate::sql::Dialect;

/// What literals have in them, in letters and in digits; no name has either.
pub(super) const MARKS: [&str; 2] = ["zq", "8"];

/// Random numbers from a seed (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// A part of a statement.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(String),
    /// Where a value stands.
    Value,
}

/// Values that every reader of the dialect takes for what they are.
const PLAIN: &[&str] = &[
    "'zqsecret'",
    "''",
    "'it''s zq'",
    "867",
    "-8.5",
    "+8",
    "8.6e-18",
    ".86",
    "- 86",
    "'zq -- zq'",
    "'zq /* zq'",
    "'zq; DROP'",
    "'zq\n zq'",
    "'a\\\\'",
    "'\\\\zq\\\\'",
    "X'8ADBEEF'",
    "N'zq'",
    "n'zq ''zq'''",
    "'\"zq\"'",
    "'$$zq'",
    "'[zq'",
    "'#zq'",
    "'`zq`'",
    "'zq' \n 'zq'",
    "0x8ADBEEF",
    "'{\\\"zq\\\": 8}'",
    "'zq?'",
    "TRUE",
    "'ünï zq ✓'",
    "'/*zq*/'",
    "'zq%'",
];

const POSTGRES: &[&str] = &[
    "E'it\\'s zq'",
    "e'zq\\\\'",
    "$$zq$$",
    "$t$it's zq$$ /* zq$t$",
    "U&'d\\0061 zq'",
    "B'1000'",
    "b'8'",
    "1_8",
    "0o86",
    "$1",
    "$18",
];
const MYSQL: &[&str] = &[
    "\"zq\"",
    "\"it's zq\"",
    "'it\\'s zq'",
    "\"say \\\"zq it\\\"s\"",
    "_utf16'zq'",
    "_latin1'zq'",
    "\"zq -- \"\"zq\"",
    "b'1'",
    "'zq' 'zq'",
    "?",
    "@zq",
    "@'zq it'",
];
const SQLITE: &[&str] = &["\"zq\"", "x'8adbeef'", ":zq", "?8", "$zq", "@zq"];
const SQL_SERVER: &[&str] = &["N'zq''zq'", "$86.8", "-$8", "0x86", "@zq", "@@zq"];
const ORACLE: &[&str] =
    &["q'[it's zq]'", "nq'{zq '' zq}'", "Q'!zq's!'", "8.6f", "86d", ":zq", ":8", "q'<zq>'"];

/// Values that some other dialect reads otherwise, or that leave doubt.
const HOSTILE: &[&str] = &[
    "'C:\\zq\\'",
    "'zq\\'''",
    "'\\'zq\\''",
    "\"zq\\\"",
    "\"'zq\"",
    "\"zq--\"",
    "'''zq it''s'''",
    "\"zq\"\"zq'\"",
    "'zq\\' or \\'zq'",
    "'zq\\'and\\'zq'",
    "'/* zq'",
    "'-- zq'",
    "'# zq'",
    "\"# zq\"",
    "'q''[zq'",
    "$zq$ it's $zq$",
    "q'[zq]]'",
    "E'zq\\''",
    "'\\'",
    "\"zq`\"",
    "'`zq'",
];

/// The forms of one value.
fn forms(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::PostgreSql => POSTGRES,
        Dialect::MySql => MYSQL,
        Dialect::Sqlite => SQLITE,
        Dialect::SqlServer => SQL_SERVER,
        Dialect::Oracle => ORACLE,
        Dialect::Unknown | Dialect::NotSql => PLAIN,
    }
}

/// One value.
pub(super) fn value(dice: &mut Dice, dialect: Dialect, hostile: bool) -> &'static str {
    let forms = match dice.below(if hostile { 5 } else { 4 }) {
        0 | 1 => PLAIN,
        2 | 3 => forms(dialect),
        _ => HOSTILE,
    };
    dice.of(forms)
}

/// The text of a statement with values of their own.
pub(super) fn rendered(parts: &[Part], dice: &mut Dice, dialect: Dialect, hostile: bool) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Value => text.push_str(value(dice, dialect, hostile)),
        }
    }
    text
}

/// Makes statements.
pub(super) struct Grammar<'a> {
    dice: &'a mut Dice,
    dialect: Dialect,
    /// Comments that other dialects read otherwise, too.
    hostile: bool,
    parts: Vec<Part>,
}

/// A statement of a dialect.
pub(super) fn statement(dice: &mut Dice, dialect: Dialect, hostile: bool) -> Vec<Part> {
    let mut grammar = Grammar { dice, dialect, hostile, parts: Vec::new() };
    grammar.statement();
    if grammar.dice.below(8) == 0 {
        grammar.text("; ");
        grammar.statement();
    }
    grammar.parts
}

impl Grammar<'_> {
    fn text(&mut self, text: &str) {
        self.parts.push(Part::Text(text.to_owned()));
    }

    fn space(&mut self) {
        const COMMENTS: [&str; 6] = [
            "/* plain */",
            "-- plain's\n",
            "/* don't \"do */",
            "/* -- */",
            "-- /* no\n",
            "/*tag='x',y='it'*/",
        ];
        const ODD: [&str; 7] = [
            "# plain\n",
            "# don't\n",
            "--x\n",
            "--don't\n",
            "/* a /* b */ c */",
            "/*! SET x = 'y' */",
            "/* /* */ it's */",
        ];
        let text = match self.dice.below(24) {
            0 => self.dice.of(&COMMENTS),
            1 if self.hostile => self.dice.of(&ODD),
            2 => "\n\t ",
            _ => "",
        };
        self.text(&format!(" {text} "));
    }

    /// Words between spaces; `?` is a value, `T` a table, `C` a column, `E` a condition, `S` a
    /// query.
    fn words(&mut self, words: &str) {
        for word in words.split(' ') {
            match word {
                "?" => self.parts.push(Part::Value),
                "T" => self.name(&["orders", "customers", "sales_2019_01", "user", "events"], true),
                "C" => self.name(&["id", "name", "a1", "created_at", "note"], false),
                "E" => self.condition(),
                "S" => self.query(),
                word => self.text(word),
            }
            self.space();
        }
    }

    fn name(&mut self, names: &[&str], table: bool) {
        let name = self.dice.of(names);
        let quoted = self.dice.below(3) == 0;
        let name = match self.dialect {
            Dialect::MySql if quoted => format!("`{name}`"),
            Dialect::SqlServer if quoted => format!("[{name}]"),
            Dialect::PostgreSql | Dialect::Oracle | Dialect::SqlServer | Dialect::Sqlite if quoted => {
                format!("\"{name}\"")
            }
            _ => name.to_owned(),
        };
        let qualified = self.dice.below(4) == 0;
        match (qualified, table) {
            (true, true) => self.text(&format!("shop.{name}")),
            (true, false) => self.text(&format!("o.{name}")),
            _ => self.text(&name),
        }
    }

    fn condition(&mut self) {
        let conditions: &[&str] = &[
            "C = ?",
            "C=? ",
            "C IN ( ? , ? , ? )",
            "C BETWEEN ? AND ?",
            "C LIKE ? ESCAPE '\\'",
            "lower( C ) <> ?",
            "C IS NOT NULL",
            "EXTRACT( YEAR FROM C ) = ?",
            "trim( LEADING ? FROM ? ) = C",
            "C > INTERVAL ? DAY",
            "C = DATE ?",
            "C + ? > - C",
            "CASE WHEN C = ? THEN ? ELSE ? END = C",
            "( C = ? OR C = ? )",
            "C IN ( S )",
            "C IS DISTINCT FROM ?",
            "NOT EXISTS ( S )",
            "coalesce( C , ? ) || ? = ?",
            "C || ?",
            "substring( ? FROM 2 ) = C",
            "C = -?",
        ];
        let condition = self.dice.of(conditions);
        // Queries in queries in queries end somewhere.
        let condition = if self.parts.len() > 300 { "C = ?" } else { condition };
        self.words(condition);
    }

    fn query(&mut self) {
        let queries: &[&str] = &[
            "SELECT C FROM T WHERE E",
            "SELECT C , ? , C AS x FROM T o JOIN T p ON E WHERE E AND E ORDER BY C LIMIT ? OFFSET ?",
            "SELECT count(*) FROM T , T WHERE E GROUP BY C HAVING E",
            "SELECT * FROM ( S ) q WHERE E",
            "SELECT ?",
            "SELECT C FROM T UNION ALL S",
            "SELECT DISTINCT C FROM T o LEFT JOIN T p ON E , T WHERE E FOR UPDATE",
        ];
        let query = if self.parts.len() > 300 { "SELECT ?" } else { self.dice.of(queries) };
        self.words(query);
    }

    fn statement(&mut self) {
        let statements: &[&str] = &[
            "S",
            "S",
            "S",
            "INSERT INTO T ( C , C ) VALUES ( ? , ? ) , ( ? , NULL ) , ( ? , ? )",
            "INSERT INTO T S",
            "UPDATE T SET C = ? , C = C + ? WHERE E",
            "DELETE FROM T WHERE E",
            "WITH r AS ( S ) SELECT * FROM r WHERE E",
            "WITH r AS ( S ) DELETE FROM T WHERE E",
            "SET x = ?",
            "SET y TO ?",
            "CALL p ( ? , ? )",
            "CREATE USER u PASSWORD 'zq'",
            "CREATE TABLE T ( C text DEFAULT ? )",
            "MERGE INTO T USING T o ON E WHEN MATCHED THEN UPDATE SET C = ?",
            "EXPLAIN S",
            "COPY T FROM ?",
            "ALTER TABLE T ADD C text DEFAULT ?",
            "EXEC p ?",
            "DO ?",
        ];
        let statement = self.dice.of(statements);
        self.words(statement);
    }
}
