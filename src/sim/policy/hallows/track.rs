// SPDX-License-Identifier: GPL-2.0-only
//! Tracks: the queues that work waits on, and the bits that say which do.

use super::Hallows;
use crate::sim::engine::costs::Lock;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

impl Hallows {
    /// How long the track of `cpu` has not moved; or the work on it, if that is
    /// more than anybody should wait for.
    pub(super) fn track_age(&self, cpu: usize, now_ns: u64) -> u64 {
        let run_ns = self.cells[cpu].avg_run_ns.min(self.params.slice_ns);
        let ahead_ns = self.tracks[cpu].len() as u64 * run_ns;
        match self.track_since_ns[cpu] {
            _ if ahead_ns > self.params.wait_max_ns => ahead_ns,
            0 => 0,
            since_ns => now_ns - since_ns,
        }
    }

    /// All waiting bits of the LLC of `cpu` in one word; beyond 64 they overlap.
    pub(super) fn yard_fold(&self, machine: &Machine, cpu: usize) -> u64 {
        let cells = machine.map.llcs()[machine.llc(cpu)].cells.clone();
        self.waiting.fold(&cells)
    }

    /// Queues `task` on the track of `cpu`, ordered on that CPU's clock.
    pub(super) fn queue_on_track(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        cpu: usize,
        slice_ns: u64,
    ) {
        self.rest(task, machine.now_ns);
        self.rebase_vtime(task, cpu);
        self.tasks[task as usize].on_express = false;
        machine.task_mut(task).slice_ns = self.whole_slice_ns(task, slice_ns);
        if self.tracks[cpu].is_empty() {
            self.track_since_ns[cpu] = machine.now_ns;
        }
        self.note_tireless(task, cpu, machine.now_ns);
        let deadline = self.deadline_of(task, slice_ns);
        self.tracks[cpu].push(deadline, task);
        self.waiting.set(cpu, true);
        self.count("queued on a track");
    }

    /// Notes that `task` comes to wait on the track of `cpu`, if its slice was over and it
    /// does not sleep soon.
    fn note_tireless(&mut self, task: TaskId, cpu: usize, now_ns: u64) {
        let (time, slice_ns) = (&self.tasks[task as usize], self.params.slice_ns);
        if time.slept_ns.is_none() && time.burst_ns >= slice_ns && !self.runs_whole(task, slice_ns)
        {
            self.track_tireless_ns[cpu] = now_ns;
        }
    }

    /// Queues `task` where every CPU of `llc` takes it before its own track, by
    /// how soon a burst as short as its own should start.
    pub(super) fn queue_on_express(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        llc: usize,
        slice_ns: u64,
    ) {
        machine.lock(Lock::Llc(llc));
        machine.task_mut(task).slice_ns = slice_ns;
        let time = &mut self.tasks[task as usize];
        time.on_express = true;
        let deadline = machine.now_ns + time.avg_burst_ns;
        if self.express[llc].is_empty() {
            self.express_since_ns[llc] = machine.now_ns;
        }
        self.express[llc].push(deadline, task);
        self.count("queued on express");
    }

    /// Takes the first task of the track of `from` to `cpu`.
    pub(super) fn take_track(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        from: usize,
        decision: &'static str,
    ) -> Option<TaskId> {
        machine.probe(cpu, from);
        let task = self.tracks[from].pop()?;
        self.track_since_ns[from] = machine.now_ns;
        self.count(decision);
        Some(task)
    }

    /// Takes the first task of the express track of `llc`.
    pub(super) fn take_express(
        &mut self,
        machine: &mut Machine,
        llc: usize,
        decision: &'static str,
    ) -> Option<TaskId> {
        if self.express[llc].is_empty() {
            return None;
        }
        machine.lock(Lock::Llc(llc));
        let task = self.express[llc].pop()?;
        self.express_since_ns[llc] = machine.now_ns;
        self.count(decision);
        Some(task)
    }
}
