// SPDX-License-Identifier: GPL-2.0-only
//! Requests whose callers don't wait in a thread.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Combine;
use super::handle::Handle;

/// A request on its way: what [`Handle::submit`] returns. The request is published when
/// this is first polled.
///
/// Dropping it *takes the request back*: it is not served, then or later. Only if a turn has
/// taken it already it is served, and dropping waits for that: for the batch that it is in,
/// of `pass + 1` requests at most, asleep if it lasts. Its answer, or panic, is dropped too.
///
/// So within the user's [`Combine`] it never returns where the request is in the batch that is
/// being served: what waits for a batch must not be dropped by what is in it.
///
/// Forgetting it ([`std::mem::forget`]) leaves the request where it is. It may be served until
/// the handle is used for another that has to wait, or dropped: these take it back.
///
/// It borrows the handle, which has room for one request:
/// ```compile_fail,E0499
/// # use hallows_lockfree::combine::{Combine, FlatCombiner};
/// # struct Sum(u32);
/// # impl Combine for Sum {
/// #     type Op = u32;
/// #     type Ret = u32;
/// #     fn apply(&mut self, op: u32) -> u32 { self.0 += op; self.0 }
/// # }
/// # async fn two() {
/// let mut handle = FlatCombiner::new(Sum(0), 1, 1).register().unwrap();
/// let first = handle.submit(1);
/// let second = handle.submit(2);
/// println!("{} {}", first.await, second.await);
/// # }
/// ```
/// and it may not outlive it:
/// ```compile_fail,E0597
/// # use hallows_lockfree::combine::{Combine, FlatCombiner};
/// # struct Sum(u32);
/// # impl Combine for Sum {
/// #     type Op = u32;
/// #     type Ret = u32;
/// #     fn apply(&mut self, op: u32) -> u32 { self.0 += op; self.0 }
/// # }
/// # async fn late(combiner: FlatCombiner<Sum>) {
/// let request = {
///     let mut handle = combiner.register().unwrap();
///     handle.submit(1)
/// };
/// request.await;
/// # }
/// ```
#[must_use = "a request is published when its future is polled"]
pub struct Submit<'h, C: Combine> {
    handle: &'h mut Handle<C>,
    /// Until it is first polled.
    op: Option<C::Op>,
}

/// The request is moved, and nothing else is in here.
impl<C: Combine> Unpin for Submit<'_, C> {}

impl<'h, C: Combine> Submit<'h, C> {
    pub(super) fn new(handle: &'h mut Handle<C>, op: C::Op) -> Submit<'h, C> {
        let op = Some(op);
        Submit { handle, op }
    }
}

impl<C: Combine> Future for Submit<'_, C> {
    type Output = C::Ret;

    /// # Panics
    /// As [`Handle::call`], and after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<C::Ret> {
        if let Some(op) = self.op.take()
            && let Some(answer) = self.handle.try_or_offer(op)
        {
            return Poll::Ready(answer);
        }
        self.handle.poll_offer(context)
    }
}

impl<C: Combine> Drop for Submit<'_, C> {
    fn drop(&mut self) {
        self.handle.retract();
    }
}

impl<C: Combine> fmt::Debug for Submit<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submit")
            .field("published", &self.op.is_none())
            .finish_non_exhaustive()
    }
}

impl<C: Combine> Handle<C> {
    /// Serves the request at once if nobody is at it, else offers it to who is.
    fn try_or_offer(&mut self, op: C::Op) -> Option<C::Ret> {
        if let Some(turn) = self.shared.turn_fast(self.group) {
            return Some(turn.apply_and_serve(op));
        }
        // What a future that was forgotten has left.
        self.retract();
        // SAFETY: the slot is ours, and idle.
        unsafe { self.slot().offer(op) };
        self.offered = true;
        self.shared.note_waiting();
        None
    }

    /// As the loop of a thread that waits, with leaving a waker for falling asleep.
    fn poll_offer(&mut self, context: &mut Context<'_>) -> Poll<C::Ret> {
        assert!(self.offered, "a request was polled after it was answered");
        self.count_out();
        loop {
            // SAFETY: the slot is ours.
            if let Some(content) = unsafe { self.slot().collect() } {
                self.offered = false;
                self.slot().waker.clear();
                return Poll::Ready(content.into_answer());
            }
            let turn = self.shared.turn(self.group);
            match turn.map(|turn| turn.serve(Some(self.slot))) {
                None => {}
                Some(None) => continue,
                Some(Some(thrown)) => {
                    self.retract();
                    resume_unwind(thrown);
                }
            }
            self.slot().waker.leave(context.waker());
            // Who answers calls a waker that is left afterwards, else the answer is seen here.
            if self.slot().is_done() {
                continue;
            }
            if self.shared.head.lock.add_sleeper() {
                self.counted = true;
                return Poll::Pending;
            }
            self.shared.head.lock.remove_sleeper();
        }
    }

    /// Takes back the request of a future that is gone, or waits for the turn that took it.
    #[inline]
    pub(super) fn retract(&mut self) {
        if self.offered {
            self.retract_offer();
        }
    }

    #[cold]
    fn retract_offer(&mut self) {
        self.count_out();
        // SAFETY: the slot is ours.
        let request = unsafe { self.slot().withdraw() };
        // The user's code, so dropped when all is in order: it may panic.
        let _content = request.unwrap_or_else(|| self.slot().wait_out(self.shared.hints));
        // Not before the slot is idle: until then a turn may be at it, so who went on, after a
        // panic, as if there were no request would meet that.
        self.offered = false;
        self.slot().waker.clear();
    }

    /// Ends being counted as a sleeper. There is no duty to hand on: when futures were woken
    /// for it, all were.
    fn count_out(&mut self) {
        if std::mem::take(&mut self.counted) {
            self.shared.head.lock.remove_sleeper();
        }
    }
}
