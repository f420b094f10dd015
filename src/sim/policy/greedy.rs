// SPDX-License-Identifier: GPL-2.0-only
//! Work conservation at any price: the nearest idle CPU runs what wakes up, and
//! a CPU without work takes it from the nearest queue that has some.

use std::collections::VecDeque;

use super::Policy;
use super::reach::{claim_nearest, nearest};
use crate::agent::place::Map;
use crate::sim::engine::bits::Bits;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

/// A first-come-first-served queue for each CPU.
pub struct Greedy {
    slice_ns: u64,
    queues: Vec<VecDeque<TaskId>>,
    waiting: Bits,
}

impl Greedy {
    /// Empty queues.
    pub fn new(map: &Map, slice_ns: u64) -> Greedy {
        let nr = map.cells().len();
        Greedy {
            slice_ns,
            queues: vec![VecDeque::new(); nr],
            waiting: Bits::new(nr),
        }
    }

    fn push(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        machine.task_mut(task).slice_ns = self.slice_ns;
        self.queues[cpu].push_back(task);
        self.waiting.set(cpu, true);
    }

    fn pop(&mut self, machine: &mut Machine, cpu: usize, from: usize) -> Option<TaskId> {
        machine.probe(cpu, from);
        let task = self.queues[from].pop_front();
        self.waiting.set(from, !self.queues[from].is_empty());
        task
    }
}

impl Policy for Greedy {
    fn wake(&mut self, machine: &mut Machine, task: TaskId) {
        let home = machine.task(task).cpu;
        match claim_nearest(machine, home) {
            Some(idle) => machine.run_on(idle, task, self.slice_ns),
            None => self.push(machine, home, task),
        }
    }

    fn requeue(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        self.push(machine, cpu, task);
    }

    fn pick(&mut self, machine: &mut Machine, cpu: usize, prev: Option<TaskId>) -> Option<TaskId> {
        if let Some(own) = self.pop(machine, cpu, cpu) {
            return Some(own);
        }
        if let Some(prev) = prev {
            machine.task_mut(prev).slice_ns = self.slice_ns;
            return None;
        }
        let from = nearest(machine, &self.waiting, cpu)?;
        self.pop(machine, cpu, from)
    }
}
