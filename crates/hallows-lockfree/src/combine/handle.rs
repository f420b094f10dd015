// SPDX-License-Identifier: GPL-2.0-only
//! A thread's registration, and how its calls wait.

use std::panic::resume_unwind;

use super::node::Group;
use super::slot::Slot;
use super::submit::Submit;
use super::turn::Turn;
use super::{Combine, Shared};
use crate::sync::Arc;

/// How often a call tries the lock before it publishes its request.
const TRIES: u32 = 2;

/// Looks at the slot for one at the lock, of who waits for either. The last look is at both.
const LOOKS_PER_TRY: u32 = 8;

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
    pub(super) shared: Arc<Shared<C>>,
    pub(super) slot: usize,
    pub(super) group: Group,
    /// The slot may have a future's request, or its answer.
    pub(super) offered: bool,
    /// That future is counted as a sleeper.
    pub(super) counted: bool,
}

impl<C: Combine> Handle<C> {
    pub(super) fn new(shared: Arc<Shared<C>>, slot: usize, group: Group) -> Handle<C> {
        shared.groups.set(slot, group);
        Handle {
            shared,
            slot,
            group,
            offered: false,
            counted: false,
        }
    }

    pub(super) fn slot(&self) -> &Slot<C> {
        &self.shared.slots[self.slot]
    }

    /// Has a request served, by this thread or another, and returns the answer.
    ///
    /// Within the user's [`Combine`] a call of the same combiner never returns. One that has to
    /// sleep runs the heavy side of [`Fence::auto`](crate::fence::Fence::auto) first, as a
    /// [`Submit`](super::Submit) does that is pending.
    ///
    /// # Panics
    /// When serving this request does, or [`Combine::apply_batch`] gives it no answer, or
    /// panics on this thread about no request.
    #[inline]
    pub fn call(&mut self, op: C::Op) -> C::Ret {
        let Some(turn) = self.shared.turn_fast(self.group) else {
            return self.wait(op);
        };
        turn.apply_and_serve(op)
    }

    /// As [`call`](Handle::call), for a task: the thread is free for others until the
    /// answer is there. Dropping the future takes the request back, see [`Submit`]. Like
    /// `call`, polling it may serve requests of others.
    ///
    /// No future holds up another: whoever is woken has nothing that others wait for.
    pub fn submit(&mut self, op: C::Op) -> Submit<'_, C> {
        Submit::new(self, op)
    }

    #[cold]
    fn wait(&mut self, op: C::Op) -> C::Ret {
        // What a future that was forgotten has left.
        self.retract();
        if let Some(turn) = self.turn_soon() {
            return turn.apply_and_serve(op);
        }
        let slot = self.slot();
        // SAFETY: ours, and idle between calls.
        unsafe { slot.publish(op) };
        self.shared.note_waiting();
        let hints = self.shared.hints;
        let mut looks = hints.looks();
        loop {
            // SAFETY: ours.
            if let Some(content) = unsafe { slot.collect() } {
                return content.into_answer();
            }
            if looks.is_multiple_of(LOOKS_PER_TRY)
                && let Some(turn) = self.shared.turn(self.group)
            {
                if let Some(thrown) = turn.serve(Some(self.slot)) {
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

    /// A turn, at once or after a moment. Whoever has the state makes steps with all of it in
    /// its cache, and to be asked for a line takes it as long as many of them.
    fn turn_soon(&self) -> Option<Turn<'_, C>> {
        let hints = self.shared.hints;
        for _ in 0..TRIES {
            let turn = self.shared.turn(self.group);
            if turn.is_some() {
                return turn;
            }
            // Away from the lock's line, which its holder writes with each step.
            (0..hints.looks() / TRIES).for_each(|_| hints.pause());
        }
        None
    }

    /// Sleeps until the request is settled or the lock may be free.
    fn sleep(&self, slot: &Slot<C>) {
        if slot.lie_down() {
            if self.shared.head.lock.add_sleeper() {
                slot.sleep();
            }
            self.shared.head.lock.remove_sleeper();
            slot.get_up();
        }
    }
}

impl<C: Combine> Drop for Handle<C> {
    fn drop(&mut self) {
        /// Leaves the slot also when what a forgotten future has left there panics.
        struct Leave<'h, C: Combine>(&'h mut Handle<C>);
        impl<C: Combine> Drop for Leave<'_, C> {
            fn drop(&mut self) {
                let Handle { shared, slot, .. } = &*self.0;
                shared.groups.set(*slot, Group::NONE);
                shared.slots[*slot].leave();
            }
        }
        Leave(self).0.retract();
    }
}
