// SPDX-License-Identifier: GPL-2.0-only
//! What a move has to save: by distance, by what is known of the task.

use super::{Hallows, Ring};
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;
use crate::sim::policy::Footprints;

/// Footprints in quarters of the usual one, as BPF guesses them from the
/// resident set: the least, and the least of a task whose bursts are not tiny.
const FOOTPRINT_MIN: u64 = 1;
const FOOTPRINT_LOW: u64 = 2;
const FOOTPRINT_MAX: u64 = 16;
const TINY_BURST_NS: u64 = 50_000;
/// Who slept longer has a cold cache.
const COLD_SLEEP_NS: u64 = 50_000_000;

impl Hallows {
    /// What it has to save to send `task` from `from` to `to`.
    pub(super) fn price_of(&self, machine: &Machine, task: TaskId, from: usize, to: usize) -> u64 {
        let need_ns = self.need_of(machine, task, machine.map.ring(from, to));
        self.with_home(machine, task, need_ns, (from, to))
    }

    /// The same for a search of `ring` around where `task` is: beyond the node it
    /// can only leave its home.
    pub(super) fn price_over(
        &self,
        machine: &Machine,
        task: TaskId,
        from: usize,
        ring: Ring,
    ) -> u64 {
        let need_ns = self.need_of(machine, task, ring);
        let at_home = machine.node(from) == usize::from(machine.task(task).home);
        if ring == Ring::Machine && at_home {
            need_ns + self.slower_ns(machine, task)
        } else {
            need_ns
        }
    }

    /// The same for a thief on `to`, which as built knows the distance alone.
    pub(super) fn price_to_steal(
        &self,
        machine: &Machine,
        task: TaskId,
        from: usize,
        to: usize,
    ) -> u64 {
        if self.footprints == Footprints::Known {
            return self.price_of(machine, task, from, to);
        }
        self.need_ns[machine.map.ring(from, to) as usize]
    }

    fn with_home(
        &self,
        machine: &Machine,
        task: TaskId,
        need_ns: u64,
        (from, to): (usize, usize),
    ) -> u64 {
        let home = usize::from(machine.task(task).home);
        match (machine.node(from) == home, machine.node(to) == home) {
            (true, false) => need_ns + self.slower_ns(machine, task),
            (false, true) => need_ns.saturating_sub(self.slower_ns(machine, task)),
            _ => need_ns,
        }
    }

    fn need_of(&self, machine: &Machine, task: TaskId, ring: Ring) -> u64 {
        let need_ns = self.need_ns[ring as usize];
        let hysteresis_ns = self.params.hysteresis_ns.min(need_ns);
        let refill_ns = need_ns - hysteresis_ns;
        hysteresis_ns
            + match self.footprints {
                Footprints::Unknown => refill_ns,
                Footprints::Resident => refill_ns * self.quarters(machine, task) / 4,
                Footprints::Known => {
                    (refill_ns as f64 * machine.task(task).footprint.factor) as u64
                }
            }
    }

    /// What BPF makes of the resident set, which is taken to tell the footprint.
    fn quarters(&self, machine: &Machine, task: TaskId) -> u64 {
        let state = machine.task(task);
        let quarters = if self.tasks[task as usize].avg_burst_ns < TINY_BURST_NS {
            FOOTPRINT_MIN
        } else {
            ((state.footprint.factor * 4.0) as u64).clamp(FOOTPRINT_LOW, FOOTPRINT_MAX)
        };
        let cold = state.fresh && state.woken_ns > state.stopped_ns + COLD_SLEEP_NS;
        if cold && quarters > FOOTPRINT_MIN {
            quarters / 2
        } else {
            quarters
        }
    }

    /// How much longer its burst takes away from home, if that is known.
    fn slower_ns(&self, machine: &Machine, task: TaskId) -> u64 {
        if self.footprints != Footprints::Known {
            return 0;
        }
        let burst_ns = self.tasks[task as usize].avg_burst_ns;
        burst_ns * machine.task(task).footprint.remote_permille / 1000
    }
}
