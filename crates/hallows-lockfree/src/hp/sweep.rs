// SPDX-License-Identifier: GPL-2.0-only
//! Sweeps: freeing what no hazard protects, a portion at a time.
//!
//! A pass takes all that was retired, runs the heavy fence and reads the hazards
//! once. The values of the batch are then looked at in as many calls as it takes;
//! those that are protected wait for the next pass.

use super::domain::Shared;
use crate::garbage::{self, List};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::turn::Turn;

/// The pass under way.
pub(super) struct Sweep {
    pass: Turn<Pass>,
    /// Values freed so far; wraps. Written by who has the turn, with release, so that
    /// who reads it sees those values among the retired.
    freed: AtomicUsize,
    /// Passes begun so far; wraps. Written by who has the turn.
    passes: AtomicUsize,
}

#[derive(Default)]
struct Pass {
    /// Values of this pass that are still to be looked at.
    batch: List,
    /// Values that were protected.
    kept: List,
    /// What was protected when the pass began: addresses, sorted.
    protected: Vec<usize>,
}

impl Sweep {
    pub(super) fn new() -> Sweep {
        Sweep {
            pass: Turn::new(Pass::default()),
            freed: AtomicUsize::new(0),
            passes: AtomicUsize::new(0),
        }
    }

    pub(super) fn freed(&self) -> usize {
        // Acquire, of the release where it is stored: who counts what was retired after
        // this finds all that was freed in it. For statistics alone, so no model asks.
        self.freed.load(Ordering::Acquire)
    }

    pub(super) fn passes(&self) -> usize {
        self.passes.load(Ordering::Relaxed)
    }

    /// Looks at `budget` values, first at those left of the pass under way, then at
    /// those of one new pass. How many it freed, or None when another thread, or
    /// this one in a destructor, is at it.
    pub(super) fn run(&self, budget: usize, domain: &Shared) -> Option<usize> {
        self.pass.try_with(|pass| {
            let before = self.freed();
            let left = self.free(pass, budget);
            if left > 0 && self.begin(pass, domain) {
                self.free(pass, left);
            }
            self.freed().wrapping_sub(before)
        })
    }

    /// Begins a pass; false: nothing is pending.
    fn begin(&self, pass: &mut Pass, domain: &Shared) -> bool {
        let kept = std::mem::take(&mut pass.kept);
        pass.batch = kept.followed_by(domain.retired().take());
        if pass.batch.is_empty() {
            return false;
        }
        self.passes.fetch_add(1, Ordering::Relaxed);
        domain.fence.heavy();
        domain.protected(&mut pass.protected);
        true
    }

    /// Looks at `budget` values of the batch; what is left of the budget.
    fn free(&self, pass: &mut Pass, budget: usize) -> usize {
        for left in (1..=budget).rev() {
            let Some(node) = pass.batch.pop() else {
                return left;
            };
            let address = node.as_ptr().addr();
            if pass.protected.binary_search(&address).is_ok() {
                // SAFETY: popped, so ours.
                unsafe { pass.kept.push(node) };
            } else {
                let freed = self.freed.load(Ordering::Relaxed).wrapping_add(1);
                self.freed.store(freed, Ordering::Release);
                // SAFETY: popped, so ours; unlinked before the heavy fence and in no
                // hazard after it, so no reference is left (proof in the module).
                unsafe { garbage::free(node) };
            }
        }
        0
    }
}
