// SPDX-License-Identifier: GPL-2.0-only
//! Cells: values that others may replace while they are read.

use std::fmt;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use super::collector::Collector;
use super::hold::Guarded;
use super::participant::Guard;
use crate::garbage::Node;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::order;

/// A cell that owns a value, or none. Values may have cells themselves; a chain of
/// them is freed a link per grace period. Dropping the cell retires its value.
pub struct Atomic<T: Send + Sync + 'static> {
    node: AtomicPtr<Node<T>>,
    collector: Collector,
}

// SAFETY: values are shared with readers (Sync) and freed by any thread (Send).
unsafe impl<T: Send + Sync> Send for Atomic<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Atomic<T> {}

impl<T: Send + Sync> Atomic<T> {
    /// A cell of `collector` with `value`, which it puts on the heap.
    pub fn new(collector: &Collector, value: T) -> Atomic<T> {
        Atomic::with_node(collector, Node::alloc(value))
    }

    /// A cell of `collector` without a value.
    pub fn empty(collector: &Collector) -> Atomic<T> {
        Atomic::with_node(collector, ptr::null_mut())
    }

    fn with_node(collector: &Collector, node: *mut Node<T>) -> Atomic<T> {
        Atomic {
            node: AtomicPtr::new(node),
            collector: collector.clone(),
        }
    }

    /// The value, or None when there is none. It stays as long as the guard,
    /// whatever becomes of the cell. Wait-free.
    ///
    /// # Panics
    /// When the guard and the cell are of different collectors.
    #[inline]
    pub fn load<'g>(&self, guard: &'g Guard<'_>) -> Option<&'g T> {
        self.load_guarded(guard).map(Guarded::get)
    }

    /// As [`load`](Atomic::load), for a value that a [`Hazard`](super::Hazard) may be to hold
    /// beyond the guard.
    ///
    /// # Panics
    /// As there.
    #[inline]
    pub fn load_guarded<'g>(&self, guard: &'g Guard<'_>) -> Option<Guarded<'g, T>> {
        assert!(
            guard.is_of(&self.collector),
            "a guard is for cells of its own collector only"
        );
        let node = self.node.load(order("epoch.load", Ordering::Acquire));
        // SAFETY: it is linked now, and the guard lives.
        (!node.is_null()).then(|| unsafe { Guarded::new(node, guard) })
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// [`Full`] with `value`, when as many values are pending as the policy allows.
    pub fn swap(&self, value: T) -> Result<Option<Unlinked<T>>, Full<T>> {
        if !self.collector.shared.reserve() {
            return Err(Full(value));
        }
        Ok(self.exchange(Node::alloc(value)))
    }

    /// Takes the value away.
    ///
    /// # Errors
    /// [`Full`], when as many values are pending as the policy allows.
    pub fn take(&self) -> Result<Option<Unlinked<T>>, Full> {
        if !self.collector.shared.reserve() {
            return Err(Full(()));
        }
        Ok(self.exchange(ptr::null_mut()))
    }

    /// Replaces the value if it is still `current`, the very one, not an equal one.
    ///
    /// # Errors
    /// [`Refused`] with `value`.
    pub fn compare_exchange(&self, current: &T, value: T) -> Result<Unlinked<T>, Refused<T>> {
        let node = self.node.load(Ordering::Relaxed);
        // An address only: the node may be gone, unless it is that of `current`.
        if node.is_null() || !ptr::eq(Node::value(node), current) {
            return Err(Refused::Changed(value));
        }
        if !self.collector.shared.reserve() {
            return Err(Refused::Full(value));
        }
        let new = Node::alloc(value);
        // No model misses the acquire: who has `current` has acquired it already, unless it
        // is of no size, when a reference may be to anything.
        let acq_rel = order("epoch.exchange", Ordering::AcqRel);
        match self
            .node
            .compare_exchange(node, new, acq_rel, Ordering::Relaxed)
        {
            // SAFETY: a node that was current is not null.
            Ok(old) => Ok(self.unlinked(unsafe { NonNull::new_unchecked(old) })),
            Err(_) => {
                self.collector.shared.unreserve();
                // SAFETY: it was not linked, so nobody else knows it.
                Err(Refused::Changed(unsafe { Node::into_value(new) }))
            }
        }
    }

    /// Room was made for what is unlinked.
    fn exchange(&self, node: *mut Node<T>) -> Option<Unlinked<T>> {
        let acq_rel = order("epoch.swap", Ordering::AcqRel);
        let old = NonNull::new(self.node.swap(node, acq_rel));
        if old.is_none() {
            self.collector.shared.unreserve();
        }
        old.map(|old| self.unlinked(old))
    }

    /// For the node that the caller has just unlinked, having made room for it.
    fn unlinked(&self, node: NonNull<Node<T>>) -> Unlinked<T> {
        Unlinked {
            node,
            collector: self.collector.clone(),
        }
    }
}

impl<T: Send + Sync> Drop for Atomic<T> {
    fn drop(&mut self) {
        // What cannot be refused is not.
        self.collector.shared.reserve_anyway();
        drop(self.exchange(ptr::null_mut()));
    }
}

impl<T: Send + Sync> fmt::Debug for Atomic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Atomic")
            .field("node", &self.node.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// A value that was taken out of its cell and that others may still read. Dropping
/// it retires it: O(1), allocates nothing, and frees nothing unless it is the last that
/// knows of its collector (see [`Collector`]).
#[must_use = "dropping it retires the value: say so with drop()"]
pub struct Unlinked<T: Send + Sync + 'static> {
    node: NonNull<Node<T>>,
    collector: Collector,
}

// SAFETY: a shared value (Sync) that any thread may free (Send).
unsafe impl<T: Send + Sync> Send for Unlinked<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Unlinked<T> {}

impl<T: Send + Sync> Deref for Unlinked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: allocated until it is retired, which takes the token.
        unsafe { &*Node::value(self.node.as_ptr()) }
    }
}

impl<T: Send + Sync> Drop for Unlinked<T> {
    fn drop(&mut self) {
        // SAFETY: the token is the only one of its node, which is in no cell, T is Send,
        // and room was made when it was unlinked.
        unsafe { self.collector.shared.retire(self.node.cast()) };
    }
}

impl<T: Send + Sync + fmt::Debug> fmt::Debug for Unlinked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unlinked").field(&**self).finish()
    }
}

/// Too much is pending to retire another value: collect, or try later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full<T = ()>(pub T);

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as many values wait to be freed as the policy allows")
    }
}

impl<T: fmt::Debug> std::error::Error for Full<T> {}

/// Why a value was not exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// The cell has another value, or none.
    Changed(T),
    /// As [`Full`].
    Full(T),
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Changed(_) => f.write_str("the cell has another value"),
            Refused::Full(_) => Full(()).fmt(f),
        }
    }
}

impl<T: fmt::Debug> std::error::Error for Refused<T> {}
