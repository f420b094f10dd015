// SPDX-License-Identifier: GPL-2.0-only
//! What became of the moves that the agent asked for.

use std::collections::BTreeMap;
use std::fmt;

use scx_stats_derive::Stats;
use serde::{Deserialize, Serialize};

use crate::bpf_intf as intf;

/// Number of kinds of moves (`enum hallows_move`).
pub const NR_MOVES: usize = intf::hallows_move_NR_MOVES as usize;

/// Names of the kinds, by `enum hallows_move`.
const KINDS: [&str; NR_MOVES] = ["push", "fair", "route", "home"];

/// An account of one kind of moves since the scheduler was loaded: `struct
/// ledger` summed over the CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Moves that the agent asked for and a CPU took note of.
    pub requested: u64,
    /// Those that were made.
    pub applied: u64,
    /// Those that nobody had use for in time.
    pub expired: u64,
    /// Those that a CPU still holds.
    pub open: u64,
    /// Those that would not have helped, by `enum hallows_reject`.
    pub rejected: [u64; intf::hallows_reject_NR_REJECTS as usize],
}

impl Ledger {
    /// Adds what one CPU counted.
    pub fn add(&mut self, cpu: &intf::ledger) {
        self.requested += cpu.requested;
        self.applied += cpu.applied;
        self.expired += cpu.expired;
        for (sum, count) in self.rejected.iter_mut().zip(cpu.rejected) {
            *sum += count;
        }
    }
}

/// Moves of one kind over an interval: `requested` is the sum of all others,
/// with the change of `open`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Stats)]
#[stat(
    desc = "a kind of moves",
    _om_prefix = "hallows_move_",
    _om_label = "kind"
)]
pub struct MoveMetrics {
    #[stat(desc = "moves that the agent asked for and a CPU took note of")]
    pub requested: u64,
    #[stat(desc = "moves made")]
    pub applied: u64,
    #[stat(desc = "moves that nobody had use for in time")]
    pub expired: u64,
    #[stat(desc = "moves that a CPU was granted and holds now")]
    pub open: u64,
    #[stat(desc = "moves not made: the task may not use that CPU")]
    pub rejected_mask: u64,
    #[stat(desc = "moves not made: the task may use its own CPU only")]
    pub rejected_pinned: u64,
    #[stat(desc = "moves not made: nothing to take, or nobody to take it")]
    pub rejected_gone: u64,
    #[stat(desc = "moves not made: the difference in load was gone")]
    pub rejected_gap: u64,
    #[stat(desc = "moves not made: they would have saved less than they cost")]
    pub rejected_price: u64,
}

impl fmt::Display for MoveMetrics {
    /// A line whose first number is the sum of all others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "requested {}, applied {}, expired {}, open {}, rejected: mask {}, pinned {}, gone {}, \
             gap {}, price {}",
            self.requested,
            self.applied,
            self.expired,
            self.open,
            self.rejected_mask,
            self.rejected_pinned,
            self.rejected_gone,
            self.rejected_gap,
            self.rejected_price
        )
    }
}

/// What was counted from `before` to `after`, by the kind's name.
pub fn between(
    before: &[Ledger; NR_MOVES],
    after: &[Ledger; NR_MOVES],
) -> BTreeMap<String, MoveMetrics> {
    let pairs = before.iter().zip(after);
    KINDS
        .iter()
        .zip(pairs)
        .map(|(kind, (before, after))| (kind.to_string(), difference(before, after)))
        .collect()
}

fn difference(before: &Ledger, after: &Ledger) -> MoveMetrics {
    let rejected = |why: intf::hallows_reject| {
        after.rejected[why as usize].saturating_sub(before.rejected[why as usize])
    };
    MoveMetrics {
        requested: after.requested.saturating_sub(before.requested),
        applied: after.applied.saturating_sub(before.applied),
        expired: after.expired.saturating_sub(before.expired),
        open: after.open,
        rejected_mask: rejected(intf::hallows_reject_REJECT_MASK),
        rejected_pinned: rejected(intf::hallows_reject_REJECT_PINNED),
        rejected_gone: rejected(intf::hallows_reject_REJECT_GONE),
        rejected_gap: rejected(intf::hallows_reject_REJECT_GAP),
        rejected_price: rejected(intf::hallows_reject_REJECT_PRICE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(factor: u64) -> intf::ledger {
        intf::ledger {
            requested: 28 * factor,
            applied: factor,
            expired: 2 * factor,
            rejected: [3 * factor, 4 * factor, 5 * factor, 6 * factor, 7 * factor],
        }
    }

    #[test]
    fn intervals_are_differences_of_sums() {
        let (mut before, mut after) = (Ledger::default(), Ledger::default());
        before.add(&ledger(1));
        after.add(&ledger(1));
        after.add(&ledger(10));
        let moves = between(&[before; NR_MOVES], &[after; NR_MOVES]);
        let push = &moves["push"];
        assert_eq!((push.requested, push.applied, push.expired), (280, 10, 20));
        let rejected = [
            push.rejected_mask,
            push.rejected_pinned,
            push.rejected_gone,
            push.rejected_gap,
            push.rejected_price,
        ];
        assert_eq!(rejected, [30, 40, 50, 60, 70]);
        assert_eq!(moves.len(), NR_MOVES);
    }
}
