//! Bodies of responses and requests, counted while they pass; nothing is copied or held back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::record::Record;

pin_project! {
    /// The body of a measured response: its size is that of its data, its end is the request's.
    #[derive(Debug)]
    pub struct MeasuredBody<B> {
        #[pin]
        inner: B,
        // Until the end; what is dropped with it was broken off.
        record: Option<Record>,
    }
}

impl<B> MeasuredBody<B> {
    pub(super) fn unmeasured(inner: B) -> Self {
        MeasuredBody { inner, record: None }
    }
}

impl<B: Body> MeasuredBody<B> {
    pub(super) fn wrap(response: Response<B>, mut record: Record) -> Response<Self> {
        let (head, inner) = response.into_parts();
        let length = inner.size_hint().exact();
        let ended = record.answered(&head, length) || inner.is_end_stream();
        let record = if ended { record.complete() } else { Some(record) };
        Response::from_parts(head, MeasuredBody { inner, record })
    }
}

impl<B: Body> Body for MeasuredBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(record) = this.record.as_mut() else { return this.inner.poll_frame(context) };
        let frame = ready!(record.inside(|| this.inner.as_mut().poll_frame(context)));
        let Some(mut record) = this.record.take() else { return Poll::Ready(frame) };
        *this.record = match &frame {
            None => record.complete(),
            Some(Err(_)) => {
                record.failed();
                None
            }
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                let all_sent = record.sent(bytes as u64);
                let trailers = frame.trailers_ref().inspect(|trailers| record.trailers(trailers));
                // Servers need not ask again after trailers or the last byte of a known length.
                if all_sent || trailers.is_some() || this.inner.is_end_stream() {
                    record.complete()
                } else {
                    Some(record)
                }
            }
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

pin_project! {
    /// The body of a request whose data is counted.
    #[derive(Debug)]
    pub struct CountedBody<B> {
        #[pin]
        inner: B,
        // Nothing where the length was announced.
        received: Option<Arc<AtomicU64>>,
    }
}

impl<B> CountedBody<B> {
    pub(super) fn new(inner: B, received: Option<Arc<AtomicU64>>) -> Self {
        CountedBody { inner, received }
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(context));
        if let (Some(received), Some(Ok(frame))) = (this.received, &frame) {
            let bytes = frame.data_ref().map_or(0, Buf::remaining);
            received.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
