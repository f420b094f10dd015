// SPDX-License-Identifier: GPL-2.0-only
//! A model of the kernel's default: each CPU runs the eligible task of its
//! queue with the earliest virtual deadline and lets it have its slice; waking
//! tasks look for an idle CPU in their LLC; a CPU that goes idle pulls from
//! the busiest CPU near it; and groups of CPUs are evened out at intervals.

use std::ops::Range;

use super::Policy;
use super::reach::{RINGS, cells_within, claim_within};
use crate::agent::place::{Map, Ring};
use crate::sim::engine::bits::Bits;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;
use crate::sim::engine::track::Track;

/// A group of CPUs that has so much more than another, in percent, gives.
const IMBALANCE_PCT: f64 = 117.0;
/// Busy CPUs balance so many times less often than once per millisecond and CPU
/// of the group.
const BUSY_FACTOR: u64 = 16;
const MS: u64 = 1_000_000;
/// Tasks that one balancing moves at most.
const MOVES_MAX: usize = 32;

#[derive(Clone, Copy, Default)]
struct TaskTime {
    /// On the clock of its queue while queued or running, a lag else.
    vruntime_ns: i64,
    charged_ns: u64,
}

#[derive(Clone, Default)]
struct Queue {
    /// By virtual deadline.
    track: Track,
    vruntime_sum_ns: i64,
    running: Option<TaskId>,
    next_balance_ns: [u64; RINGS.len()],
}

/// The queues.
pub struct EevdfLike {
    slice_ns: u64,
    queues: Vec<Queue>,
    waiting: Bits,
    tasks: Vec<TaskTime>,
}

impl EevdfLike {
    /// Empty queues.
    pub fn new(map: &Map, slice_ns: u64) -> EevdfLike {
        let nr = map.cells().len();
        EevdfLike {
            slice_ns,
            queues: vec![Queue::default(); nr],
            waiting: Bits::new(nr),
            tasks: Vec::new(),
        }
    }

    fn time(&mut self, task: TaskId) -> &mut TaskTime {
        let at = task as usize;
        if self.tasks.len() <= at {
            self.tasks.resize(at + 1, TaskTime::default());
        }
        &mut self.tasks[at]
    }

    /// The virtual time of a queue: the mean of those that compete.
    fn clock_ns(&self, machine: &Machine, cpu: usize) -> i64 {
        let queue = &self.queues[cpu];
        let running = queue.running.map(|task| {
            let time = &self.tasks[task as usize];
            let used_ns = machine.used_ns(cpu).max(time.charged_ns);
            time.vruntime_ns + (used_ns - time.charged_ns) as i64
        });
        let nr = queue.track.len() as i64 + i64::from(running.is_some());
        (queue.vruntime_sum_ns + running.unwrap_or(0)) / nr.max(1)
    }

    /// Queues a task whose `vruntime_ns` is a lag.
    fn place(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        let (clock_ns, slice_ns) = (self.clock_ns(machine, cpu), self.slice_ns as i64);
        let time = self.time(task);
        time.vruntime_ns = clock_ns + time.vruntime_ns.clamp(-slice_ns, slice_ns);
        self.push(machine, cpu, task);
    }

    fn push(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        machine.task_mut(task).slice_ns = self.slice_ns;
        let vruntime_ns = self.time(task).vruntime_ns;
        let queue = &mut self.queues[cpu];
        queue.vruntime_sum_ns += vruntime_ns;
        let deadline = (vruntime_ns + self.slice_ns as i64) as u64 ^ (1 << 63);
        queue.track.push(deadline, task);
        self.waiting.set(cpu, true);
    }

    /// Takes the task at `at`; its `vruntime_ns` stays on the clock of `cpu`.
    fn take(&mut self, cpu: usize, at: usize) -> Option<TaskId> {
        let task = self.queues[cpu].track.take(at)?;
        let vruntime_ns = self.time(task).vruntime_ns;
        let queue = &mut self.queues[cpu];
        queue.vruntime_sum_ns -= vruntime_ns;
        self.waiting.set(cpu, !queue.track.is_empty());
        Some(task)
    }

    /// The earliest deadline among those that have not had more than their share.
    fn take_eligible(&mut self, machine: &Machine, cpu: usize) -> Option<TaskId> {
        let clock_ns = self.clock_ns(machine, cpu);
        let eligible = |task: TaskId| self.tasks[task as usize].vruntime_ns <= clock_ns;
        let at = self.queues[cpu]
            .track
            .iter()
            .position(|(_, task)| eligible(task));
        self.take(cpu, at.unwrap_or(0))
    }

    /// Moves a waiting task of `from` to `cpu`, with its lag: the last one, so
    /// that it is the one that would wait longest.
    fn pull(&mut self, machine: &mut Machine, cpu: usize, from: usize) -> Option<TaskId> {
        machine.probe(cpu, from);
        let clock_ns = self.clock_ns(machine, from);
        let last = self.queues[from].track.len().checked_sub(1)?;
        let task = self.take(from, last)?;
        self.time(task).vruntime_ns -= clock_ns;
        Some(task)
    }

    /// The CPU of `cells` where most tasks wait.
    fn busiest(&self, cells: &Range<usize>) -> Option<usize> {
        let waiting = |cpu: &usize| self.queues[*cpu].track.len();
        let busiest = cells.clone().max_by_key(waiting)?;
        (waiting(&busiest) > 0).then_some(busiest)
    }

    /// The CPU, in the nearest ring where anybody waits, where most do.
    fn newidle(&mut self, machine: &mut Machine, cpu: usize) -> Option<TaskId> {
        for ring in RINGS {
            machine.search(ring);
            let cells = cells_within(machine, cpu, ring);
            if self.waiting.next(&cells, cells.start).is_none() {
                continue;
            }
            let from = self.busiest(&cells)?;
            return self.pull(machine, cpu, from);
        }
        None
    }

    fn load(&self, cells: &Range<usize>) -> f64 {
        let tasks = |queue: &Queue| queue.track.len() + usize::from(queue.running.is_some());
        let sum: usize = self.queues[cells.clone()].iter().map(tasks).sum();
        sum as f64 / cells.len() as f64
    }

    /// The groups that `ring` consists of.
    fn groups(machine: &Machine, cpu: usize, ring: Ring) -> Vec<Range<usize>> {
        let map = &machine.map;
        match ring {
            Ring::Node => {
                let llcs = map.nodes()[machine.node(cpu)].llcs.clone();
                llcs.map(|llc| map.llcs()[llc].cells.clone()).collect()
            }
            Ring::Machine => map.nodes().iter().map(|node| node.cells.clone()).collect(),
            _ => cells_within(machine, cpu, Ring::Llc)
                .map(|cell| cell..cell + 1)
                .collect(),
        }
    }

    /// Evens out the groups of `ring`, if `cpu` is the one of its group that does.
    fn balance(&mut self, machine: &mut Machine, cpu: usize, ring: Ring) {
        let groups = EevdfLike::groups(machine, cpu, ring);
        let Some(own) = groups.iter().find(|cells| cells.contains(&cpu)) else {
            return;
        };
        if own.start != cpu || groups.len() < 2 {
            return;
        }
        let mine = self.load(own);
        let loads = groups.iter().map(|cells| (self.load(cells), cells));
        let Some((load, from)) = loads.max_by(|a, b| a.0.total_cmp(&b.0)) else {
            return;
        };
        if load * 100.0 <= mine * IMBALANCE_PCT || (load - mine) * (own.len() as f64) < 2.0 {
            return;
        }
        let moves = ((load - mine) / 2.0 * own.len() as f64) as usize;
        for _ in 0..moves.min(MOVES_MAX) {
            let Some(busiest) = self.busiest(from) else {
                return;
            };
            if let Some(task) = self.pull(machine, cpu, busiest) {
                self.place(machine, cpu, task);
            }
        }
    }
}

impl Policy for EevdfLike {
    fn wake(&mut self, machine: &mut Machine, task: TaskId) {
        let home = machine.task(task).cpu;
        let idle = if machine.idle.claim(home) {
            Some(home)
        } else {
            claim_within(machine, home, Ring::Llc)
        };
        self.place(machine, idle.unwrap_or(home), task);
        if let Some(idle) = idle {
            machine.kick(idle);
        }
    }

    fn requeue(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        self.push(machine, cpu, task);
    }

    fn pick(&mut self, machine: &mut Machine, cpu: usize, prev: Option<TaskId>) -> Option<TaskId> {
        let Some(prev) = prev else {
            return self.take_eligible(machine, cpu).or_else(|| {
                let task = self.newidle(machine, cpu)?;
                self.place(machine, cpu, task);
                self.take_eligible(machine, cpu)
            });
        };
        self.charge(machine, prev);
        machine.task_mut(prev).slice_ns = self.slice_ns;
        if self.queues[cpu].track.is_empty() {
            return None;
        }
        // The one that ran competes as well.
        let deadline = self.time(prev).vruntime_ns + self.slice_ns as i64;
        let clock_ns = self.clock_ns(machine, cpu);
        let own = self.time(prev).vruntime_ns <= clock_ns;
        let head = self.queues[cpu].track.head_key()?;
        if own && (deadline as u64 ^ (1 << 63)) < head {
            return None;
        }
        self.take_eligible(machine, cpu)
    }

    fn running(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        self.queues[cpu].running = Some(task);
        self.time(task).charged_ns = machine.task(task).cpu_ns;
    }

    fn stopping(&mut self, machine: &mut Machine, cpu: usize, task: TaskId, runnable: bool) {
        self.charge(machine, task);
        if !runnable {
            let clock_ns = self.clock_ns(machine, cpu);
            self.time(task).vruntime_ns -= clock_ns;
        }
        self.queues[cpu].running = None;
    }

    fn tick(&mut self, machine: &mut Machine, cpu: usize) {
        for (at, ring) in RINGS.into_iter().enumerate() {
            if machine.now_ns < self.queues[cpu].next_balance_ns[at] {
                continue;
            }
            let span = cells_within(machine, cpu, ring).len() as u64;
            self.queues[cpu].next_balance_ns[at] = machine.now_ns + span * MS * BUSY_FACTOR;
            self.balance(machine, cpu, ring);
        }
        // Somebody waits here while others idle: one of them is asked to pull.
        if !self.queues[cpu].track.is_empty()
            && let Some(idle) = claim_within(machine, cpu, Ring::Machine)
        {
            machine.kick(idle);
        }
    }
}

impl EevdfLike {
    fn charge(&mut self, machine: &Machine, task: TaskId) {
        let used_ns = machine.task(task).cpu_ns;
        let time = self.time(task);
        time.vruntime_ns += (used_ns - time.charged_ns) as i64;
        time.charged_ns = used_ns;
    }
}
