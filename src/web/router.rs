//! Every endpoint, and what it needs: *nothing*; *page*, which is open to loopback and trusted
//! networks and to the scope `read`; or a *login* with a scope from wherever it is called.
//!
//! | path | needs | answers |
//! |---|---|---|
//! | `/` | page | landing page (HTML) |
//! | `/metrics`, `/api/metrics/prometheus` | page | the page for Prometheus (text 0.0.4, OpenMetrics 1.0 or protobuf) |
//! | `/-/healthy` | nothing | 200 while the process answers |
//! | `/-/ready` | nothing | 503 until the first list of containers, for 10 s at most |
//! | `/api/containers` | page | containers with tenant, image, state, health |
//! | `/api/containers/{id}/metrics/current` | page | values and rates of one container |
//! | `/api/containers/{id}/processes` | login with `read` | processes of one container |
//! | `/api/containers/metrics/summary`, `/api/containers/stats/summary` | page | totals, a row per container, groups |
//! | `/api/openapi.json` | page | OpenAPI 3.1 of this table |
//!
//! Anything else is 404, another method 405, a foreign `Host` 421, each as a problem (RFC 9457).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use jiff::Timestamp;

use super::access::Peer;
use super::caller::Need;
use super::problem::{Kind, Problem};
use super::{Context, api, landing, openapi, probe, processes, scrape};
use crate::config::Scope;

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

/// The table that the router is built from and that the OpenAPI document is held to.
static ROUTES: &[Route] = &[
    get("/", Need::Page, |method| on(method, landing::page)),
    get("/metrics", Need::Page, |method| on(method, scrape::page)),
    get("/api/metrics/prometheus", Need::Page, |method| on(method, scrape::page)),
    get("/-/healthy", Need::Nothing, |method| on(method, probe::healthy)),
    get("/-/ready", Need::Nothing, |method| on(method, probe::ready)),
    get("/api/containers", Need::Page, |method| on(method, api::containers)),
    get("/api/containers/{id}/metrics/current", Need::Page, |method| on(method, api::current)),
    get("/api/containers/{id}/processes", Need::Login(Scope::Read), |method| on(method, processes::list)),
    get("/api/containers/metrics/summary", Need::Page, |method| on(method, api::summary)),
    get("/api/containers/stats/summary", Need::Page, |method| on(method, api::summary)),
    get("/api/openapi.json", Need::Page, |method| on(method, openapi::document)),
];

/// The router of every endpoint.
pub fn router(context: Arc<Context>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let mut handler = (route.handler)(route.method);
        if route.need != Need::Nothing {
            let need = route.need;
            let gate = move |context, peer, request, next| admit(need, context, peer, request, next);
            handler = handler.layer(from_fn_with_state(context.clone(), gate));
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

/// Lets in who may have what the route needs, while there is room.
async fn admit(
    need: Need,
    State(context): State<Arc<Context>>,
    peer: Peer,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = context.access().caller(peer, request.headers(), Timestamp::now())?;
    caller.may(need)?;
    request.extensions_mut().insert(caller);
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
