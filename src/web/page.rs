//! Memory of pages that have been sent, kept for the next ones: growing a buffer costs as
//! much as writing a page into it (page faults).
//!
//! Invariants: at most [`KEPT`] buffers are kept; one that has become far too large for its
//! page gives memory back.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Two scrapers at once find a buffer each; more are rare and pay for their own.
const KEPT: usize = 2;

/// A buffer more than this many times larger than its page is cut to twice the page: the
/// containers it was grown for are gone.
const SLACK: usize = 4;

/// Buffers that wait for their next page.
#[derive(Debug, Default)]
pub(super) struct PagePool(Mutex<Vec<Vec<u8>>>);

impl PagePool {
    /// An old page, or an empty buffer.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn put_back(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() > buffer.len().saturating_mul(SLACK) {
            buffer.shrink_to(buffer.len() * 2);
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}

/// A page whose memory goes back to the pool once it has been sent.
pub(super) struct Page {
    bytes: Vec<u8>,
    pool: Arc<PagePool>,
}

impl Page {
    /// A finished page.
    pub(super) fn new(bytes: Vec<u8>, pool: Arc<PagePool>) -> Self {
        Page { bytes, pool }
    }

    /// The page as a body, without a copy.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.pool.put_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_has_been_sent_lends_its_memory_to_the_next() {
        let pool = Arc::new(PagePool::default());
        let mut buffer = pool.take();
        buffer.extend_from_slice(&[b'x'; 1000]);
        let address = buffer.as_ptr();
        let body = Page::new(buffer, pool.clone()).into_bytes();
        assert_eq!(pool.take().capacity(), 0, "the page is still being sent");
        drop(body);
        let next = pool.take();
        assert_eq!(next.as_ptr(), address);
    }

    #[test]
    fn the_pool_is_bounded_in_number_and_gives_memory_back() {
        let pool = Arc::new(PagePool::default());
        for _ in 0..10 {
            let mut buffer = Vec::with_capacity(1 << 20);
            buffer.extend_from_slice(&[b'x'; 1000]);
            drop(Page::new(buffer, pool.clone()));
        }
        let kept: Vec<usize> = pool.0.lock().unwrap().iter().map(Vec::capacity).collect();
        assert_eq!(kept.len(), KEPT);
        assert!(kept.iter().all(|capacity| *capacity < 4096), "{kept:?}");
    }
}
