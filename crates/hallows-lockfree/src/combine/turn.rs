// SPDX-License-Identifier: GPL-2.0-only
//! A turn: having the lock, serving others, handing over.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crossbeam_utils::CachePadded;

use super::batch::{Batch, Content, Entry, Thrown};
use super::node::Group;
use super::slot::Slot;
use super::{Combine, Shared};
use crate::sync::atomic::Ordering;
use crate::sync::order;

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
    group: Group,
}

/// How many requests of others a turn may still serve.
struct Left {
    all: usize,
    /// Of its own group before their turn comes.
    near: usize,
}

impl<C: Combine> Shared<C> {
    /// A turn of a thread of `group`.
    #[inline]
    pub(super) fn turn(&self, group: Group) -> Option<Turn<'_, C>> {
        let locked = self.head.lock.try_lock();
        locked.then(|| Turn::new(self, group))
    }

    /// As [`turn`](Shared::turn), for when there is no contention.
    #[inline]
    pub(super) fn turn_fast(&self, group: Group) -> Option<Turn<'_, C>> {
        let locked = self.head.lock.try_lock_fast();
        locked.then(|| Turn::new(self, group))
    }

    /// Has a turn look at the slots, after one was published there, which the turn that takes
    /// this note sees: also if another note came between, as this is no mere store.
    pub(super) fn note_waiting(&self) {
        let release = order("combine.note", Ordering::Release);
        self.head.waiting.swap(true, release);
    }

    fn is_noted(&self) -> bool {
        self.head.waiting.load(Ordering::Relaxed)
    }

    fn take_note(&self) {
        let acquire = order("combine.noted", Ordering::Acquire);
        self.head.waiting.swap(false, acquire);
    }

    /// Wakes one thread that can take a turn, of `group` rather than another, or if none
    /// sleeps all futures that wait. Others than those it saw asleep are awake.
    #[cold]
    fn hand_over(&self, group: Group) {
        if !self.head.lock.has_duty() {
            return;
        }
        let from = self.head.next.load(Ordering::Relaxed);
        let all = || (from..self.slots.len()).chain(0..from);
        let mut near = all().filter(|slot| self.groups.is_near(*slot, group));
        let roused =
            near.any(|slot| self.slots[slot].rouse()) || all().any(|slot| self.slots[slot].rouse());
        if !roused {
            all().for_each(|slot| self.slots[slot].call_on());
        }
    }
}

impl<'c, C: Combine> Turn<'c, C> {
    /// By who has just locked.
    fn new(shared: &'c Shared<C>, group: Group) -> Turn<'c, C> {
        Turn { shared, group }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Place<C>) -> R) -> R {
        // SAFETY: we have the lock. Nobody calls it within `work`: user's code has no turn.
        unsafe { self.shared.place.with(work) }
    }

    /// Serves a request of the caller that is in no slot, and then others.
    ///
    /// # Panics
    /// As [`Handle::call`](super::Handle::call).
    #[inline(always)]
    pub(super) fn apply_and_serve(self, op: C::Op) -> C::Ret {
        let answer = self.with(|place| place.state.apply(op));
        if self.shared.is_noted() {
            self.serve_others();
        }
        answer
    }

    #[cold]
    fn serve_others(self) {
        if let Some(thrown) = self.serve(None) {
            resume_unwind(thrown);
        }
    }

    /// Serves the caller's slot, if it has one that is pending, and up to `pass` others, and
    /// ends the turn. Returns a panic that was about no request; then nothing more is served.
    #[cold]
    pub(super) fn serve(self, own: Option<usize>) -> Option<Thrown> {
        let shared = self.shared;
        let mut futures = false;
        let stray = self.serve_all(own, &mut futures);
        drop(self);
        if futures {
            // Wakers are the user's code, so not called under the lock, nor while a thread
            // sleeps that could go on.
            shared.slots.iter().for_each(|slot| slot.tell());
        }
        stray
    }

    /// As [`serve`](Turn::serve), but for the end. Sets `futures` if some that it answered are.
    fn serve_all(&self, own: Option<usize>, futures: &mut bool) -> Option<Thrown> {
        let Shared { slots, pass, .. } = self.shared;
        self.with(|place| {
            let mut left = Left {
                all: *pass,
                near: pass / 2,
            };
            loop {
                // Who notes it later is looked for by the turn that finds the note.
                self.shared.take_note();
                place.gather(self.shared, own, self.group, &mut left);
                self.shared.head.next.store(place.cursor, Ordering::Relaxed);
                if left.all == 0 {
                    // There may be more than this turn looks at.
                    self.shared.note_waiting();
                }
                if place.batch.is_empty() {
                    return None;
                }
                let stray = place.apply();
                *futures |= place.settle(slots);
                if stray.is_some() {
                    self.shared.note_waiting();
                    return stray;
                }
                // Another look without a note would take the lines from who was answered.
                if left.all == 0 || !self.shared.is_noted() {
                    return None;
                }
            }
        })
    }
}

impl<C: Combine> Drop for Turn<'_, C> {
    #[inline]
    fn drop(&mut self) {
        if self.shared.head.lock.unlock() {
            self.shared.hand_over(self.group);
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

    /// Takes the request of `own` and up to `left` others: first of `group`, then of all, on
    /// from the cursor.
    fn gather(&mut self, shared: &Shared<C>, own: Option<usize>, group: Group, left: &mut Left) {
        let slots = &shared.slots;
        if let Some(own) = own {
            self.take(slots, own);
        }
        for at in (self.cursor..slots.len()).chain(0..self.cursor) {
            if left.near == 0 || left.all == 0 {
                break;
            }
            if own != Some(at) && shared.groups.is_near(at, group) && self.take(slots, at) {
                left.near -= 1;
                left.all -= 1;
            }
        }
        for _ in 0..slots.len() {
            if left.all == 0 {
                return;
            }
            let at = self.cursor;
            self.cursor = if at + 1 == slots.len() { 0 } else { at + 1 };
            if own != Some(at) && self.take(slots, at) {
                left.all -= 1;
            }
        }
    }

    #[inline]
    fn take(&mut self, slots: &[CachePadded<Slot<C>>], slot: usize) -> bool {
        // SAFETY: a place is worked on under the lock.
        let content = unsafe { slots[slot].take() };
        let taken = content.map(|content| self.batch.push(Entry { slot, content }));
        taken.is_some()
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

    /// Gives all answers. Whether some are of futures, which are still to be told.
    fn settle(&mut self, slots: &[CachePadded<Slot<C>>]) -> bool {
        let mut futures = false;
        for entry in self.batch.drain(..) {
            // SAFETY: a place is worked on under the lock, and each request that was taken
            // is in the batch once.
            futures |= unsafe { slots[entry.slot].settle(entry.content) };
        }
        futures
    }
}
