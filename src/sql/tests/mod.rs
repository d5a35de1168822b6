//! What is left of statements, and that nothing of their values is.

mod grammar;

use proptest::prelude::*;

use super::lexer::Lexer;
use super::{Dialect, Kind, LONGEST, Statement, sanitise, table_name};
use grammar::{Dice, MARKS, rendered, statement};

const DIALECTS: [Dialect; 6] = [
    Dialect::PostgreSql,
    Dialect::MySql,
    Dialect::Sqlite,
    Dialect::SqlServer,
    Dialect::Oracle,
    Dialect::Unknown,
];

fn text(statement: &str, dialect: Dialect) -> String {
    sanitise(statement, dialect).text
}

fn all_said(statement: &Statement) -> String {
    format!("{} | {:?} | {}", statement.text, statement.tables, statement.summary).to_lowercase()
}

/// Asserts that nothing of a value is in what is kept.
fn keeps_no_mark(from: &str, dialect: Dialect) {
    let kept = sanitise(from, dialect);
    let said = all_said(&kept);
    for mark in MARKS {
        assert!(
            !said.contains(mark),
            "`{mark}` of a value survives as {dialect:?}\nfrom: {from}\nleft: {said}"
        );
    }
}

fn dialect() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(DIALECTS.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_value_survives_in_any_dialect_right_or_wrong_whole_or_cut(
        seed in any::<u64>(), right in dialect(), named in dialect(), cut in any::<prop::sample::Index>(),
    ) {
        let mut dice = Dice(seed);
        let parts = statement(&mut dice, right, true);
        let whole = rendered(&parts, &mut dice, right, true);
        keeps_no_mark(&whole, right);
        keeps_no_mark(&whole, named);
        let mut end = cut.index(whole.len() + 1);
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        keeps_no_mark(&whole[..end], right);
        keeps_no_mark(&whole[..end], named);
    }

    #[test]
    fn statements_that_differ_in_values_only_are_one(seed in any::<u64>(), right in dialect()) {
        let mut dice = Dice(seed);
        let parts = statement(&mut dice, right, false);
        let one = rendered(&parts, &mut dice, right, false);
        let other = rendered(&parts, &mut dice, right, false);
        let (left, right_side) = (sanitise(&one, right), sanitise(&other, right));
        prop_assert_eq!(&left, &right_side, "\n{}\n{}", one, other);
        // None of these leaves doubt: more than a keyword is kept.
        prop_assert!(one.len() > LONGEST || left.text.contains(' '), "{} of {}", left.text, one);
    }

    #[test]
    fn what_is_left_stays_as_it_is(seed in any::<u64>(), right in dialect(), named in dialect()) {
        let mut dice = Dice(seed);
        let parts = statement(&mut dice, right, true);
        let once = sanitise(&rendered(&parts, &mut dice, right, true), named);
        prop_assert_eq!(&sanitise(&once.text, named), &once);
    }

    #[test]
    fn anything_at_all_is_read_in_bounded_steps(text in "\\PC{0,300}", named in dialect()) {
        let once = sanitise(&text, named);
        prop_assert_eq!(&sanitise(&once.text, named), &once);
    }

    #[test]
    fn marks_and_quotes_in_any_order_do_no_harm(
        text in "SELECT ([a-c ?'\"`$@#:;.,()\\[\\]{}*/%+=<>\\\\!|&1-3-]|E'|q'|/\\*|\\*/|--|\n){0,60}", named in dialect(),
    ) {
        let once = sanitise(&text, named);
        prop_assert_eq!(&sanitise(&once.text, named), &once, "from {:?}", text);
    }
}

#[test]
fn each_byte_is_looked_at_a_bounded_number_of_times() {
    let hostile = [
        "'",
        "\"",
        "`",
        "(",
        ")",
        "[",
        "[a",
        "$",
        "$a",
        "$a$",
        "#",
        "#>",
        "# a",
        "--",
        "--a",
        "/*",
        "*/",
        "/",
        "\\",
        "'\\'a",
        "'a'",
        "1",
        "1e+",
        "a",
        "a.",
        ".",
        "é",
        "q'[",
        "E'\\'",
        "?",
        ",",
        "(?),",
        "VALUES (1),",
        ";",
        "@",
        "@'",
        ":",
        "%(",
        "%(a",
        "- ",
        "x'a' ",
        "\"a\"",
        "\"a\"\n=",
        "\"a\"   ",
        "SET \"a\" ",
    ];
    for dialect in DIALECTS {
        for piece in hostile {
            for lead in ["", "SELECT ", "SELECT * FROM ", "UPDATE t SET "] {
                let text = format!("{lead}{}", piece.repeat(LONGEST / piece.len()));
                let mut lexer = Lexer::new(&text, dialect);
                while let Ok(Some(_)) = lexer.next() {}
                assert!(
                    lexer.steps <= 4 * text.len(),
                    "{} steps for {} bytes of {piece:?}",
                    lexer.steps,
                    text.len()
                );
                sanitise(&text, dialect);
            }
        }
    }
}

#[test]
fn what_is_read_has_one_form() {
    let cases = [
        (
            "select  a,b\nfrom t where x=1 and y in (1, 2,3) -- done",
            "select a, b from t where x = ? and y in (?)",
        ),
        ("INSERT INTO t(a,b) VALUES (1,NULL),(2,now()) ;", "INSERT INTO t (a, b) VALUES (?, NULL)"),
        ("SELECT * FROM t WHERE (a, b) IN ((1, 'x'), (2, 'y'))", "SELECT * FROM t WHERE (a, b) IN ((?))"),
        (
            "SELECT count( * ) FROM t WHERE a=-5 AND b - 5 > - c",
            "SELECT count(*) FROM t WHERE a = ? AND b - ? > - c",
        ),
        ("SELECT 'x'::text, a::int[]", "SELECT ?::text, a::int[]"),
        ("SELECT data->>'key', data #>> '{a,b}' FROM t", "SELECT data ->> ?, data #>> ? FROM t"),
        ("SELECT * FROM t WHERE id = $1 AND n = :name", "SELECT * FROM t WHERE id = ? AND n = ?"),
        ("SELECT * FROM t WHERE id = %s AND n = %(name)s", "SELECT * FROM t WHERE id = ? AND n = ?"),
        ("SELECT \"u\".\"id\", \"x\" FROM \"User\" \"u\"", "SELECT \"u\".\"id\", ? FROM \"User\" ?"),
        ("UPDATE \"t\" SET \"a\" = 1, \"b\"=2", "UPDATE \"t\" SET \"a\" = ?, \"b\" = ?"),
        ("INSERT INTO \"t\" (\"a\",\"b\") VALUES ($1,$2)", "INSERT INTO \"t\" (\"a\", \"b\") VALUES (?)"),
        ("SELECT md5(t1.a) FROM sales_2019 t1", "SELECT md5(t1.a) FROM sales_? t1"),
        ("SET search_path TO tenant_a, public", "SET search_path ?"),
        ("SELECT 1; DELETE FROM t;", "SELECT ?; DELETE FROM t"),
        ("COPY t FROM stdin;\n1\tsecret\n\\.\n", "COPY t FROM stdin"),
        (
            "SELECT a FROM t WHERE b LIKE 'x' ESCAPE '\\' AND c = 'y'",
            "SELECT a FROM t WHERE b LIKE ? ESCAPE ? AND c = ?",
        ),
    ];
    for (given, left) in cases {
        assert_eq!(text(given, Dialect::PostgreSql), left);
    }
    assert_eq!(text("SELECT `a`, \"b\" FROM `x`.`y` # z", Dialect::MySql), "SELECT `a`, ? FROM `x`.`y`");
    assert_eq!(
        text("SELECT [a b] FROM [dbo].[Orders] WHERE x = N'y'", Dialect::SqlServer),
        "SELECT [a b] FROM [dbo].[Orders] WHERE x = ?"
    );
    assert_eq!(text("SELECT * FROM #tmp", Dialect::SqlServer), "SELECT * FROM #tmp");
    assert_eq!(text("EXEC dbo.login bob, hunter2", Dialect::SqlServer), "EXEC dbo.login ?");
}

#[test]
fn where_there_is_doubt_only_the_first_keyword_is_left() {
    let cases = [
        ("SELECT 'open", "SELECT"),
        ("select * from t where a = \"open", "SELECT"),
        ("SELECT 'C:\\' , 'x'", "SELECT"),
        ("SELECT /* open", "SELECT"),
        ("DELETE /* a /* b */ 'c' */ FROM t", "DELETE"),
        ("SELECT 1 # don't\n, 'x'", "SELECT"),
        ("CREATE USER scott IDENTIFIED BY tiger", "CREATE"),
        ("SELECT a\u{0}b", "SELECT"),
        ("SELECT ‘secret’", "SELECT"),
        ("SELECT \\x", "SELECT"),
        ("GET secret", "?"),
        ("", "?"),
        ("secret", "?"),
        ("/* open", "?"),
    ];
    for (given, left) in cases {
        for dialect in [Dialect::PostgreSql, Dialect::Unknown] {
            let statement = sanitise(given, dialect);
            assert_eq!((&*statement.text, statement.tables.len()), (left, 0), "{given}");
            assert_eq!(statement.summary, left);
        }
    }
    let long = format!("SELECT a FROM t WHERE b IN ({})", "1,".repeat(LONGEST));
    assert_eq!(text(&long, Dialect::PostgreSql), "SELECT");
    let deep = format!("SELECT {}", "(".repeat(1000));
    assert_eq!(text(&deep, Dialect::PostgreSql), "SELECT");
    assert_eq!(text("SET user:1 secret", Dialect::NotSql), "?");
}

#[test]
fn kind_tables_and_summary_are_told() {
    let cases: [(&str, Kind, &[&str], &str); 16] = [
        (
            "SELECT * FROM songs, artists a WHERE x = 1",
            Kind::Select,
            &["songs", "artists"],
            "SELECT songs artists",
        ),
        ("insert into a.b (c) select d from e", Kind::Insert, &["a.b", "e"], "INSERT a.b SELECT e"),
        (
            "WITH r AS (SELECT * FROM sales_2019) INSERT INTO x SELECT * FROM r JOIN public.\"User\" u ON true",
            Kind::Insert,
            &["sales_?", "x", "public.User"],
            "SELECT sales_? INSERT x SELECT public.User",
        ),
        ("UPDATE ONLY t SET a = (SELECT max(b) FROM u)", Kind::Update, &["t", "u"], "UPDATE t SELECT u"),
        ("DELETE FROM t USING u WHERE t.a = u.a", Kind::Delete, &["t", "u"], "DELETE t u"),
        ("SELECT EXTRACT(YEAR FROM d), trim(LEADING 'x' FROM e) FROM t", Kind::Select, &["t"], "SELECT t"),
        ("SELECT * FROM generate_series(1, 10) g", Kind::Select, &[], "SELECT"),
        ("SELECT a IS DISTINCT FROM b FROM t", Kind::Select, &["t"], "SELECT t"),
        ("SELECT * FROM (a JOIN b ON a.x = b.x), c", Kind::Select, &["a", "b", "c"], "SELECT a b c"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 2", Kind::Insert, &["t"], "INSERT t"),
        ("CREATE TABLE IF NOT EXISTS t (a int)", Kind::Create, &["t"], "CREATE TABLE t"),
        ("CREATE UNIQUE INDEX i ON t (a)", Kind::Create, &["t"], "CREATE INDEX t"),
        ("CALL refresh(1)", Kind::Call, &[], "CALL refresh"),
        ("(SELECT a FROM t) UNION (SELECT b FROM u)", Kind::Select, &["t", "u"], "SELECT t SELECT u"),
        ("EXPLAIN ANALYZE SELECT * FROM t", Kind::Other, &["t"], "EXPLAIN SELECT t"),
        ("SELECT * FROM t FOR UPDATE", Kind::Select, &["t"], "SELECT t"),
    ];
    for (given, kind, tables, summary) in cases {
        let statement = sanitise(given, Dialect::PostgreSql);
        assert_eq!((statement.kind, &*statement.summary), (kind, summary), "{given}");
        assert_eq!(statement.tables, tables, "{given}");
    }
}

#[test]
fn a_summary_ends_between_words() {
    let tables: Vec<String> =
        (0..40).map(|number| format!("t_{}", "abcdefgh".repeat(1 + number % 2))).collect();
    let statement = sanitise(&format!("SELECT * FROM {}", tables.join(", ")), Dialect::MySql);
    assert!(statement.summary.len() <= 255);
    let told = statement.summary.split(' ').skip(1);
    assert!(told.count() > 10);
    assert!(statement.summary.split(' ').skip(1).all(|table| tables.iter().any(|known| known == table)));
}

#[test]
fn fingerprints_are_the_same_in_every_version() {
    let fingerprint = |text| sanitise(text, Dialect::PostgreSql).fingerprint;
    let known = fingerprint("SELECT * FROM t WHERE id = ?");
    assert_eq!(known, 14_484_131_947_237_715_427);
    for same in [
        "select *  from t where id=42",
        "SELECT * FROM t WHERE id = $1 -- x",
        "SELECT * FROM t WHERE id = -4;",
    ] {
        assert_eq!(fingerprint(same), known, "{same}");
    }
    assert_ne!(fingerprint("SELECT * FROM t WHERE ic = ?"), known);
}

#[test]
fn names_of_tables_have_no_digits_and_an_end() {
    assert_eq!(table_name("sales_2019_01"), "sales_?_?");
    assert_eq!(table_name("plain"), "plain");
    assert_eq!(table_name(&"é".repeat(100)).len(), 128);
}

#[test]
fn systems_have_a_dialect_and_kinds_a_word() {
    assert_eq!(Dialect::of_system("PostgreSQL"), Dialect::PostgreSql);
    assert_eq!(Dialect::of_system("microsoft.sql_server"), Dialect::SqlServer);
    assert_eq!(Dialect::of_system("redis"), Dialect::NotSql);
    assert_eq!(Dialect::of_system("other_sql"), Dialect::Unknown);
    assert_eq!(
        (Kind::of_keyword("exec"), Kind::Call.as_str(), Kind::Call.operation()),
        (Kind::Call, "call", "CALL")
    );
    assert_eq!(Kind::of_keyword("whatever").as_str(), "other");
}
