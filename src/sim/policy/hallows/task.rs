// SPDX-License-Identifier: GPL-2.0-only
//! Tasks: virtual time, burst length, class. All weights are equal.

use super::Hallows;
use super::cell::ewma;
use crate::agent::params::Params;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

/// Times `express_max`: more of a burst does not count.
const LONGEST_BURSTS: u64 = 16;
/// Of what each of the others gets: so much more one gets that sleeps.
const REST_SHARES: u64 = 2;

/// `struct task_ctx`, as far as it is modelled.
#[derive(Clone, Copy, Debug)]
pub struct TaskTime {
    pub vtime_ns: u64,
    pub exec_start_ns: u64,
    pub burst_ns: u64,
    pub avg_burst_ns: u64,
    pub has_slept: bool,
    /// Since when it sleeps, if it did not run since.
    pub slept_ns: Option<u64>,
    /// Up to when sleep was taken off its debt, and what of its clock was spent on that.
    pub rested_ns: u64,
    pub rested_clock_ns: u64,
    pub granted_ns: u64,
    pub clock_cpu: usize,
    pub on_express: bool,
    /// Run time that its group does not know of yet.
    pub group_ns: u64,
    /// When its home was looked up, it last left for it, and last wanted to.
    pub home_checked_ns: u64,
    pub home_moved_ns: u64,
    pub home_tried_ns: u64,
    pub home_llc: Option<usize>,
}

impl TaskTime {
    /// The average after one more burst: `next_average()`.
    fn next_average_ns(&self, params: &Params, whole_most_ns: u64) -> u64 {
        let longest_ns = LONGEST_BURSTS * params.express_max_ns;
        let longest_ns = longest_ns.max(whole_most_ns + params.slice_ns);
        let burst_ns = self.burst_ns.min(longest_ns);
        if self.has_slept {
            ewma(self.avg_burst_ns, burst_ns)
        } else {
            burst_ns
        }
    }
}

impl Hallows {
    /// `task` woke up; it is met for the first time on `cpu`.
    pub(super) fn wakes(&mut self, task: TaskId, cpu: usize) {
        let at = task as usize;
        while self.tasks.len() <= at {
            self.tasks.push(TaskTime {
                vtime_ns: self.cells[cpu].vclock_ns,
                exec_start_ns: 0,
                burst_ns: 0,
                // Not latency-critical until it has shown it.
                avg_burst_ns: 2 * self.params.express_max_ns,
                has_slept: false,
                slept_ns: None,
                rested_ns: 0,
                rested_clock_ns: 0,
                granted_ns: 0,
                clock_cpu: cpu,
                on_express: false,
                group_ns: 0,
                home_checked_ns: 0,
                home_moved_ns: 0,
                home_tried_ns: 0,
                home_llc: None,
            });
        }
        self.tasks[at].on_express = false;
    }

    pub(super) fn is_express(&self, task: TaskId) -> bool {
        self.tasks[task as usize].avg_burst_ns < self.params.express_max_ns
    }

    /// Reads the virtual time of `task` on the clock of `cpu`, at most one slice of
    /// credit behind it, and no more of debt ahead than the longest burst makes.
    pub(super) fn rebase_vtime(&mut self, task: TaskId, cpu: usize) {
        let (slice_ns, debt_max_ns) = (self.params.slice_ns as i64, self.whole_most_ns() as i64);
        let time = &mut self.tasks[task as usize];
        let (from_ns, to_ns) = (
            self.cells[time.clock_cpu].vclock_ns,
            self.cells[cpu].vclock_ns,
        );
        let lag = time.vtime_ns.wrapping_sub(from_ns) as i64;
        let lag = lag.clamp(-slice_ns, debt_max_ns);
        let unspent_ns = from_ns.wrapping_sub(time.rested_clock_ns);
        time.rested_clock_ns = to_ns.wrapping_sub(unspent_ns);
        time.vtime_ns = to_ns.wrapping_add_signed(lag);
        time.clock_cpu = cpu;
    }

    /// Did one whose slice was over come to wait on `cpu` of late?
    fn has_tireless(&self, cpu: usize, now_ns: u64) -> bool {
        let tireless_ns = self.track_tireless_ns[cpu];
        tireless_ns > 0 && now_ns - tireless_ns < 2 * self.params.starved_ns
    }

    /// Takes the time that `task` slept off what it is ahead of its clock, as far as a
    /// multiple of what the clock went on by pays for it.
    pub(super) fn rest(&mut self, task: TaskId, now_ns: u64) {
        let Some(slept_ns) = self.tasks[task as usize].slept_ns else {
            return;
        };
        let clock_cpu = self.tasks[task as usize].clock_cpu;
        let (express, has_tireless) = (self.is_express(task), self.has_tireless(clock_cpu, now_ns));
        let cell = &self.cells[clock_cpu];
        let time = &mut self.tasks[task as usize];
        let from_ns = slept_ns.max(time.rested_ns);
        time.rested_ns = now_ns;
        let debt_ns = time.vtime_ns.wrapping_sub(cell.vclock_ns) as i64;
        if debt_ns <= 0 {
            return;
        }
        let mut paid_ns = (now_ns - from_ns).min(debt_ns as u64);
        if cell.idle_since_ns == 0 && !express && has_tireless {
            let unspent_ns = cell.vclock_ns.wrapping_sub(time.rested_clock_ns);
            let unspent_ns = unspent_ns.min(2 * self.params.slice_ns);
            paid_ns = paid_ns.min(REST_SHARES * unspent_ns);
            let left_ns = unspent_ns - paid_ns / REST_SHARES;
            time.rested_clock_ns = cell.vclock_ns.wrapping_sub(left_ns);
        }
        time.vtime_ns = time.vtime_ns.wrapping_sub(paid_ns);
    }

    /// The virtual deadline of the next request of `task`.
    pub(super) fn deadline_of(&self, task: TaskId, slice_ns: u64) -> u64 {
        let time = &self.tasks[task as usize];
        let request_ns = time.avg_burst_ns.min(slice_ns).min(self.params.slice_ns);
        let begun_ns = match self.runs_whole(task, slice_ns) {
            true => time.burst_ns,
            false => 0,
        };
        time.vtime_ns
            .wrapping_sub(begun_ns)
            .wrapping_add(request_ns)
    }

    /// Charges `task` for what it ran since it was last charged.
    pub(super) fn charge(&mut self, machine: &Machine, task: TaskId) {
        let used_ns = machine.task(task).cpu_ns;
        let time = &mut self.tasks[task as usize];
        let ran_ns = used_ns - time.exec_start_ns;
        time.exec_start_ns = used_ns;
        time.vtime_ns = time.vtime_ns.wrapping_add(ran_ns);
        time.burst_ns += ran_ns;
        time.group_ns += ran_ns;
    }

    /// The clock of `cpu` follows whom it chose to run, a slice at a time.
    /// `slice_ns`: a usual one, or the long one for which it ran and others did
    /// not wait.
    pub(super) fn advance_clock(&mut self, cpu: usize, task: TaskId, slice_ns: u64) {
        let time = &self.tasks[task as usize];
        let clock_ns = self.cells[cpu].vclock_ns;
        let step = time.vtime_ns.wrapping_sub(clock_ns) as i64;
        if !time.on_express && step > 0 {
            let step = (step as u64).min(slice_ns);
            self.cells[cpu].vclock_ns = clock_ns.wrapping_add(step);
            if self.cells[cpu].pace_ns > 0 {
                self.cells[cpu].pace_ns += step;
            }
        }
    }

    /// A burst ends when the task sleeps; one longer than thought counts before.
    pub(super) fn burst_stops(&mut self, task: TaskId, runnable: bool, now_ns: u64) {
        let whole_most_ns = self.whole_most_ns();
        let time = &mut self.tasks[task as usize];
        if !runnable || time.burst_ns > time.avg_burst_ns {
            time.avg_burst_ns = time.next_average_ns(&self.params, whole_most_ns);
        }
        if !runnable {
            time.burst_ns = 0;
            time.has_slept = true;
            time.slept_ns = Some(now_ns);
        }
    }
}
