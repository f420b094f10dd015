// SPDX-License-Identifier: GPL-2.0-only
//! Cells: values that others may replace while they are read.

use std::fmt;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use super::domain::{Domain, Shared};
use crate::garbage::{Header, Node};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::order;

/// A cell that owns a value, or none. Whoever replaces the value gets the old one
/// as [`Unlinked`]. Dropping the cell retires its value.
///
/// Values are shared, so they must be fit for it:
/// ```compile_fail,E0277
/// # use hallows_lockfree::hp::{Atomic, Domain};
/// Atomic::new(&Domain::new(), std::cell::Cell::new(1));
/// ```
pub struct Atomic<T: Send + Sync + 'static> {
    node: AtomicPtr<Node<T>>,
    domain: Domain,
}

// SAFETY: values are shared with readers (Sync) and freed by any thread (Send).
unsafe impl<T: Send + Sync> Send for Atomic<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Atomic<T> {}

impl<T: Send + Sync> Atomic<T> {
    /// A cell of `domain` with `value`, which it puts on the heap.
    pub fn new(domain: &Domain, value: T) -> Atomic<T> {
        Atomic::with_node(domain, Node::alloc(value))
    }

    /// A cell of `domain` without a value.
    pub fn empty(domain: &Domain) -> Atomic<T> {
        Atomic::with_node(domain, ptr::null_mut())
    }

    fn with_node(domain: &Domain, node: *mut Node<T>) -> Atomic<T> {
        Atomic {
            node: AtomicPtr::new(node),
            domain: domain.clone(),
        }
    }

    /// The domain whose hazards protect the value.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Replaces the value: wait-free but for the allocation.
    pub fn swap(&self, value: T) -> Option<Unlinked<T>> {
        self.exchange(Node::alloc(value))
    }

    /// Takes the value away: wait-free.
    pub fn take(&self) -> Option<Unlinked<T>> {
        self.exchange(ptr::null_mut())
    }

    /// Replaces the value if it is still `current`, the very one, not an equal one:
    /// wait-free but for the allocation.
    ///
    /// # Errors
    /// `value`, when the cell has another one than `current` or none.
    pub fn compare_exchange(&self, current: &T, value: T) -> Result<Unlinked<T>, T> {
        let node = self.node(Ordering::Relaxed);
        // An address only: the node may be gone, unless it is that of `current`.
        if node.is_null() || !ptr::eq(Node::value(node), current) {
            return Err(value);
        }
        let new = Node::alloc(value);
        // No model misses the acquire: who has `current` has acquired it already, unless it
        // is of no size, when a reference may be to anything.
        let acq_rel = order("hp.exchange", Ordering::AcqRel);
        match self
            .node
            .compare_exchange(node, new, acq_rel, Ordering::Relaxed)
        {
            // SAFETY: ours by the exchange, and not null.
            Ok(old) => Ok(unsafe { self.unlinked(NonNull::new_unchecked(old)) }),
            // SAFETY: it was not linked, so nobody else knows it.
            Err(_) => Err(unsafe { Node::into_value(new) }),
        }
    }

    fn exchange(&self, node: *mut Node<T>) -> Option<Unlinked<T>> {
        let acq_rel = order("hp.swap", Ordering::AcqRel);
        let old = NonNull::new(self.node.swap(node, acq_rel))?;
        // SAFETY: ours by the swap.
        Some(unsafe { self.unlinked(old) })
    }

    /// # Safety
    /// The caller has just unlinked `node`.
    unsafe fn unlinked(&self, node: NonNull<Node<T>>) -> Unlinked<T> {
        Unlinked {
            node,
            domain: self.domain.clone(),
        }
    }

    #[inline]
    pub(super) fn node(&self, ordering: Ordering) -> *mut Node<T> {
        self.node.load(ordering)
    }

    #[inline]
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.domain.shared
    }
}

impl<T: Send + Sync> Drop for Atomic<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T: Send + Sync> fmt::Debug for Atomic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Atomic")
            .field("node", &self.node(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// A value that was taken out of its cell. Those who protected it before may still
/// read it, so it can be read here but not moved out.
///
/// Dropping it retires it: wait-free but for other threads that retire at the same
/// moment; allocates nothing, and frees nothing unless it is the last that knows of its
/// domain (see [`Domain`]).
#[must_use = "dropping it retires the value: say so with drop()"]
pub struct Unlinked<T: Send + Sync + 'static> {
    node: NonNull<Node<T>>,
    domain: Domain,
}

// SAFETY: a shared value (Sync) that any thread may free (Send).
unsafe impl<T: Send + Sync> Send for Unlinked<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Unlinked<T> {}

impl<T: Send + Sync> Unlinked<T> {
    /// Retires the value, as dropping does.
    pub fn retire(self) {}
}

impl<T: Send + Sync> Deref for Unlinked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: allocated until it is retired, which takes the token.
        unsafe { &*Node::value(self.node.as_ptr()) }
    }
}

impl<T: Send + Sync> Drop for Unlinked<T> {
    fn drop(&mut self) {
        let header: NonNull<Header> = self.node.cast();
        // SAFETY: the token is the only one of its node, which is in no cell, and T
        // is Send.
        unsafe { self.domain.shared.retire(header) };
    }
}

impl<T: Send + Sync + fmt::Debug> fmt::Debug for Unlinked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unlinked").field(&**self).finish()
    }
}
