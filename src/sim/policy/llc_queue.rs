// SPDX-License-Identifier: GPL-2.0-only
//! A queue for each LLC in the order of virtual deadlines; what wakes up may
//! preempt a task that has run for a while. A CPU that finds the queue of its LLC empty
//! takes from the nearest other one.

use super::Policy;
use super::reach::claim_nearest;
use crate::agent::place::Map;
use crate::sim::engine::costs::Lock;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;
use crate::sim::engine::track::Track;

/// Nobody is preempted sooner.
const MIN_RUN_NS: u64 = 500_000;
/// CPUs of the LLC, besides its own, among which a victim is looked for.
const VICTIM_CHOICES: usize = 2;
/// What sleepers get ahead at most.
const CREDIT_NS: u64 = 3_000_000;

#[derive(Clone, Copy, Default)]
struct Runs {
    since_ns: u64,
    /// Average burst of who runs.
    burst_ns: u64,
}

#[derive(Clone, Copy, Default)]
struct TaskTime {
    vtime_ns: u64,
    charged_ns: u64,
    burst_ns: u64,
    avg_burst_ns: u64,
}

/// The queues.
pub struct LlcQueue {
    slice_ns: u64,
    queues: Vec<Track>,
    clocks_ns: Vec<u64>,
    runs: Vec<Runs>,
    tasks: Vec<TaskTime>,
}

impl LlcQueue {
    /// Empty queues.
    pub fn new(map: &Map, slice_ns: u64) -> LlcQueue {
        LlcQueue {
            slice_ns,
            queues: vec![Track::default(); map.llcs().len()],
            clocks_ns: vec![CREDIT_NS; map.llcs().len()],
            runs: vec![Runs::default(); map.cells().len()],
            tasks: Vec::new(),
        }
    }

    fn time(&mut self, task: TaskId) -> &mut TaskTime {
        let at = task as usize;
        if self.tasks.len() <= at {
            let unknown = TaskTime {
                avg_burst_ns: self.slice_ns,
                ..TaskTime::default()
            };
            self.tasks.resize(at + 1, unknown);
        }
        &mut self.tasks[at]
    }

    fn push(&mut self, machine: &mut Machine, llc: usize, task: TaskId) {
        machine.lock(Lock::Llc(llc));
        machine.task_mut(task).slice_ns = self.slice_ns;
        let (clock, slice_ns) = (self.clocks_ns[llc], self.slice_ns);
        let time = self.time(task);
        time.vtime_ns = time.vtime_ns.clamp(clock - CREDIT_NS, clock + 2 * slice_ns);
        let deadline = time.vtime_ns + time.avg_burst_ns.min(slice_ns);
        self.queues[llc].push(deadline, task);
    }

    fn pop(&mut self, machine: &mut Machine, llc: usize) -> Option<TaskId> {
        if self.queues[llc].is_empty() {
            return None;
        }
        machine.lock(Lock::Llc(llc));
        let task = self.queues[llc].pop()?;
        let vtime_ns = self.time(task).vtime_ns;
        self.clocks_ns[llc] = self.clocks_ns[llc].max(vtime_ns);
        Some(task)
    }

    /// A CPU near `cpu` that runs somebody longer-winded than `task`.
    fn victim(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) -> Option<usize> {
        let burst_ns = self.time(task).avg_burst_ns;
        let mut at = cpu;
        for _ in 0..=VICTIM_CHOICES {
            machine.probe(cpu, at);
            let runs = self.runs[at];
            let ran_ns = machine.now_ns - runs.since_ns;
            if ran_ns >= MIN_RUN_NS && runs.burst_ns > 2 * burst_ns && !machine.cpus[at].resched {
                return Some(at);
            }
            at = machine.random_in_llc(cpu);
        }
        None
    }
}

impl Policy for LlcQueue {
    fn wake(&mut self, machine: &mut Machine, task: TaskId) {
        let home = machine.task(task).cpu;
        if let Some(idle) = claim_nearest(machine, home) {
            machine.run_on(idle, task, self.slice_ns);
            return;
        }
        self.push(machine, machine.llc(home), task);
        if let Some(victim) = self.victim(machine, home, task) {
            machine.preempt(victim);
        }
    }

    fn requeue(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        self.push(machine, machine.llc(cpu), task);
    }

    fn pick(&mut self, machine: &mut Machine, cpu: usize, prev: Option<TaskId>) -> Option<TaskId> {
        let home = machine.llc(cpu);
        if let Some(next) = self.pop(machine, home) {
            return Some(next);
        }
        if let Some(prev) = prev {
            machine.task_mut(prev).slice_ns = self.slice_ns;
            return None;
        }
        for stop in 0..machine.map.llcs()[home].detour.len() {
            let llc = usize::from(machine.map.llcs()[home].detour[stop]);
            let first = machine.map.llcs()[llc].cells.start;
            machine.probe(cpu, first);
            if let Some(next) = self.pop(machine, llc) {
                return Some(next);
            }
        }
        None
    }

    fn running(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        let used_ns = machine.task(task).cpu_ns;
        let time = self.time(task);
        time.charged_ns = used_ns;
        self.runs[cpu] = Runs {
            since_ns: machine.now_ns,
            burst_ns: time.avg_burst_ns.max(time.burst_ns),
        };
    }

    fn stopping(&mut self, machine: &mut Machine, _cpu: usize, task: TaskId, runnable: bool) {
        let used_ns = machine.task(task).cpu_ns;
        let time = self.time(task);
        let ran_ns = used_ns - time.charged_ns;
        time.vtime_ns += ran_ns;
        time.burst_ns += ran_ns;
        if !runnable || time.burst_ns > time.avg_burst_ns {
            time.avg_burst_ns = (3 * time.avg_burst_ns + time.burst_ns) / 4;
        }
        if !runnable {
            time.burst_ns = 0;
        }
    }
}
