// SPDX-License-Identifier: GPL-2.0-only
//! Grants: slots of the ring that a producer fills.

use std::fmt;
use std::mem::{self, MaybeUninit};
use std::ptr;

use super::ring::{Claim, Ring};
use super::wake::Wake;

/// Contiguous slots of the ring, this producer's until it commits or aborts, which
/// dropping does: what was pushed is dropped and the receiver sees nothing of it.
/// Until then the receiver sees nothing of what others claimed after it either.
///
/// ```compile_fail,E0382
/// let (sender, _receiver) = hallows_lockfree::mpsc::channel(8)?;
/// let mut grant = sender.reserve(2).unwrap();
/// grant.commit();
/// grant.push(1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "dropping it aborts"]
pub struct Grant<'s, T> {
    ring: &'s Ring<T>,
    wake: &'s Wake,
    claim: Claim,
    /// The first so many slots hold values.
    filled: usize,
}

impl<'s, T> Grant<'s, T> {
    /// # Safety
    /// The caller has the claim and passes it on.
    pub(super) unsafe fn new(ring: &'s Ring<T>, wake: &'s Wake, claim: Claim) -> Grant<'s, T> {
        Grant {
            ring,
            wake,
            claim,
            filled: 0,
        }
    }

    /// Number of slots.
    pub fn capacity(&self) -> usize {
        self.claim.len
    }

    /// Number of values pushed.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Puts a value into the next slot.
    ///
    /// # Errors
    /// The value, when all slots have one.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), T> {
        match self.as_uninit().first_mut() {
            Some(slot) => {
                slot.write(value);
                self.filled += 1;
                Ok(())
            }
            None => Err(value),
        }
    }

    /// The slots that nothing was pushed into, for filling them in place: those after the
    /// first [`filled`](Grant::filled), which are out of reach.
    #[inline]
    pub fn as_uninit(&mut self) -> &mut [MaybeUninit<T>] {
        let filled = self.filled;
        &mut self.slots()[filled..]
    }

    /// All slots. What the first `filled` hold must stay.
    fn slots(&mut self) -> &mut [MaybeUninit<T>] {
        // SAFETY: the claim is the grant's, which is borrowed exclusively.
        unsafe { &mut *self.ring.claimed(&self.claim) }
    }

    /// Sends what was pushed, by one store. Slots that were not filled are lost for
    /// this round of the ring only.
    #[inline]
    pub fn commit(self) {
        let filled = self.filled;
        // SAFETY: that many were pushed.
        unsafe { self.commit_filled(filled) }
    }

    /// Sends the first `n` slots: what was pushed, and what was put into the slots after
    /// that by [`as_uninit`](Grant::as_uninit).
    ///
    /// # Safety
    /// They are initialised. Values pushed beyond are forgotten.
    ///
    /// # Panics
    /// When there are fewer slots.
    #[inline]
    pub unsafe fn commit_filled(self, n: usize) {
        assert!(n <= self.claim.len, "{n} of {} slots", self.claim.len);
        let Grant {
            ring, wake, claim, ..
        } = self;
        mem::forget(self);
        // SAFETY: the grant has ended, and by the caller.
        unsafe { ring.publish(claim, n) };
        wake.notify();
    }
}

impl<T: Copy> Grant<'_, T> {
    /// Puts as many of `values` into the next slots as there are; how many.
    pub fn push_slice(&mut self, values: &[T]) -> usize {
        let free = self.as_uninit();
        let n = free.len().min(values.len());
        for (slot, value) in free.iter_mut().zip(values) {
            slot.write(*value);
        }
        self.filled += n;
        n
    }
}

impl<T> Drop for Grant<'_, T> {
    fn drop(&mut self) {
        /// Aborts also when a value's destructor panics.
        struct Abort<'g, 's, T>(&'g Grant<'s, T>);
        impl<T> Drop for Abort<'_, '_, T> {
            fn drop(&mut self) {
                // SAFETY: the grant ends here, and no slot is passed on.
                unsafe { self.0.ring.publish(self.0.claim, 0) };
                self.0.wake.notify();
            }
        }
        let filled = self.filled;
        let slots = &raw mut self.slots()[..filled];
        let _abort = Abort(self);
        // SAFETY: that many were pushed, and nobody else sees them.
        unsafe { ptr::drop_in_place(slots as *mut [T]) };
    }
}

impl<T> fmt::Debug for Grant<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("capacity", &self.capacity())
            .field("filled", &self.filled)
            .finish_non_exhaustive()
    }
}
