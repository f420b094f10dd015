// SPDX-License-Identifier: GPL-2.0-only
//! Participants: who may have references.

use std::fmt;

use super::collector::{Collector, Slot};
use crate::registry::Link;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::order;

/// A thread's registration with a collector. It may move to another thread.
pub struct Participant {
    pub(super) collector: Collector,
    link: Link<Slot>,
}

// SAFETY: the record is its owner's alone until it is released, whatever thread the
// owner is on; the rest is Send.
unsafe impl Send for Participant {}

impl Participant {
    pub(super) fn new(collector: Collector) -> Participant {
        let link = collector.shared.participants.acquire(|| Slot {
            epoch: AtomicU64::new(0),
            thread: AtomicU32::new(0),
        });
        let participant = Participant { collector, link };
        participant
            .slot()
            .thread
            .store(thread_id(), Ordering::Relaxed);
        participant
    }

    fn slot(&self) -> &Slot {
        // SAFETY: the collector keeps the record.
        &unsafe { self.link.as_ref() }.slot
    }

    /// Pins: no value that can be loaded from now on is freed before the guard is
    /// dropped. Wait-free. A guard that is kept long keeps all garbage, see
    /// [`Stats::holder`](super::Stats::holder).
    ///
    /// The participant is borrowed, so that pinning twice doesn't compile:
    /// ```compile_fail,E0499
    /// # use hallows_lockfree::epoch::Collector;
    /// let mut participant = Collector::default().register();
    /// let first = participant.pin();
    /// let second = participant.pin();
    /// drop(first);
    /// ```
    #[inline]
    pub fn pin(&mut self) -> Guard<'_> {
        let shared = &*self.collector.shared;
        // No model misses the acquire: see where the epoch is raised.
        let epoch = shared.epoch.load(Ordering::Acquire);
        let release = order("epoch.announce", Ordering::Release);
        self.slot().epoch.store(epoch, release);
        shared.fence.light();
        Guard { participant: self }
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        // A guard that was forgotten pins no longer: its borrow is over. No model forgets
        // one, and a guard that was dropped has released already.
        self.slot().epoch.store(0, Ordering::Release);
        // SAFETY: ours, of this collector, and as new.
        unsafe { self.collector.shared.participants.release(self.link) };
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant")
            .field("thread", &self.slot().thread.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// While it lives, what its thread loads stays. It stays on its thread:
/// ```compile_fail,E0277
/// # use hallows_lockfree::epoch::Collector;
/// let mut participant = Collector::default().register();
/// let guard = participant.pin();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(guard));
/// });
/// ```
/// So it doesn't live across an `await` of a future that may move between threads:
/// ```compile_fail
/// # use hallows_lockfree::epoch::Collector;
/// fn spawn(_: impl Future + Send) {}
/// spawn(async {
///     let mut participant = Collector::default().register();
///     let guard = participant.pin();
///     std::future::ready(()).await;
///     drop(guard);
/// });
/// ```
/// What was loaded does not outlive it:
/// ```compile_fail,E0505
/// # use hallows_lockfree::epoch::{Atomic, Collector};
/// # let collector = Collector::default();
/// # let cell = Atomic::new(&collector, 1);
/// # let mut participant = collector.register();
/// let guard = participant.pin();
/// let value = cell.load(&guard);
/// drop(guard);
/// println!("{value:?}");
/// ```
#[must_use = "dropping it unpins"]
pub struct Guard<'p> {
    participant: &'p Participant,
}

impl Guard<'_> {
    /// Whether it is of the collector that `shared` is of.
    #[inline]
    pub(super) fn is_of(&self, collector: &Collector) -> bool {
        Arc::ptr_eq(&self.participant.collector.shared, &collector.shared)
    }
}

impl Drop for Guard<'_> {
    #[inline]
    fn drop(&mut self) {
        let release = order("epoch.unpin", Ordering::Release);
        self.participant.slot().epoch.store(0, release);
    }
}

impl fmt::Debug for Guard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = self.participant.slot().epoch.load(Ordering::Relaxed);
        f.debug_struct("Guard").field("epoch", &epoch).finish()
    }
}

/// The kernel's id of this thread, not 0; 1 in models, which have no kernel.
fn thread_id() -> u32 {
    #[cfg(loom)]
    return 1;
    // SAFETY: takes nothing, and cannot fail. Ids are positive.
    #[cfg(not(loom))]
    return unsafe { libc::gettid() }.unsigned_abs();
}
