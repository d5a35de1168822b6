//! The selectors of an expression: which series it asks for.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector};

use super::terms::without_variables;

/// Every selector of an expression; none of one that does not parse.
pub(super) fn selectors(expr: &str) -> Vec<VectorSelector> {
    let mut found = Vec::new();
    if let Ok(parsed) = promql_parser::parser::parse(&without_variables(expr)) {
        walk(&parsed, &mut found);
    }
    found
}

fn walk(expr: &Expr, found: &mut Vec<VectorSelector>) {
    match expr {
        Expr::Aggregate(aggregate) => {
            walk(&aggregate.expr, found);
            aggregate.param.iter().for_each(|parameter| walk(parameter, found));
        }
        Expr::Unary(unary) => walk(&unary.expr, found),
        Expr::Paren(paren) => walk(&paren.expr, found),
        Expr::Binary(binary) => {
            walk(&binary.lhs, found);
            walk(&binary.rhs, found);
        }
        Expr::Subquery(subquery) => walk(&subquery.expr, found),
        Expr::VectorSelector(selector) => found.push(selector.clone()),
        Expr::MatrixSelector(matrix) => found.push(matrix.vs.clone()),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| walk(argument, found)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// Whether a selector has no series but those whose label is as the variable of the same name.
pub(super) fn is_narrowed(selector: &VectorSelector, label: &str) -> bool {
    let values = [format!("${label}"), format!("${{{label}}}"), format!("${{{label}:regex}}")];
    let narrows = |matcher: &Matcher| {
        matcher.name == label
            && matches!(matcher.op, MatchOp::Equal | MatchOp::Re(_))
            && values.contains(&matcher.value)
    };
    // One alternative of several narrows nothing.
    selector.matchers.or_matchers.is_empty() && selector.matchers.matchers.iter().any(narrows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_narrowed_only_by_the_variable_of_its_label() {
        for (expr, narrowed) in [
            (r#"up{team=~"$team"}"#, true),
            (r#"up{team="${team}",user="x"}"#, true),
            (r#"up{team!~"$team"}"#, false),
            (r#"up{team=~"$team|other"}"#, false),
            (r#"up{team=~"other"}"#, false),
            (r#"up{user=~"$team"}"#, false),
            (r#"up{team=~"$team" or team="other"}"#, false),
            ("up", false),
        ] {
            let found = selectors(expr);
            assert!(found.iter().all(|one| is_narrowed(one, "team")) == narrowed, "{expr}");
        }
    }

    #[test]
    fn every_selector_is_found() {
        let expr = r#"topk(scalar(a), sum by (x) (rate(b[$__rate_interval]))) / on () (c or -max_over_time(d[5m:1m]))"#;
        let names: Vec<String> = selectors(expr).into_iter().filter_map(|one| one.name).collect();
        assert_eq!(names, ["b", "a", "c", "d"]);
    }
}
