//! Programs on axum and hyper: routes, sizes, users, names and caps.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use axum::routing::{get as on_get, post};
use dockmeter::middleware::{HttpMetrics, Names, Route, User};
use hyper::StatusCode;
use prometheus::Registry;
use tower::Layer as _;

use crate::server::{get, lines, page, send, serve};

/// The sum of the values of the lines that begin so.
fn sum(registry: &Registry, beginning: &str) -> f64 {
    let value = |line: String| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    lines(registry, beginning).into_iter().map(value).sum()
}

#[tokio::test]
async fn a_route_is_the_routers_template_and_never_a_path() {
    let registry = Registry::new();
    let layer = HttpMetrics::new().route(MatchedPath::as_str).register(&registry).unwrap();
    let users = Router::new().route("/{id}", on_get(async || "a user"));
    let app =
        Router::new().route("/orders/{id}", on_get(async || "an order")).nest("/users", users).layer(layer);
    let address = serve(app).await;

    assert!(get(address, "/orders/17").await.ends_with("an order"));
    get(address, "/orders/18?secret=1").await;
    get(address, "/users/ann@example.org").await;
    get(address, "/wp-admin/login.php").await;
    send(address, "HEAD", "/orders/1", "", "").await;
    send(address, "BREW", "/orders/1", "", "").await;

    let expected = [
        r#"{method="GET",route="/orders/{id}",status_code="200"} 2"#,
        r#"{method="GET",route="/users/{id}",status_code="200"} 1"#,
        r#"{method="GET",status_code="404"} 1"#,
        r#"{method="HEAD",route="/orders/{id}",status_code="200"} 1"#,
        r#"{method="_OTHER",route="/orders/{id}",status_code="405"} 1"#,
    ];
    let mut shown = lines(&registry, "http_requests_total");
    shown.sort();
    assert_eq!(shown, expected);
    let count = sum(&registry, "http_request_duration_seconds_count");
    assert_eq!(count, 6.0, "requests and durations are of the same requests");
    assert!(!page(&registry).contains("secret") && !page(&registry).contains("ann"));
    let sizes = lines(&registry, r#"http_response_size_bytes_sum{method="HEAD""#);
    assert_eq!(sizes, [r#",route="/orders/{id}",status_code="200"} 0"#], "no body was sent");
    assert_eq!(sum(&registry, r#"http_response_size_bytes_sum{method="GET",route="/orders/{id}""#), 16.0);
}

#[tokio::test]
async fn sizes_are_those_of_bodies_as_far_as_they_are_known() {
    let registry = Registry::new();
    let layer = HttpMetrics::new().route(MatchedPath::as_str).register(&registry).unwrap();
    let app = Router::new().route("/", post(async |body: String| body.repeat(100))).layer(layer);
    let address = serve(app).await;

    assert!(send(address, "POST", "/", "content-length: 5\r\n", "hello").await.ends_with("hello"));
    let chunked = send(address, "POST", "/", "transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n").await;
    assert!(chunked.ends_with("abc"));

    let of = r#"{method="POST",route="/",status_code="200"}"#;
    for (name, count, sum) in [("request", 1, 5), ("response", 2, 800)] {
        let shown = lines(&registry, &format!("http_{name}_size_bytes"));
        assert!(shown.contains(&format!("_count{of} {count}")), "{shown:#?}");
        assert!(shown.contains(&format!("_sum{of} {sum}")), "{shown:#?}");
    }
    let buckets =
        lines(&registry, r#"http_response_size_bytes_bucket{method="POST",route="/",status_code="200","#);
    assert_eq!(buckets[..2], [r#"le="256"} 0"#, r#"le="1024"} 2"#]);
}

#[tokio::test]
async fn what_announces_no_length_is_counted_if_it_is_asked_for() {
    let registry = Registry::new();
    let layer = HttpMetrics::new().route(MatchedPath::as_str).register(&registry).unwrap();
    let app = Router::new()
        .route("/", post(async |body: String| body))
        .route("/unread", post(async || "no, thanks"))
        .layer(layer.counting_requests());
    let address = serve(app).await;

    let chunked = "transfer-encoding: chunked\r\n";
    assert!(
        send(address, "POST", "/", chunked, "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n").await.contains("abcdefg")
    );
    assert!(send(address, "POST", "/", "content-length: 5\r\n", "hello").await.ends_with("hello"));
    send(address, "POST", "/unread", chunked, "3\r\nabc\r\n0\r\n\r\n").await;

    let mut shown = lines(&registry, r#"http_request_size_bytes_sum{method="POST","#);
    shown.sort();
    assert_eq!(shown, [r#"route="/",status_code="200"} 12"#, r#"route="/unread",status_code="200"} 0"#]);
}

/// Outside the layer.
async fn login(mut request: Request, next: Next) -> axum::response::Response {
    let name = request.headers().get("x-user").map(|name| name.to_str().unwrap().to_owned());
    if let Some(name) = name {
        request.extensions_mut().insert(User::new(name));
    }
    next.run(request).await
}

#[tokio::test]
async fn the_user_is_named_by_who_checks_the_login() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new().project("shop").team("core").service("api");
    let layer = metrics.route(MatchedPath::as_str).user(User::as_str).register(&registry).unwrap();
    let inside = async || (axum::Extension(User::new("inside")), "ok").into_response();
    let app = Router::new()
        .route("/", on_get(async || "ok"))
        .route("/inside", on_get(inside))
        .layer(layer)
        .layer(from_fn(login));
    let address = serve(app).await;

    for user in ["ann", "ann", "other"] {
        send(address, "GET", "/", &format!("x-user: {user}\r\n"), "").await;
    }
    get(address, "/").await;
    get(address, "/inside").await;

    let of = |route: &str, user: &str, count: u32| {
        format!(
            r#"{{method="GET",project="shop",route="{route}",service="api",status_code="200",team="core",user="{user}"}} {count}"#
        )
    };
    let mut shown = lines(&registry, "http_requests_total");
    shown.sort();
    let expected =
        [of("/", "ann", 2), of("/", "anonymous", 1), of("/", "other_", 1), of("/inside", "inside", 1)];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_service_of_hyper_says_its_route_in_the_response() {
    let registry = Registry::new();
    let layer = HttpMetrics::new().owner("ann").names(Names::Both).register(&registry).unwrap();
    let service = tower::service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
        let mut response = hyper::Response::new(http_body_util::Full::new(bytes::Bytes::from("hello")));
        if request.uri().path() == "/broken" {
            *response.status_mut() = StatusCode::BAD_GATEWAY;
        }
        response.extensions_mut().insert(Route("/{page}"));
        Ok(response)
    });
    let address = serve(layer.layer(service)).await;
    get(address, "/one").await;
    get(address, "/broken").await;

    let classic = [
        r#"{method="GET",route="/{page}",status_code="200",user="ann"} 1"#,
        r#"{method="GET",route="/{page}",status_code="502",user="ann"} 1"#,
    ];
    assert_eq!(lines(&registry, "http_requests_total"), classic);
    let mut otel = lines(&registry, "http_server_request_duration_seconds_count");
    otel.sort();
    let expected = [
        r#"{error_type="502",http_request_method="GET",http_response_status_code="502",http_route="/{page}",user="ann"} 1"#,
        r#"{http_request_method="GET",http_response_status_code="200",http_route="/{page}",user="ann"} 1"#,
    ];
    assert_eq!(otel, expected);
    assert_eq!(sum(&registry, "http_server_response_body_size_bytes_sum"), 10.0);
    assert_eq!(sum(&registry, "http_server_request_body_size_bytes_sum"), 0.0);
}

#[tokio::test]
async fn nothing_is_lost_beyond_a_cap() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new().max_users(2).max_routes(1);
    let layer = metrics.route(MatchedPath::as_str).user(User::as_str).register(&registry).unwrap();
    let app = Router::new()
        .route("/a", on_get(async || ""))
        .route("/b", on_get(async || ""))
        .layer(layer)
        .layer(from_fn(login));
    let address = serve(app).await;
    for number in 0..5 {
        send(address, "GET", "/a", &format!("x-user: u{number}\r\n"), "").await;
    }
    get(address, "/b").await;

    let mut shown = lines(&registry, "http_requests_total");
    shown.sort();
    let expected = [
        r#"{method="GET",route="/a",status_code="200",user="other"} 3"#,
        r#"{method="GET",route="/a",status_code="200",user="u0"} 1"#,
        r#"{method="GET",route="/a",status_code="200",user="u1"} 1"#,
        r#"{method="GET",route="other",status_code="200",user="anonymous"} 1"#,
    ];
    assert_eq!(shown, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_are_counted_one_by_one() {
    let registry = Registry::new();
    let layer = HttpMetrics::new().route(MatchedPath::as_str).register(&registry).unwrap();
    let app = Router::new()
        .route("/{id}", on_get(async || "ok"))
        .route("/fail/{id}", on_get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .layer(layer);
    let address = serve(app).await;

    let clients = (0..8).map(|client| {
        tokio::spawn(async move {
            for number in 0..50 {
                let path = if number % 5 == 0 { "/fail/1".to_owned() } else { format!("/{client}-{number}") };
                get(address, &path).await;
            }
        })
    });
    futures_util::future::join_all(clients).await.into_iter().for_each(|client| client.unwrap());
    let expected = [
        r#"{method="GET",route="/fail/{id}",status_code="500"} 80"#,
        r#"{method="GET",route="/{id}",status_code="200"} 320"#,
    ];
    let mut shown = lines(&registry, "http_requests_total");
    shown.sort();
    assert_eq!(shown, expected);
    assert_eq!(sum(&registry, "http_request_duration_seconds_count"), 400.0);
}

#[test]
fn a_registry_holds_layers_that_differ_in_who_they_are_of() {
    let registry = Registry::new();
    let first = HttpMetrics::new().service("a");
    first.clone().register(&registry).unwrap();
    HttpMetrics::new().service("b").register(&registry).unwrap();
    let again = first.register(&registry).unwrap_err();
    assert!(matches!(again, prometheus::Error::AlreadyReg), "{again}");
}
