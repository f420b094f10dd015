// SPDX-License-Identifier: GPL-2.0-only
//! Hazard pointers (Michael 2004): readers announce the one value they look at,
//! and what is announced isn't freed.
//!
//! For values that are read often and replaced now and then, where a reader that
//! stops for long must not keep more than the one value that it holds.
//!
//! - A [`Domain`] is a set of hazards and the values retired under them.
//! - An [`Atomic`] owns a value that others may replace at any time.
//! - A [`HazardPointer`] protects one value at a time for its owner.
//! - What is replaced comes back as [`Unlinked`], which *retires* when dropped: O(1),
//!   no value is freed there while the domain lives.
//! - [`Domain::reclaim`] frees, on the thread and in the portions of its caller.
//! - [`Publisher`] and [`Reader`] are all of it for one writer and many readers.
//!
//! No user of these writes `unsafe`.
//!
//! # Bound
//! Let a *sweep* be a call of `reclaim(usize::MAX)` that isn't refused as busy. If
//! between the start of a sweep and the end of the next each of T threads retires
//! at most R values, then always **pending <= T*R + H**, H being the number of
//! hazards, in use or given up ([`Stats::hazards`]). *Proof:* take a moment t and the
//! last sweep that ended before it, which started at s. What was pending at s has
//! been freed by that sweep unless it found it in one of the H hazards, which it
//! looked at once each. Everything else that is pending at t was retired since s, and
//! t is before the end of the next sweep, so that is at most T*R. ∎ How long a reader
//! stops is not in it.
//!
//! # Proof of safety
//! A reader stores the address in its hazard (`A`), runs the light fence and loads
//! the cell again (`B`); it has the value only when that still finds the address.
//! A thread unlinks by a swap (`X`) and pushes the value on the retired list with
//! release. The sweep takes the list with acquire, runs the heavy fence, then
//! loads all hazards (`Y`). By [`fence`](crate::fence) (with its transitivity, as
//! another thread may have unlinked) either `B` sees the swap and the reader
//! doesn't have the value, or `Y` sees the hazard and the sweep leaves the value
//! alone. Nor can a value that the sweep saw unprotected be protected later: it is
//! in no cell any more, and every later `B` sees that. So one look at the hazards
//! serves for all values of a batch, however long freeing them takes.
//!
//! A hazard is overwritten or cleared with release and loaded with acquire, so what
//! its owner read of the old value happened before the old value is freed. A value
//! is published with release and loaded with acquire by `B`.
//!
//! An address that is freed and allocated anew while a reader is between `A` and `B`
//! (ABA) does no harm: `B` then finds the *new* value linked at that address, whose
//! unlinking is still to come, and the argument holds for that one.

mod atomic;
mod domain;
mod hazard;
mod snapshot;
mod sweep;

pub use atomic::{Atomic, Unlinked};
pub use domain::{Domain, Reclaimed, Stats};
pub use hazard::{Changed, HazardPointer};
pub use snapshot::{Publisher, Reader, snapshot};

#[cfg(all(test, not(loom)))]
mod tests;
