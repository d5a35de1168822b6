//! The layer, its service, and the future of a response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{CountedBody, MeasuredBody};
use super::http::Metrics;
use super::record::Record;

/// Measures every request of the services that it is put around, whatever the server is built
/// on: hyper, axum, tonic. Made by [`HttpMetrics::register`](super::HttpMetrics::register).
#[derive(Clone, Debug)]
pub struct HttpLayer {
    metrics: Arc<Metrics>,
}

impl HttpLayer {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        HttpLayer { metrics }
    }
}

impl HttpLayer {
    /// The same layer for services that take any type of body, as those of axum and tonic do. It
    /// counts the data of requests that do not announce their length, too, which costs them an
    /// allocation each, and a router that boxes bodies one for every request.
    pub fn counting_requests(&self) -> CountingLayer {
        CountingLayer { metrics: self.metrics.clone() }
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> HttpService<S> {
        HttpService { inner, metrics: self.metrics.clone() }
    }
}

/// A service whose requests are measured.
#[derive(Clone, Debug)]
pub struct HttpService<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S, Q, R> Service<Request<Q>> for HttpService<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
    Q: Body,
    R: Body,
{
    type Response = Response<MeasuredBody<R>>;
    type Error = S::Error;
    type Future = MeasuredFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let mut record = Record::begin(&self.metrics, &request);
        let inner = record.inside(|| self.inner.call(request));
        MeasuredFuture { inner, record: Some(record) }
    }
}

/// Made by [`HttpLayer::counting_requests`].
#[derive(Clone, Debug)]
pub struct CountingLayer {
    metrics: Arc<Metrics>,
}

impl<S> Layer<S> for CountingLayer {
    type Service = CountingService<S>;

    fn layer(&self, inner: S) -> CountingService<S> {
        CountingService { inner, metrics: self.metrics.clone() }
    }
}

/// A service whose requests are measured, their bodies included.
#[derive(Clone, Debug)]
pub struct CountingService<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S, Q, R> Service<Request<Q>> for CountingService<S>
where
    S: Service<Request<CountedBody<Q>>, Response = Response<R>>,
    Q: Body,
    R: Body,
{
    type Response = Response<MeasuredBody<R>>;
    type Error = S::Error;
    type Future = MeasuredFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let mut record = Record::begin(&self.metrics, &request);
        let received = record.count_request();
        let request = request.map(|body| CountedBody::new(body, received));
        let inner = record.inside(|| self.inner.call(request));
        MeasuredFuture { inner, record: Some(record) }
    }
}

pin_project! {
    /// The future of a measured response. One that is dropped before there is a response counts
    /// as a request whose client has gone.
    #[derive(Debug)]
    pub struct MeasuredFuture<F> {
        #[pin]
        inner: F,
        // Until there is a response.
        record: Option<Record>,
    }
}

impl<F, R, E> Future for MeasuredFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<MeasuredBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(record) = this.record.as_mut() else {
            // Polled after its end, which the inner future judges.
            return this.inner.poll(context).map_ok(|response| response.map(MeasuredBody::unmeasured));
        };
        let result = ready!(record.inside(|| this.inner.poll(context)));
        let record = this.record.take();
        Poll::Ready(match (result, record) {
            (Ok(response), Some(record)) => Ok(MeasuredBody::wrap(response, record)),
            (Ok(response), None) => Ok(response.map(MeasuredBody::unmeasured)),
            (Err(error), record) => {
                record.into_iter().for_each(Record::failed);
                Err(error)
            }
        })
    }
}
