// SPDX-License-Identifier: GPL-2.0-only
//! Tasks that run for ever, or on and on: only their shares matter.

use super::{After, Workload, spawn};
use crate::sim::engine::events::Event;
use crate::sim::engine::machine::{Machine, START_NS};
use crate::sim::engine::task::{ENDLESS_NS, Kind, TaskId};

/// How long one half of the machine has more to do before the other has.
const PHASE_NS: u64 = 50_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    ThreeHalves,
    ThreeToOne,
    Alternating,
}

/// Hogs, born where they are.
pub struct Hogs {
    shape: Shape,
}

impl Hogs {
    /// 1.5 for each CPU, dealt out one by one: half of the CPUs have two.
    pub fn three_halves() -> Hogs {
        let shape = Shape::ThreeHalves;
        Hogs { shape }
    }

    /// Three for each CPU of the first half of the nodes (of the LLCs or CPUs,
    /// if there is one), one for each other CPU.
    pub fn three_to_one() -> Hogs {
        let shape = Shape::ThreeToOne;
        Hogs { shape }
    }

    /// One for each CPU, and one more for each CPU of a half of the machine that
    /// runs while it is its half's turn.
    pub fn alternating() -> Hogs {
        let shape = Shape::Alternating;
        Hogs { shape }
    }

    /// A hog that lies on `cpu`: it has run there before.
    fn spawn_hog(machine: &mut Machine, cpu: usize) {
        let hog = spawn(machine, Kind::Hog, cpu);
        machine.task_mut(hog).ran_before();
        machine.plan(0, Event::Wake(hog));
    }

    /// The half whose turn it is now, and how long it will be.
    fn turn(machine: &Machine) -> (bool, u64) {
        let passed = machine.now_ns - START_NS;
        (
            (passed / PHASE_NS).is_multiple_of(2),
            PHASE_NS - passed % PHASE_NS,
        )
    }
}

impl Workload for Hogs {
    fn populate(&mut self, machine: &mut Machine) {
        let nr = machine.nr_cpus();
        let half = nr.div_ceil(2);
        (0..nr).for_each(|cpu| Hogs::spawn_hog(machine, cpu));
        match self.shape {
            Shape::ThreeHalves => (0..half).for_each(|cpu| {
                Hogs::spawn_hog(machine, (2 * cpu) % nr);
            }),
            Shape::ThreeToOne => (0..2 * half).for_each(|at| {
                Hogs::spawn_hog(machine, at % half);
            }),
            Shape::Alternating => {
                for cpu in 0..nr {
                    let job = spawn(machine, Kind::Job, cpu);
                    let after = if cpu < half { 0 } else { PHASE_NS };
                    machine.plan(after, Event::Wake(job));
                }
            }
        }
    }

    fn burst(&mut self, machine: &mut Machine, task: TaskId) -> u64 {
        match machine.task(task).kind {
            Kind::Hog => ENDLESS_NS,
            // At a fair share it has half a CPU for the phase.
            Kind::Job => Hogs::turn(machine).1 / 2,
        }
    }

    fn burst_done(&mut self, machine: &mut Machine, task: TaskId) -> After {
        let half = machine.nr_cpus().div_ceil(2);
        let mine = (task as usize - machine.nr_cpus() < half) == Hogs::turn(machine).0;
        let rest = Hogs::turn(machine).1;
        After::Sleep(if mine { rest + PHASE_NS } else { rest })
    }
}
