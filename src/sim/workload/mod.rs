// SPDX-License-Identifier: GPL-2.0-only
//! Workloads: which tasks there are, and when they want to run for how long.

mod closed;
mod fanout;
mod groups;
mod hogs;
mod hotspot;
mod mix;

use super::engine::machine::Machine;
use super::engine::task::{FOOTPRINTS, Footprint, Kind, Task, TaskId};
use closed::{Burst, Closed};

/// What a task does after a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Wakes up again after so many nanoseconds.
    Sleep(u64),
    /// Sleeps until the workload wakes it.
    Wait,
    /// Exits.
    Exit,
}

/// A workload.
pub trait Workload {
    /// Makes the tasks and plans their first events.
    fn populate(&mut self, machine: &mut Machine);

    /// Work of the burst that `task` wakes up for, in nanoseconds.
    fn burst(&mut self, machine: &mut Machine, task: TaskId) -> u64;

    /// `task` has done its burst.
    fn burst_done(&mut self, machine: &mut Machine, task: TaskId) -> After;

    /// The workload's own timer, for those that plan it.
    fn arrival(&mut self, _machine: &mut Machine) {}

    /// There is nothing left to do.
    fn over(&self) -> bool {
        false
    }
}

/// The workloads; [`WorkloadKind::about`] says what each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    Exp,
    Bimodal,
    Short,
    Mix,
    Groups,
    Fanout,
    Hotspot,
    Hogs,
    Memory,
    Imbalance,
    Alternate,
}

impl WorkloadKind {
    /// All of them.
    pub const ALL: [WorkloadKind; 11] = [
        WorkloadKind::Exp,
        WorkloadKind::Bimodal,
        WorkloadKind::Short,
        WorkloadKind::Mix,
        WorkloadKind::Groups,
        WorkloadKind::Fanout,
        WorkloadKind::Hotspot,
        WorkloadKind::Hogs,
        WorkloadKind::Memory,
        WorkloadKind::Imbalance,
        WorkloadKind::Alternate,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            WorkloadKind::Exp => "exp",
            WorkloadKind::Bimodal => "bimodal",
            WorkloadKind::Short => "short",
            WorkloadKind::Mix => "mix",
            WorkloadKind::Groups => "groups",
            WorkloadKind::Fanout => "fanout",
            WorkloadKind::Hotspot => "hotspot",
            WorkloadKind::Hogs => "hogs",
            WorkloadKind::Memory => "memory",
            WorkloadKind::Imbalance => "imbalance",
            WorkloadKind::Alternate => "alternate",
        }
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        match self {
            WorkloadKind::Exp => "8n tasks, exponential bursts of 500 us",
            WorkloadKind::Bimodal => "8n tasks, one burst in ten is 40 times as long as the others",
            WorkloadKind::Short => "8n tasks, exponential bursts of 100 us",
            WorkloadKind::Mix => "n hogs, and 8n tasks with bursts of 100 us",
            WorkloadKind::Groups => "n/8 processes of 64 threads each that share memory",
            WorkloadKind::Fanout => "8n tasks, n/4 of which wake up at once, for 500 us each",
            WorkloadKind::Hotspot => "4n tasks of 20 ms that all wake up on CPU 0",
            WorkloadKind::Hogs => "1.5n hogs",
            WorkloadKind::Memory => "as exp, with all memory on the first node",
            WorkloadKind::Imbalance => {
                "three hogs a CPU on one half of the machine, one on the other"
            }
            WorkloadKind::Alternate => "n hogs, and n/2 tasks on either half, in turns of 50 ms",
        }
    }

    /// The share of the machine's time that its bursts want if nobody says
    /// otherwise; none if the workload takes all it can get.
    pub fn default_load(self) -> Option<f64> {
        match self {
            WorkloadKind::Mix => Some(0.3),
            WorkloadKind::Memory => Some(0.4),
            WorkloadKind::Groups => Some(0.5),
            WorkloadKind::Exp
            | WorkloadKind::Bimodal
            | WorkloadKind::Short
            | WorkloadKind::Fanout => Some(0.8),
            WorkloadKind::Hotspot
            | WorkloadKind::Hogs
            | WorkloadKind::Imbalance
            | WorkloadKind::Alternate => None,
        }
    }

    /// Begins from a standing start, which is what it is about.
    pub fn is_transient(self) -> bool {
        self == WorkloadKind::Hotspot
    }

    /// Makes it, for a load of `load`.
    pub fn build(self, load: f64) -> Box<dyn Workload> {
        let closed = |burst| Box::new(Closed::new(burst, load));
        match self {
            WorkloadKind::Exp => closed(Burst::Exp(500_000)),
            WorkloadKind::Bimodal => closed(Burst::bimodal(500_000)),
            WorkloadKind::Short => closed(Burst::Exp(100_000)),
            WorkloadKind::Memory => Box::new(Closed::new(Burst::Exp(500_000), load).on_one_node()),
            WorkloadKind::Mix => Box::new(mix::Mix::new(load)),
            WorkloadKind::Groups => Box::new(groups::Groups::new(load)),
            WorkloadKind::Fanout => Box::new(fanout::Fanout::new(load)),
            WorkloadKind::Hotspot => Box::new(hotspot::Hotspot::default()),
            WorkloadKind::Hogs => Box::new(hogs::Hogs::three_halves()),
            WorkloadKind::Imbalance => Box::new(hogs::Hogs::three_to_one()),
            WorkloadKind::Alternate => Box::new(hogs::Hogs::alternating()),
        }
    }
}

/// A sleeping task of a random footprint, born on `cpu` with its memory there.
fn spawn(machine: &mut Machine, kind: Kind, cpu: usize) -> TaskId {
    let home = machine.map.cells()[cpu].node;
    let footprint = random_footprint(machine);
    machine.add_task(Task::new(kind, footprint, cpu, home))
}

fn random_footprint(machine: &mut Machine) -> Footprint {
    let mut drawn = machine.rng.u64(0..100);
    for (share, footprint) in FOOTPRINTS {
        if drawn < share {
            return footprint;
        }
        drawn -= share;
    }
    unreachable!("the shares are of a hundred")
}

/// An exponential time of this mean, at least a nanosecond.
fn exponential(machine: &mut Machine, mean_ns: f64) -> u64 {
    let uniform = machine.rng.f64();
    (-(1.0 - uniform).ln() * mean_ns) as u64 + 1
}
