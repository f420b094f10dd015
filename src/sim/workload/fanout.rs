// SPDX-License-Identifier: GPL-2.0-only
//! Correlated wake-ups: requests that wake many workers at once.

use super::{After, Workload, exponential, spawn};
use crate::sim::engine::events::Event;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::{Kind, State, TaskId};

/// Workers for each CPU, and one in so many of the number of CPUs that a
/// request wakes up.
const WORKERS_PER_CPU: usize = 8;
const WOKEN_ONE_IN: usize = 4;
/// Mean burst of a worker.
const BURST_NS: f64 = 500_000.0;

/// Requests come at random times; each wakes a row of workers.
pub struct Fanout {
    load: f64,
    woken: usize,
    gap_ns: f64,
}

impl Fanout {
    /// Requests that load each CPU by `load`.
    pub fn new(load: f64) -> Fanout {
        Fanout {
            load,
            woken: 0,
            gap_ns: 0.0,
        }
    }

    fn plan_next(&self, machine: &mut Machine) {
        let gap_ns = exponential(machine, self.gap_ns);
        machine.plan(gap_ns, Event::Arrival);
    }
}

impl Workload for Fanout {
    fn populate(&mut self, machine: &mut Machine) {
        let nr = machine.nr_cpus();
        self.woken = nr.div_ceil(WOKEN_ONE_IN);
        self.gap_ns = self.woken as f64 * BURST_NS / (self.load * nr as f64);
        for at in 0..WORKERS_PER_CPU * nr {
            spawn(machine, Kind::Job, at % nr);
        }
        self.plan_next(machine);
    }

    fn burst(&mut self, machine: &mut Machine, _task: TaskId) -> u64 {
        exponential(machine, BURST_NS)
    }

    fn burst_done(&mut self, _machine: &mut Machine, _task: TaskId) -> After {
        After::Wait
    }

    fn arrival(&mut self, machine: &mut Machine) {
        let nr = machine.tasks.len();
        let first = machine.rng.usize(0..nr);
        let asleep: Vec<TaskId> = (0..nr)
            .map(|step| (first + step) % nr)
            .filter(|at| machine.tasks[*at].state == State::Asleep)
            .take(self.woken)
            .map(|at| at as TaskId)
            .collect();
        for task in asleep {
            machine.plan(0, Event::Wake(task));
        }
        self.plan_next(machine);
    }
}
