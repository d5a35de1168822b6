//! What the middleware costs a request: the same service bare, measured by the layer, and
//! measured as programs do it by hand with the `prometheus` crate's vectors, in one run.
//!
//! `cargo bench --no-default-features --features middleware --bench middleware`.

#![allow(missing_docs, reason = "a program, not a library")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints tables"
)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use axum::Router;
use axum::extract::MatchedPath;
use axum::routing::get;
use bytes::Bytes;
use dockmeter::middleware::{DbMetrics, HttpMetrics, Route, User};
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use hyper::{Request, Response};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use tower::{Layer as _, Service, service_fn};

type Ask = Request<Full<Bytes>>;
type Answer = Response<Full<Bytes>>;

fn answer(request: Ask) -> Ready<Result<Answer, Infallible>> {
    black_box(request);
    ready(Ok(Response::new(Full::from("hello"))))
}

fn request(user: &User) -> Ask {
    let mut request = Request::get("/orders/17").body(Full::from("hello")).unwrap();
    request.extensions_mut().insert(Route("/orders/{id}"));
    request.extensions_mut().insert(user.clone());
    request
}

/// A request from its head until the last byte of its answer.
fn ask<S, B>(service: &mut S, request: Ask)
where
    S: Service<Ask, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let answer = service.call(request).now_or_never().unwrap().unwrap();
    let mut body = pin!(answer.into_body());
    while let Some(Some(frame)) = body.frame().now_or_never() {
        black_box(frame.ok());
    }
}

fn layer() -> dockmeter::middleware::HttpLayer {
    HttpMetrics::new().user(User::as_str).register(&Registry::new()).unwrap()
}

/// The same four families, as they are filled by hand.
#[derive(Clone)]
struct Vectors {
    requests: IntCounterVec,
    duration: HistogramVec,
    sizes: [HistogramVec; 2],
}

impl Vectors {
    fn new() -> Self {
        const LABELS: [&str; 4] = ["method", "route", "status_code", "user"];
        let histogram = |name: &str, buckets: Vec<f64>| {
            HistogramVec::new(HistogramOpts::new(name, "x").buckets(buckets), &LABELS).unwrap()
        };
        let sizes = || (4..=12).map(|power| f64::from(1_u32 << (2 * power))).collect();
        let times =
            vec![0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0];
        Vectors {
            requests: IntCounterVec::new(Opts::new("requests", "x"), &LABELS).unwrap(),
            duration: histogram("duration", times),
            sizes: [histogram("request", sizes()), histogram("response", sizes())],
        }
    }

    fn measure(&self, request: Ask) -> Ready<Result<Answer, Infallible>> {
        let started = Instant::now();
        let method = request.method().clone();
        let route = request.extensions().get::<Route>().unwrap().clone();
        let user = request.extensions().get::<User>().unwrap().clone();
        let received = request.body().size_hint().exact().unwrap();
        let answer = answer(request).now_or_never().unwrap().unwrap();
        let status = answer.status();
        let labels = [method.as_str(), route.as_str(), status.as_str(), user.as_str()];
        self.requests.with_label_values(&labels).inc();
        self.duration.with_label_values(&labels).observe(started.elapsed().as_secs_f64());
        let sent = answer.body().size_hint().exact().unwrap();
        for (size, bytes) in self.sizes.iter().zip([received, sent]) {
            size.with_label_values(&labels).observe(bytes as f64);
        }
        ready(Ok(answer))
    }
}

/// Requests in a batch: so short a time that what else the machine does falls into few of them.
const BATCH: usize = 64;

const ROUNDS: usize = 5000;

/// Something that is done again and again.
type Work<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// Lets all take turns, batch by batch, and prints what one time takes.
fn compare(title: &str, mut works: Vec<Work<'_>>) {
    let mut batches: Vec<Vec<f64>> = works.iter().map(|_| Vec::with_capacity(ROUNDS)).collect();
    for _ in 0..ROUNDS {
        for ((_, work), batches) in works.iter_mut().zip(&mut batches) {
            let started = Instant::now();
            (0..BATCH).for_each(|_| work());
            batches.push(started.elapsed().as_nanos() as f64 / BATCH as f64);
        }
    }
    println!("\n| {title} | least, ns | median, ns | over the first: least | median | × |");
    println!("|---|---|---|---|---|---|");
    batches.iter_mut().for_each(|batches| batches.sort_by(f64::total_cmp));
    let (least, median) = (batches[0][0], batches[0][ROUNDS / 2]);
    for ((name, _), batches) in works.iter().zip(&batches) {
        let (low, middle) = (batches[0], batches[ROUNDS / 2]);
        println!(
            "| {name} | {low:.0} | {middle:.0} | {:.0} | {:.0} | {:.2} |",
            low - least,
            middle - median,
            middle / median
        );
    }
}

fn requests(title: &str) {
    let user = User::new("ann");
    let mut bare = service_fn(answer);
    let mut layered = layer().layer(service_fn(answer));
    let vectors = Vectors::new();
    let mut by_hand = service_fn(|request| vectors.measure(request));
    let works: Vec<Work<'_>> = vec![
        ("bare", Box::new(|| ask(&mut bare, request(&user)))),
        ("with the layer", Box::new(|| ask(&mut layered, request(&user)))),
        ("by hand", Box::new(|| ask(&mut by_hand, request(&user)))),
    ];
    compare(title, works);
}

/// Another thread counts into the same series all the time, which is the worst there is.
fn contended() {
    let user = User::new("ann");
    let layer = layer();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut layered, user) = (layer.layer(service_fn(answer)), User::new("ann"));
            while !ended.load(Ordering::Relaxed) {
                ask(&mut layered, request(&user));
            }
        });
        let mut bare = service_fn(answer);
        let mut layered = layer.layer(service_fn(answer));
        let works: Vec<Work<'_>> = vec![
            ("bare", Box::new(|| ask(&mut bare, request(&user)))),
            ("with the layer", Box::new(|| ask(&mut layered, request(&user)))),
        ];
        compare("a request, while another thread fills the same series", works);
        ended.store(true, Ordering::Relaxed);
    });
}

/// axum boxes the body of what a layer has changed, which is in the difference.
fn routers() {
    let router = || Router::new().route("/orders/{id}", get(async || "hello"));
    let user = User::new("ann");
    let mut bare: Router = router();
    let metrics = HttpMetrics::new().route(MatchedPath::as_str).user(User::as_str);
    let mut layered: Router = router().layer(metrics.register(&Registry::new()).unwrap());
    let works: Vec<Work<'_>> = vec![
        ("bare", Box::new(|| ask(&mut bare, request(&user)))),
        ("with the layer", Box::new(|| ask(&mut layered, request(&user)))),
    ];
    compare("a request to axum's router", works);
}

fn calls() {
    let call = || ready(Ok::<_, Infallible>(black_box(17)));
    let db = DbMetrics::new("postgresql").register(&Registry::new()).unwrap();
    let works: Vec<Work<'_>> = vec![
        (
            "bare",
            Box::new(|| {
                black_box(call().now_or_never());
            }),
        ),
        (
            "timed",
            Box::new(|| {
                black_box(db.query("SELECT", "orders").time(call()).now_or_never());
            }),
        ),
        (
            "two looks at the clock",
            Box::new(|| {
                black_box(black_box(Instant::now()).elapsed());
            }),
        ),
    ];
    compare("a database call", works);
}

fn main() {
    requests("a request");
    contended();
    routers();
    calls();
}
