// SPDX-License-Identifier: GPL-2.0-only
//! Rescue: a busy CPU's tick sends an idle CPU to its track.

use super::{Hallows, Ring};
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;
use crate::sim::policy::reach::claim_within;

impl Hallows {
    /// Finds an idle CPU for what waits on the track of `cpu` since `wait_ns`, as
    /// far away as that is worth, and invites it.
    pub(super) fn hand_off(&mut self, machine: &mut Machine, cpu: usize, wait_ns: u64) {
        let Some(head) = self.tracks[cpu].head() else {
            return;
        };
        self.waiting.set(cpu, true);
        let guest = claim_within(machine, cpu, Ring::Llc)
            .or_else(|| self.pick_idle_far(machine, head, cpu, wait_ns, Ring::Smt as u8));
        if let Some(guest) = guest {
            self.invited_by[guest] = Some(cpu);
            self.count("invited");
            machine.kick(guest);
        }
    }

    /// An aged track sent this idle CPU an invitation: it looks there first, and
    /// asks the next idle CPU if more waits than it takes.
    pub(super) fn take_invited(&mut self, machine: &mut Machine, cpu: usize) -> Option<TaskId> {
        let from = self.invited_by[cpu].take()?;
        let age_ns = self.track_age(from, machine.now_ns);
        let decision = if age_ns > self.params.wait_max_ns {
            "rescue"
        } else {
            "peer"
        };
        let task = self.take_track(machine, cpu, from, decision)?;
        if !self.tracks[from].is_empty() {
            self.hand_off(machine, from, age_ns);
        }
        Some(task)
    }
}
