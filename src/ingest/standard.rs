//! Metrics of the semantic conventions that dashboards know by classic names.
//!
//! They are kept under the conventions' identity only. Their classic names have fewer labels,
//! so that several series may be one there; `store` adds them up. Source: OpenTelemetry
//! semantic conventions 1.44, HTTP and database metrics.

pub(super) mod upgrade;

use super::route::template;
use crate::metrics::Kind;

/// What of a series a classic name shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// How many values a distribution has.
    Count,
}

/// A classic name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) part: Part,
    pub(crate) help: &'static str,
}

/// A standard metric.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Instrument {
    /// The name that the conventions' one has in Prometheus.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Classic labels, and those of the conventions that they are.
    labels: &'static [(&'static str, &'static str)],
    /// Classic names, by the value of [`STATE`] where they depend on it.
    classic: &'static [(Option<&'static str>, &'static [Alias])],
}

/// The label that tells used connections from idle ones.
const STATE: &str = "db_client_connection_state";

/// The route of a request, and paths that stand for it.
const ROUTE: &str = "http_route";
const PATHS: [&str; 2] = ["http_target", "url_path"];

/// The words of an operation and its targets, where the operation is not named by itself.
const SUMMARY: (&str, &str) = ("query_type", "db_query_summary");

/// What has a value for each request, or holds secrets, and so is no label.
const NEVER_LABELS: [&str; 7] =
    ["http_target", "url_path", "http_url", "url_full", "url_query", "db_statement", "db_query_text"];
const PARAMETERS: &str = "db_query_parameter_";

const HTTP_LABELS: &[(&str, &str)] =
    &[("method", "http_request_method"), ("route", ROUTE), ("status_code", "http_response_status_code")];
const QUERY_LABELS: &[(&str, &str)] = &[("query_type", "db_operation_name"), ("table", "db_collection_name")];

const fn alias(name: &'static str, kind: Kind, part: Part, help: &'static str) -> Alias {
    Alias { name, kind, part, help }
}

/// Every standard metric.
pub(crate) static INSTRUMENTS: [Instrument; 7] = [
    Instrument {
        name: "http_server_request_duration_seconds",
        kind: Kind::Histogram,
        labels: HTTP_LABELS,
        classic: &[(
            None,
            &[
                alias("http_requests_total", Kind::Counter, Part::Count, "Requests that were answered."),
                alias(
                    "http_request_duration_seconds",
                    Kind::Histogram,
                    Part::Whole,
                    "How long requests took.",
                ),
            ],
        )],
    },
    Instrument {
        name: "http_server_request_body_size_bytes",
        kind: Kind::Histogram,
        labels: HTTP_LABELS,
        classic: &[(
            None,
            &[alias(
                "http_request_size_bytes",
                Kind::Histogram,
                Part::Whole,
                "How long the bodies of requests were.",
            )],
        )],
    },
    Instrument {
        name: "http_server_response_body_size_bytes",
        kind: Kind::Histogram,
        labels: HTTP_LABELS,
        classic: &[(
            None,
            &[alias(
                "http_response_size_bytes",
                Kind::Histogram,
                Part::Whole,
                "How long the bodies of answers were.",
            )],
        )],
    },
    Instrument {
        name: "db_client_operation_duration_seconds",
        kind: Kind::Histogram,
        labels: QUERY_LABELS,
        classic: &[(
            None,
            &[
                alias("db_queries_total", Kind::Counter, Part::Count, "Calls of databases."),
                alias(
                    "db_query_duration_seconds",
                    Kind::Histogram,
                    Part::Whole,
                    "How long calls of databases took.",
                ),
            ],
        )],
    },
    Instrument {
        name: "db_client_connection_count",
        kind: Kind::Gauge,
        labels: &[],
        classic: &[
            (
                Some("used"),
                &[alias(
                    "db_connections_active",
                    Kind::Gauge,
                    Part::Whole,
                    "Connections to databases that are in use.",
                )],
            ),
            (
                Some("idle"),
                &[alias(
                    "db_connections_idle",
                    Kind::Gauge,
                    Part::Whole,
                    "Connections to databases that are open and not in use.",
                )],
            ),
        ],
    },
    Instrument {
        name: "db_client_connection_max",
        kind: Kind::Gauge,
        labels: &[],
        classic: &[(
            None,
            &[alias(
                "db_connections_max",
                Kind::Gauge,
                Part::Whole,
                "Connections to databases that may be open.",
            )],
        )],
    },
    Instrument {
        name: "db_client_connection_pending_requests",
        kind: Kind::Gauge,
        labels: &[],
        classic: &[(
            None,
            &[alias(
                "db_connections_pending",
                Kind::Gauge,
                Part::Whole,
                "Requests that wait for a connection to a database.",
            )],
        )],
    },
];

/// Names that dashboards know and that are shown as they are sent, and their kinds.
const ONLY_CLASSIC: [(&str, Kind); 7] = [
    ("db_slow_queries_total", Kind::Counter),
    ("db_deadlocks_total", Kind::Counter),
    ("active_users", Kind::Gauge),
    ("feature_usage_total", Kind::Counter),
    ("project_creations_total", Kind::Counter),
    ("template_usage_total", Kind::Counter),
    ("tool_call_duration_seconds", Kind::Histogram),
];

/// Of those, the ones whose labels are classic, too, however they are sent.
const CLASSIC_LABELS: [&str; 1] = ["db_slow_queries_total"];

/// The kind of a name that dashboards know.
pub(crate) fn kind_of(name: &str) -> Option<Kind> {
    let only_classic = ONLY_CLASSIC.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    let by_conventions = || INSTRUMENTS.iter().find(|known| known.name == name).map(|known| known.kind);
    let aliases = || INSTRUMENTS.iter().flat_map(Instrument::aliases);
    let classic = || aliases().find(|alias| alias.name == name).map(|alias| alias.kind);
    only_classic.or_else(by_conventions).or_else(classic)
}

/// Makes the labels of a series of a family those that it is shown under. What several series
/// have in common then is added up.
pub(crate) fn reduce(family: &str, labels: &mut Vec<(String, String)>) {
    if CLASSIC_LABELS.contains(&family) {
        for (classic, convention) in QUERY_LABELS {
            rename(labels, convention, classic);
        }
        labels.sort();
    }
    if !["http_", "db_"].iter().any(|room| family.starts_with(room)) {
        return;
    }
    let path = PATHS.iter().find_map(|path| value(labels, path)).map(|path| template(path).into_owned());
    labels.retain(|(name, _)| !NEVER_LABELS.contains(&&**name) && !name.starts_with(PARAMETERS));
    if let (Some(path), None) = (path, value(labels, ROUTE)) {
        labels.push((ROUTE.to_owned(), path));
        labels.sort();
    }
}

/// The route among labels, to be replaced where there are too many.
pub(crate) fn route(labels: &mut [(String, String)]) -> Option<&mut String> {
    labels.iter_mut().find(|(name, _)| name == ROUTE).map(|(_, route)| route)
}

fn rename(labels: &mut Vec<(String, String)>, from: &str, to: &str) {
    if value(labels, to).is_some() {
        labels.retain(|(name, _)| name != from);
    }
    if let Some((name, _)) = labels.iter_mut().find(|(name, _)| name == from) {
        to.clone_into(name);
    }
}

fn value<'a>(labels: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    labels.iter().find(|(name, _)| name == wanted).map(|(_, value)| &**value)
}

impl Instrument {
    /// The standard metric of a name and kind.
    pub(crate) fn of(name: &str, kind: Kind) -> Option<&'static Instrument> {
        INSTRUMENTS.iter().find(|known| known.name == name && known.kind == kind)
    }

    /// All its classic names.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = &'static Alias> + use<> {
        self.classic.iter().flat_map(|(_, aliases)| *aliases)
    }

    /// The classic names that show everything of it, whatever its labels.
    pub(crate) fn always(&self) -> &'static [Alias] {
        self.classic.iter().find(|(state, _)| state.is_none()).map_or(&[], |(_, aliases)| aliases)
    }

    /// The classic names of a series with these labels, and its labels there, in order.
    pub(crate) fn classic(&self, labels: &[(String, String)]) -> (&'static [Alias], Vec<(String, String)>) {
        let state = value(labels, STATE);
        let aliases = self.classic.iter().find(|(wanted, _)| wanted.is_none() || *wanted == state);
        let named = self.labels.iter().filter_map(|(classic, convention)| {
            let value = match value(labels, convention) {
                None if *classic == SUMMARY.0 => value(labels, SUMMARY.1)?.split(' ').next()?,
                found => found?,
            };
            Some(((*classic).to_owned(), value.to_owned()))
        });
        (aliases.map_or(&[], |(_, aliases)| aliases), named.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn classic_labels_are_those_that_dashboards_know() {
        let requests = Instrument::of("http_server_request_duration_seconds", Kind::Histogram).unwrap();
        let sent = labels(&[
            ("http_request_method", "GET"),
            ("http_response_status_code", "200"),
            ("http_route", "/a"),
            ("url_scheme", "http"),
        ]);
        let (aliases, classic) = requests.classic(&sent);
        assert_eq!(aliases.len(), 2);
        assert_eq!(classic, labels(&[("method", "GET"), ("route", "/a"), ("status_code", "200")]));
        let queries = Instrument::of("db_client_operation_duration_seconds", Kind::Histogram).unwrap();
        let summary = labels(&[("db_query_summary", "SELECT orders")]);
        assert_eq!(queries.classic(&summary).1, labels(&[("query_type", "SELECT")]));
        assert_eq!(Instrument::of("http_server_request_duration_seconds", Kind::Gauge), None);
    }

    #[test]
    fn connections_have_a_classic_name_by_their_state() {
        let connections = Instrument::of("db_client_connection_count", Kind::Gauge).unwrap();
        let name = |state| connections.classic(&labels(&[(STATE, state)])).0.first().map(|alias| alias.name);
        assert_eq!(name("used"), Some("db_connections_active"));
        assert_eq!(name("idle"), Some("db_connections_idle"));
        assert_eq!(name("broken"), None);
    }

    #[test]
    fn paths_become_routes_and_texts_are_no_labels() {
        let mut sent = labels(&[("http_target", "/users/17?a=b"), ("http_url", "http://h/users/17")]);
        reduce("http_server_request_duration_seconds", &mut sent);
        assert_eq!(sent, labels(&[("http_route", "/users/{id}")]));
        let mut sent = labels(&[("http_route", "/users/:id"), ("url_path", "/users/17")]);
        reduce("http_server_request_duration_seconds", &mut sent);
        assert_eq!(sent, labels(&[("http_route", "/users/:id")]));
        let mut sent = labels(&[("db_query_parameter_0", "x"), ("db_query_text", "SELECT 1")]);
        reduce("db_client_operation_duration_seconds", &mut sent);
        assert!(sent.is_empty());
        let mut sent = labels(&[("url_path", "/users/17")]);
        reduce("jobs_total", &mut sent);
        assert_eq!(sent, labels(&[("url_path", "/users/17")]), "what is not standard is the program's own");
    }

    #[test]
    fn slow_queries_have_their_classic_labels_however_they_are_sent() {
        let mut sent = labels(&[("db_collection_name", "orders"), ("db_operation_name", "SELECT")]);
        reduce("db_slow_queries_total", &mut sent);
        assert_eq!(sent, labels(&[("query_type", "SELECT"), ("table", "orders")]));
    }

    #[test]
    fn every_name_has_one_kind() {
        assert_eq!(kind_of("http_requests_total"), Some(Kind::Counter));
        assert_eq!(kind_of("db_client_connection_count"), Some(Kind::Gauge));
        assert_eq!(kind_of("active_users"), Some(Kind::Gauge));
        assert_eq!(kind_of("jobs_total"), None);
    }
}
