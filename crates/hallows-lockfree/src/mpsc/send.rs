// SPDX-License-Identifier: GPL-2.0-only
//! The sending ends.

use std::fmt;

use super::grant::Grant;
use super::ring::Ring;
use super::{Shared, wake::Wake};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// A sending end of a [`channel`](super::channel). Threads may share it or clone it;
/// a clone allocates nothing.
///
/// What is sent must be fit for another thread:
/// ```compile_fail,E0277
/// hallows_lockfree::mpsc::channel::<std::rc::Rc<u32>>(8)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Sender<T: Send> {
    shared: Arc<Shared<T>>,
    /// The ring that it sends to.
    index: usize,
}

impl<T: Send> Sender<T> {
    /// Counted in `senders` by the caller.
    pub(super) fn new(shared: Arc<Shared<T>>, index: usize) -> Sender<T> {
        Sender { shared, index }
    }

    fn ring(&self) -> &Ring<T> {
        &self.shared.rings[self.index]
    }

    /// Claims `n` contiguous slots, all or none: one compare-and-swap. Lock-free.
    ///
    /// # Errors
    /// [`SendError::Full`], counted as refused, or [`SendError::Closed`].
    ///
    /// # Panics
    /// When `n` is 0 or above [`max_batch`](Sender::max_batch).
    #[inline]
    pub fn reserve(&self, n: usize) -> Result<Grant<'_, T>, SendError> {
        let max = self.max_batch();
        assert!((1..=max).contains(&n), "a batch of {n}: 1 to {max} fit");
        if self.is_closed() {
            return Err(SendError::Closed(()));
        }
        let claim = self.ring().claim(n).ok_or(SendError::Full(()))?;
        let wake: &Wake = &self.shared.wake;
        // SAFETY: just claimed.
        Ok(unsafe { Grant::new(self.ring(), wake, claim) })
    }

    /// Sends one value. Lock-free.
    ///
    /// # Errors
    /// As for [`reserve`](Sender::reserve), with the value.
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError::Closed(value));
        }
        let Some(claim) = self.ring().claim(1) else {
            return Err(SendError::Full(value));
        };
        // SAFETY: just claimed.
        unsafe { self.ring().publish_one(claim, value) };
        self.shared.wake.notify();
        Ok(())
    }

    /// The largest batch: half the capacity.
    pub fn max_batch(&self) -> usize {
        self.ring().capacity() / 2
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.ring().is_closed()
    }
}

impl<T: Send> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Sender::new(self.shared.clone(), self.index)
    }
}

impl<T: Send> Drop for Sender<T> {
    fn drop(&mut self) {
        // Release: who finds no sender finds all that was sent. No model misses it, as
        // the sequential light fence after each commit does the same.
        if self.shared.senders.fetch_sub(1, Ordering::Release) == 1 {
            self.shared.wake.notify();
        }
    }
}

impl<T: Send> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.ring().capacity())
            .finish_non_exhaustive()
    }
}

/// A sending end of [`lanes`](super::lanes), with a ring of its own: claims are
/// wait-free, and other producers' delays are not its own.
///
/// ```compile_fail,E0599
/// let (lanes, _receiver) = hallows_lockfree::mpsc::lanes::<u32>(1, 8)?;
/// let second = lanes[0].clone();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Lane<T: Send> {
    sender: Sender<T>,
}

impl<T: Send> Lane<T> {
    pub(super) fn new(sender: Sender<T>) -> Lane<T> {
        Lane { sender }
    }

    /// As [`Sender::reserve`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub fn reserve(&mut self, n: usize) -> Result<Grant<'_, T>, SendError> {
        self.sender.reserve(n)
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send(&mut self, value: T) -> Result<(), SendError<T>> {
        self.sender.send(value)
    }

    /// The largest batch: half the capacity of the lane.
    pub fn max_batch(&self) -> usize {
        self.sender.max_batch()
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError<T = ()> {
    /// There is no room now.
    Full(T),
    /// The receiver is gone.
    Closed(T),
}

impl<T> SendError<T> {
    /// What wasn't sent.
    pub fn into_inner(self) -> T {
        match self {
            SendError::Full(value) | SendError::Closed(value) => value,
        }
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Full(_) => "the queue is full",
            SendError::Closed(_) => "the receiver is gone",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for SendError<T> {}
