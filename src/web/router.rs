//! Every endpoint. All are `GET`; "login" means: open to loopback and trusted networks, a
//! token for anybody else.
//!
//! | path | login | answers |
//! |---|---|---|
//! | `/` | yes | landing page (HTML) |
//! | `/metrics`, `/api/metrics/prometheus` | yes | the page for Prometheus (text 0.0.4 or OpenMetrics 1.0) |
//! | `/-/healthy` | no | 200 while the process answers |
//! | `/-/ready` | no | 503 until the first list of containers, for 10 s at most |
//! | `/api/containers` | yes | containers with tenant, image, state, health |
//! | `/api/containers/{id}/metrics/current` | yes | values and rates of one container |
//! | `/api/containers/metrics/summary`, `/api/containers/stats/summary` | yes | totals, a row per container, groups |
//! | `/api/openapi.json` | yes | OpenAPI 3.1 of this table |
//!
//! Anything else is 404, another method 405, a foreign `Host` 421, each as a problem (RFC 9457).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use super::access::Peer;
use super::problem::{Kind, Problem};
use super::{Context, api, landing, openapi, probe, scrape};

/// One endpoint.
struct Route {
    method: MethodFilter,
    path: &'static str,
    /// Whether a reader is asked who it is; also whether it counts towards `--web.max-requests`.
    login: bool,
    handler: fn(MethodFilter) -> MethodRouter<Arc<Context>>,
}

const fn get(
    path: &'static str,
    login: bool,
    handler: fn(MethodFilter) -> MethodRouter<Arc<Context>>,
) -> Route {
    Route { method: MethodFilter::GET, path, login, handler }
}

/// The table that the router is built from and that the OpenAPI document is held to.
static ROUTES: &[Route] = &[
    get("/", true, |method| on(method, landing::page)),
    get("/metrics", true, |method| on(method, scrape::page)),
    get("/api/metrics/prometheus", true, |method| on(method, scrape::page)),
    get("/-/healthy", false, |method| on(method, probe::healthy)),
    get("/-/ready", false, |method| on(method, probe::ready)),
    get("/api/containers", true, |method| on(method, api::containers)),
    get("/api/containers/{id}/metrics/current", true, |method| on(method, api::current)),
    get("/api/containers/metrics/summary", true, |method| on(method, api::summary)),
    get("/api/containers/stats/summary", true, |method| on(method, api::summary)),
    get("/api/openapi.json", true, |method| on(method, openapi::document)),
];

/// The router of every endpoint.
pub fn router(context: Arc<Context>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let mut handler = (route.handler)(route.method);
        if route.login {
            handler = handler.layer(from_fn_with_state(context.clone(), admit));
        }
        router = router.route(route.path, handler);
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(context.clone(), guard))
        .with_state(context)
}

/// Refuses a host that is not ours, and keeps browsers from guessing types.
async fn guard(State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let checked = context.access().check_host(request.uri(), request.version(), request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Lets a reader in who may read, while there is room.
async fn admit(
    State(context): State<Arc<Context>>,
    peer: Peer,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    context.access().check_reader(peer, request.headers())?;
    let _permit = context.request_permit()?;
    Ok(next.run(request).await)
}

async fn not_found(uri: Uri) -> Problem {
    let detail = format!("there is nothing at `{}`; `/api/openapi.json` lists what there is", uri.path());
    Problem::new(Kind::NotFound, detail)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(Kind::MethodNotAllowed, format!("`{}` does not take `{method}`", uri.path()))
}

#[cfg(test)]
pub(super) mod tests;
