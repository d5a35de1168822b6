//! What is known of HTTP requests: where it comes from, and the families that show it.

use std::any::Any;
use std::sync::Arc;

use http::{Method, StatusCode};
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::extension::{Route, Sources};
use super::family::{Family, Fixed, Names, Series, Shape, Style};
use super::histogram::{BODY_BYTES, Counts, Histogram, REQUEST_NS};
use super::series::{Caps, Outcome, Table};
use super::service::HttpLayer;
use crate::label::{ANONYMOUS, clean};

/// Methods that the conventions know; there is one word for all others.
const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "QUERY", "CONNECT", "TRACE"];
const OTHER_METHOD: &str = "_OTHER";

const CLASSIC_LABELS: [&str; 3] = ["method", "route", "status_code"];
const OTEL_LABELS: [&str; 4] =
    ["http_request_method", "http_route", "http_response_status_code", "error_type"];

/// The error of a request whose client has gone.
pub(super) const CANCELLED: &str = "cancelled";
/// The error of a handler that has panicked.
pub(super) const PANIC: &str = "panic";
/// The error of a service or a body that has failed in Rust's own sense.
pub(super) const FAILED: &str = "error";

/// What a client that has gone before the head of the answer is shown as, by nginx's custom.
const CLIENT_CLOSED_REQUEST: u16 = 499;

const DURATION: usize = 0;
const REQUEST_SIZE: usize = 1;
const RESPONSE_SIZE: usize = 2;

const CLASSIC: [Family; 4] = [
    Family {
        name: "http_requests_total",
        help: "HTTP server requests.",
        shape: Shape::Count,
        cell: DURATION,
    },
    Family {
        name: "http_request_duration_seconds",
        help: "Duration of HTTP server requests.",
        shape: Shape::Histogram,
        cell: DURATION,
    },
    Family {
        name: "http_request_size_bytes",
        help: "Size of HTTP server request bodies.",
        shape: Shape::Histogram,
        cell: REQUEST_SIZE,
    },
    Family {
        name: "http_response_size_bytes",
        help: "Size of HTTP server response bodies.",
        shape: Shape::Histogram,
        cell: RESPONSE_SIZE,
    },
];

const OTEL: [Family; 3] = [
    Family { name: "http_server_request_duration_seconds", ..CLASSIC[1] },
    Family { name: "http_server_request_body_size_bytes", ..CLASSIC[2] },
    Family { name: "http_server_response_body_size_bytes", ..CLASSIC[3] },
];

/// What is measured of requests that have ended alike.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) duration_ns: Histogram,
    pub(super) request_bytes: Histogram,
    pub(super) response_bytes: Histogram,
}

impl Default for Cells {
    fn default() -> Self {
        Cells {
            duration_ns: Histogram::new(&REQUEST_NS),
            request_bytes: Histogram::new(&BODY_BYTES),
            response_bytes: Histogram::new(&BODY_BYTES),
        }
    }
}

/// How requests are measured; [`register`](HttpMetrics::register) makes the layer.
///
/// Without further words there is neither a `user` nor another label of tenancy, and the route is
/// that of a [`Route`] extension.
#[derive(Clone, Debug)]
#[must_use = "nothing is measured before it is registered and its layer is used"]
pub struct HttpMetrics {
    names: Names,
    fixed: Fixed,
    routes: Sources,
    users: Sources,
    owner: Option<String>,
    caps: Caps,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        HttpMetrics {
            names: Names::default(),
            fixed: Fixed::default(),
            routes: Sources::default(),
            users: Sources::default(),
            owner: None,
            caps: Caps { kinds: METHODS.len() + 1, places: 200, users: 200, subjects: 2000 },
        }
    }
}

impl HttpMetrics {
    /// The defaults.
    pub fn new() -> Self {
        HttpMetrics::default()
    }

    /// Reads the route from an extension of the request, or of the response where the request has
    /// none: `.route(axum::extract::MatchedPath::as_str)`. May be called for several types; the
    /// first that is there counts. A [`Route`] is looked for in any case.
    pub fn route<T, F>(mut self, text: F) -> Self
    where
        T: Any + Send + Sync,
        F: Fn(&T) -> &str + Send + Sync + 'static,
    {
        self.routes.add(text);
        self
    }

    /// Names the user of each request by an extension of the request, or of the response where the
    /// request has none: `.user(|login: &Login| login.name.as_str())`. Series get a label `user`;
    /// a request without one is the owner's, or `anonymous` where there is no owner.
    pub fn user<T, F>(mut self, text: F) -> Self
    where
        T: Any + Send + Sync,
        F: Fn(&T) -> &str + Send + Sync + 'static,
    {
        self.users.add(text);
        self
    }

    /// The `user` of requests that name none.
    pub fn owner(mut self, user: &str) -> Self {
        self.owner = Some(clean(user).into_owned()).filter(|user| !user.is_empty());
        self
    }

    /// The label `project` of all series.
    pub fn project(mut self, project: &str) -> Self {
        self.fixed.set("project", project);
        self
    }

    /// The label `team` of all series.
    pub fn team(mut self, team: &str) -> Self {
        self.fixed.set("team", team);
        self
    }

    /// The label `service` of all series.
    pub fn service(mut self, service: &str) -> Self {
        self.fixed.set("service", service);
        self
    }

    /// What families and labels are called.
    pub fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// The most different routes, 200 unless said; further ones are `other`.
    pub fn max_routes(mut self, routes: usize) -> Self {
        self.caps.places = routes;
        self
    }

    /// The most different users, 200 unless said; further ones are `other`.
    pub fn max_users(mut self, users: usize) -> Self {
        self.caps.users = users;
        self
    }

    /// The most combinations of method, route and user, 2000 unless said. Beyond them a new one's
    /// user is `other`, then its route, too.
    pub fn max_combinations(mut self, combinations: usize) -> Self {
        self.caps.subjects = combinations;
        self
    }

    /// Puts the families into a registry and gives the layer that fills them. Clones of the layer
    /// fill the same.
    ///
    /// # Errors
    /// The registry holds these families already under the same labels of tenancy and service, or
    /// under other names of labels.
    pub fn register(self, registry: &Registry) -> prometheus::Result<HttpLayer> {
        let metrics = Arc::new(Metrics::new(self)?);
        registry.register(Box::new(Shown(metrics.clone())))?;
        Ok(HttpLayer::new(metrics))
    }
}

/// What all clones of a layer share.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) table: Table<Cells>,
    pub(super) routes: Sources,
    pub(super) users: Sources,
    names: Names,
    fixed: Fixed,
    descriptions: Vec<Desc>,
}

impl Metrics {
    fn new(mut options: HttpMetrics) -> prometheus::Result<Self> {
        options.routes.add(Route::as_str);
        let nobody = match &options.owner {
            Some(owner) => owner,
            None if options.users.is_empty() => "",
            None => ANONYMOUS,
        };
        let mut descriptions = Vec::new();
        for style in options.names.styles() {
            for family in families(*style) {
                let mut own = label_names(*style).to_vec();
                own.extend((!nobody.is_empty()).then_some("user"));
                descriptions.push(options.fixed.describe(family, &own)?);
            }
        }
        Ok(Metrics {
            table: Table::new(options.caps, nobody),
            routes: options.routes,
            users: options.users,
            names: options.names,
            fixed: options.fixed,
            descriptions,
        })
    }

    fn series(&self, style: Style) -> Series<3> {
        let mut series = Series::new();
        self.table.each(|subject, outcome, cells| {
            let whose = [("user", &*subject.user)];
            let labels = match style {
                Style::Classic => {
                    let status = classic_status(outcome).to_string();
                    let ended = [&*subject.kind, &subject.place, &status];
                    self.fixed.with(CLASSIC_LABELS.into_iter().zip(ended).chain(whose))
                }
                Style::Otel => {
                    let (status, error) = otel_status(outcome);
                    let ended = [&*subject.kind, &subject.place, &status, &error];
                    self.fixed.with(OTEL_LABELS.into_iter().zip(ended).chain(whose))
                }
            };
            series.add(labels, cells.counts());
        });
        series
    }
}

impl Cells {
    /// In the order of [`Family::cell`].
    fn counts(&self) -> [Counts; 3] {
        [self.duration_ns.counts(), self.request_bytes.counts(), self.response_bytes.counts()]
    }
}

/// The families of all clones of a layer.
struct Shown(Arc<Metrics>);

impl Collector for Shown {
    fn desc(&self) -> Vec<&Desc> {
        self.0.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut shown = Vec::new();
        for style in self.0.names.styles() {
            let series = self.0.series(*style);
            shown.extend(families(*style).iter().filter_map(|family| series.family(family)));
        }
        shown
    }
}

fn families(style: Style) -> &'static [Family] {
    match style {
        Style::Classic => &CLASSIC,
        Style::Otel => &OTEL,
    }
}

fn label_names(style: Style) -> &'static [&'static str] {
    match style {
        Style::Classic => &CLASSIC_LABELS,
        Style::Otel => &OTEL_LABELS,
    }
}

/// The classic names have no word for an error, so one without a status gets the status that
/// says most nearly the same.
fn classic_status(outcome: Outcome) -> u16 {
    match outcome {
        Outcome { status: 0, error: CANCELLED } => CLIENT_CLOSED_REQUEST,
        Outcome { status: 0, .. } => StatusCode::INTERNAL_SERVER_ERROR.as_u16(),
        Outcome { status, .. } => status,
    }
}

/// Status and error as the conventions have them: no status where none was sent, and a status of
/// the server's own failure as its error.
fn otel_status(outcome: Outcome) -> (String, String) {
    let status = if outcome.status == 0 { String::new() } else { outcome.status.to_string() };
    let failed = outcome.error.is_empty() && outcome.status >= 500;
    let error = if failed { status.clone() } else { outcome.error.to_owned() };
    (status, error)
}

/// The method as a label has it.
pub(super) fn known_method(method: &Method) -> &'static str {
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER_METHOD)
}
