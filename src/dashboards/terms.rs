//! Words that stand for what nearly every expression says.

/// What a word stands for. Variables that take several values are matched by pattern.
const TERMS: [(&str, &str); 6] = [
    ("@host", "instance=~\"$instance\""),
    ("@tenant", "user=~\"$user\",project=~\"$project\",team=~\"$team\""),
    (
        "@container",
        "instance=~\"$instance\",name=\"$container\",user=~\"$user\",project=~\"$project\",team=~\"$team\"",
    ),
    ("@service", "service=~\"$service\",user=~\"$user\",project=~\"$project\",team=~\"$team\""),
    ("@slo", "slo=~\"$slo\",service=~\"$service\",user=~\"$user\",project=~\"$project\",team=~\"$team\""),
    ("@server", "server=~\"$server\",user=~\"$user\",project=~\"$project\",team=~\"$team\""),
];

/// Where the past is looked at, in an expression that is compared with it.
pub(super) const AGO: &str = "@ago";

/// The expression as Grafana gets it; `past` is it a while ago.
pub(super) fn fill(expr: &str, past: bool) -> String {
    let filled = TERMS.iter().fold(expr.trim().to_owned(), |expr, (term, text)| expr.replace(term, text));
    filled.replace(AGO, if past { " offset $compare" } else { "" })
}

/// What Grafana puts in the place of its variables outside of texts, for reading an expression.
/// Times that it makes itself are told from those that a template names by their odd lengths.
const VARIABLES: [(&str, &str); 12] = [
    ("$__rate_interval", RATE_INTERVAL),
    ("$__interval", "60007ms"),
    ("$__range_s", "10800"),
    ("$__range", RANGE),
    ("$__from", "1700000000000"),
    ("$__to", "1700003600000"),
    ("$compare", "604800007ms"),
    ("$price_core_hour", "1"),
    ("$price_gib_hour", "1"),
    ("$price_disk_gib_month", "1"),
    ("${__from}", "1700000000000"),
    ("${__to}", "1700003600000"),
];

pub(super) const RATE_INTERVAL: &str = "300007ms";
pub(super) const RANGE: &str = "10800007ms";

/// The expression with values in the places of variables; those within texts stay.
pub(super) fn without_variables(expr: &str) -> String {
    VARIABLES.iter().fold(expr.to_owned(), |expr, (name, value)| expr.replace(name, value))
}
