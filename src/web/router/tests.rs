//! Routes, access and errors, as a client sees them.

use axum::body::Body;
use axum::http::Request as HttpRequest;

use super::*;
use crate::config::Scope;
use crate::web::access::Access;
use crate::web::fixture::{self, Fixed, get, request, send};

#[tokio::test]
async fn a_path_that_does_not_exist_is_a_problem() {
    let answer = get(&fixture::context(), "/api/nothing", &[]).await;
    assert_eq!(
        answer.problem(404),
        "there is nothing at `/api/nothing`; `/api/openapi.json` lists what there is"
    );
}

#[tokio::test]
async fn another_method_is_a_problem_that_names_the_right_ones() {
    for path in ["/metrics", "/-/ready", "/api/containers"] {
        let post = HttpRequest::post(path).header("host", "localhost").body(Body::empty()).unwrap();
        let answer = send(&fixture::context(), "127.0.0.1", post).await;
        assert_eq!(answer.problem(405), format!("`{path}` does not take `POST`"));
        assert_eq!(answer.header("allow"), "GET,HEAD");
    }
}

/// A context whose configuration can be read again, with this outcome.
fn reloading(outcome: Result<(), &'static str>) -> Arc<Context> {
    let (wishes, mut wished) = reload::wishes();
    tokio::spawn(async move {
        while let Some(wish) = wished.recv().await {
            let _ = wish.send(outcome.map_err(str::to_owned));
        }
    });
    Arc::new(Arc::into_inner(fixture::context()).unwrap().with_reloads(wishes))
}

/// A request for a route by its own method.
fn of_route(route: &Route, authorization: Option<&str>) -> HttpRequest<Body> {
    let path = route.path.replace("{id}", "shop-api-1").replace("{file}", "index.js");
    let path = path.replace("{name}", "HostCpuHigh");
    let mut headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    let takes_metrics = takes_metrics(&path);
    headers.extend(takes_metrics.then_some(("content-type", "application/json")));
    let mut request = request(&path, &headers);
    if takes_metrics {
        // Nothing in OTLP, and no record.
        *request.body_mut() = Body::from(if path.starts_with("/v1/") { "{}" } else { "[]" });
    }
    *request.method_mut() = method(route).to_ascii_uppercase().parse().unwrap();
    request
}

#[tokio::test]
async fn every_route_asks_for_what_it_needs() {
    let context = reloading(Ok(()));
    for route in ROUTES {
        let path = route.path;
        // Here is no Alertmanager that could be asked, once somebody may ask, and no file for changes.
        // Nor a Grafana.
        let lists = path == DASHBOARDS && route.method == MethodFilter::GET;
        let missing = (path.starts_with("/api/alerts") && path != ALERT_RULES)
            || (path.starts_with(DASHBOARDS) && !lists);
        // What is asked here is no WebSocket.
        let answered = match missing {
            true => 404,
            false if path == LOG_STREAM => 426,
            false => 200,
        };
        let stranger = send(&context, "192.0.2.1", of_route(route, None)).await;
        let scope = match route.need {
            Need::Nothing => {
                assert_eq!(stranger.status, 200, "{path}");
                continue;
            }
            // Here is no live page.
            Need::Nobody => {
                assert_eq!(stranger.status, 404, "{path}");
                continue;
            }
            Need::Page => Scope::Read,
            Need::Login(scope) => scope,
            // Here, where pages are read, that is nobody without a token.
            Need::Sender => Scope::Write,
        };
        assert!(stranger.problem(401).contains("--web.trust-network"), "{path}");
        assert_eq!(stranger.header("www-authenticate"), "Bearer", "{path}");
        let tokens = [("secret", Scope::Read), ("writer", Scope::Write), ("admin", Scope::Admin)];
        for peer in ["192.0.2.1", "127.0.0.1"] {
            for (token, has) in tokens {
                let known = send(&context, peer, of_route(route, Some(&format!("Bearer {token}")))).await;
                let status = if has == scope { answered } else { 403 };
                assert_eq!(known.status, status, "{path} with {token} from {peer}");
            }
            let wrong = send(&context, peer, of_route(route, Some("Bearer wrong"))).await;
            assert_eq!(wrong.status, 401, "{path} from {peer}");
        }
        let open = route.need == Need::Page;
        let loopback = send(&context, "127.0.0.1", of_route(route, None)).await;
        assert_eq!(loopback.status, if open { answered } else { 401 }, "{path} from loopback");
    }
}

#[tokio::test]
async fn a_refused_configuration_is_a_problem_that_says_where() {
    let reload = |context: Arc<Context>| async move {
        let mut request = request(RELOAD, &[("authorization", "Bearer admin")]);
        *request.method_mut() = Method::POST;
        send(&context, "127.0.0.1", request).await
    };
    let refused = reload(reloading(Err("dockmeter.yml:2:5: unknown key `x`"))).await;
    assert_eq!(
        refused.problem(500),
        "the new configuration is refused, and the old one stays in force: dockmeter.yml:2:5: unknown key `x`"
    );
    let (wishes, wished) = reload::wishes();
    let stopping = Arc::new(Arc::into_inner(fixture::context()).unwrap().with_reloads(wishes));
    drop(wished);
    reload(stopping).await.problem(503);
}

#[tokio::test]
async fn new_rules_of_access_hold_from_the_next_request_on() {
    let context = fixture::context();
    let ask = || send(&context, "192.0.2.1", request("/metrics", &[("authorization", "Bearer secret")]));
    assert_eq!(ask().await.status, 200);
    context.set_access(Access::new(vec![], vec![fixture::token("another", &[Scope::Read])], vec![]));
    assert_eq!(ask().await.status, 401);
}

#[tokio::test]
async fn a_foreign_host_is_refused_everywhere() {
    for path in ["/", "/metrics", "/-/healthy", "/nothing"] {
        let foreign = HttpRequest::get(path).header("host", "evil.example").body(Body::empty()).unwrap();
        let answer = send(&fixture::context(), "127.0.0.1", foreign).await;
        assert!(answer.problem(421).contains("`evil.example`"));
    }
}

#[tokio::test]
async fn the_landing_page_forbids_scripts_and_nothing_may_be_read_across_origins() {
    let landing = get(&fixture::context(), "/", &[("origin", "http://evil.example")]).await;
    assert_eq!(landing.header("content-type"), "text/html; charset=utf-8");
    assert!(
        landing
            .header("content-security-policy")
            .starts_with("default-src 'none'; style-src 'unsafe-inline'")
    );
    assert_eq!(landing.header("x-content-type-options"), "nosniff");
    assert!(landing.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn requests_beyond_the_bound_are_unavailable_and_probes_are_not_counted() {
    let source = Fixed { hangs: true, latest: Some(fixture::snapshot().into()) };
    let context = fixture::context_of(source, Access::default(), 1);
    let impatient = [("x-prometheus-scrape-timeout-seconds", "0.7")];
    let second = async {
        // The first one holds the only place until its reading is given up.
        tokio::task::yield_now().await;
        assert_eq!(get(&context, "/-/healthy", &[]).await.status, 200);
        get(&context, "/metrics", &[]).await
    };
    let (first, second) = tokio::join!(get(&context, "/metrics", &impatient), second);
    assert_eq!(first.status, 200);
    assert!(second.problem(503).contains("--web.max-requests"));
    assert_eq!(get(&context, "/metrics", &impatient).await.status, 200, "the place is free again");
}

#[tokio::test]
async fn a_container_is_found_by_name_prefix_or_id_and_else_a_problem_says_why() {
    let context = fixture::context();
    for key in ["shop-api-1", "3f", &"3f".repeat(32)] {
        let answer = get(&context, &format!("/api/containers/{key}/metrics/current"), &[]).await;
        assert_eq!(answer.json()["name"], "shop-api-1", "{key}");
    }
    let unknown = get(&context, "/api/containers/shop%2Fweb/metrics/current", &[]).await;
    assert_eq!(unknown.problem(404), "no container `shop/web`");
    let ambiguous = get(&context, "/api/containers/3/metrics/current", &[]).await;
    assert!(ambiguous.problem(409).contains("fits 2 containers"));
    let broken = get(&context, "/api/containers/%ff/metrics/current", &[]).await;
    broken.problem(400);
}

#[tokio::test]
async fn a_summary_cannot_be_grouped_by_anything() {
    let answer = get(&fixture::context(), "/api/containers/stats/summary?group_by=user,image", &[]).await;
    assert!(answer.problem(400).contains("cannot group by `image`"));
}

#[tokio::test]
async fn docker_labels_are_not_served() {
    let answer = get(&fixture::context(), "/api/containers", &[]).await;
    assert!(!answer.text().contains("secret"), "{}", answer.text());
}

/// A route's method as the OpenAPI document writes it.
fn method(route: &Route) -> &'static str {
    match route.method {
        MethodFilter::GET => "get",
        MethodFilter::POST => "post",
        MethodFilter::PUT => "put",
        MethodFilter::DELETE => "delete",
        other => panic!("{other:?} has no name here yet"),
    }
}

/// The routes that the OpenAPI document has to hold: method, path, and what it needs.
pub(in crate::web) fn table() -> Vec<(&'static str, &'static str, Need)> {
    ROUTES.iter().map(|route| (method(route), route.path, route.need)).collect()
}

#[tokio::test]
async fn a_limit_of_requests_spares_probes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    std::fs::write(&file, "rate_limit: {interval: 1h, burst: 1}").unwrap();
    let prepared = crate::web::entrance::Prepared::read(Some(&file)).unwrap();
    let entrance = Arc::new(crate::web::entrance::Entrance::new(prepared, [0; 32]));
    let context = Arc::new(Arc::into_inner(fixture::context()).unwrap().with_entrance(entrance));
    assert_eq!(get(&context, "/metrics", &[]).await.status, 200);
    assert!(get(&context, "/metrics", &[]).await.problem(429).contains("`rate_limit`"));
    assert_eq!(get(&context, "/-/healthy", &[]).await.status, 200);
}
