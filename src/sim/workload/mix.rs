// SPDX-License-Identifier: GPL-2.0-only
//! Interactive tasks on a machine full of hogs.

use super::closed::{Burst, Closed};
use super::{After, Workload, spawn};
use crate::sim::engine::events::Event;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::{ENDLESS_NS, Kind, TaskId};

/// Mean burst of the interactive tasks.
const INTERACTIVE_NS: u64 = 100_000;

/// A hog for each CPU, and a closed population.
pub struct Mix {
    interactive: Closed,
}

impl Mix {
    /// The interactive tasks alone load each CPU by `load`.
    pub fn new(load: f64) -> Mix {
        Mix {
            interactive: Closed::new(Burst::Exp(INTERACTIVE_NS), load),
        }
    }
}

impl Workload for Mix {
    fn populate(&mut self, machine: &mut Machine) {
        for cpu in 0..machine.nr_cpus() {
            let hog = spawn(machine, Kind::Hog, cpu);
            machine.plan(0, Event::Wake(hog));
        }
        self.interactive.populate(machine);
    }

    fn burst(&mut self, machine: &mut Machine, task: TaskId) -> u64 {
        match machine.task(task).kind {
            Kind::Hog => ENDLESS_NS,
            Kind::Job => self.interactive.burst(machine, task),
        }
    }

    fn burst_done(&mut self, machine: &mut Machine, task: TaskId) -> After {
        self.interactive.burst_done(machine, task)
    }
}
