// SPDX-License-Identifier: GPL-2.0-only
//! Slices: how long a task runs before its CPU looks again.

use super::Hallows;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

/// Usual ones: the longest burst that runs in one go, and the most that is owed.
const WHOLE_SLICES: u64 = 4;
/// No slice is longer.
const SLICE_MAX_NS: u64 = 100_000_000;

impl Hallows {
    /// The longest burst that runs in one go.
    pub(super) fn whole_most_ns(&self) -> u64 {
        (WHOLE_SLICES * self.params.slice_ns).min(SLICE_MAX_NS)
    }

    /// How long a burst of `task` may run in one go; `slice_ns` if they are shorter, or too
    /// long for that.
    fn whole_burst_ns(&self, task: TaskId, slice_ns: u64) -> u64 {
        let burst_ns = self.tasks[task as usize].avg_burst_ns;
        if burst_ns <= slice_ns || burst_ns > self.whole_most_ns() {
            return slice_ns;
        }
        (burst_ns + burst_ns / 4).min(self.whole_most_ns())
    }

    /// Does `task`, which would get `slice_ns`, run all of its burst, which is not longer
    /// than usual by now?
    pub(super) fn runs_whole(&self, task: TaskId, slice_ns: u64) -> bool {
        let time = &self.tasks[task as usize];
        self.whole_burst_ns(task, slice_ns) > slice_ns && time.burst_ns < time.avg_burst_ns
    }

    /// A slice for `task` instead of `slice_ns`: enough for the rest of its burst.
    pub(super) fn whole_slice_ns(&self, task: TaskId, slice_ns: u64) -> u64 {
        if !self.runs_whole(task, slice_ns) {
            return slice_ns;
        }
        let burst_ns = self.tasks[task as usize].burst_ns;
        slice_ns.max(self.whole_burst_ns(task, slice_ns) - burst_ns)
    }

    /// `task`, whose slice on `cpu` is over, was charged for it and runs on for
    /// another of `slice_ns`.
    pub(super) fn renew_slice(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        task: TaskId,
        slice_ns: u64,
    ) {
        let granted_ns = self.tasks[task as usize].granted_ns;
        let full_ns = self.params.slice_ns;
        self.advance_clock(cpu, task, granted_ns.max(full_ns) + 2 * full_ns);
        if self.tracks[cpu].is_empty() {
            self.waiting.set(cpu, false);
        }
        self.tasks[task as usize].granted_ns = slice_ns;
        machine.task_mut(task).slice_ns = slice_ns;
    }

    /// Somebody waits for `cpu`, or for any of its LLC: a long slice shrinks to a usual one,
    /// or to what it had of it.
    pub(super) fn cut_slice(&mut self, machine: &mut Machine, cpu: usize) {
        let Some(task) = machine.cpus[cpu].current else {
            return;
        };
        let mut full_ns = self.whole_burst_ns(task, self.params.slice_ns);
        if self.tasks[task as usize].burst_ns >= full_ns {
            full_ns = self.params.slice_ns;
        }
        let left_ns = machine.slice_left_ns(cpu);
        let granted_ns = &mut self.tasks[task as usize].granted_ns;
        let extra_ns = granted_ns.saturating_sub(full_ns).min(left_ns);
        if extra_ns > 0 {
            *granted_ns -= extra_ns;
            self.count("slice cut");
            machine.set_slice(cpu, left_ns - extra_ns);
        }
    }
}
