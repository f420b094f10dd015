// SPDX-License-Identifier: GPL-2.0-only
//! A list of records that threads own for a while, and that a scan reads.
//!
//! Records are added and never removed before the registry goes, so a scan needs
//! no protection. Who gives a record up leaves it for the next who asks. So there are
//! no fewer than were ever owned at once, and may be more: who asks walks the list
//! once, and misses what is given up behind it.

use std::ptr::{self, NonNull};

use crossbeam_utils::CachePadded;

use crate::garbage::Header;
use crate::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use crate::sync::order;

/// A slot that one thread writes and the scan reads, on lines of its own.
pub(crate) struct Record<S> {
    pub(crate) slot: S,
    owned: AtomicBool,
    /// Set before the record is linked, never changed after.
    next: *mut CachePadded<Record<S>>,
}

/// A linked record. Valid as long as the registry.
pub(crate) type Link<S> = NonNull<CachePadded<Record<S>>>;

/// The records.
pub(crate) struct Registry<S> {
    head: AtomicPtr<CachePadded<Record<S>>>,
}

// SAFETY: records are shared by reference only and owned by the registry; `next`
// doesn't change once it is shared.
unsafe impl<S: Send + Sync> Send for Registry<S> {}
// SAFETY: as above.
unsafe impl<S: Send + Sync> Sync for Registry<S> {}

impl<S> Registry<S> {
    pub(crate) fn new() -> Registry<S> {
        Registry {
            head: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// A record that it finds nobody to own, or a new one with `slot`: O(records), for
    /// those who keep what they get. The last owner left its slot as the next can go on from.
    pub(crate) fn acquire(&self, slot: impl FnOnce() -> S) -> Link<S> {
        let acquire = order("registry.acquire", Ordering::Acquire);
        let free = self.links().find(|link| {
            // SAFETY: linked records live as long as the registry.
            let owned = unsafe { &link.as_ref().owned };
            !owned.load(Ordering::Relaxed)
                && owned
                    .compare_exchange(false, true, acquire, Ordering::Relaxed)
                    .is_ok()
        });
        free.unwrap_or_else(|| self.add(slot()))
    }

    fn add(&self, slot: S) -> Link<S> {
        let mut record = NonNull::from(Box::leak(Box::new(CachePadded::new(Record {
            slot,
            owned: AtomicBool::new(true),
            next: ptr::null_mut(),
        }))));
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: nobody else knows it before the exchange succeeds.
            unsafe { record.as_mut() }.next = head;
            // Release: a scan that finds the record finds it initialised.
            let release = order("registry.add", Ordering::Release);
            match self
                .head
                .compare_exchange_weak(head, record.as_ptr(), release, Ordering::Relaxed)
            {
                Ok(_) => return record,
                Err(now) => head = now,
            }
        }
    }

    /// Gives a record up. Its slot must be as the next owner may find it.
    ///
    /// # Safety
    /// `link` is of this registry and the caller owns it.
    pub(crate) unsafe fn release(&self, link: Link<S>) {
        let release = order("registry.release", Ordering::Release);
        // SAFETY: the registry lives, so its records do.
        unsafe { link.as_ref() }.owned.store(false, release);
    }

    /// The records that were linked before the call, the newest first.
    pub(crate) fn links(&self) -> Links<S> {
        Links {
            at: self.head.load(order("registry.walk", Ordering::Acquire)),
        }
    }

    /// The slots of all records that were linked before the call, owned or not.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &S> {
        // SAFETY: linked records live as long as the registry.
        self.links().map(|link| &unsafe { link.as_ref() }.slot)
    }

    /// How many records there are, and how many are owned.
    pub(crate) fn count(&self) -> (usize, usize) {
        self.links().fold((0, 0), |(all, owned), link| {
            // SAFETY: linked records live as long as the registry.
            let is_owned = unsafe { link.as_ref() }.owned.load(Ordering::Relaxed);
            (all + 1, owned + usize::from(is_owned))
        })
    }
}

impl Registry<AtomicPtr<Header>> {
    /// The addresses in the slots, hazards, sorted, into `protected`.
    pub(crate) fn protected(&self, acquire: Ordering, protected: &mut Vec<usize>) {
        protected.clear();
        let addresses = self.slots().map(|slot| slot.load(acquire));
        protected.extend(addresses.filter(|a| !a.is_null()).map(<*mut Header>::addr));
        protected.sort_unstable();
    }
}

/// Walks from a record to the oldest one.
pub(crate) struct Links<S> {
    at: *mut CachePadded<Record<S>>,
}

impl<S> Clone for Links<S> {
    fn clone(&self) -> Links<S> {
        Links { at: self.at }
    }
}

impl<S> Iterator for Links<S> {
    type Item = Link<S>;

    fn next(&mut self) -> Option<Link<S>> {
        let link = NonNull::new(self.at)?;
        // SAFETY: a linked record, whose next doesn't change.
        self.at = unsafe { link.as_ref() }.next;
        Some(link)
    }
}

impl<S> Drop for Registry<S> {
    fn drop(&mut self) {
        for link in self.links() {
            // SAFETY: the registry owns the boxes, and nobody has it any more. The
            // iterator is a step ahead.
            drop(unsafe { Box::from_raw(link.as_ptr()) });
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn records_are_used_again() {
        let registry = Registry::new();
        let a = registry.acquire(|| 1);
        let b = registry.acquire(|| 2);
        assert_ne!(a, b);
        assert_eq!(registry.count(), (2, 2));
        // SAFETY: it is ours.
        unsafe { registry.release(a) };
        assert_eq!(registry.count(), (2, 1));
        assert_eq!(registry.acquire(|| 3), a);
        assert_eq!(registry.slots().copied().collect::<Vec<_>>(), [2, 1]);
    }
}
