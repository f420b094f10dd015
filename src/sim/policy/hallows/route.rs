// SPDX-License-Identifier: GPL-2.0-only
//! Routes: where a CPU that needs work looks, nearest first.

use std::ops::Range;

use super::signal::MAX_SCAN_K;
use super::{Hallows, Ring};
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

impl Hallows {
    /// Did work wait long enough to pay for its way?
    fn worth(&self, age_ns: u64, price_ns: u64) -> bool {
        age_ns > price_ns || age_ns > self.params.wait_max_ns
    }

    fn detour_or_rescue(&self, age_ns: u64) -> &'static str {
        if age_ns > self.params.wait_max_ns {
            "rescue"
        } else {
            "detour"
        }
    }

    /// Two heads: the express track's, unless express work has had more than a
    /// slice here while the own track waited, and the own track's.
    pub(super) fn take_head(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        prev: Option<TaskId>,
        slice_ns: u64,
    ) -> Option<TaskId> {
        let head = self.tracks[cpu].head_key();
        if head.is_none() || self.cells[cpu].express_ns < self.params.slice_ns {
            let express = self.take_express(machine, machine.llc(cpu), "express");
            if express.is_some() {
                return express;
            }
        }
        let head = head?;
        if prev.is_some_and(|prev| self.deadline_of(prev, slice_ns) < head) {
            return None;
        }
        self.cells[cpu].express_ns = 0;
        self.take_track(machine, cpu, cpu, "own track")
    }

    /// Does what waits on the track of `from` wait long enough to pay for a move
    /// within the LLC? Behind a hog, yes.
    fn worth_taking(&self, machine: &Machine, from: usize) -> bool {
        let cell = &self.cells[from];
        if cell.hog || machine.cpus[from].current.is_none() {
            return true;
        }
        let ahead_ns = cell.curr_avg_ns + self.tracks[from].len() as u64 * cell.avg_run_ns;
        ahead_ns > self.need_ns[Ring::Llc as usize]
    }

    /// Tracks of the own LLC with work, `scan_k` at most, beginning anywhere.
    pub(super) fn take_peer(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        scan_k: u8,
    ) -> Option<TaskId> {
        let cells = machine.map.llcs()[machine.llc(cpu)].cells.clone();
        let mut at = machine.rng.usize(cells.clone());
        let mut first = None;
        for _ in 0..scan_k {
            let from = self.waiting.next(&cells, at)?;
            if first == Some(from) {
                return None;
            }
            first = first.or(Some(from));
            if from != cpu && self.worth_taking(machine, from) {
                let task = self.take_track(machine, cpu, from, "peer");
                if task.is_some() {
                    return task;
                }
            }
            at = after(from, &cells);
        }
        None
    }

    /// Stops of the agent's route: each is verified live before it is believed.
    pub(super) fn take_route(&mut self, machine: &mut Machine, cpu: usize) -> Option<TaskId> {
        let signal = &self.signals[cpu];
        if !signal.fresh(machine.now_ns) {
            return None;
        }
        let route = signal.orders()?.route;
        route.stops().iter().find_map(|stop| {
            let from = usize::from(*stop);
            machine.probe(cpu, from);
            let head = self.tracks[from].head()?;
            let age_ns = self.track_age(from, machine.now_ns);
            if !self.worth(age_ns, self.price_to_steal(machine, head, from, cpu)) {
                return None;
            }
            self.take_track(machine, cpu, from, "route")
        })
    }

    /// The static route: other LLCs, nearest ring first.
    pub(super) fn take_detour(&mut self, machine: &mut Machine, cpu: usize) -> Option<TaskId> {
        let home = machine.llc(cpu);
        (0..machine.map.llcs()[home].detour.len()).find_map(|stop| {
            let llc = machine.map.llcs()[home].detour[stop];
            self.take_far(machine, cpu, llc.into())
        })
    }

    /// A waiting track of `llc` whose wait pays for the way, from anywhere on.
    fn take_far(&mut self, machine: &mut Machine, cpu: usize, llc: usize) -> Option<TaskId> {
        let cells = machine.map.llcs()[llc].cells.clone();
        let now_ns = machine.now_ns;
        machine.probe(cpu, cells.start);
        if let Some(head) = self.express[llc].head() {
            let age_ns = now_ns - self.express_since_ns[llc];
            if self.worth(age_ns, self.price_to_steal(machine, head, cells.start, cpu)) {
                return self.take_express(machine, llc, self.detour_or_rescue(age_ns));
            }
        }
        let mut at = machine.rng.usize(cells.clone());
        let mut first = None;
        for _ in 0..MAX_SCAN_K {
            let from = self.waiting.next(&cells, at)?;
            if first == Some(from) {
                return None;
            }
            first = first.or(Some(from));
            let task = self.take_if_worth(machine, cpu, from);
            if task.is_some() {
                return task;
            }
            at = after(from, &cells);
        }
        None
    }

    /// Takes from the track of `from`, far away, if its wait pays for the way.
    fn take_if_worth(&mut self, machine: &mut Machine, cpu: usize, from: usize) -> Option<TaskId> {
        let head = self.tracks[from].head()?;
        let age_ns = self.track_age(from, machine.now_ns);
        if !self.worth(age_ns, self.price_to_steal(machine, head, from, cpu)) {
            return None;
        }
        self.take_track(machine, cpu, from, self.detour_or_rescue(age_ns))
    }
}

/// The next of `cells` after `cell`, going round.
fn after(cell: usize, cells: &Range<usize>) -> usize {
    match cell + 1 {
        next if next < cells.end => next,
        _ => cells.start,
    }
}
