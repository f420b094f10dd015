// SPDX-License-Identifier: GPL-2.0-only
//! Balance while no CPU is idle (`grant.bpf.h` and `lag.bpf.h`): moves that the
//! agent granted, and turns within the LLC.

use super::signal::{DEFAULT_SCAN_K, Obeyed};
use super::{Hallows, Ring};
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

/// Nobody keeps a larger lead.
const LAG_MAX_SLICES: u64 = 8;

/// A pace far from 0, which is none.
const PACE_START_NS: u64 = 1 << 40;

/// Tasks by which queues must differ for one to leave its home.
const HOME_GAP: usize = 4;
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
        if self.home_holds(machine, task, cpu, to) {
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
    /// says, if that CPU has two more, or one in another LLC.
    pub(super) fn take_fair(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        orders: &Obeyed,
    ) -> Option<TaskId> {
        let from = usize::from(orders.fair?.cpu);
        self.spend(cpu, |orders| &mut orders.fair);
        let gap = 1 + usize::from(machine.map.ring(cpu, from) <= Ring::Llc);
        if self.nr_sharing(from) < self.nr_sharing(cpu) + gap {
            machine.probe(cpu, from);
            self.count("fair rejected: gap");
            return None;
        }
        self.pull(machine, cpu, from, "fair")
    }

    /// Another CPU of the LLC of `cpu` on whose track somebody waits. A bit may be stale, so
    /// it looks at a few.
    fn waiting_peer(&self, machine: &mut Machine, cpu: usize) -> Option<usize> {
        let cells = machine.map.llcs()[machine.llc(cpu)].cells.clone();
        let mut at = machine.rng.usize(cells.clone());
        for _ in 0..DEFAULT_SCAN_K {
            let peer = self.waiting.next(&cells, at)?;
            let taken = machine.cpus[peer].current.is_none();
            if peer != cpu && !taken && !self.tracks[peer].is_empty() {
                return Some(peer);
            }
            at = peer + 1;
        }
        None
    }

    /// The end of a slice of `prev`: takes whom it is the turn of, from one track of the LLC.
    pub(super) fn take_lagging(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        prev: TaskId,
        slice_ns: u64,
    ) -> Option<TaskId> {
        let Some(peer) = self.waiting_peer(machine, cpu) else {
            // A pace begins with a look at any peer.
            let any = machine.random_in_llc(cpu);
            if any != cpu && self.cells[cpu].pace_ns == 0 {
                self.pace_ahead(cpu, any);
            }
            return None;
        };
        machine.search(Ring::Llc);
        let pace_ns = self.pace_ahead(cpu, peer);
        let (head_ns, _) = self.tracks[peer].iter().next()?;
        let beyond = |deadline_ns: u64, cpu: usize| {
            deadline_ns.wrapping_sub(self.cells[cpu].vclock_ns) as i64
        };
        let deadline_ns = self.deadline_of(prev, slice_ns);
        let ahead_ns = pace_ns + beyond(deadline_ns, cpu) - beyond(head_ns, peer);
        let (here, there) = (self.nr_sharing(cpu), self.nr_sharing(peer));
        let margin_ns = i64::from(self.params.lag_slices) * self.params.slice_ns as i64;
        let needed_ns = match there as i64 - here as i64 {
            ..=0 => return None,
            1 => margin_ns,
            2.. => -1,
        };
        if ahead_ns < 0 || ahead_ns <= needed_ns {
            return None;
        }
        self.pull(machine, cpu, peer, "lag pull")
    }

    /// By how much `cpu`, which gets a pace if it idled, is ahead of `peer`, once it is
    /// within [`LAG_MAX_SLICES`] of that.
    fn pace_ahead(&mut self, cpu: usize, peer: usize) -> i64 {
        let peer_ns = self.cells[peer].pace_ns;
        let there_ns = if peer_ns > 0 { peer_ns } else { PACE_START_NS };
        let most_ns = LAG_MAX_SLICES * self.params.slice_ns;
        let pace_ns = &mut self.cells[cpu].pace_ns;
        if *pace_ns == 0 {
            *pace_ns = there_ns;
        }
        let ahead_ns = pace_ns.wrapping_sub(there_ns) as i64;
        if peer_ns == 0 {
            return 0;
        }
        let bounded_ns = ahead_ns.clamp(-(most_ns as i64), most_ns as i64);
        *pace_ns = there_ns.wrapping_add_signed(bounded_ns);
        bounded_ns
    }

    /// Must `task` not leave the LLC of its group on the way from `from` to `to`?
    fn home_holds(&self, machine: &Machine, task: TaskId, from: usize, to: usize) -> bool {
        self.leaves_home(machine, task, from, to)
            && self.nr_sharing(from) < self.nr_sharing(to) + HOME_GAP
    }

    /// What a task that comes from `from` to `cpu` is owed: what the tasks of `cpu` had more
    /// than those of `from`. CPUs of two LLCs don't know that; it is a slice then.
    fn owed_ns(&self, machine: &Machine, from: usize, cpu: usize) -> u64 {
        let (there_ns, here_ns) = (self.cells[from].pace_ns, self.cells[cpu].pace_ns);
        match there_ns == 0 || here_ns == 0 || machine.llc(from) != machine.llc(cpu) {
            true => self.params.slice_ns,
            false => here_ns.wrapping_sub(there_ns),
        }
    }

    /// Takes the first task of the track of `from` that may come to `cpu`.
    fn pull(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        from: usize,
        decision: &'static str,
    ) -> Option<TaskId> {
        let mut first = self.tracks[from].iter().take(PULL_SCAN);
        let at = first.position(|(_, task)| !self.home_holds(machine, task, from, cpu))?;
        drop(first);
        machine.probe(cpu, from);
        let task = self.tracks[from].take(at)?;
        self.track_since_ns[from] = machine.now_ns;
        self.count(decision);
        let owed_ns = self.owed_ns(machine, from, cpu);
        let time = &mut self.tasks[task as usize];
        time.vtime_ns = time.vtime_ns.wrapping_sub(owed_ns);
        Some(task)
    }
}
