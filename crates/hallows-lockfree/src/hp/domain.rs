// SPDX-License-Identifier: GPL-2.0-only
//! Domains: the hazards and the values retired under them.

use std::fmt;
use std::ptr::{self, NonNull};

use crossbeam_utils::CachePadded;

use super::hazard::HazardPointer;
use super::sweep::Sweep;
use crate::fence::Fence;
use crate::garbage::{Header, Stack};
use crate::registry::Registry;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::sync::order;

/// A set of hazards and of the values that they keep alive.
///
/// A clone is another handle of the same domain. Cells, hazards and [`Unlinked`]
/// are handles too; when the last one goes, what is still pending is freed there. A
/// domain per structure keeps the accounts, and the work of a sweep, apart.
///
/// A retired value that itself has a handle of its domain keeps the domain: sweep until
/// nothing is pending before the last other handle goes, or both are leaked.
///
/// [`Unlinked`]: super::Unlinked
#[derive(Clone)]
pub struct Domain {
    pub(super) shared: Arc<Shared>,
}

/// What the handles share.
pub(super) struct Shared {
    pub(super) fence: Fence,
    /// The address that each hazard protects, null: none.
    hazards: Registry<AtomicPtr<Header>>,
    retired: CachePadded<Retired>,
    sweep: CachePadded<Sweep>,
}

struct Retired {
    stack: Stack,
    /// Values retired so far; wraps.
    count: AtomicUsize,
}

impl Default for Domain {
    fn default() -> Domain {
        Domain::new()
    }
}

impl Domain {
    /// A domain with [`Fence::auto`].
    pub fn new() -> Domain {
        Domain::with_fence(Fence::auto())
    }

    /// A domain whose readers run `fence`'s light side and whose sweeps the heavy one.
    pub fn with_fence(fence: Fence) -> Domain {
        Domain {
            shared: Arc::new(Shared {
                fence,
                hazards: Registry::new(),
                retired: CachePadded::new(Retired {
                    stack: Stack::new(),
                    count: AtomicUsize::new(0),
                }),
                sweep: CachePadded::new(Sweep::new()),
            }),
        }
    }

    /// A hazard that protects nothing yet: O(hazards), and an allocation when it finds
    /// none that was given up. Keep it rather than asking anew.
    pub fn hazard_pointer(&self) -> HazardPointer {
        HazardPointer::new(self.clone())
    }

    /// Frees retired values that nobody protects, looking at `budget` at most; the
    /// destructors run here. Besides, at most once per call, it reads every hazard
    /// and runs a heavy fence, neither when nothing is pending.
    ///
    /// One thread at a time: a second one is told so at once and may go on.
    pub fn reclaim(&self, budget: usize) -> Reclaimed {
        let freed = self.shared.sweep.run(budget, &self.shared);
        Reclaimed {
            freed: freed.unwrap_or(0),
            busy: freed.is_none(),
            pending: self.shared.pending(),
        }
    }

    /// What the domain has to account for: O(hazards).
    pub fn stats(&self) -> Stats {
        let (hazards, hazards_in_use) = self.shared.hazards.count();
        let freed = self.shared.sweep.freed();
        let retired = self.shared.retired.count.load(Ordering::Relaxed);
        Stats {
            pending: retired.wrapping_sub(freed),
            retired,
            freed,
            sweeps: self.shared.sweep.passes(),
            hazards,
            hazards_in_use,
        }
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("fence", &self.shared.fence)
            .field("stats", &self.stats())
            .finish()
    }
}

impl Shared {
    pub(super) fn hazards(&self) -> &Registry<AtomicPtr<Header>> {
        &self.hazards
    }

    /// The addresses that are protected, sorted, into `protected`.
    pub(super) fn protected(&self, protected: &mut Vec<usize>) {
        self.hazards
            .protected(order("hp.scan", Ordering::Acquire), protected);
    }

    pub(super) fn retired(&self) -> &Stack {
        &self.retired.stack
    }

    /// # Safety
    /// The caller owns `node`, which is in no cell any more, and its value is Send.
    pub(super) unsafe fn retire(&self, node: NonNull<Header>) {
        // Counted first, so that no more is freed than was retired.
        self.retired.count.fetch_add(1, Ordering::Relaxed);
        // SAFETY: by the caller.
        unsafe { self.retired.stack.push(node) };
    }

    fn pending(&self) -> usize {
        let freed = self.sweep.freed();
        let retired = self.retired.count.load(Ordering::Relaxed);
        retired.wrapping_sub(freed)
    }
}

/// An empty hazard.
pub(super) fn no_hazard() -> AtomicPtr<Header> {
    AtomicPtr::new(ptr::null_mut())
}

/// What a call of [`Domain::reclaim`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reclaimed {
    /// Values freed by this call.
    pub freed: usize,
    /// Values still pending, here or retired meanwhile.
    pub pending: usize,
    /// Another thread reclaims, so this call did nothing.
    pub busy: bool,
}

/// The accounts of a [`Domain`]. Counters are read one after the other while
/// others run, and wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Values retired and not freed.
    pub pending: usize,
    /// Values retired so far.
    pub retired: usize,
    /// Values freed so far.
    pub freed: usize,
    /// Scans of the hazards so far, each with a heavy fence.
    pub sweeps: usize,
    /// Hazards, in use or given up: H in the bound. No fewer than were ever in use at once,
    /// and more where one was given up while another thread looked for one.
    pub hazards: usize,
    /// Hazards in use.
    pub hazards_in_use: usize,
}
