// SPDX-License-Identifier: GPL-2.0-only
//! What the hardware charges: cold caches, looks at far cache lines, locks.

use crate::agent::place::{NR_RINGS, Ring};
use crate::agent::price::{DEFAULT_PRICES_NS, Prices};

/// A task that did not run for so long finds half of its caches (1 - 1/e of
/// them, to be exact) taken by others, wherever it goes on.
const CACHE_LIFE_NS: f64 = 50e6;

/// A look at a line of another CPU, by ring.
const PROBE_NS: [u64; NR_RINGS] = [4, 10, 20, 60, 100];

/// How long a lock is held for one operation on a queue, by those who share it.
const LOCK_LLC_NS: u64 = 60;
const LOCK_MACHINE_NS: u64 = 250;

/// A lock that several CPUs share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// That of the queue of an LLC, by dense index.
    Llc(usize),
    /// That of a queue for all.
    Machine,
}

/// The true costs. What a policy believes them to be is another matter.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Refill of the caches of a task of footprint 1 after a move, by ring.
    pub refill_ns: Prices,
    /// When each lock is free again, the machine's first.
    free_ns: Vec<u64>,
}

impl Costs {
    /// The costs of a machine of `nr_llcs` LLCs.
    pub fn new(refill_ns: Prices, nr_llcs: usize) -> Costs {
        Costs {
            refill_ns,
            free_ns: vec![0; nr_llcs + 1],
        }
    }

    /// What the caches cost that a task refills when it starts over `ring`,
    /// `gap_ns` after it stopped.
    pub fn refill(&self, ring: Ring, footprint: f64, gap_ns: u64) -> u64 {
        let full = self.refill_ns[ring as usize] as f64 * footprint;
        (full * (-(gap_ns as f64) / CACHE_LIFE_NS).exp()) as u64
    }

    /// A look over `ring`.
    pub fn probe(&self, ring: Ring) -> u64 {
        PROBE_NS[ring as usize]
    }

    /// Waits at `now_ns` for `lock`, holds it for an operation, and says how
    /// long both took.
    pub fn lock(&mut self, lock: Lock, now_ns: u64) -> u64 {
        let (at, hold_ns) = match lock {
            Lock::Machine => (0, LOCK_MACHINE_NS),
            Lock::Llc(llc) => (1 + llc, LOCK_LLC_NS),
        };
        let free = &mut self.free_ns[at];
        *free = now_ns.max(*free) + hold_ns;
        *free - now_ns
    }
}

/// The prices of a machine nobody measured are the costs of the model.
pub const DEFAULT_COSTS_NS: Prices = DEFAULT_PRICES_NS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_cool_down() {
        let costs = Costs::new(DEFAULT_COSTS_NS, 1);
        assert_eq!(costs.refill(Ring::Llc, 4.0, 0), 80_000);
        assert_eq!(costs.refill(Ring::SelfCpu, 4.0, 0), 0);
        let later = costs.refill(Ring::Machine, 1.0, 50_000_000);
        assert_eq!(later, 110_363);
    }

    #[test]
    fn who_comes_to_a_taken_lock_waits() {
        let mut costs = Costs::new(DEFAULT_COSTS_NS, 2);
        assert_eq!(costs.lock(Lock::Machine, 1_000), 250);
        assert_eq!(costs.lock(Lock::Machine, 1_100), 400);
        assert_eq!(costs.lock(Lock::Llc(1), 1_100), 60);
        assert_eq!(costs.lock(Lock::Machine, 9_000), 250);
    }
}
