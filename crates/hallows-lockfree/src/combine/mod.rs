// SPDX-License-Identifier: GPL-2.0-only
//! Flat combining: one thread serves the requests of many (Hendler, Incze, Shavit and
//! Tzafrir, SPAA 2010).
//!
//! For state that many threads change, in steps too large for an atomic, and best where
//! several requests cost less together than one by one. A counter needs no more than an atomic.
//!
//! - A [`FlatCombiner`] owns the state, and slots for a fixed number of threads.
//! - A [`Handle`] is a thread's registration; [`Handle::call`] has a request served, and
//!   [`Handle::submit`] does so for a task of any executor.
//! - [`Combine`] is what the user writes: `apply` for one request and, where requests can
//!   be merged, `apply_batch` for several.
//!
//! No user of these writes `unsafe`.
//!
//! # Protocol
//! There is a lock, and a count of who sleeps for it. A call that finds it free
//! takes a *turn*: it applies its own request, then serves what others have published.
//! A call that doesn't tries again a moment later, then publishes its request in its slot,
//! notes that somebody waits (a turn that finds no such note looks at no slot), and looks
//! whether it was answered and, less often, whether the lock is free (then it takes a turn
//! itself); after a while of that it sleeps. Whoever unlocks wakes one sleeper that is not answered, if
//! there is one.
//!
//! *Exclusion:* the state is its that has the lock. A slot's content is its owner's while
//! the slot is idle or done, its that has the lock while it is pending, asleep or
//! taken, and its that ends the offer while it is on offer.
//! Publishing, settling and unlocking are releases, what sees them acquires.
//!
//! A future ([`Submit`]) does the same, and *offers* its request where a thread publishes it:
//! it may take it back, so a turn takes an offer by a step that one of the two makes.
//! Instead of sleeping it leaves a waker, looks once more whether it was answered, counts
//! itself in as a sleeper, and returns. A turn that answered futures calls their wakers after it
//! has unlocked and handed over: by the proof in `waker` the waker is called or that look sees
//! the answer.
//!
//! *No request sleeps for ever.* A sleeper lies down, counts itself in, and sleeps only if it
//! then sees the lock taken. So each unlocking after what it saw counts it and, until it gets
//! up, sees its slot asleep (the proof is in `lock`). It looks at all slots and, if one is
//! asleep, wakes it to try the lock, unless the lock is taken again, when all that holds for
//! that turn's end. Who is woken so and finds the lock taken, or itself answered, leaves the
//! duty to the turn that did it, which has yet to unlock. If no thread is asleep, *all* futures on offer are
//! woken. They may be polled late or dropped, but none of them has the duty alone, and who
//! lies down later has the turn that it saw to care for it. From the unlocking to the waking of
//! a thread no code of the user's runs: a waker that blocks, or panics, is called later. ∎
//!
//! # Bounds
//! - Memory: the slots, and a batch of `pass + 1` requests. A call allocates nothing.
//! - A turn serves its own request and at most `pass` of others; nobody combines for ever.
//! - Others are served in the order of slots, on from where the turn before stopped. So of
//!   N slots one is served after at most ceil(N / pass) turns that begin after it is
//!   seen to be published, whoever takes them, not counting those that a panic of the user's
//!   code ends: **(ceil(N / pass) + 1) * (pass + 1)** requests.
//!   Where groups are used, up to half of a pass goes to the turn's own group out of that
//!   order, so it is (ceil(N / ceil(pass / 2)) + 1) * (pass + 1).
//! - Dropping a future waits for a batch at most, `pass + 1` requests; within that batch, for
//!   ever.
//! - In time there is no bound: while the system doesn't run the thread whose turn it is,
//!   all wait, as for a mutex. They sleep then, so that it gets a CPU: more threads than
//!   CPUs are no reason to collapse.
//!
//! # Panics
//! A panic of the user's code goes on in the caller of the request that it was about,
//! whichever thread ran it, and in nobody else. In `apply` that is plain. When
//! `apply_batch` panics, what it had answered stays answered, what it had not looked
//! at is served by `apply`, and the first request that it took and did not answer gets the
//! panic; others like it panic as well, saying that there is no answer. If there is none
//! such, the panic is of the call that combines. Nothing is poisoned: the state is as
//! the panicking code left it, and leaving it in order is up to that code.

mod batch;
mod handle;
mod lock;
mod node;
mod slot;
mod submit;
mod turn;
mod waker;

pub use batch::{Batch, Reply};
pub use handle::Handle;
pub use node::current_node;
pub use submit::Submit;
/// Public for a model of its own: in those of `combine`, full fences hide what it needs.
#[cfg(loom)]
pub use waker::WakerCell;

use crossbeam_utils::CachePadded;

use crate::signal::Hints;
use crate::sync::atomic::{AtomicBool, AtomicUsize};
use crate::sync::{Arc, Exclusive};
use lock::Lock;
use node::{Group, Groups};
use slot::Slot;
use turn::Place;

/// State that serves requests, of other threads, so they must be fit for that:
/// ```compile_fail,E0277
/// struct Last(u32);
/// impl hallows_lockfree::combine::Combine for Last {
///     type Op = std::rc::Rc<u32>;
///     type Ret = u32;
///     fn apply(&mut self, op: std::rc::Rc<u32>) -> u32 {
///         std::mem::replace(&mut self.0, *op)
///     }
/// }
/// ```
pub trait Combine: Send + Sized {
    /// A request.
    type Op: Send;
    /// Its answer.
    type Ret: Send;

    /// Serves one request.
    ///
    /// In here, and in [`apply_batch`](Combine::apply_batch), a
    /// [`call`](Handle::call) of the same combiner never returns, nor does dropping a
    /// [`Submit`] of it whose request was taken into the same batch.
    fn apply(&mut self, op: Self::Op) -> Self::Ret;

    /// Serves several requests of different threads, all under way, so in any order and
    /// merged as it likes. What it doesn't take from the batch is served by
    /// [`apply`](Combine::apply).
    fn apply_batch(&mut self, batch: Batch<'_, Self>) {
        for (op, reply) in batch {
            reply.send(self.apply(op));
        }
    }
}

/// State that threads share by having their requests served. Clones share it.
pub struct FlatCombiner<C: Combine> {
    shared: Arc<Shared<C>>,
}

struct Shared<C: Combine> {
    head: CachePadded<Head>,
    place: CachePadded<Exclusive<Place<C>>>,
    slots: Box<[CachePadded<Slot<C>>]>,
    groups: Groups,
    pass: usize,
    hints: Hints,
}

/// What a call looks at first, and who waits last.
#[derive(Default)]
struct Head {
    lock: Lock,
    /// Whether a request may be waiting that no turn has looked for.
    waiting: AtomicBool,
    /// The slot whose thread is woken first, when a turn ends and threads sleep: where the
    /// last one that served others stopped.
    next: AtomicUsize,
}

// SAFETY: `place` is accessed under the lock only, a slot's content by one thread at a
// time (exclusion, above), and all that passes from thread to thread is Send.
unsafe impl<C: Combine> Sync for Shared<C> {}

impl<C: Combine> FlatCombiner<C> {
    /// `state`, for `threads` threads at most at once. A turn serves up to `pass` requests
    /// of others: more merge better, and keep one thread from its own work for longer. The first
    /// one of a process may take milliseconds, see [`Fence::auto`](crate::fence::Fence::auto).
    ///
    /// # Panics
    /// When `threads` or `pass` is 0.
    pub fn new(state: C, threads: usize, pass: usize) -> FlatCombiner<C> {
        FlatCombiner::with_hints(state, threads, pass, Hints::auto())
    }

    /// As [`new`](FlatCombiner::new), its threads waiting by these hints.
    ///
    /// # Panics
    /// As there.
    pub fn with_hints(state: C, threads: usize, pass: usize, hints: Hints) -> FlatCombiner<C> {
        assert!(threads > 0, "a combiner needs a thread");
        assert!(pass > 0, "a turn that serves nobody starves all who wait");
        // More can't be waiting.
        let pass = pass.min(threads);
        FlatCombiner {
            shared: Arc::new(Shared {
                head: CachePadded::default(),
                place: CachePadded::new(Exclusive::new(Place::new(state, pass))),
                slots: (0..threads).map(|_| CachePadded::default()).collect(),
                groups: Groups::new(threads),
                pass,
                hints,
            }),
        }
    }

    /// A slot for the caller's requests, or None when as many handles exist as the combiner
    /// was made for.
    pub fn register(&self) -> Option<Handle<C>> {
        self.register_as(Group::NONE)
    }

    /// As [`register`](FlatCombiner::register), for a thread of a group, which is of those
    /// that reach the state cheaply from each other: of a memory node
    /// ([`current_node`]), of those that share a cache. Up to half of what a turn serves is
    /// of its thread's group before the others' turn comes, and its group comes first when
    /// a thread is woken to go on: so the state stays near for several requests, and
    /// nobody far waits without bound.
    pub fn register_in(&self, group: u16) -> Option<Handle<C>> {
        self.register_as(Group::new(group))
    }

    fn register_as(&self, group: Group) -> Option<Handle<C>> {
        let slot = self.shared.slots.iter().position(|slot| slot.claim())?;
        Some(Handle::new(self.shared.clone(), slot, group))
    }
}

impl<C: Combine> Clone for FlatCombiner<C> {
    fn clone(&self) -> FlatCombiner<C> {
        FlatCombiner {
            shared: self.shared.clone(),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
