// SPDX-License-Identifier: GPL-2.0-only
//! A slot: one request of one thread, and where that thread sleeps.

use super::Combine;
use super::batch::Content;
use crate::futex;
use crate::signal::{Hints, demote};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Exclusive, order};

/// No request. The content is the owner's.
const IDLE: u32 = 0;
/// A request, whose owner is awake. The content is its that has the lock.
const PENDING: u32 = 1;
/// A request, whose owner sleeps or is about to. As above.
const ASLEEP: u32 = 2;
/// An answer. The content is the owner's.
const DONE: u32 = 3;

pub(super) struct Slot<C: Combine> {
    claimed: AtomicBool,
    state: AtomicU32,
    content: Exclusive<Content<C>>,
}

impl<C: Combine> Default for Slot<C> {
    fn default() -> Slot<C> {
        Slot {
            claimed: AtomicBool::new(false),
            state: AtomicU32::new(IDLE),
            content: Exclusive::new(Content::Taken),
        }
    }
}

/// The owner's side.
impl<C: Combine> Slot<C> {
    /// Makes the caller the owner, if there is none.
    pub(super) fn claim(&self) -> bool {
        let acquire = order("combine.claim", Ordering::Acquire);
        self.claimed
            .compare_exchange(false, true, acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Leaves the slot, idle, to the next owner.
    pub(super) fn leave(&self) {
        self.claimed
            .store(false, order("combine.leave", Ordering::Release));
    }

    /// # Safety
    /// The caller owns the slot, and it is idle.
    pub(super) unsafe fn publish(&self, op: C::Op) {
        // SAFETY: by the caller.
        unsafe { self.content.with(|content| *content = Content::Op(op)) };
        // Whoever reads what the steps below make of it synchronizes with this, as they
        // are read-modify-writes.
        self.state
            .store(PENDING, order("combine.publish", Ordering::Release));
    }

    /// The answer, if it is there; the slot is idle then.
    ///
    /// # Safety
    /// The caller owns the slot.
    pub(super) unsafe fn collect(&self) -> Option<Content<C>> {
        if self.state.load(order("combine.done", Ordering::Acquire)) != DONE {
            return None;
        }
        self.state.store(IDLE, Ordering::Relaxed);
        // SAFETY: the caller's, as it is done.
        Some(unsafe { self.content.with(std::mem::take) })
    }

    /// Waits a moment for the answer.
    pub(super) fn watch(&self, hints: Hints) {
        hints.watch(&self.state, PENDING);
    }

    /// False: the request is settled.
    pub(super) fn lie_down(&self) -> bool {
        self.exchange(PENDING, ASLEEP)
    }

    /// Sleeps until the slot isn't asleep any more; may return for no reason.
    pub(super) fn sleep(&self) {
        futex::wait(&self.state, ASLEEP);
    }

    pub(super) fn get_up(&self) {
        // Or another has roused or settled it.
        self.exchange(ASLEEP, PENDING);
    }

    fn exchange(&self, from: u32, to: u32) -> bool {
        self.state
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// The combiner's side.
impl<C: Combine> Slot<C> {
    pub(super) fn is_pending(&self) -> bool {
        let state = self.state.load(order("combine.pending", Ordering::Acquire));
        state == PENDING || state == ASLEEP
    }

    /// Takes the request.
    ///
    /// # Safety
    /// The caller has the lock and saw the slot pending since.
    pub(super) unsafe fn take(&self) -> Content<C> {
        // SAFETY: by the caller.
        unsafe { self.content.with(std::mem::take) }
    }

    /// Gives the answer, and wakes the owner if it sleeps.
    ///
    /// # Safety
    /// The caller has the lock, took the request and didn't settle it yet.
    pub(super) unsafe fn settle(&self, answer: Content<C>) {
        // SAFETY: by the caller.
        unsafe { self.content.with(|content| *content = answer) };
        let release = order("combine.settle", Ordering::Release);
        if self.state.swap(DONE, release) == ASLEEP {
            futex::wake(&self.state, 1);
        } else {
            // Its owner is looking at it.
            demote(&self.state);
        }
    }

    /// Wakes the owner, if it sleeps, to try the lock. Needs no lock.
    pub(super) fn rouse(&self) -> bool {
        // Who is awake keeps the line.
        let asleep = self.state.load(Ordering::Relaxed) == ASLEEP;
        let roused = asleep && self.exchange(ASLEEP, PENDING);
        if roused {
            futex::wake(&self.state, 1);
        }
        roused
    }
}
