// SPDX-License-Identifier: GPL-2.0-only
//! Processes whose threads share memory, and begin all over the machine.

use super::closed::{Burst, Closed, TASKS_PER_CPU};
use super::{After, Workload, spawn};
use crate::sim::engine::events::Event;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::{Kind, TaskId};

/// CPUs for each process, the number of its threads, and their mean burst.
const CPUS_PER_PROCESS: usize = 8;
const BURST_NS: u64 = 500_000;

/// The threads of each process run bursts and sleep. Its memory is spread over
/// all nodes: no thread is slower on any of them.
pub struct Groups {
    threads: Closed,
}

impl Groups {
    /// Threads that load each CPU by `load`, without what sharing costs.
    pub fn new(load: f64) -> Groups {
        Groups {
            threads: Closed::new(Burst::Exp(BURST_NS), load),
        }
    }
}

impl Workload for Groups {
    fn populate(&mut self, machine: &mut Machine) {
        let nr = machine.nr_cpus();
        let processes = (nr / CPUS_PER_PROCESS).max(1);
        for at in 0..TASKS_PER_CPU * nr {
            let thread = spawn(machine, Kind::Job, at % nr);
            let task = machine.task_mut(thread);
            // Round by round another one, or processes would be born in an LLC each.
            task.group = Some(((at + at / nr) % processes) as u32);
            task.footprint.remote_permille = 0;
            let sleep_ns = self.threads.sleep(machine);
            machine.plan(sleep_ns, Event::Wake(thread));
        }
    }

    fn burst(&mut self, machine: &mut Machine, thread: TaskId) -> u64 {
        self.threads.burst(machine, thread)
    }

    fn burst_done(&mut self, machine: &mut Machine, thread: TaskId) -> After {
        self.threads.burst_done(machine, thread)
    }
}
