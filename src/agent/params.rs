// SPDX-License-Identifier: GPL-2.0-only
//! The numbers that steer the agent. [`crate::config`] has their names for
//! users, their ranges, and the check of the whole.

use super::place::NR_RINGS;

/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;
/// Nanoseconds in a microsecond.
pub const US: u64 = 1_000;

/// What users can tune. Queue lengths are in tasks, shares in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Mean queue above which a cell becomes saturated.
    pub saturate_enter: f64,
    /// Mean queue below which it stops to be.
    pub saturate_leave: f64,
    /// Idle share above which a cell becomes hungry.
    pub hungry_enter: f64,
    /// Idle share below which it stops to be.
    pub hungry_leave: f64,
    /// Windows in a row that a cell must want to leave a state before it does.
    pub dwell: u32,
    /// Length of a window while cells flip.
    pub period_ns: u64,
    /// Time slice.
    pub slice_ns: u64,
    /// Shortest time slice.
    pub min_slice_ns: u64,
    /// Time slice where nobody waits, because CPUs of the LLC are idle.
    pub long_slice_ns: u64,
    /// Within which the queue of a saturated cell should go round once.
    pub target_latency_ns: u64,
    /// Weight of the price of a move.
    pub kappa: f64,
    /// What a move must save beyond its price.
    pub hysteresis_ns: u64,
    /// Prices of moves follow what they are seen to cost.
    pub price_learn: bool,
    /// Prices of the rings from the SMT sibling outwards, in nanoseconds, instead
    /// of those that the topology suggests.
    pub prices_ns: Option<[u64; NR_RINGS - 1]>,
    /// Threads of a process are brought together in an LLC.
    pub affinity: bool,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            saturate_enter: 0.75,
            saturate_leave: 0.35,
            hungry_enter: 0.20,
            hungry_leave: 0.05,
            dwell: 2,
            period_ns: 10 * MS,
            slice_ns: 3 * MS,
            min_slice_ns: MS / 2,
            long_slice_ns: 20 * MS,
            target_latency_ns: 6 * MS,
            kappa: 1.0,
            hysteresis_ns: 30 * US,
            price_learn: true,
            prices_ns: None,
            affinity: true,
        }
    }
}
