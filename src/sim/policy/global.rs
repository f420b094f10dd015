// SPDX-License-Identifier: GPL-2.0-only
//! One queue for all: first come, first served, wherever a CPU is free.

use std::collections::VecDeque;

use super::Policy;
use super::reach::claim_within;
use crate::agent::place::Ring;
use crate::sim::engine::costs::Lock;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;

/// The queue, under one lock.
pub struct Global {
    slice_ns: u64,
    queue: VecDeque<TaskId>,
}

impl Global {
    /// An empty queue.
    pub fn new(slice_ns: u64) -> Global {
        Global {
            slice_ns,
            queue: VecDeque::new(),
        }
    }

    fn push(&mut self, machine: &mut Machine, task: TaskId) {
        machine.lock(Lock::Machine);
        machine.task_mut(task).slice_ns = self.slice_ns;
        self.queue.push_back(task);
    }
}

impl Policy for Global {
    fn wake(&mut self, machine: &mut Machine, task: TaskId) {
        let home = machine.task(task).cpu;
        self.push(machine, task);
        if let Some(idle) = claim_within(machine, home, Ring::Machine) {
            machine.kick(idle);
        }
    }

    fn requeue(&mut self, machine: &mut Machine, _cpu: usize, task: TaskId) {
        self.push(machine, task);
    }

    fn pick(&mut self, machine: &mut Machine, _cpu: usize, prev: Option<TaskId>) -> Option<TaskId> {
        if let Some(prev) = prev {
            machine.task_mut(prev).slice_ns = self.slice_ns;
        }
        if self.queue.is_empty() {
            return None;
        }
        machine.lock(Lock::Machine);
        self.queue.pop_front()
    }
}
