// SPDX-License-Identifier: GPL-2.0-only
//! Everything begins on one CPU.

use super::{After, Workload, spawn};
use crate::sim::engine::events::Event;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::{Kind, TaskId};

/// Tasks for each CPU, and the work of each.
const TASKS_PER_CPU: usize = 4;
const WORK_NS: u64 = 20_000_000;
/// The tasks have run on CPU 0 before, and are woken one after the other.
const WAKE_GAP_NS: u64 = 1_000;

/// Tasks of CPU 0 that all want to run; over when all are done.
#[derive(Default)]
pub struct Hotspot {
    left: usize,
}

impl Workload for Hotspot {
    fn populate(&mut self, machine: &mut Machine) {
        self.left = TASKS_PER_CPU * machine.nr_cpus();
        for at in 0..self.left {
            let task = spawn(machine, Kind::Job, 0);
            machine.task_mut(task).ran_before();
            machine.plan(at as u64 * WAKE_GAP_NS, Event::Wake(task));
        }
    }

    fn burst(&mut self, _machine: &mut Machine, _task: TaskId) -> u64 {
        WORK_NS
    }

    fn burst_done(&mut self, _machine: &mut Machine, _task: TaskId) -> After {
        self.left -= 1;
        After::Exit
    }

    fn over(&self) -> bool {
        self.left == 0
    }
}
