// SPDX-License-Identifier: GPL-2.0-only
//! Balance while no CPU is idle (`grant.bpf.h` and `lag.bpf.h`): moves that the
//! agent granted, and pulls from CPUs that lag within the LLC.

use super::signal::Obeyed;
use super::{Hallows, Ring};
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

/// Nobody is owed more.
const LAG_MAX_SLICES: u64 = 8;
/// Tasks at the head of a track of which one may come along.
const PULL_SCAN: usize = 4;

impl Hallows {
    /// Tasks that share `cpu` by slices: those that wait and a hog that runs.
    fn nr_sharing(&self, cpu: usize) -> usize {
        let cell = &self.cells[cpu];
        self.tracks[cpu].len() + usize::from(cell.run_since_ns > 0 && cell.hog)
    }

    /// Spends a token on sending `task`, which would wait on `cpu`, to where the
    /// agent says, if that helps.
    pub(super) fn push_target(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        cpu: usize,
        orders: &Obeyed,
    ) -> Option<usize> {
        let to = usize::from(orders.push?.cpu);
        self.spend(cpu, |orders| &mut orders.push);
        machine.probe(cpu, to);
        if self.nr_sharing(cpu) + 1 < self.nr_sharing(to) + 2 {
            self.count("push rejected: gap");
            return None;
        }
        if self.leaves_home(machine, task, cpu, to) {
            self.count("push rejected: price");
            return None;
        }
        let price_ns = self.price_of(machine, task, cpu, to);
        let idle = machine.idle.claim(to);
        let there_ns = if idle { 0 } else { self.ahead_ns(to, task) };
        if there_ns + price_ns < self.ahead_ns(cpu, task) {
            self.count("push");
            return Some(to);
        }
        if idle {
            // It was claimed for nothing: it may idle on.
            machine.kick(to);
        }
        self.count("push rejected: price");
        None
    }

    /// The end of a slice: spends a token on pulling a task from where the agent
    /// says, if that CPU has two more.
    pub(super) fn take_fair(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        orders: &Obeyed,
    ) -> Option<TaskId> {
        let from = usize::from(orders.fair?.cpu);
        self.spend(cpu, |orders| &mut orders.fair);
        if self.nr_sharing(from) < self.nr_sharing(cpu) + 2 {
            machine.probe(cpu, from);
            self.count("fair rejected: gap");
            return None;
        }
        self.pull(machine, cpu, from, "fair")
    }

    /// The end of a slice: compares the service of the own tasks with that of a
    /// random CPU of the LLC.
    pub(super) fn take_lagging(&mut self, machine: &mut Machine, cpu: usize) -> Option<TaskId> {
        let peer = machine.random_in_llc(cpu);
        if peer == cpu || machine.cpus[peer].current.is_none() {
            return None;
        }
        machine.search(Ring::Llc);
        let slice_ns = self.params.slice_ns;
        let (own_ns, peer_ns) = (self.cells[cpu].pace_ns, self.cells[peer].pace_ns);
        if own_ns + LAG_MAX_SLICES * slice_ns < peer_ns {
            self.cells[cpu].pace_ns = peer_ns - LAG_MAX_SLICES * slice_ns;
            return None;
        }
        let behind = own_ns > peer_ns + u64::from(self.params.lag_slices) * slice_ns;
        if !behind || self.nr_sharing(peer) <= self.nr_sharing(cpu) {
            return None;
        }
        self.pull(machine, cpu, peer, "lag pull")
    }

    /// Takes the first task of the track of `from` that may come to `cpu`. It had
    /// less than those here, and gets a slice of credit for that.
    fn pull(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        from: usize,
        decision: &'static str,
    ) -> Option<TaskId> {
        let mut first = self.tracks[from].iter().take(PULL_SCAN);
        let at = first.position(|(_, task)| !self.leaves_home(machine, task, from, cpu))?;
        drop(first);
        machine.probe(cpu, from);
        let task = self.tracks[from].take(at)?;
        self.track_since_ns[from] = machine.now_ns;
        self.count(decision);
        let time = &mut self.tasks[task as usize];
        time.vtime_ns = time.vtime_ns.wrapping_sub(self.params.slice_ns);
        Some(task)
    }
}
