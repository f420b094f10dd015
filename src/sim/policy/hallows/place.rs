// SPDX-License-Identifier: GPL-2.0-only
//! Placement: on which CPU, or which track, a task that can't run at once waits.

use super::signal::Obeyed;
use super::{Hallows, Ring};
use crate::agent::hysteresis::CellState;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;
use crate::sim::policy::reach::claim_within;

/// Peers that may preempt their hog for a latency-critical task.
const HOG_CHOICES: usize = 2;
/// Tracks among which a task that never ran finds the shortest.
const BIRTH_CHOICES: usize = 4;

impl Hallows {
    /// Work ahead of `task` on `cpu`, in deadline order: a latency-critical task
    /// overtakes a queue of hogs.
    pub(super) fn ahead_ns(&self, cpu: usize, task: TaskId) -> u64 {
        let cell = &self.cells[cpu];
        let express = self.is_express(task);
        let run_ns = cell.avg_run_ns.min(self.params.slice_ns);
        let mut ahead = 0;
        if !express || run_ns < self.params.express_max_ns {
            ahead = self.tracks[cpu].len() as u64 * run_ns;
        }
        match (cell.hog, express) {
            (false, _) => ahead + cell.curr_avg_ns,
            (true, true) => ahead + self.params.min_slice_ns,
            (true, false) => ahead + self.params.slice_ns / 2,
        }
    }

    /// A hog makes way at once, but not twice within the gap.
    pub(super) fn can_preempt(&self, cpu: usize, now_ns: u64) -> bool {
        let cell = &self.cells[cpu];
        cell.hog && cell.run_since_ns > 0 && cell.preempted_ns + self.params.preempt_gap_ns < now_ns
    }

    fn random_peer(&self, machine: &mut Machine, cpu: usize) -> Option<usize> {
        let peer = machine.random_in_llc(cpu);
        machine.probe(cpu, peer);
        (peer != cpu).then_some(peer)
    }

    /// A CPU of the LLC whose hog can make way: its own, else one of two.
    fn preemptible_near(&self, machine: &mut Machine, cpu: usize) -> Option<usize> {
        if self.can_preempt(cpu, machine.now_ns) {
            return Some(cpu);
        }
        (0..HOG_CHOICES).find_map(|_| {
            let peer = self.random_peer(machine, cpu)?;
            self.can_preempt(peer, machine.now_ns).then_some(peer)
        })
    }

    /// Claims an idle CPU: in the LLC, else from `idle_lvl` on as far as pays.
    pub(super) fn pick_idle_for(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        cpu: usize,
        idle_lvl: u8,
    ) -> Option<usize> {
        let idle = claim_within(machine, cpu, Ring::Llc);
        if idle.is_some() {
            return idle;
        }
        let saved_ns = self.ahead_ns(cpu, task);
        self.pick_idle_far(machine, task, cpu, saved_ns, idle_lvl)
    }

    /// The same, with the LLC of its group first, if `task` is away, and the CPU
    /// where it was next.
    pub(super) fn pick_idle_near(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        prev_cpu: usize,
        idle_lvl: u8,
    ) -> Option<usize> {
        self.pick_idle_home(machine, task, prev_cpu)
            .or_else(|| machine.idle.claim(prev_cpu).then_some(prev_cpu))
            .or_else(|| self.pick_idle_for(machine, task, prev_cpu, idle_lvl))
    }

    /// Claims an idle CPU for `task` beyond the LLC of `home`, at most as far as
    /// waiting `saved_ns` there is worth. The search starts at the ring `idle_lvl`;
    /// who would wait longer than anybody should does not believe that.
    pub(super) fn pick_idle_far(
        &self,
        machine: &mut Machine,
        task: TaskId,
        home: usize,
        saved_ns: u64,
        idle_lvl: u8,
    ) -> Option<usize> {
        let urgent = saved_ns > self.params.wait_max_ns;
        [Ring::Node, Ring::Machine].into_iter().find_map(|ring| {
            let pays = saved_ns > self.price_over(machine, task, home, ring);
            let looks = urgent || (idle_lvl <= ring as u8 && pays);
            looks.then(|| claim_within(machine, home, ring))?
        })
    }

    /// Queues `task`, whose slice on `cpu` is over and which others follow there,
    /// for an idle CPU if there is one, whatever the agent saw.
    pub(super) fn enqueue_idle(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        cpu: usize,
        orders: &Obeyed,
    ) -> bool {
        let Some(to) = self.pick_idle_near(machine, task, cpu, Ring::Smt as u8) else {
            return false;
        };
        self.count("idle, slice over");
        self.queue_on_track(machine, task, to, orders.slice_ns);
        machine.kick(to);
        true
    }

    /// Queues a task that woke up and found no idle CPU.
    pub(super) fn enqueue_woken(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        cpu: usize,
        orders: &Obeyed,
    ) {
        if self.go_home(machine, task, cpu, true, orders) {
            return;
        }
        if let Some(to) = self.push_target(machine, task, cpu, orders) {
            self.queue_on_track(machine, task, to, orders.slice_ns);
            machine.kick(to);
            return;
        }
        let to = if machine.task(task).born {
            self.track_for(machine, task, cpu, orders)
        } else {
            self.birth_track(machine, cpu)
        };
        if !self.is_express(task) {
            self.queue_on_track(machine, task, to, orders.slice_ns);
            if to != cpu {
                machine.kick(to);
            }
            return;
        }
        let hog = self.preemptible_near(machine, cpu);
        let need_ns = self.need_ns[Ring::Llc as usize];
        let stay = hog == Some(to) || self.ahead_ns(to, task) < need_ns;
        if stay {
            self.queue_on_track(machine, task, to, orders.slice_ns);
        } else {
            self.queue_on_express(machine, task, machine.llc(cpu), orders.slice_ns);
        }
        match hog {
            Some(hog) if !stay || hog == to => {
                self.count("preempted");
                self.make_way(machine, hog);
            }
            _ if stay && to != cpu => machine.kick(to),
            _ => {}
        }
    }

    /// Asks what runs on `cpu` to make way for one who waits there or near.
    pub(super) fn make_way(&mut self, machine: &mut Machine, cpu: usize) {
        self.make_way[cpu] = true;
        machine.preempt(cpu);
    }

    fn acts_saturated(&self, cpu: usize, orders: &Obeyed) -> bool {
        let cell = &self.cells[cpu];
        orders.state == CellState::Saturated
            || u64::from(cell.nr_queued) * cell.avg_run_ns > 3 * self.params.slice_ns
    }

    /// The CPU on whose track `task` waits: where it is, unless that CPU is
    /// saturated and a random peer has less ahead.
    pub(super) fn track_for(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        cpu: usize,
        orders: &Obeyed,
    ) -> usize {
        if !self.acts_saturated(cpu, orders) {
            return cpu;
        }
        let Some(peer) = self.random_peer(machine, cpu) else {
            return cpu;
        };
        let need_ns = self.price_of(machine, task, cpu, peer);
        if self.ahead_ns(peer, task) + need_ns < self.ahead_ns(cpu, task) {
            peer
        } else {
            cpu
        }
    }

    /// Where a task begins its life: the shortest of a few tracks anywhere.
    fn birth_track(&self, machine: &mut Machine, cpu: usize) -> usize {
        let mut best = cpu;
        for _ in 0..BIRTH_CHOICES {
            let other = machine.rng.usize(0..self.tracks.len());
            machine.probe(cpu, other);
            if self.tracks[other].len() < self.tracks[best].len() {
                best = other;
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::params::{MS, Params};
    use crate::sim::engine::costs::{Costs, DEFAULT_COSTS_NS};
    use crate::sim::engine::task::{Footprint, Kind, Task};
    use crate::sim::policy::{Footprints, Policy, Settings};
    use crate::sim::topology::Topology;

    /// Idle CPUs without an agent, and a task that is on the first of them.
    fn stage(topology: &str, prices_ns: [u64; 5]) -> (Machine, Hallows, TaskId) {
        let map = topology.parse::<Topology>().unwrap().map();
        let settings = Settings {
            params: Params::default(),
            prices_ns,
            footprints: Footprints::Unknown,
        };
        let mut hallows = Hallows::new(&map, &settings, false);
        let costs = Costs::new(prices_ns, map.llcs().len());
        let mut machine = Machine::new(map, costs, 1);
        let footprint = Footprint {
            factor: 1.0,
            remote_permille: 0,
        };
        let task = machine.add_task(Task::new(Kind::Job, footprint, 0, 0));
        hallows.wakes(task, 0);
        assert!(machine.idle.claim(0));
        (machine, hallows, task)
    }

    #[test]
    fn whose_slice_is_over_goes_to_an_idle_cpu_first() {
        let (mut machine, mut hallows, task) = stage("1x1x2x1", DEFAULT_COSTS_NS);
        hallows.requeue(&mut machine, 0, task);
        assert_eq!((hallows.tracks[0].len(), hallows.tracks[1].len()), (0, 1));
        // That CPU is taken now.
        hallows.requeue(&mut machine, 0, task);
        assert_eq!((hallows.tracks[0].len(), hallows.tracks[1].len()), (1, 1));
    }

    #[test]
    fn who_waits_too_long_believes_neither_price_nor_agent() {
        let dear = [0, 0, 0, 0, 100 * MS];
        let (mut machine, hallows, task) = stage("2x1x1x1", dear);
        let beyond = Ring::Machine as u8 + 1;
        let mut found = |saved_ns, idle_lvl| {
            let found = hallows.pick_idle_far(&mut machine, task, 0, saved_ns, idle_lvl);
            found.inspect(|cpu| machine.idle.release(*cpu))
        };
        let limit_ns = hallows.params.wait_max_ns;
        assert_eq!(found(limit_ns, 0), None);
        assert_eq!(found(limit_ns + 1, beyond), Some(1));
    }
}
