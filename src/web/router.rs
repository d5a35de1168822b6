//! Every endpoint, and what it needs: *nothing*; *nobody*, as nothing, but counted; *page*, which is open to loopback and trusted
//! networks and to the scope `read`; a *login* with a scope from wherever it is called; or a
//! *sender*: a login with the scope `write`, or whoever comes to an ingest listener.
//!
//! | path | needs | answers |
//! |---|---|---|
//! | `/` | nobody | the live page (HTML); in a build without it the landing page, which needs *page* |
//! | `/assets/{file}`, `/favicon.svg` | nobody | the files of the live page |
//! | `/metrics`, `/api/metrics/prometheus` | page | the page for Prometheus (text 0.0.4, OpenMetrics 1.0 or protobuf) |
//! | `/-/healthy` | nothing | 200 while the process answers |
//! | `/-/ready` | nothing | 503 until the first list of containers, for 10 s at most |
//! | `POST /-/reload` | login, `admin` | 200 once the configuration was read again |
//! | `/api/whoami` | page | who asks, what he may do and what there is here |
//! | `/api/containers` | page | containers with tenant, image, state, health |
//! | `/api/containers/{id}/metrics/current` | page | values and rates of one container |
//! | `/api/containers/{id}/metrics/history` | page | what one container did, in steps, with a summary (JSON or CSV) |
//! | `/api/containers/metrics/stream` | page | numbers and events of containers as they come (server-sent events) |
//! | `/api/containers/{id}/processes` | login with `read` | processes of one container |
//! | `/api/containers/{id}/logs` | login with `read` | log lines of one container |
//! | `/api/logs/stream` | login with `read` | log lines of many containers as they come (WebSocket) |
//! | `/api/containers/metrics/summary`, `/api/containers/stats/summary` | page | totals, a row per container, groups |
//! | `POST /v1/metrics` | sender | takes metrics of programs (OTLP) |
//! | `POST /v1/traces` | sender | takes spans of programs (OTLP) |
//! | `POST /api/metrics/http`, `/api/metrics/db`, `/api/metrics/custom` | sender | takes plain JSON; these and `/v1/…` are all that ingest listeners serve |
//! | `/api/metrics/performance` | page | what services do now, by tenant |
//! | `/api/queries/slow` | login with `read` | the slowest statements, without their values |
//! | `/api/dashboards`, `/api/dashboards/{id}` | login with `read` | templates of dashboards, and what was made of them in Grafana |
//! | `POST /api/dashboards`, `PUT /api/dashboards/{id}` | login with `write` | makes a dashboard, or makes it anew |
//! | `/api/analytics/compare` | page | whether what came after an event, or in a later time, is worse |
//! | `/api/analytics/trends` | page | what grows, falls or has changed its level |
//! | `/api/analytics/anomalies` | page | what was not as usual |
//! | `/api/analytics/insights` | page | how requests went, what holds them up, and what may be behind it |
//! | `/api/analytics/recommendations` | page | limits and reservations that fit what containers have used |
//! | `/api/alerts` | page | what fires now, from Alertmanager |
//! | `/api/system/health` | page | how everything is and since when, with reasons and next steps |
//! | `/api/alerts/silences` | page | what holds alerts back there |
//! | `POST /api/alerts/silences`, `DELETE /api/alerts/silences/{id}` | login with `admin` | silences alerts for a while, and ends that |
//! | `/api/alerts/rules` | page | every alert of the catalogue, and when it fires |
//! | `PUT /api/alerts/rules/{name}`, `DELETE /api/alerts/rules/{name}` | login with `admin` | changes an alert, and takes that back |
//! | `/api/system/health/metrics` | page | how everything was |
//! | `/api/system/health/containers/{id}` | page | how one container was, and since when |
//! | `/api/sd/prometheus` | page | containers that expose metrics, for Prometheus' HTTP discovery |
//! | `/api/openapi.json` | page | OpenAPI 3.1 of this table |
//!
//! Anything else is 404, another method 405, a foreign `Host` 421, each as a problem (RFC 9457). A
//! browser that asks with `OPTIONS` for a page of a server that is named (`cors`) is answered 204.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use hyper::body::Body as _;
use jiff::Timestamp;

use super::access::{Peer, bearer};
use super::caller::{Caller, Login, Need};
use super::connection::Visit;
use super::cors::Crossing;
use super::entrance::Rules;
use super::problem::{Kind, Problem};
use super::tls::Shown;
use super::{
    Context, alerts, anomalies, api, assets, compare, dashboards, discovery, health, history, insights,
    landing, log_stream, logs, openapi, otlp, performance, plain, probe, processes, queries, recommendations,
    reload, scrape, silences, socket, stream, thresholds, trends, whoami,
};
use crate::config::Scope;
use crate::ingest::{Correspondent, Found};

/// Bytes of a body that a request for a page may have; they are not read.
const MAX_UNREAD_BODY_BYTES: u64 = 64 * 1024;

/// Where people come in.
const FRONT: &str = "/";

/// Where the configuration is read again, as in Prometheus.
const RELOAD: &str = "/-/reload";

/// Where OpenTelemetry's programs send metrics.
const OTLP_METRICS: &str = "/v1/metrics";

/// Where they send traces.
const OTLP_TRACES: &str = "/v1/traces";

/// Where programs without OpenTelemetry send requests, database calls, and what they define.
const PLAIN_HTTP: &str = "/api/metrics/http";
const PLAIN_DATABASE: &str = "/api/metrics/db";
const PLAIN_CUSTOM: &str = "/api/metrics/custom";

/// Where dashboards are listed and made, and each of them.
const DASHBOARDS: &str = "/api/dashboards";
const DASHBOARD: &str = "/api/dashboards/{id}";

/// Where silences are listed and made.
const SILENCES: &str = "/api/alerts/silences";

/// Where alerts of the catalogue are listed, and each of them.
const ALERT_RULES: &str = "/api/alerts/rules";
const ALERT_RULE: &str = "/api/alerts/rules/{name}";

/// Where log lines are read as they come.
const LOG_STREAM: &str = "/api/logs/stream";

/// Whether it is a path by which programs send what they measure.
fn takes_metrics(path: &str) -> bool {
    [OTLP_METRICS, OTLP_TRACES, PLAIN_HTTP, PLAIN_DATABASE, PLAIN_CUSTOM].contains(&path)
}

/// One endpoint.
struct Route {
    method: MethodFilter,
    path: &'static str,
    /// Anything but nothing also counts towards `--web.max-requests`.
    need: Need,
    handler: fn(MethodFilter) -> MethodRouter<Arc<Context>>,
}

const fn get(
    path: &'static str,
    need: Need,
    handler: fn(MethodFilter) -> MethodRouter<Arc<Context>>,
) -> Route {
    Route { method: MethodFilter::GET, path, need, handler }
}

/// Where programs send what they measure.
const fn take(path: &'static str, handler: fn(MethodFilter) -> MethodRouter<Arc<Context>>) -> Route {
    Route { method: MethodFilter::POST, path, need: Need::Sender, handler }
}

/// What stands in place of the landing page where the live page is built in.
static LIVE_PAGE: Route = get(FRONT, Need::Nobody, |method| on(method, assets::page));

/// The table that the router is built from and that the OpenAPI document is held to.
static ROUTES: &[Route] = &[
    get(FRONT, Need::Page, |method| on(method, landing::page)),
    get("/assets/{file}", Need::Nobody, |method| on(method, assets::asset)),
    get("/favicon.svg", Need::Nobody, |method| on(method, assets::favicon)),
    get("/metrics", Need::Page, |method| on(method, scrape::page)),
    get("/api/metrics/prometheus", Need::Page, |method| on(method, scrape::page)),
    get("/-/healthy", Need::Nothing, |method| on(method, probe::healthy)),
    get("/-/ready", Need::Nothing, |method| on(method, probe::ready)),
    Route {
        method: MethodFilter::POST,
        path: RELOAD,
        need: Need::Login(Scope::Admin),
        handler: |method| on(method, reload::reload),
    },
    take(OTLP_METRICS, |method| on(method, otlp::metrics)),
    take(OTLP_TRACES, |method| on(method, otlp::traces)),
    take(PLAIN_HTTP, |method| on(method, plain::http)),
    take(PLAIN_DATABASE, |method| on(method, plain::database)),
    take(PLAIN_CUSTOM, |method| on(method, plain::custom)),
    get("/api/whoami", Need::Page, |method| on(method, whoami::whoami)),
    get("/api/containers", Need::Page, |method| on(method, api::containers)),
    get("/api/containers/{id}/metrics/current", Need::Page, |method| on(method, api::current)),
    get("/api/containers/{id}/metrics/history", Need::Page, |method| on(method, history::container)),
    get("/api/containers/{id}/processes", Need::Login(Scope::Read), |method| on(method, processes::list)),
    get("/api/containers/{id}/logs", Need::Login(Scope::Read), |method| on(method, logs::logs)),
    get("/api/containers/metrics/summary", Need::Page, |method| on(method, api::summary)),
    get("/api/containers/stats/summary", Need::Page, |method| on(method, api::summary)),
    get("/api/containers/metrics/stream", Need::Page, |method| on(method, stream::stream)),
    get(LOG_STREAM, Need::Login(Scope::Read), |method| on(method, log_stream::stream)),
    get("/api/metrics/performance", Need::Page, |method| on(method, performance::performance)),
    get("/api/queries/slow", Need::Login(Scope::Read), |method| on(method, queries::slow)),
    get(DASHBOARDS, Need::Login(Scope::Read), |method| on(method, dashboards::list)),
    Route {
        method: MethodFilter::POST,
        path: DASHBOARDS,
        need: Need::Login(Scope::Write),
        handler: |method| on(method, dashboards::create),
    },
    get(DASHBOARD, Need::Login(Scope::Read), |method| on(method, dashboards::one)),
    Route {
        method: MethodFilter::PUT,
        path: DASHBOARD,
        need: Need::Login(Scope::Write),
        handler: |method| on(method, dashboards::change),
    },
    get("/api/alerts", Need::Page, |method| on(method, alerts::alerts)),
    get(SILENCES, Need::Page, |method| on(method, silences::list)),
    Route {
        method: MethodFilter::POST,
        path: SILENCES,
        need: Need::Login(Scope::Admin),
        handler: |method| on(method, silences::create),
    },
    Route {
        method: MethodFilter::DELETE,
        path: "/api/alerts/silences/{id}",
        need: Need::Login(Scope::Admin),
        handler: |method| on(method, silences::expire),
    },
    get(ALERT_RULES, Need::Page, |method| on(method, thresholds::list)),
    Route {
        method: MethodFilter::PUT,
        path: ALERT_RULE,
        need: Need::Login(Scope::Admin),
        handler: |method| on(method, thresholds::change),
    },
    Route {
        method: MethodFilter::DELETE,
        path: ALERT_RULE,
        need: Need::Login(Scope::Admin),
        handler: |method| on(method, thresholds::take_back),
    },
    get("/api/system/health", Need::Page, |method| on(method, health::health)),
    get("/api/analytics/compare", Need::Page, |method| on(method, compare::compare)),
    get("/api/analytics/trends", Need::Page, |method| on(method, trends::trends)),
    get("/api/analytics/anomalies", Need::Page, |method| on(method, anomalies::anomalies)),
    get("/api/analytics/insights", Need::Page, |method| on(method, insights::insights)),
    get("/api/analytics/recommendations", Need::Page, |method| on(method, recommendations::recommendations)),
    get("/api/system/health/metrics", Need::Page, |method| on(method, history::system_health)),
    get("/api/system/health/containers/{id}", Need::Page, |method| on(method, history::container_health)),
    get("/api/sd/prometheus", Need::Page, |method| on(method, discovery::prometheus)),
    get("/api/openapi.json", Need::Page, |method| on(method, openapi::document)),
];

/// The router of every endpoint.
pub fn router(context: Arc<Context>) -> Router {
    router_of(ROUTES.iter(), Door::Web, context)
}

/// The router of those by which programs send what they measure.
pub fn ingest_router(context: Arc<Context>) -> Router {
    router_of(ROUTES.iter().filter(|route| takes_metrics(route.path)), Door::Programs, context)
}

/// By which listener a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Where pages are read; who writes here needs a token.
    Web,
    /// Where programs send what they measure, and may be known by their connection.
    Programs,
}

fn router_of(routes: impl Iterator<Item = &'static Route>, door: Door, context: Arc<Context>) -> Router {
    let mut router = Router::new();
    for route in routes {
        let live = route.path == FRONT && assets::has_page(context.files);
        let route = if live { &LIVE_PAGE } else { route };
        let mut handler = (route.handler)(route.method);
        if route.need != Need::Nothing {
            let need = route.need;
            let gate = move |context, peer, visit, request, next| {
                admit(need, door, context, peer, visit, request, next)
            };
            handler = handler.layer(from_fn_with_state(context.clone(), gate));
        }
        if route.path == LOG_STREAM {
            handler = handler.layer(from_fn(socket::take_login));
        }
        router = router.route(route.path, handler);
    }
    let guarded = move |context, request, next| guard(door, context, request, next);
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(context.clone(), guarded))
        .with_state(context)
}

/// Whether a path needs nothing.
pub(super) fn needs_nothing(path: &str) -> bool {
    ROUTES.iter().any(|route| route.need == Need::Nothing && route.path == path)
}

/// Refuses a host that is not ours and a body that nobody reads, keeps browsers from guessing
/// types, and tells them which pages may read.
async fn guard(door: Door, State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let access = context.access();
    let crossing = if door == Door::Web { Crossing::of(&access, &request) } else { Crossing::default() };
    let checked = access.check_host(request.uri(), request.version(), request.headers());
    let mut response = match checked.and_then(|()| check_body(&request)) {
        Ok(()) => match crossing.answer() {
            Some(answer) => answer,
            None => next.run(request).await,
        },
        Err(problem) => problem.into_response(),
    };
    crossing.mark(response.headers_mut());
    context.entrance.rules().add_headers(response.headers_mut());
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A page is asked for without a body; a small one does no harm.
fn check_body(request: &Request) -> Result<(), Problem> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD) || request.uri().path() == RELOAD;
    let least = request.body().size_hint().lower();
    if !reads || least <= MAX_UNREAD_BODY_BYTES {
        return Ok(());
    }
    let detail = format!("`{}` takes no body, and this one has {least} bytes", request.uri().path());
    Err(Problem::new(Kind::TooLarge, detail))
}

/// Lets in who may have what the route needs, while there is room.
async fn admit(
    need: Need,
    door: Door,
    State(context): State<Arc<Context>>,
    peer: Peer,
    visit: Visit,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let rules = context.entrance.rules();
    rules.take_request()?;
    if need == Need::Nobody {
        rules.check_certificate(visit.shown)?;
        let _permit = context.request_permit()?;
        return Ok(next.run(request).await);
    }
    let correspondent = request.extensions().get().cloned();
    let caller = match door {
        Door::Web => caller(&context, &rules, peer, visit, request.headers()).await,
        Door::Programs => sender(&context, &rules, peer, visit, request.headers(), correspondent).await,
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(problem) => return Ok(refused(problem, &rules)),
    };
    caller.may(need)?;
    if need == Need::Sender {
        context.count_sender(caller.way());
    }
    request.extensions_mut().insert(caller);
    let _permit = context.request_permit()?;
    Ok(next.run(request).await)
}

/// Who asks: by a token, a password, a certificate, or the place that the request comes from.
pub(super) async fn caller(
    context: &Context,
    rules: &Rules,
    peer: Peer,
    visit: Visit,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    rules.check_certificate(visit.shown)?;
    if bearer(headers).is_none() {
        match context.entrance.user(rules, headers, visit.client).await {
            Ok(Some(user)) => return Ok(Caller::reader(Login::User(user.into()))),
            Ok(None) => {}
            Err(problem) => {
                context.access().note_refusal(peer, "user or password is wrong");
                return Err(problem);
            }
        }
        if visit.shown == Shown::Verified {
            return Ok(Caller::reader(Login::Certificate));
        }
    }
    let caller = context.access().caller(peer, headers, Timestamp::now())?;
    if rules.demand_login() && caller.is_only_here() {
        let detail = "every read needs a user and a password, this machine's own included, since \
                      `basic_auth_users` are given; a token will do, too";
        return Err(Problem::new(Kind::Unauthorized, detail));
    }
    Ok(caller)
}

/// Who sends: by a token or a password, else by the connection.
async fn sender(
    context: &Context,
    rules: &Rules,
    peer: Peer,
    visit: Visit,
    headers: &HeaderMap,
    correspondent: Option<Arc<Correspondent>>,
) -> Result<Caller, Problem> {
    if headers.contains_key(header::AUTHORIZATION) {
        let caller = caller(context, rules, peer, visit, headers).await?;
        return Ok(match context.whose(correspondent).await {
            Found::Container(container, _) => caller.of_container(&container),
            _ => caller,
        });
    }
    rules.check_certificate(visit.shown)?;
    match context.whose(correspondent).await {
        Found::Container(container, way) => Ok(Caller::within(&container, way)),
        Found::Nobody if rules.demand_login() => Err(Problem::new(
            Kind::Unauthorized,
            "who sends is not known by the connection, and everybody needs a login since `basic_auth_users` are \
             given; a token with the scope `write` will do",
        )),
        Found::Nobody => Ok(Caller::nobody()),
        Found::NotYet => Err(Problem::new(
            Kind::NotYetKnown,
            "it is not known yet which container sends this; try again in a moment, or send a token",
        )),
        Found::OutOfSight => Err(Problem::new(
            Kind::Unauthorized,
            "whose container this comes from cannot be proved, since its processes are not to be seen from \
             here; let dockmeter see the host's `/proc` (`--path.procfs`), or send a token",
        )),
    }
}

/// A refusal that says how to log in.
fn refused(problem: Problem, rules: &Rules) -> Response {
    let mut response = problem.into_response();
    if rules.demand_login() && response.status() == StatusCode::UNAUTHORIZED {
        let basic = HeaderValue::from_static("Basic realm=\"dockmeter\", charset=\"UTF-8\"");
        response.headers_mut().append(header::WWW_AUTHENTICATE, basic);
    }
    response
}

pub(super) async fn not_found(uri: Uri) -> Problem {
    let detail = format!("there is nothing at `{}`; `/api/openapi.json` lists what there is", uri.path());
    Problem::new(Kind::NotFound, detail)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(Kind::MethodNotAllowed, format!("`{}` does not take `{method}`", uri.path()))
}

#[cfg(test)]
pub(super) mod tests;
