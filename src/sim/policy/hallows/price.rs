// SPDX-License-Identifier: GPL-2.0-only
//! What a move has to save. As built, that depends on the distance alone; with
//! `footprints` also on the task, as an instrument that sees footprints and
//! homes would tell it.

use super::{Hallows, Ring};
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

impl Hallows {
    /// What a move of `task` from `from` to `to` has to save.
    pub(super) fn price_of(&self, machine: &Machine, task: TaskId, from: usize, to: usize) -> u64 {
        let need_ns = self.need_of(machine, task, machine.map.ring(from, to));
        let home = usize::from(machine.task(task).home);
        let (leaves, returns) = (machine.node(from) == home, machine.node(to) == home);
        match (leaves, returns) {
            (true, false) => need_ns + self.slower_ns(machine, task),
            (false, true) => need_ns.saturating_sub(self.slower_ns(machine, task)),
            _ => need_ns,
        }
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

    fn need_of(&self, machine: &Machine, task: TaskId, ring: Ring) -> u64 {
        let need_ns = self.need_ns[ring as usize];
        if !self.footprints || ring == Ring::SelfCpu {
            return need_ns;
        }
        let hysteresis_ns = self.params.hysteresis_ns;
        let refill_ns = need_ns.saturating_sub(hysteresis_ns) as f64;
        (refill_ns * machine.task(task).footprint.factor) as u64 + hysteresis_ns
    }

    /// How much longer its burst takes away from home.
    fn slower_ns(&self, machine: &Machine, task: TaskId) -> u64 {
        if !self.footprints {
            return 0;
        }
        let burst_ns = self.tasks[task as usize].avg_burst_ns;
        burst_ns * machine.task(task).footprint.remote_permille / 1000
    }
}
