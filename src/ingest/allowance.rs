//! How much memory the reading of one request may take.
//!
//! A body of a few bytes a part becomes many times its length when it is read: an attribute of
//! two bytes is 56 in memory. So whoever reads takes the memory of each part from the request's
//! allowance before it has it, in real bytes: of lists their capacity, both old and new while
//! one grows, and of texts what is copied. What is left when all is read is what nobody needed.
//! The intake has reserved the allowance beforehand (`intake.rs`), so all requests together
//! stay within its bound whatever they are made of.
//!
//! A request that uses its allowance up is refused as a whole, and for good. To leave out the
//! rest of its parts would be neither cleaner nor safer: the sender would be told that it had
//! half succeeded, every part of a hostile body would still have to be looked at, and which
//! half of an honest one counted would be chance.

use std::cell::Cell;

/// The allowance is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "reading it takes more memory than a body of its length may take, as it is made of very many small parts; \
     send smaller batches"
)]
pub struct Spent;

/// What is left for one request, in bytes.
#[derive(Debug)]
pub struct Allowance {
    left: Cell<usize>,
    /// Once something was refused everything is, so that nobody goes on with less.
    spent: Cell<bool>,
}

impl Allowance {
    /// One of so many bytes.
    pub fn new(bytes: u64) -> Self {
        Allowance { left: Cell::new(usize::try_from(bytes).unwrap_or(usize::MAX)), spent: Cell::new(false) }
    }

    /// Takes memory that is about to be allocated.
    ///
    /// # Errors
    /// There is not so much left.
    #[inline]
    pub(super) fn take(&self, bytes: usize) -> Result<(), Spent> {
        match self.left.get().checked_sub(bytes) {
            Some(left) if !self.spent.get() => {
                self.left.set(left);
                Ok(())
            }
            _ => {
                self.spent.set(true);
                Err(Spent)
            }
        }
    }

    /// Gives back what was taken for something that is gone.
    pub(super) fn give_back(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_add(bytes));
    }

    /// Whether something was refused.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// What is left, to be compared with what is left later.
    pub(super) fn left(&self) -> usize {
        self.left.get()
    }

    /// Appends to a list.
    ///
    /// # Errors
    /// There is nothing left for it to grow.
    #[inline]
    pub(super) fn push<T>(&self, list: &mut Vec<T>, item: T) -> Result<(), Spent> {
        if list.len() == list.capacity() {
            self.reserve(list, if list.is_empty() { FEWEST } else { 1 })?;
        }
        list.push(item);
        Ok(())
    }

    /// Makes room in a list for so many more.
    ///
    /// # Errors
    /// There is nothing left for it to grow.
    pub(super) fn reserve<T>(&self, list: &mut Vec<T>, more: usize) -> Result<(), Spent> {
        if list.capacity() - list.len() >= more {
            return Ok(());
        }
        // Twice as many, as a list grows by itself.
        let capacity = list.len().saturating_add(more).max(list.capacity().saturating_mul(2));
        self.grow(size_of::<T>(), list.capacity(), capacity)?;
        list.reserve_exact(capacity - list.len());
        Ok(())
    }

    /// Takes the memory of one more entry of a B-tree that has so many.
    ///
    /// # Errors
    /// There is not so much left.
    pub(super) fn entry(&self, size: usize, entries: usize) -> Result<(), Spent> {
        if entries == 0 {
            return self.take(NODE * size + NODE_BESIDE);
        }
        // Half of a node is free, and there are nodes above.
        self.take(3 * size + NODE_BESIDE / 3)
    }

    /// Takes the memory of a list of things of a size whose capacity changes.
    ///
    /// # Errors
    /// There is not so much left.
    pub(super) fn grow(&self, size: usize, from: usize, to: usize) -> Result<(), Spent> {
        // Both are there while one is copied into the other.
        self.take(size.saturating_mul(to))?;
        self.give_back(size * from);
        Ok(())
    }
}

/// The capacity with which a list begins, as it does by itself.
pub(super) const FEWEST: usize = 4;

/// Entries of a node of the standard library's B-trees, and what it has beside them. Nodes are
/// at least half full, but for the only one of a small tree.
const NODE: usize = 11;
const NODE_BESIDE: usize = 112;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_takes_what_it_has_room_for() {
        let allowance = Allowance::new(1000);
        let mut list: Vec<u64> = Vec::new();
        for n in 0..5 {
            allowance.push(&mut list, n).unwrap();
        }
        assert_eq!((list.capacity(), allowance.left()), (8, 1000 - 64));
        allowance.reserve(&mut list, 3).unwrap();
        assert_eq!(allowance.left(), 1000 - 64, "there is room");
        allowance.reserve(&mut list, 20).unwrap();
        assert_eq!((list.capacity(), allowance.left()), (25, 1000 - 200));
        assert_eq!(allowance.reserve(&mut list, 100), Err(Spent), "both are there while it is copied");
    }

    #[test]
    fn what_is_spent_stays_so() {
        let allowance = Allowance::new(10);
        assert_eq!((allowance.take(11), allowance.is_spent()), (Err(Spent), true));
        allowance.give_back(100);
        assert_eq!(allowance.take(1), Err(Spent));
    }
}
