// SPDX-License-Identifier: GPL-2.0-only
//! Keeping one value beyond its guard: the bridge from epochs to hazard pointers.

use std::fmt;
use std::ops::Deref;
use std::ptr;

use super::collector::Collector;
use super::participant::Guard;
use crate::garbage::{Header, Node};
use crate::registry::Link;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::order;

/// What a cell had when it was [loaded](super::Atomic::load_guarded), for as long as the
/// guard: a reference that knows that it is to a whole value, so that a [`Hazard`] can hold
/// it for longer.
/// ```compile_fail,E0505
/// # use hallows_lockfree::epoch::{Atomic, Collector};
/// # let collector = Collector::default();
/// # let cell = Atomic::new(&collector, 1);
/// # let mut participant = collector.register();
/// let guard = participant.pin();
/// let value = cell.load_guarded(&guard).unwrap();
/// drop(guard);
/// println!("{}", *value);
/// ```
pub struct Guarded<'g, T: Send + Sync + 'static> {
    node: *mut Node<T>,
    guard: &'g Guard<'g>,
}

impl<'g, T: Send + Sync> Guarded<'g, T> {
    /// # Safety
    /// `node` isn't null and was linked after `guard` was made.
    pub(super) unsafe fn new(node: *mut Node<T>, guard: &'g Guard<'g>) -> Guarded<'g, T> {
        Guarded { node, guard }
    }

    /// The value, for as long as the guard.
    pub fn get(self) -> &'g T {
        // SAFETY: linked after the guard was made, so not freed while it lives (proof in
        // the module); values of linked nodes are changed by nobody.
        unsafe { &*Node::value(self.node) }
    }

    /// The value, for as long as `hazard` holds it. The guard is not needed for it any more,
    /// and nothing else is kept for its sake. Wait-free: one store.
    ///
    /// # Panics
    /// When the hazard is of another collector.
    #[inline]
    pub fn hold(self, hazard: &mut Hazard) -> &T {
        assert!(
            self.guard.is_of(&hazard.collector),
            "a hazard holds values of its own collector only"
        );
        let release = order("epoch.hold", Ordering::Release);
        hazard.slot().store(self.node.cast(), release);
        // SAFETY: the guard keeps it until it is dropped, and the hazard, stored before
        // that, from then on as long as it is borrowed (proof in the module), which is what
        // the reference's lifetime is.
        unsafe { &*Node::value(self.node) }
    }
}

impl<T: Send + Sync> Clone for Guarded<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync> Copy for Guarded<'_, T> {}

impl<T: Send + Sync> Deref for Guarded<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: Send + Sync + fmt::Debug> fmt::Debug for Guarded<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.get()).finish()
    }
}

/// Holds one value at a time, from [`Guarded::hold`] to the next one or the end of the
/// hazard, whatever becomes of guards and cells.
///
/// It is [`hp::HazardPointer`](crate::hp::HazardPointer) for values of a collector, and
/// like it, holding borrows it exclusively, so a reference that would outlive what keeps it
/// does not compile:
/// ```compile_fail,E0499
/// # use hallows_lockfree::epoch::{Atomic, Collector};
/// # let collector = Collector::default();
/// # let cell = Atomic::new(&collector, 1);
/// # let mut participant = collector.register();
/// let mut hazard = collector.hazard();
/// let guard = participant.pin();
/// let first = cell.load_guarded(&guard).unwrap().hold(&mut hazard);
/// let second = cell.load_guarded(&guard).unwrap().hold(&mut hazard);
/// println!("{first}");
/// ```
/// ```compile_fail,E0505
/// # use hallows_lockfree::epoch::{Atomic, Collector};
/// # let collector = Collector::default();
/// # let cell = Atomic::new(&collector, 1);
/// # let mut participant = collector.register();
/// let mut hazard = collector.hazard();
/// let held = cell.load_guarded(&participant.pin()).unwrap().hold(&mut hazard);
/// drop(hazard);
/// println!("{held}");
/// ```
/// A reference alone cannot be held, as it may be to a part of a value:
/// ```compile_fail,E0599
/// # use hallows_lockfree::epoch::{Atomic, Collector};
/// # let collector = Collector::default();
/// # let cell = Atomic::new(&collector, (1, 2));
/// # let mut participant = collector.register();
/// let mut hazard = collector.hazard();
/// let guard = participant.pin();
/// let part = &cell.load(&guard).unwrap().1;
/// part.hold(&mut hazard);
/// ```
/// It may move to another thread, but two cannot use it:
/// ```compile_fail,E0277
/// # use hallows_lockfree::epoch::Collector;
/// fn shared(_: impl Sync) {}
/// shared(Collector::default().hazard());
/// ```
pub struct Hazard {
    collector: Collector,
    link: Link<AtomicPtr<Header>>,
}

// SAFETY: the record is its owner's alone until it is released, whatever thread the
// owner is on; the rest is Send.
unsafe impl Send for Hazard {}

impl Hazard {
    pub(super) fn new(collector: Collector) -> Hazard {
        let nothing = || AtomicPtr::new(ptr::null_mut());
        Hazard {
            link: collector.shared.hazards.acquire(nothing),
            collector,
        }
    }

    fn slot(&self) -> &AtomicPtr<Header> {
        // SAFETY: the collector keeps the record.
        &unsafe { self.link.as_ref() }.slot
    }

    /// Holds nothing any more.
    pub fn reset(&mut self) {
        let release = order("epoch.let_go", Ordering::Release);
        self.slot().store(ptr::null_mut(), release);
    }
}

impl Drop for Hazard {
    fn drop(&mut self) {
        self.reset();
        // SAFETY: ours, of this collector, and empty again.
        unsafe { self.collector.shared.hazards.release(self.link) };
    }
}

impl fmt::Debug for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hazard")
            .field("holds", &self.slot().load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
