// SPDX-License-Identifier: GPL-2.0-only
//! The lock, and how many sleep for it: two words and a pair of fences, so that a call that
//! meets nobody makes one read-modify-write and not two (where fences are asymmetric; else the
//! second is a full fence).
//!
//! Who unlocks stores to the first word, then looks at the second and at the slots; who is about
//! to sleep marks its slot, adds to the second, then looks at the first. Between is the light
//! fence there, the heavy one here, so by the claim of [`fence`](crate::fence): **whoever saw it
//! locked is counted, and its slot seen as it is marked, by each unlocking that comes after what
//! it saw, until it gets up.** For had one missed it, it would have seen what that one stored,
//! or something newer.

use crate::fence::Fence;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::order;

pub(super) struct Lock {
    locked: AtomicBool,
    /// How many sleep, or are about to, or just have.
    sleepers: AtomicUsize,
    fence: Fence,
}

impl Default for Lock {
    fn default() -> Lock {
        Lock {
            locked: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            fence: Fence::auto(),
        }
    }
}

impl Lock {
    /// For who expects it to be free.
    #[inline]
    pub(super) fn try_lock_fast(&self) -> bool {
        let acquire = order("combine.lock", Ordering::Acquire);
        self.locked
            .compare_exchange(false, true, acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// For who doesn't: who is refused writes nothing.
    #[inline]
    pub(super) fn try_lock(&self) -> bool {
        !self.locked.load(Ordering::Relaxed) && self.try_lock_fast()
    }

    /// Returns whether there are sleepers, for whom the caller then has to care.
    #[inline]
    pub(super) fn unlock(&self) -> bool {
        self.locked
            .store(false, order("combine.unlock", Ordering::Release));
        self.fence.light();
        self.sleepers.load(Ordering::Relaxed) != 0
    }

    /// Whether the duty towards sleepers is still that of the caller, who has unlocked, and was
    /// not taken over by who has the lock now.
    pub(super) fn has_duty(&self) -> bool {
        !self.locked.load(Ordering::Relaxed)
    }

    /// Counts the caller in, whose slot is asleep, or on offer for a future. True if it may sleep: it is locked, and
    /// who unlocks will see to it.
    pub(super) fn add_sleeper(&self) -> bool {
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        self.fence.heavy();
        self.locked.load(Ordering::Relaxed)
    }

    pub(super) fn remove_sleeper(&self) {
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }
}
