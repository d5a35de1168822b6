//! A request whose series is known costs no allocation. In a program of its own, since it counts
//! every allocation there is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::future::{Ready, ready};

use bytes::Bytes;
use dhat::{HeapStats, Profiler};
use dockmeter::middleware::{DbMetrics, HttpMetrics, Route, User};
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response};
use prometheus::Registry;
use tower::{Layer as _, Service, service_fn};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const REQUESTS: u64 = 100;

/// What the test runner allocates beside the test may fall into one of them, and only adds to it.
const ROUNDS: u64 = 5;

/// How many allocations something makes.
fn made_by(mut act: impl FnMut()) -> u64 {
    let rounds = (0..ROUNDS).map(|_| {
        let before = HeapStats::get().total_blocks;
        act();
        HeapStats::get().total_blocks - before
    });
    rounds.min().unwrap()
}

fn answer(request: Request<Full<Bytes>>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    let mut answer = Response::new(Full::from("hello"));
    if request.uri().path() == "/shop.Orders/Place" {
        let head = answer.headers_mut();
        head.insert("content-type", "application/grpc".parse().unwrap());
        head.insert("grpc-status", "0".parse().unwrap());
    }
    ready(Ok(answer))
}

fn request(path: &'static str, user: &User) -> Request<Full<Bytes>> {
    let mut request = Request::post(path).body(Full::from("hello")).unwrap();
    request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    if path == "/orders/17" {
        request.extensions_mut().insert(Route("/orders/{id}"));
        request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    }
    request.extensions_mut().insert(user.clone());
    request
}

/// How many allocations requests make, once there has been one of the kind.
fn allocations<S, B>(mut service: S, path: &'static str, user: &User) -> u64
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: hyper::body::Body<Data = Bytes, Error = Infallible>,
{
    let mut ask = || {
        let answer = service.call(request(path, user)).now_or_never().unwrap().unwrap();
        let mut body = std::pin::pin!(answer.into_body());
        while let Some(frame) = body.frame().now_or_never().unwrap() {
            frame.unwrap();
        }
    };
    ask();
    made_by(|| (0..REQUESTS).for_each(|_| ask()))
}

#[test]
fn what_is_known_is_counted_without_an_allocation() {
    let _counting = Profiler::builder().testing().build();
    let registry = Registry::new();
    let layer = HttpMetrics::new().user(User::as_str).max_users(1).register(&registry).unwrap();
    // The last one is beyond the cap.
    for (path, user) in [("/orders/17", "ann"), ("/shop.Orders/Place", "ann"), ("/orders/17", "bob")] {
        let user = User::new(user);
        let bare = allocations(service_fn(answer), path, &user);
        let measured = allocations(layer.layer(service_fn(answer)), path, &user);
        assert_eq!(measured, bare, "{path} of {}", user.as_str());
    }
    let requests: u64 = registry
        .gather()
        .iter()
        .filter(|family| family.name() == "http_request_duration_seconds")
        .flat_map(|family| family.get_metric())
        .map(|metric| metric.get_histogram().get_sample_count())
        .sum();
    assert_eq!(requests, 3 * (ROUNDS * REQUESTS + 1));

    let db = DbMetrics::new("sqlite").register(&registry).unwrap();
    let call = || db.query("SELECT", "orders").time(ready(Ok::<_, Infallible>(()))).now_or_never().unwrap();
    call().unwrap();
    assert_eq!(made_by(|| call().unwrap()), 0, "a database call");
}
