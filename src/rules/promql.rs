//! What can be told of an expression without data: which metrics and labels it uses, and which
//! labels its result has.

use std::collections::BTreeSet;

use promql_parser::label::MatchOp;
use promql_parser::parser::token::{T_BOTTOMK, T_COUNT_VALUES, T_LIMIT_RATIO, T_LIMITK, T_LOR, T_TOPK};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
};

use super::known::{Known, Labels};

/// The labels of an expression's result.
///
/// # Errors
/// It does not parse, or names a metric or a label that there is not; a sentence.
pub(crate) fn labels_of(expr: &str, known: &Known) -> Result<Labels, String> {
    let parsed =
        promql_parser::parser::parse(expr).map_err(|error| format!("no PromQL: {}", first_line(&error)))?;
    match parsed.value_type() {
        ValueType::Vector | ValueType::Scalar => labels(&parsed, known),
        other => Err(format!("the expression is a {other}, and a rule wants a vector")),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn labels(expr: &Expr, known: &Known) -> Result<Labels, String> {
    match expr {
        Expr::Aggregate(aggregate) => aggregated(aggregate, known),
        Expr::Unary(unary) => labels(&unary.expr, known),
        Expr::Binary(binary) => combined(binary, known),
        Expr::Paren(paren) => labels(&paren.expr, known),
        Expr::Subquery(subquery) => labels(&subquery.expr, known),
        Expr::VectorSelector(selector) => selected(selector, known),
        Expr::MatrixSelector(matrix) => selected(&matrix.vs, known),
        Expr::Call(call) => called(call, known),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(none()),
        Expr::Extension(_) => Ok(Labels::Any),
    }
}

fn none() -> Labels {
    Labels::These(BTreeSet::new())
}

fn these<'a>(labels: impl IntoIterator<Item = &'a String>) -> Labels {
    Labels::These(labels.into_iter().cloned().collect())
}

fn selected(selector: &VectorSelector, known: &Known) -> Result<Labels, String> {
    let Some(name) = selector.name.as_deref() else {
        return Err("a selector without the name of a metric; name it".to_owned());
    };
    let Some(labels) = known.labels(name) else {
        let meant = known.close_to(name).map(|close| format!(", did you mean `{close}`?"));
        return Err(format!("there is no metric `{name}`{}", meant.unwrap_or_default()));
    };
    let unknown = selector.matchers.matchers.iter().find(|matcher| !labels.has(&matcher.name));
    match unknown {
        Some(matcher) => Err(no_label(&format!("`{name}`"), &matcher.name, &labels)),
        None => Ok(labels),
    }
}

fn no_label(what: &str, label: &str, labels: &Labels) -> String {
    let has = match labels {
        Labels::These(labels) if labels.is_empty() => "none".to_owned(),
        Labels::These(labels) => {
            labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
        }
        Labels::Any => "others".to_owned(),
    };
    format!("{what} has no label `{label}`; it has {has}")
}

fn checked(wanted: &[String], labels: &Labels, what: &str) -> Result<(), String> {
    match wanted.iter().find(|label| !labels.has(label)) {
        Some(label) => Err(no_label(what, label, labels)),
        None => Ok(()),
    }
}

fn aggregated(aggregate: &AggregateExpr, known: &Known) -> Result<Labels, String> {
    let inner = labels(&aggregate.expr, known)?;
    if let Some(modifier) = &aggregate.modifier {
        checked(&modifier.labels().labels, &inner, "what is aggregated")?;
    }
    let keeps_series = [T_TOPK, T_BOTTOMK, T_LIMITK, T_LIMIT_RATIO].contains(&aggregate.op.id());
    let mut result = match (&aggregate.modifier, &inner) {
        (_, _) if keeps_series => return Ok(inner),
        (None, _) => none(),
        (Some(LabelModifier::Include(by)), _) => these(&by.labels),
        (Some(LabelModifier::Exclude(_)), Labels::Any) => Labels::Any,
        (Some(LabelModifier::Exclude(without)), Labels::These(inner)) => {
            these(inner.iter().filter(|label| !without.labels.contains(label)))
        }
    };
    if let (true, Some(Expr::StringLiteral(label)), Labels::These(labels)) =
        (aggregate.op.id() == T_COUNT_VALUES, aggregate.param.as_deref(), &mut result)
    {
        labels.insert(label.val.clone());
    }
    Ok(result)
}

fn combined(binary: &BinaryExpr, known: &Known) -> Result<Labels, String> {
    let (left, right) = (labels(&binary.lhs, known)?, labels(&binary.rhs, known)?);
    let is_scalar = |expr: &Expr| expr.value_type() == ValueType::Scalar;
    match (is_scalar(&binary.lhs), is_scalar(&binary.rhs)) {
        (true, _) => return Ok(right),
        (false, true) => return Ok(left),
        (false, false) => {}
    }
    let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
    if let Some(LabelModifier::Include(on)) = matching {
        checked(&on.labels, &left, "the left side")?;
        checked(&on.labels, &right, "the right side")?;
    }
    if binary.op.is_set_operator() {
        return Ok(if binary.op.id() == T_LOR { common(left, right) } else { left });
    }
    let cardinality = binary.modifier.as_ref().map(|modifier| &modifier.card);
    Ok(match (cardinality, matching) {
        (Some(VectorMatchCardinality::ManyToOne(more)), _) => with(left, &more.labels),
        (Some(VectorMatchCardinality::OneToMany(more)), _) => with(right, &more.labels),
        (_, Some(LabelModifier::Include(on))) => these(&on.labels),
        (_, Some(LabelModifier::Exclude(ignoring))) => match left {
            Labels::These(left) => these(left.iter().filter(|label| !ignoring.labels.contains(label))),
            Labels::Any => Labels::Any,
        },
        (_, None) => common(left, right),
    })
}

/// What both have.
fn common(left: Labels, right: Labels) -> Labels {
    match (left, right) {
        (Labels::These(left), Labels::These(right)) => these(left.intersection(&right)),
        (Labels::Any, other) | (other, Labels::Any) => other,
    }
}

fn with(labels: Labels, more: &[String]) -> Labels {
    match labels {
        Labels::These(labels) => these(labels.iter().chain(more)),
        Labels::Any => Labels::Any,
    }
}

fn called(call: &Call, known: &Known) -> Result<Labels, String> {
    let mut inner = none();
    for argument in &call.args.args {
        let labels = labels(argument, known)?;
        if matches!(argument.value_type(), ValueType::Vector | ValueType::Matrix) {
            inner = labels;
        }
    }
    let text = |index: usize| match call.args.args.get(index).map(|argument| &**argument) {
        Some(Expr::StringLiteral(text)) => Some(text.val.clone()),
        _ => None,
    };
    Ok(match (call.func.name, inner) {
        ("vector" | "time" | "scalar", _) => none(),
        ("absent" | "absent_over_time", _) => {
            let selector = match call.args.args.first().map(|argument| &**argument) {
                Some(Expr::VectorSelector(selector)) => Some(selector),
                Some(Expr::MatrixSelector(matrix)) => Some(&matrix.vs),
                _ => None,
            };
            let equal = selector.into_iter().flat_map(|selector| &selector.matchers.matchers);
            let equal = equal.filter(|matcher| matcher.op == MatchOp::Equal);
            Labels::These(equal.map(|matcher| matcher.name.clone()).collect())
        }
        ("label_replace" | "label_join", inner) => with(inner, &text(1).into_iter().collect::<Vec<_>>()),
        ("histogram_quantile" | "histogram_fraction", Labels::These(inner)) => {
            these(inner.iter().filter(|label| *label != "le"))
        }
        (_, inner) => inner,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expr: &str) -> String {
        match labels_of(expr, &Known::new()) {
            Ok(Labels::These(labels)) => labels.into_iter().collect::<Vec<_>>().join(" "),
            Ok(Labels::Any) => "any".to_owned(),
            Err(error) => error,
        }
    }

    #[test]
    fn an_expression_s_labels_are_told_without_data() {
        for (expr, labels) in [
            ("node_load1", "instance job"),
            ("sum(node_load1)", ""),
            ("sum by (name) (rate(container_cpu_usage_seconds_total[5m]))", "name"),
            (
                "sum without (id, image, cpu, job) (rate(container_cpu_usage_seconds_total[5m]))",
                "instance name project team user",
            ),
            ("node_load1 / on (instance) machine_cpu_cores", "instance"),
            (
                "container_threads / on (instance) group_left () machine_cpu_cores",
                "id image instance job name project team user",
            ),
            (
                "histogram_quantile(0.9, sum by (le, tool) (rate(tool_call_duration_seconds_bucket[5m])))",
                "tool",
            ),
            ("absent(up{job=\"dockmeter\"} == 1)", ""),
            ("absent(up{job=\"dockmeter\"})", "job"),
            ("label_replace(vector(1), \"a\", \"b\", \"\", \"\")", "a"),
            ("sum by (name) (container_threads) or sum by (name, user) (container_threads)", "name"),
            ("prometheus_build_info", "any"),
            (
                "topk by (name) (3, node_load1)",
                "what is aggregated has no label `name`; it has `instance`, `job`",
            ),
            ("node_load2", "there is no metric `node_load2`, did you mean `node_load1`?"),
            ("node_load1{host=\"a\"}", "`node_load1` has no label `host`; it has `instance`, `job`"),
            (
                "node_load1 * on (name) node_load5",
                "the left side has no label `name`; it has `instance`, `job`",
            ),
            ("{job=\"a\"}", "a selector without the name of a metric; name it"),
            ("node_load1[5m]", "the expression is a matrix, and a rule wants a vector"),
        ] {
            assert_eq!(of(expr), labels, "{expr}");
        }
        assert!(of("sum(").starts_with("no PromQL: "), "{}", of("sum("));
    }
}
