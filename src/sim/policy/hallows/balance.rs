// SPDX-License-Identifier: GPL-2.0-only
//! Balance while no CPU is idle: moves that the agent granted, and lag pulls
//! within an LLC that need no agent.

use super::signal::Obeyed;
use super::{Hallows, Ring};
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

impl Hallows {
    /// The CPU that the agent sends work of `cpu` to, if that saves `task` more
    /// than the way costs.
    pub(super) fn push(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        cpu: usize,
        orders: &Obeyed,
    ) -> Option<usize> {
        let to = usize::from(orders.push?.cpu);
        machine.probe(cpu, to);
        let price_ns = self.price_between(machine, cpu, to);
        if self.ahead_ns(to, task) + price_ns >= self.ahead_ns(cpu, task) {
            self.count("push rejected");
            return None;
        }
        self.spend(cpu, |orders| &mut orders.push);
        self.count("push");
        Some(to)
    }

    /// At the end of a slice of `prev`: the head of a track that is granted to
    /// `cpu`, or of one whose virtual clock is far behind.
    pub(super) fn balance(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        prev: Option<TaskId>,
        orders: &Obeyed,
    ) -> Option<TaskId> {
        prev?;
        self.pull_granted(machine, cpu, orders)
            .or_else(|| self.pull_lagging(machine, cpu))
    }

    fn pull_granted(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        orders: &Obeyed,
    ) -> Option<TaskId> {
        let from = usize::from(orders.fair?.cpu);
        machine.probe(cpu, from);
        if self.tracks[from].len() <= self.tracks[cpu].len() {
            self.count("fair rejected");
            return None;
        }
        self.spend(cpu, |orders| &mut orders.fair);
        self.take_track(machine, cpu, from, "fair")
    }

    /// Compares the own clock with that of a random CPU of the LLC. Who is
    /// pulled keeps its virtual time, and so its right to catch up.
    fn pull_lagging(&mut self, machine: &mut Machine, cpu: usize) -> Option<TaskId> {
        let peer = machine.random_in_llc(cpu);
        if peer == cpu {
            return None;
        }
        machine.search(Ring::Llc);
        let (own_ns, peer_ns) = (self.cells[cpu].vclock_ns, self.cells[peer].vclock_ns);
        let behind = own_ns > peer_ns + 2 * self.params.slice_ns;
        if !behind || self.tracks[peer].len() <= self.tracks[cpu].len() {
            return None;
        }
        let task = self.take_track(machine, cpu, peer, "lag pull")?;
        self.tasks[task as usize].clock_cpu = cpu;
        Some(task)
    }
}
