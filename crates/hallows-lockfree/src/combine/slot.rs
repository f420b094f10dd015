// SPDX-License-Identifier: GPL-2.0-only
//! A slot: one request of one thread, and where that thread sleeps.

use super::Combine;
use super::batch::Content;
use super::waker::WakerCell;
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
/// A request of a future. The content is its that makes a step from here: the owner, which
/// takes it back, or who has the lock.
const OFFERED: u32 = 4;
/// A request of a future that who has the lock has taken, to make it done.
const TAKEN: u32 = 5;

pub(super) struct Slot<C: Combine> {
    claimed: AtomicBool,
    state: AtomicU32,
    content: Exclusive<Content<C>>,
    /// Of the future that the request is of.
    pub(super) waker: WakerCell,
}

impl<C: Combine> Default for Slot<C> {
    fn default() -> Slot<C> {
        Slot {
            claimed: AtomicBool::new(false),
            state: AtomicU32::new(IDLE),
            content: Exclusive::new(Content::Taken),
            waker: WakerCell::default(),
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

    /// A request of a thread, which waits until it is settled.
    ///
    /// # Safety
    /// The caller owns the slot, and it is idle.
    pub(super) unsafe fn publish(&self, op: C::Op) {
        // SAFETY: by the caller.
        unsafe { self.put(op, PENDING) };
    }

    /// A request of a future, which may be taken back.
    ///
    /// # Safety
    /// As for [`publish`](Slot::publish).
    pub(super) unsafe fn offer(&self, op: C::Op) {
        // SAFETY: by the caller.
        unsafe { self.put(op, OFFERED) };
    }

    /// # Safety
    /// As for [`publish`](Slot::publish).
    unsafe fn put(&self, op: C::Op, state: u32) {
        // SAFETY: by the caller.
        unsafe { self.content.with(|content| *content = Content::Op(op)) };
        // Whoever reads what the steps below make of it synchronizes with this, as they
        // are read-modify-writes.
        self.state
            .store(state, order("combine.publish", Ordering::Release));
    }

    /// Takes an offered request back; None: a turn has taken it.
    ///
    /// # Safety
    /// The caller owns the slot.
    pub(super) unsafe fn withdraw(&self) -> Option<Content<C>> {
        let withdrawn = self.exchange(OFFERED, IDLE);
        // SAFETY: idle, so the caller's; nobody has touched it since it was offered.
        withdrawn.then(|| unsafe { self.content.with(std::mem::take) })
    }

    /// Waits for the answer to an offered request that was taken. By the owner.
    pub(super) fn wait_out(&self, hints: Hints) -> Content<C> {
        // Now it is as a thread's, but that the lock is not free before it is done.
        self.exchange(TAKEN, PENDING);
        let mut looks = hints.looks();
        loop {
            // SAFETY: the caller owns the slot.
            if let Some(content) = unsafe { self.collect() } {
                return content;
            }
            if looks > 0 {
                looks -= 1;
                self.watch(hints);
            } else if self.lie_down() {
                self.sleep();
                self.get_up();
            }
        }
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

    /// Whether the answer is there, and what was done before it is seen.
    pub(super) fn is_done(&self) -> bool {
        self.state.load(Ordering::Relaxed) == DONE
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
    /// Takes the request, if there is one that wasn't taken yet.
    ///
    /// # Safety
    /// The caller has the lock.
    #[inline]
    pub(super) unsafe fn take(&self) -> Option<Content<C>> {
        match self.state.load(order("combine.pending", Ordering::Acquire)) {
            PENDING | ASLEEP => {}
            OFFERED if self.accept() => {}
            _ => return None,
        }
        // SAFETY: pending or taken, so it is its that has the lock.
        let content = unsafe { self.content.with(std::mem::take) };
        // Until it is settled it looks pending though its content is in the batch.
        matches!(content, Content::Op(_)).then_some(content)
    }

    /// Takes what was offered; false: it was taken back.
    #[cold]
    fn accept(&self) -> bool {
        // Not necessarily the offer that was seen.
        let acquire = order("combine.accept", Ordering::Acquire);
        self.state
            .compare_exchange(OFFERED, TAKEN, acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Gives the answer, and wakes the owner if it sleeps. True: it is a future's, and is to
    /// be told by [`tell`](Slot::tell).
    ///
    /// # Safety
    /// The caller has the lock, took the request and didn't settle it yet.
    pub(super) unsafe fn settle(&self, answer: Content<C>) -> bool {
        // SAFETY: by the caller.
        unsafe { self.content.with(|content| *content = answer) };
        let release = order("combine.settle", Ordering::Release);
        let before = self.state.swap(DONE, release);
        match before {
            ASLEEP => futex::wake(&self.state, 1),
            TAKEN => {}
            // Its owner is looking at it.
            _ => demote(&self.state),
        }
        before == TAKEN
    }

    /// Wakes the future whose request is done, if it hasn't seen it. Needs no lock.
    pub(super) fn tell(&self) {
        if self.is_done() {
            self.waker.wake();
        }
    }

    /// Wakes the future whose request is on offer, to try the lock. Needs no lock.
    pub(super) fn call_on(&self) {
        if self.state.load(Ordering::Relaxed) == OFFERED {
            self.waker.wake();
        }
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn is_asleep(&self) -> bool {
        self.state.load(Ordering::Acquire) == ASLEEP
    }

    /// Whether there is a request that nobody has taken.
    #[cfg(all(test, not(loom)))]
    pub(super) fn is_pending(&self) -> bool {
        matches!(
            self.state.load(Ordering::Acquire),
            PENDING | ASLEEP | OFFERED
        )
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
