// SPDX-License-Identifier: GPL-2.0-only
//! Work that one thread at a time does, and that the others don't wait for.

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Exclusive, order};

/// A place that a thread has for a turn, if nobody else has it.
pub(crate) struct Turn<T> {
    taken: AtomicBool,
    place: Exclusive<T>,
}

// SAFETY: one thread at a time gets at the place, see `try_with`.
unsafe impl<T: Send> Sync for Turn<T> {}

/// Ends the turn, also when the work panics.
struct End<'t>(&'t AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(false, order("turn.end", Ordering::Release));
    }
}

impl<T> Turn<T> {
    pub(crate) fn new(place: T) -> Turn<T> {
        Turn {
            taken: AtomicBool::new(false),
            place: Exclusive::new(place),
        }
    }

    /// Runs `work`, or returns None when a thread, perhaps this one, is at it.
    pub(crate) fn try_with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let acquire = order("turn.begin", Ordering::Acquire);
        // Who is refused writes nothing.
        self.taken
            .compare_exchange(false, true, acquire, Ordering::Relaxed)
            .ok()?;
        let _end = End(&self.taken);
        // SAFETY: we took the turn, and whoever had it before has ended it.
        Some(unsafe { self.place.with(work) })
    }
}
