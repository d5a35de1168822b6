//! The running part: a [`Book`] behind a lock, with the inventory it looks at and a clock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Key;
use super::book::{Book, Held};
use super::uptime::Now;
use crate::config::Objective;
use crate::ingest::{Tally, Watcher};
use crate::inventory::{ContainerId, Inventory};
use crate::tenant::{LabelValue, Tenant};

/// What is promised, and what is counted of it.
#[derive(Debug)]
pub struct Objectives {
    inventory: Arc<Inventory>,
    book: Mutex<Book>,
    began: Instant,
    /// That of the book, to be read without waiting for it.
    generation: AtomicU64,
}

impl Default for Objectives {
    /// Nothing is promised of nobody.
    fn default() -> Self {
        Objectives::new(Arc::default(), Vec::new())
    }
}

impl Objectives {
    /// Of the configuration and of the containers of an inventory.
    pub fn new(inventory: Arc<Inventory>, configured: Vec<Objective>) -> Self {
        let mut book = Book::default();
        book.configure(configured);
        let generation = AtomicU64::new(book.generation());
        Objectives { inventory, book: Mutex::new(book), began: Instant::now(), generation }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes other objectives of the configuration.
    pub fn configure(&self, objectives: Vec<Objective>) {
        let mut book = self.lock();
        book.configure(objectives);
        self.see(&mut book);
    }

    /// Looks at the inventory, which has changed, or of which the time is asked.
    pub fn look(&self) {
        self.see(&mut self.lock());
    }

    fn see(&self, book: &mut Book) {
        // The clock is read while nobody else looks, so that looks are in its order.
        book.see(&self.inventory.snapshot(), self.began.elapsed());
        self.note(book);
    }

    fn note(&self, book: &Book) {
        self.generation.store(book.generation(), Ordering::Release);
    }

    /// Looks, and shows what is promised and what has come of it.
    pub(super) fn show(&self, visit: impl FnOnce(&Book, &[Held<'_>], &BTreeMap<Key, Now>)) {
        let mut book = self.lock();
        self.see(&mut book);
        let held: Vec<_> = book.held().collect();
        visit(&book, &held, &book.containers(self.began.elapsed()));
    }
}

impl Watcher for Objectives {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn tallies(
        &self,
        tenant: &Tenant,
        service: &LabelValue,
        container: Option<ContainerId>,
    ) -> Vec<Arc<Tally>> {
        let mut book = self.lock();
        if container.is_some() {
            // It may have begun just now.
            self.see(&mut book);
        }
        let tallies = book.tallies(tenant, service, container);
        self.note(&book);
        tallies
    }
}
