//! What is wrong with an expression: it does not parse, names what there is not, shows a counter
//! as it stands, or looks over a time that does not follow the graph.

use std::time::Duration;

use promql_parser::parser::token::{T_COUNT, T_GROUP, T_LAND, T_LUNLESS, T_SUB};
use promql_parser::parser::{BinaryExpr, Expr, MatrixSelector, VectorSelector};

use super::super::terms::{RANGE, RATE_INTERVAL, without_variables};
use crate::rules::{Known, labels_of};

/// Functions that want a counter, and tell what it gained.
const RATED: [&str; 3] = ["rate", "irate", "increase"];

/// Functions that look at a counter over time without taking it for a level.
const OVER_COUNTERS: [&str; 6] = ["rate", "irate", "increase", "changes", "resets", "count_over_time"];

/// Texts of others that are counters by their type, and always 1.
const ALWAYS_ONE: [&str; 1] = ["pg_stat_statements_query_id"];

/// The shortest time that a query may name itself: an answer about hours is the same at any zoom.
const SHORTEST: Duration = Duration::from_secs(3600);

/// Everything that is wrong with an expression, as a rule's name and a sentence.
pub(super) fn findings(expr: &str, known: &Known) -> Vec<(&'static str, String)> {
    let plain = without_variables(expr);
    let parsed = match promql_parser::parser::parse(&plain) {
        Ok(parsed) => parsed,
        Err(error) => {
            let first = error.lines().next().unwrap_or_default();
            return vec![("promql", format!("no PromQL: {first}"))];
        }
    };
    let mut found = Vec::new();
    if let Err(message) = labels_of(&plain, known) {
        found.push(("known", message));
    }
    Walk { known, found: &mut found }.look(&parsed, Place::Plain);
    found
}

/// Where an expression stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Its value is shown, or reckoned with.
    Plain,
    /// Only whether it is there counts.
    Presence,
}

/// Whether a selector stands there less itself a while ago.
fn is_gain(binary: &BinaryExpr) -> bool {
    let (Expr::VectorSelector(now), Expr::VectorSelector(before)) = (&*binary.lhs, &*binary.rhs) else {
        return false;
    };
    let since = VectorSelector { offset: None, ..before.clone() };
    binary.op.id() == T_SUB && now.offset.is_none() && before.offset.is_some() && *now == since
}

struct Walk<'w> {
    known: &'w Known,
    found: &'w mut Vec<(&'static str, String)>,
}

impl Walk<'_> {
    fn look(&mut self, expr: &Expr, place: Place) {
        match expr {
            Expr::Aggregate(aggregate) => {
                let presence = matches!(aggregate.op.id(), T_COUNT | T_GROUP);
                self.look(&aggregate.expr, if presence { Place::Presence } else { place });
                if let Some(parameter) = &aggregate.param {
                    self.look(parameter, Place::Plain);
                }
            }
            Expr::Unary(unary) => self.look(&unary.expr, place),
            Expr::Paren(paren) => self.look(&paren.expr, place),
            // What a counter has gained since is as good as `increase`.
            Expr::Binary(binary) if is_gain(binary) => {}
            Expr::Binary(binary) => {
                let filters = matches!(binary.op.id(), T_LAND | T_LUNLESS);
                self.look(&binary.lhs, place);
                self.look(&binary.rhs, if filters { Place::Presence } else { place });
            }
            Expr::Subquery(subquery) => self.look(&subquery.expr, place),
            Expr::VectorSelector(selector) => self.level(selector, place),
            Expr::MatrixSelector(matrix) => self.over_time("", matrix),
            Expr::Call(call) => {
                for argument in &call.args.args {
                    match &**argument {
                        Expr::MatrixSelector(matrix) => self.over_time(call.func.name, matrix),
                        other if matches!(call.func.name, "absent" | "timestamp") => {
                            self.look(other, Place::Presence);
                        }
                        other => self.look(other, place),
                    }
                }
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        }
    }

    /// A selector whose values stand as they are.
    fn level(&mut self, selector: &VectorSelector, place: Place) {
        let Some(name) = selector.name.as_deref() else { return };
        if place == Place::Plain && self.known.is_counter(name) && !ALWAYS_ONE.contains(&name) {
            let message =
                format!("`{name}` is a counter and is shown as it stands; take `rate` or `increase` of it");
            self.found.push(("counter-rated", message));
        }
    }

    /// A selector over a time, in a function.
    fn over_time(&mut self, function: &str, matrix: &MatrixSelector) {
        let name = matrix.vs.name.as_deref().unwrap_or_default();
        let counts = OVER_COUNTERS.contains(&function);
        if self.known.is_counter(name) && !counts {
            let message = format!("`{function}` takes the counter `{name}` for a level");
            self.found.push(("counter-rated", message));
        }
        if self.known.is_gauge(name) && RATED.contains(&function) {
            let message =
                format!("`{name}` is a gauge, and `{function}` wants a counter; take `deriv` or `delta`");
            self.found.push(("counter-rated", message));
        }
        let is = |text: &str| matrix.range == milliseconds(text);
        let message = match (counts, is(RATE_INTERVAL), is(RANGE) || matrix.range >= SHORTEST) {
            (true, false, false) => format!(
                "`{function}` of `{name}` names its own time; take `$__rate_interval`, or an hour and more"
            ),
            (false, true, _) => {
                format!("`$__rate_interval` is for `rate` and the like, not for `{function}`")
            }
            _ => return,
        };
        self.found.push(("rate-interval", message));
    }
}

fn milliseconds(text: &str) -> Duration {
    Duration::from_millis(text.trim_end_matches("ms").parse().unwrap_or_default())
}
