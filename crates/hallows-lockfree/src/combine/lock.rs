// SPDX-License-Identifier: GPL-2.0-only
//! The lock: one word, as the proof that no request sleeps for ever needs it.

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::order;

/// Bit 0: locked. The rest: how many sleep, or are about to, or just have.
pub(super) struct Lock(AtomicUsize);

const LOCKED: usize = 1;
const SLEEPER: usize = 2;

impl Default for Lock {
    fn default() -> Lock {
        Lock(AtomicUsize::new(0))
    }
}

impl Lock {
    /// For who expects it to be free and nobody to sleep: may fail though it is free.
    #[inline]
    pub(super) fn try_lock_fast(&self) -> bool {
        let acquire = order("combine.lock_fast", Ordering::Acquire);
        self.0
            .compare_exchange(0, LOCKED, acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// May fail when it is free, but not time and again.
    #[inline]
    pub(super) fn try_lock(&self) -> bool {
        // Who is refused writes nothing.
        let word = self.0.load(Ordering::Relaxed);
        let acquire = order("combine.lock", Ordering::Acquire);
        word & LOCKED == 0
            && self
                .0
                .compare_exchange(word, word | LOCKED, acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// Returns whether there are sleepers, for whom the caller then has to care.
    #[inline]
    pub(super) fn unlock(&self) -> bool {
        let word = self
            .0
            .fetch_sub(LOCKED, order("combine.unlock", Ordering::Release));
        word != LOCKED
    }

    /// Whether the duty towards sleepers is still the caller's, and was not taken over by
    /// who has the lock now. Then the slots of all that it counted are seen asleep.
    pub(super) fn has_duty(&self) -> bool {
        // All stores to the word are read-modify-writes, so it synchronizes with each
        // `add_sleeper` before.
        let word = self.0.load(order("combine.duty", Ordering::Acquire));
        word & LOCKED == 0
    }

    /// Counts the caller in, whose slot is asleep. True if it may sleep: it is locked, and
    /// who unlocks will see to it.
    pub(super) fn add_sleeper(&self) -> bool {
        let release = order("combine.sleeper", Ordering::Release);
        self.0.fetch_add(SLEEPER, release) & LOCKED != 0
    }

    pub(super) fn remove_sleeper(&self) {
        self.0.fetch_sub(SLEEPER, Ordering::Relaxed);
    }
}
