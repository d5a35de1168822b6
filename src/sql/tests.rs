//! What is left of statements.

use super::{Dialect, Kind, Statement, sanitise};

fn text(statement: &str) -> String {
    sanitise(statement, Dialect::PostgreSql).text
}

#[test]
fn values_are_question_marks_and_lists_of_them_one() {
    assert_eq!(
        text("select a,b from t where x=1 and y in (1, 2,3) -- done"),
        "select a, b from t where x = ? and y in (?)"
    );
    assert_eq!(
        text("INSERT INTO t(a,b) VALUES (1,NULL),(2,now()) ;"),
        "INSERT INTO t (a, b) VALUES (?, NULL)"
    );
}

#[test]
fn tables_and_summary_are_told() {
    let Statement { kind, tables, summary, .. } = sanitise(
        "WITH r AS (SELECT * FROM sales_2019) INSERT INTO x SELECT * FROM r JOIN public.\"User\" u ON true",
        Dialect::PostgreSql,
    );
    assert_eq!(kind, Kind::Insert);
    assert_eq!(tables, ["sales_?", "x", "public.User"]);
    assert_eq!(summary, "SELECT sales_? INSERT x SELECT public.User");
}
