// SPDX-License-Identifier: GPL-2.0-only
//! Epochs: readers pin, and then may walk over as many values as they like.
//!
//! Cheaper than [`hp`](crate::hp) when one pin serves several loads, and fit for
//! values that have cells of their own. The price: a reader that stays pinned keeps
//! *everything* that is retired meanwhile. That can't be helped, but it is bounded and
//! seen here: what would retire more than [`Policy::max_pending`] values is refused
//! ([`Full`]), and [`Stats::holder`] names the thread.
//!
//! - A [`Collector`] is a set of participants and the values retired under them.
//! - A [`Participant`] is a thread's registration; it pins and so gets a [`Guard`].
//! - An [`Atomic`] owns a value that others may replace at any time.
//! - A [`Hazard`] holds one value that was found under a guard, so that a reader may keep
//!   that for long, and unpin: then nothing else is kept.
//! - [`Collector::collect`] does a bounded portion of work, on the thread of its caller:
//!   nothing is freed anywhere else. When it is worth the fence, [`Policy`] tells.
//!
//! No user of these writes `unsafe`.
//!
//! # Bound
//! **pending <= max_pending**, plus a value per [`Atomic`] that was dropped with one. A
//! call of `collect` looks at `scan_budget` participants and frees `free_budget` values
//! at most, and runs at most one heavy fence. Where there are hazards it also reads each of
//! them once, at the end of a grace period or while one holds what would be freed; such a
//! value counts as pending, one per hazard.
//!
//! # Proof of safety
//! A *grace period* takes all that is retired (the batch), runs the heavy fence, raises
//! the epoch to `e` with release, then looks at each participant until it sees it
//! either unpinned or pinned in an epoch of at least `e`. Then the batch is freed. Let
//! a reader pin, that is, load the epoch with acquire, store it (`A`) and run the light
//! fence, and then load (`B`) a cell from which a value of the batch was unlinked (`X`).
//! Suppose `B` misses `X`, so the reader may have that value.
//! 1. By [`fence`](crate::fence) (with its transitivity: `X` may be of another thread that
//!    then retired with release, which the period took with acquire) each look at the
//!    participant sees `A` or a later store of it.
//! 2. `A` did not store `e` or more: who loads that epoch with acquire sees all that the
//!    period had seen, so `X`.
//! 3. So the look that let the participant pass saw a *later* store than `A`: that of
//!    the unpinning, or of another one after it. Both are releases and the look
//!    acquires, so all that was read under the guard happened before the batch is freed.
//!
//! A participant whose record was linked too late for the period's list is as one that
//! was seen unpinned: the list is read after the heavy fence, the record was linked
//! before `A`. Looks may be any time apart, as one heavy fence serves them all. ∎
//!
//! *Hazards need no fence of their own.* A value is stored in a hazard (`H`) under a guard
//! that has it, and hazards are read (`Z`) after the period of the value's batch. That
//! guard's reader was let pass because of a later store of its participant than `A`, by
//! (3) that of the unpinning or one after it, as the guard had a value of the batch. `H`
//! comes before that release store in the thread's order, and the look acquires it, so
//! `Z` sees `H` or a later store of that hazard. If it is a later one, the value is held no
//! more, nor will it be by that hazard again, since nobody has a guard with it: stores to
//! a hazard are releases and `Z` acquires, so what was read of the value happened before it is
//! freed. If `Z` sees the value, it is kept, and hazards are read again for it later.

mod atomic;
mod collector;
mod grace;
mod hold;
mod participant;
mod policy;

pub use atomic::{Atomic, Full, Refused, Unlinked};
pub use collector::{Collected, Collector, Holder, Stats};
pub use hold::{Guarded, Hazard};
pub use participant::{Guard, Participant};
pub use policy::Policy;

#[cfg(all(test, not(loom)))]
mod tests;
