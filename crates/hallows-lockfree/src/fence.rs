// SPDX-License-Identifier: GPL-2.0-only
//! Asymmetric fences: free where it is hot, a system call where it is rare.
//!
//! A pair of fences stops *store buffering*. One side runs `A; light; B`, the
//! other `X; heavy; Y`, where `A` and `X` store, `B` loads what `X` stored and `Y`
//! loads what `A` stored. **Claim:** `B` reads `X` (or something newer) or `Y`
//! reads `A` (or something newer); never do both read older values. Two `light`
//! fences promise nothing to each other.
//!
//! With [`Fence::auto`] the light side is a compiler fence and the heavy side
//! `membarrier(2)` with `MEMBARRIER_CMD_PRIVATE_EXPEDITED`. Where that call is
//! not to be had both sides are sequentially consistent fences, for which the
//! claim is a theorem of the C++ memory model (\[atomics.order\]).
//!
//! # Proof
//! Between its start and its return the call executes a full barrier on every
//! CPU that runs a thread of the process; a thread that doesn't run passes one in
//! the scheduler before it runs again. So for each thread R of the process there
//! is a point `m` in R's order of instructions such that
//! 1. what the caller did or had seen before the call is seen by R after `m`;
//! 2. what R did before `m` is seen by the caller after the call.
//!
//! `light` keeps the compiler from exchanging `A` and `B`, so A comes before B in
//! R's order of instructions, and `m` is either before or after `B`:
//! - before `B`: `B` sees `X` by (1);
//! - after `B`: then it is after `A` too, and `Y` sees `A` by (2). ∎
//!
//! # Transitivity
//! `X` need not be the caller's own. Let thread U do `X`, then a release store that
//! the caller C reads with acquire before it calls `heavy` (U unlinks and retires
//! an object, C takes it from the list and reclaims). `X` then is something that C
//! *had seen*, and full barriers are cumulative, so (1) holds for it as well: the
//! thread that retires needs no heavy fence, only the one that reclaims.
//!
//! # More than one observation
//! Let C look at R's variable more than once after one `heavy`, at `Y1`, then
//! `Y2`. If R runs `A; light; B` where B misses `X`, `m` is after `A`, so `Y1` *and*
//! `Y2` see `A` or something newer. A scan may therefore stop and go on later
//! without another heavy fence.
//!
//! Asymmetric fences are specified for C++ by P1202 and are not part of Rust's
//! memory model. What is assumed beyond it is that the compiler emits relaxed
//! atomic accesses on either side of a compiler fence as instructions in that
//! order. Models (loom, Miri) always run the fallback.

#[cfg(not(any(loom, miri)))]
use std::sync::atomic::{Ordering, compiler_fence};

use crate::sync::full_fence;

/// A pair of fences. Both sides must use copies of the same value, or values
/// that are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Compiler fence against `membarrier(2)`. Exists only when the process has
    /// registered for it.
    #[cfg(not(any(loom, miri)))]
    Asymmetric,
    /// `fence(SeqCst)` on both sides.
    Sequential,
}

impl Fence {
    /// The cheapest pair that this process can have, chosen at the first call and
    /// the same ever after.
    ///
    /// The first call registers the process for expedited barriers, which waits
    /// for a grace period of the kernel when other threads run (milliseconds):
    /// make it early. A seccomp filter that forbids `membarrier` must be in force
    /// by then; see [`heavy`](Fence::heavy).
    pub fn auto() -> Fence {
        #[cfg(not(any(loom, miri)))]
        {
            use std::sync::OnceLock;
            static CHOSEN: OnceLock<Fence> = OnceLock::new();
            *CHOSEN.get_or_init(|| Fence::asymmetric().unwrap_or(Fence::sequential()))
        }
        #[cfg(any(loom, miri))]
        Fence::sequential()
    }

    /// Sequentially consistent fences on both sides: needs nothing of the kernel.
    pub const fn sequential() -> Fence {
        Fence {
            kind: Kind::Sequential,
        }
    }

    #[cfg(not(any(loom, miri)))]
    fn asymmetric() -> Option<Fence> {
        // Both commands are in the mask since Linux 4.14; registering twice is no
        // error, and children of fork inherit the registration.
        let commands = membarrier(libc::MEMBARRIER_CMD_QUERY);
        let wanted = (libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED
            | libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) as libc::c_long;
        let registered = commands >= 0
            && commands & wanted == wanted
            && membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
        registered.then_some(Fence {
            kind: Kind::Asymmetric,
        })
    }

    /// Whether the light side is free, that is, costs no instruction.
    pub fn is_asymmetric(self) -> bool {
        self.kind != Kind::Sequential
    }

    /// The light side.
    #[inline(always)]
    pub fn light(self) {
        match self.kind {
            #[cfg(not(any(loom, miri)))]
            Kind::Asymmetric => compiler_fence(Ordering::SeqCst),
            Kind::Sequential => full_fence("fence.light"),
        }
    }

    /// The heavy side: about a microsecond when it is a system call.
    ///
    /// Ends the process when `membarrier` worked at first and later does not, as a seccomp
    /// filter installed in between can do: nothing that goes on without it is sound, nor
    /// would be what a panic leaves half done.
    pub fn heavy(self) {
        match self.kind {
            #[cfg(not(any(loom, miri)))]
            Kind::Asymmetric => {
                // Orders the compiler's accesses around the call, as on the other side.
                compiler_fence(Ordering::SeqCst);
                if membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 {
                    forbidden();
                }
                compiler_fence(Ordering::SeqCst);
            }
            Kind::Sequential => full_fence("fence.heavy"),
        }
    }
}

#[cfg(not(any(loom, miri)))]
#[cold]
fn forbidden() -> ! {
    use std::io::Write;
    let error = std::io::Error::last_os_error();
    let _ = writeln!(
        std::io::stderr(),
        "membarrier(2) was allowed and no longer is: {error}; install seccomp filters before the first fence"
    );
    std::process::abort();
}

#[cfg(not(any(loom, miri)))]
fn membarrier(command: libc::c_int) -> libc::c_long {
    // SAFETY: the call takes three integers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_made_once() {
        assert_eq!(Fence::auto(), Fence::auto());
        Fence::auto().light();
        Fence::auto().heavy();
    }

    #[test]
    fn the_fallback_asks_nothing_of_the_kernel() {
        assert!(!Fence::sequential().is_asymmetric());
        Fence::sequential().light();
        Fence::sequential().heavy();
    }
}
