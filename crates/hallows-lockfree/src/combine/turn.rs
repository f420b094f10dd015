// SPDX-License-Identifier: GPL-2.0-only
//! A turn: having the lock, serving others, handing over.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_utils::CachePadded;

use super::batch::{Batch, Content, Entry, Thrown};
use super::slot::Slot;
use super::{Combine, Shared};
use crate::sync::atomic::Ordering;

/// What the lock protects.
pub(super) struct Place<C: Combine> {
    pub(super) state: C,
    /// Room for `pass + 1` requests; empty between batches.
    batch: Vec<Entry<C>>,
    /// The slot to look at first.
    cursor: usize,
}

/// The lock is the holder's. Dropping it unlocks and hands over, after a panic too.
pub(super) struct Turn<'c, C: Combine> {
    shared: &'c Shared<C>,
}

impl<C: Combine> Shared<C> {
    #[inline]
    pub(super) fn turn(&self) -> Option<Turn<'_, C>> {
        let locked = self.lock.try_lock();
        locked.then(|| Turn { shared: self })
    }

    /// As [`turn`](Shared::turn), by one step, for when there is no contention.
    #[inline]
    pub(super) fn turn_fast(&self) -> Option<Turn<'_, C>> {
        let locked = self.lock.try_lock_fast();
        locked.then(|| Turn { shared: self })
    }

    /// Has a turn look at the slots, after one was published there. It orders nothing, and
    /// a turn that misses it costs time only, as who waits tries for a turn itself.
    pub(super) fn note_waiting(&self) {
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// Wakes one who can take a turn. Others than those it saw asleep are awake.
    #[cold]
    fn hand_over(&self, from: usize) {
        if self.lock.has_duty() {
            let (before, after) = self.slots.split_at(from);
            after.iter().chain(before).any(|slot| slot.rouse());
        }
    }
}

impl<C: Combine> Turn<'_, C> {
    fn with<R>(&self, work: impl FnOnce(&mut Place<C>) -> R) -> R {
        // SAFETY: we have the lock. Nobody calls it within `work`: user's code has no turn.
        unsafe { self.shared.place.with(work) }
    }

    /// Serves a request of the caller that is in no slot.
    #[inline]
    pub(super) fn apply(&self, op: C::Op) -> C::Ret {
        self.with(|place| place.state.apply(op))
    }

    /// Serves the caller's slot, if it has one that is pending, and up to `pass` others.
    /// Returns a panic that was about no request; then nothing more is served.
    #[inline]
    pub(super) fn serve(&self, own: Option<usize>) -> Option<Thrown> {
        if own.is_none() && !self.shared.waiting.load(Ordering::Relaxed) {
            return None;
        }
        self.serve_slots(own)
    }

    #[cold]
    fn serve_slots(&self, own: Option<usize>) -> Option<Thrown> {
        let Shared { slots, pass, .. } = self.shared;
        // Who notes it later is looked for by the turn that finds the note.
        self.shared.waiting.swap(false, Ordering::Relaxed);
        self.with(|place| {
            let mut left = *pass;
            loop {
                place.gather(slots, own, &mut left);
                if left == 0 {
                    // There may be more than this turn looks at.
                    self.shared.note_waiting();
                }
                if place.batch.is_empty() {
                    return None;
                }
                let stray = place.apply();
                place.settle(slots);
                if stray.is_some() {
                    self.shared.note_waiting();
                    return stray;
                }
            }
        })
    }
}

impl<C: Combine> Drop for Turn<'_, C> {
    #[inline]
    fn drop(&mut self) {
        let from = self.with(|place| place.cursor);
        if self.shared.lock.unlock() {
            self.shared.hand_over(from);
        }
    }
}

impl<C: Combine> Place<C> {
    pub(super) fn new(state: C, pass: usize) -> Place<C> {
        Place {
            state,
            batch: Vec::with_capacity(pass + 1),
            cursor: 0,
        }
    }

    /// Takes the request of `own` and up to `left` others, on from the cursor.
    fn gather(&mut self, slots: &[CachePadded<Slot<C>>], own: Option<usize>, left: &mut usize) {
        if let Some(own) = own {
            self.take(slots, own);
        }
        for _ in 0..slots.len() {
            if *left == 0 {
                return;
            }
            let at = self.cursor;
            self.cursor = if at + 1 == slots.len() { 0 } else { at + 1 };
            if own != Some(at) && self.take(slots, at) {
                *left -= 1;
            }
        }
    }

    #[inline]
    fn take(&mut self, slots: &[CachePadded<Slot<C>>], slot: usize) -> bool {
        let pending = slots[slot].is_pending();
        if pending {
            // SAFETY: a place is worked on under the lock.
            let content = unsafe { slots[slot].take() };
            self.batch.push(Entry { slot, content });
        }
        pending
    }

    /// Gets an answer for each request of the batch. Returns a panic that is of none.
    fn apply(&mut self) -> Option<Thrown> {
        let Place { state, batch, .. } = self;
        let all = AssertUnwindSafe(|| state.apply_batch(Batch::new(batch)));
        let mut thrown = catch_unwind(all).err();
        for entry in batch {
            entry.content = match mem::take(&mut entry.content) {
                Content::Op(op) => match catch_unwind(AssertUnwindSafe(|| state.apply(op))) {
                    Ok(answer) => Content::Ret(answer),
                    Err(thrown) => Content::Panic(Some(thrown)),
                },
                Content::Taken => Content::Panic(thrown.take()),
                settled => settled,
            };
        }
        thrown
    }

    fn settle(&mut self, slots: &[CachePadded<Slot<C>>]) {
        for entry in self.batch.drain(..) {
            // SAFETY: a place is worked on under the lock, and each request that was taken
            // is in the batch once.
            unsafe { slots[entry.slot].settle(entry.content) };
        }
    }
}
