// SPDX-License-Identifier: GPL-2.0-only
//! Where a future leaves the waker that others call.
//!
//! One thread at a time, the slot's owner, leaves; any thread wakes, at any time. The
//! waker is its that changed the state from free. Who comes while another is at it
//! leaves a note or finds one, and then the newest waker is called: so what was stored
//! before a call of [`wake`](WakerCell::wake) is either seen after the waker was left, or
//! that waker is called. *Proof:* all steps are read-modify-writes of one word. If the
//! step of `wake` comes after the one that ends leaving, it takes the waker. If it comes
//! between the two of leaving, the second one finds its note and the owner calls the waker.
//! If it comes before the first, that one either fails (the owner calls its waker) or
//! synchronizes with it, by the release sequence that it is in. ∎

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Exclusive, order};

const FREE: u32 = 0;
/// The owner is at it.
const LEAVING: u32 = 1;
/// Somebody takes the waker, or wants to and leaves it to who is at it.
const WAKING: u32 = 2;

/// One waker, and who is at it.
#[derive(Default)]
pub struct WakerCell {
    state: AtomicU32,
    waker: Exclusive<Option<Waker>>,
}

impl WakerCell {
    /// Leaves `waker` in place of what was left before. By the slot's owner only.
    pub fn leave(&self, waker: &Waker) {
        if self.replace(Some(waker.clone())) {
            let waker = waker.clone();
            contain(move || waker.wake());
        }
    }

    /// Forgets what was left. By the slot's owner only.
    pub fn clear(&self) {
        self.replace(None);
    }

    /// Returns whether somebody wanted to wake meanwhile and may not have found it, whatever
    /// the destructor of a waker that isn't kept does.
    fn replace(&self, mut waker: Option<Waker>) -> bool {
        let acquire = order("combine.waker_leave", Ordering::Acquire);
        let begin = self
            .state
            .compare_exchange(FREE, LEAVING, acquire, Ordering::Relaxed);
        let wanted = begin.is_err() || {
            // SAFETY: the waker is ours, as we changed the state from free.
            unsafe { self.waker.with(|place| mem::swap(place, &mut waker)) };
            let release = order("combine.waker_left", Ordering::Release);
            self.state.swap(FREE, release) != LEAVING
        };
        contain(move || drop(waker));
        wanted
    }

    /// Calls the waker that was left, if there is one, and forgets it.
    pub fn wake(&self) {
        let acq_rel = order("combine.wake", Ordering::AcqRel);
        if self.state.fetch_or(WAKING, acq_rel) != FREE {
            return;
        }
        // SAFETY: the waker is ours, as we changed the state from free.
        let waker = unsafe { self.waker.with(Option::take) };
        let release = order("combine.woken", Ordering::Release);
        self.state.fetch_and(!WAKING, release);
        if let Some(waker) = waker {
            contain(move || waker.wake());
        }
    }
}

/// Panics that follow each other out of one waker, before the last one's payload is leaked.
const PANICS_MAX: u32 = 8;

/// Calls or drops a waker. Its panic is of no request and must keep nobody else from being
/// woken, nor must that of its destructor, or of what it panicked with.
fn contain(call: impl FnOnce()) {
    let mut thrown = catch_unwind(AssertUnwindSafe(call)).err();
    for _ in 0..PANICS_MAX {
        let Some(payload) = thrown else { return };
        thrown = catch_unwind(AssertUnwindSafe(move || drop(payload))).err();
    }
    mem::forget(thrown);
}
