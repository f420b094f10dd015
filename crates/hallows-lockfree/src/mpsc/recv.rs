// SPDX-License-Identifier: GPL-2.0-only
//! The receiving end.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ptr;
use std::time::Duration;

use super::Shared;
use super::ring::{Ring, Run};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::sync::order;
use crate::unwind::to_the_end;

/// The receiving end of a queue; there is one:
/// ```compile_fail,E0599
/// let (_sender, receiver) = hallows_lockfree::mpsc::channel::<u32>(8)?;
/// let second = receiver.clone();
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Waiting
/// Its file descriptor becomes readable when something is sent after
/// [`arm`](Receiver::arm) returned true, or the last sender went, and stays so
/// until the next `arm`. In a loop around `epoll`: receive until
/// [`RecvError::Empty`], `arm`, wait only if that returned true.
pub struct Receiver<T: Send> {
    shared: Arc<Shared<T>>,
    /// The ring to look at first.
    turn: usize,
    received: u64,
    wakes: u64,
}

impl<T: Send> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Receiver<T> {
        Receiver {
            shared,
            turn: 0,
            received: 0,
            wakes: 0,
        }
    }

    /// Takes up to `max` values that lie together in the ring, of one lane.
    ///
    /// # Errors
    /// [`RecvError`]. `Empty` when `max` is 0.
    pub fn recv_batch(&mut self, max: usize) -> Result<Batch<'_, T>, RecvError> {
        if max == 0 {
            return Err(RecvError::Empty);
        }
        let (index, run) = match self.take(max) {
            Some(taken) => taken,
            // What was sent before the last sender went is there now.
            None if self.is_disconnected() => self.take(max).ok_or(RecvError::Disconnected)?,
            None => return Err(RecvError::Empty),
        };
        self.received += run.len as u64;
        let ring = &self.shared.rings[index];
        // SAFETY: just taken; the batch borrows the receiver exclusively.
        Ok(unsafe { Batch::new(ring, run) })
    }

    /// Takes one value.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv(&mut self) -> Result<T, RecvError> {
        let mut batch = self.recv_batch(1)?;
        batch.next().ok_or(RecvError::Empty)
    }

    /// Takes from the next ring that has something, up to `max` that isn't 0.
    fn take(&mut self, max: usize) -> Option<(usize, Run)> {
        let rings = self.shared.rings.len();
        for _ in 0..rings {
            let index = self.turn;
            self.turn = (index + 1) % rings;
            // SAFETY: the receiver is the consumer, and borrowed exclusively.
            if let Some(run) = unsafe { self.shared.rings[index].take(max) } {
                return Some((index, run));
            }
        }
        None
    }

    fn is_disconnected(&self) -> bool {
        let acquire = order("mpsc.left", Ordering::Acquire);
        self.shared.senders.load(acquire) == 0
    }

    /// Asks for the file descriptor to become readable at the next message: true.
    /// False when one is there already, or no sender is left: receive instead of
    /// waiting. Runs a heavy fence, which is a system call where readers' is light, and another.
    pub fn arm(&mut self) -> bool {
        // SAFETY: the receiver is the consumer, and borrowed exclusively.
        let is_ready = || unsafe { self.shared.rings.iter().any(|ring| ring.is_ready()) };
        self.shared
            .wake
            .arm(|| is_ready() || self.is_disconnected())
    }

    /// Waits until there is something to receive, no sender is left, a signal is
    /// handled, or `timeout` is over, which is rounded up to milliseconds.
    ///
    /// # Errors
    /// Those of poll(2).
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if !self.arm() {
            return Ok(());
        }
        self.wakes += 1;
        let round_up = |t: Duration| t.as_nanos().div_ceil(1_000_000);
        let timeout_ms = timeout.map_or(-1, |t| i32::try_from(round_up(t)).unwrap_or(i32::MAX));
        self.shared.wake.event().wait(timeout_ms)
    }

    /// What the queue has to account for.
    pub fn stats(&mut self) -> Stats {
        let mut stats = Stats {
            received: self.received,
            waits: self.wakes,
            ..Stats::default()
        };
        for ring in &self.shared.rings {
            // SAFETY: the receiver is the consumer, and borrowed exclusively.
            let (aborted, refused) = unsafe { ring.lost() };
            stats.aborted += aborted;
            stats.refused += refused;
            stats.used += ring.used();
            stats.capacity += ring.capacity();
        }
        stats
    }
}

#[cfg(not(loom))]
impl<T: Send> std::os::fd::AsFd for Receiver<T> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.shared.wake.event().as_fd()
    }
}

impl<T: Send> Drop for Receiver<T> {
    /// Senders are told. What was sent is dropped here; what is committed later, with
    /// the last sender.
    fn drop(&mut self) {
        // All before the first destructor, which may panic or take long.
        self.shared.rings.iter().for_each(Ring::close);
        let mut rings = self.shared.rings.iter();
        to_the_end(|| {
            let ring = rings.next();
            // SAFETY: the receiver is the consumer.
            ring.map(|ring| unsafe { ring.drain() }).is_some()
        });
    }
}

impl<T: Send> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("rings", &self.shared.rings.len())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// Values that were received, in the ring. It is an iterator that moves them out;
/// dropping it drops what is left and gives the slots back, by one store.
///
/// ```compile_fail,E0499
/// let (_sender, mut receiver) = hallows_lockfree::mpsc::channel::<u32>(8)?;
/// let first = receiver.recv_batch(8).unwrap();
/// let second = receiver.recv_batch(8).unwrap();
/// drop(first);
/// # Ok::<(), std::io::Error>(())
/// ```
/// Threads may share a batch only if they may share its values:
/// ```compile_fail,E0277
/// fn shared(_: impl Sync) {}
/// let (_sender, mut receiver) = hallows_lockfree::mpsc::channel::<std::cell::Cell<u32>>(8)?;
/// shared(receiver.recv_batch(8).unwrap());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Batch<'r, T> {
    ring: &'r Ring<T>,
    /// The values not moved out yet.
    run: Run,
    /// Shares them by reference, which is for T to allow.
    _values: PhantomData<&'r mut [T]>,
}

impl<'r, T> Batch<'r, T> {
    /// # Safety
    /// The caller is the consumer, has taken the run and passes it on.
    unsafe fn new(ring: &'r Ring<T>, run: Run) -> Batch<'r, T> {
        Batch {
            ring,
            run,
            _values: PhantomData,
        }
    }

    fn slots(&self) -> *mut [T] {
        // SAFETY: the run is the batch's.
        unsafe { self.ring.taken(self.run) }
    }

    /// The values not moved out yet.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: the run is initialised, and the batch's.
        unsafe { &*self.slots() }
    }

    /// The values not moved out yet.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: the run is initialised, and the batch's, which is borrowed
        // exclusively.
        unsafe { &mut *self.slots() }
    }
}

impl<T> Iterator for Batch<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.run.len == 0 {
            return None;
        }
        // SAFETY: the run is initialised, and its first slot is not in it any more once
        // it is moved out.
        let value = unsafe { self.slots().cast::<T>().read() };
        self.run.at += 1;
        self.run.len -= 1;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.run.len, Some(self.run.len))
    }
}

impl<T> ExactSizeIterator for Batch<'_, T> {}

impl<T> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the run is initialised; after this nobody has it. If a destructor
        // panics, the slots are freed with those of the next batch.
        unsafe {
            ptr::drop_in_place(self.slots());
            self.ring.free();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Batch").field(&self.as_slice()).finish()
    }
}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// Nothing is there now.
    Empty,
    /// Nothing is there, and no sender is left.
    Disconnected,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecvError::Empty => "the queue is empty",
            RecvError::Disconnected => "the queue is empty and has no senders any more",
        })
    }
}

impl std::error::Error for RecvError {}

/// The accounts of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Values received.
    pub received: u64,
    /// Grants that sent no value.
    pub aborted: u64,
    /// Reservations refused as there was no room: what was lost, if the producers
    /// do not try again.
    pub refused: u64,
    /// Calls of [`Receiver::wait`] that went to sleep.
    pub waits: u64,
    /// Slots that are claimed, or wait to be received.
    pub used: usize,
    /// Slots of all rings.
    pub capacity: usize,
}
