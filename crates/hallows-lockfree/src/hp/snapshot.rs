// SPDX-License-Identifier: GPL-2.0-only
//! Snapshots: one thread publishes, many read what was published last.

use std::fmt;

use super::atomic::Atomic;
use super::domain::{Domain, Stats};
use super::hazard::HazardPointer;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// The two ends of a value that is published again and again. At most one old value
/// per reader is kept, plus the one being replaced: whatever readers do, **pending
/// <= readers + 1**, of the readers that there were during the last
/// [`publish`](Publisher::publish). What one that went meanwhile has kept is freed by
/// the next.
pub fn snapshot<T: Send + Sync + 'static>(value: T) -> (Publisher<T>, Reader<T>) {
    let domain = Domain::new();
    let cell = Arc::new(Atomic::new(&domain, value));
    let hazard = domain.hazard_pointer();
    (Publisher { cell: cell.clone() }, Reader { cell, hazard })
}

/// The writing end; there is one.
///
/// What it published last it can read without protection, until it publishes again:
/// ```compile_fail,E0502
/// # use hallows_lockfree::hp::snapshot;
/// let (mut publisher, _) = snapshot(1);
/// let current = publisher.current();
/// publisher.publish(2);
/// println!("{current}");
/// ```
pub struct Publisher<T: Send + Sync + 'static> {
    cell: Arc<Atomic<T>>,
}

impl<T: Send + Sync> Publisher<T> {
    /// Makes `value` the one that readers find, then frees what no reader holds any
    /// more of what came before. That happens here and never in a reader, as long
    /// as the publisher lives.
    pub fn publish(&mut self, value: T) {
        drop(self.cell.swap(value));
        self.cell.domain().reclaim(usize::MAX);
    }

    /// What was published last.
    pub fn current(&self) -> &T {
        let node = self.cell.node(Ordering::Relaxed);
        // SAFETY: only `publish` replaces it, which needs the publisher exclusively;
        // and this thread published it, or was sent the publisher by who did.
        unsafe { &*crate::garbage::Node::value(node) }
    }

    /// Another reader.
    pub fn reader(&self) -> Reader<T> {
        Reader::new(self.cell.clone())
    }

    /// The accounts of the values.
    pub fn stats(&self) -> Stats {
        self.cell.domain().stats()
    }
}

impl<T: Send + Sync + fmt::Debug> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Publisher").field(self.current()).finish()
    }
}

/// A reading end. Each thread has its own: clone it.
///
/// A reference ends before the next load:
/// ```compile_fail,E0499
/// # use hallows_lockfree::hp::snapshot;
/// let (_publisher, mut reader) = snapshot(1);
/// let old = reader.load();
/// let new = reader.load();
/// println!("{old} {new}");
/// ```
pub struct Reader<T: Send + Sync + 'static> {
    cell: Arc<Atomic<T>>,
    hazard: HazardPointer,
}

impl<T: Send + Sync> Reader<T> {
    fn new(cell: Arc<Atomic<T>>) -> Reader<T> {
        let hazard = cell.domain().hazard_pointer();
        Reader { cell, hazard }
    }

    /// What was published last. It is kept alive until the next call.
    #[inline]
    pub fn load(&mut self) -> &T {
        let value = self.hazard.protect(&self.cell);
        value.unwrap_or_else(|| unreachable!("a snapshot always has a value"))
    }

    /// What was published since the last load, if anything; after [`reset`](Reader::reset)
    /// whatever there is.
    #[inline]
    pub fn load_if_changed(&mut self) -> Option<&T> {
        if self.hazard.is_stale(&self.cell) {
            Some(self.load())
        } else {
            None
        }
    }

    /// Keeps nothing alive until the next load.
    pub fn reset(&mut self) {
        self.hazard.reset();
    }
}

impl<T: Send + Sync> Clone for Reader<T> {
    /// A reader of the same value that has loaded nothing yet.
    fn clone(&self) -> Reader<T> {
        Reader::new(self.cell.clone())
    }
}

impl<T: Send + Sync> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("hazard", &self.hazard)
            .finish_non_exhaustive()
    }
}
