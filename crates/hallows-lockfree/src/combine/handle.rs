// SPDX-License-Identifier: GPL-2.0-only
//! A thread's registration, and how its calls wait.

use std::panic::resume_unwind;

use super::batch::Content;
use super::slot::Slot;
use super::{Combine, Shared};
use crate::sync::Arc;

/// A slot of a combiner: what a thread has its requests served by. Dropping it leaves the
/// slot to others. It has room for one request, so two threads can't use it at once:
/// ```compile_fail,E0499
/// # use hallows_lockfree::combine::{Combine, FlatCombiner};
/// # struct Sum(u32);
/// # impl Combine for Sum {
/// #     type Op = u32;
/// #     type Ret = u32;
/// #     fn apply(&mut self, op: u32) -> u32 { self.0 += op; self.0 }
/// # }
/// let mut handle = FlatCombiner::new(Sum(0), 1, 1).register().unwrap();
/// std::thread::scope(|scope| {
///     scope.spawn(|| handle.call(1));
///     scope.spawn(|| handle.call(2));
/// });
/// ```
pub struct Handle<C: Combine> {
    shared: Arc<Shared<C>>,
    slot: usize,
}

impl<C: Combine> Handle<C> {
    pub(super) fn new(shared: Arc<Shared<C>>, slot: usize) -> Handle<C> {
        Handle { shared, slot }
    }

    /// Has a request served, by this thread or another, and returns the answer.
    ///
    /// Within the user's [`Combine`] a call of the same combiner never returns.
    ///
    /// # Panics
    /// When serving this request does, or [`Combine::apply_batch`] gives it no answer, or
    /// panics on this thread about no request.
    #[inline]
    pub fn call(&mut self, op: C::Op) -> C::Ret {
        let Some(turn) = self.shared.turn_fast() else {
            return self.wait(op);
        };
        let answer = turn.apply(op);
        let stray = turn.serve(None);
        drop(turn);
        if let Some(thrown) = stray {
            resume_unwind(thrown);
        }
        answer
    }

    #[cold]
    fn wait(&mut self, op: C::Op) -> C::Ret {
        let slot = &self.shared.slots[self.slot];
        // SAFETY: ours, and idle between calls.
        unsafe { slot.publish(op) };
        self.shared.note_waiting();
        let hints = self.shared.hints;
        let mut looks = hints.looks();
        loop {
            // SAFETY: ours.
            match unsafe { slot.collect() } {
                Some(Content::Ret(answer)) => return answer,
                Some(Content::Panic(Some(thrown))) => resume_unwind(thrown),
                Some(_) => panic!("apply_batch took this request and did not answer it"),
                None => {}
            }
            if let Some(turn) = self.shared.turn() {
                let stray = turn.serve(Some(self.slot));
                drop(turn);
                if let Some(thrown) = stray {
                    // SAFETY: ours. The slot is idle for the next call.
                    drop(unsafe { slot.collect() });
                    resume_unwind(thrown);
                }
            } else if looks > 0 {
                looks -= 1;
                slot.watch(hints);
            } else {
                self.sleep(slot);
                looks = hints.looks();
            }
        }
    }

    /// Sleeps until the request is settled or the lock may be free.
    fn sleep(&self, slot: &Slot<C>) {
        if slot.lie_down() {
            if self.shared.lock.add_sleeper() {
                slot.sleep();
            }
            self.shared.lock.remove_sleeper();
            slot.get_up();
        }
    }
}

impl<C: Combine> Drop for Handle<C> {
    fn drop(&mut self) {
        self.shared.slots[self.slot].leave();
    }
}
