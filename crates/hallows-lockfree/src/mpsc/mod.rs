// SPDX-License-Identifier: GPL-2.0-only
//! A bounded queue from many producers to one consumer, for batches.
//!
//! - [`Sender::reserve`] claims `n` contiguous slots by one compare-and-swap; the
//!   [`Grant`] is filled in place and committed by one store, or aborted by dropping it.
//! - [`Receiver::recv_batch`] gives what is ready as one slice, and gives the slots
//!   back by one store.
//! - [`Receiver`] has a file descriptor that becomes readable when something comes,
//!   so that one `epoll` waits for the queue and for everything else.
//! - [`channel`] has one ring for all producers, [`lanes`] a ring for each.
//! - Nothing is allocated after construction. A full queue refuses; it never waits.
//!
//! # Protocol
//! Slots are numbered by positions that only grow; a slot's place in the ring is its
//! position modulo the capacity, a power of two. `tail` is the end of what is
//! claimed, `head` the start of what is not free yet: `head <= tail <= head +
//! capacity`. Beside each slot is a *word*, 0 but where a claim starts that was
//! published; it then tells how long the claim is and how much of it holds values.
//! 1. A producer raises `tail` by the size of its claim. A claim that would run over
//!    the end of the ring starts with a gap up to there. A batch is at most half the
//!    ring, so that the gap, shorter than the batch, always fits too.
//! 2. It fills the slots and stores the word of the first one, with release.
//! 3. The consumer loads, with acquire, the word at its position. If it is not 0 it
//!    clears it and has the values; then it goes on behind the claim.
//! 4. When it is done with them it stores `head`, with release, which a producer
//!    loads with acquire before it claims the slots again.
//!
//! *Exclusion:* a slot is its producer's from the claim to the word (claims don't
//! overlap, as `tail` is raised by compare-and-swap), the consumer's from the word to
//! `head` (2 happens before 3), and nobody's from then until the next claim, which
//! happens after (4). *Words:* a word is stored once per claim, into a slot whose
//! word was 0, and cleared by the consumer before `head` passes it. So the word that
//! the consumer finds at its position is of the claim that starts there.
//!
//! # Progress
//! A claim is lock-free. One producer that is preempted between claim and commit
//! delays the messages behind it until it runs again (not those that others still
//! send, while there is room). In `lanes` a claim is wait-free, and such a producer
//! delays only its own. A [`Grant`] that is forgotten (`mem::forget`) ends its ring.

mod grant;
mod recv;
mod ring;
mod send;
mod wake;

pub use grant::Grant;
pub use recv::{Batch, Receiver, RecvError, Stats};
pub use send::{Lane, SendError, Sender};

use std::io;

use ring::Ring;
use wake::Wake;

use crate::sync::Arc;
use crate::sync::atomic::AtomicUsize;

/// Slots of a ring at most.
pub const MAX_CAPACITY: usize = 1 << 20;

/// What the two ends share.
struct Shared<T> {
    rings: Box<[Ring<T>]>,
    /// Handles that can still send.
    senders: AtomicUsize,
    wake: Wake,
}

/// A queue of one ring with `capacity` slots, rounded up to a power of two of at
/// least 2. Senders may be cloned.
///
/// # Errors
/// No file descriptor is to be had.
///
/// # Panics
/// When `capacity` is above [`MAX_CAPACITY`].
pub fn channel<T: Send>(capacity: usize) -> io::Result<(Sender<T>, Receiver<T>)> {
    let shared = shared(1, capacity)?;
    Ok((Sender::new(shared.clone(), 0), Receiver::new(shared)))
}

/// A queue of `producers` rings with `capacity` slots each, as for [`channel`]. The
/// consumer serves them in turn; between lanes there is no order.
///
/// # Errors
/// No file descriptor is to be had.
///
/// # Panics
/// When `capacity` is above [`MAX_CAPACITY`] or `producers` is 0.
pub fn lanes<T: Send>(
    producers: usize,
    capacity: usize,
) -> io::Result<(Vec<Lane<T>>, Receiver<T>)> {
    assert!(producers > 0, "a queue needs a producer");
    let shared = shared(producers, capacity)?;
    let lane = |index| Lane::new(Sender::new(shared.clone(), index));
    let lanes = (0..producers).map(lane).collect();
    Ok((lanes, Receiver::new(shared)))
}

fn shared<T>(producers: usize, capacity: usize) -> io::Result<Arc<Shared<T>>> {
    Ok(Arc::new(Shared {
        rings: (0..producers).map(|_| Ring::new(capacity)).collect(),
        senders: AtomicUsize::new(producers),
        wake: Wake::new()?,
    }))
}

#[cfg(all(test, not(loom)))]
mod tests;
