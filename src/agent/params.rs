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
    /// Length up to which quiet windows stretch.
    pub max_period_ns: u64,
    /// Windows for which a signal holds: a late agent is no lost one.
    pub signal_periods: u32,
    /// Distance from the mean load of the siblings, as a share of it, beyond
    /// which a super-cell is no longer balanced.
    pub band: f64,
    /// The same when nothing is queued, so that nobody is hurt yet.
    pub band_quiet: f64,
    /// The same when all CPUs are busy and work waits: only moving work helps.
    pub band_overloaded: f64,
    /// The least such distance, in tasks per CPU.
    pub band_min: f64,
    /// Time slice.
    pub slice_ns: u64,
    /// Shortest time slice.
    pub min_slice_ns: u64,
    /// Time slice where nobody waits, because CPUs of the LLC are idle.
    pub long_slice_ns: u64,
    /// Within which the queue of a saturated cell should go round once.
    pub target_latency_ns: u64,
    /// A task whose bursts are shorter is latency-critical.
    pub express_max_ns: u64,
    /// Shortest time between two preemptions of hogs on a CPU.
    pub preempt_gap_ns: u64,
    /// Wait on a CPU's own track after which a task jumps its queue.
    pub starved_ns: u64,
    /// Weight of the price of a move.
    pub kappa: f64,
    /// What a move must save beyond its price.
    pub hysteresis_ns: u64,
    /// Wait after which a task is moved whatever the move costs.
    pub wait_max_ns: u64,
    /// Slices by which who waits on another CPU of the LLC may lag and be left there.
    pub lag_slices: u32,
    /// Prices of moves follow what they are seen to cost.
    pub price_learn: bool,
    /// Prices of the rings from the SMT sibling outwards, in nanoseconds, instead
    /// of those that the topology suggests.
    pub prices_ns: Option<[u64; NR_RINGS - 1]>,
    /// Threads of a process are brought together in an LLC.
    pub affinity: bool,
    /// How much more a group must have run elsewhere to move its home there.
    pub home_factor: f64,
    /// Least time between two changes of a home.
    pub home_gap_ns: u64,
    /// Share of an LLC's CPUs that a group may use to have a home there, and that
    /// homes may claim together.
    pub home_fill: f64,
    /// Signals that hurt are withheld.
    pub guard: bool,
    /// Time between two looks at whether they do.
    pub guard_period_ns: u64,
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
            max_period_ns: 100 * MS,
            signal_periods: 5,
            band: 0.125,
            band_quiet: 0.25,
            band_overloaded: 0.0625,
            band_min: 0.25,
            slice_ns: 3 * MS,
            min_slice_ns: MS / 2,
            long_slice_ns: 20 * MS,
            target_latency_ns: 6 * MS,
            express_max_ns: MS,
            preempt_gap_ns: MS / 2,
            starved_ns: 500 * MS,
            kappa: 1.0,
            hysteresis_ns: 30 * US,
            wait_max_ns: 4 * MS,
            lag_slices: 1,
            price_learn: true,
            prices_ns: None,
            affinity: true,
            home_factor: 2.0,
            home_gap_ns: 50 * MS,
            home_fill: 0.85,
            guard: true,
            guard_period_ns: 60_000 * MS,
        }
    }
}
