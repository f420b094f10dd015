// SPDX-License-Identifier: GPL-2.0-only
//! A closed population: eight tasks for each CPU that run a burst, sleep, and
//! run again.

use super::{After, Workload, exponential, spawn};
use crate::sim::engine::events::Event;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::{Kind, TaskId};

/// Tasks for each CPU.
pub const TASKS_PER_CPU: usize = 8;
/// One burst in so many of the bimodal kind is long, and so many times longer.
const LONG_ONE_IN: u64 = 10;
const LONG_FACTOR: f64 = 40.0;

/// How long bursts are, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub enum Burst {
    /// Exponential.
    Exp(u64),
    /// Exponential of one of two means.
    Bimodal { short_ns: f64, mean_ns: u64 },
}

impl Burst {
    /// The bimodal kind of mean `mean_ns`.
    pub fn bimodal(mean_ns: u64) -> Burst {
        let long = 1.0 / LONG_ONE_IN as f64;
        let short_ns = mean_ns as f64 / (1.0 - long + long * LONG_FACTOR);
        Burst::Bimodal { short_ns, mean_ns }
    }

    fn mean_ns(self) -> f64 {
        match self {
            Burst::Exp(mean_ns) | Burst::Bimodal { mean_ns, .. } => mean_ns as f64,
        }
    }

    fn draw(self, machine: &mut Machine) -> u64 {
        match self {
            Burst::Exp(mean_ns) => exponential(machine, mean_ns as f64),
            Burst::Bimodal { short_ns, .. } => {
                let long = machine.rng.u64(0..LONG_ONE_IN) == 0;
                exponential(machine, short_ns * if long { LONG_FACTOR } else { 1.0 })
            }
        }
    }
}

/// The population. Sleeps are exponential and such that the machine would be
/// loaded as wanted if nobody ever waited; waits make it a little less.
pub struct Closed {
    burst: Burst,
    sleep_ns: f64,
    one_node: bool,
}

impl Closed {
    /// A population that loads each CPU by `load`.
    pub fn new(burst: Burst, load: f64) -> Closed {
        let cycle_ns = TASKS_PER_CPU as f64 * burst.mean_ns() / load;
        Closed {
            burst,
            sleep_ns: cycle_ns - burst.mean_ns(),
            one_node: false,
        }
    }

    /// How long a task sleeps now.
    pub fn sleep(&self, machine: &mut Machine) -> u64 {
        exponential(machine, self.sleep_ns)
    }

    /// All its memory is on the first node, and all tasks are born there.
    pub fn on_one_node(self) -> Closed {
        Closed {
            one_node: true,
            ..self
        }
    }
}

impl Workload for Closed {
    fn populate(&mut self, machine: &mut Machine) {
        let nr = machine.nr_cpus();
        let births = if self.one_node {
            machine.map.nodes()[0].cells.len()
        } else {
            nr
        };
        for at in 0..TASKS_PER_CPU * nr {
            let task = spawn(machine, Kind::Job, at % births);
            let sleep_ns = self.sleep(machine);
            machine.plan(sleep_ns, Event::Wake(task));
        }
    }

    fn burst(&mut self, machine: &mut Machine, _task: TaskId) -> u64 {
        self.burst.draw(machine)
    }

    fn burst_done(&mut self, machine: &mut Machine, _task: TaskId) -> After {
        After::Sleep(self.sleep(machine))
    }
}
